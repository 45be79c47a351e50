"""What operations on ciphertexts do to plaintexts: numpy on the same numbers is the oracle, on every device."""

import operator
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import paillier

EACH_ENGINE = True

small = st.integers(-(2**40), 2**40)
shapes = st.sampled_from([((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((0, 2), (2,))])


def array_of(shape, data, elements=small):
    size = int(np.prod(shape, dtype=int))
    return np.array(data.draw(st.lists(elements, min_size=size, max_size=size)), dtype=np.int64).reshape(shape)


@given(shapes=shapes, data=st.data())
def test_integers_add_subtract_and_multiply_as_numpys(device, key, shapes, data):
    left, right = shapes
    a, b = array_of(left, data), array_of(right, data)
    factors = array_of(right, data, st.integers(-(2**20), 2**20))
    x, y = key.public_key.encrypt(a), key.encrypt(b)
    for got, expected in (
        (x + y, a + b), (x - y, a - b), (x + b, a + b), (b + x, a + b), (x - b, a - b), (b - x, b - a), (-x, -a),
        (x * factors, a * factors), (factors * x, a * factors), (+x, a),
    ):  # fmt: skip
        plain = key.decrypt(got)
        assert plain.shape == expected.shape
        assert plain.tolist() == expected.tolist()


@given(
    st.lists(st.floats(-(2.0**30), 2.0**30, width=32), min_size=3, max_size=3),
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=3),
)
def test_floats_stay_exact_after_rounding(device, key, floats, whole):
    """Every encoding is round(v * 2**40), and all that follows is exact on encodings."""
    encodings = [round(Fraction(v) * 2**40) for v in floats]
    x = key.public_key.encrypt(floats)
    assert x.scale_bits == 40
    assert key.decrypt(x, raw=True).tolist() == encodings
    assert key.decrypt(x * whole, raw=True).tolist() == [e * w for e, w in zip(encodings, whole, strict=True)]
    assert key.decrypt(x + whole, raw=True).tolist() == [e + (w << 40) for e, w in zip(encodings, whole, strict=True)]
    product = x * 0.5
    assert product.scale_bits == 80
    assert key.decrypt(product, raw=True).tolist() == [e << 39 for e in encodings]
    assert key.decrypt(product - x, raw=True).tolist() == [(e << 39) - (e << 40) for e in encodings]
    assert key.decrypt(x * 3).tolist() == [float(Fraction(3 * e, 2**40)) for e in encodings]


SCALARS = [
    3, -3, 0, 1, True, np.int8(-5), np.int64(7), np.uint8(200), np.uint64(2**63 + 5), np.float32(0.5), np.float64(-2.25),
    1.5, np.bool_(True), gmpy2.mpz(9), np.array(4), np.array(2.5), 2**64 - 1, np.float16(0.25),
]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__} {s}")
@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul])
def test_scalars_of_every_kind_on_both_sides(device, key, scalar, operation):
    number = int(scalar) if isinstance(scalar, bool | np.bool_ | type(gmpy2.mpz())) else scalar
    number = number.item() if isinstance(number, np.generic | np.ndarray) else number
    x = key.public_key.encrypt([5, -6])
    for got, expected in (
        (operation(x, scalar), [operation(v, number) for v in (5, -6)]),
        (operation(scalar, x), [operation(number, v) for v in (5, -6)]),
    ):
        assert isinstance(got, paillier.CiphertextArray)
        assert key.decrypt(got).tolist() == expected


ARRAYS = [
    np.array([1, 2, 3], np.int32), np.array([1.5, -2.0, 0.25]), np.array([1, 2, 3], np.uint64), [1, 2, 3], (4, 5, 6),
    np.array([2**40, -1, 0], dtype=object), np.array([True, False, True]), np.arange(6)[::-2], range(3),
    np.array([1, 2, 3], ">i8"), np.array([0.5, 1, 2], ">f4"), np.array([2**64 - 1, 2**63, 1], ">u8"),
]  # fmt: skip


