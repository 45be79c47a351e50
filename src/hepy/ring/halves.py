"""Pairs of polynomials of which one expands from a public seed, on every device that uses them: what keys are made of.

On a device a pair is *expanded*, as operations read it, or *half*: the half that no seed gives, from which the pair is
expanded again without a copy from the host. Where nothing of it is on a device it is on another or on the host. So a pair
takes part in hepy._devices.residency: when memory runs short on a device, pairs there become halves, then move out, those that
were not used for longest first.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import NamedTuple

from hepy import _devices
from hepy._devices import HOST, Device, graphs, residency
from hepy._host.locks import new_lock
from hepy.errors import DeviceOutOfMemoryError
from hepy.ring.polynomial import Polynomial


class Place(NamedTuple):
    """Where a pair is.

    Attributes:
        device: the device's name.
        form: "expanded" or "half".
        nbytes: bytes there, what was derived from the pair included.
    """

    device: str
    form: str
    nbytes: int


class Halves:
    """A pair; safe to use from many threads.

    Args:
        first: the half that no seed gives, [B...].
        expand: expand() makes the second half, [B...] of the same basis, on the current device.
        second: the same, where it was made already.
    """

    def __init__(self, first: Polynomial, expand: Callable[[], Polynomial], second: Polynomial | None = None) -> None:
        self._expand = expand
        self._lock = new_lock()  # held while something moves out
        copy = _Copy(first.device, half=first) if second is None else _Copy(first.device, pair=_joined(first, second))
        self._copies: dict[Device, _Copy] = {first.device: copy}
        residency.used(first.device, self)

    @property
    def first(self) -> Polynomial:
        """The half that no seed gives, wherever it is."""
        copies = dict(self._copies)
        return copies.get(HOST, next(iter(copies.values()))).first

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the pair is, the host first."""
        copies = sorted(self._copies.items(), key=lambda item: (item[0] != HOST, item[0].name))
        return tuple(Place(device.name, copy.form, copy.nbytes) for device, copy in copies)

    def on(self, device: Device) -> Polynomial:
        """Both halves, [2, B...], on a device: moved in and expanded unless they are there.

        Raises:
            DeviceOutOfMemoryError: there is not enough memory, also when all other pairs have moved out.
        """
        residency.used(device, self)
        copy = self._copies.get(device)
        if copy is None or copy.pair is None:
            copy = self._move_in(device, copy)
        copy.owner.meet()
        assert copy.pair is not None
        copy.keep_for_graphs()
        return copy.pair

    def derived(self, device: Device, name: Hashable, make: Callable[[Polynomial], Polynomial]) -> Polynomial:
        """make(both halves), kept under that name beside them until memory runs short."""
        residency.used(device, self)
        copy = self._copies.get(device)
        found = None if copy is None else copy.derived.get(name)
        if copy is None or found is None:
            found = make(self.on(device))
            copy = self._copies.get(device)  # which making it may have moved out
            if copy is not None:
                found = copy.derived.setdefault(name, found)
                copy.owner.meet()
        else:
            copy.owner.meet()
            copy.keep_for_graphs()
        return found

    def shrink(self, device: Device) -> bool:
        """Contract: hepy._devices.residency.Guest."""
        copy = self._copies.get(device)
        if copy is None or copy.holders:
            return False
        if copy.derived:
            copy.forget_derived()
            return True
        with self._lock:
            if copy.pair is None or self._copies.get(device) is not copy:
                return False
            try:
                half = copied(copy.first)
            except DeviceOutOfMemoryError:
                return False
            copy.owner.settle()
            self._copies[device] = _Copy(device, half=half)
        return True

    def move_out(self, device: Device) -> bool:
        """Contract: hepy._devices.residency.Guest. The host keeps a half, unless another device does."""
        with self._lock:
            copy = self._copies.get(device)
            if copy is None or device == HOST or copy.holders:
                return False
            if len(self._copies) == 1:
                self._copies[HOST] = _Copy(HOST, half=copy.first.to(HOST))
            copy.owner.settle()
            del self._copies[device]
        return True

    def _move_in(self, device: Device, there: _Copy | None) -> _Copy:
        first = self.first if there is None else there.first
        with _devices.device(device):
            pair = residency.with_room(device, 0, lambda: _joined(first.to(device), self._expand))
        made = self._copies[device] = _Copy(device, pair=pair)
        return made


class _Copy:
    """What one device has of a pair."""

    __slots__ = ("_half", "derived", "holders", "owner", "pair")

    def __init__(self, device: Device, *, half: Polynomial | None = None, pair: Polynomial | None = None) -> None:
        self._half, self.pair, self.owner = half, pair, residency.Owner(device)
        self.derived: dict[Hashable, Polynomial] = {}
        self.holders: weakref.WeakSet[graphs.Held] = weakref.WeakSet()  # graphs that read it, for which it stays

    def keep_for_graphs(self) -> None:
        holder = graphs.hold(self)
        if holder is not None:
            self.holders.add(holder)

    @property
    def first(self) -> Polynomial:
        if self.pair is not None:
            return self.pair[0]
        assert self._half is not None
        return self._half

    @property
    def form(self) -> str:
        return "half" if self.pair is None else "expanded"

    @property
    def nbytes(self) -> int:
        held = [array for array in (self.pair, self._half) if array is not None]
        return sum(array.nbytes for array in [*held, *list(self.derived.values())])

    def forget_derived(self) -> None:
        self.owner.settle()
        self.derived.clear()


def _joined(first: Polynomial, second: Polynomial | Callable[[], Polynomial]) -> Polynomial:
    """[2, B...]; what makes the second half is called when the first is in its place."""
    device, words = first.device, first._kernels.empty((2, *first.shape, len(first.basis), first.basis.degree))
    joined = first._with(words)
    with device.active():
        words[0] = first._words
    del first  # a copy on its way, whose memory may serve the second half
    other = second if isinstance(second, Polynomial) else second()
    with device.active():
        words[1] = other._words
    return joined


def copied(x: Polynomial) -> Polynomial:
    """The same in memory of its own."""
    words = x._kernels.empty((*x.shape, len(x.basis), x.basis.degree))
    with x.device.active():
        words[...] = x._words
    return x._with(words)
