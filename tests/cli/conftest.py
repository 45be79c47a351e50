"""The commands in this process, and a folder with a key pair."""

import json

import pytest
from click.testing import CliRunner

from hepy.cli import commands


class Shell:
    """Runs commands in a folder; tests read what they say and leave behind."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.chdir(folder)

    def run(self, *arguments, input=None):
        return CliRunner().invoke(commands, list(arguments), input=input)

    def succeed(self, *arguments, input=None):
        """Standard output of a command that has to end well."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments, input=None):
        return json.loads(self.succeed(*arguments, "--json", input=input))

    def refuse(self, *arguments, input=None, code=1):
        """What a command that has to fail says on stderr: one line, and no traceback."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.stderr


@pytest.fixture
def shell(tmp_path, monkeypatch):
    return Shell(tmp_path, monkeypatch)


@pytest.fixture
def keyed(shell):
    """A shell in whose folder key.hepy and key.public.hepy are."""
    shell.succeed("keygen", "key.hepy", "--bits", "512", "--insecure", "--unencrypted")
    return shell
