"""Filters for primes against definitions and gmpy2, on every engine."""

import threading

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _limbs as limb
from hepy import options
from hepy._host import engines
from hepy.bigint.primality import (
    Form,
    first_strong_probable_prime,
    is_strong_probable_prime,
    sieve,
    small_primes,
)
from hepy.errors import ParameterError

SMALLEST = 1 << 30
odd = st.integers(SMALLEST // 2, 2**700).map(lambda k: 2 * k + 1)
# Where limbs, blocks of eight limbs and the leading bits that quotients are guessed from begin and end.
EDGES = [3, 28, 32, 33, 34, 63, 64, 65, 127, 128, 511, 512, 513, 1024]


@pytest.fixture(params=engines.usable(), autouse=True)
def engine(request, monkeypatch):
    monkeypatch.setattr(options, "engine", request.param)
    return request.param


def strong_to_two(n):
    """By definition: 2**d is 1, or one of its squares is -1."""
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    power = pow(2, n >> twos, n)
    return power == 1 or any(pow(power, 1 << i, n) == n - 1 for i in range(twos))


def limbs(values):
    return limb.from_ints(values, limb.width(max(value.bit_length() for value in values)))


def test_small_primes_are_the_odd_primes_below_a_limit():
    assert small_primes() == tuple(p for p in range(3, 8192) if gmpy2.is_prime(p))
    assert small_primes(100) == tuple(p for p in range(3, 100) if gmpy2.is_prime(p))


@given(st.lists(odd, min_size=1, max_size=20))
def test_a_sieve_refuses_no_prime_and_nothing_without_a_small_factor(values):
    for value, kept in zip(values, sieve(limbs(values)).tolist(), strict=True):
        if kept:
            assert all(value % p for p in small_primes(4096))
        else:
            assert any(value % p == 0 for p in small_primes(1 << 15))


@given(
    st.lists(st.integers(0, 2**130), min_size=1, max_size=10),
    st.lists(st.builds(Form, st.integers(0, 2**80), st.integers(SMALLEST, 2**150)), min_size=1, max_size=3),
)
def test_forms_of_one_number_are_sieved_together(numbers, forms):
    for k, kept in zip(numbers, sieve(limbs(numbers), forms).tolist(), strict=True):
        made = [form.factor * k + form.offset for form in forms]
        if kept:
            assert all(value % p for value in made for p in small_primes(4096))
        else:
            assert any(value % p == 0 for value in made for p in small_primes(1 << 15))


def test_each_small_prime_is_found_alone():
    """Products of two large primes and a small one, at every place that a prime has among those of its product."""
    large = int(gmpy2.next_prime(1 << 40)) * int(gmpy2.next_prime(1 << 50))
    primes = small_primes(4096)
    assert not sieve(limbs([large * p for p in primes])).any()
    assert sieve(limbs([large])).all()


@given(st.lists(odd, min_size=1, max_size=20))
def test_the_first_that_passes_is_found(values):
    wanted = next((i for i, n in enumerate(values) if strong_to_two(n)), None)
    assert first_strong_probable_prime([(n,) for n in values]) == wanted


def test_every_small_odd_number():
    passing = [n for n in range(3, 3000, 2) if first_strong_probable_prime([(n,)]) == 0]
    assert passing == [n for n in range(3, 3000, 2) if strong_to_two(n)]
    assert {2047} == set(passing) - set(small_primes(3000))  # the least strong pseudoprime to base 2


@pytest.mark.parametrize("bits", EDGES)
def test_primes_pass_at_the_edges_of_limbs(bits):
    primes = [int(gmpy2.next_prime(1 << (bits - 1))), int(gmpy2.prev_prime(1 << bits))]
    for prime in primes:
        assert first_strong_probable_prime([(prime,)]) == 0
        assert is_strong_probable_prime(prime, [2, prime - 2, 3 % prime, prime // 2])
    if bits > 30:
        assert sieve(limbs(primes)).all()


@pytest.mark.parametrize("bits", EDGES[2:])
def test_many_factors_of_two_before_and_after(bits):
    """n - 1 with its ones at the top, in the middle, and all ones but the last."""
    numbers = [1 | 3 << (bits - 2), 1 | 5 << (bits // 2), (1 << bits) - 1, (1 << bits) - (1 << (bits // 2)) + 1]
    for n in numbers:
        assert (first_strong_probable_prime([(n,)]) == 0) == strong_to_two(n)
        assert is_strong_probable_prime(n, [2]) == strong_to_two(n)


def test_tuples_pass_where_all_of_their_integers_do():
    p, q = int(gmpy2.next_prime(1 << 90)), int(gmpy2.next_prime(1 << 600))
    assert first_strong_probable_prime([(p, q + 2), (p + 2, q), (p, q), (p, q)]) == 2
    assert first_strong_probable_prime([(p, q + 2), (p + 2, q)]) is None


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_order_of_candidates_decides_and_not_time(threads, monkeypatch):
    """Long ones before and short ones behind, which other threads are done with much sooner."""
    monkeypatch.setattr(options, "threads", threads)
    prime = int(gmpy2.next_prime(1 << 700))
    composite = [(prime + 2 * k,) for k in range(1, 20) if not gmpy2.is_prime(prime + 2 * k)]
    candidates = [*composite, (prime,), *((p,) for p in (1009, 10007, 100003, 1000003) * 20)]
    for _ in range(3):
        assert first_strong_probable_prime(candidates) == len(composite)


@pytest.mark.parametrize("threads", [1, 3])
def test_other_work_is_done_once_beside_a_search(threads, monkeypatch):
    monkeypatch.setattr(options, "threads", threads)
    done = []
    assert first_strong_probable_prime([(1009,)], beside=lambda: done.append(threading.current_thread())) == 0
    assert len(done) == 1


def test_pseudoprimes_pass_to_their_bases_only():
    # The least strong pseudoprime to the first twelve prime bases (Sorenson and Webster, 2015).
    pseudoprime = 318665857834031151167461
    assert first_strong_probable_prime([(pseudoprime,)]) == 0
    assert is_strong_probable_prime(pseudoprime, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37])
    assert not is_strong_probable_prime(pseudoprime, [2, 41])


@given(odd, st.integers(2, 2**28))
def test_strong_tests_to_other_bases(n, base):
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    power = pow(base, n >> twos, n)
    wanted = power == 1 or any(pow(power, 1 << i, n) == n - 1 for i in range(twos))
    if gmpy2.gcd(n, base) == 1:
        assert is_strong_probable_prime(n, [base]) == wanted


@pytest.mark.parametrize("value", [0, 1, 8, 2**64])
def test_even_numbers_and_one_are_refused(value):
    with pytest.raises(ParameterError, match="odd integer"):
        first_strong_probable_prime([(1009,), (value,)])


def test_what_is_no_sieve(engine):
    native = pytest.importorskip("hepy._cpu")
    for primes in ([2], [3, 4], [1], [65537]):
        with pytest.raises(ParameterError, match="odd primes below 65536"):
            native.Sieve(limb.from_ints(primes, 1).ravel(), 4)
