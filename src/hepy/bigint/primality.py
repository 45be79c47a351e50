"""Which integers could be primes: a sieve by small primes, strong tests to base 2 side by side, and tests to many bases.

Filters for key generation, on the host and on hepy's threads. What passes is composite with a small probability still:
a proper test, such as gmpy2.is_prime, has the last word.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._host import engines
from hepy.options import options

_SMALL_LIMIT = 1 << 13  # of small_primes
_COMPILED = "hepy.bigint.primality_compiled"
_HOME = {engines.GMPY2: "hepy.bigint.primality_gmpy2"}


class Form(NamedTuple):
    """The integer factor * k + offset of a number k."""

    factor: int
    offset: int

    def of(self, k: int) -> int:
        return self.factor * k + self.offset


class Filters(Protocol):
    """What an engine of the host supplies."""

    def sieve(self, numbers: limb.Limbs, forms: Sequence[Form]) -> npt.NDArray[np.bool_]:
        """Contract: sieve."""

    def first_strong_probable_prime(
        self, candidates: Sequence[Sequence[int]], beside: Callable[[], object] | None
    ) -> int | None:
        """Contract: first_strong_probable_prime."""

    def is_strong_probable_prime(self, n: int, bases: Sequence[int]) -> bool:
        """Contract: is_strong_probable_prime."""


@functools.cache
def small_primes(limit: int = _SMALL_LIMIT) -> tuple[int, ...]:
    """The odd primes below `limit`, 8192 unless it is given."""
    sieve = np.ones(limit, dtype=bool)
    sieve[:2] = False
    for p in range(2, int(limit**0.5) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    return tuple(np.flatnonzero(sieve)[1:].tolist())


def sieve(numbers: limb.Limbs, forms: Sequence[Form] = (Form(1, 0),)) -> npt.NDArray[np.bool_]:
    """Which numbers k make no integer of these forms divisible by a small odd prime: bool[B].

    Args:
        numbers: uint32[B, words], on the host.
        forms: non-negative; the integers are 2**30 at least. How far the sieve goes is the engine's affair, and a prime
            of that size passes however far.
    """
    return _filters().sieve(numbers, forms)


def first_strong_probable_prime(
    candidates: Sequence[Sequence[int]], beside: Callable[[], object] | None = None
) -> int | None:
    """The position of the first candidate whose integers all are strong probable primes to base 2, or None.

    Args:
        candidates: as many odd integers for each, above 2; an integer that is tested before is the likelier to fail.
        beside: work to be done meanwhile, once, by one of the threads.

    Raises:
        ParameterError: an integer is even or below 3.
    Source: Handbook of Applied Cryptography, 4.20.
    """
    return _filters().first_strong_probable_prime(candidates, beside)


def is_strong_probable_prime(n: int, bases: Sequence[int]) -> bool:
    """Whether an odd n above 2 is a strong probable prime to all of these bases, which are below n.

    Source: Handbook of Applied Cryptography, 4.24.
    """
    return _filters().is_strong_probable_prime(n, bases)


def _filters() -> Filters:
    return _filters_of(engines.resolve(options.engine).name)


@functools.cache
def _filters_of(engine: str) -> Filters:
    made: Filters = importlib.import_module(_HOME.get(engine, _COMPILED)).Filters(engine)
    return made
