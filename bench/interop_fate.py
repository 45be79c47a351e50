"""FATE's contract on fate_utils and on hepy in one run: the same calls, one after the other, with ratios.

In an environment with FATE and hepy, such as make test-interop-fate makes (.venv-interop-fate/bin/python):

    bench/interop_fate.py [--bits 2048] [--count 500] [--cpu] [--keep]     the contract, call by call
    bench/interop_fate.py --short [--bits 1024] [--cpu] [--keep]    its calls at the lengths that FATE's training has
    bench/interop_fate.py --secureboost [--rounds 2] [--bits 1024] [--keep]    FATE's own training, and how its time divides

Columns: milliseconds with fate_utils (one thread, as it works) and with hepy, and the median of the ratios of all rounds.
--keep writes them to bench/results/interop as well.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import interop_record
import torch
from fate.arch.protocol.phe import paillier as theirs

import hepy
from hepy.interop import fate as ours
from hepy.interop.insecure_keys import InsecureKeyWarning

ROUNDS = 5
LONG_ENOUGH = 0.05  # seconds of a round
FEATURES, BINS, COLUMNS, MANY = 10, 32, 8, 10
FIELD_BITS, PRECISION = 73, 52  # a gradient and a hessian side by side, as FATE packs them for a million rows
SHORT_FIELD_BITS, SQUEEZED = 63, 8  # as FATE chooses them for 569 rows and 1024 bits
TRAINING = Path(__file__).parents[1] / "tests" / "interop" / "fate" / "secureboost.py"

clock = time.perf_counter


class Side:
    """One contract with a key, and vectors that are encrypted already."""

    def __init__(self, contract: Any, bits: int, count: int) -> None:
        torch.manual_seed(1)
        self.sk, self.pk, self.coder = contract.keygen(bits)
        self.ev = contract.evaluator
        self.integers = torch.randint(-(2**31), 2**31, (count,), dtype=torch.int64)
        self.floats = torch.randn(count, dtype=torch.float64)
        self.gradients = torch.rand(2 * count, dtype=torch.float64)
        self.weights = torch.randn(count, COLUMNS, dtype=torch.float64)
        self.positions = self.positions_of(count)
        self.order = torch.randperm(count).tolist()
        self.x, self.y = self.encrypt(self.integers), self.encrypt(self.integers)
        self.f = self.encrypt(self.floats)
        # Sums take as long for rows that repeat.
        self.rows, self.row_positions = self.ev.cat([self.x] * MANY), self.positions_of(MANY * count)
        self.count = count

    def encrypt(self, values: Any) -> Any:
        return self.pk.encrypt_encoded(self.coder.encode_tensor(values), True)

    def positions_of(self, count: int) -> Any:
        return (torch.randint(0, BINS, (count, FEATURES)) + BINS * torch.arange(FEATURES)).tolist()

    def histogram(self, values: Any, positions: Any) -> Any:
        total = self.ev.zeros(FEATURES * BINS, None)
        self.ev.i_update(self.pk, total, values, positions, 1)
        return total

    def cumsum(self) -> None:
        part = self.ev.slice(self.x, 0, self.count // BINS * BINS)
        self.ev.chunking_cumsum_with_step(self.pk, part, [BINS] * (self.count // BINS), 1)

    def pack(self) -> Any:
        return self.coder.pack_floats(self.gradients, FIELD_BITS, 2, PRECISION)

    def matmul(self, values: Any) -> Any:
        shapes = [1, self.count], [self.count, COLUMNS]
        return self.ev.matmul(values, self.weights, *shapes, self.pk, self.coder, torch.float64)


class ShortSide:
    """The same with the vectors that SecureBoost has at 569 samples: blocks of 128 packed gradients, 20 columns of 32 bins."""

    def __init__(self, contract: Any, bits: int) -> None:
        torch.manual_seed(1)
        self.sk, self.pk, self.coder = contract.keygen(bits)
        self.ev = contract.evaluator
        self.pairs = torch.rand(128, 2)
        self.plain = self.pack(self.pairs[0])
        self.ones = [self.pk.encrypt_encoded(self.pack(pair), True) for pair in self.pairs]
        self.block = self.ev.cat(self.ones)
        self.few = self.ev.cat(self.ones[:18])
        self.bins = self.ev.cat([self.block] * 5)  # 640
        self.part, self.sums = self.ev.slice(self.bins, 0, 160), self.ev.slice(self.bins, 0, 320)
        self.squeezed = self.ev.pack_squeeze(self.bins, SQUEEZED, 2 * SHORT_FIELD_BITS, self.pk)
        self.decrypted = self.sk.decrypt_to_encoded(self.squeezed)
        self.positions = (torch.randint(0, BINS, (128, 20)) + BINS * torch.arange(20)).tolist()
        self.mask = (torch.rand(128) < 0.375).tolist()
        self.order = torch.randperm(640).tolist()
        vectors = {"one": self.ones[0], "128": self.block, "640": self.bins}
        self.pickles = {size: pickle.dumps(vector) for size, vector in vectors.items()}

    def pack(self, pair: Any) -> Any:
        return self.coder.pack_floats(pair, SHORT_FIELD_BITS, 2, PRECISION)

    def histogram(self, values: Any, positions: Any, mask: Any = None) -> None:
        total = self.ev.zeros(640, None)
        if mask is None:
            self.ev.i_update(self.pk, total, values, positions, 1)
        else:
            self.ev.i_update_with_masks(self.pk, total, values, positions[: sum(mask)], mask, 1)

    def unpack(self) -> Any:
        return self.coder.unpack_floats(self.decrypted, SHORT_FIELD_BITS, 2 * SQUEEZED, PRECISION, 1280)


def unpickled(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301  of what this process made itself


Statement = Callable[[Any], Any]


def statements(bits: int) -> list[tuple[str, Statement]]:
    squeezed = (bits - 2) // (2 * FIELD_BITS)
    return [
        ("encode_tensor, float64", lambda s: s.coder.encode_tensor(s.floats)),
        ("pack_floats, two to a plaintext", lambda s: s.pack()),
        ("encrypt_encoded, all at once", lambda s: s.encrypt(s.integers)),
        ("encrypt_encoded, one at a time", lambda s: [s.encrypt(s.integers[i : i + 1]) for i in range(64)]),
        ("decrypt_to_encoded", lambda s: s.sk.decrypt_to_encoded(s.x)),
        ("add", lambda s: s.ev.add(s.x, s.y, s.pk)),
        ("add, floats of many exponents", lambda s: s.ev.add(s.f, s.x, s.pk)),
        ("sub", lambda s: s.ev.sub(s.x, s.y, s.pk)),
        ("add_plain, int64", lambda s: s.ev.add_plain(s.x, s.integers, s.pk, s.coder)),
        ("mul_plain, int64", lambda s: s.ev.mul_plain(s.x, s.integers, s.pk, s.coder)),
        ("mul_plain, float64", lambda s: s.ev.mul_plain(s.x, s.floats, s.pk, s.coder)),
        (f"matmul, {COLUMNS} columns of float64", lambda s: s.matmul(s.x)),
        ("i_update, one exponent (packed gradients)", lambda s: s.histogram(s.x, s.positions)),
        (f"i_update, {MANY} times as many rows", lambda s: s.histogram(s.rows, s.row_positions)),
        ("i_update, floats of many exponents", lambda s: s.histogram(s.f, s.positions)),
        ("chunking_cumsum_with_step", lambda s: s.cumsum()),
        (f"pack_squeeze, {squeezed} in one", lambda s: s.ev.pack_squeeze(s.x, squeezed, 2 * FIELD_BITS, s.pk)),
        ("shuffle", lambda s: s.ev.shuffle(s.pk, s.x, s.order)),
    ]


SHORT: list[tuple[str, Statement]] = [
    ("pack_floats, one pair", lambda s: s.pack(s.pairs[0])),
    ("encrypt_encoded, one", lambda s: s.pk.encrypt_encoded(s.plain, True)),
    ("tolist, 128", lambda s: s.block.tolist()),
    ("cat, 128 of one", lambda s: s.ev.cat(s.ones)),
    ("pickle, one", lambda s: pickle.dumps(s.ones[0])),
    ("unpickle, one", lambda s: unpickled(s.pickles["one"])),
    ("pickle, 128", lambda s: pickle.dumps(s.block)),
    ("unpickle, 128", lambda s: unpickled(s.pickles["128"])),
    ("unpickle, 640", lambda s: unpickled(s.pickles["640"])),
    ("pickle and unpickle, a PK", lambda s: unpickled(pickle.dumps(s.pk))),
    ("intervals_slice, 160 of 640", lambda s: s.ev.intervals_slice(s.bins, [(0, 160)])),
    ("shuffle, 640", lambda s: s.ev.shuffle(s.pk, s.bins, s.order)),
    ("i_shuffle, 640", lambda s: s.ev.i_shuffle(s.pk, s.bins, s.order)),
    ("zeros and i_update, 128 x 20", lambda s: s.histogram(s.block, s.positions)),
    ("zeros and i_update, 18 x 20", lambda s: s.histogram(s.few, s.positions[:18])),
    ("zeros and i_update_with_masks, 3/8 of 128 x 20", lambda s: s.histogram(s.block, s.positions, s.mask)),
    ("zeros and i_update_with_masks, 3/8 of 18 x 20", lambda s: s.histogram(s.few, s.positions, s.mask[:18])),
    ("chunking_cumsum_with_step, 20 x 32", lambda s: s.ev.chunking_cumsum_with_step(s.pk, s.bins, [BINS] * 20, 1)),
    ("i_add, 160 of 320", lambda s: s.ev.i_add(s.pk, s.sums, s.part, 160, 0, 160)),
    ("i_sub, 160 of 320", lambda s: s.ev.i_sub(s.pk, s.sums, s.part, 0, 0, 160)),
    ("pack_squeeze, 640", lambda s: s.ev.pack_squeeze(s.bins, SQUEEZED, 2 * SHORT_FIELD_BITS, s.pk)),
    ("decrypt_to_encoded, 80", lambda s: s.sk.decrypt_to_encoded(s.squeezed)),
    ("unpack_floats, 80", lambda s: s.unpack()),
]


def seconds(statement: Statement, side: Any, times: int) -> float:
    """Of one call, from so many in a row."""
    start = clock()
    for _ in range(times):
        statement(side)
    return (clock() - start) / times


def contract_rows(sides: tuple[Any, Any], calls: list[tuple[str, Statement]]) -> list[dict[str, Any]]:
    rows = []
    for name, statement in calls:
        seconds(statement, sides[1], 1)  # tables and compilation come before
        # Short calls are repeated, so that neither pays for what ran before it.
        times = [1 + int(LONG_ENOUGH / seconds(statement, side, 1)) for side in sides]
        rounds = [
            [seconds(statement, side, often) for side, often in zip(sides, times, strict=True)] for _ in range(ROUNDS)
        ]
        their, our = (1e3 * statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(a / b for a, b in rounds)
        rows.append({"name": name, "fate_utils": their, "hepy": our, "ratio": ratio})
    return rows


def rows_of(options: argparse.Namespace) -> tuple[str, list[dict[str, Any]]]:
    """The record's name, and what was measured."""
    if options.secureboost:
        return "secureboost", training_rows(options.bits, options.rounds)
    if options.short:
        return "fate-short", contract_rows((ShortSide(theirs, options.bits), ShortSide(ours, options.bits)), SHORT)
    sides = Side(theirs, options.bits, options.count), Side(ours, options.bits, options.count)
    return "fate", contract_rows(sides, statements(options.bits))


