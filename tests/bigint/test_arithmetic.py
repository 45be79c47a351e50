"""Arithmetic modulo one modulus, on every device, against Python's integers: operands on the edges of limbs and ranges."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, bigint, options
from hepy.errors import ParameterError

EACH_ENGINE = True
LENGTHS = (2, 3, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 500, 512, 1000, 1024)


@st.composite
def moduli(draw):
    """Odd numbers above 2: all ones, barely into their top limb, or anything."""
    bits = draw(st.sampled_from(LENGTHS))
    full, bare = (1 << bits) - 1, (1 << (bits - 1)) + 1
    n = draw(st.one_of(st.just(full), st.just(bare), st.integers(bare, full)))
    return max(n | 1, 3)


def residues(n):
    """Integers in [0, n), with those where carries run and subtractions end."""
    words = -(-n.bit_length() // 32)
    edges = [0, 1, 2, n - 1, n - 2, n // 2, n // 2 + 1, (1 << n.bit_length()) % n]
    edges += [(1 << 32 * k) - 1 for k in (1, 2, words - 1)] + [1 << 32 * k for k in range(min(words, 3))]
    edges += [int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * (words // 2 + 1), "little")]
    return st.one_of(st.sampled_from([edge % n for edge in edges]), st.integers(0, n - 1))


@st.composite
def batches(draw, arrays=2, size=6):
    """A modulus, and lists of residues of one length."""
    n = draw(moduli())
    length = draw(st.integers(0, size))
    return n, *(draw(st.lists(residues(n), min_size=length, max_size=length)) for _ in range(arrays))


def units(n):
    return residues(n).filter(lambda value: math.gcd(value, n) == 1)


@given(batch=batches())
def test_sums_differences_and_products(device, batch):
    n, a, b = batch
    modulus = bigint.Modulus(n)
    x, y = modulus.array(a), modulus.array(b)
    assert (x + y).to_ints().tolist() == [(p + q) % n for p, q in zip(a, b, strict=True)]
    assert (x - y).to_ints().tolist() == [(p - q) % n for p, q in zip(a, b, strict=True)]
    assert (x * y).to_ints().tolist() == [p * q % n for p, q in zip(a, b, strict=True)]
    assert x.square().to_ints().tolist() == [p * p % n for p in a]
    assert (-x).to_ints().tolist() == [-p % n for p in a]
    assert x.equal(y).tolist() == [p == q for p, q in zip(a, b, strict=True)]


@given(n=moduli(), data=st.data())
def test_integers_of_any_size_and_sign_are_reduced(device, n, data):
    values = data.draw(st.lists(st.integers(-(n**3), n**3), max_size=5))
    assert bigint.Modulus(n).array(values).to_ints().tolist() == [value % n for value in values]


@given(batch=batches(arrays=1, size=4), exponents=st.lists(st.integers(0, 2**200), min_size=4, max_size=4))
def test_powers_with_one_exponent_each(device, batch, exponents):
    n, a = batch
    exponents = exponents[: len(a)]
    x = bigint.Modulus(n).array(a)
    expected = [pow(p, e, n) for p, e in zip(a, exponents, strict=True)]
    assert x.power(exponents).to_ints().tolist() == expected
    assert x.power_vartime(exponents).to_ints().tolist() == expected


@given(batch=batches(arrays=1, size=4), exponent=st.one_of(st.integers(0, 40), st.integers(0, 2**300)))
def test_powers_with_a_common_exponent(device, batch, exponent):
    n, a = batch
    x = bigint.Modulus(n).array(a)
    expected = [pow(p, exponent, n) for p in a]
    assert (x**exponent).to_ints().tolist() == expected
    assert x.power_vartime(exponent).to_ints().tolist() == expected


@pytest.mark.parametrize("bits", [*range(1, 20), 31, 32, 33, 63, 64, 65, 100])
def test_windows_end_where_exponents_do(device, bits):
    n = 2**127 - 1
    exponents = [1 << (bits - 1), (1 << bits) - 1, int("10" * bits, 2) >> bits]
    x = bigint.Modulus(n).array([3, n - 1, 12345])
    expected = [pow(p, e, n) for p, e in zip([3, n - 1, 12345], exponents, strict=True)]
    assert x.power(exponents).to_ints().tolist() == expected
    assert x.power_vartime(exponents).to_ints().tolist() == expected


@given(n=moduli(), data=st.data())
def test_negative_exponents_invert(device, n, data):
    a = data.draw(st.lists(units(n), min_size=3, max_size=3))
    exponents = data.draw(st.lists(st.integers(-(2**70), 2**70), min_size=3, max_size=3))
    expected = [pow(p, e, n) for p, e in zip(a, exponents, strict=True)]
    assert bigint.Modulus(n).power(a, exponents).to_ints().tolist() == expected


@given(n=moduli(), data=st.data())
def test_inverses_and_quotients(device, n, data):
    a = data.draw(st.lists(residues(n), min_size=4, max_size=4))
    b = data.draw(st.lists(units(n), min_size=4, max_size=4))
    modulus = bigint.Modulus(n)
    inverses = [pow(q, -1, n) for q in b]
    assert modulus.array(b).inverse().to_ints().tolist() == inverses
    assert modulus.array(a).divide(b).to_ints().tolist() == [p * i % n for p, i in zip(a, inverses, strict=True)]


@pytest.mark.parametrize("size", [0, 1, 2, 63, 64, 65, 300])
def test_inverses_of_many(device, count, size):
    n, size = 2**521 - 1, min(size, count(size))
    values = list(range(1, size + 1))
    assert bigint.Modulus(n).array(values).inverse().to_ints().tolist() == [pow(v, -1, n) for v in values]


@pytest.mark.parametrize("at", [0, 1, 70, 299])
@pytest.mark.parametrize("power", [1, 2])
def test_what_has_no_inverse_is_named(device, at, power):
    n = (3 * (2**89 - 1)) ** power
    values = [2] * 300
    values[at] = 6
    x = bigint.Modulus(n).array(values)
    with pytest.raises(ParameterError, match=rf"index \({at},\) has no inverse"):
        x.inverse()
    with pytest.raises(ParameterError, match=rf"index \({at},\) has no inverse"):
        x[::-1].divide(x)
    with pytest.raises(ParameterError, match=rf"index \({at // 30}, {at % 30}\) has no inverse"):
        x.reshape(10, 30).power(-1)
    assert x.is_unit().tolist() == [i != at for i in range(300)]
    assert x[x.is_unit()].is_unit().all()
    assert not x.are_units()
    assert x[x.is_unit()].are_units()
    assert [x[i].are_units() for i in (at, at - 1)] == [False, True]


@given(n=moduli(), data=st.data())
def test_units_are_what_is_prime_to_the_modulus(device, n, data):
    for modulus in (n, n * n):
        values = data.draw(st.lists(st.integers(0, modulus - 1), max_size=3))
        x, want = bigint.Modulus(modulus).array(np.array(values, dtype=object)), [math.gcd(v, n) == 1 for v in values]
        assert x.is_unit().tolist() == want
        assert x.are_units() == all(want)


@given(n=moduli(), data=st.data())
def test_products_along_axes(device, n, data):
    values = data.draw(st.lists(residues(n), min_size=24, max_size=24))
    x = bigint.Modulus(n).array(values).reshape(2, 3, 4)
    table = np.array(values, dtype=object).reshape(2, 3, 4)
    for axis in (None, 0, 1, -1, (0, 2), (1, 2), (0, 1, 2), ()):
        expected = np.multiply.reduce(table, axis=axis if axis is not None else (0, 1, 2)) % n
        assert x.prod(axis).to_ints().tolist() == (expected.tolist() if isinstance(expected, np.ndarray) else expected)
    for axis in (0, 1, -1):
        assert x.cumprod(axis).to_ints().tolist() == (np.multiply.accumulate(table, axis=axis) % n).tolist()
    assert x.cumprod().to_ints().tolist() == [v % n for v in itertools.accumulate(values, lambda p, q: p * q % n)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000])
def test_long_products(device, count, size):
    n, size = 2**127 - 1, min(size, count(size))
    values = [(i * i + 7) % n for i in range(size)]
    x = bigint.Modulus(n).array(values)
    assert x.prod().to_ints().item() == math.prod(values) % n
    assert x.prod(()).to_ints().tolist() == values
    assert bigint.Modulus(n).array(np.zeros((3, 0), int)).prod(1).to_ints().tolist() == [1, 1, 1]


@given(n=moduli(), data=st.data())
def test_segments_multiply_what_shares_a_bin(device, n, data):
    features, samples, segments = 3, 7, 4
    values = data.draw(st.lists(residues(n), min_size=samples, max_size=samples))
    bins = np.array(data.draw(st.lists(st.integers(0, segments - 1), min_size=21, max_size=21))).reshape(3, 7)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=7, max_size=7)))
    x = bigint.Modulus(n).array(values)

    def expected(chosen):
        table = np.ones((features, segments), dtype=object)
        for f, s in itertools.product(range(features), range(samples)):
            if chosen[s]:
                table[f, bins[f, s]] = table[f, bins[f, s]] * values[s] % n
        return (table % n).tolist()

    assert x.segment_product(bins, segments).to_ints().tolist() == expected([True] * samples)
    assert x.segment_product(bins, segments, mask).to_ints().tolist() == expected(mask)
    assert x.segment_product(bins[0], segments).to_ints().tolist() == expected([True] * samples)[0]


def test_segments_of_many_pieces(device, monkeypatch):
    from hepy.bigint import residues as module

    n = 2**61 - 1
    values = np.arange(1, 41)
    bins = np.stack([values % 3, values % 7, values * 0])
    x = bigint.Modulus(n).array(values)
    whole = x.segment_product(bins, 7).to_ints().tolist()
    monkeypatch.setattr(module, "_PAIRS", 16)
    assert x.segment_product(bins, 7).to_ints().tolist() == whole
    assert whole[2] == [math.factorial(40) % n, 1, 1, 1, 1, 1, 1]


@given(n=moduli(), data=st.data())
def test_products_of_powers(device, n, data):
    rows, terms, columns = 2, 5, 3
    values = data.draw(st.lists(units(n), min_size=rows * terms, max_size=rows * terms))
    bits = data.draw(st.sampled_from([1, 3, 17, 64, 90]))
    low = data.draw(st.sampled_from([0, -(1 << bits)]))
    exponents = data.draw(
        st.lists(st.integers(low, (1 << bits) - 1), min_size=terms * columns, max_size=terms * columns)
    )
    x = bigint.Modulus(n).array(values).reshape(rows, terms)
    matrix = np.array(exponents, dtype=object).reshape(terms, columns)
    expected = [
        [math.prod(pow(values[r * terms + k], matrix[k, m], n) for k in range(terms)) % n for m in range(columns)]
        for r in range(rows)
    ]
    assert x.multi_power_vartime(matrix).to_ints().tolist() == expected
    assert x[0].multi_power_vartime(matrix[:, 0]).to_ints().item() == expected[0][0]


@pytest.mark.parametrize(
    ("terms", "columns", "bits"), [(1, 1, 8), (200, 1, 6), (300, 2, 3), (40, 5, 70), (130, 1, 200)]
)
def test_products_of_many_powers(device, terms, columns, bits):
    """Shapes for which each method of the CPU's engine, and each way to share it among threads, is the cheaper one."""
    n = 2**89 - 1
    bases = [(7 * k + 3) % n for k in range(terms)]
    exponents = [[pow(3, k * columns + m + 1) % (1 << bits) for m in range(columns)] for k in range(terms)]
    expected = [math.prod(pow(bases[k], exponents[k][m], n) for k in range(terms)) % n for m in range(columns)]
    x = bigint.Modulus(n).array(bases)
    assert x.multi_power_vartime(np.array(exponents, dtype=object)).to_ints().tolist() == expected


