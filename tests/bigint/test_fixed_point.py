"""Fixed-point numbers against exact fractions, on every device; and that a device's own arrays stay there."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hepy
from hepy import _devices, bigint
from hepy._devices import backends
from hepy.bigint.fixed_point import FixedPoint, NotFinite, _largest
from hepy.errors import ParameterError

MODULUS = (1 << 1024) - 105
HALF = 2.0**-41  # exactly between two integers at 40 fraction bits
EDGES = [
    0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308,
    -1.7976931348623157e308, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 2.0**52 + 0.5, 2.0**53, 2.0**62,
    -(2.0**63), 2.0**64, HALF, -HALF, 3 * HALF, 5 * HALF, HALF * (1 + 2.0**-52), HALF * (1 - 2.0**-53), 2.0**-42, 1e-13,
    123456.789, -1e300,
]  # fmt: skip
SCALES = [0, 1, 13, 40, 52, 64, 300, 1000, 1074, 1075, 2100]

here = st.sampled_from([name for name in hepy.devices() if name != "cpu"])
finite = st.floats(allow_nan=False, allow_infinity=False)


def exact(values, scale):
    return [round(Fraction(value) * 2**scale) for value in values]


def residues(values, scale, n):
    return FixedPoint(np.asarray(values), scale).residues(bigint.Modulus(n)).to_ints().tolist()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("n", [MODULUS, 3, (1 << 89) - 1, (1 << 2048) - 1])
def test_edges_of_floats(device, scale, n):
    assert residues(EDGES, scale, n) == [value % n for value in exact(EDGES, scale)]


@given(st.lists(finite, min_size=1, max_size=9), st.sampled_from(SCALES))
@example([1.0], 0)
def test_floats_round_half_to_even(device, values, scale):
    assert residues(values, scale, MODULUS) == [value % MODULUS for value in exact(values, scale)]


@pytest.mark.parametrize("scale", [0, 1, 40, 500, 1000])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64, ">u4", ">i8", ">u8"])
def test_edges_of_integers(device, dtype, scale):
    types = np.iinfo(np.dtype(dtype))
    values = np.array([0, 1, types.max, types.min, types.max // 3], dtype)
    assert residues(values, scale, MODULUS) == [(int(value) << scale) % MODULUS for value in values]
    assert bigint.Modulus(MODULUS).array(values).to_ints().tolist() == [int(value) % MODULUS for value in values]


def test_integers_without_bound(device):
    values = np.array([2**70, -(2**200), 3], object)
    assert residues(values, 5, MODULUS) == [int(value) * 32 % MODULUS for value in values]


def test_narrow_floats_are_their_exact_values(device):
    values = [0.1, -65504.0, 6e-8]
    for dtype in (np.float16, np.float32):
        narrow = np.array(values, dtype)
        assert residues(narrow, 40, MODULUS) == [value % MODULUS for value in exact(map(float, narrow), 40)]


def test_pieces_shapes_and_nothing(device):
    fixed = FixedPoint(np.arange(12).reshape(3, 4) - 5.5, 1)
    modulus = bigint.Modulus(MODULUS)
    assert (fixed.shape, fixed.size) == ((3, 4), 12)
    assert fixed.residues(modulus, 2, 5).to_ints().tolist() == [-7 % MODULUS, -5 % MODULUS, -3 % MODULUS]
    assert fixed.residues(modulus, 3, 3).shape == (0,)
    assert fixed.integers().tolist() == [[-11, -9, -7, -5], [-3, -1, 1, 3], [5, 7, 9, 11]]
    assert FixedPoint(np.array(0.5), 1).integers().tolist() == 1
    assert FixedPoint(np.zeros((0, 3))).first_beyond(0) is None
    assert FixedPoint([0.5, -1.5], 1).integers().tolist() == [1, -3]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_only_finite_numbers(device, bad, dtype):
    values = _devices.current().asarray(np.array([[0, 1], [bad, bad]], dtype))
    with pytest.raises(NotFinite) as caught:
        FixedPoint(values, 40)
    assert caught.value.position == 2
    assert isinstance(caught.value, ParameterError) and "position 2" in str(caught.value)


@pytest.mark.parametrize("dtype", [complex, bool, "U3", "M8[s]", np.longdouble])
def test_only_numbers(dtype):
    with pytest.raises(ParameterError, match="integers and floats up to 64 bits, not"):
        FixedPoint(np.zeros(2, dtype))


@pytest.mark.parametrize("scale", [-1, 1 << 16])
def test_scales_are_in_range(scale):
    with pytest.raises(ParameterError, match=r"0 to 65535 fraction bits, not"):
        FixedPoint(np.zeros(2), scale)


@given(st.integers(0, 1 << 1100), st.sampled_from([0, 1, 40, 300, 1000, 1100]))
@example(0, 0)
@example(1, 0)
@example(2**53 + 1, 0)
@example((1 << 104) - 1, 40)
@example(1 << 1024, 0)
@example((1 << 1024) - (1 << 970) - 1, 0)
@example((1 << 1024) - (1 << 970), 0)
def test_the_largest_float_within_a_bound(bound, scale):
    x = _largest(bound, scale)
    assert abs(round(Fraction(x) * 2**scale)) <= bound
    after = math.nextafter(x, np.inf)
    assert after == np.inf or round(Fraction(after) * 2**scale) > bound


@given(
    st.lists(finite | st.sampled_from(EDGES), min_size=1, max_size=5),
    st.integers(0, 1 << 120),
    st.sampled_from([0, 1, 40]),
)
def test_what_is_beyond_a_bound(device, values, bound, scale):
    want = next((i for i, value in enumerate(exact(values, scale)) if abs(value) > bound), None)
    assert FixedPoint(_devices.current().asarray(np.array(values)), scale).first_beyond(bound) == want


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64, object])
@pytest.mark.parametrize("scale", [0, 3])
@pytest.mark.parametrize("bound", [0, 5, 127, 128, (1 << 63) - 1, 1 << 63, 1 << 70])
def test_integers_beyond_a_bound(device, dtype, scale, bound):
    limits = (-(2**80), 2**80) if dtype is object else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = np.array([0, 1, 5, 127, limits[1], limits[0]], dtype)
    want = next((i for i, value in enumerate(values.tolist()) if abs(value) << scale > bound), None)
    values = values if dtype is object else _devices.current().asarray(values)
    assert FixedPoint(values, scale).first_beyond(bound) == want


@pytest.mark.parametrize("name", [name for name in hepy.devices() if name != "cpu"])
class TestOnDevices:
    def test_a_kernel_makes_them(self, name):
        with hepy.device(name) as device:
            before = device.native.launch_counts().get("fixed_point", 0)
            residues([0.5], 1, 15)
            bigint.Modulus(15).array([1, -1])
            assert device.native.launch_counts()["fixed_point"] - before == 2

    def test_arrays_of_the_device_do_not_travel(self, name, monkeypatch):
        with hepy.device(name) as device:
            values = device.asarray(np.array(EDGES[:2] * 3).reshape(2, 3))

            def refuse(self, array):
                raise AssertionError("an array went to the host")

            monkeypatch.setattr(backends.BACKENDS[device.kind].__class__, "download", refuse)
            fixed = FixedPoint(values.T, 40)
            assert fixed.first_beyond(10) is None
            assert fixed.residues(bigint.Modulus(MODULUS)).shape == (6,)

    def test_orders_of_threads(self, name):
        with hepy.device(name) as device:
            if device.kind != "emulator":
                pytest.skip("the emulator's order can be chosen")
            before = device.native.schedule()
            try:
                for schedule in ("reversed", "shuffled:1"):
                    device.native.set_schedule(schedule)
                    assert residues(EDGES, 300, MODULUS) == [value % MODULUS for value in exact(EDGES, 300)]
            finally:
                device.native.set_schedule(before)


def test_an_array_of_another_device_is_copied():
    values = _devices.resolve("emulator:1").asarray(np.array([1.5, -2.0]))
    fixed = FixedPoint(values, 1)
    assert fixed.integers().tolist() == [3, -4]
    for name in ("cpu", "emulator"):
        with hepy.device(name):
            assert fixed.residues(bigint.Modulus(15)).to_ints().tolist() == [3, 11]
