"""Two companies train one model without showing each other a row: the demo of `hepy demo`, called from Python.

    pip install 'hepy-engine[demo]'
    python examples/joint_modeling.py                                        # the whole, in under two minutes
    python examples/joint_modeling.py --samples 200 --key-bits 512 --trees 1   # seconds; such a key protects nothing

docs/demo.md tells what happens and what each party learns.
"""

import argparse
import sys

from rich.console import Console

import hepy
from hepy.demos import joint_modeling


def main() -> None:
    parser = argparse.ArgumentParser(description="Joint modeling on the Caravan insurance data.")
    parser.add_argument("--output", default="hepy-demo", help="folder for the report and the parties' folders")
    parser.add_argument("--device", default="cpu", help="where ciphertexts live: cpu, cuda:0, emulator")
    parser.add_argument("--key-bits", type=int, default=3072)
    parser.add_argument("--trees", type=int, help="trees to train encrypted in a fold")
    parser.add_argument("--samples", type=int, help="keep that many customers")
    parser.add_argument("--full", action="store_true", help="train all folds encrypted, with all trees")
    arguments = parser.parse_args()
    console = Console()
    try:
        outcome = joint_modeling.run(**vars(arguments), console=console)
    except hepy.HepyError as error:
        sys.exit(f"error: {error}")
    clear = outcome.summary["clear"]
    console.print(f"Lift in the top 5 %: {clear['bank']['lift']:.2f} alone, {clear['joint']['lift']:.2f} together.")


if __name__ == "__main__":
    main()
