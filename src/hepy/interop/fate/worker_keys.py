"""Secret keys on their way to a party's own workers: sealed under the party's password.

A password that register() drew is a key of AES already. One that people chose is stretched first (hepy.wire.sealed),
which takes some 0.4 s on either side.
"""

from __future__ import annotations

import os
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hepy import wire
from hepy.errors import WireFormatError
from hepy.paillier import PrivateKey

WORKER_PASSWORD = "HEPY_FATE_WORKER_PASSWORD"

_DRAWN = re.compile(r"drawn:([0-9a-f]{64})")
_KEY_BYTES, _NONCE_BYTES = 32, 12
_PURPOSE = b"hepy.interop.fate secret key"


def drawn_password() -> str:
    """A new password with 256 bits from the operating system."""
    return f"drawn:{secrets.token_hex(_KEY_BYTES)}"


def seal(key: PrivateKey, password: str) -> bytes:
    """The key for whoever knows the password."""
    cipher = _cipher(password)
    if cipher is None:
        return wire.dumps(key, password=password)
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, wire.dumps(key, unencrypted=True), _PURPOSE)


def unseal(sealed: bytes, password: str) -> PrivateKey:
    """The key that seal() was given.

    Raises:
        WireFormatError: the password is another one, or the bytes are no sealed key.
    """
    cipher = _cipher(password)
    key = wire.loads(sealed, password=password) if cipher is None else wire.loads(_opened(sealed, cipher))
    if not isinstance(key, PrivateKey):
        raise WireFormatError("kind: a sealed private key was expected")
    return key


def _opened(sealed: bytes, cipher: AESGCM) -> bytes:
    """The message that seal() put under a drawn password."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
    except (InvalidTag, TypeError, ValueError):
        raise WireFormatError("secret key: the password is another party's, or the bytes were changed") from None


def _cipher(password: str) -> AESGCM | None:
    """Under a drawn password; None for others."""
    drawn = _DRAWN.fullmatch(password)
    return AESGCM(bytes.fromhex(drawn[1])) if drawn else None
