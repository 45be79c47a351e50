"""What devices hold only while there is room: copies that can be made again. Those not used for longest go first.

A guest is an object with copies on devices. It says when it uses one, and is asked to give some of it up when an
allocation there does not succeed. Keys of CKKS and encodings of plaintexts are guests: a device's memory is theirs until
arrays need it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from hepy._host.locks import new_lock
from hepy.errors import DeviceOutOfMemoryError

if TYPE_CHECKING:
    from hepy._devices import Device

Result = TypeVar("Result")


class Guest(Protocol):
    """Keeps copies on devices. Both methods may be called from any thread."""

    def shrink(self, device: Device) -> bool:
        """Give up what can be computed again on that device; False where there is nothing left of that kind."""

    def move_out(self, device: Device) -> bool:
        """Give up all that is there, once it is kept elsewhere; False where there is nothing."""


class Owner:
    """The stream that memory belongs to, which is the one that is current when this is made.

    Where another uses it, the host waits once for what was queued before, and again before the memory is given up.
    """

    __slots__ = ("_device", "_queue", "_shared")

    def __init__(self, device: Device) -> None:
        self._device, self._queue, self._shared = device, device.queue(), False

    def meet(self) -> None:
        """Before the current stream reads it."""
        if not self._shared and self._device.queue() != self._queue:
            self._device.synchronize()
            self._shared = True

    def settle(self) -> None:
        """Before the memory is given up."""
        if self._shared:
            self._device.synchronize()


_FEW = 256  # guests, up to which nobody looks who of them is gone

_lock = new_lock()
_busy = threading.local()
_orders: dict[Device, dict[int, weakref.ref[Guest]]] = {}  # by id(), last used at the end
_crowds: dict[Device, int] = {}  # how many are too many to have been there when it was last looked


def used(device: Device, guest: Guest) -> None:
    """Note that a guest uses its copy there now, or is about to make one."""
    with _lock:
        order = _orders.setdefault(device, {})
        known = order.pop(id(guest), None)
        if known is None or known() is not guest:
            known = weakref.ref(guest)
        order[id(guest)] = known
        if len(order) > _crowds.get(device, _FEW):
            _crowds[device] = max(_FEW, 2 * len(_alive(device)))


def with_room(device: Device, size: int, work: Callable[[], Result]) -> Result:
    """work(), again and again as long as it lacks memory and guests have something to give up.

    Args:
        size: how many bytes it takes, 0 where that is not known: then copies go one by one.

    Raises:
        DeviceOutOfMemoryError: of work(), when nobody has anything left.
    """
    while True:
        try:
            return work()
        except DeviceOutOfMemoryError:
            if not make_room(device, size):
                raise


def make_room(device: Device, size: int) -> bool:
    """Have guests give up copies, at least one and until so many bytes are free; False where nobody has anything left.

    First all of them shrink, then they move out, each in the order of their last use. What they allocate meanwhile makes no
    room of its own.
    """
    if getattr(_busy, "here", False):
        return False
    _busy.here, done = True, False
    try:
        for gave_up in _offers(device):
            done = done or gave_up
            if gave_up and device.free_bytes() >= size:
                break
    finally:
        _busy.here = False
    return done


def _offers(device: Device) -> Iterator[bool]:
    guests = _guests(device)
    for guest in guests:
        yield guest.shrink(device)
    for guest in guests:
        yield guest.move_out(device)
        # What has moved out leaves room for others to shrink, which takes some for a moment.
        for other in guests:
            yield other.shrink(device)


def _guests(device: Device) -> list[Guest]:
    with _lock:
        return _alive(device)


def _alive(device: Device) -> list[Guest]:
    """The guests there that are not gone; the others are forgotten."""
    order = _orders.get(device, {})
    alive = {key: (ref, guest) for key, ref in order.items() if (guest := ref()) is not None}
    _orders[device] = {key: ref for key, (ref, _) in alive.items()}
    return [guest for _, guest in alive.values()]
