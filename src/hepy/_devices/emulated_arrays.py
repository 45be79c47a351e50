"""Arrays in the memory of an emulated device: numpy's arithmetic with CuPy's manners.

As with CuPy, an array on a device and one on the host do not mix, conversion to numpy is explicit, and what an
operation makes is in the device's memory, where it counts against the limit. So code that would fail on a GPU because
it confuses the two fails here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from hepy._devices import zeroing
from hepy.errors import DeviceError

_UPLOADS = frozenset({"array", "asarray", "ascontiguousarray"})  # in CuPy too, these take arrays of the host


class Pointer(NamedTuple):
    """Where an array's first element is, as CuPy's MemoryPointer says it."""

    ptr: int
    device_id: int


class EmulatedArray(NDArrayOperatorsMixin):
    """An array on the emulated device `index`; attributes and methods are numpy's.

    Attributes:
        index: 0 for "emulator", 1 for "emulator:1".
    """

    __slots__ = ("_host", "index")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: npt.NDArray[Any], index: int) -> None:
        self._host = host
        self.index = index

    # What kernels and their callers ask of every array.

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @property
    def strides(self) -> tuple[int, ...]:
        return self._host.strides

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._host.dtype

    @property
    def ndim(self) -> int:
        return self._host.ndim

    @property
    def size(self) -> int:
        return self._host.size

    @property
    def data(self) -> Pointer:
        return Pointer(self._host.__array_interface__["data"][0], self.index)

    @property
    def __hepy_emulator_array_interface__(self) -> dict[str, Any]:
        return self._host.__array_interface__

    def get(self) -> npt.NDArray[Any]:
        """A copy on the host, as CuPy's method of this name."""
        return self._host.copy()

    def set(self, host: npt.NDArray[Any]) -> None:
        """Takes over the values of a host array, as CuPy's method of this name."""
        self._host[...] = host

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "an array in device memory does not turn into a numpy array by itself: use device.to_host(array)"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._call(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # no back door for numpy's protocols
            raise AttributeError(name)
        found = getattr(self._host, name)
        if callable(found):
            return lambda *args, **kwargs: self._call(found, args, kwargs)
        return wrap(found, self.index)

    def __getitem__(self, key: Any) -> Any:
        return self._call(self._host.__getitem__, (key,), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[unwrap(key, self.index)] = unwrap(value, self.index)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __index__(self) -> int:
        return self._host.__index__()

    def __float__(self) -> float:
        return float(self._host)

    def __repr__(self) -> str:
        return f"EmulatedArray(shape={self._host.shape}, dtype={self._host.dtype}, index={self.index})"

    def _call(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        return _call(function, args, kwargs, self.index)


class Namespace:
    """numpy's functions on the memory of one emulated device; stands where CuPy does."""

    ndarray = EmulatedArray

    def __init__(self, index: int) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if not callable(found) or isinstance(found, type):
            return found
        uploads = name in _UPLOADS
        return lambda *args, **kwargs: _call(found, args, kwargs, self._index, uploads=uploads)

    def empty(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike = float) -> EmulatedArray:
        return allocate(shape, dtype, self._index)

    def asnumpy(self, array: EmulatedArray) -> npt.NDArray[Any]:
        return array.get()


def allocate(shape: int | tuple[int, ...], dtype: npt.DTypeLike, index: int) -> EmulatedArray:
    """Memory of an emulated device, not initialized; zeroed when it is dropped where zeroing asks for that.

    Raises:
        DeviceOutOfMemoryError: the device's limit does not allow it.
    """
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    count = int(np.prod(shape, dtype=np.int64))
    memory = importlib.import_module("hepy._emulator").Memory(index, count * dtype.itemsize, zeroing.wanted())
    return EmulatedArray(np.frombuffer(memory, dtype, count).reshape(shape), index)


def wrap(value: Any, index: int) -> Any:
    """Results of numpy as results of a device: arrays and numpy's scalars are moved into its memory."""
    if isinstance(value, tuple):
        return tuple(wrap(each, index) for each in value)
    if isinstance(value, np.ndarray) and _in_device_memory(value):
        return EmulatedArray(value, index)
    if isinstance(value, np.ndarray | np.generic):
        out = allocate(np.shape(value), value.dtype, index)
        out._host[...] = value
        return out
    return value


def unwrap(value: Any, index: int, *, uploads: bool = False) -> Any:
    """Operands as numpy can take them.

    Raises:
        DeviceError: an array is on the other emulated device.
        TypeError: an array is on the host.
    """
    if isinstance(value, EmulatedArray):
        if value.index != index:
            raise DeviceError(
                f"arrays of emulated devices {value.index} and {index} meet in one operation: copy one with "
                "device.asarray(array)"
            )
        return value._host
    if isinstance(value, np.ndarray) and value.ndim and not uploads:
        raise TypeError("an array on the host meets one in device memory: copy it with device.asarray(array)")
    if isinstance(value, list | tuple):
        return type(value)(unwrap(each, index, uploads=uploads) for each in value)
    return value


def _call(function: Callable[..., Any], args: Any, kwargs: dict[str, Any], index: int, *, uploads: bool = False) -> Any:
    args = [unwrap(each, index, uploads=uploads) for each in args]
    kwargs = {name: unwrap(each, index, uploads=uploads) for name, each in kwargs.items()}
    return wrap(function(*args, **kwargs), index)


def _in_device_memory(array: npt.NDArray[Any]) -> bool:
    root: Any = array
    while isinstance(root, np.ndarray | memoryview):
        root = root.obj if isinstance(root, memoryview) else root.base
    return root is not None and type(root) is importlib.import_module("hepy._emulator").Memory
