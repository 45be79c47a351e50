"""The backend of GPUs where there is none: CuPy and the compiled module are played by stand-ins.

What is tested is what hepy adds: the choice of the module, reasons, errors under hepy's names, and the refusal after a
fork. What CuPy and CUDA do is tested where there is a GPU (tests marked gpu).
"""

import sys
from contextlib import ExitStack, nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from hepy._devices import backends, zeroing
from hepy.errors import DeviceError, DeviceOutOfMemoryError


class OutOfMemoryError(Exception): ...


class CUDARuntimeError(Exception): ...


class Stream:
    ptr = 77

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def cupy_of(count, version=13000):
    cupy = ModuleType("cupy")
    cupy.empty = np.empty
    cupy.cuda = SimpleNamespace(
        Device=lambda index: nullcontext(),
        Stream=Stream,
        ExternalStream=Stream,
        get_current_stream=lambda index=-1: Stream(),
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError, getDeviceCount=lambda: count, runtimeGetVersion=lambda: version
        ),
    )
    return cupy


def kernels_of(name, *, capability=(9, 0), count=1, failure=None, toolkit=13000, driver=13000):
    module = ModuleType(name)

    def device_count():
        if failure:
            raise DeviceError(failure)
        return count

    module.device_count = device_count
    module.driver_version = lambda: driver
    module.toolkit_version = toolkit
    module.architectures = "90"
    module.properties = lambda index: SimpleNamespace(name="GPU", memory_bytes=1 << 30, compute_capability=capability)
    module.Stream = lambda device, handle: (device, handle)
    return module


@pytest.fixture
def install(monkeypatch):
    """Makes stand-ins importable, and the real modules not."""
    for name in ("cupy", *backends.Cuda._MODULES):
        monkeypatch.setitem(sys.modules, name, None)

    def install(*modules):
        for module in modules:
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return install


def test_without_a_module_the_reason_is_the_build(install):
    with pytest.raises(DeviceError, match=r"module of CUDA kernels is missing .* build hepy where nvcc is found"):
        backends.Cuda().count()


def test_without_cupy_the_reason_is_cupy(install):
    install(kernels_of("hepy._cuda"))
    with pytest.raises(DeviceError, match=r"CuPy is missing .* hepy-engine\[cuda12\]"):
        backends.Cuda().count()


def test_a_module_that_does_not_load_is_the_reason(install, monkeypatch):
    def broken(name):
        if name == "hepy._cuda13":
            raise ImportError("libcudart_of_old.so: cannot open shared object file")
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(backends.importlib, "import_module", broken)
    with pytest.raises(DeviceError, match=r"kernels is missing \(libcudart_of_old\.so: cannot open"):
        backends.Cuda().native()


def test_without_a_driver_the_reason_is_the_driver(install):
    install(cupy_of(1), kernels_of("hepy._cuda", driver=0))
    with pytest.raises(DeviceError, match=r"NVIDIA's driver \(libcuda.so.1\) was not found: install it"):
        backends.Cuda().count()


def test_without_a_gpu_the_reason_is_the_driver_s(install):
    install(cupy_of(1), kernels_of("hepy._cuda", failure="no CUDA-capable device is detected"))
    with pytest.raises(DeviceError, match="no CUDA-capable device is detected: install or update NVIDIA's driver"):
        backends.Cuda().count()


@pytest.mark.parametrize(
    ("driver", "cupy", "chosen"),
    [
        (13000, 13000, "hepy._cuda13"),
        (13020, 12090, "hepy._cuda12"),  # beside a CuPy of its own version
        (12040, 13000, "hepy._cuda12"),  # whatever CuPy is there, which will say so itself
        (12090, 12090, "hepy._cuda12"),
        (14010, 14000, "hepy._cuda13"),  # the newest, where CuPy's version is not among them
        (14010, None, "hepy._cuda13"),
    ],
)
def test_driver_and_cupy_choose_the_module(install, driver, cupy, chosen):
    install(kernels_of("hepy._cuda12", toolkit=12090, driver=driver), kernels_of("hepy._cuda13", driver=driver))
    if cupy is not None:
        install(cupy_of(1, cupy))
    assert backends.Cuda().native().__name__ == chosen