@pytest.mark.parametrize("signed", [False, True])
def test_powers_of_many_terms_are_made_in_parts(device, monkeypatch, signed):
    """One term more than two parts hold."""
    monkeypatch.setattr("hepy.bigint.residues._TERMS", 4)
    n, terms, columns = (1 << 89) - 1, 2 * 4 + 1, 3
    modulus = bigint.Modulus(n)
    monkeypatch.setattr(type(modulus.kernels(_devices.current())), "chunk", 4)
    bases = np.arange(2, 2 + 2 * terms).reshape(2, terms)
    exponents = np.arange(terms * columns).reshape(terms, columns) - (7 if signed else 0)
    got = modulus.array(bases).multi_power_vartime(exponents).to_ints().tolist()
    assert got == [
        [math.prod(pow(int(b), int(e), n) for b, e in zip(row, column, strict=True)) % n for column in exponents.T]
        for row in bases
    ]


def test_products_of_no_powers_are_one(device):
    modulus = bigint.Modulus(1009)
    empty = modulus.array(np.zeros((2, 0), int))
    assert empty.multi_power_vartime(np.zeros((0, 3), int)).to_ints().tolist() == [[1] * 3] * 2
    assert modulus.array([5, 6]).multi_power_vartime([0, 0]).to_ints().item() == 1
    assert modulus.array(np.zeros((0, 2), int)).multi_power_vartime([1, 2]).shape == (0,)


