"""Products with principal units 1 + k m modulo m^2, on every device and engine: Python's integers are the oracle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import bigint
from hepy.errors import ParameterError

# Digits of 32, 52 and 64 bits that are full, or have one bit; roots shorter than a digit.
ROOTS = [
    *(root for bits in (2, 51, 52, 53, 64, 65, 128, 208, 257) for root in ((1 << bits) - 1, (1 << bits - 1) + 1)),
    (1 << 192) - (1 << 65) + 1,
    (1 << 513) // 5 | 1,
]


def factors_of(m):
    """Small ones, those next to a half and to multiples of the root, and what fills words."""
    near = [m // 2, m // 2 + 1, m - 1, m, m + 1, 3 * m - 1, m * m, *((1 << bits) - 1 for bits in (31, 32, 63, 64, 127))]
    return [0, *(sign * value for value in (1, 2, *near) for sign in (1, -1))]


@pytest.mark.parametrize("m", ROOTS, ids=lambda m: f"{m.bit_length()} bits, {m.bit_count()} ones")
def test_products_on_edges(device, m):
    n, factors = m * m, factors_of(m)
    values = [value % n for value in (0, 1, m - 1, m, m + 1, n - m, n - m - 1, n - 1, 5**400)]
    x = bigint.Modulus(n).array(values)
    got = x.reshape(-1, 1).multiply_principal(np.array(factors, dtype=object))
    assert got.to_ints().tolist() == [[value * (1 + k * m) % n for k in factors] for value in values]
    for k in factors:
        assert x[3:5].multiply_principal(k).to_ints().tolist() == [v * (1 + k * m) % n for v in values[3:5]]
        assert x[4].multiply_principal(k).to_ints().item() == values[4] * (1 + k * m) % n


@given(
    root=st.integers(1, (1 << 300) - 1).map(lambda half: 2 * half + 1),
    value=st.integers(0, 1 << 700),
    factors=st.lists(st.integers(-(1 << 70), 1 << 70) | st.integers(-(1 << 400), 1 << 400), max_size=5),
)
def test_a_product_is_python_s(device, root, value, factors):
    n = root * root
    x = bigint.Modulus(n).array(value)
    want = [value * (1 + k * root) % n for k in factors]
    assert x.multiply_principal(np.array(factors, dtype=object)).to_ints().tolist() == want


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_factors_of_fixed_width(device, dtype):
    m = 2**89 - 1
    limits = np.iinfo(dtype)
    factors = np.array([limits.min, 0, 1, limits.max], dtype=dtype)
    x = bigint.Modulus(m * m).array([[7], [m + 5]])
    want = [[v * (1 + int(k) * m) % (m * m) for k in factors] for v in (7, m + 5)]
    assert x.multiply_principal(factors).to_ints().tolist() == want
    assert x.multiply_principal(factors[::-1]).to_ints().tolist() == [row[::-1] for row in want]
    assert x.T.multiply_principal(factors[:2, None]).shape == (2, 2)


def test_a_batch_longer_than_a_chunk_and_an_empty_one(device, count):
    m = 2**61 - 1
    size = count(300)
    values = [pow(3, k, m * m) for k in range(size)]
    x = bigint.Modulus(m * m).array(values)
    want = [v * (1 + (k - 9) * m) % (m * m) for k, v in enumerate(values)]
    assert x.multiply_principal(np.arange(size) - 9).to_ints().tolist() == want
    assert x[:0].multiply_principal(5).shape == (0,)
    assert x[:0].multiply_principal(np.zeros((2, 0), int)).shape == (2, 0)


def test_an_array_keeps_its_shape(device):
    m = 2**61 - 1
    x = bigint.Modulus(m * m).array([[[5]]])
    assert x.multiply_principal(3).shape == (1, 1, 1)
    assert x[0, 0, 0].multiply_principal(3).shape == ()
    assert x.multiply_principal(3)[0, 0].to_ints().tolist() == [5 * (1 + 3 * m)]


def test_what_does_not_fit_is_refused(device):
    x = bigint.Modulus((2**61 - 1) ** 2).array([1, 2, 3])
    with pytest.raises(ParameterError, match="cannot be broadcast"):
        x.multiply_principal([1, 2])
    with pytest.raises(ParameterError, match="integers were expected"):
        x.multiply_principal(0.5)
    for modulus in (2**61 - 1, math.prod([3, 5, 7])):
        with pytest.raises(ParameterError, match="square was expected"):
            bigint.Modulus(modulus).array([1]).multiply_principal(1)
