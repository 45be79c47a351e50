"""Rings of several sizes on every device that has them, and oracles of Python integers."""

import numpy as np
import pytest

from hepy import _devices, ring


@pytest.fixture(params=_devices.devices())
def device(request):
    """The name of a device that has rings, current during the test."""
    with _devices.device(request.param):
        yield request.param


@pytest.fixture
def mixed():
    """A function from a degree to a basis of small primes, primes next to 2**30 and primes next to 2**31."""

    def make(degree, small=1, main=2, special=2):
        found = ring.primes(1 << 20, degree, small) + ring.primes(1 << 30, degree, main)
        return ring.RingBasis(found + ring.primes(1 << 31, degree, special), degree)

    return make


@pytest.fixture
def edges():
    """A function from a basis to words [count, limbs, N]: all q - 1, all 0, q - 1 and 0 by turns, then random ones."""

    def make(basis, count=6, seed=0):
        generator = np.random.default_rng(seed)
        top = basis.words[:, None] - np.uint32(1)
        turns = np.arange(basis.degree, dtype=np.uint32) % 2
        special = [np.broadcast_to(top, (len(basis), basis.degree)), top * (turns * 0), top * turns, top * (1 - turns)]
        drawn = generator.integers(0, basis.words[:, None], (max(count - 4, 0), len(basis), basis.degree))
        return np.concatenate([np.stack(special).astype(np.uint32), drawn.astype(np.uint32)])[:count]

    return make


@pytest.fixture
def schoolbook():
    """A function from coefficients of two polynomials to those of their product modulo X^N + 1, by definition."""

    def multiply(a, b):
        degree = len(a)
        full = [0] * (2 * degree)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                full[i + j] += int(x) * int(y)
        return [full[k] - full[k + degree] for k in range(degree)]

    return multiply


@pytest.fixture
def centred():
    """A function from an integer and a modulus to the residue in (-modulus / 2, modulus / 2)."""

    def reduce(value, modulus):
        residue = int(value) % modulus
        return residue - modulus if 2 * residue > modulus else residue

    return reduce
