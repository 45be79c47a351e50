"""Which primes make the levels: the search for level sets, digits and special primes, and the exact scales.

A level is a set of primes of one pool; its product is near 2^(base + level * scale_bits). Evaluation keys are
published modulo the pool, which is the union of all sets, times the special primes P, so security bounds
log2(union * P). There are two ways to choose sets:

    nested    every level adds one prime near the scale, or two whose product is near it: the union is the top set;
    rational  main primes just below 2^30 and a few small terminal primes, counts chosen for each level: fewest limbs,
              but terminals that the top level does not use stay in the union.

The search tries both and takes the fewest primes in the union (they make the bytes of keys), then the fewest limbs
of the top level (they make the bytes of ciphertexts), then the fewest transforms of a multiplication there.

Chain primes are below 2^30, so that Harvey's lazy range [0, 4q) fits a 32-bit word; special primes are below 2^31.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import gmpy2

from hepy.ckks.security import accepts, limit_bits

CHAIN_LIMIT = 1 << 30
SPECIAL_LIMIT = 1 << 31
WORST_SCALE_BITS = 0.5  # how far a level's scale may be from the nominal one
_TERMINAL_BITS = range(18, 29)
_MOST_TERMINALS = 5
_MOST_SPECIAL = 160
_WORST_STEP = 3 * WORST_SCALE_BITS  # between the misses of two levels: half of a larger one would be too much
_FRACTION_BITS = 256  # of the integers that scales are computed with

Primes = tuple[int, ...]


@dataclass(frozen=True)
class LevelSets:
    """The primes of a parameter set.

    Attributes:
        sets: for each level from 0 up, its primes, in the order of the pool.
        pool: the union of the sets; a digit is a run of it.
        special: the primes of P.
        digits: how many primes of the pool each digit has.
        way: how the sets were found, for summaries.
    """

    sets: tuple[Primes, ...]
    pool: Primes
    special: Primes
    digits: tuple[int, ...]
    way: str

    @property
    def depth(self) -> int:
        return len(self.sets) - 1

    @property
    def log_qp(self) -> float:
        """log2 of the modulus of evaluation keys."""
        return bits((*self.pool, *self.special))

    @property
    def transforms(self) -> int:
        """NTTs of a multiplication at the top level, with relinearization: what the search counts."""
        top, special, dnum = len(self.sets[-1]), len(self.special), len(self.digits)
        return top + dnum * (top + special) + 2 * (top + special)

    def digit_primes(self) -> tuple[Primes, ...]:
        """The primes of each digit."""
        ends = itertools.accumulate(self.digits)
        return tuple(self.pool[end - size : end] for size, end in zip(self.digits, ends, strict=True))


def scales(sets: Sequence[Primes], scale_bits: int) -> tuple[float, ...]:
    """The scale of each level, correctly rounded: scale(0) = 2^s, scale(l) = sqrt(scale(l-1) Q(l) / Q(l-1)).

    From the bottom up deviations from 2^s halve at each step; a product at level l, rescaled, has exactly scale(l-1).
    """
    fixed = [1 << scale_bits + _FRACTION_BITS]
    for below, above in itertools.pairwise(sets):
        square = (fixed[-1] * math.prod(above) << _FRACTION_BITS) // math.prod(below)
        fixed.append(math.isqrt(square))
    return tuple(value / (1 << _FRACTION_BITS) for value in fixed)  # a quotient of integers is correctly rounded


def bits(primes: Iterable[int]) -> float:
    """log2 of the product."""
    return sum(map(math.log2, primes))


@functools.lru_cache(maxsize=256)
def search(
    log_n: int, depth: int, scale_bits: int, security: int | None, digits: int | None, spare_bits: int
) -> LevelSets | None:
    """The best sets within the security limit, or None where there are none.

    Args:
        digits: how many digits keys have; None lets the search choose.
        spare_bits: how many bits more than the scale level 0 has at least, for the values and their sign.
    """
    if security is not None and depth * scale_bits > (limit_bits(security, log_n) or 0):
        return None
    found = _fitting(log_n, depth, scale_bits, spare_bits)
    ranked = sorted(
        (sets for sets in found if accepts(security, log_n, _pool(sets))),
        key=lambda sets: (len(_pool(sets)), len(sets[-1]), bits(_pool(sets))),
    )
    for _, group in itertools.groupby(ranked, key=lambda sets: len(_pool(sets))):
        made = [
            plan
            for sets in group
            for plan in with_digits(log_n, sets, digits, found[sets])
            if accepts(security, log_n, (*plan.pool, *plan.special))
        ]
        if made:
            return min(made, key=lambda plan: (len(plan.sets[-1]), plan.transforms, plan.log_qp))
    return None


def _fitting(log_n: int, depth: int, scale_bits: int, spare_bits: int) -> dict[tuple[Primes, ...], str]:
    """Candidates whose scales stay near the nominal one and whose level 0 is large enough, with how they were found."""
    found: dict[tuple[Primes, ...], str] = {}
    for way, sets in _candidates(log_n, depth, scale_bits, spare_bits):
        if sets in found or bits(sets[0]) < scale_bits + spare_bits - WORST_SCALE_BITS:
            continue
        if all(abs(math.log2(scale) - scale_bits) <= WORST_SCALE_BITS for scale in scales(sets, scale_bits)):
            found[sets] = way
    return found


def with_digits(log_n: int, sets: tuple[Primes, ...], digits: int | None, way: str) -> Iterator[LevelSets]:
    """The sets with each number of digits that makes sense, and with as many special primes as that takes."""
    pool = _pool(sets)
    counts = range(1, len(pool) + 1) if digits is None else (min(digits, len(pool)),)
    for count in counts:
        sizes = _even_runs(pool, count)
        ends = itertools.accumulate(sizes)
        runs = [pool[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        longest = max(map(bits, runs))
        largest = max(math.prod(run) for run in runs if bits(run) > longest - 1)
        special = _special_primes(log_n, largest)
        if special is not None:
            ordered = tuple(tuple(p for p in pool if p in level) for level in sets)
            yield LevelSets(ordered, pool, special, sizes, way)


def smallest_log_qp(log_n: int, depth: int, scale_bits: int, digits: int | None, spare_bits: int) -> float | None:
    """The least log2 QP that any sets with any digits have, without a limit; None where primes are too few."""
    sizes = [
        plan.log_qp
        for sets, way in _fitting(log_n, depth, scale_bits, spare_bits).items()
        for plan in with_digits(log_n, sets, digits, way)
    ]
    return min(sizes, default=None)


def _pool(sets: tuple[Primes, ...]) -> Primes:
    """The union: primes that only lower levels use first (terminals among them), then in order of entrance.

    Low levels so find their primes in the first digit.
    """
    entered = dict.fromkeys(itertools.chain.from_iterable(sets))
    small = [p for p in entered if p not in sets[-1] or p < CHAIN_LIMIT >> 2]
    return (*small, *(p for p in entered if p not in small))


def _even_runs(pool: Primes, count: int) -> tuple[int, ...]:
    """Lengths of `count` runs of the pool of nearly equal bits, none empty."""
    total, sizes, done, at = bits(pool), [], 0.0, 0
    for run in range(1, count + 1):
        start, last = at, len(pool) - (count - run)
        target = total * run / count
        while at < last and (at == start or done + math.log2(pool[at]) / 2 <= target):
            done += math.log2(pool[at])
            at += 1
        sizes.append(at - start)
    sizes[-1] += len(pool) - at
    return tuple(sizes)


def _special_primes(log_n: int, largest: int) -> Primes | None:
    """The fewest primes below 2^31 and above the chain's whose product exceeds `largest`; None if there are not enough."""
    product = 1
    for count, prime in enumerate(_above_the_chain(log_n), 1):
        product *= prime
        if product > largest:
            return _above_the_chain(log_n)[:count]
    return None


