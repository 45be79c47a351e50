"""Encodings against exact fractions, and bounds that come from declarations only."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hepy
from hepy._devices import backends
from hepy.errors import EncodingOverflowError, ParameterError
from hepy.paillier.encoding import MAX_SCALE_BITS, Numbers, encode

finite = st.floats(allow_nan=False, allow_infinity=False)
HALF = 2.0**-41  # exactly between two encodings at 40 fraction bits


@given(st.lists(finite, min_size=1, max_size=5), st.sampled_from([0, 1, 40, 52, 100, 300, MAX_SCALE_BITS]))
@example([HALF, 3 * HALF, -HALF, -3 * HALF, 5 * HALF], 40)
@example([0.0, -0.0, 5e-324, 2.0**22, 2.0**23, 2.0**1000], 40)
@example([2.0**62, -(2.0**62), 2.0**63, 1.7976931348623157e308], 0)
@example([2.0**61 + 512, 1e-300], 1)
def test_floats_round_half_to_even(values, scale):
    encodings, account = encode(values, scale_bits=scale, value_bits=4000)
    assert [int(e) for e in encodings] == [round(Fraction(v) * 2**scale) for v in values]
    assert account == Numbers(scale, 2**4000 - 1)


@given(finite.filter(lambda v: abs(v) < 2.0**60), st.sampled_from([np.float16, np.float32, np.float64]))
def test_narrow_floats_are_their_exact_values(value, dtype):
    with np.errstate(over="ignore"):
        narrow = dtype(value)
    if np.isfinite(narrow):
        encodings, _ = encode(np.array(narrow))
        assert int(encodings[()]) == round(Fraction(float(narrow)) * 2**40)


@given(st.integers(-(2**200), 2**200), st.integers(1, 300))
def test_decoding_a_scaled_integer_is_correctly_rounded(encoding, scale):
    (value,) = Numbers(scale, 2**200).values([encoding])
    exact = Fraction(encoding, 2**scale)
    assert abs(Fraction(value) - exact) <= min(
        abs(Fraction(float(np.nextafter(value, side))) - exact) for side in (-np.inf, np.inf)
    )


@pytest.mark.parametrize(
    ("values", "scale", "bound"),
    [
        (np.int8(3), 0, 2**7), (np.array([1], np.int32), 0, 2**31), (np.array([1]), 0, 2**63),
        (np.array([1], np.uint8), 0, 2**8 - 1), (np.array([1], np.uint64), 0, 2**64 - 1), (True, 0, 255), (5, 0, 2**63),
        (np.array([5], object), 0, 2**64 - 1), (0.5, 40, 2**104), (np.float32(0.5), 40, 2**104),
    ],
)  # fmt: skip
def test_bounds_come_from_dtypes(values, scale, bound):
    assert encode(values)[1] == Numbers(scale, bound)


@given(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=4), st.lists(st.integers(-1000, 1000), min_size=1, max_size=4)
)
def test_bounds_never_tell_values(floats, integers):
    assert encode(floats)[1] == encode([0.0] * len(floats))[1]
    assert encode(np.array(integers))[1] == encode(np.zeros(len(integers), int))[1]


def test_declared_bounds_and_scales():
    assert encode([1, 2], value_bits=2)[1] == Numbers(0, 3)
    assert encode([1, 2], scale_bits=4)[1] == Numbers(4, 2**67)
    assert encode([1, 2], scale_bits=4)[0].tolist() == [16, 32]
    assert encode([0.5], scale_bits=1, value_bits=3)[1] == Numbers(1, 7)
    assert encode([], value_bits=5)[0].shape == (0,)


@pytest.mark.parametrize(
    ("values", "options", "where"),
    [
        ([1, 2, 4], {"value_bits": 2}, r"\(2,\)"), ([[0, -4], [0, 0]], {"value_bits": 2}, r"\(0, 1\)"),
        ([0.0, 4.0], {"scale_bits": 10, "value_bits": 12}, r"\(1,\)"), ([2**64], {}, r"\(0,\)"),
        ([1.0, 2.0**65], {}, r"\(1,\)"), (np.array([2**64 - 1], np.uint64), {"value_bits": 63}, r"\(0,\)"),
        (-(2**63), {"value_bits": 63}, r"\(\)"),
    ],
)  # fmt: skip
def test_what_exceeds_its_bound_is_named_by_index(values, options, where):
    with pytest.raises(EncodingOverflowError, match=f"index {where} exceeds its declared bound") as caught:
        encode(values, **options)
    assert "value_bits=" in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_only_finite_numbers(bad):
    with pytest.raises(ParameterError, match=r"index \(1, 0\) is not finite: replace or leave out"):
        encode(np.array([[0.0, 1.0], [bad, bad]]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "2"], "values are <U1"), ([1 + 2j], "values are complex128"), ([None], r"index \(0,\) there is NoneType"),
        ([[1, 2], [3]], "not a rectangular array"), (np.array([1, "x"], object), r"index \(1,\) there is str"),
        (np.array([True, 2], object), r"index \(0,\) there is bool"), ([0.5, 2**70 + 1], r"floats are mixed with the integer at index \(1,\)"),
        ([[1.5, 2**53 + 1]], r"the integer at index \(0, 1\), which no float64 is"), ([10**400, 0.5], r"index \(0,\)"),
        (np.array(["2020-01-01"], "M8[D]"), "values are datetime64"), (np.longdouble(1), "values are float128"),
        (np.ma.array([1, 2], mask=[0, 1]), "masked arrays"), (np.array([(1, 2)], "i4,i4"), "only integers, booleans"),
        (b"12", "values are "), ({1, 2}, "there is set"), (np.array([1, np.longdouble(2)], object), r"\(1,\) there is longdouble"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(values, message):
    with pytest.raises(ParameterError, match=message):
        encode(values)


@pytest.mark.parametrize("name", ["scale_bits", "value_bits"])
@pytest.mark.parametrize("value", [-1, 1.0, "8", True, 1 << 20])
def test_options_are_whole_numbers_in_range(name, value):
    with pytest.raises(ParameterError, match=f"{name} is a whole number"):
        encode([1.0], **{name: value})


def test_integers_and_floats_in_objects():
    assert encode(np.array([1.5, 2.0], object))[0].tolist() == [3 << 39, 2 << 40]
    assert encode([2**63, -1])[0].tolist() == [2**63, -1]
    for mixed in ([1, 2.5, -(2**53)], np.array([1, 2.5, -(2**53)], object)):
        assert encode(mixed)[0].tolist() == [1 << 40, 5 << 39, -1 << 93]
    assert encode(np.array([np.int64(4), 2**70], object), value_bits=71)[0].tolist() == [4, 2**70]


def test_decoding_refuses_what_its_account_excludes():
    n = 10**6 + 3
    with pytest.raises(EncodingOverflowError, match=r"index \(1, 1\) lies outside the bound of 7 bits"):
        Numbers(0, 100).decode([n - 101], n, (2, 2), 3)
    assert Numbers(0, 100).decode([n - 100, 100], n, (2, 2), 1).tolist() == [-100, 100]
    with pytest.raises(EncodingOverflowError, match="exceeds float64: decrypt with raw=True"):
        Numbers(1, 2**1100).values([2**1100])


class TestWhereValuesAre:
    """Arrays of a device are encoded there, with the bits and the errors of arrays of the host."""

    @pytest.fixture(params=[name for name in hepy.devices() if name != "cpu"])
    def native(self, request):
        with hepy.device(request.param) as here:
            yield here

    @pytest.fixture
    def stays(self, native, monkeypatch):
        """Fails if an array goes to the host."""

        def refuse(self, array):
            raise AssertionError("an array went to the host")

        monkeypatch.setattr(type(backends.BACKENDS[native.kind]), "download", refuse)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.int64, np.uint64, bool])
    def test_ciphertexts_have_the_same_bits(self, native, key, seed, dtype):
        values = np.array([[0, 1, 2], [5, 100, 0.7]]).astype(dtype)
        got = key.public_key.encrypt(native.asarray(values), seed=seed("there"))
        with hepy.device("cpu"):
            want = key.public_key.encrypt(values, seed=seed("there"))
        assert got.device == native.name
        assert got.digest() == want.digest()

    def test_floats_at_their_edges(self, native, key, seed):
        values = np.array([0.0, -0.0, 5e-324, -1e-310, HALF, -3 * HALF, 2.0**63, -(2.0**63), 1e-13, -0.1])
        got = key.encrypt(native.asarray(values), seed=seed("edges"))
        with hepy.device("cpu"):
            assert got.digest() == key.encrypt(values, seed=seed("edges")).digest()

    def test_arrays_of_the_device_stay_there(self, native, key, stays):
        values = native.asarray(np.array([[0.5, -2.0], [1e-9, 3.0]]))
        assert key.public_key.encrypt(values.T).shape == (2, 2)
        assert key.public_key.encrypt(native.asarray(np.arange(3))).shape == (3,)

    @pytest.mark.parametrize(
        ("values", "options"),
        [
            ([[0.0, 1.0], [np.nan, np.inf]], {}), ([1.0, -np.inf], {}), ([1.0, 2.0**65], {}), ([2.0**64, -(2.0**64 + 4096)], {}),
            ([0.0, 4.0], {"scale_bits": 10, "value_bits": 12}), ([1, -5], {"value_bits": 2}), ([np.nan, 2.0**70], {}),
            ([1.7976931348623157e308], {"value_bits": 2000}), ([0.5], {"scale_bits": -1}), ([0.5], {"value_bits": 0}),
        ],
    )  # fmt: skip
    def test_what_is_refused_is_refused_alike(self, native, key, values, options):
        messages = []
        for array in (native.asarray(np.array(values)), np.array(values), values):
            with pytest.raises((ParameterError, EncodingOverflowError)) as caught:
                key.public_key.encrypt(array, **options)
            messages.append((type(caught.value), str(caught.value)))
        assert len(set(messages)) == 1

    def test_they_are_weights_as_well(self, native, key):
        x = key.public_key.encrypt([1, 2, 3])
        weights = native.asarray(np.array([2, -1, 5]))
        for made in (x * weights, x + weights, x @ weights, weights @ x):
            assert made.device == native.name
        assert key.decrypt(x @ weights).tolist() == 15
