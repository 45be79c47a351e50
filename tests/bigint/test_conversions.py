"""Ways into residues and out: Python integers, numpy's, bytes and limbs."""

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, _limbs, bigint
from hepy.errors import ParameterError

EACH_ENGINE = True

wide = st.integers(0, 2**200)


@given(st.lists(wide, max_size=5))
def test_limbs_and_integers_round_trip(values):
    words = _limbs.width(max((v.bit_length() for v in values), default=0))
    limbs = _limbs.from_ints(values, words)
    assert limbs.shape == (len(values), words)
    assert _limbs.to_ints(limbs) == values
    assert [sum(int(w) << 32 * i for i, w in enumerate(row)) for row in limbs] == values
    assert _limbs.bit_length(limbs) == max([1, *(v.bit_length() for v in values)])


@pytest.mark.parametrize("values", [[-1], [5, 2**64]])
def test_limbs_refuse_what_does_not_fit_without_showing_it(values):
    with pytest.raises(
        ParameterError, match=rf"position {len(values) - 1} is negative or has more than 64 bits"
    ) as caught:
        _limbs.from_ints(values, 2)
    assert str(values[-1]) not in str(caught.value)


@given(st.lists(wide, min_size=1, max_size=6), st.integers(-3, 2**210))
def test_below_compares_rows_with_a_bound(values, bound):
    bound = abs(bound)
    limbs = _limbs.from_ints(values, 7)
    for edge in (bound, *values):
        assert _limbs.below(limbs, edge).tolist() == [v < edge for v in values]
        assert _limbs.all_below(limbs, edge) == all(v < edge for v in values)


INTEGERS = [
    np.array([-128, 127, 0], np.int8), np.array([2**64 - 1, 0, 2**63], np.uint64),
    np.array([-(2**63), 2**63 - 1, -1]), np.array([1, 2, 3], ">i4"), np.array([255, 1], np.uint8),
    np.array([2**100, -(2**100), 5], dtype=object), np.array([], np.int16), np.arange(6)[::-2],
    np.array([gmpy2.mpz(2**70), np.int64(-5), 3], dtype=object),
]  # fmt: skip


@pytest.mark.parametrize("values", INTEGERS, ids=lambda v: f"{v.dtype}-{v.size}")
def test_magnitudes_and_signs(values):
    limbs, negative = _limbs.from_array(values)
    ints = [int(v) for v in values]
    assert _limbs.to_ints(limbs) == [abs(v) for v in ints]
    assert negative.tolist() == [v < 0 for v in ints]


@pytest.mark.parametrize("values", INTEGERS, ids=lambda v: f"{v.dtype}-{v.size}")
def test_arrays_of_every_integer_dtype_are_reduced(device, values):
    n = 2**65 + 13
    assert bigint.Modulus(n).array(values).to_ints().tolist() == [int(v) % n for v in values]


def test_python_integers_that_numpy_would_round(device):
    values = [2**63, -1, 2**64 - 1]  # numpy makes float64 of them
    n = 2**127 - 1
    assert bigint.Modulus(n).array(values).to_ints().tolist() == [v % n for v in values]
    assert bigint.Modulus(n).array([[gmpy2.mpz(5), 2**80]]).to_ints().tolist() == [[5, 2**80]]


@pytest.mark.parametrize("values", INTEGERS, ids=lambda v: f"{v.dtype}-{v.size}")
@pytest.mark.parametrize("n", [7, 2**65 + 13, (2**80 + 13) ** 2], ids=["short", "long", "square"])
@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (2**80 + 13, 1), (0, 5), (-3, -(2**200))], ids=repr)
def test_affine_functions_of_every_integer_dtype(device, values, n, factor, offset):
    modulus = bigint.Modulus(n)
    want = [(factor * int(v) + offset) % n for v in values]
    assert modulus.affine(values, factor, offset).to_ints().tolist() == want
    assert modulus.affine(values, 2, 0).to_ints().tolist() == [2 * int(v) % n for v in values]  # another factor
    assert modulus.affine(modulus.array(values), factor, offset).to_ints().tolist() == want


