"""Exchange of primes on the emulator, against sums of Python's integers by the contract's formulas."""

import numpy as np
import pytest

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.ring.native_conversion import Exchange, factors, tables

NEARS = {"small": 1 << 20, "main": 1 << 30, "special": 1 << 31}


def numerators(x, source, times=1):
    """y_i = times x_i q_i / Q mod q_i, as an object array [..., limbs, N]."""
    q = source.words[:, None].astype(object)
    inverse = [times * pow(source.modulus // prime, -1, prime) for prime in source.primes]
    return x.astype(object) * np.array(inverse, object)[:, None] % q


def multiples(y, source):
    """The rounded sum of y_i / q_i in fixed-point arithmetic, as RingKernels.convert defines it."""
    total = 1 << 31
    for limb, prime in enumerate(source.primes):
        bits = prime.bit_length()
        total = total + (y[..., limb, :] * ((1 << 31 + bits) // prime) >> bits - 1)
    return total >> 32


def converted(y, source, target, centred):
    parts = np.array([source.modulus // prime for prime in source.primes], object)
    whole = (y * parts[:, None]).sum(axis=-2)
    if centred:
        whole = whole - multiples(y, source) * source.modulus
    return whole[..., None, :] % target.words[:, None].astype(object)


def bases(degree, counts_in, counts_out):
    """Disjoint bases with so many primes of each kind."""
    found = {kind: ring.primes(near, degree, counts_in.get(kind, 0) + counts_out.get(kind, 0) + 1)
             for kind, near in NEARS.items()}  # fmt: skip
    source = [prime for kind, count in counts_in.items() for prime in found[kind][:count]]
    target = [prime for kind, count in counts_out.items() for prime in found[kind][counts_in.get(kind, 0) :][:count]]
    return ring.RingBasis(source, degree), ring.RingBasis(target, degree)


CASES = [
    ({"main": 1}, {"main": 1}),
    ({"main": 3}, {"special": 5}),
    ({"special": 4}, {"main": 8, "small": 1}),
    ({"special": 6}, {"special": 9}),
    ({"main": 16, "small": 1}, {"main": 13, "special": 4}),
    ({"small": 2, "main": 1, "special": 1}, {"small": 2, "main": 3, "special": 2}),
]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("degree", [8, 512])
def test_conversions_follow_the_contract(rings, edges, case, degree, centred):
    source, target = bases(degree, *case)
    x = edges(source, (2,), seed=len(source))
    got = rings.call("convert", x, source, target, centred)
    assert (got == converted(numerators(x, source), source, target, centred)).all()


@pytest.mark.parametrize("kinds", ["main main", "main special", "special main", "special special", "special small"])
def test_the_largest_sums(rings, kinds):
    """y_i = q_i - 1 everywhere, more products than a sum holds, and primes next to the limits."""
    first, second = kinds.split()
    source, target = bases(8, {first: 40}, {second: 9})
    y = np.repeat(source.words[:, None].astype(object) - 1, 8, axis=1)
    parts = np.array([[source.modulus // q] for q in source.primes], object)
    x = (y * parts % source.words[:, None].astype(object)).astype(np.uint32)
    for centred in (True, False):
        got = rings.call("convert", x, source, target, centred)
        assert (got == converted(y, source, target, centred)).all()


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_digits_side_by_side(rings, edges, scaled, centred):
    """Digits of several sizes and kinds in one launch, to rows of a larger array; other rows stay as they are."""
    degree = 32
    small, main, special = (ring.primes(near, degree, 4) for near in NEARS.values())
    whole = ring.RingBasis((*small, *main, *special), degree)
    groups = [(*small[:1], *main[:3]), special[:2], main[3:]]
    out_rows, digits, places = 3 * len(whole), [], {q: i for i, q in enumerate(whole.primes)}
    for d, group in enumerate(groups):
        source = ring.RingBasis(group, degree)
        target = ring.RingBasis([q for q in whole.primes if q not in group][: 11 - 4 * d], degree)
        rows_in = tuple(places[q] for q in source.primes)
        rows_out = tuple(d * len(whole) + places[q] for q in target.primes)
        digits.append(Exchange(source, target, 7 + d, rows_in, rows_out))
    x = edges(whole, (2, 3), seed=5)
    want = np.full((2, 3, out_rows, degree), 12345, object)
    given = x.copy()
    for digit in digits:
        y = numerators(x[..., digit.rows_in, :], digit.source, digit.times)
        want[..., digit.rows_out, :] = converted(y, digit.source, digit.target, centred)
        if scaled:
            given[..., digit.rows_in, :] = y.astype(np.uint32)
        radix = 1 << 32
        plain = [int(f) * pow(radix, -1, q) % q for f, q in zip(factors(digit), digit.source.primes, strict=True)]
        parts = [digit.source.modulus // q for q in digit.source.primes]
        assert [f * part % q for f, part, q in zip(plain, parts, digit.source.primes, strict=True)] == [
            digit.times % q for q in digit.source.primes
        ]
    out = rings.here(np.full((2, 3, out_rows, degree), 12345, np.uint32))
    launches = rings.launches(
        lambda: rings.leaves.exchange(out, rings.here(given), tuple(digits), scaled=scaled, centred=centred)
    )
    assert launches == {"ring.convert": 1}
    assert (_devices.to_host(out) == want).all()


def test_how_many_products_a_sum_takes():
    """The bounds that conversion.cu relies on, for primes next to 2**30 and 2**31."""
    for kind_in in NEARS:
        for kind_out in NEARS:
            source, target = bases(16, {kind_in: 3}, {kind_out: 3})
            made = tables([Exchange(source, target, 1, (0, 1, 2), (0, 1, 2))])
            for p, _, bound, _ in made.outgoing.tolist():
                largest = made.products * (max(source.primes) - 1) * (p - 1)
                assert largest <= (bound << 32) - (1 << 32)  # so the upper word grows by less than the bound
                assert 2 * bound <= 1 << 32
                assert bound in (p, 2 * p)


@pytest.mark.parametrize("degree", [8, 256, 1024])
def test_in_every_order_of_threads(rings, edges, degree, schedule):
    source, target = bases(degree, {"main": 3}, {"special": 13})
    x = edges(source, (3,), seed=1)
    got = rings.call("convert", x, source, target, True)
    assert (got == converted(numerators(x, source), source, target, True)).all()


def test_operands_are_read_where_they_lie(rings, edges):
    source, target = bases(16, {"main": 3}, {"special": 2})
    whole = source.union(target)
    a = edges(whole, (2, 3, 4), seed=2)
    x = rings.here(a).transpose(2, 0, 1, 3, 4)[::-1, :, 1:, :3]
    got = _devices.to_host(rings.leaves.convert(x, source, target, True))
    want = a.transpose(2, 0, 1, 3, 4)[::-1, :, 1:, :3]
    assert (got == converted(numerators(want, source), source, target, True)).all()
    broadcast = rings.device.xp.broadcast_to(rings.here(a[0, 0, 0, :3]), (5, 3, 16))
    got = _devices.to_host(rings.leaves.convert(broadcast, source, target, False))
    assert (got == converted(numerators(a[0, 0, 0, :3], source), source, target, False)).all()


def test_an_empty_batch(rings):
    source, target = bases(8, {"main": 2}, {"special": 3})
    assert rings.call("convert", np.empty((0, 2, 8), np.uint32), source, target, True).shape == (0, 3, 8)


def test_what_bindings_refuse(rings, edges):
    source, target = bases(16, {"main": 2}, {"special": 3})
    leaves, native, stream = rings.leaves, rings.leaves.native, rings.device.stream
    x, out = rings.here(edges(source, (2,))), leaves.empty((2, 3, 16))
    made = leaves._conversion((Exchange(source, target, 1, (0, 1), (0, 1, 2)),), 2, 3)
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.convert(stream, made, out, x[:, :1], False, True)
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.convert(stream, made, leaves.empty((2, 2, 16)), x, False, True)
    with pytest.raises(ParameterError, match="does not broadcast"):
        native.convert(stream, made, out[:1], x, False, True)
    rows = [rings.here(np.zeros(count, np.uint32)) for count in (8, 16, 12, 24)]
    with pytest.raises(ParameterError, match="2 or 4 products"):
        native.Conversion(stream, *rows, (2, 3), (2, 3), 3, 16)
    with pytest.raises(ParameterError, match="powers of two"):
        native.Conversion(stream, *rows, (2, 3), (2, 3), 4, 24)