@pytest.mark.parametrize("values", ARRAYS, ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', '')}")
def test_arrays_of_every_kind_on_both_sides(device, key, values):
    x = key.public_key.encrypt([10, 20, 30])
    numbers = np.array([v.item() if isinstance(v, np.generic) else v for v in values], dtype=object) * 1
    plain = np.array([10, 20, 30], dtype=object)
    for got, expected in (
        (x + values, plain + numbers), (values + x, plain + numbers), (x - values, plain - numbers),
        (values - x, numbers - plain), (x * values, plain * numbers), (values * x, plain * numbers),
    ):  # fmt: skip
        assert isinstance(got, paillier.CiphertextArray)
        assert key.decrypt(got).tolist() == expected.tolist()


def test_big_integers_are_exact(device, key):
    values = [2**200, -(2**200) + 1, 0, 12345678901234567890123]
    x = key.public_key.encrypt(values, value_bits=201)
    plain = key.decrypt(x * 3 - 7)
    assert plain.dtype == object
    assert plain.tolist() == [3 * v - 7 for v in values]
    doubled = x.multiply(2**100, value_bits=101)
    assert key.decrypt(doubled).tolist() == [v * 2**100 for v in values]
    assert key.decrypt(x.add(2**150, value_bits=151)).tolist() == [v + 2**150 for v in values]
    assert key.decrypt(x.subtract([2**150, 1, 2, 3], value_bits=151)).tolist() == [
        values[0] - 2**150, values[1] - 1, values[2] - 2, values[3] - 3,
    ]  # fmt: skip


def test_integers_decrypt_as_int64_while_their_bound_allows(device, key):
    edges = np.array([-(2**63), 2**63 - 1, -1])
    plain = key.decrypt(key.public_key.encrypt(edges))
    assert plain.tolist() == edges.tolist()
    assert key.decrypt(key.public_key.encrypt(np.array([1, 2], np.int32))).dtype == np.int64
    assert key.decrypt(key.public_key.encrypt([2**64 - 1])).tolist() == [2**64 - 1]
    assert key.decrypt(key.public_key.encrypt(np.array([2**64 - 1], np.uint64))).tolist() == [2**64 - 1]


def test_scales_align_upwards_and_exactly(device, key):
    a = key.public_key.encrypt([0.5, 0.25], scale_bits=2)
    b = key.public_key.encrypt([1, 2])
    c = key.public_key.encrypt([1 / 3, 2 / 3], scale_bits=60, value_bits=62)
    total = a + b + c
    assert total.scale_bits == 60
    encodings = [round(Fraction(v) * 2**60) for v in (1 / 3, 2 / 3)]
    expected = [(e + (2 << 58) + (1 << 60), e + (1 << 58) + (2 << 60))[i] for i, e in enumerate(encodings)]
    assert key.decrypt(total, raw=True).tolist() == expected
    assert (b - a).scale_bits == 2
    assert key.decrypt(b - a).tolist() == [0.5, 1.75]
    assert key.decrypt(a + 0.125, raw=True).tolist() == [(5 << 37), (3 << 37)]
    assert key.decrypt(a.add(0.125, scale_bits=3), raw=True).tolist() == [5, 3]


def test_sums_along_axes(device, key):
    table = np.arange(-12, 12).reshape(2, 3, 4)
    x = key.public_key.encrypt(table)
    for axis in (None, 0, 1, -1, (0, 2), (0, 1, 2), np.int64(1)):
        got = key.decrypt(x.sum(axis))
        assert np.array_equal(got, table.sum(axis))
        assert key.decrypt(x.sum(axis, keepdims=True)).shape == table.sum(axis, keepdims=True).shape
    for axis in (None, 0, 1, -1):
        assert np.array_equal(key.decrypt(x.cumsum(axis)), table.cumsum(axis))
    assert key.decrypt(key.public_key.encrypt(np.zeros((0, 3), int)).sum(0)).tolist() == [0, 0, 0]
    assert key.decrypt(key.public_key.encrypt([]).sum()) == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [((4,), (4,)), ((4,), (4, 3)), ((2, 4), (4,)), ((2, 4), (4, 3)), ((5, 2, 4), (4, 3)), ((2, 4), (5, 4, 3)),
     ((4,), (5, 4, 3)), ((5, 2, 4), (5, 4, 3)), ((1, 2, 4), (5, 4, 3)), ((2, 0), (0, 3)), ((0, 4), (4, 2)), ((2, 0), (5, 0, 3)),
     ((5, 2, 4), (5, 4, 0)), ((0, 2, 4), (1, 4, 3))],
)  # fmt: skip
def test_matrix_products_have_numpys_shapes_and_values(device, key, left, right):
    rng = np.random.default_rng(1)
    a, b = rng.integers(-50, 50, left), rng.integers(-50, 50, right)
    assert np.array_equal(key.decrypt(key.public_key.encrypt(a) @ b), a @ b)
    assert np.array_equal(key.decrypt(a @ key.public_key.encrypt(b)), a @ b)
    assert (key.public_key.encrypt(a) @ b).shape == (a @ b).shape


