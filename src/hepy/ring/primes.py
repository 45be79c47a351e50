"""Primes for rings of degree N: those that are 1 mod 2N, which have the roots that the transform needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import gmpy2

from hepy._arguments import whole
from hepy.errors import ParameterError

MIN_DEGREE, MAX_DEGREE = 1 << 3, 1 << 17
PRIME_LIMIT = 1 << 31


def check_degree(degree: Any) -> int:
    """The degree, if it is a power of two that rings may have.

    Raises:
        ParameterError: it is not.
    """
    size = whole("the degree of a ring", degree, MIN_DEGREE, MAX_DEGREE)
    if size & (size - 1):
        raise ParameterError(f"the degree of a ring is a power of two, not {size}")
    return size


def primes(
    near: int, degree: int, count: int, *, below: int | None = None, excluding: Collection[int] = ()
) -> tuple[int, ...]:
    """The `count` primes 1 mod 2 * degree that are nearest to `near`, nearest first.

    Args:
        near: any positive integer, most often a power of two.
        degree: N, a power of two from 8 to 2**17.
        count: how many.
        below: primes stay below this; by default `near` where that is 2**30 or 2**31 (an edge of what kernels do
            fastest, and of what they do), and 2**30 elsewhere.
        excluding: primes not to be found again.

    Raises:
        ParameterError: there are fewer; names how many there are.

    >>> from hepy import ring
    >>> ring.primes(2**30, degree=2**13, count=2)
    (1073692673, 1073643521)
    >>> ring.primes(100, degree=8, count=4)
    (97, 113, 17, 193)
    """
    step, near, count = 2 * check_degree(degree), whole("near", near, 1), whole("count", count)
    if below is None:
        below = near if near == PRIME_LIMIT else 1 << 30
    if not 1 < below <= PRIME_LIMIT:
        raise ParameterError(f"primes of a ring are below 2**31, so `below` is from 2 to 2**31, not {below}")
    found: list[int] = []
    for candidate in _nearest(near, step, below):
        if len(found) == count:
            break
        if candidate not in excluding and gmpy2.is_prime(candidate):
            found.append(candidate)
    if len(found) < count:
        raise ParameterError(
            f"there are {len(found)} primes below {below} that are 1 mod {step}, besides {len(excluding)} excluded "
            f"ones, and {count} were asked for: use a smaller degree or a larger bound"
        )
    return tuple(found)


def _nearest(near: int, step: int, below: int) -> Iterator[int]:
    """Integers 1 mod step in [2, below), by distance from `near`; the lower one first where two are equally far."""
    low = (min(near, below - 1) - 1) // step * step + 1
    high = low + step
    while low > 1 or high < below:
        if high >= below or (low > 1 and near - low <= high - near):
            yield low
            low -= step
        else:
            yield high
            high += step
