"""The command that counts ring kernels for a GPU, and what docs/benchmarks.md says of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from hepy.benchmarks import instructions, ledger, predictions, ring_instructions, rooflines
from hepy.benchmarks.instructions import H100
from hepy.benchmarks.tables import Table

SUITE = "rings"
_LEVEL = 30  # of the product that is shown kernel by kernel

_ABOUT = """\
Limits follow from the bytes that launches move and the multiplies that they do: {bandwidth:.2f} TB/s for launches that touch
more than {l2:.0f} MB, {l2_bandwidth:.1f} TB/s (of the order that others published for this L2, not measured by us) for smaller
ones, {multiplies:.1f} T multiplies a second, half as many where all 64 bits are kept; the first and the last were measured.
Launches are those that hepy's Python makes, noted by a module in place of the compiled one (`hepy.benchmarks.launches`); an
operation's limit is the sum over its launches. Latencies, the launches' own cost and Python are left out.

In the tables of kernels, "multiplies" are those of the algorithm and "pipes" the time of the busiest pipe by the disassembled
code: moves and additions that the compiler puts on the multiply pipe count there, and code under a forward branch counts
whether or not it is taken (what unrolled loops leave over, mostly), so that these times are upper bounds.
Kernels of the transform hold a version for primes below 2^30 and one for wider ones, of which the mean is shown. Every kernel
of `cuda/ring/` has a row in the last table, by a launch that runs it; the tool refuses to write a ledger in which one has none.

