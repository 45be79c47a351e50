"""Where arrays live and work runs: `cpu`, `cuda:N` or `emulator`, chosen by name and kept in a context.

A device is usable when what it needs is here; unavailable() says what the others lack. What a kind of device is made
of stands in backends.py. Above this package and the arithmetic layers, nothing branches on a device.
"""

from __future__ import annotations

import contextvars
import functools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import graphs, residency, uploads
from hepy._devices.backends import BACKENDS, Backend, Properties, Shape
from hepy._devices.graphs import Graph
from hepy.errors import DeviceError, DeviceOutOfMemoryError, ParameterError
from hepy.options import options


@dataclass(frozen=True)
class Device:
    """One place where arrays live. Methods may be called from any thread, whichever device is current.

    Attributes:
        kind: "cpu", "emulator" or "cuda".
        index: which GPU, or which of the emulator's two; 0 for the host.
    """

    kind: str
    index: int = 0

    @property
    def name(self) -> str:
        return self.kind if self.index == 0 and self.kind != "cuda" else f"{self.kind}:{self.index}"

    @property
    def _backend(self) -> Backend:
        return BACKENDS[self.kind]

    @property
    def xp(self) -> Any:
        """The array module: numpy, CuPy, or numpy's functions on an emulated device's memory."""
        return self._backend.xp(self.index)

    @property
    def native(self) -> ModuleType:
        """The compiled kernels of this device.

        Raises:
            DeviceError: the device has none, or was in use before this process was forked.
        """
        return self._backend.native()

    @property
    def stream(self) -> Any:
        """What kernels are given to say where they run: this device and CuPy's current stream on it."""
        return self._backend.stream(self.index)

    def active(self) -> AbstractContextManager[None]:
        """Operations of `xp` inside the block run on this device. Errors of CuPy leave it as hepy's."""
        return self._backend.active(self.index)

    def empty(self, shape: Shape, dtype: npt.DTypeLike) -> Any:
        """An array here, not initialized.

        Raises:
            DeviceOutOfMemoryError: there is not enough memory, or options.device_memory allows no more, also after guests
                (see residency.py) have given up what they keep here; nothing else is affected.
        """
        size = math.prod((shape,) if isinstance(shape, int) else shape) * np.dtype(dtype).itemsize
        return self._with_room(size, lambda: self._backend.empty(self.index, shape, dtype))

    def asarray(self, array: Any) -> Any:
        """The array on this device: itself if it is here, else a copy, whether it comes from the host or elsewhere.

        Raises:
            DeviceOutOfMemoryError: there is not enough memory for the copy.
        """
        backend = self._backend
        owner = backend.owner(array)
        if owner == self.index:
            return array
        if owner is not None:
            return self._with_room(int(array.nbytes), lambda: backend.copy(self.index, array))
        host = to_host(array)
        graphs.check_copy()
        if host.nbytes <= uploads.PIECE or backend.owner(host) is not None:
            return self._with_room(host.nbytes, lambda: backend.upload(self.index, host))
        out = self.empty(host.shape, host.dtype)
        flat = out.reshape(-1)
        for rows, piece in self.pieces(host.reshape(-1)):
            with self.active():
                flat[rows] = piece
        return out

    def pieces(self, array: Any) -> Iterator[tuple[slice, Any]]:
        """The array on this device, rows of its first axis at a time: which they are, and an array of them.

        A large array of the host comes in pieces, so that copying one overlaps the work on those before; work on a piece
        has to be queued before the next is asked for. What is small or on a device comes in one piece.

        Raises:
            DeviceOutOfMemoryError: there is not enough memory for a few pieces.
        """
        host = isinstance(array, np.ndarray) and self._backend.owner(array) is None
        if not host or array.nbytes <= uploads.PIECE:
            yield slice(0, len(array)), self.asarray(array)
            return
        self._check_budget(uploads.LANES * uploads.PIECE)
        yield from uploads.pieces(lambda size: self._backend.lane(self.index, size), array)

    def make_room(self, size: int) -> None:
        """Have guests give up what they keep here, as far as less than that is free; for work that allocates by `xp`."""
        if size > self.free_bytes():
            residency.make_room(self, size)

    def _with_room(self, size: int, make: Callable[[], Any]) -> Any:
        """make(), which allocates that many bytes, once guests have given up what it needs."""

        def allocate() -> Any:
            self._check_budget(size)
            return make()

        try:
            return residency.with_room(self, size, allocate)
        except DeviceOutOfMemoryError as error:
            raise self._shortage(size) from error

    def _check_budget(self, size: int) -> None:
        left = self._budget_left()
        if left is not None and size > left:
            raise self._shortage(size)

    def _shortage(self, size: int) -> DeviceOutOfMemoryError:
        free, left = self.free_bytes(), self._budget_left()
        if left is not None and left < size:
            return DeviceOutOfMemoryError(
                f"{size} bytes are needed on {self.name!r} and options.device_memory={options.device_memory} leaves "
                f"{left}: raise it, free arrays, or work in smaller pieces"
            )
        return DeviceOutOfMemoryError(
            f"{size} bytes are needed on {self.name!r} and {free} are free: free arrays, work in smaller pieces (fewer "
            "ciphertexts in a batch), or lower options.table_memory where tables of fixed bases take much"
        )

    def _budget_left(self) -> int | None:
        """Bytes that options.device_memory leaves here; None where it sets no limit."""
        if options.device_memory is None:
            return None
        used = self._backend.used_bytes(self.index)
        return None if used is None else max(0, options.device_memory - used)

    def queue(self) -> int:
        """A number for the stream that is current here: work of one number is done in the order of its calls."""
        return self._backend.queue(self.index)

    @property
    def has_graphs(self) -> bool:
        """Whether graph() records work here."""
        return self._backend.has_graphs

    def graph(self, work: Callable[[], Any]) -> Graph:
        """Record work() and what it returns, to launch it as a whole: see graphs.py. It does not wait for the device.

        Raises:
            DeviceError: this device has no graphs, or the work cannot be recorded.
            DeviceOutOfMemoryError: there is not enough memory for it.
        """
        return self._backend.graph(self.index, work)

    def synchronize(self) -> None:
        """Wait for all work that was queued on this device."""
        self._backend.synchronize(self.index)

    def settle(self) -> None:
        """Wait for what was made here and is kept, so that it may be used in any stream from now on."""
        self.synchronize()

    def properties(self) -> Properties:
        """Name, memory and compute capability."""
        return self._backend.properties(self.index)

    def free_bytes(self) -> int:
        """Memory that new arrays can have, what a pool keeps for them included, as far as options.device_memory goes."""
        free, left = self._backend.free_bytes(self.index), self._budget_left()
        return free if left is None else min(free, left)