def test_matrix_products_with_floats_and_lists(device, key):
    a, b = [[1, 2], [3, -4]], [0.5, -0.25]
    x = key.public_key.encrypt(a)
    assert key.decrypt(x @ b).tolist() == [0.0, 2.5]
    assert key.decrypt(b @ x).tolist() == [-0.25, 2.0]
    assert key.decrypt(x.dot(b)).tolist() == [0.0, 2.5]
    assert key.decrypt(x.dot([[1, 0], [0, 2**40]], value_bits=41)).tolist() == [[1, 2**41], [3, -(2**42)]]
    assert key.decrypt(x.matmul([0.5, 0.75], scale_bits=2)).tolist() == [2.0, -1.5]
    assert x.matmul([0.5, 0.75], scale_bits=2).scale_bits == 2


def test_segment_sums_of_many_features_with_masks(device, key):
    rng = np.random.default_rng(2)
    values, bins = rng.integers(-100, 100, 30), rng.integers(0, 5, (4, 30))
    mask = rng.random(30) < 0.6
    x = key.public_key.encrypt(values)

    def expected(chosen):
        table = np.zeros((4, 5), int)
        for feature in range(4):
            np.add.at(table[feature], bins[feature][chosen], values[chosen])
        return table

    assert np.array_equal(key.decrypt(x.segment_sum(bins, 5)), expected(np.full(30, True)))
    assert np.array_equal(key.decrypt(x.segment_sum(bins, num_segments=5, mask=mask)), expected(mask))
    assert np.array_equal(key.decrypt(x.segment_sum(bins[2], 5)), expected(np.full(30, True))[2])
    each = rng.random((4, 30)) < 0.5
    got = key.decrypt(x.segment_sum(bins, 5, mask=each))
    assert np.array_equal(got, np.stack([expected(each[f])[f] for f in range(4)]))
    assert key.decrypt(x.segment_sum(bins, 6)).shape == (4, 6)
    assert (
        key.decrypt(x.reshape(5, 6).segment_sum(bins[0].reshape(5, 6), 5)).tolist()
        == expected(np.full(30, True))[0].tolist()
    )


def test_every_variant_computes_the_same(device, any_key):
    a, b = np.array([[1, -2], [3, 4]]), np.array([[0.5, 1], [-1, 2]])
    x = any_key.public_key.encrypt(a)
    assert np.array_equal(any_key.decrypt((x @ b - 1.5) * 2 + any_key.encrypt(a)), (a @ b - 1.5) * 2 + a)
    assert np.array_equal(any_key.decrypt(x.rerandomize().sum(0)), a.sum(0))


def test_results_land_on_the_operands_device(device, key):
    x, v = key.public_key.encrypt([1, 2, 3]), np.arange(3)
    for made in (x, x + 1, 1 - x, x + v, 2 * x, x @ v, v @ x, x.sum(), x.rerandomize(), x[::2], x - x):
        assert made.device == device


def test_mixed_devices_are_refused_and_can_be_moved(fake_engine, key):
    x = key.public_key.encrypt([1, 2])
    y = x.to(fake_engine)
    assert (x.device, y.device) == ("cpu", fake_engine)
    assert key.decrypt(y + 1).tolist() == key.decrypt(x + 1).tolist() == [2, 3]
    with pytest.raises(RuntimeError, match=r"move one with .to\('cpu'\)"):
        x + y
