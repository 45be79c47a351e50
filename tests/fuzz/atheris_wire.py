"""The wire parser under atheris: coverage guides which inputs are mutated further; docs/wire.md says how to run it.

    python -m pip install atheris
    python tests/fuzz/atheris_wire.py tests/fuzz/corpus/wire -max_len=16384 -max_total_time=60

Mutations are those of wire_mutator.py, and at times libFuzzer's own.
"""

from __future__ import annotations

import random
import sys

import atheris

# Before instrumentation: numba compiles its loops, and cannot compile what atheris adds to them.
import hepy.bigint.cpu_gmpy2
import hepy.ring.cpu  # noqa: F401

with atheris.instrument_imports(include=["hepy.wire", "hepy.paillier", "hepy.ckks", "json"]):
    import wire_harness
    import wire_mutator


def try_input(data: bytes) -> None:
    wire_harness.examine(data)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    rng = random.Random(seed)
    if rng.random() < 0.2:
        return bytes(atheris.Mutate(data, max_size))
    made = wire_mutator.Mutator(wire_harness.SEEDS, wire_harness._MAKER["NUMBERS"], seed)
    mutated = made.mutate(data) if data and rng.random() < 0.8 else made.next()
    return mutated[:max_size]


def main() -> None:
    atheris.Setup(sys.argv, try_input, custom_mutator=mutate)
    with wire_harness.QuickPasswords():
        atheris.Fuzz()


if __name__ == "__main__":
    main()
