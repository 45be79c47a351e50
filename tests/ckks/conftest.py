"""Contexts that tests share: toy rings for exact oracles, one secure ring for noise; and the oracles themselves."""

import math

import numpy as np
import pytest

from hepy import ckks

SEED = bytes(range(32))


@pytest.fixture(scope="session")
def toy():
    """N = 64, three levels, no security."""
    return ckks.Context(ckks.Parameters(log_n=6, depth=3, scale_bits=40, security=None), seed=SEED)


@pytest.fixture(scope="session")
def digits():
    """N = 32 and three digits, which low levels merge."""
    return ckks.Context(ckks.Parameters(log_n=5, depth=6, scale_bits=40, security=None, digits=3), seed=SEED)


@pytest.fixture(scope="session")
def secure():
    """N = 2^13, two levels, 128 bits."""
    return ckks.Context(ckks.Parameters(log_n=13, depth=2, scale_bits=40))


class Oracle:
    """Exact integers, schoolbook products and Python's own arithmetic."""

    @staticmethod
    def integers(polynomial):
        """Coefficients of a ring.Polynomial by the Chinese remainder theorem, centred: a list of Python ints."""
        limbs = polynomial.intt().to_limbs().tolist()
        primes = polynomial.basis.primes
        q = math.prod(primes)
        lifted = [q // p * pow(q // p, -1, p) for p in primes]
        values = [sum(r * f for r, f in zip(column, lifted, strict=True)) % q for column in zip(*limbs, strict=True)]
        return [value - q if value > q // 2 else value for value in values]

    @staticmethod
    def product(a, b):
        """Modulo X^N + 1."""
        n = len(a)
        out = [0] * n
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                k, sign = (i + j) % n, -1 if i + j >= n else 1
                out[k] += sign * x * y
        return out

    @classmethod
    def secret(cls, context):
        s = context._secret.secret.to_ints().tolist()
        assert set(s) <= {-1, 0, 1}
        return s

    @classmethod
    def phase(cls, context, x):
        """c_0 + c_1 s + c_2 s^2 of one ciphertext, modulo the modulus of its level, centred."""
        q = context.parameters.moduli[x.level]
        s, total = cls.secret(context), [0] * context.parameters.degree
        for component in range(x.components - 1, -1, -1):
            total = cls.product(total, s)
            own = cls.integers(x._parts[..., component])
            total = [(t + c) % q for t, c in zip(total, own, strict=True)]
        return [t - q if t > q // 2 else t for t in total]


@pytest.fixture(scope="session")
def oracle():
    return Oracle


@pytest.fixture
def values():
    """Vectors uniform in [-1, 1]."""
    generator = np.random.default_rng(7)
    return lambda *shape: generator.uniform(-1, 1, shape)
