"""Device memory that secrets pass through: zeroed when it is dropped, before it goes back to its pool.

A block under secret_memory() covers all that devices allocate there: results, copies, scratch memory of whatever is
called, and what is cached meanwhile. Kernels know nothing of it; backends ask wanted() when they allocate.
"""

from __future__ import annotations

import contextvars
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_wanted: contextvars.ContextVar[bool] = contextvars.ContextVar("hepy_secret_memory", default=False)


@contextmanager
def secret_memory() -> Iterator[None]:
    """What devices allocate inside the block is zeroed when its last array is dropped; also a decorator."""
    token = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted() -> bool:
    """Whether what is allocated here and now is to be zeroed in the end."""
    return _wanted.get()


class CupyAllocator:
    """An allocator for cupy.cuda.using_allocator, whose memory is zeroed before it goes back to where it came from.

    Zeros are queued in the stream that the memory was allocated in, where CuPy's pool hands it out again, after the work
    that is queued so far in the stream that is current when the last array is dropped.

    Args:
        cupy: the module.
        allocate: the allocator below, size -> MemoryPointer.
    """

    def __init__(self, cupy: Any, allocate: Callable[[int], Any]) -> None:
        self._cupy, self._allocate = cupy, allocate

    def __call__(self, size: int) -> Any:
        cuda, pointer = self._cupy.cuda, self._allocate(size)
        if size == 0:
            return pointer
        lease = _Lease()
        stream = cuda.get_current_stream()
        # Runs at the end of the process too, for what is still alive then.
        weakref.finalize(lease, _zero, cuda, pointer, size, stream, os.getpid())
        return cuda.MemoryPointer(cuda.UnownedMemory(pointer.ptr, size, lease, pointer.device_id), 0)


class _Lease:
    """Lives as long as the arrays that use some memory."""

    __slots__ = ("__weakref__",)


def _zero(cuda: Any, pointer: Any, size: int, stream: Any, process: int) -> None:
    if os.getpid() != process:
        return  # CUDA does not work in a forked child, and the memory is its parent's
    with cuda.Device(pointer.device_id):
        current = cuda.get_current_stream()
        if current.ptr != stream.ptr:
            stream.wait_event(current.record())
        pointer.memset_async(0, size, stream)
