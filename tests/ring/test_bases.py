"""Primes and bases: what is found, what is refused, and sets of primes."""

import copy

import gmpy2
import pytest

from hepy import ring
from hepy.errors import ParameterError


@pytest.mark.parametrize("degree", [8, 1024, 1 << 17])
@pytest.mark.parametrize("near", [1 << 30, 1 << 31, 1 << 25, 3_000_017])
def test_primes_are_the_nearest(degree, near):
    found = ring.primes(near, degree, 4)
    step, below = 2 * degree, near if near == 1 << 31 else 1 << 30
    reach = abs(found[-1] - near)
    around = range(max(2, near - reach), min(below, near + reach + 1))
    first = around.start + (1 - around.start) % step
    everything = [n for n in range(first, around.stop, step) if gmpy2.is_prime(n)]
    assert set(found) <= set(everything)
    assert sorted(abs(p - near) for p in found) == [abs(p - near) for p in found]
    assert len([n for n in everything if abs(n - near) < reach]) <= 3


def test_primes_can_be_excluded_and_bounded():
    first = ring.primes(1 << 20, 64, 3)
    assert not set(first) & set(ring.primes(1 << 20, 64, 3, excluding=first))
    assert max(ring.primes(1 << 20, 64, 5, below=1 << 20)) < 1 << 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((100, 12, 1), "power of two, not 12"),
        ((100, 4, 1), "from 8 to 131072, not 4"),
        ((100, 1 << 18, 1), "from 8 to 131072, not 262144"),
        ((100, 8, -1), "count is a whole number from 0"),
        ((0, 8, 1), "near is a whole number from 1"),
    ],
)
def test_primes_refuse(arguments, said):
    with pytest.raises(ParameterError, match=said):
        ring.primes(*arguments)


def test_primes_say_how_many_there_are():
    with pytest.raises(ParameterError, match="there are 2 primes below 100 that are 1 mod 16"):
        ring.primes(50, 8, 3, below=100)


@pytest.mark.parametrize(
    ("primes", "said"),
    [
        ([], "one or more distinct"),
        ([17, 17], "one or more distinct"),
        ([17, 33], "33 is not a prime"),
        ([19], "19 is not a prime"),
        ([(1 << 31) + 11], "below 2\\*\\*31"),
    ],
)
def test_bases_refuse(primes, said):
    with pytest.raises(ParameterError, match=said):
        ring.RingBasis(primes, 8)


def test_bases_are_values():
    basis = ring.RingBasis([17, 97, 113], 8)
    again = ring.RingBasis(iter([17, 97, 113]), 8)
    assert basis == again
    assert hash(basis) == hash(again)
    assert basis != ring.RingBasis([97, 17, 113], 8)
    assert basis != ring.RingBasis([97, 193], 16)
    assert copy.deepcopy(basis) == basis
    assert basis.modulus == 17 * 97 * 113
    assert list(basis) == [17, 97, 113]
    assert 97 in basis
    assert 193 not in basis


def test_set_operations_keep_the_order_of_the_left():
    a, b = ring.RingBasis([113, 17, 97], 8), ring.RingBasis([97, 193, 113], 8)
    assert a.union(b).primes == (113, 17, 97, 193)
    assert a.union(b, ring.RingBasis([241], 8)).primes == (113, 17, 97, 193, 241)
    assert a.without(b).primes == (17,)
    assert a.intersection(b).primes == (113, 97)
    assert a[1:].primes == (17, 97)
    assert a.positions(ring.RingBasis([97, 113], 8)) == [2, 0]
    with pytest.raises(ParameterError, match=r"one prime is basis.primes\[1\]"):
        a[1]
    with pytest.raises(ParameterError, match="lacks 193"):
        a.positions(b)
    with pytest.raises(ParameterError, match="degrees 8 and 16"):
        a.union(ring.RingBasis([97], 16))
    with pytest.raises(ParameterError, match="one or more distinct"):
        a.without(a)
