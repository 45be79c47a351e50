"""Plaintexts that are encoded once and used many times: weights, masks, constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hepy._devices import Device, graphs, residency
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.ckks.encoding import Values, largest


class Plaintext(ReadOnly):
    """Numbers with their encodings, each made when a level and scale first needs it, and kept. Made by context.encode.

    Operands of `+ - *` beside ciphertexts, of any context with the same parameters. On a device encodings take part in
    hepy._devices.residency: when memory runs short they are dropped, and made again from the values when they are needed.

    Attributes:
        values: float64 or complex128 [B..., n].
        largest: the largest of |values|.
        bound: declared bound of |values|, or None.
    """

    __slots__ = ("__weakref__", "_encodings", "_lock", "bound", "largest", "values")
    __array_ufunc__ = None

    def __init__(self, values: Values, bound: float | None) -> None:
        """values: the plaintext's own from here on."""
        values.flags.writeable = False
        self.values, self.largest = values, largest(values)
        self.bound = bound
        self._encodings: dict[tuple[str, Any], _Encoding] = {}  # by the device's name and what else sets them
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"Plaintext(shape={self.values.shape}, encodings={len(self._encodings)}, nbytes={self.nbytes})"

    @property
    def shape(self) -> tuple[int, ...]:
        """[B..., n], that of the values."""
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """Bytes of the encodings that are kept."""
        with self._lock:
            return sum(each.made.nbytes for each in self._encodings.values())

    def encoding(self, key: Any, device: Any, make: Callable[[Values], Any]) -> Any:
        """The encoding under that key on a device, or on what plans have for one: made from the values if it is not there."""
        place = device.name, key
        with self._lock:
            found = self._encodings.get(place)
        if found is None:
            found = _Encoding(make(self.values), residency.Owner(device) if isinstance(device, Device) else None)
            with self._lock:
                found = self._encodings.setdefault(place, found)
        if found.owner is not None:
            residency.used(device, self)
            found.owner.meet()
            graphs.hold(found.made)
        return found.made

    def shrink(self, device: Device) -> bool:
        """Contract: hepy._devices.residency.Guest."""
        with self._lock:
            places = [place for place in self._encodings if place[0] == device.name]
            dropped = [self._encodings.pop(place) for place in places]
        for encoding in dropped:
            if encoding.owner is not None:
                encoding.owner.settle()
        return bool(dropped)

    def move_out(self, device: Device) -> bool:
        """Contract: hepy._devices.residency.Guest. All that is there can be computed again."""
        return False


class _Encoding(NamedTuple):
    """What was made for one device, and which of its streams the memory belongs to."""

    made: Any
    owner: residency.Owner | None
