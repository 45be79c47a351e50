"""Which integers of a batch could be primes: trial division, then Fermat's test, each number its own modulus.

Filters for key generation, on the host and on hepy's threads. What passes is composite with a small probability still:
a proper test, such as gmpy2.is_prime, has the last word.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._pool import parallel_ranges
from hepy.bigint import mpn_loops as loops
from hepy.errors import ParameterError

_SMALL_LIMIT = 1 << 13

_Loop = Callable[[npt.NDArray[np.bool_], npt.NDArray[np.uint64], int, int], object]


@functools.cache
def small_primes() -> tuple[int, ...]:
    """The odd primes below 8192."""
    sieve = np.ones(_SMALL_LIMIT, dtype=bool)
    sieve[:2] = False
    for p in range(2, int(_SMALL_LIMIT**0.5) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    return tuple(np.flatnonzero(sieve)[1:].tolist())


def without_small_factors(candidates: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which odd integers above 8192**2 have no prime factor below 8192: bool[B]."""
    return _filtered(candidates, lambda out, rows, i, j: loops.trial_division(out, rows, _products(), i, j), grain=64)


def pass_fermat(candidates: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which odd integers n above 8192**2 have 2**(n-1) = 1 modulo n: bool[B]; primes all do.

    Source: Handbook of Applied Cryptography, section 4.2.1.
    """
    return _filtered(candidates, lambda out, rows, i, j: loops.fermat(out, rows, i, j), grain=1)


def _filtered(candidates: Sequence[int], loop: _Loop, grain: int) -> npt.NDArray[np.bool_]:
    out = np.ones(len(candidates), dtype=bool)
    if any(value <= _SMALL_LIMIT**2 or value % 2 == 0 for value in candidates):
        raise ParameterError(f"candidates are odd and above {_SMALL_LIMIT**2}: look smaller primes up in a table")
    lengths = np.array([-(-value.bit_length() // 64) for value in candidates], dtype=np.int64)
    for length in np.unique(lengths):  # loops want the highest limb not to be zero
        at = np.flatnonzero(lengths == length).tolist()
        rows = np.array(limb.from_ints([candidates[i] for i in at], 2 * int(length)), dtype="<u4").view(np.uint64)
        kept = np.ones(len(at), dtype=bool)
        parallel_ranges(len(at), grain, functools.partial(loop, kept, rows))
        out[at] = kept
    return out


@functools.cache
def _products() -> npt.NDArray[np.uint64]:
    """The small primes multiplied together as far as 64 bits hold them, small ones first: most candidates end there."""
    products = [1]
    for p in small_primes():
        if products[-1] * p >= 1 << 64:
            products.append(1)
        products[-1] *= p
    return np.array(products, dtype=np.uint64)
