"""The command line: `hepy info | keygen | encrypt | decrypt | describe | selftest | demo`."""

from hepy.cli.main import commands as commands
from hepy.cli.main import main as main

__all__ = ["commands", "main"]
