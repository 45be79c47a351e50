"""The report: tables of a Paillier record, as a page of Markdown (with CKKS's below) and on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hepy.benchmarks import ckks_report, figures, gpu_report, predictions, rooflines_report, tables, targets
from hepy.benchmarks.tables import Table, number
from hepy.benchmarks.workers.engine import OPERATIONS
from hepy.benchmarks.workers.workload import BINS, FEATURES, ROWS

_HOW = f"""\
## How it is measured

Every engine runs in a child process, peers in environments of their own (`bench/.peers`). All engines of a section
are alive together and take turns, one sample each a round, so that what disturbs the machine disturbs them all. On one
core the clock is the processor's time of the process, pinned to that core; each sample stands between two runs of a
fixed piece of work and is scaled by it to the machine's quiet speed. On all cores it is the wall, unscaled. A library that
uses one core a call is measured on all cores as one process a core; `processes` says so. Figures are items a second,
medians between quartiles; a ratio is the median of the ratios of a round.

An operation's result is decrypted and compared with plain integers before it is timed. Items: an encryption, a
decryption, a sum of two ciphertexts, a product with a 63-bit scalar; for `matmul` a product with a signed 32-bit weight
(a vector of {ROWS} ciphertexts times a matrix); for `histogram` a sample in one of {FEATURES} features of {BINS} bins;
for `sum` a summand. `encrypt` is what anyone can do with the public key, `encrypt_owner` uses the private key's
factors. The `gmpy2` rows are a plain loop over gmpy2 with the same definitions of keys and obfuscators, by its list
forms where base or exponent is shared. Keys are in steady use: tables that a library makes of a key are made before.

`variant` says where obfuscators come from: `classic` r^n, `djn` and `subgroup` powers of a fixed base. They rest on
different assumptions, and their speeds on different work. `timing` is `vartime`, `constant_time`, or `unstated` where
a library does not say. Security is that of the modulus by NIST SP 800-57: 112 bits at 2048, 128 at 3072.

