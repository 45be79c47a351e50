"""FATE's hetero-SecureBoost between two local processes, on hepy and on fate_utils: the same trees and predictions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("secureboost.py")
PARTIES = ("guest:9999", "host:10000")


def trained(engine, folder):
    """What both parties say after training on that engine."""
    out = folder / engine
    out.mkdir()
    environment = {**os.environ, "SECUREBOOST_ENGINE": engine, "SECUREBOOST_OUT": str(out)}
    command = [
        sys.executable,
        str(SCRIPT),
        "--parties",
        *PARTIES,
        "--log_level",
        "ERROR",
        "--data_dir",
        str(out / "data"),
    ]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return {party: json.loads((out / f"{party}.json").read_text()) for party in ("guest", "host")}


def test_trees_and_predictions_are_the_same(tmp_path):
    theirs, mine = (trained(engine, tmp_path) for engine in ("fate_utils", "hepy"))
    assert len(mine["guest"]["scores"]) == 569
    for party in ("guest", "host"):
        assert mine[party]["trees"] == theirs[party]["trees"]
    assert mine["guest"]["scores"] == theirs["guest"]["scores"]
    assert mine["guest"]["loss"] == theirs["guest"]["loss"]
    splits = [node["sitename"] for tree in mine["guest"]["trees"] for node in tree["nodes"]]
    assert any("host" in site for site in splits)  # the encrypted histograms decided something
