"""Products with principal units 1 + k m by their launchers, at the edges of every range, against Python's integers."""

import random

import numpy as np
import pytest

from hepy import _limbs
from hepy.errors import ParameterError


@pytest.fixture(params=("pairs",))
def form(request):
    return request.param


def entry(batches, words):
    rows = batches.modulus.entry_rows(words)
    assert 0 < rows <= batches.limbs // 2 and (rows >= words or rows == batches.limbs // 2)
    factor = (batches.radix << 32 * rows) % batches.root
    return batches.device.asarray(_limbs.from_ints([factor], batches.limbs // 2))


def multiply(batches, x, factors, words, *, count=None, out=None, start=0, step=1):
    """x (1 + k m) for integers k of any sign, whose magnitudes have so many words."""
    count = len(factors) if count is None else count
    out = batches.empty(count) if out is None else out
    magnitudes = batches.exponents([abs(k) for k in factors], 32 * words, start=start, step=step)
    signs = batches.device.asarray(np.array([k < 0 for k in factors], np.uint8))
    operand = x if isinstance(x, batches.native.Operand) else batches.operand(x)
    batches.native.multiply_principal(
        batches.stream, batches.modulus, out, operand, magnitudes, signs, entry(batches, words), count
    )
    return out


def test_pairs_and_factors_on_edges(batches, edge_values):
    m, half = batches.root, batches.limbs // 2
    for words in (1, 2, 5, half - 1, half, half + 3, 2 * half + 1):
        top = 1 << 32 * words
        chosen = [0, 1, top - 1, m % top, (m - 1) % top, m // 2 % top, random.Random(words).randrange(top)]
        factors = [sign * k for k in chosen for sign in (1, -1)]
        raws = [edge_values[i % len(edge_values)] for i in range(len(factors))]
        got = multiply(batches, batches.raw(raws), factors, words)
        want = [x * (1 + k * m) % batches.n for x, k in zip(batches.decode(raws), factors, strict=True)]
        assert batches.store(got) == want, words


def test_every_order_of_threads_gives_the_same(make_forms, schedule):
    batches = make_forms(3**1290)
    values = [7**i % batches.n for i in range(9)]
    factors = [(-1) ** i * 3 ** (60 * i) for i in range(9)]
    got = multiply(batches, batches.raw(batches.encode(values)), factors, 28)
    assert batches.store(got) == [x * (1 + k * batches.root) % batches.n for x, k in zip(values, factors, strict=True)]


@pytest.mark.parametrize("count", [0, 1, 31, 33, 65])
def test_any_count_fills_the_batch_and_nothing_else(make_forms, count):
    batches = make_forms(2**1023 + 11)
    x, factors = [5 + i for i in range(count)], [3 - i for i in range(count)]
    out = batches.marked(count + 1)
    mark = batches.limbs_of(out)[count]
    if count:
        multiply(batches, batches.raw(x), factors, 2, out=out)
    assert batches.limbs_of(out)[count] == mark
    want = [v * (1 + k * batches.root) % batches.n for v, k in zip(batches.decode(x), factors, strict=True)]
    assert batches.decode(batches.limbs_of(out)[:count]) == want


def test_factors_are_rows_with_their_signs(make_forms):
    batches = make_forms(2**1024 - 105)
    values, factors = [3**i for i in range(40)], [(-1) ** i * 5**i for i in range(50)]
    x = batches.operand(batches.raw(batches.encode(values)), start=39, step=-2)
    got = multiply(batches, x, factors, 4, count=16, start=1, step=3)
    want = [values[39 - 2 * i] * (1 + factors[1 + 3 * i] * batches.root) % batches.n for i in range(16)]
    assert batches.store(got) == want
    same = multiply(batches, batches.raw(batches.encode(values)), [7, -7], 2, count=40, start=1, step=0)
    assert batches.store(same) == [x * (1 - 7 * batches.root) % batches.n for x in values]


@pytest.mark.parametrize("scale", [0, 7, 2000])
def test_fixed_point_factors(make_forms, schedule, scale):
    batches = make_forms(2**1024 - 105)
    floats = np.array([0.5, -0.5, 1.5, -2.5, 1e300, -5e-324, -0.0, 2.0**60 + 2**9])
    signed = np.array([0, 1, -1, 2**63 - 1, -(2**63), 77, -(2**40), 2**32], np.int64)
    unsigned = signed.view(np.uint64)
    values = [11**i for i in range(8)]
    x = batches.operand(batches.raw(batches.encode(values)))
    for number, numbers in (("float", floats), ("signed", signed), ("unsigned", unsigned)):
        out = batches.empty(8)
        words = batches.modulus.fixed_point_words(number, scale)
        batches.native.multiply_principal_fixed_point(
            batches.stream, batches.modulus, out, x, batches.device.asarray(numbers.view(np.uint64)), number, scale,
            entry(batches, words), 8
        )  # fmt: skip
        integers = [rounded(value, scale) for value in numbers.tolist()]
        want = [v * (1 + k * batches.root) % batches.n for v, k in zip(values, integers, strict=True)]
        assert batches.store(out) == want


def rounded(value, scale):
    """round(value 2^scale), half to even."""
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator << scale, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


def test_what_does_not_fit_is_refused(make_forms, make_batches):
    batches = make_forms(2**1023 + 11)
    x, signs = batches.raw([1, 2]), batches.device.asarray(np.zeros(2, np.uint8))
    factors, factor = batches.exponents([1, 2], 64), entry(batches, 2)

    def launch(*, other=batches, signs=signs, factor=factor, count=2):
        out = other.empty(count)
        operand = other.operand(other.raw([1, 2]))
        other.native.multiply_principal(other.stream, other.modulus, out, operand, factors, signs, factor, count)

    launch()
    with pytest.raises(ParameterError, match="elements was given"):
        launch(signs=signs[:1])
    with pytest.raises(ParameterError, match="elements was given"):
        launch(factor=factor.reshape(-1)[4:])
    with pytest.raises(ParameterError, match=r"rows .* were asked for"):
        launch(count=3)
    with pytest.raises(ParameterError, match="those of a square"):
        launch(other=make_batches(2**1023 + 11))
    with pytest.raises(ParameterError, match="fewer than 65536 fraction bits"):
        batches.native.multiply_principal_fixed_point(
            batches.stream, batches.modulus, batches.empty(2), batches.operand(x),
            batches.device.asarray(np.zeros(2, np.uint64)), "signed", 65536, factor, 2
        )  # fmt: skip
