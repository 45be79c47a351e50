"""The group of commands, and what becomes of errors: one line on stderr, exit code 1."""

from __future__ import annotations

from typing import Any

import click

import hepy
from hepy.cli import data, demonstrations, information, keys


class _Commands(click.Group):
    """Reports hepy's errors and the system's as click reports its own, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (hepy.HepyError, OSError) as error:
            raise click.ClickException(_line(error)) from error


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hepy.__version__, prog_name="hepy")
def commands() -> None:
    """Homomorphic encryption of whole tables: make keys, encrypt, decrypt, look at files, see a demonstration."""


for _command in (
    information.info,
    keys.keygen,
    data.encrypt,
    data.decrypt,
    information.describe,
    information.selftest,
    demonstrations.demo,
):
    commands.add_command(_command)


def main() -> None:
    """Entry point of the `hepy` command."""
    commands(prog_name="hepy")
