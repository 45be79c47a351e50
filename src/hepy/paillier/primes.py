"""Random primes: candidates from a stream, filtered in batches, tested by gmpy2 (BPSW and Miller-Rabin).

Every candidate is drawn anew, so primes are uniform among those of the asked form; searching upwards from one random
start would prefer primes after long gaps (Brandt and Damgard, CRYPTO '92). The first candidate in the order of the
stream that is a prime is taken, however many threads look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy.bigint.primality import pass_fermat, without_small_factors
from hepy.random import Purpose, Stream

_T = TypeVar("_T")

# Candidates a batch: enough to share among threads, few enough that little is drawn in vain. Part of the definition
# of seeded keys.
_BATCH = 64
_SUBGROUP_BATCH = 4096
# GMP does BPSW and, of the rounds above 24, Miller-Rabin with random bases: for random numbers of 1024 bits, five
# leave less than 2^-112 (FIPS 186-5, table B.1), BPSW aside.
_ROUNDS = 24 + 5
_WITNESSES = 64


def is_prime(value: int) -> bool:
    """Whether a number that we drew is a prime, but for a negligible probability."""
    return bool(gmpy2.is_prime(value, _ROUNDS))


def is_composite(value: int, stream: Stream) -> bool:
    """Whether a random base proves that an odd number is composite: never of a prime, of others but once in 4**64.

    GMP's own bases come from a fixed seed; these cannot be foreseen by whoever chose the number.
    Source: Rabin, J. Number Theory 12 (1980).
    """
    bases = limb.to_ints(stream.uniform_below(value - 3, _WITNESSES, Purpose.VALIDATION))
    return not all(gmpy2.is_strong_prp(value, base + 2) for base in bases)


def random_prime(
    bits: int, stream: Stream, *, three_mod_four: bool = False, wanted: Callable[[int], bool] = lambda value: True
) -> int:
    """A prime with its two highest bits set, so that a product of two has exactly twice the bits.

    Args:
        bits: its length, at least 32.
        three_mod_four: of that form.
        wanted: what else has to hold; asked of candidates, most of which are no primes.
    """
    fixed = 3 << (bits - 2) | (3 if three_mod_four else 1)
    while True:
        drawn = [value | fixed for value in limb.to_ints(stream.uniform_bits(bits, _BATCH, Purpose.KEY_PRIME))]
        sieved = [value for value in _where(drawn, without_small_factors(drawn)) if wanted(value)]
        for value in _where(sieved, pass_fermat(sieved)):
            if is_prime(value):
                return value


def subgroup_prime(bits: int, factor: int, stream: Stream) -> tuple[int, int]:
    """(P, p') with P = 2 p p' + 1 and p' prime, P with its two highest bits set; p = `factor` is an odd prime."""
    # p' uniform among the odd integers for which P is in range: (first + 2 k) | 1 for k from 0 to `count` - 1.
    low, high = 3 << (bits - 2), 1 << bits
    first, last = -(-low // (2 * factor)), (high - 1) // (2 * factor)
    count = (last - first) // 2 + 1
    while True:
        drawn = limb.to_ints(stream.uniform_below(count, _SUBGROUP_BATCH, Purpose.KEY_PRIME))
        cofactors = [first + 2 * value | 1 for value in drawn]
        pairs = [(2 * factor * cofactor + 1, cofactor) for cofactor in cofactors]
        # Of both at once: a small factor of one is the cheapest reason to drop the pair.
        pairs = _where(pairs, without_small_factors([prime for prime, _ in pairs]))
        pairs = _where(pairs, without_small_factors([cofactor for _, cofactor in pairs]))
        pairs = _where(pairs, pass_fermat([cofactor for _, cofactor in pairs]))
        pairs = _where(pairs, pass_fermat([prime for prime, _ in pairs]))
        for prime, cofactor in pairs:
            if low <= prime < high and is_prime(cofactor) and is_prime(prime):
                return prime, cofactor


def _where(items: list[_T], kept: npt.NDArray[np.bool_]) -> list[_T]:
    return [item for item, keep in zip(items, kept.tolist(), strict=True) if keep]
