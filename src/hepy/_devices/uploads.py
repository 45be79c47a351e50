"""Host arrays on their way to a device, in pieces, so that copying one overlaps the work on those before.

A piece goes through a *lane*: page-locked memory on the host and as much on the device. Copies have a stream of their
own. Two lanes take turns: while the device works on one piece, the next is copied and the one after it is written to
page-locked memory. Events keep the order: a copy waits for the work that reads the lane's last piece, work waits for the
copy of its piece, and the host waits until its memory has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hepy._devices import emulated_arrays as emulated
from hepy._devices import zeroing

PIECE = 16 << 20  # bytes; smaller arrays are copied at once
LANES = 2


class Lane(Protocol):
    """Memory on both sides, and copies from the host's to the device's."""

    host: npt.NDArray[np.uint8]
    device: Any  # uint8[...] of the same size

    def wait(self) -> None:
        """Until `host` may be written: what was in it has been copied."""

    def send(self, size: int) -> None:
        """Copy the first bytes, after the work that reads those before; work that is queued from now on sees them."""

    def used(self) -> None:
        """All work that reads what was sent has been queued."""

    def close(self) -> None:
        """The last: memory goes to others when nothing needs it."""


class EmulatedLane:
    """Contract: Lane. The emulator works at once, so there is nothing to wait for."""

    def __init__(self, index: int, size: int) -> None:
        self.host = np.empty(size, np.uint8)
        self.device = emulated.allocate(size, np.uint8, index)

    def wait(self) -> None:
        pass

    def send(self, size: int) -> None:
        self.device[:size].set(self.host[:size])

    def used(self) -> None:
        pass

    def close(self) -> None:
        pass


class CupyLane:
    """Contract: Lane.

    Args:
        active: makes the lane's GPU current.
        copies: the stream of the copies, which does not wait for the default stream.
    """

    def __init__(self, cupy: Any, active: Callable[[], AbstractContextManager[None]], copies: Any, size: int) -> None:
        self._cupy, self._active, self._copies = cupy, active, copies
        self._secret = zeroing.wanted()
        with active():
            self.host = np.frombuffer(cupy.cuda.alloc_pinned_memory(size), np.uint8, size)
            with copies:  # CuPy gives memory again in the order of the stream that it was made for
                self.device = cupy.empty(size, np.uint8)
            self._copied, self._used = (cupy.cuda.Event(disable_timing=True) for _ in range(2))

    def wait(self) -> None:
        with self._active():
            self._copied.synchronize()

    def send(self, size: int) -> None:
        runtime = self._cupy.cuda.runtime
        with self._active():
            self._copies.wait_event(self._used)
            runtime.memcpyAsync(
                self.device.data.ptr, self.host.ctypes.data, size, runtime.memcpyHostToDevice, self._copies.ptr
            )
            self._copied.record(self._copies)
            self._cupy.cuda.get_current_stream().wait_event(self._copied)

    def used(self) -> None:
        with self._active():
            self._used.record(self._cupy.cuda.get_current_stream())

    def close(self) -> None:
        self.used()  # also where work was queued and an error ended it
        with self._active():
            self._copies.wait_event(self._used)
            self._copied.synchronize()
        if self._secret:  # CuPy keeps page-locked memory for others
            self.host.fill(0)


def pieces(lane: Callable[[int], Lane], host: npt.NDArray[Any]) -> Iterator[tuple[slice, Any]]:
    """Rows of a host array, [rows, ...], in device memory: which they are, and an array that holds until the next.

    Args:
        lane: lane(size) makes one for pieces of so many bytes.
        host: at least one row, of at least one byte. What is changed in it afterwards does not matter.
    """
    row = host[:1].nbytes
    step = max(1, PIECE // row)
    lanes = [lane(step * row) for _ in range(LANES)]
    try:
        for turn, start in enumerate(range(0, len(host), step)):
            at, part = lanes[turn % LANES], host[start : start + step]
            at.wait()
            np.copyto(at.host[: part.nbytes].view(part.dtype).reshape(part.shape), part)
            at.send(part.nbytes)
            yield slice(start, start + len(part)), at.device[: part.nbytes].view(part.dtype).reshape(part.shape)
            at.used()
    finally:
        for each in lanes:
            each.close()