HOST = Device("cpu")
_current: contextvars.ContextVar[Device] = contextvars.ContextVar("hepy_device", default=HOST)


def current() -> Device:
    """The device on which things are made here."""
    return _current.get()


def device_of(array: Any) -> Device:
    """The device that holds an array.

    Raises:
        ParameterError: it is no array of any device.
    """
    for kind, backend in BACKENDS.items():
        index = backend.owner(array)
        if index is not None:
            return Device(kind, index)
    raise ParameterError(f"an array was expected, of numpy or of a device, not {type(array).__name__}")


def array_of(values: Any) -> Any:
    """An array of any device as it is, one in a device's memory as that device's; what is none goes through numpy.asarray."""
    placed = placed_array(values)
    return np.asarray(values) if placed is None else placed


def placed_array(values: Any) -> Any | None:
    """An array that is numpy's or in a device's memory, without a copy; None for anything else."""
    if type(values) is np.ndarray:  # most are, and asking each kind takes a microsecond
        return values
    if any(backend.owner(values) is not None for backend in BACKENDS.values()):
        return values
    adopted = (backend.adopt(values) for backend in BACKENDS.values())
    return next((array for array in adopted if array is not None), None)


def brought_here(values: Any) -> Any:
    """What is in a device's memory, copied to the host; anything else as it is."""
    placed = placed_array(values)
    return values if placed is None else to_host(placed)


