"""What this version promises of speed and memory, and whether a run kept it.

Encryption with the default key: ten times phe and fate_utils. Every other row: at least 0.9 of a plain gmpy2 loop
with the same variant and timing mode. All cores at work where all are given. Working memory beyond operands and
result: at most a fifth of the result; a histogram's does not grow with its samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from hepy.benchmarks import figures

ENCRYPTION_FACTOR = 10.0
LOOP_FACTOR = 0.9
MEMORY_FACTOR = 0.2
# A call starts and ends on one core, so that somewhat less than all cores are busy on average.
BUSY_SHARE = 0.8


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One promise of one row.

    Attributes:
        where: key length and cores, or "memory".
        what: the row of hepy, by its operation, variant and timing mode.
        against: what it is compared with.
        wanted: the least ratio promised, or the largest where `at_most`.
        got: the ratio, a median between quartiles.
    """

    where: str
    what: str
    against: str
    wanted: float
    got: figures.Spread
    at_most: bool = False

    @property
    def met(self) -> bool:
        """By the median."""
        return self.got.median <= self.wanted if self.at_most else self.got.median >= self.wanted

    @property
    def certain(self) -> bool:
        """Whether both quartiles agree with the median."""
        low, high = (self.got.low <= self.wanted, self.got.high <= self.wanted) if self.at_most else (
            self.got.low >= self.wanted, self.got.high >= self.wanted)  # fmt: skip
        return low == high

    def __str__(self) -> str:
        return ("met" if self.met else "not met") + ("" if self.certain else ", within noise")


def judge(record: dict[str, Any]) -> list[Verdict]:
    """Every promise that the record can be held against."""
    return [*_speed(record["rows"]), *_cores(record), *_memory(record["memory"])]


def counterpart(row: dict[str, Any], rows: Sequence[dict[str, Any]], library: str) -> dict[str, Any] | None:
    """The row of that library with the same key length, cores and operation; of the gmpy2 loop and of hepy, also
    with the same variant and timing mode."""
    same = ["key_bits", "threads", "operation"]
    if library in ("gmpy2", "hepy"):
        same += ["variant", "timing"]
    return next((r for r in rows if r["library"] == library and all(r[k] == row[k] for k in same)), None)


def section(row: dict[str, Any]) -> str:
    """Key length and cores of a row, in words."""
    return f"{row['key_bits']} bits, {'one core' if row['threads'] == 'one' else 'all cores'}"


def _speed(rows: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    for row in rows:
        if row["library"] != "hepy":
            continue
        default_encryption = row["operation"] == "encrypt" and (row["variant"], row["timing"]) == ("djn", "vartime")
        factor, libraries = (ENCRYPTION_FACTOR, ("phe", "fate_utils")) if default_encryption else (
            LOOP_FACTOR, ("gmpy2",))  # fmt: skip
        for library in libraries:
            other = counterpart(row, rows, library)
            if other is not None:
                got = figures.ratio(row["rates"], other["rates"])
                yield Verdict(section(row), _what(row), other["engine"], factor, got)


def _cores(record: dict[str, Any]) -> Iterator[Verdict]:
    cores = record["machine"]["cores"]
    for row in record["rows"]:
        # A key is made on one core: two searches at once would end with the slower one.
        if row["library"] == "hepy" and row["threads"] == "all" and row["operation"] != "keygen" and cores > 1:
            share = row["cores_used"] / cores
            yield Verdict(section(row), _what(row), f"{cores} busy cores", BUSY_SHARE, figures.spread([share]))


def _memory(rows: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    for row in rows:
        if row["share"] is not None:
            got = figures.spread([row["share"]])
            yield Verdict("memory", row["operation"], row["of"], MEMORY_FACTOR, got, at_most=True)


def _what(row: dict[str, Any]) -> str:
    return f"{row['operation']} ({row['variant']}, {row['timing']})"
