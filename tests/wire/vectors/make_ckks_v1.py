"""Make the kept CKKS messages of format 1 in ckks_v1/, and ckks_v1.json, which says what each of them holds.

    python tests/wire/vectors/make_ckks_v1.py

The context comes from a seed, and so do all draws. Messages of a version are made once and stay readable for ever: a
change of bytes here is a change of the format, or of how seeds become keys and ciphertexts. Only the accounts of likely
noise may differ: how noise is estimated may become better.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

import hepy
from hepy import ckks
from hepy.wire import kinds, sealed

HERE = Path(__file__).parent
PASSWORD = "a pässword"
PARAMETERS = ckks.Parameters(log_n=4, depth=2, scale_bits=40, security=None, digits=2)


def context() -> ckks.Context:
    return ckks.Context(PARAMETERS, rotations=(1, 3), shared_budget=5, seed=bytes([7]) * 32)


def _ciphertexts(owner: ckks.Context, public: ckks.PublicContext) -> dict[str, ckks.CiphertextArray]:
    seeds = (bytes([number]) * 32 for number in range(100))
    real = np.array([[0.5, -1.25, 3.0], [1e-3, 0.0, 2.0]])
    x = owner.encrypt(real, bound=4, seed=next(seeds))
    return {
        "seeded": x,
        "low-level": owner.encrypt([1.5, -2.5], level=1, seed=next(seeds)),
        "complex": owner.encrypt([1 + 2j, 3 - 0.5j], seed=next(seeds)),
        "coefficients": owner.encrypt(np.arange(16) / 4, in_coefficients=True, seed=next(seeds)),
        "empty": owner.encrypt(np.empty((0, 4)), seed=next(seeds)),
        "public": public.encrypt([0.25], seed=next(seeds)),
        "computed": (x * x + x).rotate(1),
        "product": x.multiply(x, lazy=True),
        "undeclared": x * 3.5,
    }


def messages() -> tuple[dict[str, bytes], list[dict[str, object]]]:
    """The bytes of each message by name, and what ckks_v1.json says of them."""
    data: dict[str, bytes] = {}
    said: list[dict[str, object]] = []

    def add(name: str, message: bytes, **what: object) -> None:
        data[name] = message
        said.append({"name": name, "sha256": hashlib.sha256(message).hexdigest(), **what})

    owner = context()
    owner.keys.make(relinearization=True, conjugation=True)  # in this order, for keys come from the stream too
    public = owner.public(conjugation=True)
    add("context", hepy.dumps(owner, unencrypted=True), kind="ckks.context")
    hidden = sealed.seal(kinds.encode("ckks.context", owner), PASSWORD, lambda size: bytes(range(size)))
    add("context-sealed", b"".join(hidden.chunks()), kind="ckks.context", password=PASSWORD)
    add("public-context", hepy.dumps(public), kind="ckks.public_context")
    rotation = owner.public(rotations=(3,), relinearization=False, encryption=False)
    add("public-context-one-rotation", hepy.dumps(rotation), kind="ckks.public_context")
    for name, array in _ciphertexts(owner, public).items():
        values = np.asarray(owner.decrypt(array), np.complex128)
        add(
            name,
            hepy.dumps(array, rerandomize=False),
            kind="ckks.ciphertexts",
            shape=list(array.shape),
            values=[[part.hex() for part in (value.real, value.imag)] for value in values.ravel().tolist()],
        )
    return data, said


def main() -> None:
    data, said = messages()
    (HERE / "ckks_v1").mkdir(exist_ok=True)
    for name, message in data.items():
        (HERE / "ckks_v1" / f"{name}.hepy").write_bytes(message)
    source = {"source": "make_ckks_v1.py beside this file, with hepy 0.1.0", "format": 1, "messages": said}
    (HERE / "ckks_v1.json").write_text(json.dumps(source, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
