"""Parameters: what they refuse and what they then propose, their costs, their value semantics."""

import dataclasses
import math

import pytest

from hepy import LevelError, ParameterError
from hepy.ckks.parameters import Parameters
from hepy.ckks.rings import rings

TOY = Parameters(log_n=5, depth=3, scale_bits=40, security=None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"log_n": 13, "depth": 6}, r"214 bits.*use log_n=14 or depth up to 3"),
        ({"log_n": 13, "depth": 2, "scale_bits": 42}, "use 40 or 45"),
        ({"log_n": 13, "depth": 2, "scale_bits": 62}, "use 60"),
        ({"log_n": 13, "depth": 2, "scale_bits": 40.0}, "multiple of 5"),
        ({"log_n": 13, "depth": 2, "security": 100}, "128, 192 or 256"),
        ({"log_n": 9, "depth": 2}, "use log_n=10"),
        ({"log_n": 2, "depth": 2}, "from 3 to 17"),
        ({"log_n": 13, "depth": -1}, "depth is a whole number"),
        ({"log_n": 13, "depth": True}, "depth is a whole number"),
        ({"log_n": 13, "depth": 2, "digits": 0}, "digits is a whole number"),
        ({"log_n": 13, "depth": 2, "secret": "binary"}, "'ternary', 'sparse'"),
        ({"log_n": 13, "depth": 2, "secret": "sparse"}, "security=None"),
        ({"log_n": 17, "depth": 60, "security": None}, r"not enough primes.*depth up to \d+"),
    ],
)
def test_bad_parameters_are_refused_with_what_to_do(arguments, says):
    with pytest.raises(ParameterError, match=says):
        Parameters(**arguments)


def test_what_a_refusal_proposes_works():
    assert Parameters(log_n=13, depth=3).depth == 3
    assert Parameters(log_n=14, depth=6).log_n == 14


def test_choose_takes_the_smallest_ring():
    params = Parameters.choose(depth=6, scale_bits=40)
    assert params == Parameters(log_n=14, depth=6, scale_bits=40)
    with pytest.raises(ParameterError, match="use"):
        Parameters(log_n=13, depth=6, scale_bits=40)
    assert Parameters.choose(depth=1, slots=16384).log_n == 15


def test_choose_says_how_deep_the_largest_ring_goes():
    with pytest.raises(ParameterError, match=r"65536 slots and depth (\d+)"):
        Parameters.choose(depth=118)
    with pytest.raises(ParameterError, match="log_n"):
        Parameters.choose(depth=1, security=None)


def test_parameters_are_values():
    again = Parameters(log_n=5, depth=3, scale_bits=40, security=None)
    assert again == TOY and hash(again) == hash(TOY)
    assert again != Parameters(log_n=5, depth=2, scale_bits=40, security=None)
    assert "security=None" in repr(TOY)
    assert "none promised" in str(TOY)
    assert "log2 QP" in str(Parameters(log_n=13, depth=2))


def test_levels_outside_the_chain_are_refused():
    for level in (-1, 4, True, 1.0):
        with pytest.raises(LevelError, match="from 0 to 3"):
            TOY.primes(level)


def test_a_rescaled_product_has_the_scale_of_the_level_below():
    for level in range(1, 4):
        product = TOY.scales[level] ** 2
        assert TOY.rescaled(product, level, level - 1) == pytest.approx(TOY.scales[level - 1], rel=1e-15)


def test_sizes_follow_from_primes_and_degree():
    params = Parameters(log_n=13, depth=2)
    sets = params.level_sets

    def kibibytes(primes):  # a bit of each of 8192 residues is one
        return sum(len(f"{prime:b}") for prime in primes) << 10

    assert params.ciphertext_bytes() == 2 * kibibytes(params.primes(2))
    assert params.ciphertext_bytes(seeded=True) == kibibytes(params.primes(2)) + 32
    assert params.switching_key_bytes == params.dnum * kibibytes([*sets.pool, *sets.special]) + 32
    assert params.encryption_key_bytes == kibibytes([*sets.pool, sets.special[0]]) + 32


def rebuilt(**changes):
    sets = dataclasses.replace(TOY.level_sets, **changes)
    return Parameters.from_level_sets(5, 40, None, "ternary", 9, sets)


def test_given_level_sets_make_the_same_parameters():
    assert rebuilt() == TOY


def test_given_level_sets_are_checked():
    sets = TOY.level_sets
    composite = 64 * (sets.pool[0] // 64 + 1) * 64 + 1
    while all(composite % d for d in range(3, math.isqrt(composite) + 1, 2)):
        composite += 64
    bad = [
        ({"pool": (*sets.pool[:-1], sets.pool[0])}, "twice"),
        ({"special": (*sets.special[:-1], sets.pool[0])}, "twice"),
        ({"special": (*sets.special[:-1], composite)}, "no prime"),
        ({"sets": (*sets.sets[:-1], sets.sets[-1][::-1])}, "level 3"),
        ({"sets": (*sets.sets[:-1], ())}, "level 3"),
        ({"sets": sets.sets[:-1]}, "union"),
        ({"digits": (len(sets.pool) - 1,)}, "partition"),
        ({"digits": ()}, "digits"),
        ({"special": sets.special[:1]}, "exceeds"),
        ({"sets": (sets.sets[0], sets.sets[0], *sets.sets[2:])}, "scale"),
    ]
    for changes, says in bad:
        with pytest.raises(ParameterError, match=says):
            rebuilt(**changes)
    with pytest.raises(ParameterError, match="no 128-bit security"):
        Parameters.from_level_sets(5, 40, 128, "ternary", 9, sets)


def test_low_levels_switch_keys_with_few_special_primes():
    """No more than exceed the largest digit there sixteen times, or all."""
    params = Parameters(log_n=15, depth=12)
    bases, special = rings(params), params.level_sets.special
    counts = [len(bases.special_at(level)) for level in range(13)]
    assert counts[0] == 2
    assert counts[-1] > 8
    for level, count in enumerate(counts):
        assert bases.special_at(level).primes == special[:count]
        own = [math.prod(p for p in digit.primes if p in bases.levels[level]) for digit in bases.merged_digits(level)]
        assert math.prod(special[: count - 1]) <= 16 * max(own)
        assert math.prod(special[:count]) > 16 * max(own) or count == len(special)
        left_out = math.prod(special[count:])
        assert left_out * bases.shrinking(level) % bases.levels[level].modulus == 1
