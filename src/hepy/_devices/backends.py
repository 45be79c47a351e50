"""What each kind of device is made of: its array module, memory, streams and compiled kernels.

One class a kind, with the same methods; Device in the package is their face, and picks one by kind. A backend may ask
the system whether it is usable; nothing here knows which device is current.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hepy._devices import emulated_arrays as emulated
from hepy._devices import zeroing
from hepy._devices.graphs import CupyGraph, Graph, pool_bytes
from hepy._devices.uploads import CupyLane, EmulatedLane, Lane
from hepy.errors import DeviceError, DeviceOutOfMemoryError

Shape = int | tuple[int, ...]


@dataclass(frozen=True)
class Properties:
    """What a device is.

    Attributes:
        name: the model, as its driver gives it.
        memory_bytes: in all.
        compute_capability: of a GPU, such as (9, 0); None elsewhere.
    """

    name: str
    memory_bytes: int
    compute_capability: tuple[int, int] | None = None


_DLPACK_CUDA = (2, 13)  # DLPack's numbers for memory of a GPU, and for managed memory


class Backend(Protocol):
    """`index` says which device of the kind; `reason` why the kind cannot be used, where it cannot."""

    def count(self) -> int:
        """Usable devices. Raises DeviceError with the reason where the kind is missing."""

    def native(self) -> ModuleType: ...

    def xp(self, index: int) -> Any: ...

    def active(self, index: int) -> AbstractContextManager[None]: ...

    def stream(self, index: int) -> Any: ...

    def using(self, index: int, stream: Any) -> AbstractContextManager[None]: ...

    def queue(self, index: int) -> int:
        """A number for the current stream."""

    def synchronize(self, index: int) -> None: ...

    has_graphs: bool

    def graph(self, index: int, work: Callable[[], Any]) -> Graph:
        """Work that is recorded; raises DeviceError where there are no graphs."""

    def empty(self, index: int, shape: Shape, dtype: npt.DTypeLike) -> Any: ...

    def owner(self, array: Any) -> int | None:
        """The index of the device that holds the array; None if it is none of this kind."""

    def adopt(self, array: Any) -> Any | None:
        """Another library's array in the memory of such a device as one of the kind's own, without a copy; else None."""

    def upload(self, index: int, host: npt.NDArray[Any]) -> Any: ...

    def lane(self, index: int, size: int) -> Lane:
        """A way for copies of up to `size` bytes beside other work."""

    def copy(self, index: int, array: Any) -> Any:
        """An array of another device of this kind, copied here."""

    def download(self, array: Any) -> npt.NDArray[Any]: ...

    def free_bytes(self, index: int) -> int: ...

    def used_bytes(self, index: int) -> int | None:
        """What arrays take that options.device_memory limits; None where it limits none."""

    def properties(self, index: int) -> Properties: ...


class _AtOnce:
    """Kinds whose work is done when a call returns: there is nothing to wait for and nothing to record."""

    has_graphs = False

    def active(self, index: int) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def queue(self, index: int) -> int:
        return 0

    def synchronize(self, index: int) -> None:
        pass

    def graph(self, index: int, work: Callable[[], Any]) -> Graph:
        raise DeviceError("graphs are CUDA's: use a GPU")


class Cpu(_AtOnce):
    """The host: numpy, and no compiled kernels."""

    def count(self) -> int:
        return 1

    def native(self) -> ModuleType:
        raise DeviceError("device 'cpu' has no compiled kernels: use 'emulator' or a GPU")

    def xp(self, index: int) -> Any:
        return np

    def stream(self, index: int) -> Any:
        raise DeviceError("device 'cpu' has no streams: use 'emulator' or a GPU")

    def using(self, index: int, stream: Any) -> AbstractContextManager[None]:
        raise DeviceError("streams are CuPy's and belong to GPUs: use hepy.stream inside `with hepy.device('cuda:0')`")

    def empty(self, index: int, shape: Shape, dtype: npt.DTypeLike) -> Any:
        return np.empty(shape, dtype)

    def owner(self, array: Any) -> int | None:
        return 0 if isinstance(array, np.ndarray) else None

    def adopt(self, array: Any) -> Any | None:
        return None

    def upload(self, index: int, host: npt.NDArray[Any]) -> Any:
        return host

    def lane(self, index: int, size: int) -> Lane:
        raise DeviceError("device 'cpu' copies nothing: arrays of the host are its own")

    def copy(self, index: int, array: Any) -> Any:
        return array

    def download(self, array: Any) -> npt.NDArray[Any]:
        return array  # type: ignore[no-any-return]

    def free_bytes(self, index: int) -> int:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def used_bytes(self, index: int) -> int | None:
        return None  # the host's memory is the process's own affair

    def properties(self, index: int) -> Properties:
        return Properties("host", os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


class Emulator(_AtOnce):
    """Two devices in host memory that run the kernels' own sources."""

    def count(self) -> int:
        try:
            return int(self.native().device_count())
        except ImportError as error:
            raise DeviceError(
                f"the module of emulated kernels is missing ({error}): install hepy with a C++ compiler"
            ) from error

    def native(self) -> ModuleType:
        return importlib.import_module("hepy._emulator")

    def xp(self, index: int) -> Any:
        return emulated.Namespace(index)

    def stream(self, index: int) -> Any:
        return self.native().Stream(index)

    def using(self, index: int, stream: Any) -> AbstractContextManager[None]:
        raise DeviceError("the emulator runs kernels at once and has no streams to choose from: use a GPU")

    def empty(self, index: int, shape: Shape, dtype: npt.DTypeLike) -> Any:
        return emulated.allocate(shape, dtype, index)

    def owner(self, array: Any) -> int | None:
        return array.index if isinstance(array, emulated.EmulatedArray) else None

    def adopt(self, array: Any) -> Any | None:
        if not hasattr(array, "__hepy_emulator_array_interface__"):
            return None
        holder = SimpleNamespace(__array_interface__=array.__hepy_emulator_array_interface__, owner=array)
        return emulated.EmulatedArray(np.asarray(holder), array.index)

    def upload(self, index: int, host: npt.NDArray[Any]) -> Any:
        return emulated.wrap(host, index)

    def lane(self, index: int, size: int) -> Lane:
        return EmulatedLane(index, size)

    def copy(self, index: int, array: Any) -> Any:
        return emulated.wrap(array.get(), index)

    def download(self, array: Any) -> npt.NDArray[Any]:
        return array.get()  # type: ignore[no-any-return]

    def free_bytes(self, index: int) -> int:
        return int(self.native().free_bytes(index))

    def used_bytes(self, index: int) -> int:
        return int(self.native().properties(index).memory_bytes) - self.free_bytes(index)

    def properties(self, index: int) -> Properties:
        found = self.native().properties(index)
        return Properties(found.name, found.memory_bytes)


