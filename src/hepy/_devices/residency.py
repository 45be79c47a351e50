"""What devices hold only while there is room: copies that can be made again. Those not used for longest go first.

A guest is an object with copies on devices. It says when it uses one, and is asked to give some of it up when an
allocation there does not succeed. Keys of CKKS are guests: a device's memory is theirs until arrays need it.
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


_lock = new_lock()
_busy = threading.local()
_orders: dict[Device, dict[int, weakref.ref[Guest]]] = {}  # by id(), last used at the end


def used(device: Device, guest: Guest) -> None:
    """Note that a guest uses its copy there now, or is about to make one."""
    with _lock:
        order = _orders.setdefault(device, {})
        known = order.pop(id(guest), None)
        if known is None or known() is not guest:
            known = weakref.ref(guest)
        order[id(guest)] = known


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
        order = _orders.get(device, {})
        alive = {key: (ref, guest) for key, ref in order.items() if (guest := ref()) is not None}
        _orders[device] = {key: ref for key, (ref, _) in alive.items()}
    return [guest for _, guest in alive.values()]
