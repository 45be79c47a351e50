"""The commands: setup, run, run-ckks, singles, memory, report, instructions, rooflines, tune, gpu."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from hepy.benchmarks import (
    ckks_report,
    ckks_runner,
    cold_start,
    environments,
    gpu,
    gpu_report,
    ledger,
    predictions,
    report,
    rooflines_report,
    runner,
    single_items,
    specifications,
    teams,
    tuning,
    working_memory,
)
from hepy.errors import HepyError


@click.group()
def main() -> None:
    """Measure hepy against its peers, keep the figures, tell them."""


@main.command()
@click.argument("peers", nargs=-1)
def setup(peers: tuple[str, ...]) -> None:
    """Make an environment for each peer (or for those named)."""
    known = environments.ENVIRONMENTS
    unknown = set(peers) - set(known)
    if unknown:
        raise click.BadParameter(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    environments.setup(list(peers or known), click.echo)


@main.command()
@click.option("--preset", type=click.Choice(sorted(runner.PRESETS)), default="full", show_default=True)
@click.option("--bits", type=int, multiple=True, help="Key lengths, in place of the preset's.")
@click.option("--threads", type=click.Choice(["one", "all"]), multiple=True, help="Sections, in place of the preset's.")
@click.option("--operation", "operations", multiple=True, help="Rows, in place of all.")
@click.option("--engine", "only", multiple=True, help="Engines whose name starts so, in place of all.")
@click.option("--rounds", type=int, help="Samples of each row.")
@click.option("--memory/--no-memory", "with_memory", default=None, help="Working memory too; by default for `full`.")
@click.option("--subgroup-keygen", is_flag=True, help="Only the search of subgroup keys: minutes, and much luck.")
@click.option("--keep/--no-keep", default=True, help="Write the ledger.")
def run(
    preset: str, bits: tuple[int, ...], threads: tuple[str, ...], operations: tuple[str, ...], only: tuple[str, ...],
    rounds: int | None, with_memory: bool | None,
    subgroup_keygen: bool, keep: bool,
) -> None:  # fmt: skip
    """Measure Paillier, write the ledger and print the tables."""
    changes: dict[str, Any] = {
        "key_bits": bits, "threads": threads, "operations": operations, "rounds": rounds,
    }  # fmt: skip
    plan = dataclasses.replace(runner.PRESETS[preset], **{name: value for name, value in changes.items() if value})
    if subgroup_keygen:
        plan, with_memory = dataclasses.replace(plan, operations=("keygen",), keygen_seconds=120.0), False
    engines = (
        specifications.subgroup_keygen() if subgroup_keygen else specifications.engines(default_only=preset != "full")
    )
    engines = [engine for engine in engines if str(engine).startswith(tuple(only or ("",)))]
    this_run = ledger.Run()
    results = runner.run(plan, engines, lambda text: _tell(this_run, text))
    memory = preset == "full" if with_memory is None else with_memory
    rows = working_memory.measure(lambda text: _tell(this_run, text)) if memory else []
    parameters = {"preset": preset, **dataclasses.asdict(plan), "sizes": dict(plan.sizes)}
    record = _record(this_run, parameters, results) | {"memory": rows}
    if keep:
        click.echo(f"kept in {ledger.write(record)}")
    report.show(record)


@main.command("run-ckks")
@click.option("--preset", type=click.Choice(sorted(ckks_runner.PRESETS)), default="full", show_default=True)
@click.option("--log-n", "log_n", type=int, multiple=True, help="Rings, in place of all of the preset's.")
@click.option("--threads", type=click.Choice(["one", "all"]), multiple=True, help="Sections, in place of the preset's.")
@click.option("--batch", "batches", type=int, multiple=True, help="Ciphertexts of a call, in place of the preset's.")
@click.option("--operation", "operations", multiple=True, help="Rows, in place of all.")
@click.option("--engine", "only", multiple=True, help="Engines whose name starts so, in place of all.")
@click.option("--rounds", type=int, help="Samples of each row.")
@click.option("--cold-start/--no-cold-start", "with_start", default=True, help="Import and first product too.")
@click.option("--keep/--no-keep", default=True, help="Write the ledger.")
def run_ckks(
    preset: str, log_n: tuple[int, ...], threads: tuple[str, ...], batches: tuple[int, ...], operations: tuple[str, ...],
    only: tuple[str, ...], rounds: int | None, with_start: bool, keep: bool,
) -> None:  # fmt: skip
    """Measure CKKS, write the ledger and print the tables."""
    plan = ckks_runner.PRESETS[preset]
    changes: dict[str, Any] = {
        "rings": tuple(ring for ring in dict.fromkeys(ckks_runner.PRESETS["full"].rings + plan.rings) if ring[0] in log_n),
        "threads": threads, "batches": batches, "operations": operations, "rounds": rounds,
    }  # fmt: skip
    plan = dataclasses.replace(plan, **{name: value for name, value in changes.items() if value})
    engines = [e for e in specifications.engines("ckks") if str(e).startswith(tuple(only or ("",)))]
    this_run = ledger.Run()
    results = ckks_runner.run(plan, engines, lambda text: _tell(this_run, text))
    start = cold_start.measure(lambda text: _tell(this_run, text)) if with_start else []
    parameters = {"preset": preset, **dataclasses.asdict(plan)}
    record = _record(this_run, parameters, results) | {
        "suite": "ckks",
        "precision": results.precision,
        "sizes": results.sizes,
        "notes": results.notes,
        "cold_start": start,
    }
    if keep:
        click.echo(f"kept in {ledger.write(record)}")
    ckks_report.show(record)


def _tell(run: ledger.Run, text: str) -> None:
    click.echo(f"{run.seconds:6.1f} s  {text}", err=True)


def _record(run: ledger.Run, parameters: dict[str, Any], results: teams.Results) -> dict[str, Any]:
    """Of results that peers took part in."""
    record = run.record(parameters=parameters, versions=results.versions, absent=results.absent, rows=results.rows)
    # Through JSON's types, so that what is read equals what was written.
    made: dict[str, Any] = json.loads(json.dumps(record))
    return made


@main.command()
def memory() -> None:
    """Measure hepy's working memory alone."""
    report.show_memory(working_memory.measure(click.echo))


@main.command("report")
@click.option(
    "--ledger", "path", type=click.Path(exists=True, path_type=Path), help="Paillier's, the newest by default."
)
@click.option("--ckks-ledger", "ckks_path", type=click.Path(exists=True, path_type=Path), help="The newest by default.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs/benchmarks.md"), show_default=True)
def write_report(path: Path | None, ckks_path: Path | None, output: Path) -> None:
    """Write the page from kept runs."""
    path = path or ledger.newest()
    ckks_path = ckks_path or ledger.newest_or_none("ckks")
    ckks = None if ckks_path is None else (ledger.read(ckks_path), ckks_path.name)
    output.parent.mkdir(parents=True, exist_ok=True)
    gpus = predictions.newest(), rooflines_report.newest(), gpu_report.newest()
    output.write_text(report.page(ledger.read(path), path.name, ckks, *gpus))
    click.echo(f"{output} tells {path}" + ("" if ckks_path is None else f" and {ckks_path}"))


main.add_command(single_items.command)
main.add_command(predictions.command)
main.add_command(rooflines_report.command)
main.add_command(tuning.command)
main.add_command(gpu.command)

if __name__ == "__main__":
    try:
        main(prog_name="python -m hepy.benchmarks")
    except HepyError as error:
        raise SystemExit(f"Error: {error}") from None
