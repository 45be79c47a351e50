"""Work of a device that is recorded once and launched as a whole afterwards, without Python between its kernels.

What was recorded names addresses. So everything that it reads or writes has to stay where it is as long as the graph lives:
memory for results comes from a pool of the graph's own, and caches hand what they keep to hold(), which lets the graph being
recorded keep it too.
"""

from __future__ import annotations

import contextvars
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar

from hepy.errors import DeviceError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Graph(Protocol):
    """Recorded work.

    Attributes:
        results: what the work returned; its arrays are overwritten by every launch.
        nbytes: memory that the work takes, inputs apart.
    """

    results: Any
    nbytes: int

    def launch(self, fill: Callable[[], None], drain: Callable[[], Result]) -> Result:
        """fill(), the work, drain(), in the order of the current stream, and apart from every other launch."""


class Held:
    """What a graph keeps alive.

    Attributes:
        things: that were handed to hold().
        recording: whether work is being recorded now, and not only done to fill caches.
    """

    __slots__ = ("__weakref__", "recording", "things")

    def __init__(self) -> None:
        self.things: list[Any] = []
        self.recording = False


_holding: contextvars.ContextVar[Held | None] = contextvars.ContextVar("hepy_graph", default=None)


def hold(thing: Any) -> Held | None:
    """Have the graph that is being recorded, if one is, keep this; returns what keeps it."""
    held = _holding.get()
    if held is not None:
        held.things.append(thing)
    return held


def holds(cached: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A decorator of functions that return what is kept on a device."""

    @functools.wraps(cached)
    def call(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        found = cached(*arguments, **options)
        hold(found)
        return found

    return call


def check_copy() -> None:
    """Before a copy from or to the host: raise DeviceError while work is recorded, whose launches could not repeat it."""
    held = _holding.get()
    if held is not None and held.recording:
        raise DeviceError("work that copies from or to the host cannot be recorded as a graph: do that before or after")


@contextmanager
def holding(held: Held) -> Iterator[None]:
    """Inside the block what is handed to hold() is kept there."""
    token = _holding.set(held)
    try:
        yield
    finally:
        _holding.reset(token)


class CupyGraph:
    """Contract: Graph. Records by CUDA's stream capture, through CuPy; the GPU is current.

    The work is done three times: as it is, by which caches fill; again, by which the graph's pool gets the memory that the
    work takes; and recorded, with memory of that pool, so that nothing is allocated meanwhile.
    """

    def __init__(self, cupy: Any, work: Callable[[], Any]) -> None:
        cuda = cupy.cuda
        self._cupy, self._held, self._lock = cupy, Held(), threading.Lock()
        self._pool = cuda.MemoryPool()
        stream, caller = cuda.Stream(non_blocking=True), cuda.get_current_stream()
        stream.wait_event(caller.record())
        with stream, holding(self._held):
            work()
            with cuda.using_allocator(self._pool.malloc):
                work()
                stream.synchronize()
                stream.begin_capture()
                self._held.recording = True
                try:
                    self.results = work()
                finally:  # a stream in which an error left the recording open could not be used again
                    self._held.recording = False
                    self._graph = stream.end_capture()
        self.nbytes = int(self._pool.total_bytes())
        self._done = cuda.Event(disable_timing=True)
        _pools[self] = (cuda.Device().id, self.nbytes)

    def launch(self, fill: Callable[[], None], drain: Callable[[], Result]) -> Result:
        with self._lock:
            stream = self._cupy.cuda.get_current_stream()
            stream.wait_event(self._done)
            fill()
            self._graph.launch(stream)
            drained = drain()
            self._done.record(stream)
            return drained


# Of graphs that are alive: which GPU, and how much of its memory their pools have.
_pools: weakref.WeakKeyDictionary[CupyGraph, tuple[int, int]] = weakref.WeakKeyDictionary()


def pool_bytes(index: int) -> int:
    """Memory of a GPU that graphs have."""
    return sum(size for gpu, size in list(_pools.values()) if gpu == index)