def test_affine_functions_keep_the_shape(device):
    made = bigint.Modulus(1009).affine([[1, 2, 3], [-4, 5, 6]], 2, 1)
    assert made.to_ints().tolist() == [[3, 5, 7], [1002, 11, 13]]


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5, 9, 13])
def test_limbs_of_any_width_are_reduced(device, words):
    n = 2**127 - 1
    values = [(1 << 32 * words) - 1, 0, 12345, n % (1 << 32 * words)]
    x = bigint.Modulus(n).from_limbs(_limbs.from_ints(values, words).reshape(2, 2, words))
    assert x.to_ints().tolist() == [[values[0] % n, 0], [12345 % n, values[3] % n]]
    assert _devices.to_host(x.to_limbs()).shape == (2, 2, 4)


def test_bytes_are_little_endian(device):
    modulus = bigint.Modulus(2**127 - 1)
    x = modulus.from_bytes([b"\1", b"\0\1", b"", b"\xff" * 40])
    assert x.to_ints().tolist() == [1, 256, 0, (2**320 - 1) % modulus.n]
    assert x[:2].to_bytes() == [b"\1" + bytes(15), b"\0\1" + bytes(14)]
    assert modulus.from_bytes(x.to_bytes()).to_ints().tolist() == x.to_ints().tolist()
    for wrong in (["1"], [1], 5, b"12"):
        with pytest.raises(ParameterError, match="byte strings were expected"):
            modulus.from_bytes(wrong)


@pytest.mark.parametrize(
    "limbs", [np.zeros((2, 3), np.int64), np.uint32(3), np.zeros((2, 0), np.uint32), np.zeros((2, 2))], ids=repr
)
def test_limbs_are_uint32_with_a_last_axis(limbs):
    with pytest.raises(ParameterError, match=r"limbs are uint32\[..., words\]"):
        bigint.Modulus(1009).from_limbs(limbs)


@pytest.mark.parametrize("n", [0, 1, 2, 4, -7, 2**64])
def test_a_modulus_is_odd_and_above_two(n):
    with pytest.raises(ParameterError, match="odd integer above 2"):
        bigint.Modulus(n)


def test_a_modulus_is_an_integer_and_stays_secret():
    with pytest.raises(ParameterError, match="not float"):
        bigint.Modulus(1009.0)
    secret = 2**89 - 1
    modulus = bigint.Modulus(gmpy2.mpz(secret))
    assert modulus == bigint.Modulus(secret) != bigint.Modulus(1009)
    assert hash(modulus) == hash(bigint.Modulus(secret))
    assert repr(modulus) == "Modulus(<89 bits>)"
    assert (modulus.bits, modulus.words) == (89, 3)


def test_residues_of_the_same_modulus_pass_through():
    modulus = bigint.Modulus(1009)
    x = modulus.array([1, 2])
    assert modulus.array(x) is x


def test_exponents_of_a_fixed_base_are_not_negative(device):
    with pytest.raises(ParameterError, match="at least 0"):
        bigint.Modulus(1009).fixed_base(5).power([1, -1])
    for wrong in (1.5, "5", None):
        with pytest.raises(ParameterError, match="the base is a whole number"):
            bigint.Modulus(1009).fixed_base(wrong)
        with pytest.raises(ParameterError, match="factor is a whole number"):
            bigint.Modulus(1009).affine([1], wrong, 0)


def test_a_device_without_big_integers_says_so(monkeypatch, fake_engine):
    from hepy.bigint import kernels

    monkeypatch.delitem(kernels.HOMES, fake_engine)
    with _devices.device(fake_engine), pytest.raises(_devices.DeviceError, match="no kernels for device 'fake'"):
        bigint.Modulus(1009).array([1])
