"""Samplers: their definition word by word, and their distributions."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.random import Purpose, stream
from hepy.ring.sampling import GAUSSIAN_THRESHOLDS

SEED = bytes(range(32))


def block(purpose, index, attempt=0, call=0):
    """Sixteen words by OpenSSL: a block of the stream as its definition says, one at a time."""
    nonce = purpose.to_bytes(2, "little") + attempt.to_bytes(2, "little") + call.to_bytes(8, "little")
    cipher = Cipher(ChaCha20(SEED, index.to_bytes(4, "little") + nonce), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(64)), "<u4").tolist()


def word(purpose, place, attempt=0, call=0):
    return block(purpose, place // 16, attempt, call)[place % 16]


def probabilities():
    """P(|x|) for |x| = 0 ... 29 of the discrete Gaussian with sigma 3.2, by mpmath."""
    with mpmath.workdps(60):
        weights = [mpmath.exp(-mpmath.mpf(x * x * 25) / 512) * (2 if x else 1) for x in range(30)]
        return [weight / mpmath.fsum(weights) for weight in weights]


def chi_square(counts, expected):
    """The statistic, and the value that it exceeds once in 10**6 (Wilson and Hilferty, 4.7534 deviations)."""
    freedom = len(counts) - 1
    bound = freedom * (1 - 2 / (9 * freedom) + 4.7534 * math.sqrt(2 / (9 * freedom))) ** 3
    return float(((np.array(counts) - expected) ** 2 / expected).sum()), bound


def test_the_gaussian_table():
    with mpmath.workdps(60):
        reached, sums = mpmath.mpf(0), []
        for probability in probabilities()[:-1]:
            reached += probability
            sums.append(int(mpmath.nint(reached * 2**63)))
    assert sums == list(GAUSSIAN_THRESHOLDS)


def test_uniform_by_definition(device):
    """Primes just above a power of two reject nearly half of their words, over many attempts."""
    primes = [17, 97, 193, *ring.primes(2**20, 8, 1), *ring.primes(2**30, 8, 1), *ring.primes(2**31, 8, 1)]
    basis = ring.RingBasis([*primes, 536871089, 1073741857], 8)
    assert basis.primes[-2] - 2**29 < 2**10
    assert basis.primes[-1] - 2**30 < 2**10
    words = ring.uniform(basis, (5, 3), stream(SEED)).to_limbs()
    attempts = 0
    for place, value in enumerate(words.ravel().tolist()):
        prime = basis.primes[place // 8 % len(basis)]
        attempt = 0
        while (want := word(Purpose.RING_UNIFORM, place, attempt) % (1 << prime.bit_length())) >= prime:
            attempt += 1
        attempts = max(attempts, attempt)
        assert value == want
    assert attempts > 4


def test_ternary_by_definition(device, mixed):
    basis = mixed(8)
    third = (2**32 - 1) // 3
    got = ring.ternary(basis, (5,), stream(SEED)).to_ints().ravel().tolist()
    assert got == [(0, 1, -1)[word(Purpose.RING_TERNARY, place) // third] for place in range(40)]


def test_gaussian_by_definition(device, mixed):
    basis = mixed(8)
    got = ring.gaussian(basis, (2, 3), stream(SEED)).to_ints().ravel().tolist()
    for k, value in enumerate(got):
        both = word(Purpose.RING_GAUSSIAN, 2 * k) + (word(Purpose.RING_GAUSSIAN, 2 * k + 1) << 32)
        magnitude = sum(both >> 1 >= threshold for threshold in GAUSSIAN_THRESHOLDS)
        assert value == (-magnitude if both & 1 else magnitude)


def test_sparse_ternary_by_definition(device, mixed):
    basis = mixed(16)
    got = ring.sparse_ternary(basis, (4,), 5, stream(SEED)).to_ints()
    for b in range(4):
        left, want = 5, []
        for k in range(16):
            low, high, sign, _ = (word(Purpose.RING_SPARSE_TERNARY, 4 * (16 * b + k) + i) for i in range(4))
            taken = ((high << 32) + low) * (16 - k) >> 64 < left
            left -= taken
            want.append(taken * (-1 if sign & 1 else 1))
        assert got[b].tolist() == want


class Fixed:
    """A stream whose words are given, by attempt: to meet words that no seed of a test would draw."""

    def __init__(self, *attempts):
        self._attempts = [np.array(words, np.uint32).reshape(-1, 16) for words in attempts]

    def draw(self, purpose, count, bits):
        assert bits == 512
        assert count == len(self._attempts[0])
        return self

    def words(self, start, stop, attempt=0):
        return _devices.current().asarray(self._attempts[attempt][start:stop].copy())

    def words_at(self, elements, attempt):
        return _devices.current().asarray(self._attempts[attempt][elements])

    def words_below(self, bounds, masks, run):
        return None

    def selection_words(self, run):
        return None


def test_words_on_the_edges_of_thirds(device, mixed):
    third, top = (2**32 - 1) // 3, 2**32 - 1
    first = [0, third - 1, third, 2 * third - 1, 2 * third, top - 1, top, top] + [0] * 8
    second = [7] * 6 + [top, third] + [7] * 8
    third_attempt = [7] * 6 + [2 * third] + [7] * 9
    got = ring.ternary(mixed(16), (), Fixed(first, second, third_attempt)).to_ints().tolist()
    assert got == [0, 0, 1, 1, -1, -1, -1, 1] + [0] * 8


def test_words_on_the_edges_of_thresholds(device, mixed):
    sides = [(threshold << 1) + delta for threshold in GAUSSIAN_THRESHOLDS for delta in (-2, -1, 0, 1)]
    sides += [0, 1, 2**64 - 1, 2**64 - 2] * 3
    words = [part for value in sides for part in (value % 2**32, value >> 32)]
    got = ring.gaussian(mixed(128), (), Fixed(words)).to_ints().tolist()
    want = [sign * (k + step) for k in range(29) for step, sign in ((0, 1), (0, -1), (1, 1), (1, -1))]
    assert got == want + [0, 0, -29, 29] * 3


def test_sparse_words_that_are_rejected(device, mixed):
    """2**64 mod 3 is 1: of three places, the word 0 is drawn again; of eight places and of one, none is."""

    def words(*lows):
        return [part for low in lows for part in (low, 0, 0, 0)]

    first = words(2**32 - 1, 0, 9, 9, 9, 0, 0, 0)  # 2**64 mod 7 is 2: rejected too; 2**64 mod 2 and 1 are 0
    second = words(1, 5, 1, 1, 1, 7, 1, 1)
    assert [2**64 % left for left in (7, 3, 2, 1)] == [2, 1, 0, 0]
    got = ring.sparse_ternary(mixed(8), (), 3, Fixed(first, second)).to_ints().tolist()
    assert got == [1, 1, 1, 0, 0, 0, 0, 0]


def test_the_low_word_carries(device, mixed):
    """At place 1 the high word alone gives r = 1 of seven, both words give 2: with two left to place, not taken."""
    top, high = 2**32 - 1, (2**33 - 1) // 7
    assert [(high << 32) * 7 >> 64, ((high << 32) + top) * 7 >> 64] == [1, 2]
    words = [0, top, 0, 0, top, high, 0, 0] + [top, 0, 0, 0] * 6
    got = ring.sparse_ternary(mixed(8), (), 2, Fixed(words)).to_ints().tolist()
    assert got == [0, 0, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("weight", [0, 1, 7, 8])
def test_weights_are_exact(device, mixed, weight):
    got = ring.sparse_ternary(mixed(8), (200,), weight, stream(SEED)).to_ints()
    assert (abs(got).sum(axis=1) == weight).all()
    assert abs(got).max(initial=0) <= 1


def test_weights_that_do_not_fit(mixed):
    for weight in (-1, 9, 2.0, True):
        with pytest.raises(ParameterError, match="from 0 to that"):
            ring.sparse_ternary(mixed(8), (), weight, stream(SEED))


def test_a_device_draws_again_by_itself(mixed):
    """One launch draws and one makes residues: no words that somebody would have to look at."""
    with _devices.device("emulator") as here:
        before = here.native.launch_counts()
        ring.ternary(mixed(16), (3,), stream(SEED))
        ring.sparse_ternary(mixed(16), (3,), 5, stream(SEED))
        after = here.native.launch_counts()
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        "words_below": 1, "ring.ternary": 1, "selection_words": 1, "ring.sparse_ternary": 1,
    }  # fmt: skip


def test_draws_do_not_repeat(device, mixed):
    basis, source = mixed(16), stream(SEED)
    for sampler in (ring.uniform, ring.ternary, ring.gaussian):
        assert not sampler(basis, (), source).equal(sampler(basis, (), source))
        assert sampler(basis, (3, 0), source).shape == (3, 0)
    assert ring.uniform(basis, (), stream(SEED)).equal(ring.uniform(basis, (1,), stream(SEED))).all()


def test_sparse_places_are_uniform(device, mixed):
    """All 56 sets of three places of eight, and the eight signs of each, equally often."""
    draws = 20_000
    got = ring.sparse_ternary(mixed(8), (draws,), 3, stream(SEED)).to_limbs()[:, 0]
    kinds = np.unique(got, axis=0, return_counts=True)[1]
    assert len(kinds) == 56 * 8
    found, bound = chi_square(kinds, draws / len(kinds))
    assert found < bound


SIZES = [pytest.param(1 << 17, id="small"), pytest.param(10**7, id="large", marks=pytest.mark.slow)]


@pytest.mark.parametrize("draws", SIZES)
def test_ternary_distribution(device, draws):
    basis = ring.RingBasis([40961], 1 << 12)
    got = ring.ternary(basis, (-(-draws // 4096),), stream(SEED)).to_limbs()
    values, counts = np.unique(got, return_counts=True)
    assert values.tolist() == [0, 1, 40960]
    found, bound = chi_square(counts, got.size / 3)
    assert found < bound


@pytest.mark.parametrize("draws", SIZES)
def test_gaussian_distribution(device, draws):
    basis = ring.RingBasis([40961], 1 << 12)
    got = ring.gaussian(basis, (-(-draws // 4096),), stream(SEED)).to_limbs().astype(np.int64)
    got = np.where(got > 20480, got - 40961, got).ravel()
    share = [float(probability) for probability in probabilities()]
    edge = max(x for x in range(30) if share[x] * got.size > 40)  # what is rarer is one class a side
    counts = [(got == x).sum() for x in range(-edge, edge + 1)] + [(got < -edge).sum(), (got > edge).sum()]
    rest = math.fsum(share[edge + 1 :]) / 2
    expected = [share[abs(x)] / (2 if x else 1) for x in range(-edge, edge + 1)] + [rest, rest]
    found, bound = chi_square(counts, np.array(expected) * got.size)
    assert found < bound
    assert abs(got).max() <= 29


@pytest.mark.parametrize("draws", SIZES)
def test_uniform_distribution(device, draws):
    """Each prime's residues in 97 classes, and neighbours in 17 by 17 of the smallest."""
    basis = ring.RingBasis([17, 97, 536871089, *ring.primes(2**31, 8, 1)], 8)
    got = ring.uniform(basis, (-(-draws // 8),), stream(SEED)).to_limbs().astype(np.int64)
    for limb, prime in enumerate(basis.primes):
        classes = min(prime, 97)
        counts = np.bincount((got[:, limb].ravel() * classes) // prime, minlength=classes)
        sizes = [Fraction(-(-(k + 1) * prime // classes) - -(-k * prime // classes), prime) for k in range(classes)]
        found, bound = chi_square(counts, np.array([float(size) for size in sizes]) * got[:, limb].size)
        assert found < bound
    pairs = np.bincount((17 * got[:, 0, :-1] + got[:, 0, 1:]).ravel(), minlength=289)
    found, bound = chi_square(pairs, pairs.sum() / 289)
    assert found < bound
