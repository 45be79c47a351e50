"""The command keygen, and keys as other commands read them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import click

import hepy
from hepy import paillier
from hepy._host.files import replaced
from hepy.cli import passwords
from hepy.cli.output import Output, with_output
from hepy.errors import ParameterError


@click.command()
@click.argument("path", type=click.Path(dir_okay=False))
@click.option("--bits", type=int, default=3072, show_default=True, help="Length of the modulus: 2048, 3072 or 4096.")
@click.option("--variant", type=click.Choice(["djn", "classic", "subgroup"]), default="djn", show_default=True)
@click.option("--password-file", type=click.Path(), help="Its first line is the password; - is standard input.")
@click.option("--unencrypted", is_flag=True, help="Write the private key without a password.")
@click.option("--insecure", is_flag=True, help="Allow shorter keys, for tries.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@with_output
def keygen(
    path: str, bits: int, variant: str, password_file: str | None, unencrypted: bool, insecure: bool, force: bool,
    output: Output,
) -> None:  # fmt: skip
    """Make a key pair: the private key in PATH, the public key beside it, key.hepy with key.public.hepy."""
    private, public = Path(path), public_path(Path(path))
    for place in (private, public):
        check_target(place, force)
    password = _new_password(password_file, unencrypted)
    with output.progress("searching primes", 1) as advance:
        key = paillier.generate_key(bits, variant, insecure=insecure)
        advance(1)
    _write_pair(
        (private, hepy.dumps(key, password=password, unencrypted=unencrypted)), (public, hepy.dumps(key.public_key))
    )
    fields = {
        "private_key": str(private), "public_key": str(public), "fingerprint": key.fingerprint, "bits": key.bits,
        "variant": key.variant, "insecure": key.public_key.insecure, "encrypted": not unencrypted,
    }  # fmt: skip
    output.text(
        fields,
        f"private key  {private}{'' if unencrypted else ' (under the password)'}\npublic key   {public}\n"
        f"fingerprint  {key.fingerprint}",
    )


def public_path(private: Path) -> Path:
    return private.with_name(f"{private.stem}.public{private.suffix}")


def _write_pair(private: tuple[Path, bytes], public: tuple[Path, bytes]) -> None:
    """Both files or neither: each is written aside, and they take their places when the disk holds both."""
    with replaced(private[0], 0o600) as first, replaced(public[0]) as second:
        for file, message in ((first, private[1]), (second, public[1])):
            file.write(message)
            file.flush()


def check_target(path: Path, force: bool) -> None:
    """Refuse a file that could not be written, before any work.

    Raises:
        OSError: its folder is not there.
        ParameterError: it is there already and may not be replaced.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    if not force and os.path.lexists(path):
        raise ParameterError(f"{str(path)!r} is there already: choose another name, or replace it with --force")


def _new_password(password_file: str | None, unencrypted: bool) -> str | bytes | None:
    if unencrypted and password_file is not None:
        raise click.UsageError("--unencrypted and --password-file exclude each other")
    if unencrypted:
        return None
    return passwords.from_file(password_file) if password_file is not None else passwords.asked(twice=True)


def read_key(path: str, password_file: str | None) -> Any:
    """A public or private key from a file; asks for the password of a sealed one if no file has it."""
    sealed = "sealed" in hepy.describe(Path(path)).parameters
    password: str | bytes | None = None
    if sealed:
        password = passwords.from_file(password_file) if password_file is not None else passwords.asked()
    key = hepy.load(path, password=password)
    if not isinstance(key, paillier.PublicKey | paillier.PrivateKey):
        raise ParameterError(f"{path!r} holds {type(key).__name__}, not a key: see `hepy describe {path}`")
    return key
