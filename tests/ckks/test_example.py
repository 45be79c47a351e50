"""The example on real data runs, and its scores are those of the model in the clear."""

import re
import runpy
import sys
from pathlib import Path

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
