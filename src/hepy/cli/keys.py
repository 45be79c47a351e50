"""The command keygen, and keys as other commands read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

import hepy
from hepy import paillier
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
        refuse_existing(place, force)
    password = _new_password(password_file, unencrypted)
    with output.progress("searching primes", 1) as advance:
        key = paillier.generate_key(bits, variant, insecure=insecure)
        advance(1)
    # The public key first: a private key without it is whole, and stands alone only once both could be written.
    hepy.save(key.public_key, public)
    try:
        hepy.save(key, private, password=password, unencrypted=unencrypted)
    except BaseException:
        public.unlink(missing_ok=True)
        raise
    fields = {
        "private_key": str(private), "public_key": str(public), "fingerprint": key.fingerprint, "bits": key.bits,
        "variant": key.variant, "insecure": key.public_key.insecure, "encrypted": not unencrypted,
    }  # fmt: skip
    output.result(
        fields,
        lambda console: console.print(
            f"private key  {private}{'' if unencrypted else ' (under the password)'}\npublic key   {public}\n"
            f"fingerprint  {key.fingerprint}",
            markup=False,
        ),
    )


def public_path(private: Path) -> Path:
    return private.with_name(f"{private.stem}.public{private.suffix}")


def refuse_existing(path: Path, force: bool) -> None:
    if not force and os.path.lexists(path):
        raise ParameterError(f"{str(path)!r} is there already: choose another name, or replace it with --force")


def _new_password(password_file: str | None, unencrypted: bool) -> str | bytes | None:
    if unencrypted and password_file is not None:
        raise click.UsageError("--unencrypted and --password-file exclude each other")
    if unencrypted:
        return None
    return passwords.from_file(password_file) if password_file is not None else passwords.asked_twice()


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
