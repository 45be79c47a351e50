"""Emulated arrays compute as numpy's and refuse what CuPy's would."""

import numpy as np
import pytest

from hepy import _devices
from hepy._devices.emulated_arrays import EmulatedArray, _in_device_memory
from hepy.errors import DeviceError

VALUES = np.arange(12, dtype=np.uint32).reshape(3, 4)


@pytest.fixture(params=["emulator", "emulator:1"])
def device(request):
    return _devices.resolve(request.param)


@pytest.fixture
def array(device):
    return device.asarray(VALUES)


OPERATIONS = {
    "operators": lambda xp, a: (a + 1) * a - (a & np.uint32(3)) // (a | 1),
    "comparison": lambda xp, a: a > 5,
    "reflected": lambda xp, a: 7 - a,
    "matrix product": lambda xp, a: a @ a.T,
    "reduction": lambda xp, a: a.sum(axis=0),
    "scalar": lambda xp, a: a.max(),
    "method": lambda xp, a: a.astype(np.float64).reshape(2, 6),
    "transpose": lambda xp, a: a.T,
    "slice": lambda xp, a: a[1:, ::2],
    "element": lambda xp, a: a[1, 2],
    "fancy index": lambda xp, a: a[xp.asarray(np.array([2, 0]))],
    "mask": lambda xp, a: a[a % 2 == 0],
    "function": lambda xp, a: xp.concatenate([a, a[:1]]),
    "numpy's function": lambda xp, a: np.where(a > 3, a, 0),
    "reduce": lambda xp, a: np.bitwise_or.reduce(a, axis=1),
    "creation": lambda xp, a: xp.zeros((2, 3), xp.uint32),
    "out": lambda xp, a: xp.take(a, xp.arange(2), axis=0, out=xp.empty((2, 4), np.uint32)),
    "view": lambda xp, a: a.view(np.int32),
    "several": lambda xp, a: xp.divmod(a, 5)[1],
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_numpy_s_and_stay_on_the_device(device, array, name):
    got, want = OPERATIONS[name](device.xp, array), np.asarray(OPERATIONS[name](np, VALUES))
    assert _devices.device_of(got) == device
    assert (got.get().tolist(), got.dtype, got.shape) == (want.tolist(), want.dtype, want.shape)
    assert _in_device_memory(got._host)


def test_assignment_writes_in_place(device, array):
    view = array[1]
    array[1, 2:] = 9
    array[0] = view
    view &= np.uint32(8)
    want = VALUES.copy()
    want[1, 2:] = 9
    want[0] = want[1]
    want[1] &= 8
    assert array.get().tolist() == want.tolist()


def test_scalars_come_out_by_name(array):
    assert int(array[2, 3]) == 11
    assert float(array[0, 1]) == 1.0
    assert bool(array[0, 0] == 0)
    assert [10, 20][array[0, 1]] == 20
    assert len(array) == 3


@pytest.mark.parametrize(
    "mix",
    [
        lambda xp, a: a + VALUES,
        lambda xp, a: VALUES + a,
        lambda xp, a: xp.concatenate([a, VALUES]),
        lambda xp, a: a[np.array([0, 1])],
        lambda xp, a: a.__setitem__(0, VALUES[0]),
        lambda xp, a: np.asarray(a),
        lambda xp, a: np.frombuffer(a, np.uint32),
    ],
)
def test_host_and_device_do_not_mix(device, array, mix):
    with pytest.raises(TypeError):
        mix(device.xp, array)


def test_two_devices_do_not_mix():
    a, b = (_devices.resolve(name).asarray(VALUES) for name in ("emulator", "emulator:1"))
    with pytest.raises(DeviceError, match="meet in one operation"):
        a + b


def test_memory_lives_as_long_as_a_view():
    device = _devices.resolve("emulator:1")
    before = device.native.memory_used(1)
    array = device.asarray(VALUES)
    view = array[1:].T
    del array
    assert device.native.memory_used(1) == before + VALUES.nbytes
    assert view.get().tolist() == VALUES[1:].T.tolist()
    del view
    assert device.native.memory_used(1) == before


def test_contents_are_not_shown(array):
    assert repr(array) == f"EmulatedArray(shape=(3, 4), dtype=uint32, index={array.index})"
    assert isinstance(array, EmulatedArray)
    with pytest.raises(TypeError):
        hash(array)