def training(engine: str, bits: int) -> dict[str, float]:
    """Seconds of one training: in all, and in the calls of each step of the contract, over both parties' processes."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {"SECUREBOOST_ENGINE": engine, "SECUREBOOST_OUT": folder, "SECUREBOOST_KEY_BITS": str(bits)}
        parties = ["--parties", "guest:9999", "host:10000", "--log_level", "ERROR", "--data_dir", f"{folder}/data"]
        subprocess.run(
            [sys.executable, str(TRAINING), *parties], env=os.environ | variables, check=True, capture_output=True
        )
        steps: dict[str, float] = defaultdict(float)
        steps["fit"] = json.loads((Path(folder) / "guest.json").read_text())["seconds"]
        for file in Path(folder).glob("calls-*.txt"):
            for line in file.read_text().splitlines():
                step, wall, processor = line.split()
                steps[step] += float(processor if clock is time.process_time else wall)
        return steps


def training_rows(bits: int, rounds: int) -> list[dict[str, Any]]:
    runs = [[training(engine, bits) for engine in ("fate_utils", "hepy")] for _ in range(rounds)]
    rows = []
    for step in runs[0][0]:
        pairs = [(run[0][step], run[1][step]) for run in runs]
        their, our = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        rows.append({"name": step, "fate_utils": their, "hepy": our, "ratio": ratio})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| | fate_utils, ms | hepy, ms | ratio |", "|---|---|---|---|"]
    lines += [f"| {row['name']} | {row['fate_utils']:.3g} | {row['hepy']:.3g} | {row['ratio']:.2f} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bits", type=int, help="of the key; 2048, or 1024 as FATE has it with --short")
    parser.add_argument("--count", type=int, default=500, help="numbers in a vector")
    parser.add_argument("--cpu", action="store_true", help="time of the processor, with one thread: for busy machines")
    parser.add_argument("--short", action="store_true", help="calls at the lengths that a training has")
    parser.add_argument("--secureboost", action="store_true", help="train, instead of calling the contract")
    parser.add_argument("--rounds", type=int, default=2, help="trainings on each engine")
    parser.add_argument("--keep", action="store_true", help="write the rows to bench/results/interop as well")
    options = parser.parse_args()
    options.bits = options.bits or (1024 if options.short else 2048)
    if options.cpu:
        global clock
        clock, hepy.options.threads = time.process_time, 1
    warnings.simplefilter("ignore", InsecureKeyWarning)
    about = interop_record.about(
        bits=options.bits, count=None if options.secureboost or options.short else options.count, clock=clock.__name__,
        fate_utils=metadata.version("fate_utils"), pyfate=metadata.version("pyfate"),
    )  # fmt: skip
    name, rows = rows_of(options)
    print(about, table(rows), sep="\n")  # noqa: T201
    if options.keep:
        print(f"kept as {interop_record.keep(name, about, rows)}")  # noqa: T201


if __name__ == "__main__":
    main()