Again on this machine: `make bench`. Some seconds only: `python -m hepy.benchmarks run --preset quick`.
"""


def page(
    record: dict[str, Any],
    ledger_name: str,
    ckks: tuple[dict[str, Any], str] | None = None,
    predicted: tuple[dict[str, Any], str] | None = None,
    rings: tuple[dict[str, Any], str] | None = None,
    gpu: tuple[dict[str, Any], str] | None = None,
) -> str:
    """docs/benchmarks.md of a Paillier record, and of others with their ledgers' names: CKKS, predictions, ring kernels,
    and what a GPU was timed with."""
    kept = [
        ledger_name,
        *([ckks[1]] if ckks else []),
        *(f"instructions/{each[1]}" for each in (predicted, rings) if each),
        *([f"gpu/{gpu[1]}"] if gpu else []),
    ]
    made = f"from {' and '.join(f'bench/results/{name}' for name in kept)}: do not edit. -->"
    parts = [
        f"# Benchmarks\n\n<!-- Written by `python -m hepy.benchmarks report` {made}\n",
        "## Paillier\n",
        tables.demoted(_paillier(record, ledger_name)),
    ]
    if ckks is not None:
        parts += ["## CKKS\n", tables.demoted(ckks_report.section(*ckks))]
    if gpu is not None:
        parts += ["## Paillier on a GPU\n", gpu_report.integers(*gpu), "## CKKS on a GPU\n", gpu_report.rings(*gpu)]
    if predicted is not None:
        parts += ["## Paillier on GPUs, as predicted\n", predictions.section(*predicted)]
    if rings is not None:
        parts += ["## CKKS on GPUs, limits\n", rooflines_report.section(*rings)]
    return "\n".join(parts)


def _paillier(record: dict[str, Any], ledger_name: str) -> str:
    parts = [tables.where(record, ledger_name), "## Figures\n"]
    parts += [table.markdown() for table in _overviews(record)]
    verdicts = targets.judge(record)
    parts += ["## Promises\n", tables.summary(verdicts), tables.verdicts(verdicts).markdown()]
    if record["memory"]:
        parts += ["## Working memory\n", _memory(record["memory"]).markdown()]
    if record["absent"]:
        parts += ["## Not measured\n", tables.absent(record).markdown()]
    parts += [_HOW, "## Every row\n", *(table.markdown() for table in _details(record))]
    return "\n".join(parts)


def show(record: dict[str, Any]) -> None:
    """The figures, what was promised and what is missing, on the terminal."""
    console = tables.console()
    for table in _overviews(record):
        console.print(table.rich())
    verdicts = targets.judge(record)
    console.print(tables.open_verdicts(verdicts).rich())
    console.print(tables.summary(verdicts))
    if record["memory"]:
        console.print(_memory(record["memory"]).rich())
    if record["absent"]:
        console.print(tables.absent(record).rich())


def show_memory(rows: list[dict[str, Any]]) -> None:
    """Working memory alone, on the terminal."""
    tables.console().print(_memory(rows).rich())


def _sections(record: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    titles = dict.fromkeys(targets.section(row) for row in record["rows"])
    for title in titles:
        yield title, [row for row in record["rows"] if targets.section(row) == title]


def _overviews(record: dict[str, Any]) -> Iterator[Table]:
    for title, rows in _sections(record):
        names = [name for name in OPERATIONS if any(row["operation"] == name for row in rows)]
        table = Table(f"Items a second, {title}", ["engine", "variant", "timing", *names], [])
        for engine in _engines(record, rows):
            own = {row["operation"]: row for row in rows if row["engine"] == engine}
            first = next(iter(own.values()))
            name = " ".join([first["library"], *([first["device"]] if first["library"] == "hepy" else [])])
            name += f" ×{first['processes']}" if first["processes"] > 1 else ""
            cells = [number(own[n]["median"]) if n in own else "" for n in names]
            table.rows.append([name, first["variant"], first["timing"], *cells])
        yield Table(table.title, table.columns, table.rows + list(_ratios(rows, names)))


def _engines(record: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """The engines of these rows: ours, the loop, the peers; the variants and timing modes of one side by side."""
    libraries = list(dict.fromkeys(row["library"] for row in record["rows"]))
    variants, timings = ("djn", "classic", "subgroup"), ("vartime", "constant_time", "unstated")
    places = {
        row["engine"]: (libraries.index(row["library"]), row["device"], variants.index(row["variant"]),
                        timings.index(row["timing"]))
        for row in rows
    }  # fmt: skip
    return sorted(places, key=lambda engine: places[engine])


def _ratios(rows: list[dict[str, Any]], names: list[str]) -> Iterator[list[str]]:
    """Two lines below the figures: hepy's default against the loop like it, and against the best peer of each row."""
    ours = {row["operation"]: row for row in rows
            if (row["library"], row["variant"], row["timing"]) == ("hepy", "djn", "vartime")}  # fmt: skip
    loop = {name: targets.counterpart(row, rows, "gmpy2") for name, row in ours.items()}
    peers = [row for row in rows if row["library"] not in ("hepy", "gmpy2")]
    best = {
        name: max((row for row in peers if row["operation"] == name), key=lambda row: row["median"], default=None)
        for name in ours
    }
    for title, others in (("hepy / gmpy2", loop), ("hepy / best peer", best)):
        cells = []
        for name in names:
            other = others.get(name)
            if other is None:
                cells.append("")
                continue
            cells.append(f"{figures.ratio(ours[name]['rates'], other['rates']).median:.2f}")
        if any(cells):
            yield [title, "djn", "vartime", *cells]


def _details(record: dict[str, Any]) -> Iterator[Table]:
    columns = ["operation", "engine", "variant", "timing", "security", "processes", "cores used", "items a call",
               "items/s", "quartiles", "hepy / it"]  # fmt: skip
    for title, rows in _sections(record):
        ordered = sorted(rows, key=lambda row: OPERATIONS.index(row["operation"]))
        yield Table(title, columns, [_detail(row, rows) for row in ordered])


def _detail(row: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    ratio = ""
    if row["library"] != "hepy":
        # A peer is compared with hepy's default; the loop with the same variant and timing mode.
        like = row if row["library"] == "gmpy2" else {**row, "variant": "djn", "timing": "vartime"}
        ours = targets.counterpart(like, rows, "hepy")
        ratio = f"{figures.ratio(ours['rates'], row['rates']).median:.2f}" if ours else ""
    return [
        row["operation"], row["engine"], row["variant"], row["timing"], str(row["security_bits"] or "none"),
        str(row["processes"]), f"{row['cores_used']:.2f}", str(row["items"]), number(row["median"]),
        f"{number(row['low'])} to {number(row['high'])}", ratio,
    ]  # fmt: skip


def _memory(rows: list[dict[str, Any]]) -> Table:
    columns = ["operation", "items", "operands, MiB", "result, MiB", "beyond both, MiB", "share", "of"]
    return Table(
        "Peak of a call at 2048 bits beyond its operands and its result",
        columns,
        [
            [row["operation"], str(row["items"]), *(f"{row[k] / 2**20:.2f}" for k in ("operands", "result", "working")),
             f"{row['share']:.3f}", row["of"]]
            for row in rows
        ],
    )  # fmt: skip
