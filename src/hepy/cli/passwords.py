"""Passwords: from a prompt or a file, never from the command line, which other users of the machine can read."""

from __future__ import annotations

import getpass
import sys
import warnings
from pathlib import Path

import click

from hepy.errors import ParameterError

_MOST_BYTES = 4096


def from_file(path: str) -> bytes:
    """The first line of a file, without its end; "-" reads standard input.

    Raises:
        OSError: it cannot be read.
        ParameterError: the line is empty, or longer than a password is.
    """
    if path == "-":
        line: bytes = sys.stdin.buffer.readline(_MOST_BYTES + 1)
    else:
        with Path(path).open("rb") as file:
            line = file.readline(_MOST_BYTES + 1)
    password = line.rstrip(b"\r\n")
    if not password or len(password) > _MOST_BYTES:
        raise ParameterError(
            f"the first line of {path!r} is empty, or longer than {_MOST_BYTES} bytes: put the password there"
        )
    return password


def asked(*, twice: bool = False) -> str:
    """A password from the terminal; a new one is asked for twice.

    Raises:
        ParameterError: there is no terminal that could hide it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return str(
                click.prompt("Password of the private key", hide_input=True, confirmation_prompt=twice, err=True)
            )
        except getpass.GetPassWarning:
            raise ParameterError("there is no terminal to ask for the password at: use --password-file") from None
