"""Automorphisms, against the definition: coefficient n goes to place n g, and X^N is -1."""

import numpy as np
import pytest

from hepy import _devices


def substituted(words, element, prime):
    degree = len(words)
    out = [0] * degree
    for n, word in enumerate(words):
        place = n * element % (2 * degree)
        out[place % degree] = int(word) if place < degree else -int(word) % prime
    return out


@pytest.mark.parametrize("degree", [8, 64, 2048])
@pytest.mark.parametrize("element", [1, 3, 5, -1, 25])
def test_coefficients_move_as_defined(rings, basis, edges, degree, element):
    base = basis(degree)
    x = edges(base, (2,), seed=degree)
    got = rings.call("automorphism_coefficients", x, element % (2 * degree), base)
    for entry in range(2):
        for limb, prime in enumerate(base.primes):
            assert got[entry, limb].tolist() == substituted(x[entry, limb], element, prime)


@pytest.mark.parametrize("degree", [8, 16, 256, 8192])
@pytest.mark.parametrize("element", [3, 5, -1, 25])
def test_values_are_those_of_the_moved_coefficients(rings, basis, edges, degree, element):
    base, element = basis(degree, small=0), element % (2 * degree)
    x = edges(base, (2,), seed=degree)
    moved = rings.call("ntt", rings.call("automorphism_coefficients", x, element, base), base)
    assert (rings.call("automorphism_ntt", rings.call("ntt", x, base), element, base) == moved).all()


def test_views_are_read_where_they_lie(rings, basis, edges):
    base = basis(16)
    a = edges(base, (3, 2), seed=1)
    x = rings.here(a).transpose(1, 0, 2, 3)
    whole = np.ascontiguousarray(a.transpose(1, 0, 2, 3))
    for leaf in ("automorphism_ntt", "automorphism_coefficients"):
        got = _devices.to_host(getattr(rings.leaves, leaf)(x, 5, base))
        assert (got == rings.call(leaf, whole, 5, base)).all()