@given(batch=batches(arrays=1, size=4), exponents=st.lists(st.integers(0, 2**130), max_size=5))
def test_a_fixed_base(device, batch, exponents):
    n, a = batch
    base = (a or [5])[0]
    power = bigint.Modulus(n).fixed_base(base)
    assert power.power(exponents).to_ints().tolist() == [pow(base, e, n) for e in exponents]
    assert power.power(max(exponents, default=3)).to_ints().item() == pow(base, max(exponents, default=3), n)


def test_a_busy_base_keeps_its_answers_while_its_tables_grow(device, count):
    n, base = 2**127 - 1, 3
    power = bigint.Modulus(n).fixed_base(base)
    for size, bits in ((3, 60), (count(600), 60), (5, 200), (5, 8), (2, 500)):
        exponents = [(1 << bits) - 1 - i for i in range(size)]
        assert power.power(exponents).to_ints().tolist() == [pow(base, e, n) for e in exponents]


def test_constant_time_changes_no_result(device, monkeypatch):
    n = 2**521 - 1
    values, exponents = [3, n - 1, 2**300], [2**130 - 1, 5, 0]
    x, base = bigint.Modulus(n).array(values), bigint.Modulus(n).fixed_base(7)
    default = [x.power(exponents).to_ints().tolist(), base.power(exponents).to_ints().tolist()]
    monkeypatch.setattr(options, "constant_time", True)
    assert [x.power(exponents).to_ints().tolist(), base.power(exponents).to_ints().tolist()] == default
    assert default[0] == [pow(p, e, n) for p, e in zip(values, exponents, strict=True)]


