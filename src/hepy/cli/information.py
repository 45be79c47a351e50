"""Commands that tell: info, describe, selftest."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

import hepy
from hepy import _devices
from hepy._host import engines
from hepy.bigint import kernels as integers
from hepy.cli.output import Output, with_output
from hepy.options import options
from hepy.ring import kernels as rings

_LIBRARIES = ("numpy", "gmpy2", "numba", "cryptography", "cupy-cuda13x", "cupy-cuda12x", "pyarrow")


@click.command()
@with_output
def info(output: Output) -> None:
    """Versions, the processor, and which devices can be used here, or why not."""
    from hepy.benchmarks import machine

    about = machine.describe()
    fields = {
        "hepy": hepy.__version__,
        "python": about["python"],
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name)) is not None},
        "system": about["system"],
        "processor": about["processor"],
        "features": about["features"],
        "cores": about["cores"],
        "memory_gib": about["memory_gib"],
        "devices": {name: _device(name) for name in hepy.devices()},
        "unavailable": _devices.unavailable(),
        "engine": {"name": engines.resolve(options.engine).name, "chosen_by": _chosen_by()},
        "engines": {engine.name: {"about": engine.about, "missing": engine.missing} for engine in engines.engines()},
        "options": {
            "threads": options.threads,
            "engine": options.engine,
            "constant_time": options.constant_time,
            "device_memory": options.device_memory,
        },
    }
    output.result(fields, lambda console: _show_info(fields, console))


def _chosen_by() -> str:
    """Why the host computes with the engine that it does."""
    if options.engine != engines.AUTO:
        return "options.engine"
    faster = engines.engines()[: engines.engines().index(engines.resolve(options.engine))]
    return "the fastest that runs here" + "".join(f"; {engine.name}: {engine.missing}" for engine in faster)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _device(name: str) -> dict[str, Any]:
    device = _devices.resolve(name)
    about = device.properties()
    fields: dict[str, Any] = {"name": about.name, "memory_gib": round(about.memory_bytes / 2**30, 1)}
    if about.compute_capability is not None:
        fields["compute_capability"] = ".".join(map(str, about.compute_capability))
    fields["kernels"] = {"big integers": _has(integers.kernels, 15, device), "rings": _has(rings.kernels, device)}
    return fields


def _has(table: Callable[..., Any], *arguments: Any) -> bool:
    """Whether that layer has kernels there."""
    try:
        table(*arguments)
    except hepy.DeviceError:
        return False
    return True


def _show_info(fields: dict[str, Any], console: Console) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("hepy", f"{fields['hepy']}, Python {fields['python']}")
    table.add_row("libraries", ", ".join(f"{name} {version}" for name, version in fields["libraries"].items()))
    features = ", ".join(fields["features"]) or "none of note"
    table.add_row("processor", f"{fields['processor']} ({features})")
    table.add_row("machine", f"{fields['system']}, {fields['cores']} cores, {fields['memory_gib']} GiB")
    for name, about in fields["devices"].items():
        capability = f", compute capability {about['compute_capability']}" if "compute_capability" in about else ""
        layers = " and ".join(layer for layer, here in about["kernels"].items() if here)
        said = f"usable for {layers}: {about['name']}, {about['memory_gib']} GiB{capability}"
        table.add_row(f"device {name}", said)
    for kind, reason in fields["unavailable"].items():
        table.add_row(f"device {kind}", f"not usable: {reason}")
    engine = fields["engine"]
    about = fields["engines"][engine["name"]]["about"]
    table.add_row("engine of cpu", f"{engine['name']}: {about} ({engine['chosen_by']})")
    others = [name for name, entry in fields["engines"].items() if entry["missing"] is None and name != engine["name"]]
    table.add_row("other engines", f"{', '.join(others)}, by hepy.options.engine")
    chosen = fields["options"]
    table.add_row("options", ", ".join(f"{name}={value}" for name, value in chosen.items()))
    console.print(table)


@click.command()
@click.argument("path", type=click.Path(dir_okay=False))
@with_output
def describe(path: str, output: Output) -> None:
    """What a file of hepy's is, under which key, and what it reveals to whoever sees it."""
    description = hepy.describe(Path(path))
    output.text(description.as_dict(), str(description))


@click.command()
@click.option("--device", "devices", multiple=True, help="Devices to test; all usable ones by default.")
@with_output
def selftest(devices: tuple[str, ...], output: Output) -> None:
    """Check this installation: known answers, arithmetic against Python's, the same bits on every device."""
    from hepy import selftests

    names = devices or hepy.devices()
    checks = selftests.checks(names)
    results = []
    with output.progress("checks", len(checks)) as advance:
        for check in checks:
            results.append(selftests.run(check))
            advance(1)
    passed = all(result.passed for result in results)
    fields = {"passed": passed, "checks": [result.as_dict() for result in results]}
    output.result(fields, lambda console: _show_selftest(results, console))
    if not passed:
        failed = [result for result in results if not result.passed]
        raise hepy.HepyError(
            f"{len(failed)} of {len(results)} checks failed, first '{failed[0].name}' on {failed[0].device}: this "
            "installation must not be used; report it with the output of `hepy info --json` and `hepy selftest --json`"
        )


def _show_selftest(results: Any, console: Console) -> None:
    table = Table(pad_edge=False)
    for name in ("check", "device", "result", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for result in results:
        said = Text("passed", "green") if result.passed else Text.assemble(("FAILED", "red"), f" {result.message}")
        table.add_row(result.name, result.device, said, f"{result.seconds:.2f}")
    console.print(table)