def to_host(array: Any) -> npt.NDArray[Any]:
    """The array as numpy's, copied if it is elsewhere; what is no array yet goes through numpy.asarray."""
    for backend in BACKENDS.values():
        if backend.owner(array) is not None:
            graphs.check_copy()
            return backend.download(array)
    return np.asarray(array)


def devices() -> tuple[str, ...]:
    """Names of the devices that can be used here and now.

    The emulator also answers to "emulator:1", a second device with memory of its own, for tests of what happens
    between devices.

    >>> import hepy
    >>> hepy.devices()[0]
    'cpu'
    """
    return tuple(device.name for device in _probe()[0] if device.kind != "emulator" or device.index == 0)


def unavailable() -> dict[str, str]:
    """Kinds of devices that cannot be used here, each with the reason."""
    return dict(_probe()[1])


def resolve(device: str | Device) -> Device:
    """The usable device of that name; "cuda" alone means "cuda:0".

    Raises:
        DeviceError: it cannot be used here; says why, and what can.
        ParameterError: there is no such device.
    """
    if device in (HOST, HOST.name):  # always here: other kinds need not be looked for, which loads their modules
        return HOST
    if isinstance(device, Device) and device in _probe()[0]:
        return device
    name = device.name if isinstance(device, Device) else device
    if not isinstance(name, str):
        raise ParameterError(f"a device is a name such as 'cpu' or 'cuda:0', not {type(name).__name__}")
    kind, colon, number = name.partition(":")
    if kind not in BACKENDS or (colon and not (number.isascii() and number.isdecimal())):
        raise ParameterError(f"there is no device {name!r}: names are 'cpu', 'emulator' and 'cuda:N'")
    wanted = Device(kind, int(number or 0))
    usable, missing = _probe()
    if wanted in usable:
        return wanted
    why = missing.get(kind, f"there is no {kind} device with this number")
    raise DeviceError(f"device {name!r} cannot be used here: {why}. Usable: {', '.join(d.name for d in usable)}")


@contextmanager
def device(name: str | Device) -> Iterator[Device]:
    """Make that device the one on which things are made inside the block; safe in threads and coroutines.

    >>> import hepy
    >>> with hepy.device("cpu") as here:
    ...     here.name
    'cpu'
    """
    token = _current.set(resolve(name))
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@contextmanager
def stream(cupy_stream: Any) -> Iterator[None]:
    """Queue work of the current GPU in that stream of CuPy inside the block, in order with CuPy's own work there.

    As with CuPy, an array that one stream makes is ready for another after an event or a synchronization, and memory
    is given again in the order of the stream that it was made in: before the last reference to an array or a key goes,
    other streams that used it should have ended their work. What keys make once and keep is ready for all streams.

    Args:
        cupy_stream: a cupy.cuda.Stream or ExternalStream of the current device.

    Raises:
        DeviceError: the current device is not a GPU, or the object is no stream of CuPy.
    """
    here = current()
    with BACKENDS[here.kind].using(here.index, cupy_stream):
        yield


@functools.cache
def _probe() -> tuple[tuple[Device, ...], dict[str, str]]:
    usable, missing = [], {}
    for kind, backend in BACKENDS.items():
        try:
            usable += [Device(kind, index) for index in range(backend.count())]
        except DeviceError as error:
            missing[kind] = str(error)
    return tuple(usable), missing


# What a process could use its forked child may not.
os.register_at_fork(after_in_child=_probe.cache_clear)
