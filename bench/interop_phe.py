"""phe and its adapter in one run: the same statements on either, in turn, with the ratios of their times.

Run by make bench-interop, or where phe, gmpy2 and hepy are installed: python bench/interop_phe.py [--bits 3072]
[--keep] [--short]. phe always works number by number. Times are microseconds for one number, of short calls for one call,
medians of rounds; a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
import timeit
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gmpy2
import interop_record
import numpy as np
import phe
import phe.util
from phe import paillier as theirs

import hepy
from hepy.interop.phe import paillier as ours
from hepy.interop.phe import to_phe
from hepy.interop.phe import util as our_util

ROUNDS = 5
SHORT_ROUNDS, SHORT_ROUND = 15, 3e-3  # seconds
clock = time.perf_counter


@dataclass(frozen=True)
class Row:
    """One comparison: microseconds for each number, and how many times as fast the adapter is."""

    group: str
    name: str
    phe: float
    hepy: float
    ratio: float


class Side:
    """One library with a key and numbers: x and y are integers, f floats, g floats of one precision."""

    def __init__(self, paillier: Any, public: Any, private: Any, lists: dict[str, list[Any]]) -> None:
        self.paillier, self.public, self.private = paillier, public, private
        self.util = our_util if paillier is ours else phe.util
        self.x, self.y, self.f, self.g = (lists[name] for name in "xyfg")
        draw = random.Random(2)
        self.floats, self.weights = ([draw.uniform(-1, 1) for _ in self.x] for _ in range(2))


class OurSide(Side):
    """The adapter, with arrays X, Y, F and G of the same numbers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(ours, *arguments)
        self.X, self.Y, self.F, self.G = (
            ours.EncryptedArray.of(numbers) for numbers in (self.x, self.y, self.f, self.g)
        )


def sides(bits: int, count: int) -> tuple[Side, OurSide]:
    """Both with the same key and the same numbers."""
    public, private = ours.generate_paillier_keypair(n_length=bits)
    draw = random.Random(1)
    integers = [[draw.randrange(-(2**31), 2**31) for _ in range(count)] for _ in range(2)]
    floats = [[draw.uniform(-1, 1) for _ in range(count)] for _ in range(2)]
    arrays = [public.encrypt_array(values) for values in (*integers, floats[0])]
    arrays.append(public.encrypt_array(floats[1], precision=2**-40))
    lists = {name: array.tolist() for name, array in zip("xyfg", arrays, strict=True)}
    return Side(theirs, to_phe(public), to_phe(private), to_phe_lists(lists)), OurSide(public, private, lists)


def to_phe_lists(lists: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: to_phe(numbers) for name, numbers in lists.items()}


def look(results: Any) -> None:
    """Make the adapter compute what it has only noted."""
    for number in np.asarray(results, dtype=object).ravel():
        number.ciphertext(be_secure=False)


# The adapter makes obfuscators 64 at a time, so only many encryptions tell what one takes.
FEW_AND_MANY = (4, 192)

Statement = Callable[[Any], Any]

# One number: name, how often phe and the adapter repeat it in a round, statement.
SCALARS: list[tuple[str, tuple[int, int], Statement]] = [
    ("encrypt an int", FEW_AND_MANY, lambda s: s.public.encrypt(12345)),
    ("encrypt a float", FEW_AND_MANY, lambda s: s.public.encrypt(0.12345)),
    ("raw_encrypt", FEW_AND_MANY, lambda s: s.public.raw_encrypt(12345)),
    ("obfuscate", FEW_AND_MANY, lambda s: s.x[0].obfuscate()),
    ("decrypt", (16, 16), lambda s: s.private.decrypt(s.x[0])),
    ("raw_decrypt", (16, 16), lambda s: s.private.raw_decrypt(s.x[0].ciphertext(be_secure=False))),
    ("add, equal exponents", (300, 300), lambda s: look(s.x[0] + s.x[1])),
    ("add, exponents differ", (60, 60), lambda s: look(s.x[0] + s.f[1])),
    ("subtract", (200, 200), lambda s: look(s.x[0] - s.x[1])),
    ("add an int", (300, 300), lambda s: look(s.x[0] + 12345)),
    ("add a float", (100, 100), lambda s: look(s.g[0] + 0.12345)),
    ("multiply with an int", (100, 100), lambda s: look(s.x[0] * 12345)),
    ("multiply with a float", (60, 60), lambda s: look(s.x[0] * 0.12345)),
    ("multiply with a negative float", (60, 60), lambda s: look(s.x[0] * -0.12345)),
    ("divide", (60, 60), lambda s: look(s.x[0] / 3)),
    ("decrease_exponent_to", (60, 60), lambda s: look(s.x[0].decrease_exponent_to(-10))),
    ("`util.getprimeover(512)`", (40, 40), lambda s: s.util.getprimeover(512)),
    ("new key pair of 2048 bits", (3, 3), lambda s: s.paillier.generate_paillier_keypair(n_length=2048)),
]

