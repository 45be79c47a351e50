"""phe and its adapter in one run: the same statements on either, one after the other, with ratios.

Run by make bench-interop, or in an environment with phe, gmpy2 and hepy: python bench/interop_phe.py [--bits 3072]
[--json FILE]. Columns: microseconds for one number with phe and with the adapter, the median of the ratios of all rounds.
"phe" always works number by number; what the adapter does in its place is in the row.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gmpy2
import numpy as np
import phe
from phe import paillier as theirs

import hepy
from hepy.interop.phe import paillier as ours

ROUNDS = 5
clock = time.perf_counter
# The adapter makes obfuscators 64 at a time, and pays for them when it runs out.
MANY = (4, 128)


@dataclass(frozen=True)
class Row:
    """One comparison: microseconds for each number, and how many times as fast the adapter is."""

    group: str
    name: str
    phe: float
    hepy: float
    ratio: float


class Side:
    """One library with a key, encrypted numbers and results that are known, so that only the operation is timed."""

    def __init__(self, paillier: Any, p: int, q: int, count: int) -> None:
        self.paillier = paillier
        self.public = paillier.PaillierPublicKey(p * q)
        self.private = paillier.PaillierPrivateKey(self.public, p, q)
        draw = random.Random(1)
        self.integers = [draw.randrange(-(2**31), 2**31) for _ in range(count)]
        self.floats = [draw.uniform(-1, 1) for _ in range(count)]
        self.weights = [draw.uniform(-1, 1) for _ in range(count)]
        self.x = [self.public.encrypt(value) for value in self.integers]
        self.y = [self.public.encrypt(value) for value in reversed(self.integers)]
        self.f = [self.public.encrypt(value) for value in self.floats]
        self.fixed = [self.public.encrypt(value, precision=2**-40) for value in self.floats]
        self.raw = self.x[0].ciphertext()
        if paillier is ours:
            self.x_array, self.y_array = (ours.EncryptedArray.of(numbers) for numbers in (self.x, self.y))
            self.f_array, self.fixed_array = (ours.EncryptedArray.of(numbers) for numbers in (self.f, self.fixed))


def known(numbers: Any) -> None:
    """Look at results, which the adapter notes until then."""
    for number in np.asarray(numbers, dtype=object).ravel():
        number.ciphertext(be_secure=False)


Statement = Callable[[Side], Any]


def scalar_statements(bits: int) -> list[tuple[str, int | tuple[int, int], Statement]]:
    """What both do one number at a time: name, repetitions (of each side, where they differ), statement."""
    return [
        ("encrypt an int", MANY, lambda s: s.public.encrypt(12345)),
        ("encrypt a float", MANY, lambda s: s.public.encrypt(0.12345)),
        ("raw_encrypt", MANY, lambda s: s.public.raw_encrypt(12345)),
        ("decrypt", 16, lambda s: s.private.decrypt(s.x[0])),
        ("raw_decrypt", 16, lambda s: s.private.raw_decrypt(s.raw)),
        ("obfuscate", MANY, lambda s: s.x[0].obfuscate()),
        ("add, equal exponents", 200, lambda s: known(s.x[0] + s.x[1])),
        ("add, exponents differ", 50, lambda s: known(s.x[0] + s.f[1])),
        ("subtract", 50, lambda s: known(s.x[0] - s.x[1])),
        ("add an int", 200, lambda s: known(s.x[0] + 12345)),
        ("add a float", 50, lambda s: known(s.fixed[0] + 0.12345)),
        ("multiply with an int", 50, lambda s: known(s.x[0] * 12345)),
        ("multiply with a float", 50, lambda s: known(s.x[0] * 0.12345)),
        ("multiply with a negative float", 50, lambda s: known(s.x[0] * -0.12345)),
        ("divide", 50, lambda s: known(s.x[0] / 3)),
        ("decrease_exponent_to", 50, lambda s: known(s.x[0].decrease_exponent_to(-10))),
        ("new key pair", 1, lambda s: s.paillier.generate_paillier_keypair(n_length=bits)),
    ]


# (name, statement that both run, over `count` numbers)
LOOPS: list[tuple[str, Statement]] = [
    ("[public_key.encrypt(v) for v in values]", lambda s: [s.public.encrypt(value) for value in s.floats]),
    ("[private_key.decrypt(x) for x in numbers]", lambda s: [s.private.decrypt(number) for number in s.f]),
    ("sum(numbers), equal exponents", lambda s: known(sum(s.x))),
    ("sum(numbers), floats", lambda s: known(sum(s.f))),
    ("np.dot(array of numbers, weights)", lambda s: known(np.dot(np.array(s.f), s.weights))),
    ("sum(x * w for ...)", lambda s: known(sum(x * w for x, w in zip(s.f, s.weights, strict=True)))),
    ("np.mean(array of numbers)", lambda s: known(np.mean(np.array(s.f)))),
]

# (name, what phe's user writes, what the adapter's fast face is)
ARRAYS: list[tuple[str, Statement, Statement]] = [
    ("encrypt_array(values)", lambda s: [s.public.encrypt(v) for v in s.floats], lambda s: s.public.encrypt_array(s.floats)),
    ("decrypt_array(x)", lambda s: [s.private.decrypt(v) for v in s.f], lambda s: s.private.decrypt_array(s.f_array)),
    ("x + y, equal exponents", lambda s: np.array(s.x) + np.array(s.y), lambda s: s.x_array + s.y_array),
    ("x + y, exponents differ", lambda s: np.array(s.x) + np.array(s.f), lambda s: s.x_array + s.f_array),
    ("x - y", lambda s: np.array(s.x) - np.array(s.y), lambda s: s.x_array - s.y_array),
    ("x + floats", lambda s: np.array(s.fixed) + np.array(s.weights), lambda s: s.fixed_array + np.array(s.weights)),
    ("x * floats", lambda s: np.array(s.f) * np.array(s.weights), lambda s: s.f_array * np.array(s.weights)),
    ("x.sum(), equal exponents", lambda s: np.sum(np.array(s.x)), lambda s: s.x_array.sum()),
    ("x.sum(), floats", lambda s: np.sum(np.array(s.f)), lambda s: s.f_array.sum()),
    ("np.dot(x, weights)", lambda s: np.dot(np.array(s.f), s.weights), lambda s: np.dot(s.f_array, s.weights)),
    (
        "matrix @ x, 8 rows",
        lambda s: np.array([s.weights] * 8) @ np.array(s.f),
        lambda s: np.array([s.weights] * 8) @ s.f_array,
    ),
]  # fmt: skip


def compare(
    group: str,
    name: str,
    sides: tuple[Side, Side],
    statements: tuple[Statement, Statement],
    repetitions: int | tuple[int, int],
    per: int,
) -> Row:
    """Rounds of both, one after the other; what comes before them is for tables and compilation."""
    both = repetitions if isinstance(repetitions, tuple) else (repetitions, repetitions)
    plan = list(zip(sides, statements, both, strict=True))
    for side, statement, _ in plan:
        statement(side)
    rounds = [[seconds(*each) for each in plan] for _ in range(ROUNDS)]
    us = [1e6 * statistics.median(column) / per for column in zip(*rounds, strict=True)]
    return Row(group, name, *us, statistics.median(their / our for their, our in rounds))


def seconds(side: Side, statement: Statement, repetitions: int) -> float:
    start = clock()
    for _ in range(repetitions):
        statement(side)
    return (clock() - start) / repetitions


def measure(bits: int, count: int) -> list[Row]:
    draw = random.Random(bits)
    p, q = (int(gmpy2.next_prime(draw.getrandbits(bits // 2) | 3 << (bits // 2 - 2))) for _ in range(2))
    sides = (Side(theirs, p, q, count), Side(ours, p, q, count))
    rows = []
    for name, repetitions, statement in scalar_statements(bits):
        rows.append(compare("one number", name, sides, (statement, statement), repetitions, 1))
    for name, statement in LOOPS:
        rows.append(compare("unchanged loops", name, sides, (statement, statement), 1, count))
    for name, plain, batched in ARRAYS:
        rows.append(compare("arrays", name, sides, (plain, batched), 1, count))
    return rows


def table(rows: list[Row]) -> str:
    lines = ["| | phe, µs | hepy, µs | ratio |", "|---|---|---|---|"]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"| **{group}** | | | |")
        lines.append(f"| {row.name} | {row.phe:.3g} | {row.hepy:.3g} | {row.ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, default=3072)
    parser.add_argument("--count", type=int, default=200, help="numbers in a loop or an array")
    parser.add_argument("--json", help="write the rows there as well")
    parser.add_argument("--cpu", action="store_true", help="time of the processor, with one thread: for busy machines")
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock, hepy.options.threads = time.process_time, 1
    warnings.simplefilter("ignore", ours.InsecureKeyWarning)
    rows = measure(options.bits, options.count)
    about = {
        "bits": options.bits, "count": options.count, "threads": hepy.options.threads, "python": platform.python_version(),
        "phe": phe.__version__, "gmpy2": gmpy2.version(), "hepy": hepy.__version__, "processor": _processor(),
    }  # fmt: skip
    print(about, table(rows), sep="\n")  # noqa: T201
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"about": about, "rows": [asdict(row) for row in rows]}, file, indent=1)


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()
