"""precision_bits against measured errors, on every operation: within 2 bits, for values that are spread evenly below
their bound and for values that all reach it."""

import numpy as np
import pytest

from hepy import ckks

BATCH = 6  # ciphertexts, of whose largest errors the median counts
MANY = 24  # where few slots decide, so that the largest error varies much
SEED = bytes([21]) * 32


class Case:
    """A context, and vectors of numbers up to 1."""

    def __init__(self, log_n, depth, spread, batch=BATCH):
        self.batch = batch
        params = ckks.Parameters(log_n=log_n, depth=depth, scale_bits=40)
        self.context, self.depth, self.slots = ckks.Context(params, seed=SEED), depth, params.slots
        self.spread, self.generator = spread, np.random.default_rng(log_n)

    def values(self, count=None, batch=None):
        drawn = self.generator.uniform(-1, 1, (batch or self.batch, count or self.slots))
        return drawn if self.spread == "evenly" else np.sign(drawn)

    def encrypt(self, values, **how):
        return self.context.encrypt(values, bound=how.pop("bound", 1), seed=self.generator.bytes(32), **how)

    def check(self, x, want):
        errors = np.abs(self.context.decrypt(x) - want).reshape(self.batch, -1).max(axis=1)
        measured = float(np.median(-np.log2(errors)))
        assert abs(x.precision_bits - measured) <= 2, f"claimed {x.precision_bits:.2f} bits, measured {measured:.2f}"


cases = pytest.mark.parametrize(
    ("log_n", "depth", "spread"),
    [
        pytest.param(log_n, depth, spread, marks=() if log_n == 13 else pytest.mark.slow)
        for log_n, depth in ((13, 2), (14, 6), (15, 12))
        for spread in ("evenly", "at the bound")
    ],
)


@cases
def test_arithmetic(log_n, depth, spread):
    case = Case(log_n, depth, spread)
    a, b, w = case.values(), case.values(), case.values(batch=1)[0]
    x, y = case.encrypt(a), case.encrypt(b)
    case.check(x, a)
    case.check(x.rerandomize(seed=SEED), a)
    case.check(x + y, a + b)
    case.check(ckks.stack([x, y, x + y]).sum(0), 2 * (a + b))
    case.check(x * y, a * b)
    case.check(x * y - x, a * b - a)
    case.check(x + w, a + w)
    case.check(x.multiply(w, bound=1), a * w)
    case.check(2.5 * x - 1, 2.5 * a - 1)
    case.check(7 * x, 7 * a)
    case.check(x.to_level(0), a)
    waiting = x.multiply(y, lazy=True) + y.square(lazy=True)
    case.check(waiting.relinearize().rescale(), a * b + b * b)


@cases
def test_as_many_squarings_as_the_depth(log_n, depth, spread):
    case = Case(log_n, depth, spread, MANY)
    want = case.values()
    x = case.encrypt(want)
    for _ in range(depth):
        x, want = x.square(), want * want
        case.check(x, want)
    assert x.level == 0


@cases
def test_rotations_and_their_sums(log_n, depth, spread):
    case = Case(log_n, depth, spread)
    a, b = case.values(), case.values()
    x, y = case.encrypt(a), case.encrypt(b)
    case.check(x.rotate(1), np.roll(a, -1, axis=1))
    case.check((x * y).rotate(-3), np.roll(a * b, 3, axis=1))
    for level in range(depth):  # with fewer special primes than at the top
        case.check(x.to_level(level).rotate(1), np.roll(a, -1, axis=1))
    total = a.sum(axis=1, keepdims=True)
    case.check(x.inner_sum(), total)
    case.check(x * (x.inner_sum() * (1 / case.slots)), a * total / case.slots)


@cases
def test_complex_values(log_n, depth, spread):
    case = Case(log_n, depth, spread)
    z = (case.values() + 1j * case.values()) / np.sqrt(2)
    x = case.encrypt(z)
    case.check(x, z)
    case.check(x.conjugate(), z.conj())
    case.check(x * x, z * z)


@cases
def test_short_vectors(log_n, depth, spread):
    case = Case(log_n, depth, spread)
    a, w = case.values(8), case.values(8, batch=1)[0]
    x = case.encrypt(a)
    case.check(x, a)
    case.check(x * x, a * a)
    case.check(x.multiply(w, bound=1), a * w)
    case.check(x.inner_sum(), a.sum(axis=1, keepdims=True))


def negacyclic(a, b):
    """Products modulo X^N + 1, by numpy's Fourier transform of values that are twisted by roots of -1."""
    n = a.shape[-1]
    twist = np.exp(1j * np.pi * np.arange(n) / n)
    return (np.fft.ifft(np.fft.fft(a * twist) * np.fft.fft(b * twist)) / twist).real


@cases
@pytest.mark.parametrize("length", ["all", "few"])
def test_values_in_coefficients(log_n, depth, spread, length):
    case = Case(log_n, depth, spread)
    degree = 2 * case.slots
    a, b = np.zeros((BATCH, degree)), np.zeros((BATCH, degree))
    used = degree if length == "all" else 16
    a[:, :used], b[:, :used] = case.values(used) / 8, case.values(used) / 8
    x = case.encrypt(a[:, :used], in_coefficients=True, bound=1 / 8)
    y = case.encrypt(b[:, :used], in_coefficients=True, bound=1 / 8)
    case.check(x, a[:, :used])
    case.check(x + y, (a + b)[:, :used])
    if length == "all":
        case.check(x * y, negacyclic(a, b))
        case.check(x * x, negacyclic(a, a))
        case.check(x.multiply(b[0], bound=1 / 8), negacyclic(a, b[0]))