def test_a_build_for_this_machine_goes_before_another_of_its_version(install):
    install(cupy_of(1), kernels_of("hepy._cuda13"), kernels_of("hepy._cuda"))
    assert backends.Cuda().native().__name__ == "hepy._cuda"


def test_a_driver_older_than_all_modules_is_told_from_none(install):
    older = {"driver": 11080}
    install(cupy_of(1), kernels_of("hepy._cuda12", toolkit=12090, **older), kernels_of("hepy._cuda13", **older))
    with pytest.raises(
        DeviceError, match=r"serves CUDA 11\.8 and .* built with CUDA 13\.0 and 12\.9: update the driver"
    ):
        backends.Cuda().count()


def test_a_gpu_that_the_build_leaves_out_is_named(install):
    install(cupy_of(1), kernels_of("hepy._cuda", capability=(8, 6)))
    with pytest.raises(DeviceError, match=r"capability 8\.6, .* built for 90: .*HEPY_CUDA_ARCHITECTURES=86"):
        backends.Cuda().count()


def test_errors_of_cupy_are_hepy_s(install):
    cupy = cupy_of(1)
    install(cupy, kernels_of("hepy._cuda"))
    backend = backends.Cuda()

    def fails(error):
        def empty(shape, dtype):
            raise error

        cupy.empty = empty
        backend.empty(0, 5, np.uint32)

    with pytest.raises(DeviceOutOfMemoryError, match="Out of memory allocating 20 bytes: work in smaller pieces"):
        fails(OutOfMemoryError("Out of memory allocating 20 bytes"))
    with pytest.raises(DeviceError, match="cudaErrorIllegalAddress") as caught:
        fails(CUDARuntimeError("cudaErrorIllegalAddress"))
    assert not isinstance(caught.value, MemoryError)


def test_streams_are_cupy_s(install):
    install(cupy_of(1), kernels_of("hepy._cuda"))
    backend = backends.Cuda()
    assert backend.stream(3) == (3, 77)
    with backend.using(0, Stream()):
        pass
    with pytest.raises(DeviceError, match=r"not int"), backend.using(0, 77):
        pass


def test_a_copy_between_gpus_keeps_the_order_of_both(install):
    cupy, queues, current = cupy_of(2), {0: [], 1: []}, []

    class Device(ExitStack):
        def __init__(self, index):
            super().__init__()
            current.append(index)
            self.callback(current.pop)

    class Queue(Stream):
        def record(self):
            queues[current[-1]].append("record")
            return current[-1], len(queues[current[-1]])

        def wait_event(self, event):
            queues[current[-1]].append(("wait", *event))

    def array(source):
        queues[current[-1]].append("copy")
        return source.copy()

    def contiguous(source):
        queues[current[-1]].append("gather")
        return source

    cupy.cuda.Device, cupy.cuda.get_current_stream, cupy.array, cupy.ascontiguousarray = (
        Device,
        Queue,
        array,
        contiguous,
    )
    install(cupy, kernels_of("hepy._cuda", count=2))
    source = np.arange(6).view(OnAGpu)
    assert backends.Cuda().copy(0, source).tolist() == source.tolist()
    assert queues[1] == ["gather", "record", ("wait", 0, 3)]  # what is queued next may overwrite the source
    assert queues[0] == [("wait", 1, 2), "copy", "record"]


class OnAGpu(np.ndarray):
    device = SimpleNamespace(id=1)


class Settable(np.ndarray):
    """CuPy's set takes an array of the same shape only."""

    def set(self, host, stream):
        assert host.shape == self.shape and host.flags.c_contiguous
        self[...] = host


