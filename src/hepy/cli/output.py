"""What commands say: results on stdout, for people or as JSON; progress on stderr."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hepy.options import options


@dataclass(frozen=True)
class Output:
    """How the user wants to hear of results.

    Attributes:
        as_json: one JSON object on stdout, and nothing else there.
        quiet: no progress, and no result unless as JSON.
    """

    as_json: bool
    quiet: bool

    def result(self, fields: dict[str, Any], show: Callable[[Console], None]) -> None:
        """The command's result: `fields` for programs, `show` for people."""
        if self.as_json:
            click.echo(json.dumps(fields, indent=1))
        elif not self.quiet:
            show(Console(highlight=False, emoji=False, markup=False))

    def text(self, fields: dict[str, Any], lines: str) -> None:
        """As result, for people in lines of text, which are never wrapped: some hold names of files."""
        self.result(fields, lambda console: console.print(lines, soft_wrap=True))

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar on stderr; the block gets a function that advances it."""
        console = Console(stderr=True)
        shown = options.progress and not self.quiet and console.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.advance(task, done)


def with_output(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json and --quiet to a command, which gets them as its argument `output`."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress, no summary.")
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, **kwargs: Any) -> None:
        command(*args, output=Output(as_json, quiet), **kwargs)

    return wrapped
