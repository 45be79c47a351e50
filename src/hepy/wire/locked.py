"""Ciphertexts whose key is not at hand: they can be described, kept and unlocked, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from hepy.errors import MissingKeyError
from hepy.wire.kinds import Header


class LockedCiphertexts:
    """What hepy.loads makes of ciphertexts when it is given no key.

    Reads as an attribute whatever the header says (`fingerprint`, `shape`, `account`, `bits`, `variant`); it was
    checked for form. The residues were not looked at: only the key tells whether they are ciphertexts.

    Raises:
        MissingKeyError: on any other use; says which key to pass.
    """

    __slots__ = ("_data", "_header", "kind")
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, kind: str, header: Header, data: bytes) -> None:
        self.kind = kind
        self._header = header
        self._data = data

    def __repr__(self) -> str:
        said = dataclasses.asdict(self._header)  # type: ignore[call-overload]
        shape = f"shape={said['shape']}, " if "shape" in said else ""
        return (
            f"LockedCiphertexts({self.kind!r}, {shape}bytes={len(self._data)}, key={self._header.fingerprint[:16]!r})"
        )

    @property
    def header(self) -> Header:
        """What the message says in clear."""
        return self._header

    @property
    def message(self) -> bytes:
        """The message as it came, to keep or to forward."""
        return self._data

    def unlock(self, key: Any) -> Any:
        """The ciphertexts, with their public or private key, on the current device.

        Raises:
            KeyMismatchError: they belong to another key.
            WireFormatError: they are no ciphertexts of that key.
        """
        from hepy.wire.messages import loads

        return loads(self._data, key, max_bytes=len(self._data))

    def digest(self) -> str:
        """SHA-256 of the message, in hexadecimal: what its sender's digest() says."""
        return hashlib.sha256(self._data).hexdigest()

    def missing_key(self, what: str) -> MissingKeyError:
        return MissingKeyError(
            f"these ciphertexts were loaded without their key and cannot {what}: pass the key with fingerprint "
            f"{self._header.fingerprint} to hepy.loads(data, key) or to .unlock(key)"
        )

    def __reduce__(self) -> Any:
        from hepy.wire.messages import loads

        return loads, (self._data,)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in {field.name for field in dataclasses.fields(self._header)}:  # type: ignore[arg-type]
            return getattr(self._header, name)
        raise self.missing_key("be used")

    def _refuse(self, *operands: Any) -> Any:
        raise self.missing_key("be used")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _refuse
    __neg__ = __pos__ = __getitem__ = __len__ = __iter__ = __array__ = _refuse