# Loops that run unchanged: name, statement over all numbers.
LOOPS: list[tuple[str, Statement]] = [
    ("`sum(numbers)`, equal exponents", lambda s: look(sum(s.x))),
    ("`sum(numbers)`, floats", lambda s: look(sum(s.f))),
    ("`np.mean(np.array(numbers))`, floats", lambda s: look(np.mean(np.array(s.f)))),
    ("`np.dot(np.array(numbers), weights)`", lambda s: look(np.dot(np.array(s.f), s.weights))),
    ("`sum(x * w for ...)`", lambda s: look(sum(x * w for x, w in zip(s.f, s.weights, strict=True)))),
]

# Arrays: name, what phe's user writes, what the adapter's does.
ARRAYS: list[tuple[str, Statement, Statement]] = [
    ("`x + y`, equal exponents", lambda s: np.array(s.x) + np.array(s.y), lambda s: s.X + s.Y),
    ("`x + y`, exponents differ", lambda s: np.array(s.x) + np.array(s.f), lambda s: s.X + s.F),
    ("`x - y`", lambda s: np.array(s.x) - np.array(s.y), lambda s: s.X - s.Y),
    (
        "`x + floats`, fixed precision",
        lambda s: np.array(s.g) + np.array(s.weights),
        lambda s: s.G + np.array(s.weights),
    ),
    ("`x * integers`, 16 bits", lambda s: np.array(s.f) * 54321, lambda s: s.F * 54321),
    ("`x * floats`", lambda s: np.array(s.f) * np.array(s.weights), lambda s: s.F * np.array(s.weights)),
    ("`x.sum()`, equal exponents", lambda s: np.sum(np.array(s.x)), lambda s: s.X.sum()),
    ("`x.sum()`, floats", lambda s: np.sum(np.array(s.f)), lambda s: s.F.sum()),
    ("`np.dot(x, weights)`", lambda s: np.dot(np.array(s.f), s.weights), lambda s: np.dot(s.F, s.weights)),
    (
        "`matrix @ x`, 8 rows",
        lambda s: np.array([s.weights] * 8) @ np.array(s.f),
        lambda s: np.array([s.weights] * 8) @ s.F,
    ),
]

