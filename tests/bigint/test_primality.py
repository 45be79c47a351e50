"""Filters for primes against definitions and gmpy2."""

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import options
from hepy.bigint.primality import pass_fermat, small_primes, without_small_factors
from hepy.errors import ParameterError

SMALLEST = 8192**2 + 1
odd = st.integers(SMALLEST // 2, 2**700).map(lambda k: 2 * k + 1)


def test_small_primes_are_the_odd_primes_below_8192():
    assert small_primes() == tuple(p for p in range(3, 8192) if gmpy2.is_prime(p))


@given(st.lists(odd, max_size=20))
def test_trial_division_finds_every_small_factor(candidates):
    wanted = [all(value % p for p in small_primes()) for value in candidates]
    assert without_small_factors(candidates).tolist() == wanted


@given(st.lists(odd, max_size=20))
def test_fermat_is_a_power_of_two(candidates):
    assert pass_fermat(candidates).tolist() == [pow(2, n - 1, n) == 1 for n in candidates]


@pytest.mark.parametrize("bits", [28, 63, 64, 65, 127, 128, 521, 1024])
def test_primes_pass_at_the_edges_of_limbs(bits):
    primes = [int(gmpy2.next_prime(1 << (bits - 1))), int(gmpy2.prev_prime(1 << bits))]
    assert pass_fermat(primes).all()
    assert without_small_factors(primes).all()


def test_a_pseudoprime_to_base_two_passes_and_says_why_a_proper_test_follows():
    pseudoprime = 2**67 - 1  # = 193707721 * 761838257287, a Mersenne number
    assert pass_fermat([pseudoprime]).tolist() == [True]
    assert not gmpy2.is_prime(pseudoprime)


def test_one_thread_and_many_agree(monkeypatch):
    candidates = [SMALLEST + 2 * k for k in range(500)]
    many = pass_fermat(candidates)
    monkeypatch.setattr(options, "threads", 1)
    assert (pass_fermat(candidates) == many).all()


@pytest.mark.parametrize("value", [0, 1, 7, 8192**2, 2**64, -SMALLEST])
def test_small_and_even_numbers_are_refused(value):
    with pytest.raises(ParameterError, match="odd and above"):
        pass_fermat([value])
