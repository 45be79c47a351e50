"""Plaintexts that are encoded once and used many times: weights, masks, constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hepy._host.locks import new_lock
from hepy.ckks.encoding import Values, largest


class Plaintext:
    """Numbers with their encodings, each made when a level and scale first needs it, and kept. Made by context.encode.

    Operands of `+ - *` beside ciphertexts, of any context with the same parameters.

    Attributes:
        values: float64 or complex128 [B..., n].
        largest: the largest of |values|.
        bound: declared bound of |values|, or None.
    """

    __slots__ = ("_encodings", "_lock", "bound", "largest", "values")
    __array_ufunc__ = None

    def __init__(self, values: Values, bound: float | None) -> None:
        """values: the plaintext's own from here on."""
        values.flags.writeable = False
        self.values, self.largest = values, largest(values)
        self.bound = bound
        self._encodings: dict[Any, Any] = {}
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"Plaintext(shape={self.values.shape}, encodings={len(self._encodings)}, nbytes={self.nbytes})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """Bytes of the encodings that are kept."""
        with self._lock:
            return sum(made.nbytes for made in self._encodings.values())

    def encoding(self, key: Any, make: Callable[[Values], Any]) -> Any:
        """The encoding under that key, made from the values where it is not kept yet."""
        with self._lock:
            found = self._encodings.get(key)
        if found is None:
            found = make(self.values)
            with self._lock:
                found = self._encodings.setdefault(key, found)
        return found
