"""The bases of a parameter set: what its levels, digits and special primes are in the ring layer."""

from __future__ import annotations

import functools
import itertools
import math
import operator

from hepy.ckks.parameters import Parameters
from hepy.ring import RingBasis

_NOISE_BITS = 8  # of room that decryption leaves above the declared range
# Of special primes over digits: what key switching adds to the error of its rounding is then a tenth at most.
_MARGIN = 16


class Rings:
    """Bases by their role. One instance serves all contexts of equal parameters.

    Attributes:
        levels: for each level, the basis of its ciphertexts.
        pool: the union of the levels.
        special: the primes of P.
        keys: the pool, then the special primes: what evaluation keys are modulo.
        encryption: the pool, then one special prime: what the encryption key is modulo.
        digits: the pool in pieces, as key switching cuts it; single_digits: each a group of its own.
    """

    def __init__(self, parameters: Parameters) -> None:
        sets, degree = parameters.level_sets, parameters.degree
        self.parameters = parameters
        self.levels = tuple(RingBasis(primes, degree) for primes in sets.sets)
        self.pool = RingBasis(sets.pool, degree)
        self.special = RingBasis(sets.special, degree)
        self.keys = self.pool.union(self.special)
        self.first_special = self.special[:1]
        self.encryption = self.pool.union(self.first_special)
        self.digits = tuple(RingBasis(primes, degree) for primes in sets.digit_primes())
        self.single_digits = tuple((d,) for d in range(len(self.digits)))
        self._merged_digits: dict[int, tuple[RingBasis, ...]] = {}
        self._special_at: dict[int, RingBasis] = {}
        self._shrinking: dict[int, int] = {}
        self._decryption: dict[tuple[int, int], RingBasis] = {}

    @functools.cached_property
    def gadget(self) -> tuple[int, ...]:
        """For each digit the integer that is P modulo its primes and 0 modulo all others."""
        pool, product = self.pool.modulus, self.special.modulus
        rest = (pool // digit.modulus for digit in self.digits)
        return tuple(product * r * pow(r, -1, d.modulus) for r, d in zip(rest, self.digits, strict=True))

    def groups(self, level: int) -> tuple[tuple[int, ...], ...]:
        """Which digits key switching takes as one at a level: runs whose primes there have a product below P.

        Digits without primes of the level are left out.
        """
        return digit_groups(self.parameters, level)

    def special_at(self, level: int) -> RingBasis:
        """The special primes that key switching at a level takes; keys modulo all of them serve as they are.

        With P = P' P'', P' the product of those taken: digits of c / P'' give P' c modulo the level's primes, and 0 modulo
        those of P', as P is 0 there.
        """
        made = self._special_at.get(level)
        if made is None:
            made = self._special_at[level] = self.special[: special_count(self.parameters, level)]
        return made

    def shrinking(self, level: int) -> int:
        """1 / P'' modulo the level's primes; see special_at."""
        made = self._shrinking.get(level)
        if made is None:
            modulus = self.levels[level].modulus
            made = pow(self.special.modulus // self.special_at(level).modulus, -1, modulus)
            self._shrinking[level] = made
        return made

    def merged_digits(self, level: int) -> tuple[RingBasis, ...]:
        """The digits of a level, merged."""
        made = self._merged_digits.get(level)
        if made is None:
            made = tuple(
                self.digits[group[0]].union(*(self.digits[d] for d in group[1:])) for group in self.groups(level)
            )
            self._merged_digits[level] = made
        return made

    def merged_basis(self, groups: tuple[tuple[int, ...], ...]) -> RingBasis:
        """What digits merged so are extended to, at all levels that take them so."""
        levels = [basis for level, basis in enumerate(self.levels) if self.groups(level) == groups]
        return levels[-1].union(*levels, self.special)

    def decryption(self, level: int, scale: float) -> RingBasis:
        """The fewest primes of a level that hold values of that scale within the declared range."""
        wanted = math.log2(scale) + self.parameters.value_bits + 1 + _NOISE_BITS
        basis, chosen = self.levels[level], []
        for prime in sorted(basis.primes, reverse=True):
            chosen.append(prime)
            wanted -= math.log2(prime)
            if wanted <= 0:
                break
        made = self._decryption.get((level, len(chosen)))
        if made is None:
            made = RingBasis([p for p in basis.primes if p in chosen], basis.degree)
            self._decryption[level, len(chosen)] = made
        return made


@functools.lru_cache(maxsize=64)
def rings(parameters: Parameters) -> Rings:
    """The bases of these parameters."""
    return Rings(parameters)


@functools.lru_cache(maxsize=4096)
def digit_groups(parameters: Parameters, level: int) -> tuple[tuple[int, ...], ...]:
    """See Rings.groups."""
    here, special = set(parameters.primes(level)), math.prod(parameters.level_sets.special)
    groups: list[tuple[int, ...]] = []
    product = 1
    for d, digit in enumerate(parameters.level_sets.digit_primes()):
        size = math.prod(p for p in digit if p in here)
        if size == 1:
            continue
        if groups and product * size < special:
            groups[-1], product = (*groups[-1], d), product * size
        else:
            groups, product = [*groups, (d,)], size
    return tuple(groups)


@functools.lru_cache(maxsize=4096)
def special_count(parameters: Parameters, level: int) -> int:
    """How many special primes key switching at a level takes: so many that their product exceeds every digit by a margin,
    or all."""
    here, digits = set(parameters.primes(level)), parameters.level_sets.digit_primes()
    groups = digit_groups(parameters, level)
    largest = max(math.prod(p for d in group for p in digits[d] if p in here) for group in groups)
    products = itertools.accumulate(parameters.level_sets.special, operator.mul)
    enough = (count for count, product in enumerate(products, 1) if product > _MARGIN * largest)
    return next(enough, len(parameters.level_sets.special))
