"""Residue by residue, against Python's integers; views of every kind are read where they lie."""

import numpy as np
import pytest

from hepy import _devices, ring
from hepy.errors import ParameterError

DEGREES = (8, 64, 2048)


def modulus(basis):
    return basis.words[:, None].astype(object)


@pytest.mark.parametrize("degree", DEGREES)
def test_results_are_those_of_integers(rings, basis, edges, degree):
    base = basis(degree)
    x, y, q = edges(base, (3,), seed=1), edges(base, (3,), seed=2), modulus(base)
    a, b = x.astype(object), y.astype(object)
    assert (rings.call("add", x, y, base) == (a + b) % q).all()
    assert (rings.call("subtract", x, y, base) == (a - b) % q).all()
    assert (rings.call("negate", x, base) == -a % q).all()
    assert (rings.call("multiply", x, y, base) == a * b % q).all()


@pytest.mark.parametrize("degree", DEGREES)
def test_factors_of_limbs(rings, basis, edges, degree):
    base = basis(degree)
    x, y, q = edges(base, (2, 3), seed=3), edges(base, (2, 3), seed=4), modulus(base)
    factors = edges(base, (2, 1), seed=5)[..., 0]
    assert (rings.call("scale", x, factors, base) == x * factors[..., None].astype(object) % q).all()
    ends = edges(base, (2,), seed=6)[..., 0]
    want = (x * ends[0, :, None].astype(object) - y * ends[1, :, None].astype(object)) % q
    assert (rings.call("subtract_scaled", x, y, ends, base) == want).all()


def test_operands_broadcast_and_are_read_where_they_lie(rings, basis, edges):
    base = basis(16)
    a, b = edges(base, (4, 3, 5), seed=7), edges(base, (3, 1), seed=8)
    x, y = rings.here(a), rings.here(b)
    views = [
        (x, y, a, b),
        (x[::-2, 1:], y[1:], a[::-2, 1:], b[1:]),
        (x.transpose(2, 1, 0, 3, 4), y[:, 0][:, None], a.transpose(2, 1, 0, 3, 4), b[:, 0][:, None]),
        (x[..., 1, 2, :, :], y[0], a[..., 1, 2, :, :], b[0]),
        (x[None, :, None, :, None], y[:, None], a[None, :, None, :, None], b[:, None]),
    ]
    for left, right, p, q in views:
        got = _devices.to_host(rings.leaves.add(left, right, base))
        assert (got == (p.astype(object) + q) % modulus(base)).all()


def test_long_axes_that_do_not_merge(rings):
    """Places along axes are found by multiplying: for every entry of some ten thousand, and lengths of each kind."""
    base = ring.RingBasis([97], 8)
    words = np.random.default_rng(3).integers(0, 97, (13, 64, 37, 1, 8), dtype=np.uint32)
    for axes in ((2, 0, 1), (1, 2, 0), (2, 1, 0)):
        a = words.transpose(*axes, 3, 4)
        got = _devices.to_host(rings.leaves.negate(rings.here(words).transpose(*axes, 3, 4), base))
        assert (got == -a.astype(int) % 97).all()


def test_limbs_may_be_apart(rings, basis, edges):
    base = basis(32)
    inner = base.without(base[1:2])
    a = edges(base, (2,), seed=9)
    x = rings.here(a)[..., ::2, :]
    assert (_devices.to_host(rings.leaves.negate(x, inner)) == -a[..., ::2, :].astype(object) % modulus(inner)).all()


def test_more_axes_than_kernels_take(rings, basis, edges):
    base = basis(8)
    a, b = edges(base, (2, 1, 2, 1, 2, 1), seed=10), edges(base, (1, 3, 1, 2, 1, 2), seed=11)
    assert (rings.call("multiply", a, b, base) == a.astype(object) * b % modulus(base)).all()


def test_an_empty_batch_launches_nothing(rings, basis):
    base = basis(8)
    x = rings.here(np.empty((0, len(base), 8), np.uint32))
    assert rings.launches(lambda: rings.leaves.add(x, x, base)) == {}
    assert rings.launches(lambda: rings.leaves.add(x[:0], x[:0], base)) == {}


def test_a_batch_of_more_entries_than_a_grid_has(rings, basis):
    base = basis(8, small=0, special=0)
    x = np.arange(65540 * 8, dtype=np.uint32).reshape(65540, 1, 8)
    assert (rings.call("add", x, x, base) == 2 * x).all()


def test_what_bindings_refuse(rings, basis, edges):
    base, native, stream = basis(16), rings.leaves.native, rings.device.stream
    known, x, out = rings.leaves.of(base), rings.here(edges(base, (2,))), rings.leaves.empty((2, len(base), 16))
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.add(stream, known, out, x[..., :8], x)
    with pytest.raises(ParameterError, match="does not broadcast"):
        native.add(stream, known, out[:1], x, x)
    with pytest.raises(ParameterError, match="contiguous"):
        native.add(stream, known, out[..., ::-1], x, x)
    with pytest.raises(ParameterError, match="contiguous"):
        native.add(stream, known, out, x[..., ::-1], x)
    wide = rings.here(np.zeros((2, len(base), 17), np.uint32))
    with pytest.raises(ParameterError, match="16 bytes"):
        native.add(stream, known, out, wide[..., 1:], x)
    with pytest.raises(ParameterError, match="array of <u4"):
        native.add(stream, known, out, x.astype(np.uint64), x)
    other = _devices.resolve("emulator:1")
    with pytest.raises(ParameterError, match=r"in the memory of|in device memory was expected"):
        native.add(stream, known, out, other.asarray(edges(base, (2,))), x)
