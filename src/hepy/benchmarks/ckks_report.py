"""The report of a CKKS record: tables for the page, and for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from hepy.benchmarks import ckks_targets, figures, tables
from hepy.benchmarks.tables import Table, number
from hepy.benchmarks.workers.ckks.engine import OPERATIONS

_HOW = """\
## How it is measured

As Paillier's rows are: child processes, turns, on one core the processor's time between two runs of a fixed piece of work,
on all cores the wall. Figures are milliseconds for one ciphertext of N / 2 slots, from medians of rates. A batch of
16 is one call of hepy; of the others it is a loop, of fewer where 16 would take long.

On all cores each engine works on one ciphertext in two forms, and each is compared with its like. One process, with the
library's threads where it has any (hepy, OpenFHE, fhelium), tells how soon the result is there. One process a core, of
one thread and with a ciphertext of its own, tells how many results there are: rates add, and `×2` says so. An operation
of some tens of microseconds cannot be split, so that cores help the second form alone. A batch is one call of one
process of hepy, and of the others the faster form.

All have 128-bit security as they judge it, 40-bit scales, a uniform ternary secret, and the depth that is named. `level`
is how many multiplications are left: the top of the chain, and level 1, where the last product is made. Before it is
timed, an operation's result is decrypted and compared with numpy's.

| row | what a call does |
|---|---|
| `keygen` | a secret, the keys that encrypt and relinearize, and the one that rotates by 1 |
| `encode` | numbers to a plaintext in the NTT domain |
| `encrypt` | numbers to a ciphertext by the public key, encoding included |
| `decrypt` | a ciphertext to numbers, decoding included |
| `add` | ciphertext + ciphertext |
| `multiply_plain`, `scale_plain` | ciphertext × encoded plaintext; the same, and rescaled |
| `multiply` | ciphertext × ciphertext, relinearized and rescaled |
| `rotate` | by one slot |

Precision is minus log2 of the largest error in all slots, values in [-1, 1]: the mean of up to eight ciphertexts under a
key, and of seven keys the median; `squarings` are as many as the depth, of 1 and -1. The errors of hepy and of SEAL have
the same distribution where they encrypt and multiply (of 16 keys the medians differed by 0.06 bits at most, either being
ahead), so a difference below a tenth of a bit decides nothing.

Bytes are those of messages or files as each library writes them, its own compression included. hepy's product is what a
server sends back.

Again on this machine: `make bench`. Some seconds only: `python -m hepy.benchmarks run-ckks --preset quick`.
"""


def section(record: dict[str, Any], ledger_name: str) -> str:
    """The page's part of this record, with headings from the second level on."""
    parts = [tables.where(record, ledger_name)]
    parts += [f"- `{engine}`: {note}.\n" for engine, note in sorted(record["notes"].items())]
    parts += ["## Figures\n", *(table.markdown() for table in _overviews(record))]
    parts += [table.markdown() for table in _objects(record)]
    verdicts = ckks_targets.judge(record)
    parts += ["## Promises\n", tables.summary(verdicts), tables.verdicts(verdicts).markdown()]
    if record["absent"]:
        parts += ["## Not measured\n", tables.absent(record).markdown()]
    return "\n".join([*parts, _HOW])


def show(record: dict[str, Any]) -> None:
    """The figures, what was promised and what is missing, on the terminal."""
    console = tables.console()
    verdicts = ckks_targets.judge(record)
    for table in (*_overviews(record), *_objects(record), tables.open_verdicts(verdicts)):
        console.print(table.rich())
    console.print(tables.summary(verdicts))
    if record["absent"]:
        console.print(tables.absent(record).rich())


def _overviews(record: dict[str, Any]) -> Iterator[Table]:
    """For each ring, number of cores and level: engines and batches down, operations across."""
    rows = record["rows"]
    for title in dict.fromkeys(ckks_targets.section(row) for row in rows):
        here = [row for row in rows if ckks_targets.section(row) == title]
        for level in dict.fromkeys(row["level"] for row in here):
            yield _overview(
                f"Milliseconds a ciphertext, {title}, level {level}", [r for r in here if r["level"] == level]
            )


def _overview(title: str, rows: list[dict[str, Any]]) -> Table:
    names = [name for name in OPERATIONS if any(row["operation"] == name for row in rows)]
    table = Table(title, ["engine", "batch", *names], [])
    for batch in sorted({row["batch"] for row in rows}):
        alike = [row for row in rows if row["batch"] == batch]
        # One ciphertext is compared with its like only, so its forms stand apart.
        forms = sorted({row["processes"] for row in alike}) if batch == 1 else [None]
        for form in forms:
            table.rows += _of_a_form([row for row in alike if form in (None, row["processes"])], str(batch), names)
    return table


def _of_a_form(rows: list[dict[str, Any]], batch: str, names: list[str]) -> Iterator[list[str]]:
    """Engines that are compared with each other, and hepy beside the best of them."""
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        lines.setdefault(row["engine"] + ckks_targets.processes(row), {})[row["operation"]] = row
    for name, own in lines.items():
        yield [name, batch, *(number(1000 / own[n]["median"]) if n in own else "" for n in names)]
    ours = [row for row in rows if row["library"] == "hepy"]
    form = ckks_targets.processes(ours[0]) if ours else ""
    yield [f"hepy{form} / best peer, by rate", batch, *(_ratio(rows, name) for name in names)]


def _ratio(rows: list[dict[str, Any]], operation: str) -> str:
    ours = next((row for row in rows if (row["library"], row["operation"]) == ("hepy", operation)), None)
    peer = ours and ckks_targets.best_peer(ours, rows)
    return f"{figures.ratio(ours['rates'], peer['rates']).median:.2f}" if ours and peer else ""


def _objects(record: dict[str, Any]) -> Iterator[Table]:
    """Precision, bytes, cold start."""
    yield _by_engine(
        "Bits of precision",
        record["precision"], "after", lambda row: f"{statistics.median(row['bits']):.2f}",
    )  # fmt: skip
    yield _by_engine("KiB", record["sizes"], "object", lambda row: number(row["bytes"] / 1024))
    if record["cold_start"]:
        lines = [[row["what"], f"{row['seconds']:.2f}"] for row in record["cold_start"]]
        yield Table("Cold start of hepy, seconds", ["what", "seconds"], lines)


def _by_engine(title: str, rows: list[dict[str, Any]], column: str, cell: Any) -> Table:
    names = list(dict.fromkeys(row[column] for row in rows))
    table = Table(title, ["N", "depth", "engine", *names], [])
    for log_n, depth, engine in dict.fromkeys((row["log_n"], row["depth"], row["engine"]) for row in rows):
        own = {row[column]: row for row in rows if (row["log_n"], row["engine"]) == (log_n, engine)}
        table.rows.append([f"2^{log_n}", str(depth), engine, *(cell(own[n]) if n in own else "" for n in names)])
    return table
