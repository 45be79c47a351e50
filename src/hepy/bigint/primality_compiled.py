"""Filters for primes by hepy._cpu: threads search without the GIL (cpu/primality.hpp)."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._host.pool import parallel_ranges
from hepy.bigint.primality import Form, small_primes
from hepy.options import options

_LEAST, _MOST = 1 << 12, 1 << 15  # where sieves end
_GRAIN = 64  # candidates of a sieve that are worth another thread


class Filters:
    """Contract: hepy.bigint.primality.Filters."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def sieve(self, numbers: limb.Limbs, forms: Sequence[Form]) -> npt.NDArray[np.bool_]:
        words = numbers.shape[1]
        by, products = _sieve(words, _limit(limb.LIMB_BITS * words))
        factors = np.concatenate([_residues(form.factor, products) for form in forms])
        offsets = np.concatenate([_residues(form.offset, products) for form in forms])
        kept, source = np.empty(len(numbers), bool), np.require(numbers, requirements=["C", "A"])
        parallel_ranges(len(kept), _GRAIN, lambda i, j: by.filter(kept, source, factors, offsets, len(forms), i, j))
        return kept

    def first_strong_probable_prime(
        self, candidates: Sequence[Sequence[int]], beside: Callable[[], object] | None
    ) -> int | None:
        columns = [
            limb.from_ints(column, limb.width(max(column).bit_length())) for column in zip(*candidates, strict=True)
        ]
        search = importlib.import_module("hepy._cpu").PrimeSearch(self._engine, columns, len(candidates))
        # Other work comes first: it may want the GIL, which a search does without.
        work = [beside] if beside else []
        work += [search.run] * min(options.threads, len(candidates))
        parallel_ranges(len(work), 1, lambda i, j: [one() for one in work[i:j]])
        first: int = search.first
        return first if first < len(candidates) else None

    def is_strong_probable_prime(self, n: int, bases: Sequence[int]) -> bool:
        words, native = limb.width(n.bit_length()), importlib.import_module("hepy._cpu")
        return bool(
            native.is_strong_probable_prime(self._engine, limb.from_ints([n], words), limb.from_ints(bases, words))
        )


def _limit(bits: int) -> int:
    """Where trial division by one more prime p begins to cost more than a test, of which it saves 1/p."""
    return min(max(_LEAST, 1 << (bits * bits // 32).bit_length() - 1), _MOST)


@functools.lru_cache(maxsize=16)
def _sieve(words: int, limit: int) -> tuple[Any, list[int]]:
    """The sieve for numbers of so many words, with its products of primes."""
    native = importlib.import_module("hepy._cpu")
    made = native.Sieve(np.array(small_primes(limit), np.uint32), words)
    return made, made.products


def _residues(value: int, products: list[int]) -> npt.NDArray[np.uint64]:
    if value < min(products):
        return np.full(len(products), value, np.uint64)
    return np.array([value % product for product in products], np.uint64)