Open: what small launches add (at low levels and a batch of one, launches of few microseconds follow each other); keys that
move in, their copy beside other work and the expansion of their halves; the rate of the L2, on which limits of small working
sets rest.
"""


def newest(folder: Path = predictions.FOLDER) -> tuple[dict[str, Any], str] | None:
    """The latest ledger of ring kernels, and its name."""
    path = ledger.newest_or_none(SUITE, folder)
    return None if path is None else (ledger.read(path), path.name)


def section(record: dict[str, Any], name: str) -> str:
    """What docs/benchmarks.md says of CKKS on GPUs."""
    gpu = record["parameters"]
    said = _ABOUT.format(
        bandwidth=gpu["bandwidth"] / 1e12, l2=gpu["l2_bytes"] / 2**20, l2_bandwidth=gpu["l2_bandwidth"] / 1e12,
        multiplies=gpu["multiplies"] / 1e12,
    )  # fmt: skip
    kept = f"{record['versions']['nvcc']}, commit `{record['source']['commit'][:12]}`, {record['started'][:10]}. "
    kept += f"Kept as `bench/results/instructions/{name}`.\n"
    return "\n".join([said, kept, *(table.markdown() for table in shown(record))])


def shown(record: dict[str, Any]) -> list[Table]:
    return [_operations(record), *_multiply(record), _kernels(record), _instances(record)]


def _operations(record: dict[str, Any]) -> Table:
    """A row a level, a column an operation and batch."""
    rows = {(row["operation"], row["batch"], row["level"]): row for row in record["operations"]}
    columns = list(dict.fromkeys((row["operation"], row["batch"]) for row in record["operations"]))
    levels = sorted({row["level"] for row in record["operations"]}, reverse=True)
    limbs = {row["level"]: row["limbs"] for row in record["operations"]}
    cells = [
        [str(level), str(limbs[level])]
        + [microseconds(rows[key]["limit"]) if (key := (*column, level)) in rows else "" for column in columns]
        for level in levels
    ]
    title = "CKKS operations, N = 2^16, scale 2^40, depth 30: limits in µs, by level and batch"
    return Table(title, ["level", "limbs", *(f"{name}, {batch}" for name, batch in columns)], cells)


def _multiply(record: dict[str, Any]) -> list[Table]:
    """One product, kernel by kernel, before and after fusing."""
    columns = ["kernel", "limbs out", "MB read", "MB written", "M multiplies", "limit, µs", "by"]
    made = []
    for name, what in (("leaves", "as leaves one by one"), ("fused", "as launches are fused")):
        launches = record["multiply"][name]
        cells = [
            [_called(x), str(x["rows"] or ""), f"{x['read'] / 1e6:.1f}", f"{x['written'] / 1e6:.1f}",
             f"{x['multiplies'] / 1e6:.0f}", microseconds(x["limit"]), x["by"]]
            for x in launches
        ]  # fmt: skip
        sums = [sum(x[key] for x in launches) for key in ("read", "written", "multiplies", "limit")]
        cells.append(["all", "", f"{sums[0] / 1e6:.0f}", f"{sums[1] / 1e6:.0f}", f"{sums[2] / 1e6:.0f}",
                      microseconds(sums[3]), f"{len(launches)} launches"])  # fmt: skip
        made.append(Table(f"A product with relinearization and rescaling at level {_LEVEL}, {what}", columns, cells))
    return made


def _kernels(record: dict[str, Any]) -> Table:
    """A row a kernel and pass; what the compiled code takes, for each degree."""
    found: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for row in record["kernels"]:
        found.setdefault((row["kernel"], row["step"]), {})[row["log_n"]] = row
    cells = []
    for by_degree in found.values():
        last = by_degree[max(by_degree)]
        words = last["words"]
        cells.append(
            [
                _called(last), f"{last['bytes'] / words:.1f}", f"{last['multiplies'] / words:.1f}",
                f"{last['multiplies_counted'] / words:.1f}" if "pipes" in last else "",
                *(microseconds(last[key] * rooflines.WORDS / words) for key in ("memory", "l2", "multiplying")),
                *(_pipes(by_degree.get(log)) for log in rooflines.LOG_N), last.get("busiest", ""), str(last.get("registers", "")),
                str(last.get("spilled_bytes", "")),
            ]
        )  # fmt: skip
    title = (
        "Ring kernels: for 2^24 words of a result, µs by memory, L2, multiplies of the algorithm, and pipes of the code"
    )
    columns = ["kernel", "bytes a word", "multiplies a word", "as compiled", "memory", "L2", "multiplies",
               *(f"pipes, 2^{log}" for log in rooflines.LOG_N), "busiest", "registers", "spilled"]  # fmt: skip
    return Table(title, columns, cells)


def _instances(record: dict[str, Any]) -> Table:
    """A row a kernel as the compiler left it, beside the limit where all is in the L2."""
    cells = []
    for row in record["instances"]:
        scale, by = rooflines.WORDS / row["words"], "L2" if row["l2"] >= row["multiplying"] else "multiply"
        limit = max(row["l2"], row["multiplying"])
        cells.append(
            [
                row["instance"].replace("_kernel", "", 1), _called(row), f"2^{row['log_n']}", f"{row['bytes'] / row['words']:.1f}",
                microseconds(limit * scale), by, microseconds(row["pipes"] * scale), f"{row['pipes'] / limit:.2f}",
                row["busiest"], str(row["registers"]), str(row["spilled_bytes"]),
            ]
        )  # fmt: skip
    title = "Every ring kernel as compiled: for 2^24 words of a result, µs by the L2 or by multiplies, and by pipes"
    columns = ["kernel", "a launch", "N", "bytes a word", "limit", "by", "pipes", "of the limit", "busiest", "registers",
               "spilled"]  # fmt: skip
    return Table(title, columns, cells)


def _pipes(row: dict[str, Any] | None) -> str:
    return "" if row is None or "pipes" not in row else microseconds(row["pipes"] * rooflines.WORDS / row["words"])


def _called(row: dict[str, Any]) -> str:
    name = row.get("kernel", row.get("name"))
    return f"{name}, pass {row['step'] + 1}" if row["step"] or name in _PASSES else str(name)


_PASSES = (
    "ntt",
    "intt",
    "intt_scaled",
    "intt_scaled_keeping",
    "ntt_plus_scaled",
    "ntt_plus_scaled_turned",
    "embed",
    "unembed",
)


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.3g}" if seconds < 1e-3 else f"{seconds * 1e6:.0f}"


@click.command("rooflines")
@click.option("--keep/--no-keep", default=True, help="Write the ledger.")
def command(keep: bool) -> None:
    """Count the instructions of ring kernels for an H100, and the limits of CKKS operations."""
    from rich.console import Console

    run = ledger.Run()
    compiled = ring_instructions.compiled()
    record = run.record(
        suite=SUITE,
        parameters=dataclasses.asdict(H100),
        versions={"nvcc": instructions.compiler()},
        kernels=[
            row
            for log_n in rooflines.LOG_N
            for row in ring_instructions.predict(rooflines.kernels(log_n), log_n, compiled)
        ],
        instances=ring_instructions.every_instance(compiled),
        inventory=ring_instructions.inventory(compiled),
        operations=rooflines.operations(),
        multiply=rooflines.one_multiply(_LEVEL),
    )
    if keep:
        click.echo(f"kept in {ledger.write(record, predictions.FOLDER)}")
    for table in shown(record):
        Console(width=200).print(table.rich())
