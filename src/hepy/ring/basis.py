"""RNS bases: which primes, in which order, with which tables.

A RingBasis is immutable and knows no device: primes and tables are made once from Python ints and copied to
a device on first use. Arithmetic is in polynomial.py; what a device supplies is listed in kernels.py.

Invariant: primes are distinct, below 2**31 and 1 mod 2N.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np

from hepy._arguments import shown, whole
from hepy._immutable import ReadOnly
from hepy.errors import ParameterError
from hepy.ring.packing import packed_bytes
from hepy.ring.primes import PRIME_LIMIT, check_degree
from hepy.ring.tables import PrimeTables, Words, prime_tables

if TYPE_CHECKING:
    from hepy.ring.polynomial import Coefficients, Polynomial


class RingBasis(ReadOnly):
    """The ring Z_Q[X] / (X^N + 1), Q a product of primes, with its residues modulo each of them.

    Bases compare and hash by value. As collections of primes they have an order; set operations keep the order of
    the left operand and append what is new.

    Args:
        primes: distinct primes below 2**31, each 1 mod 2 * degree; see hepy.ring.primes.
        degree: N, a power of two from 8 to 2**17.

    Raises:
        ParameterError: there is no prime, or one does not fit; names it.

    >>> from hepy import ring
    >>> basis = ring.RingBasis([97, 113], degree=8)
    >>> basis.modulus
    10961
    >>> (basis.coefficients([1, 1, 0, 0, 0, 0, 0, 0]).ntt() ** 2).intt().to_ints().tolist()
    [1, 2, 1, 0, 0, 0, 0, 0]
    """

    __slots__ = ("__dict__", "__weakref__", "_hash", "constants", "degree", "primes")

    def __init__(self, primes: Iterable[int], degree: int) -> None:
        self.degree = check_degree(degree)
        if not isinstance(primes, Iterable):
            raise ParameterError(f"a basis is made of primes, several in a list, not of {shown(primes)}")
        self.primes = tuple(whole("a prime", prime) for prime in primes)
        if not self.primes or len(set(self.primes)) < len(self.primes):
            raise ParameterError(f"a basis has one or more distinct primes, not {self.primes}")
        for prime in self.primes:
            if not 2 < prime < PRIME_LIMIT or prime % (2 * degree) != 1 or not gmpy2.is_prime(prime):
                raise ParameterError(
                    f"{prime} is not a prime below 2**31 that is 1 mod {2 * degree}: take primes from "
                    f"ring.primes(near, degree={degree}, count=...)"
                )
        self._hash = hash((self.primes, self.degree))
        self.constants: dict[Any, Any] = {}  # what devices keep with the basis, by themselves

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, RingBasis) and (self.primes, self.degree) == (other.primes, other.degree)

    def __hash__(self) -> int:
        return self._hash

    def __len__(self) -> int:
        return len(self.primes)

    def __iter__(self) -> Iterator[int]:
        return iter(self.primes)

    def __contains__(self, prime: object) -> bool:
        return prime in self.primes

    def __reduce__(self) -> Any:
        return RingBasis, (self.primes, self.degree)

    def __repr__(self) -> str:
        return f"RingBasis({len(self)} primes, {self.modulus.bit_length()} bits, degree={self.degree})"

    @functools.cached_property
    def modulus(self) -> int:
        """Q, the product of the primes."""
        return math.prod(self.primes)

    @functools.cached_property
    def words(self) -> Words:
        """The primes as uint32[limbs]."""
        return np.array(self.primes, np.uint32)

    @functools.cached_property
    def widths(self) -> tuple[int, ...]:
        """The bit length of each prime."""
        return tuple(prime.bit_length() for prime in self.primes)

    @functools.cached_property
    def packed_bytes(self) -> int:
        """Bytes of a polynomial as Polynomial.to_bytes gives it."""
        return packed_bytes(self.widths, self.degree)

    @functools.cached_property
    def tables(self) -> tuple[PrimeTables, ...]:
        """The tables of each prime, made when first asked for."""
        return tuple(prime_tables(prime, self.degree) for prime in self.primes)

    # Bases made from bases.

    def __getitem__(self, index: slice) -> RingBasis:
        """The basis of a slice of the primes."""
        if not isinstance(index, slice):
            raise ParameterError(f"a basis is cut by slices, not by {index!r}: one prime is basis.primes[{index!r}]")
        return _cut(self, *index.indices(len(self)))

    def union(self, *others: RingBasis) -> RingBasis:
        """Primes of this basis, then what the others add, in their order."""
        return _union(self, *others)

    def without(self, other: RingBasis) -> RingBasis:
        """Primes of this basis that are not in the other; at least one has to remain."""
        return _without(self, other)

    def intersection(self, other: RingBasis) -> RingBasis:
        """Primes of this basis that are in the other; at least one has to be."""
        return RingBasis((prime for prime in self.primes if prime in self._same_degree(other)), self.degree)

    def positions(self, other: RingBasis) -> list[int]:
        """Where the primes of `other` stand in this basis.

        Raises:
            ParameterError: one is not here.
        """
        return list(_positions(self, other))

    def index(self, other: RingBasis) -> slice | list[int]:
        """What takes the primes of `other` from an axis of limbs: a slice where they are adjacent, for numpy to make a view."""
        places = _positions(self, other)
        first, last = places[0], places[-1]
        return slice(first, last + 1) if places == tuple(range(first, last + 1)) else list(places)

    def _same_degree(self, other: RingBasis) -> RingBasis:
        if check_basis(other).degree != self.degree:
            raise ParameterError(f"bases have degrees {self.degree} and {other.degree}: they belong to different rings")
        return other

    # Elements.

    def coefficients(self, values: Any) -> Coefficients:
        """Polynomials from integer coefficients of any size and sign; as Coefficients.from_ints."""
        from hepy.ring.polynomial import Coefficients

        return Coefficients.from_ints(self, values)

    def ntt(self, values: Any) -> Polynomial:
        """Polynomials in the NTT domain, from Coefficients or from integers [B..., N]."""
        from hepy.ring.polynomial import Coefficients

        return (values if isinstance(values, Coefficients) else self.coefficients(values)).ntt()

    def intt(self, values: Polynomial) -> Coefficients:
        """Coefficients of polynomials that are in the NTT domain."""
        from hepy.ring.polynomial import Polynomial

        if not isinstance(values, Polynomial):
            raise ParameterError(f"a Polynomial is transformed to coefficients, not a {type(values).__name__}")
        return values.intt()


def check_basis(basis: Any) -> RingBasis:
    """It, if it is a RingBasis.

    Raises:
        ParameterError: it is something else.
    """
    if not isinstance(basis, RingBasis):
        raise ParameterError(f"a RingBasis was expected, not {type(basis).__name__}")
    return basis


# The bases of a scheme are few, and are asked for in every operation.


@functools.lru_cache(maxsize=4096)
def _cut(basis: RingBasis, start: int, stop: int, step: int) -> RingBasis:
    return RingBasis([basis.primes[place] for place in range(start, stop, step)], basis.degree)


@functools.lru_cache(maxsize=4096)
def _union(*bases: RingBasis) -> RingBasis:
    first = bases[0]
    merged = dict.fromkeys(prime for basis in bases for prime in first._same_degree(basis).primes)
    return first if len(merged) == len(first) else RingBasis(merged, first.degree)


@functools.lru_cache(maxsize=4096)
def _without(basis: RingBasis, other: RingBasis) -> RingBasis:
    return RingBasis((prime for prime in basis.primes if prime not in basis._same_degree(other)), basis.degree)


@functools.lru_cache(maxsize=4096)
def _positions(basis: RingBasis, other: RingBasis) -> tuple[int, ...]:
    place = {prime: position for position, prime in enumerate(basis.primes)}
    missing = [prime for prime in basis._same_degree(other).primes if prime not in place]
    if missing:
        raise ParameterError(f"the basis of {len(basis)} primes lacks {missing[0]}: extend it by mod_up or rescale")
    return tuple(place[prime] for prime in other.primes)