@pytest.mark.parametrize("host", [np.array(7), np.arange(12).reshape(3, 4).T], ids=["a number", "a transpose"])
def test_secrets_of_any_shape_are_copied(install, host):
    cupy = cupy_of(1)
    cupy.empty = lambda shape, dtype: np.empty(shape, dtype).view(Settable)
    cupy.cuda.get_allocator = lambda: None
    install(cupy, kernels_of("hepy._cuda"))
    with zeroing.secret_memory():
        assert np.array_equal(backends.Cuda().upload(0, host), host)


def refusals(backend):
    reasons = []
    for use in (backend.count, backend.native, lambda: backend.xp(0), lambda: backend.empty(0, 1, np.uint32)):
        try:
            use()
        except DeviceError as error:
            reasons.append(str(error))
    return reasons


def test_a_forked_child_cannot_use_what_its_parent_used(install, in_a_child):
    install(cupy_of(1), kernels_of("hepy._cuda"))
    used, fresh = backends.Cuda(), backends.Cuda()
    used.count()
    reasons = in_a_child(lambda: refusals(used))
    assert len(reasons) == 4
    assert all("forked" in reason and "spawn" in reason for reason in reasons)
    assert in_a_child(lambda: refusals(fresh)) == []
    assert used.count() == 1  # the parent goes on


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        ("90", (9, 0), True),
        ("90", (10, 0), True),  # by its PTX
        ("90", (8, 9), False),
        ("80-real", (8, 6), True),
        ("80-real", (9, 0), False),
        ("80-virtual", (9, 0), True),
        ("90a", (9, 0), True),
        ("90a", (10, 0), False),
        ("80-real;90-real;120", (10, 0), False),
        ("80-real;90-real;120", (12, 1), True),
        ("100a-real", (10, 0), True),
    ],
)
def test_architectures_run_on_their_gpus(architectures, capability, runs):
    assert backends.built_for(architectures, capability) is runs


class OfAnotherLibrary:
    """What torch's and numba's arrays are to CuPy (an interface), or those that speak DLPack alone (a number)."""

    def __init__(self, interface=None, device=None):
        if interface is not None:
            self.__cuda_array_interface__ = interface
        self._device = device

    def __getattr__(self, name):
        if name == "__dlpack_device__" and self._device is not None:
            return lambda: self._device
        raise AttributeError(name)


@pytest.mark.parametrize(
    ("array", "way"),
    [
        (OfAnotherLibrary(interface={"version": 3}), "asarray"),
        (OfAnotherLibrary(interface={"version": 3}, device=(2, 0)), "asarray"),
        (OfAnotherLibrary(device=(2, 1)), "from_dlpack"),  # kDLCUDA
        (OfAnotherLibrary(device=(13, 0)), "from_dlpack"),  # kDLCUDAManaged
        (OfAnotherLibrary(device=(1, 0)), None),  # kDLCPU
        (OfAnotherLibrary(device=(10, 0)), None),  # kDLROCM
        (OfAnotherLibrary(), None),
        (np.zeros(3), None),
        ([1, 2], None),
    ],
    ids=[
        "interface",
        "both",
        "DLPack",
        "DLPack, managed",
        "of the host",
        "another maker's",
        "nothing",
        "numpy",
        "list",
    ],
)
def test_arrays_of_other_libraries_become_cupy_s_without_a_copy(install, array, way):
    cupy = cupy_of(1)
    cupy.asarray, cupy.from_dlpack = (lambda x: ("asarray", x)), (lambda x: ("from_dlpack", x))
    install(cupy, kernels_of("hepy._cuda"))
    assert backends.Cuda().adopt(array) == (None if way is None else (way, array))


def test_an_array_on_a_gpu_asks_for_cupy(install):
    with pytest.raises(DeviceError, match="CuPy is missing"):
        backends.Cuda().adopt(OfAnotherLibrary(device=(2, 0)))
