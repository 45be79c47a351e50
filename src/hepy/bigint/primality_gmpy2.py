"""Filters for primes by GMP's limb functions in numba's loops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._host.pool import parallel_ranges
from hepy.bigint import mpn_loops as loops
from hepy.bigint.primality import Form, small_primes
from hepy.errors import ParameterError
from hepy.options import options

_Loop = Callable[[npt.NDArray[np.bool_], npt.NDArray[np.uint64], int, int], object]


class Filters:
    """Contract: hepy.bigint.primality.Filters."""

    def __init__(self, engine: str) -> None:
        pass

    def sieve(self, numbers: limb.Limbs, forms: Sequence[Form]) -> npt.NDArray[np.bool_]:
        kept, integers = np.ones(len(numbers), bool), limb.to_ints(numbers)
        for form in forms:
            at = np.flatnonzero(kept)
            candidates = [form.of(integers[i]) for i in at.tolist()]
            kept[at] = _filtered(candidates, lambda out, rows, i, j: loops.trial_division(out, rows, _products(), i, j))
        return kept

    def first_strong_probable_prime(
        self, candidates: Sequence[Sequence[int]], beside: Callable[[], object] | None
    ) -> int | None:
        if any(value < 3 or value % 2 == 0 for candidate in candidates for value in candidate):
            raise ParameterError("a search is for odd integers above 2")
        if beside:
            beside()
        step = 4 * options.threads
        for start in range(0, len(candidates), step):
            at = np.arange(start, min(start + step, len(candidates)))
            for column in zip(*candidates, strict=True):
                at = at[_filtered([column[i] for i in at.tolist()], loops.strong_probable_prime)]
            if len(at):
                return int(at[0])
        return None

    def is_strong_probable_prime(self, n: int, bases: Sequence[int]) -> bool:
        return all(gmpy2.is_strong_prp(n, base) for base in bases)


def _filtered(candidates: Sequence[int], loop: _Loop) -> npt.NDArray[np.bool_]:
    out = np.ones(len(candidates), dtype=bool)
    lengths = np.array([-(-value.bit_length() // 64) for value in candidates], dtype=np.int64)
    for length in np.unique(lengths):  # loops want the highest limb not to be zero
        at = np.flatnonzero(lengths == length).tolist()
        rows = np.array(limb.from_ints([candidates[i] for i in at], 2 * int(length)), dtype="<u4").view(np.uint64)
        kept = np.ones(len(at), dtype=bool)
        parallel_ranges(len(at), 1, functools.partial(loop, kept, rows))
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
