"""Level sets: what they promise of primes, products, digits and scales, by arithmetic of the test's own."""

import itertools
import math

import mpmath
import pytest

from hepy.ckks import level_sets
from hepy.ckks.parameters import Parameters
from hepy.ckks.security import LIMITS

CASES = [
    (13, 2, 40, 128), (14, 6, 40, 128), (15, 12, 40, 128), (14, 8, 30, 128), (14, 6, 35, 128), (15, 10, 50, 128),
    (15, 8, 60, 128), (14, 4, 45, 192), (15, 4, 55, 256), (13, 4, 25, 128), (12, 1, 30, 128), (4, 5, 40, None),
]  # fmt: skip
each_case = pytest.mark.parametrize(("log_n", "depth", "scale_bits", "security"), CASES)


def found(log_n, depth, scale_bits, security, digits=None):
    sets = level_sets.search(log_n, depth, scale_bits, security, digits, 10)
    assert sets is not None
    return sets


def is_prime(n):
    return n > 2 and n % 2 and all(n % d for d in range(3, math.isqrt(n) + 1, 2))


@each_case
def test_primes_fit_the_ring_and_the_kernels(log_n, depth, scale_bits, security):
    sets = found(log_n, depth, scale_bits, security)
    every = (*sets.pool, *sets.special)
    assert len(set(every)) == len(every)
    assert all(p % (2 * 2**log_n) == 1 and is_prime(p) for p in every)
    assert max(sets.pool) < 2**30 and max(sets.special) < 2**31


@each_case
def test_sets_are_the_levels_and_the_pool_their_union(log_n, depth, scale_bits, security):
    sets = found(log_n, depth, scale_bits, security)
    assert len(sets.sets) == depth + 1
    assert set(itertools.chain(*sets.sets)) == set(sets.pool)
    for primes in sets.sets:
        assert list(primes) == [p for p in sets.pool if p in primes]
    base = sum(math.log2(p) for p in sets.sets[0])
    assert scale_bits + 9.5 <= base <= scale_bits + 31
    for level, primes in enumerate(sets.sets):
        assert sum(math.log2(p) for p in primes) == pytest.approx(base + level * scale_bits, abs=1)


@each_case
def test_digits_partition_the_pool_and_stay_below_the_special_primes(log_n, depth, scale_bits, security):
    sets = found(log_n, depth, scale_bits, security)
    assert tuple(itertools.chain(*sets.digit_primes())) == sets.pool
    assert max(map(math.prod, sets.digit_primes())) < math.prod(sets.special)


@each_case
def test_scales_come_from_the_bottom_up_and_stay_near_the_nominal_one(log_n, depth, scale_bits, security):
    sets = found(log_n, depth, scale_bits, security).sets
    scales = level_sets.scales(sets, scale_bits)
    with mpmath.workprec(200):
        exact = mpmath.mpf(2) ** scale_bits
        for level in range(depth + 1):
            if level:
                exact = mpmath.sqrt(exact * math.prod(sets[level]) / math.prod(sets[level - 1]))
            assert scales[level] == float(exact)  # correctly rounded, both
    assert all(abs(math.log2(scale) - scale_bits) <= 0.5 for scale in scales)


@pytest.mark.parametrize("digits", [1, 2, 3, 5])
def test_the_number_of_digits_can_be_chosen(digits):
    sets = found(15, 6, 40, 128, digits)
    assert len(sets.digits) == digits


def test_nothing_is_found_where_nothing_fits():
    assert level_sets.search(13, 6, 40, 128, None, 10) is None
    assert level_sets.smallest_log_qp(13, 6, 40, None, 10) > 214


def secure_parameters(security, scale_bits):
    """What choose returns for every depth, up to the first that no ring has."""
    for depth in itertools.count():
        try:
            yield Parameters.choose(depth, scale_bits, security)
        except ValueError:
            return


# Bossuat et al., eprint 2024/463, as SECURITY tables of other libraries quote it: written here a second time.
GUIDELINES = {
    128: dict(zip(range(10, 18), (26, 53, 106, 214, 430, 868, 1747, 3523), strict=True)),
    192: dict(zip(range(11, 18), (36, 73, 147, 297, 597, 1199, 2411), strict=True)),
    256: dict(zip(range(11, 18), (27, 56, 114, 230, 462, 929, 1866), strict=True)),
}


def check_secure(params, security):
    product = math.prod((*{p for primes in params.level_sets.sets for p in primes}, *params.level_sets.special))
    assert product <= 2 ** GUIDELINES[security][params.log_n]


def test_the_table_is_that_of_the_guidelines():
    assert LIMITS == GUIDELINES


@pytest.mark.parametrize(
    ("security", "scale_bits", "depths"), [(128, 40, range(13)), (192, 50, (1, 5)), (256, 30, (3,))]
)
def test_the_union_of_all_levels_is_secure(security, scale_bits, depths):
    for depth in depths:
        check_secure(Parameters.choose(depth, scale_bits, security), security)


@pytest.mark.slow
@pytest.mark.parametrize("scale_bits", range(25, 65, 5))
@pytest.mark.parametrize("security", [128, 192, 256])
def test_the_union_is_secure_for_every_set_that_choose_can_return(security, scale_bits):
    sizes = [check_secure(params, security) for params in secure_parameters(security, scale_bits)]
    assert len(sizes) > 5
