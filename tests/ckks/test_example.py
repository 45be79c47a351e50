"""The example on real data runs, and its scores are those of the model in the clear."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np

import hepy
from hepy import ckks

EXAMPLE = Path(__file__).parents[2] / "examples" / "encrypted_scores.py"


def test_encrypted_scores_are_those_of_the_model(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "--rows", "300"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    (error,) = (line.split()[-1] for line in lines if line.startswith("largest error"))
    (areas,) = (line for line in lines if line.startswith("area under"))
    encrypted, clear = re.findall(r"\d\.\d{4}", areas)
    assert float(error) < 2.0**-20
    assert encrypted == clear


def test_every_device_gives_the_bits_of_the_host(device):
    score = runpy.run_path(str(EXAMPLE))["score"]
    generator = np.random.default_rng(3)
    rows, weights = generator.uniform(-2, 2, (50, 6)), generator.uniform(-1, 1, 6)
    parameters = ckks.Parameters(7, depth=1, scale_bits=40, security=None, value_bits=13)
    found = score(rows, weights, 0.5, parameters, seed=bytes(range(32)))
    with hepy.device("cpu"):
        assert found.tolist() == score(rows, weights, 0.5, parameters, seed=bytes(range(32))).tolist()
    assert np.abs(found - 1 / (1 + np.exp(-rows @ weights - 0.5))).max() < 2.0**-20