@functools.cache
def _above_the_chain(log_n: int) -> Primes:
    """The largest primes below 2^31 that are 1 mod 2N, as many as key switching could need."""
    step = 2 << log_n
    candidates = range((SPECIAL_LIMIT - 2) // step * step + 1, CHAIN_LIMIT, -step)
    return tuple(itertools.islice((p for p in candidates if gmpy2.is_prime(p)), _MOST_SPECIAL))


def _candidates(log_n: int, depth: int, scale_bits: int, spare_bits: int) -> Iterator[tuple[str, tuple[Primes, ...]]]:
    for base in range(scale_bits + spare_bits, scale_bits + spare_bits + 21, 5):
        if base <= 60:
            sets = _nested(log_n, depth, scale_bits, base)
            if sets is not None:
                yield f"nested, base {base} bits", sets
        if scale_bits > 30:
            for size, count in itertools.product(_TERMINAL_BITS, range(1, _MOST_TERMINALS + 1)):
                sets = _rational(log_n, depth, scale_bits, base, size, count)
                if sets is not None:
                    yield f"main and terminal primes of {size} bits, base {base} bits", sets


def _nested(log_n: int, depth: int, scale_bits: int, base: int) -> tuple[Primes, ...] | None:
    """Sets of which each holds the one below; None where primes are too few, as happens for large rings."""
    first = nearest(2.0 ** (base / 2), log_n, 2)
    if len(first) < 2:
        return None
    sets, last = [first], bits(first) - base
    for level in range(1, depth + 1):
        target = base + scale_bits * level - bits(sets[-1])  # aims at the product of all levels so far
        step = _factors(log_n, target, sets[-1], 1 if scale_bits <= 30 else 2)
        if step is None or abs(bits(step) - target - last) > _WORST_STEP:
            return None
        last = bits(step) - target
        sets.append((*sets[-1], *step))
    return tuple(sets)


def _factors(log_n: int, target: float, taken: Primes, count: int) -> Primes | None:
    """One prime near 2^target, or two with that product, apart from those taken."""
    if count == 1:
        return nearest(2.0**target, log_n, 1, taken) or None
    best: tuple[float, Primes] | None = None
    smallest = max(2.0 ** (target / 2 - 2), 1.05 * 2.0 ** (target - 30))
    for small in nearest(smallest, log_n, 60, limit=min(CHAIN_LIMIT, int(2.0 ** (target / 2)) + 1)):
        if small in taken or math.log2(small) <= target - 30:
            continue
        for large in nearest(2.0**target / small, log_n, 1, (*taken, small)):
            miss = abs(math.log2(small) + math.log2(large) - target)
            if best is None or miss < best[0]:
                best = miss, (small, large)
    return None if best is None else best[1]


def _rational(log_n: int, depth: int, scale_bits: int, base: int, size: int, count: int) -> tuple[Primes, ...] | None:
    """Sets of the first a main and the first b terminal primes, a and b chosen for each level; None if one misses."""
    main = nearest(CHAIN_LIMIT, log_n, (base + 41 + depth * scale_bits) // 29 + 2)
    small = nearest(2.0**size, log_n, _MOST_TERMINALS)[:count]
    sums = [0.0, *itertools.accumulate(map(math.log2, main))]
    less = [0.0, *itertools.accumulate(map(math.log2, small))]
    sets = []
    last = 0.0
    for level in range(depth + 1):
        target = base + level * scale_bits
        misses = []
        for b, taken in enumerate(less):
            above = bisect.bisect(sums, target - taken)
            misses += [(sums[a] + taken - target, a, b) for a in (above - 1, above) if 0 <= a < len(sums)]
        miss, a, b = min(misses, key=lambda choice: abs(choice[0]))
        if abs(miss - last) > _WORST_STEP:
            return None
        last = miss
        sets.append((*small[:b], *main[:a]))
    return tuple(sets)


@functools.lru_cache(maxsize=4096)
def nearest(target: float, log_n: int, count: int, taken: Primes = (), limit: int = CHAIN_LIMIT) -> Primes:
    """The primes 1 mod 2N below `limit` that are nearest to `target`, without those taken; fewer where there are no more."""
    step = 2 << log_n
    found: list[int] = []
    low = int(min(target, limit)) // step * step + 1
    high = low + step
    while len(found) < count and (low > step or high < limit):
        if high >= limit or (low > step and target - low <= high - target):
            candidate, low = low, low - step
        else:
            candidate, high = high, high + step
        if candidate < limit and candidate not in taken and gmpy2.is_prime(candidate):
            found.append(candidate)
    return tuple(found)
