"""Contexts that tests share, on every device that has rings: toy rings for exact oracles, one secure ring for noise; and the
oracles themselves.

Keys are made once for all devices: they move to the one that is current.
"""

import functools
import gc
import math

import numpy as np
import pytest

from hepy import _devices, ckks

SEED = bytes(range(32))
FAST = {"cpu", "cuda:0"}


@pytest.fixture(params=_devices.devices())
def device(request):
    """The name of a device that has rings, current during the test."""
    with _devices.device(request.param):
        yield request.param


@pytest.fixture(params=[name for name in _devices.devices() if name != "cpu"])
def with_kernels(request):
    """A device that counts launches, current during the test."""
    with _devices.device(request.param) as here:
        yield here


@pytest.fixture(params=[name for name in _devices.devices() if name == "emulator"])
def emulator(request):
    """The emulated device, whose memory can be limited, current during the test."""
    with _devices.device(request.param) as here:
        yield here


@pytest.fixture
def memory(emulator):
    """Sets how many bytes of the emulator are free from now on; None gives back its own limit."""
    gc.collect()
    native = emulator.native
    before = native.memory_limit(emulator.index)

    def leave(size):
        native.set_memory_limit(emulator.index, before if size is None else native.memory_used(emulator.index) + size)

    yield leave
    leave(None)


@functools.cache
def context(*, secure=False, seed=SEED, **parameters):
    """The context of these parameters, made on the host."""
    security = 128 if secure else None
    with _devices.device("cpu"):
        return ckks.Context(ckks.Parameters(scale_bits=40, security=security, **parameters), seed=seed)


@pytest.fixture
def toy(device):
    """N = 64, three levels, no security."""
    return context(log_n=6, depth=3)


@pytest.fixture
def digits(device):
    """N = 32 and three digits, which low levels merge."""
    return context(log_n=5, depth=6, digits=3)


@pytest.fixture
def secure(device):
    """N = 2^13, two levels, 128 bits; on devices that take long for that N = 2^8 without security."""
    return context(log_n=13, depth=2, secure=True, seed=None) if device in FAST else context(log_n=8, depth=2)


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
