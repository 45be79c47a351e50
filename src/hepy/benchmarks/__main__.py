"""The commands: setup, run, memory, report, instructions."""

from __future__ import annotations

import dataclasses
import datetime
import time
from pathlib import Path
from typing import Any

import click

from hepy.benchmarks import environments, instructions, ledger, machine, report, runner, specifications
from hepy.errors import HepyError


@click.group()
def main() -> None:
    """Measure hepy against its peers, keep the figures, tell them."""


@main.command()
@click.argument("peers", nargs=-1)
def setup(peers: tuple[str, ...]) -> None:
    """Make an environment for each peer (or for those named)."""
    unknown = set(peers) - set(specifications.PEERS)
    if unknown:
        raise click.BadParameter(
            f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(specifications.PEERS)}"
        )
    environments.setup(list(peers or specifications.PEERS), click.echo)


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
    """Measure, write the ledger and print the tables."""
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
    record = _record(plan, preset, engines, preset == "full" if with_memory is None else with_memory)
    if keep:
        click.echo(f"kept in {ledger.write(record)}")
    report.show(record)


def _record(
    plan: runner.Plan, preset: str, engines: list[specifications.Specification], memory: bool
) -> dict[str, Any]:
    from hepy.benchmarks import working_memory

    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    about = machine.describe()
    results = runner.run(plan, engines, lambda text: click.echo(f"{time.monotonic() - clock:6.1f} s  {text}", err=True))
    rows = working_memory.measure(lambda text: click.echo(text, err=True)) if memory else []
    parameters = {"preset": preset, **dataclasses.asdict(plan), "sizes": dict(plan.sizes)}
    return {
        "schema": ledger.SCHEMA,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 1),
        "machine": about,
        "source": machine.source(),
        # Through JSON's types, so that what is read equals what was written.
        "parameters": {k: list(v) if isinstance(v, tuple) else v for k, v in parameters.items()},
        "versions": results.versions,
        "absent": results.absent,
        "rows": results.rows,
        "memory": rows,
    }


@main.command()
def memory() -> None:
    """Measure hepy's working memory alone."""
    from hepy.benchmarks import working_memory

    report.show_memory(working_memory.measure(click.echo))


@main.command("report")
@click.option("--ledger", "path", type=click.Path(exists=True, path_type=Path), help="The newest by default.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs/benchmarks.md"), show_default=True)
def write_report(path: Path | None, output: Path) -> None:
    """Write the page from a kept run."""
    path = path or ledger.newest()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(report.page(ledger.read(path), path.name))
    click.echo(f"{output} tells {path}")


main.add_command(instructions.command)

if __name__ == "__main__":
    try:
        main(prog_name="python -m hepy.benchmarks")
    except HepyError as error:
        raise SystemExit(f"Error: {error}") from None
