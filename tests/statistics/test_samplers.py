"""Samplers against the distributions that they claim, by chi-square: seeded, so that a test that passed passes again."""

import math

import numpy as np
import pytest

from hepy import _limbs
from hepy.random import Purpose, Stream


def chi_square_is_plausible(observed, expected):
    """Whether Pearson's statistic lies within five standard deviations of its mean (Wilson and Hilferty, 1931)."""
    statistic = float(((observed - expected) ** 2 / expected).sum())
    degrees = len(observed) - 1
    spread = 2 / (9 * degrees)
    return abs(((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)) < 5


def test_the_judge_tells_a_loaded_die():
    fair = np.full(6, 10_000.0)
    assert chi_square_is_plausible(np.array([10_060, 9_890, 10_120, 9_950, 9_930, 10_050]), fair)
    assert not chi_square_is_plausible(np.array([10_600, 9_900, 9_900, 9_900, 9_900, 9_800]), fair)
    even = np.full(1000, 100.0)
    assert not chi_square_is_plausible(even, even), "counts that fit too well are no sample either"


@pytest.mark.parametrize("bound", [3, 5, 6, 7, 200, 257])
def test_small_bounds_are_uniform(bound):
    drawn = Stream(bytes(32)).uniform_below(bound, 200_000, Purpose.OBFUSCATOR)[:, 0]
    observed = np.bincount(drawn, minlength=bound)
    assert len(observed) == bound
    assert chi_square_is_plausible(observed, np.full(bound, 200_000 / bound))


@pytest.mark.slow
@pytest.mark.parametrize("bound", [3, 1000])
def test_ten_million_draws_are_uniform(bound):
    stream, total, chunk = Stream(b"\1" * 32), 10_000_000, 1_000_000
    observed = np.zeros(bound)
    for _ in range(total // chunk):
        observed += np.bincount(stream.uniform_below(bound, chunk, Purpose.OBFUSCATOR)[:, 0], minlength=bound)
    assert chi_square_is_plausible(observed, np.full(bound, total / bound))


def test_a_bound_just_above_a_power_of_two_has_no_bias():
    bound = 2**64 + 2**62  # 63 of 128 draws are rejected
    drawn = _limbs.to_ints(Stream(bytes(32)).uniform_below(bound, 50_000, Purpose.OBFUSCATOR))
    observed = np.bincount([value * 20 // bound for value in drawn], minlength=20)
    assert chi_square_is_plausible(observed, np.full(20, 2_500.0))


@pytest.mark.parametrize("bits", [40, 512, 1104])
def test_every_bit_is_a_fair_coin(bits):
    limbs = Stream(b"\2" * 32).uniform_bits(bits, 20_000, Purpose.RERANDOMIZER)
    ones = np.unpackbits(np.ascontiguousarray(limbs).view(np.uint8), axis=1, bitorder="little").sum(axis=0)
    assert not ones[bits:].any()
    # Five standard deviations of a fair coin, for all bits at once.
    assert (abs(ones[:bits] - 10_000.0) < 5 * math.sqrt(20_000) / 2).all()
    assert abs(ones.sum() - 10_000.0 * bits) < 5 * math.sqrt(20_000 * bits) / 2


def test_neighbours_are_independent():
    drawn = Stream(b"\3" * 32).uniform_bits(3, 200_000, Purpose.OBFUSCATOR)[:, 0]
    pairs = np.bincount(drawn[:-1] * 8 + drawn[1:], minlength=64)
    assert chi_square_is_plausible(pairs, np.full(64, (len(drawn) - 1) / 64))