class Cuda:
    """NVIDIA GPUs: CuPy's arrays and streams, and the module of kernels that fits the driver.

    Raises DeviceError from every method in a child of a process that has used CUDA: the driver does not survive a fork.
    """

    has_graphs = True
    _MODULES = ("hepy._cuda", "hepy._cuda13", "hepy._cuda12")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._native: ModuleType | None = None
        self._array_module: ModuleType | None = None
        self._used_by: int | None = None  # the process that asked the driver first
        self._copies: dict[int, Any] = {}  # by GPU, the stream of copies from the host
        os.register_at_fork(after_in_child=self._forget_lock)

    def _forget_lock(self) -> None:
        self._lock = threading.Lock()

    def count(self) -> int:
        native, cupy = self.native(), self._cupy()
        for index in range(native.device_count()):
            capability = native.properties(index).compute_capability
            if not built_for(native.architectures, capability):
                raise DeviceError(
                    f"GPU {index} has compute capability {capability[0]}.{capability[1]}, the kernels were built for "
                    f"{native.architectures}: build hepy with HEPY_CUDA_ARCHITECTURES={capability[0]}{capability[1]}, or "
                    "leave that GPU out by CUDA_VISIBLE_DEVICES"
                )
        with _translated(cupy):
            return int(cupy.cuda.runtime.getDeviceCount())

    def native(self) -> ModuleType:
        self._refuse_after_fork()
        if self._native is None:
            with self._lock:
                self._native = self._native or self._load()
        return self._native

    def _load(self) -> ModuleType:
        """The module for the driver, which serves those built with its own major version of CUDA and with older ones."""
        modules, failures = [], []
        for name in self._MODULES:
            try:
                modules.append(importlib.import_module(name))
            except ImportError as error:
                failures.append(error)
        if not modules:
            # Rather why one does not load than that another is not there.
            reason = min(failures, key=lambda error: isinstance(error, ModuleNotFoundError))
            raise DeviceError(f"the module of CUDA kernels is missing ({reason}): build hepy where nvcc is found")
        self._used_by = os.getpid()
        driver = modules[0].driver_version()
        if driver == 0:
            raise DeviceError("NVIDIA's driver (libcuda.so.1) was not found: install it, 12 or later")
        served = [module for module in modules if module.toolkit_version // 1000 <= driver // 1000]
        if not served:
            built = " and ".join(_version(module.toolkit_version) for module in modules)
            raise DeviceError(
                f"NVIDIA's driver serves CUDA {_version(driver)} and hepy's kernels were built with CUDA {built}: update "
                f"the driver, or install a hepy that was built with CUDA {driver // 1000}"
            )
        chosen = served[0] if len(served) == 1 else self._beside_cupy(served)
        try:
            chosen.device_count()
        except DeviceError as error:
            raise DeviceError(f"{error}: install or update NVIDIA's driver") from error
        return chosen

    def _beside_cupy(self, modules: list[ModuleType]) -> ModuleType:
        """The newest, or rather one of the same major version of CUDA as CuPy, so that a process has one kind of runtime."""
        try:
            own = self._cupy().cuda.runtime.runtimeGetVersion() // 1000
        except DeviceError:
            own = None
        return max(modules, key=lambda module: (module.toolkit_version // 1000 == own, module.toolkit_version))

    def _refuse_after_fork(self) -> None:
        if self._used_by not in (None, os.getpid()):
            raise DeviceError(
                "CUDA was in use before this process was forked, and does not work in a forked child: start processes "
                "with multiprocessing.set_start_method('spawn')"
            )

    def _cupy(self) -> Any:
        self._refuse_after_fork()
        if self._array_module is None:
            try:
                self._array_module = importlib.import_module("cupy")
            except ImportError as error:
                raise DeviceError(
                    f"CuPy is missing ({error}): install hepy-engine[cuda12] or hepy-engine[cuda13]"
                ) from error
        return self._array_module

    def xp(self, index: int) -> Any:
        return self._cupy()

    def active(self, index: int) -> AbstractContextManager[None]:
        return _Active(self._cupy(), index)

    def stream(self, index: int) -> Any:
        return self.native().Stream(index, self._cupy().cuda.get_current_stream(index).ptr)

    @contextmanager
    def using(self, index: int, stream: Any) -> Iterator[None]:
        cupy = self._cupy()
        if not isinstance(stream, cupy.cuda.Stream | cupy.cuda.ExternalStream):
            raise DeviceError(f"a stream is a cupy.cuda.Stream or ExternalStream, not {type(stream).__name__}")
        with self.active(index), stream:
            yield

    def queue(self, index: int) -> int:
        return int(self._cupy().cuda.get_current_stream(index).ptr)

    def synchronize(self, index: int) -> None:
        with self.active(index):
            self._cupy().cuda.runtime.deviceSynchronize()

    def graph(self, index: int, work: Callable[[], Any]) -> Graph:
        with self.active(index):
            return CupyGraph(self._cupy(), work)

    def empty(self, index: int, shape: Shape, dtype: npt.DTypeLike) -> Any:
        with self.active(index):
            return self._cupy().empty(shape, dtype)

    def owner(self, array: Any) -> int | None:
        # CuPy is not imported just to learn that an array is not its own.
        return int(array.device.id) if type(array).__module__.partition(".")[0] == "cupy" else None

    def adopt(self, array: Any) -> Any | None:
        # torch's tensors, numba's and RAPIDS' arrays have the first; what is ordered by streams is ordered by CuPy.
        if hasattr(array, "__cuda_array_interface__"):
            return self._cupy().asarray(array)
        if hasattr(array, "__dlpack_device__") and int(array.__dlpack_device__()[0]) in _DLPACK_CUDA:
            return self._cupy().from_dlpack(array)
        return None

    def upload(self, index: int, host: npt.NDArray[Any]) -> Any:
        with self.active(index):
            cupy = self._cupy()
            if not zeroing.wanted():
                return cupy.asarray(host)
            # asarray copies by way of page-locked memory, which CuPy keeps and nobody zeroes.
            array = cupy.empty(host.shape, host.dtype)
            array.set(np.ascontiguousarray(host).reshape(host.shape), stream=cupy.cuda.get_current_stream())  # also ()
            return array

    def lane(self, index: int, size: int) -> Lane:
        cupy = self._cupy()
        with self._lock, self.active(index):
            if index not in self._copies:
                self._copies[index] = cupy.cuda.Stream(non_blocking=True)
        return CupyLane(cupy, lambda: self.active(index), self._copies[index], size)

    def copy(self, index: int, array: Any) -> Any:
        """After the work that is queued on the array's GPU, and before what is queued there from now on.

        CuPy queues the copy on this GPU and leaves that order to its callers.
        """
        cupy, owner = self._cupy(), array.device.id
        with self.active(owner):
            array = cupy.ascontiguousarray(array)
            written = cupy.cuda.get_current_stream().record()
        with self.active(index):
            here = cupy.cuda.get_current_stream()
            here.wait_event(written)
            copied = cupy.array(array)
            read = here.record()
        with self.active(owner):
            cupy.cuda.get_current_stream().wait_event(read)
        return copied

    def download(self, array: Any) -> npt.NDArray[Any]:
        with self.active(array.device.id):
            return array.get()  # type: ignore[no-any-return]

    def free_bytes(self, index: int) -> int:
        with self.active(index):
            kept = self._cupy().get_default_memory_pool().free_bytes()
        return int(self.native().free_bytes(index)) + int(kept)

    def used_bytes(self, index: int) -> int:
        with self.active(index):
            return int(self._cupy().get_default_memory_pool().used_bytes()) + pool_bytes(index)

    def properties(self, index: int) -> Properties:
        found = self.native().properties(index)
        return Properties(found.name, found.memory_bytes, found.compute_capability)


class _Active:
    """Inside the block a GPU is current, and zeroed memory is what CuPy allocates where zeroing asks for that.

    A class and no generator, because it is entered for every array that is made.
    """

    __slots__ = ("_allocator", "_cupy", "_device", "_index")

    def __init__(self, cupy: Any, index: int) -> None:
        self._cupy, self._index = cupy, index

    def __enter__(self) -> None:
        try:
            self._device = self._cupy.cuda.Device(self._index)
            self._device.__enter__()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise _as_ours(self._cupy, error) from error
        self._allocator = _allocator(self._cupy)
        self._allocator.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._allocator.__exit__(kind, error, trace)
        self._device.__exit__(kind, error, trace)
        if error is not None and (ours := _as_ours(self._cupy, error)) is not error:
            raise ours from error


def _allocator(cupy: Any) -> AbstractContextManager[None]:
    """Makes CuPy's allocations zeroed ones where zeroing asks for that."""
    below = cupy.cuda.get_allocator() if zeroing.wanted() else None
    if below is None or isinstance(below, zeroing.CupyAllocator):
        return contextlib.nullcontext()
    return cupy.cuda.using_allocator(zeroing.CupyAllocator(cupy, below))  # type: ignore[no-any-return]


@contextmanager
def _translated(cupy: Any) -> Iterator[None]:
    """CuPy's errors as hepy's."""
    try:
        yield
    except Exception as error:
        ours = _as_ours(cupy, error)
        if ours is error:
            raise
        raise ours from error


def _as_ours(cupy: Any, error: BaseException) -> BaseException:
    """An error of CuPy as one of hepy's; any other is itself."""
    if isinstance(error, cupy.cuda.memory.OutOfMemoryError):
        return DeviceOutOfMemoryError(f"{error}: work in smaller pieces, or free arrays")
    if isinstance(error, cupy.cuda.runtime.CUDARuntimeError):
        return DeviceError(f"CUDA reports an error: {error}")
    return error


def _version(number: int) -> str:
    """CUDA's way of numbering versions, for people: 12040 is 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def built_for(architectures: str, capability: tuple[int, int]) -> bool:
    """Whether a GPU runs code built for these architectures, named as CMake does ("80-real;90;100a").

    Machine code runs on later GPUs of the same major version; a name without "-real" brings PTX, which runs on all
    later ones; a name with a letter is for its own GPU only.
    """
    major, minor = capability
    for architecture in architectures.split(";"):
        name, _, form = architecture.partition("-")
        digits = name.rstrip("abcdefghijklmnopqrstuvwxyz")
        of = (int(digits[:-1]), int(digits[-1]))
        if digits != name:
            runs = of == (major, minor)
        elif form == "real":
            runs = of[0] == major and of[1] <= minor
        else:
            runs = of <= (major, minor)
        if runs:
            return True
    return False


BACKENDS: dict[str, Backend] = {"cpu": Cpu(), "emulator": Emulator(), "cuda": Cuda()}
