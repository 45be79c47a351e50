"""Reading the fields of a header: each with its type and range, or an error that names it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from hepy.errors import WireFormatError

_HEX = re.compile(r"0|[1-9a-f][0-9a-f]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FieldReader:
    """The fields of one JSON object. Take each of them once, then call end().

    Args:
        where: what the object belongs to, for messages.
        fields: what the JSON said.
    """

    def __init__(self, where: str, fields: dict[str, Any]) -> None:
        self._where = where
        self._left = dict(fields)

    def _take(self, name: str) -> Any:
        try:
            return self._left.pop(name)
        except KeyError:
            raise WireFormatError(f"{self._where}: the field {name!r} is missing") from None

    def refuse(self, name: str, reason: str) -> WireFormatError:
        """The error for a field that is not what it has to be."""
        return WireFormatError(f"{self._where}: {name!r} {reason}")

    def integer(self, name: str, low: int, high: int) -> int:
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(name, f"is not a whole number from {low} to {high}")
        return value

    def integers(self, name: str, most: int, low: int, high: int) -> tuple[int, ...]:
        values = self._take(name)
        if not isinstance(values, list) or len(values) > most:
            raise self.refuse(name, f"is not a list of at most {most} numbers")
        if any(isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high for value in values):
            raise self.refuse(name, f"holds something other than whole numbers from {low} to {high}")
        return tuple(values)

    def text(self, name: str, choices: Collection[str]) -> str:
        value = self._take(name)
        if not isinstance(value, str) or value not in choices:
            raise self.refuse(name, f"is none of {sorted(choices)}")
        return value

    def digest(self, name: str) -> str:
        """A SHA-256 digest in hexadecimal."""
        value = self._take(name)
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise self.refuse(name, "is not a SHA-256 digest in hexadecimal")
        return value

    def hexadecimal(self, name: str, bits: int) -> int:
        """A natural number of any size up to `bits` bits, without leading zeros."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > bits // 4 + 1 or not _HEX.fullmatch(value):
            raise self.refuse(name, f"is not a hexadecimal number of at most {bits} bits")
        number = int(value, 16)
        if number.bit_length() > bits:
            raise self.refuse(name, f"is not a hexadecimal number of at most {bits} bits")
        return number

    def octets(self, name: str, size: int) -> bytes:
        """Bytes of fixed number, in hexadecimal."""
        value = self._take(name)
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
            raise self.refuse(name, f"is not {size} bytes in hexadecimal")
        return bytes.fromhex(value)

    def object(self, name: str) -> dict[str, Any]:
        value = self._take(name)
        if not isinstance(value, dict):
            raise self.refuse(name, "is not an object")
        return value

    @property
    def empty(self) -> bool:
        """Whether no field is left."""
        return not self._left

    def end(self) -> None:
        """Check that no field is left."""
        if self._left:
            raise WireFormatError(f"{self._where}: the field {min(self._left)[:40]!r} is unknown in format 1")