def test_zero_to_the_zero_is_one(device):
    x = bigint.Modulus(35).array([0, 5, 34])
    assert x.power(0).to_ints().tolist() == [1, 1, 1]
    assert x.power_vartime([0, 0, 0]).to_ints().tolist() == [1, 1, 1]


@pytest.mark.parametrize("bits", [2048, 4096, 6144, 8192])
def test_sizes_of_real_keys(device, bits):
    n = (1 << bits) - 12345
    values, exponent = [n - 1, (1 << (bits - 1)) + 99, 3], 2**65 + 12345
    x = bigint.Modulus(n).array(values)
    assert (x * x[::-1]).to_ints().tolist() == [p * q % n for p, q in zip(values, values[::-1], strict=True)]
    assert x.square().to_ints().tolist() == [p * p % n for p in values]
    assert x.power(exponent).to_ints().tolist() == [pow(p, exponent, n) for p in values]
    assert (
        x.multi_power_vartime([3, 1, 2**40]).to_ints().item()
        == pow(values[0], 3, n) * values[1] * pow(values[2], 2**40, n) % n
    )


def test_toy_moduli_exhaustively(device):
    for n in (3, 9, 15):
        modulus = bigint.Modulus(n)
        a, b = np.meshgrid(np.arange(n), np.arange(n))
        x, y = modulus.array(a), modulus.array(b)
        assert (x * y).to_ints().tolist() == (a * b % n).tolist()
        assert (x + y).to_ints().tolist() == ((a + b) % n).tolist()
        assert (x - y).to_ints().tolist() == ((a - b) % n).tolist()
        assert x.power(b).to_ints().tolist() == [[pow(int(p), int(q), n) for p, q in zip(*row, strict=True)]
                                                 for row in zip(a, b, strict=True)]  # fmt: skip
