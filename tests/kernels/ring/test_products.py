"""Sums of products, against Python's integers: any number of terms, columns, and what is lifted on top."""

import numpy as np
import pytest

from hepy import _devices
from hepy.errors import ParameterError
from hepy.ring import RingBasis


def modulus(basis):
    return basis.words[:, None].astype(object)


def tops(basis, shape):
    return np.broadcast_to(basis.words[:, None] - np.uint32(1), (*shape, len(basis), basis.degree)).copy()


@pytest.mark.parametrize("terms", [1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 28, 29, 40])
def test_sums_are_reduced_before_they_overflow(rings, basis, edges, terms):
    base = basis(8)
    q = modulus(base)
    for make in (lambda shape: tops(base, shape), lambda shape: edges(base, shape, seed=terms)):
        x, y = make((3, 1, terms)), make((2, terms))
        want = (x.astype(object) * y).sum(axis=-3) % q
        assert (rings.call("inner_product", x, y, base, tuple(range(len(base)))) == want).all()
        lifted = make((3, 1))
        want = want + np.concatenate([lifted, 0 * lifted], axis=1).astype(object)
        got = rings.call("inner_product_lifted", x, y, base, tuple(range(len(base))), lifted, base)
        assert (got == want % q).all()


@pytest.mark.parametrize("degree", [8, 1024, 2048])
@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_keys_have_more_limbs_and_digits_any_columns(rings, basis, edges, degree, columns):
    whole = basis(degree, small=1, main=2, special=1)
    base = RingBasis([whole.primes[3], whole.primes[1], whole.primes[0]], degree)
    limbs = tuple(whole.positions(base))
    own = RingBasis([whole.primes[0], whole.primes[3]], degree)
    y, q = edges(whole, (columns, 3), seed=1), modulus(base)
    for x in (edges(base, (2, 1, 3), seed=2), edges(base, (2, columns, 3), seed=3), edges(base, (3,), seed=4)):
        want = (x.astype(object) * y[..., list(limbs), :]).sum(axis=-3) % q
        assert (rings.call("inner_product", x, y, base, limbs) == want).all()
        for count in {1, columns}:
            lifted = edges(own, (count,), seed=5)
            raised = np.zeros((count, len(base), degree), object)
            raised[:, base.positions(own)] = lifted.astype(object) * whole.primes[1]
            total = want.copy()
            total[..., :count, :, :] += raised
            got = rings.call("inner_product_lifted", x, y, base, limbs, lifted, own)
            assert (got == total % q).all()


def test_inner_products_of_views_and_of_many_axes(rings, basis, edges):
    base = basis(8)
    limbs, q = tuple(range(len(base))), modulus(base)
    a, b = edges(base, (5, 2, 3, 2), seed=6), edges(base, (2, 3, 1), seed=7)
    x, y = rings.here(a).transpose(1, 3, 0, 2, 4, 5)[:, ::-1], rings.here(b)[..., 0, :, :][:, None, None]
    p, k = a.transpose(1, 3, 0, 2, 4, 5)[:, ::-1], b[..., 0, :, :][:, None, None]
    want = (p.astype(object) * k).sum(axis=-3) % q
    assert (_devices.to_host(rings.leaves.inner_product(x, y, base, limbs)) == want).all()
    a, b = edges(base, (2, 1, 2, 1, 2, 1, 3), seed=8), edges(base, (1, 2, 1, 2, 1, 2, 3), seed=9)
    lifted = edges(base, (1, 2, 1, 2, 1, 1), seed=10)
    want = (a.astype(object) * b).sum(axis=-3)
    want[..., :1, :, :] += lifted
    assert (rings.call("inner_product_lifted", a, b, base, limbs, lifted, base) == want % q).all()


@pytest.mark.parametrize("degree", [8, 64, 2048])
def test_tensor_products(rings, basis, edges, degree):
    base = basis(degree)
    q = modulus(base)
    for x, y in (
        (edges(base, (3, 2), seed=1), edges(base, (2,), seed=2)),
        (tops(base, (2,)), tops(base, (2,))),
        (edges(base, (2, 1, 2), seed=3), edges(base, (3, 2), seed=4)),
    ):
        a, b, c, d = (each.astype(object) for z in (x, y) for each in (z[..., 0, :, :], z[..., 1, :, :]))
        want = np.stack([a * c % q, (a * d + b * c) % q, b * d % q], axis=-3)
        assert (rings.call("tensor_product", x, y, base) == want).all()


def test_one_launch_each(rings, basis, edges):
    base = basis(8)
    x = rings.here(edges(base, (2, 2)))
    limbs = tuple(range(len(base)))
    assert rings.launches(lambda: rings.leaves.inner_product(x, x, base, limbs)) == {"ring.inner_product": 1}
    assert rings.launches(lambda: rings.leaves.tensor_product(x, x, base)) == {"ring.tensor_product": 1}


def test_what_bindings_refuse(rings, basis, edges):
    base, native, stream = basis(16), rings.leaves.native, rings.device.stream
    known, x, out = rings.leaves.of(base), rings.here(edges(base, (2, 3))), rings.leaves.empty((2, len(base), 16))
    limbs, nothing = rings.here(np.arange(len(base), dtype=np.uint32)), (None, None, None)
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.inner_product(stream, known, out, x, x[:, :2], limbs, *nothing)
    with pytest.raises(ParameterError, match="are read or written"):
        native.inner_product(stream, known, out, x, x, limbs[:1], *nothing)
    with pytest.raises(ParameterError, match="2 columns does not broadcast to 1"):
        native.inner_product(stream, known, out[:1], x, x, limbs, *nothing)
    with pytest.raises(ParameterError, match="more columns than the result"):
        native.inner_product(stream, known, out, x, x, limbs, x[0], limbs, limbs)
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.tensor_product(stream, known, out, x, x)