# Short calls, each the name of its row: what is between the arithmetic. Arrays are numpy's of phe's numbers, and ours.
SHORT: dict[str, list[str]] = {
    "short calls: keys": [
        "paillier.PaillierPublicKey(n)", "paillier.PaillierPrivateKey(public, private.p, private.q)",
        "public == public", "public == paillier.PaillierPublicKey(n)", "private == private", "hash(public)", "hash(private)",
        "public.nsquare", "repr(public)", "repr(private)", "public.get_random_lt_n()", "public.encrypt(12345, r_value=1)",
        "public.encrypt_encoded(seven, 1)", "public.raw_encrypt(12345, r_value=1)", "private.crt(5, 7)",
        "private.l_function(n, private.p)", "private.h_function(private.p, private.psquare)", "keyring[public]",
        "public in keyring", "keyring.add(private)",
    ],
    "short calls: numbers": [
        "paillier.EncryptedNumber(public, c, 0)", "x.ciphertext(False)", "repr(x)", "x._raw_add(c, d)", "x._raw_mul(1)",
        "x._raw_mul(12345)", *(
            f"({statement}).ciphertext(False)" for statement in (
                "paillier.EncryptedNumber(public, c, 0) + paillier.EncryptedNumber(public, d, 0)", "x + y", "x - y", "x + 0",
                "x + 12345", "x - 12345", "12345 - x", "x * 0", "x * 1", "x * -1", "x * 2", "x + seven", "x * seven", "sum([x, y])",
                "x.decrease_exponent_to(0)", "x._add_scalar(12345)", "x._add_encoded(seven)", "x._add_encrypted(y)",
            )
        ),
    ],
    "short calls: encodings": [
        "paillier.EncodedNumber(public, 7, 0)", "encode(public, 12345)", "encode(public, -12345)", "encode(public, 0.12345)",
        "encode(public, -0.12345)", "encode(public, 0.12345, precision=1e-6)", "encode(public, 0.12345, max_exponent=-20)",
        "seven.decode()", "less.decode()", "part.decode()", "seven.decrease_exponent_to(-3)", "part.decrease_exponent_to(-30)",
    ],
    "short calls: util": [
        "util.powmod(3, 5, 7)", "util.powmod(c, 65537, square)", "util.mulmod(3, 5, 7)",
        "util.mulmod(c, d, square)", "util.invert(3, 7)", "util.invert(c, square)",
        "util.extended_euclidean_algorithm(c, n)", "util.isqrt(10)", "util.isqrt(square)", "util.is_prime(91)",
        "util.is_prime(private.p)", "util.miller_rabin(private.p, 25)", "util.getprimeover(64)", "util.getprimeover(256)",
        "util.int_to_base64(n)", "util.base64_to_int('MTIzNDU2Nzg5MDEyMzQ1Njc4OTA')",
    ],
    "short calls: arrays of one number and of four": [
        f"{statement.format(array)}" for array in ("one", "four") for statement in (
            "{0} + {0}", "{0} - {0}", "{0} + 5", "{0} * 2", "np.sum({0}).ciphertext(False)", "np.cumsum({0})",
            "np.concatenate([{0}, {0}])", "{0}[0]", "{0}[:1]", "{0}.reshape(-1, 1)", "list({0})",
        )
    ],
}  # fmt: skip

# phe takes long for these: it works on a part of the numbers.
PART = 16
# Short lists are computed again and again, until it is as many numbers.
LEAST = 256


