"""hepy keygen: files, passwords, and what is refused."""

import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import hepy
from hepy.cli import keys

SHORT = ("--bits", "512", "--insecure")


def test_the_pair_belongs_together_and_the_private_file_is_private(shell):
    fields = shell.json("keygen", "key.hepy", *SHORT, "--unencrypted")
    private, public = hepy.load("key.hepy"), hepy.load("key.public.hepy")
    assert private.public_key == public
    assert fields["fingerprint"] == public.fingerprint
    assert fields["insecure"] is True
    assert stat.S_IMODE((shell.folder / "key.hepy").stat().st_mode) == 0o600


def test_a_password_from_a_file_opens_the_key(shell):
    (shell.folder / "password").write_bytes("naïve\r\nsecond line".encode())
    shell.succeed("keygen", "key.hepy", *SHORT, "--password-file", "password")
    assert hepy.load("key.hepy", password="naïve").bits == 512
    with pytest.raises(hepy.MissingKeyError):
        hepy.load("key.hepy")


def test_a_password_is_asked_twice(shell):
    shell.succeed("keygen", "key.hepy", *SHORT, input="one\none\n")
    assert hepy.load("key.hepy", password="one").bits == 512
    assert "do not match" in shell.refuse("keygen", "other.hepy", *SHORT, input="one\ntwo\n")
    assert not (shell.folder / "other.hepy").exists()


def test_a_password_never_shows(shell):
    result = shell.run("keygen", "key.hepy", *SHORT, input="s3cret-word\ns3cret-word\n")
    assert result.exit_code == 0
    assert "s3cret-word" not in result.output


def test_files_that_are_there_stay_unless_forced(keyed):
    before = (keyed.folder / "key.hepy").read_bytes()
    assert "'key.hepy' is there already" in keyed.refuse("keygen", "key.hepy", *SHORT, "--unencrypted")
    (keyed.folder / "key.hepy").rename(keyed.folder / "other.hepy")
    assert "'key.public.hepy' is there already" in keyed.refuse("keygen", "key.hepy", *SHORT, "--unencrypted")
    keyed.succeed("keygen", "other.hepy", *SHORT, "--unencrypted", "--force")
    assert (keyed.folder / "other.hepy").read_bytes() != before


@pytest.mark.parametrize("full", ["key.hepy", "key.public.hepy"])
def test_a_full_disk_leaves_both_files_as_they_were(keyed, monkeypatch, full):
    real = keys.replaced

    @contextmanager
    def replaced(path, mode=0o666):
        with real(path, mode) as file:
            if path.name == full:
                file = SimpleNamespace(
                    write=file.write, flush=lambda: os.write(os.open("/dev/full", os.O_WRONLY), b"x")
                )
            yield file

    monkeypatch.setattr(keys, "replaced", replaced)
    before = {path.name: path.read_bytes() for path in keyed.folder.iterdir()}
    assert "No space left on device" in keyed.refuse("keygen", "key.hepy", *SHORT, "--unencrypted", "--force")
    assert {path.name: path.read_bytes() for path in keyed.folder.iterdir()} == before


def test_without_a_terminal_a_password_file_is_asked_for(tmp_path):
    call = [sys.executable, "-c", "from hepy.cli import main; main()", "keygen", "key.hepy", *SHORT]
    # In a session of its own a process has no terminal, whatever its parent has.
    done = subprocess.run(
        call, capture_output=True, text=True, cwd=tmp_path, stdin=subprocess.DEVNULL, start_new_session=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: there is no terminal to ask for the password at: use --password-file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--bits", "512", "--unencrypted"), 1, "not secure"),
        (("--bits", "1000", "--insecure", "--unencrypted"), 1, "2048, 3072 or 4096"),
        (("--variant", "rsa"), 2, "not one of"),
        (("--bits", "many"), 2, "not a valid integer"),
        ((*SHORT, "--unencrypted", "--password-file", "x"), 2, "exclude each other"),
        ((*SHORT, "--password-file", "missing"), 1, "missing: No such file"),
    ],
)
def test_refusals(shell, arguments, code, says):
    assert says in shell.refuse("keygen", "key.hepy", *arguments, code=code)
    assert list(shell.folder.iterdir()) == []


def test_an_empty_password_file_is_refused(shell):
    (shell.folder / "empty").write_text("\n")
    assert "is empty" in shell.refuse("keygen", "key.hepy", *SHORT, "--password-file", "empty")


def test_a_missing_folder_is_named(shell):
    said = shell.refuse("keygen", "nowhere/key.hepy", *SHORT, "--unencrypted")
    assert said == "Error: nowhere: there is no such folder\n"
