"""Memory for results of the `cpu` device, used again: fresh pages cost about as much as the arithmetic that fills them.

The system hands out large arrays as pages that it clears when they are first touched, and takes them back as soon as
they are dropped. Here an array of 64 KiB or more lies in a buffer that returns to a list of its size when the last
view of it is gone; the lists hold at most KEPT_BYTES, and a few small buffers of each size. Threads need no lock: a list
is popped and appended at once.
"""

from __future__ import annotations

import collections
import math
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

SMALLEST = 1 << 16
KEPT_BYTES = 1 << 28
_KEPT_OF_A_SIZE = 1 << 22
LINE = 64


class Memory(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
    """Bytes that are handed out. Of its own type, because numpy takes the base of a base for an array's base where all
    are plain arrays, and a lease would be passed over."""

    __slots__ = ()


_free: collections.defaultdict[int, list[Memory]] = collections.defaultdict(list)


def empty(shape: tuple[int, ...]) -> npt.NDArray[np.uint32]:
    """uint32 of that shape, not initialized."""
    size = 4 * math.prod(shape)
    if size < SMALLEST:
        return np.empty(shape, np.uint32)
    return np.ndarray(shape, np.uint32, buffer=_take(size).view(_Lease))


def kept() -> int:
    """Bytes that wait to be used again."""
    return sum(size * len(waiting) for size, waiting in list(_free.items()))


def _take(size: int) -> Memory:
    try:
        return _free[size].pop()
    except IndexError:
        return aligned(size).view(Memory)


def aligned(size: int) -> npt.NDArray[np.uint8]:
    """Fresh memory that begins with a cache line, so that no vector of words lies across two."""
    memory = np.empty(size + LINE, np.uint8)
    skipped = -memory.__array_interface__["data"][0] % LINE
    return memory[skipped : skipped + size]


def _give_back(memory: Memory) -> None:
    waiting = _free[memory.size]
    # Counting all takes longer than handing out.
    if (len(waiting) + 1) * memory.size <= _KEPT_OF_A_SIZE or kept() + memory.size <= KEPT_BYTES:
        waiting.append(memory)


class _Lease(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
    """What numpy holds as the base of an array and of all its views. No array is made of it but that one."""

    __slots__ = ()

    # Bound here, because at the interpreter's end a module's names may be gone before its objects are.
    def __del__(
        self, give_back: Callable[[Memory], None] = _give_back, ends: Callable[[], bool] = sys.is_finalizing
    ) -> None:
        if not ends():
            give_back(self.base)  # type: ignore[arg-type]
