"""FATE's hetero-SecureBoost between two local parties, on fate_utils or on hepy. test_secureboost.py and bench/ run it.

    SECUREBOOST_ENGINE=hepy SECUREBOOST_OUT=FOLDER \\
    python secureboost.py --parties guest:9999 host:10000 --log_level ERROR --data_dir DIR

The engine is fate_utils or hepy. The folder gets guest.json and host.json (trees, predictions, seconds), and a file for
each process with what its calls of the contract took. The data are scikit-learn's breast cancer: the guest has the
label and ten columns, the host twenty.

FATE starts workers by `spawn`, so each process of a party runs the top of this file: what it patches is patched everywhere.
"""

import functools
import json
import os
import sys
import time
from pathlib import Path

ENGINE, OUT = os.environ["SECUREBOOST_ENGINE"], Path(os.environ["SECUREBOOST_OUT"])
KEY_BITS = int(os.environ.get("SECUREBOOST_KEY_BITS", "1024"))
TREES, DEPTH = (
    int(os.environ.get(f"SECUREBOOST_{name}", default)) for name, default in (("TREES", "2"), ("DEPTH", "3"))
)
LABEL, SAMPLE = "label", "sample_id"

# The three-line migration.
if ENGINE == "hepy":
    from hepy.interop import fate as contract

    contract.register()
else:
    from fate.arch.protocol.phe import paillier as contract

TIMED = {
    "encrypt": [(contract.PK, "encrypt_encoded")],
    "encode": [(contract.Coder, "pack_floats")],
    "histogram": [
        (contract.evaluator, name) for name in ("i_update", "i_update_with_masks", "chunking_cumsum_with_step")
    ],
    "subtract": [(contract.evaluator, name) for name in ("i_add", "i_sub")],
    "squeeze": [(contract.evaluator, "pack_squeeze")],
    "move": [(contract.evaluator, name) for name in ("cat", "slice", "shuffle", "intervals_slice")],
    "decrypt": [(contract.SK, "decrypt_to_encoded")],
    "decode": [(contract.Coder, "unpack_floats")],
}


def timed(call, step):
    """The call, with a line in this process's file: the step, seconds of the wall and of the processor."""

    @functools.wraps(call)
    def measured(*arguments, **options):
        wall, processor = time.perf_counter(), time.process_time()
        try:
            return call(*arguments, **options)
        finally:
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            with (OUT / f"calls-{os.getpid()}.txt").open("a") as file:
                file.write(f"{step} {wall:.9f} {processor:.9f}\n")

    return measured


for step, calls in TIMED.items():
    for owner, name in calls:
        call = getattr(owner, name)
        static = isinstance(owner.__dict__[name], staticmethod)
        setattr(owner, name, staticmethod(timed(call, step)) if static else timed(call, step))


def tables():
    """The guest's and the host's table, with a sample's id in both."""
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    ids = [str(i) for i in range(len(data.data))]
    frame = pd.DataFrame(data.data, columns=[f"x{i}" for i in range(data.data.shape[1])])
    guest, host = frame.iloc[:, :10].copy(), frame.iloc[:, 10:].copy()
    guest.insert(0, LABEL, data.target)
    for table in (guest, host):
        table.insert(0, SAMPLE, ids)
        table.insert(1, "match_id", ids)
    return guest, host


def train(ctx):
    """One party's part."""
    import fate.arch.context._cipher as ciphers
    from fate.arch.dataframe import PandasReader
    from fate.ml.ensemble.algo.secureboost.hetero.guest import HeteroSecureBoostGuest
    from fate.ml.ensemble.algo.secureboost.hetero.host import HeteroSecureBoostHost

    ctx.cipher.set_allow_custom_random_seed(True)
    ctx.cipher.set_phe(ctx.device, {"kind": "paillier", "key_length": KEY_BITS})
    guest_table, host_table = tables()
    label = {"label_name": LABEL} if ctx.is_on_guest else {}
    reader = PandasReader(sample_id_name=SAMPLE, match_id_name="match_id", dtype="float32", partition=2, **label)
    table = reader.to_frame(ctx, guest_table if ctx.is_on_guest else host_table)
    start = time.perf_counter()
    if ctx.is_on_guest:
        model = HeteroSecureBoostGuest(num_trees=TREES, max_depth=DEPTH)
    else:
        model = HeteroSecureBoostHost(num_trees=TREES, max_depth=DEPTH)
    model.fit(ctx, table)
    seconds = time.perf_counter() - start
    result = {"seconds": seconds, "trees": model.get_model()["trees"], "cipher": ciphers.__name__}
    if ctx.is_on_guest:
        scores = model.get_train_predict().as_pd_df()
        result["scores"] = dict(zip(scores[SAMPLE], scores["predict_score"], strict=True))
        result["loss"] = model.get_model()["loss_history"]
    (OUT / f"{ctx.local.party[0]}.json").write_text(json.dumps(result, default=str))


if __name__ == "__main__":
    from fate.arch.launchers.multiprocess_launcher import launch

    sys.exit(launch(train))
