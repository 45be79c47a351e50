"""Devices by name: what is usable, what is current, and arrays that go from one to another."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hepy import _devices
from hepy.errors import DeviceError, DeviceOutOfMemoryError, ParameterError

NAMES = (*_devices.devices(), "emulator:1")


def test_the_second_emulated_device_is_there_and_not_listed():
    assert _devices.devices()[:2] == ("cpu", "emulator")
    assert "emulator:1" not in _devices.devices()
    assert _devices.resolve("emulator:1") == _devices.Device("emulator", 1)


def test_what_is_missing_says_why():
    for kind, reason in _devices.unavailable().items():
        assert not any(name.startswith(kind) for name in _devices.devices())
        with pytest.raises(DeviceError) as caught:
            _devices.resolve(kind)
        assert reason in str(caught.value)
        assert "Usable: cpu, emulator, emulator:1" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_names_lead_back_to_devices(name):
    device = _devices.resolve(name)
    assert device.name == name
    assert _devices.resolve(device) == device


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "emulator:-1", "emulator:²", "CPU"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ParameterError, match="there is no device"):
        _devices.resolve(name)


def test_a_name_is_a_string():
    with pytest.raises(ParameterError, match="not int"):
        _devices.resolve(0)


def test_numbers_beyond_the_last_device_are_refused():
    with pytest.raises(DeviceError, match="no emulator device with this number"):
        _devices.resolve("emulator:2")


def test_the_current_device_is_each_thread_s_own():
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other():
        inside.wait()
        seen.append(_devices.current().name)
        leave.set()

    thread = threading.Thread(target=other)
    thread.start()
    with _devices.device("emulator"):
        with _devices.device("emulator:1") as here:
            assert _devices.current() == here
            inside.set()
            leave.wait()
        assert _devices.current().name == "emulator"
    thread.join()
    assert seen == ["cpu"]
    assert _devices.current().name == "cpu"


def test_an_error_leaves_the_device_as_it_was():
    def fails():
        with _devices.device("emulator"):
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert _devices.current().name == "cpu"


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_arrays_go_from_any_device_to_any(source, target):
    values = np.arange(12, dtype=np.uint32).reshape(3, 4)
    there = _devices.resolve(source).asarray(values)
    here = _devices.resolve(target).asarray(there)
    assert _devices.device_of(here).name == target
    assert _devices.to_host(here).tolist() == values.tolist()
    assert (here is there) == (source == target)


@pytest.mark.parametrize("name", NAMES)
def test_new_arrays_have_shape_and_dtype(name):
    device = _devices.resolve(name)
    for shape in [(), (0,), (2, 0, 3), 5, (2, 3)]:
        array = device.empty(shape, np.uint32)
        assert (array.shape, array.dtype) == (np.empty(shape).shape, np.uint32)
        assert _devices.device_of(array) == device


def test_what_is_no_array_has_no_device():
    with pytest.raises(ParameterError, match="not list"):
        _devices.device_of([1, 2])
    assert _devices.to_host([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_properties(name):
    device = _devices.resolve(name)
    found = device.properties()
    assert found.name
    assert 0 < device.free_bytes() <= found.memory_bytes
    assert (found.compute_capability is not None) == (device.kind == "cuda")


def test_the_host_has_no_kernels_and_no_streams():
    device = _devices.resolve("cpu")
    with pytest.raises(DeviceError, match="no compiled kernels"):
        _ = device.native
    with pytest.raises(DeviceError, match="no streams"):
        _ = device.stream


@pytest.mark.parametrize("name", ["cpu", "emulator"])
def test_streams_belong_to_gpus(name):
    with _devices.device(name), pytest.raises(DeviceError, match="GPU"), _devices.stream(object()):
        pass


@pytest.fixture
def small():
    """The second emulated device with 4096 free bytes."""
    device = _devices.resolve("emulator:1")
    native, before = device.native, device.native.memory_limit(1)
    native.set_memory_limit(1, native.memory_used(1) + 4096)
    yield device
    native.set_memory_limit(1, before)


def test_memory_runs_out_and_comes_back(small):
    first = small.empty(512, np.uint32)
    with pytest.raises(DeviceOutOfMemoryError, match="4096 bytes are needed on 'emulator:1' and 2048 are free"):
        small.empty(1024, np.uint32)
    with pytest.raises(DeviceOutOfMemoryError):
        small.asarray(np.zeros(1024, np.uint32))
    with pytest.raises(DeviceOutOfMemoryError):
        small.asarray(_devices.resolve("emulator").empty(1024, np.uint32))
    with pytest.raises(MemoryError):  # what a caller would expect
        small.xp.concatenate([first, first, first])
    del first
    assert small.free_bytes() == 4096
    assert small.empty(1024, np.uint32).size == 1024


def test_memory_is_counted_from_many_threads(small):
    def churn(_):
        return max(small.empty(64, np.uint32).size for _ in range(200))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(churn, range(8))) == {64}
    assert small.free_bytes() == 4096


def test_the_emulator_works_after_a_fork(in_a_child):
    def work():
        device = _devices.resolve("emulator:1")
        return _devices.current().name, _devices.to_host(device.asarray(np.arange(3))).tolist()

    with _devices.device("emulator"):
        assert in_a_child(work) == ["emulator", [0, 1, 2]]
