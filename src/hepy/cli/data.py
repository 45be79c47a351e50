"""The commands encrypt and decrypt: tables to ciphertexts in hepy's wire format, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

import hepy
from hepy import paillier
from hepy.cli import keys, tables
from hepy.cli.cells import narrowed
from hepy.cli.output import Output, with_output
from hepy.errors import ParameterError
from hepy.paillier.packing import Fields
from hepy.paillier.squeezing import Squeezed

_AT_ONCE = 4096  # values between two steps of the progress bar

_password_file = click.option(
    "--password-file", type=click.Path(), help="Of a private key: its first line is the password; - is standard input."
)
_device = click.option("--device", default="cpu", show_default=True, help="Where to compute.")
_force = click.option("--force", is_flag=True, help="Replace OUTPUT if it is there.")


@click.command()
@click.argument("source", metavar="INPUT", type=click.Path(dir_okay=False))
@click.argument("target", metavar="OUTPUT", type=click.Path(dir_okay=False))
@click.option(
    "--key", "key_path", required=True, type=click.Path(dir_okay=False), help="A public key, or the private one."
)
@click.option("--columns", help="Names of columns to encrypt, with commas between; all by default.")
@click.option("--header/--no-header", default=None, help="Of a CSV file; by default it is found out.")
@click.option("--scale-bits", type=int, help="Fraction bits; by default 0 for integers and 40 for floats.")
@click.option("--value-bits", type=int, help="Declared bound of the encodings, in bits; by default that of the type.")
@_password_file
@_device
@_force
@with_output
def encrypt(
    source: str, target: str, key_path: str, columns: str | None, header: bool | None, scale_bits: int | None,
    value_bits: int | None, password_file: str | None, device: str, force: bool, output: Output,
) -> None:  # fmt: skip
    """Encrypt the numbers of INPUT (.csv, .npy, .parquet) into OUTPUT, hepy's wire format.

    A table becomes one array with a row for each of its rows. Names of columns do not travel: they are printed.
    """
    keys.check_target(Path(target), force)
    table = tables.read(Path(source), None if columns is None else _names(columns), header)
    key = keys.read_key(key_path, password_file)
    with hepy.device(device):
        ciphertexts = _encrypt(key, table.values, scale_bits, value_bits, output)
    hepy.save(ciphertexts, target)
    fields = {
        "output": target, "bytes": Path(target).stat().st_size, "shape": list(ciphertexts.shape),
        "type": "integers" if table.values.dtype.kind in "iuOb" else "floats", "scale_bits": ciphertexts.scale_bits,
        "columns": None if table.names is None else list(table.names), "fingerprint": ciphertexts.public_key.fingerprint,
        "insecure": ciphertexts.public_key.insecure,
    }  # fmt: skip
    output.text(fields, _encrypted(fields))


def _names(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",")]


def _encrypt(
    key: Any, values: npt.NDArray[Any], scale_bits: int | None, value_bits: int | None, output: Output
) -> paillier.CiphertextArray:
    flat, parts = values.ravel(), []
    with output.progress("encrypting", flat.size) as advance:
        for start in range(0, max(flat.size, 1), _AT_ONCE):
            part = flat[start : start + _AT_ONCE]
            parts.append(key.encrypt(part, scale_bits=scale_bits, value_bits=value_bits))
            advance(len(part))
    return paillier.concatenate(parts).reshape(values.shape)


def _encrypted(fields: dict[str, Any]) -> str:
    shape = " x ".join(map(str, fields["shape"])) or "1"
    names = "" if fields["columns"] is None else f"\ncolumns   {', '.join(fields['columns'])}"
    warning = "\nwarning   the key is too short to protect anything" if fields["insecure"] else ""
    return (
        f"encrypted {shape} {fields['type']}, {fields['scale_bits']} fraction bits\noutput    {fields['output']}, "
        f"{fields['bytes']} bytes\nkey       {fields['fingerprint']}{names}{warning}"
    )


@click.command()
@click.argument("source", metavar="INPUT", type=click.Path(dir_okay=False))
@click.argument("target", metavar="OUTPUT", type=click.Path(dir_okay=False))
@click.option("--key", "key_path", required=True, type=click.Path(dir_okay=False), help="The private key.")
@click.option("--columns", help="Names for the columns of OUTPUT, with commas between.")
@_password_file
@_device
@_force
@with_output
def decrypt(
    source: str, target: str, key_path: str, columns: str | None, password_file: str | None, device: str, force: bool,
    output: Output,
) -> None:  # fmt: skip
    """Decrypt INPUT, ciphertexts in hepy's wire format, into OUTPUT (.csv, .npy, .parquet).

    Decrypt only what you asked for, from a sender you know. Packed ciphertexts get a last axis with their fields.
    """
    keys.check_target(Path(target), force)
    tables.check_writable(Path(target))
    key = keys.read_key(key_path, password_file)
    if not isinstance(key, paillier.PrivateKey):
        raise ParameterError(f"{key_path!r} is a public key, and decryption needs the private one")
    with hepy.device(device):
        ciphertexts = hepy.load(source, key=key)
        names = _checked_names(columns, _shape(ciphertexts), Path(target))
        values = _decrypt(key, ciphertexts, output)
    tables.write(Path(target), values, names)
    fields = {
        "output": target,
        "shape": list(values.shape),
        "type": "floats" if values.dtype.kind == "f" else "integers",
    }
    shape = " x ".join(map(str, values.shape)) or "1"
    output.text(fields, f"decrypted {shape} {fields['type']}\noutput    {target}")


def _decrypt(key: paillier.PrivateKey, ciphertexts: paillier.CiphertextArray, output: Output) -> npt.NDArray[Any]:
    flat, parts = ciphertexts.ravel(), []
    with output.progress("decrypting", flat.size) as advance:
        for start in range(0, max(flat.size, 1), _AT_ONCE):
            part = flat[start : start + _AT_ONCE]
            parts.append(_values(key.decrypt(part)))
            advance(part.size)
    joined = np.concatenate(parts)
    return narrowed(joined.reshape((*ciphertexts.shape, *joined.shape[1:])))


def _values(plain: Any) -> npt.NDArray[Any]:
    """Numbers as they are; packed fields side by side on a last axis, as objects where integers and floats meet."""
    if not isinstance(plain, paillier.Packed):
        return np.asarray(plain)
    fields = paillier.unpack(plain)
    if len({field.dtype.kind for field in fields}) > 1:
        fields = tuple(field.astype(object) for field in fields)
    return np.stack(fields, axis=-1)


def _shape(ciphertexts: paillier.CiphertextArray) -> tuple[int, ...]:
    """Of what decryption gives: squeezed ciphertexts get an axis with their places, packed ones one with their fields."""
    account = ciphertexts.account
    shape = account.plain_shape(ciphertexts.shape)
    item = account.item if isinstance(account, Squeezed) else account
    return (*shape, len(item.field_bits)) if isinstance(item, Fields) else shape


def _checked_names(columns: str | None, shape: tuple[int, ...], target: Path) -> Sequence[str] | None:
    """Names of the columns, if the file can hold values of that shape and has as many columns."""
    width = tables.check_shape(target, shape)
    if columns is None:
        return None
    names = _names(columns)
    if width is None or len(names) != width:
        what = f"{width} columns" if width is not None else "an .npy file, which has none"
        raise ParameterError(f"{len(names)} names were given for {what}")
    return names