def measure(bits: int, count: int) -> list[Row]:
    both = sides(bits, count)

    def row(group: str, name: str, statements: tuple[Statement, Statement], repeated: tuple[int, int], numbers: tuple[int, int]) -> Row:  # fmt: skip
        """Rounds of both in turn; what comes before them is for tables and compilation."""
        plan = list(zip(both, statements, repeated, numbers, strict=True))
        for side, statement, _, _ in plan:
            statement(side)
        rounds = [[seconds(*each) for each in plan] for _ in range(ROUNDS)]
        us = [1e6 * statistics.median(column) for column in zip(*rounds, strict=True)]
        return Row(group, name, *us, statistics.median(their / our for their, our in rounds))

    rows = [row("one number", name, (statement,) * 2, repeated, (1, 1)) for name, repeated, statement in SCALARS]
    some, often = min(PART, count), max(1, LEAST // count)
    part = slice(some)

    def encrypt(side: Side) -> Any:
        return [side.public.encrypt(value) for value in (side.floats if side is both[1] else side.floats[part])]

    def decrypt(side: Side) -> Any:
        return [side.private.decrypt(number) for number in side.f[part]]

    group = "loops, unchanged"
    rows.append(row(group, "`[public_key.encrypt(v) for v in values]`", (encrypt,) * 2, (1, 1), (some, count)))
    rows.append(row(group, "`[private_key.decrypt(x) for x in numbers]`", (decrypt,) * 2, (1, 1), (some, some)))
    rows += [row(group, name, (statement,) * 2, (often, often), (count, count)) for name, statement in LOOPS]
    group = "arrays"
    batched = (encrypt, lambda s: s.public.encrypt_array(s.floats))
    rows.append(row(group, "`encrypt_array(values)`", batched, (1, 1), (some, count)))
    batched = (decrypt, lambda s: s.private.decrypt_array(s.F))
    rows.append(row(group, "`decrypt_array(x)`", batched, (1, 1), (some, count)))
    rows += [row(group, name, (plain, fast), (often, often), (count, count)) for name, plain, fast in ARRAYS]
    return rows


def short_calls(bits: int) -> list[Row]:
    """Both in turn, in rounds of some milliseconds."""
    spaces = [names(side) for side in sides(bits, 4)]
    return [short_row(group, statement, spaces) for group, statements in SHORT.items() for statement in statements]


def names(side: Side) -> dict[str, Any]:
    """What short statements speak of."""
    encode, one, four = side.paillier.EncodedNumber.encode, side.x[:1], side.x
    if isinstance(side, OurSide):
        arrays = {"one": ours.EncryptedArray.of(one), "four": ours.EncryptedArray.of(four)}
    else:
        arrays = {"one": np.array(one), "four": np.array(four)}
    x, y = side.x[:2]
    return arrays | {
        "gc": gc, "np": np, "paillier": side.paillier, "util": side.util,
        "public": side.public, "private": side.private, "keyring": side.paillier.PaillierPrivateKeyring([side.private]),
        "n": side.public.n, "square": side.public.nsquare, "x": x, "y": y, "c": x.ciphertext(be_secure=False), "d": y.ciphertext(be_secure=False),
        "encode": encode, "seven": encode(side.public, 7), "less": encode(side.public, -7), "part": encode(side.public, 0.12345),
    }  # fmt: skip


def short_row(group: str, statement: str, spaces: list[dict[str, Any]]) -> Row:
    timers = [timeit.Timer(statement, "gc.enable()", clock, space) for space in spaces]
    repeated = [max(1, int(SHORT_ROUND / min(timer.repeat(3, 10)) * 10)) for timer in timers]
    plan = list(zip(timers, repeated, strict=True))
    rounds = [[timer.timeit(number) / number for timer, number in plan] for _ in range(SHORT_ROUNDS)]
    us = [1e6 * statistics.median(column) for column in zip(*rounds, strict=True)]
    return Row(group, f"`{statement}`", *us, statistics.median(their / our for their, our in rounds))


def seconds(side: Side, statement: Statement, repetitions: int, numbers: int) -> float:
    """Time of the statement, for one number."""
    start = clock()
    for _ in range(repetitions):
        statement(side)
    return (clock() - start) / repetitions / numbers


def table(rows: list[Row]) -> str:
    lines = ["| | phe, µs | hepy, µs | ratio |", "|---|---|---|---|"]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"| **{group}** | | | |")
        lines.append(f"| {row.name} | {row.phe:.3g} | {row.hepy:.3g} | {row.ratio:.3g} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, default=3072)
    parser.add_argument("--count", type=int, default=1024, help="numbers in a loop or an array")
    parser.add_argument("--keep", action="store_true", help="write the rows to bench/results/interop as well")
    parser.add_argument("--short", action="store_true", help="short calls only")
    parser.add_argument("--cpu", action="store_true", help="the processor's time of one thread: for busy machines")
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock, hepy.options.threads = time.process_time, 1
    warnings.simplefilter("ignore", ours.InsecureKeyWarning)
    about = interop_record.about(
        bits=options.bits, count=options.count, clock=clock.__name__, phe=phe.__version__, gmpy2=gmpy2.version()
    )
    rows = ([] if options.short else measure(options.bits, options.count)) + short_calls(options.bits)
    print(about, table(rows), sep="\n")  # noqa: T201
    if options.keep:
        print(f"kept as {interop_record.keep('phe', about, [asdict(row) for row in rows])}")  # noqa: T201


if __name__ == "__main__":
    main()
