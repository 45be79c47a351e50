"""Key files as phe's command line writes them: JSON Web Keys of type DAJ, and encrypted numbers as it exchanges them.

A private key's file is not encrypted: whoever reads it decrypts. hepy's own files (hepy.save) have passwords.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hepy._host.files import Path, replaced
from hepy._limbs import MPZ
from hepy.errors import WireFormatError
from hepy.interop.phe.numbers import EncryptedNumber
from hepy.interop.phe.private import PaillierPrivateKey
from hepy.interop.phe.public import PaillierPublicKey
from hepy.interop.phe.util import base64_to_int, int_to_base64

MAX_BITS = 1 << 15  # of a modulus that is read
MAX_EXPONENT = 1 << 15  # of a number that is read: what no key holds; decoding raises the base to it
MAX_BYTES = 1 << 16  # of text that is read: three numbers of that many bits, and comments

_TYPE, _ALGORITHM = "DAJ", "PAI-GN1"

Key = PaillierPublicKey | PaillierPrivateKey


def to_jwk(key: Key, comment: str | None = None) -> dict[str, Any]:
    """A key as the dictionary that its file holds.

    Args:
        key: a public or a private key.
        comment: free text, the key's "kid". None says when it was written.
    """
    private = isinstance(key, PaillierPrivateKey)
    if comment is None:
        comment = f"Paillier {'private' if private else 'public'} key, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if not isinstance(key, PaillierPrivateKey):
        return {"kty": _TYPE, "alg": _ALGORITHM, "key_ops": ["encrypt"], "n": int_to_base64(key.n), "kid": comment}
    public = to_jwk(key.public_key, comment)
    numbers = {"p": int_to_base64(key.p), "q": int_to_base64(key.q)}
    return {"kty": _TYPE, "key_ops": ["decrypt"], **numbers, "pub": public, "kid": comment}


def from_jwk(jwk: Any, *, variant: str = "djn") -> Key:
    """The key of such a dictionary.

    Args:
        jwk: from json.loads.
        variant: how the public key makes obfuscators, see PaillierPublicKey.

    Raises:
        WireFormatError: it is not a key (a ValueError); names the field.
    """
    if not isinstance(jwk, dict):
        raise WireFormatError(f"a key is a JSON object, not {type(jwk).__name__}")
    if jwk.get("kty") != _TYPE:
        raise WireFormatError(f"kty: a Paillier key says {_TYPE!r} here")
    if "pub" not in jwk:
        if jwk.get("alg", _ALGORITHM) != _ALGORITHM:
            raise WireFormatError(f"alg: {_ALGORITHM!r} is the one algorithm that is known")
        return PaillierPublicKey(_number(jwk, "n"), variant=variant)
    public = from_jwk(jwk["pub"], variant=variant)
    if not isinstance(public, PaillierPublicKey):
        raise WireFormatError("pub: a public key is expected in a private one")
    try:
        return PaillierPrivateKey(public, _number(jwk, "p"), _number(jwk, "q"))
    except ValueError as error:
        raise WireFormatError(f"p, q: {error}") from None


def save(key: Key, path: Path, comment: str | None = None) -> None:
    """Write a key's file; a private key's is for its owner only (mode 0600), and is not encrypted.

    Raises:
        OSError: the file cannot be written; what stood there is unchanged.
    """
    mode = 0o600 if isinstance(key, PaillierPrivateKey) else 0o666
    with replaced(path, mode) as file:
        file.write(json.dumps(to_jwk(key, comment)).encode() + b"\n")


def load(path: Path, *, variant: str = "djn") -> Key:
    """Read a key's file; arguments and errors as for from_jwk.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return from_jwk(_parsed(file.read(MAX_BYTES + 1)), variant=variant)


def number_to_json(number: EncryptedNumber) -> str:
    """An encrypted number as phe's command line writes it; obfuscated first if it is the result of a computation."""
    return json.dumps({"v": str(number.ciphertext()), "e": number.exponent})


def number_from_json(public_key: PaillierPublicKey, text: str | bytes) -> EncryptedNumber:
    """The encrypted number of such text.

    Raises:
        WireFormatError: it is none, or not below n**2 (a ValueError).
    """
    fields = _parsed(text if isinstance(text, bytes) else text.encode())
    if not isinstance(fields, dict):
        raise WireFormatError(f"an encrypted number is a JSON object, not {type(fields).__name__}")
    value, exponent = fields.get("v"), fields.get("e")
    if not isinstance(value, str) or not value.isdecimal() or not value.isascii():
        raise WireFormatError("v: the ciphertext is a string of decimal digits")
    if isinstance(exponent, bool) or not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        raise WireFormatError(f"e: the exponent is an integer of absolute value up to {MAX_EXPONENT}")
    # int() refuses long strings, and takes quadratic time for those it is made to accept; gmpy2 does neither.
    ciphertext = MPZ(value)
    if not ciphertext < public_key.nsquare:
        raise WireFormatError("v: the ciphertext is not below n**2")
    return EncryptedNumber(public_key, ciphertext, exponent)


def _parsed(text: bytes) -> Any:
    if len(text) > MAX_BYTES:
        raise WireFormatError(f"the text has more than {MAX_BYTES} bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WireFormatError("the text is not JSON") from None


def _number(jwk: dict[str, Any], name: str) -> int:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise WireFormatError(f"{name}: a number is base64url text")
    try:
        value = base64_to_int(text)
    except ValueError as error:
        raise WireFormatError(f"{name}: {error}") from None
    if not 1 < value.bit_length() <= MAX_BITS or value % 2 == 0:
        raise WireFormatError(f"{name}: an odd number of up to {MAX_BITS} bits is expected")
    return value
