"""Random primes: candidates from a stream, sieved together, tested by gmpy2 (BPSW and Miller-Rabin).

Every candidate is drawn anew, so primes are uniform among those of the asked form; searching upwards from one random
start would prefer primes after long gaps (Brandt and Damgard, CRYPTO '92). The sieve takes all candidates of a batch
at once: their remainders by small primes are one matrix product.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy.random import Purpose, Stream

_SMALL_LIMIT = 1 << 13
_BATCH = 512
_ROUNDS = 40  # GMP: BPSW, then Miller-Rabin with rounds - 24 random bases


def is_prime(value: int) -> bool:
    return bool(gmpy2.is_prime(value, _ROUNDS))


@functools.cache
def small_primes() -> npt.NDArray[np.float64]:
    """The odd primes below 8192, as exact float64."""
    sieve = np.ones(_SMALL_LIMIT, dtype=bool)
    sieve[:2] = False
    for p in range(2, int(_SMALL_LIMIT**0.5) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    return np.flatnonzero(sieve)[1:].astype(np.float64)


def random_prime(bits: int, stream: Stream, *, three_mod_four: bool = False) -> int:
    """A prime with its two highest bits set, so that a product of two has exactly twice the bits."""
    return next(_primes(bits, stream, three_mod_four))


def _primes(bits: int, stream: Stream, three_mod_four: bool) -> Iterator[int]:
    fixed = 3 << (bits - 2) | (3 if three_mod_four else 1)
    while True:
        drawn = stream.uniform_bits(bits, _BATCH, Purpose.KEY_PRIME)
        drawn |= limb.from_ints([fixed], drawn.shape[1])
        for value in limb.to_ints(drawn[_survives(drawn, bits)]):
            if is_prime(value):
                yield value


def subgroup_prime(bits: int, factor: int, stream: Stream) -> tuple[int, int]:
    """(P, p') with P = 2 p p' + 1 and p' prime, P with its two highest bits set; p = `factor` is an odd prime."""
    cofactor_bits = bits - factor.bit_length() + 1  # enough to reach over the whole range of P
    low, high = 3 << (bits - 2), 1 << bits
    while True:
        # p' uniform among the odd integers for which P is in range.
        first, last = -(-low // (2 * factor)), (high - 1) // (2 * factor)
        drawn = stream.uniform_below((last - first) // 2 + 1, 8 * _BATCH, Purpose.KEY_PRIME)
        candidates = [first + 2 * value | 1 for value in limb.to_ints(drawn)]
        cofactors = limb.from_ints(candidates, limb.width(cofactor_bits + 1))
        keep = np.flatnonzero(_survives(cofactors, cofactor_bits))
        whole = limb.from_ints([2 * factor * candidates[i] + 1 for i in keep], limb.width(bits + 1))
        for i in keep[_survives(whole, bits)]:
            cofactor = candidates[i]
            prime = 2 * factor * cofactor + 1
            if low <= prime < high and is_prime(cofactor) and is_prime(prime):
                return prime, cofactor


def _survives(candidates: limb.Limbs, bits: int) -> npt.NDArray[np.bool_]:
    """Which candidates have no small prime factor, candidates that are small primes themselves aside."""
    primes = small_primes()
    if bits < 32:
        primes = primes[primes < 1 << (bits // 2)]
    pieces = np.ascontiguousarray(candidates).astype("<u4").view("<u2").astype(np.float64)
    weights = np.empty((pieces.shape[1], len(primes)))
    weights[0] = 1.0
    for k in range(1, len(weights)):
        weights[k] = weights[k - 1] * 65536.0 % primes
    # Sums of at most 2**9 products below 2**16 2**13: exact in float64.
    remainders = (pieces @ weights) % primes
    return np.asarray((remainders != 0).all(axis=1))
