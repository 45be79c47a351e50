"""What this version promises of CKKS beside the peers, and whether a run kept it.

Every row at least as fast as the best peer's; products and rotations at N = 2^15 half as fast again. On all cores one
ciphertext is held against its like: one process against one, for the time of a call, and one a core against one a core,
for the rate. As exact as the best, to a tenth of a bit, and no more bytes. A warm import below a second.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from hepy.benchmarks import figures
from hepy.benchmarks.targets import Verdict

FACTOR, LARGE_FACTOR = 1.0, 1.5
# hepy and SEAL add errors of the same distribution where they encrypt and multiply: which of two samples is ahead is chance.
EVEN_BITS = 0.1
LARGE = (15, ("multiply", "rotate"))
IMPORT_SECONDS = 1.0


def judge(record: dict[str, Any]) -> list[Verdict]:
    """Every promise that the record can be held against."""
    return [*_speed(record["rows"]), *_precision(record["precision"]), *_bytes(record["sizes"]), *_start(record)]


def best_peer(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest row of another library with the same ring, level, cores, operation and batch; of one ciphertext also
    in as many processes."""
    same = ["log_n", "level", "threads", "operation", "batch"]
    if row["batch"] == 1:
        same.append("processes")
    peers = [r for r in rows if r["library"] != "hepy" and all(r[k] == row[k] for k in same)]
    return max(peers, key=lambda peer: peer["median"], default=None)


def section(row: dict[str, Any]) -> str:
    """Ring and cores of a row, in words."""
    return f"N = 2^{row['log_n']}, depth {row['depth']}, {'one core' if row['threads'] == 'one' else 'all cores'}"


def processes(row: dict[str, Any]) -> str:
    """ "×2" and the like of a row of several processes, else nothing."""
    return f" ×{row['processes']}" if row["processes"] > 1 else ""


def _speed(rows: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    log_n, operations = LARGE
    for row in rows:
        peer = best_peer(row, rows) if row["library"] == "hepy" else None
        if peer is not None:
            factor = LARGE_FACTOR if row["log_n"] == log_n and row["operation"] in operations else FACTOR
            where = f"{section(row)}, level {row['level']}"
            got = figures.ratio(row["rates"], peer["rates"])
            what = f"{row['operation']} of {row['batch']}{processes(row)}"
            yield Verdict(where, what, peer["engine"] + processes(peer), factor, got)


def _precision(rows: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    """By the difference of bits."""
    for row in rows:
        peers = [r for r in rows if r["library"] != "hepy" and (r["log_n"], r["after"]) == (row["log_n"], row["after"])]
        if row["library"] == "hepy" and peers:
            peer = max(peers, key=lambda r: statistics.median(r["bits"]))
            most = statistics.median(peer["bits"])
            got = figures.spread([bits - most for bits in row["bits"]])
            yield Verdict(
                f"N = 2^{row['log_n']}", f"bits after {row['after']}, more than", peer["engine"], -EVEN_BITS, got
            )


def _bytes(rows: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    for row in rows:
        peers = [
            r for r in rows if r["library"] != "hepy" and (r["log_n"], r["object"]) == (row["log_n"], row["object"])
        ]
        if row["library"] == "hepy" and peers:
            peer = min(peers, key=lambda r: r["bytes"])
            got = figures.spread([row["bytes"] / peer["bytes"]])
            yield Verdict(f"N = 2^{row['log_n']}", f"bytes: {row['object']}", peer["engine"], 1.0, got, at_most=True)


def _start(record: dict[str, Any]) -> Iterator[Verdict]:
    for row in record["cold_start"]:
        if row["what"].startswith("import"):
            got = figures.spread([row["seconds"]])
            yield Verdict("start", row["what"], "seconds", IMPORT_SECONDS, got, at_most=True)
