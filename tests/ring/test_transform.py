"""The number-theoretic transform against evaluation by definition, with words on the edges of their ranges."""

import itertools

import gmpy2
import numpy as np
import pytest

from hepy import ring
from hepy.ring.tables import bit_reversal

DEGREES = [1 << k for k in range(3, 18)]


def reversed_bits(index, degree):
    bits = degree.bit_length() - 1
    return int(format(index, f"0{bits}b")[::-1], 2)


def root(prime, degree):
    """x^((q - 1) / 2N) for the least non-square x, by GMP's Jacobi symbol."""
    base = next(x for x in itertools.count(2) if gmpy2.jacobi(x, prime) == -1)
    return pow(base, (prime - 1) // (2 * degree), prime)


def value(words, prime, degree, entry):
    """Horner at the root of one entry, with Python integers."""
    point = pow(root(prime, degree), 2 * reversed_bits(entry, degree) + 1, prime)
    result = 0
    for word in reversed(words):
        result = (result * point + word) % prime
    return result


@pytest.mark.parametrize("degree", DEGREES)
def test_entries_are_values(device, degree, mixed, edges):
    basis = mixed(degree, small=1, main=1, special=1)
    count = 6 if degree < 1 << 12 else 2
    words = edges(basis, 6)[-count:] if degree < 1 << 12 else edges(basis, 6)[[0, 5]]
    got = ring.Coefficients.from_limbs(basis, words).ntt().to_limbs()
    assert (got < basis.words[:, None]).all()
    step = max(1, degree // 8) if degree < 1 << 12 else degree // 2 + 3
    for limb, prime in enumerate(basis.primes):
        for polynomial, entry in itertools.product(range(count), range(0, degree, step)):
            assert got[polynomial, limb, entry] == value(words[polynomial, limb].tolist(), prime, degree, entry)


@pytest.mark.parametrize("degree", DEGREES)
def test_the_inverse_inverts(device, degree, mixed, edges):
    basis = mixed(degree, small=1, main=1, special=1)
    words = edges(basis, 5)
    x = ring.Coefficients.from_limbs(basis, words)
    assert (x.ntt().intt().to_limbs() == words).all()
    y = ring.Polynomial.from_limbs(basis, words)
    assert (y.intt().ntt().to_limbs() == words).all()


@pytest.mark.parametrize("degree", [8, 16, 32, 64, 128])
def test_products_are_schoolbook_products(device, degree, mixed, edges, schoolbook):
    basis = mixed(degree)
    a = ring.Coefficients.from_limbs(basis, edges(basis, 6, seed=1))
    b = ring.Coefficients.from_limbs(basis, edges(basis, 6, seed=2)[::-1].copy())
    got = (a.ntt() * b.ntt()).intt().to_limbs()
    for k, limb in itertools.product(range(len(a)), range(len(basis))):
        want = schoolbook(a.to_limbs()[k, limb].tolist(), b.to_limbs()[k, limb].tolist())
        assert got[k, limb].tolist() == [word % basis.primes[limb] for word in want]


def test_every_polynomial_of_a_toy_ring(device):
    """All 17 multiples of all powers of X in Z_17[X] / (X^8 + 1): the transform is linear, so this is all of it."""
    basis = ring.RingBasis([17], 8)
    words = np.array([np.eye(8, dtype=np.uint32)[k] * c for k in range(8) for c in range(17)])[:, None, :]
    got = ring.Coefficients.from_limbs(basis, words).ntt().to_limbs()[:, 0]
    want = [[value(word.tolist(), 17, 8, entry) for entry in range(8)] for word in words[:, 0]]
    assert got.tolist() == want


def test_bit_reversal():
    for degree in (1, 2, 8, 64):
        want = [reversed_bits(k, degree) if degree > 1 else 0 for k in range(degree)]
        assert bit_reversal(degree).tolist() == want


@pytest.mark.parametrize("degree", [8, 16, 256])
def test_automorphisms(device, degree, mixed, edges):
    basis = mixed(degree)
    x = ring.Coefficients.from_limbs(basis, edges(basis, 5))
    words = x.to_limbs().astype(object)
    for element in (1, 5, 3, 2 * degree - 1, 25 - 2 * degree, 7 + 6 * degree):
        want = np.zeros_like(words)
        for k in range(degree):
            power = k * element % (2 * degree)
            want[..., power % degree] = words[..., k] if power < degree else -words[..., k]
        want %= np.array(basis.primes, object)[:, None]
        assert (x.automorphism(element).to_limbs() == want).all()
        assert (x.ntt().automorphism(element).intt().to_limbs() == want).all()
