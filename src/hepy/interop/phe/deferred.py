"""Sums of products that are computed when somebody looks: what turns a loop over numbers into one batched operation.

`enc * 0.5` and `a + b` of different exponents note what is to be done; `ciphertext()` and decryption do it. What was
noted is a product of powers modulo n**2, so a dot product written with `*` and `+`, or by numpy on an array of objects,
becomes one multi-exponentiation.

A noted result that only one other noted result needs, and that no EncryptedNumber holds any more, is never computed by
itself. Every other one is computed once, so looking at partial sums in any order costs what computing at once would.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gmpy2

from hepy._limbs import object_array
from hepy.bigint import Modulus
from hepy.interop.phe.errors import NoInverseError

if TYPE_CHECKING:
    from hepy.interop.phe.public import PaillierPublicKey

# A result that would note more terms than these is computed at once: memory and the time of a look stay bounded.
MOST_TERMS = 4096
# With fewer terms, one power after the other is faster than a multi-exponentiation.
_FEW = 6

Term = tuple["Result", int]


class Result:
    """A residue modulo n**2: an integer, or the powers that it is the product of.

    Args:
        public_key: the key whose n it is.
        value: gmpy2's integer, if it is known.
        ciphertext: Python's, if it was given so.
        parts: results with their exponents, of either sign, if neither is known.

    Attributes:
        ciphertext: as above; kept after the first look, for programs look more than once. None before it.
        parts: as above; empty once it is computed.
        terms: how many powers have to be multiplied to know it; 1 when it is known.
    """

    __slots__ = ("_needed_by", "_owner", "_public_key", "_value", "ciphertext", "parts", "terms")

    def __init__(
        self,
        public_key: PaillierPublicKey,
        value: Any = None,
        ciphertext: int | None = None,
        parts: tuple[Term, ...] = (),
    ) -> None:
        self._public_key = public_key
        self._value = value
        self.ciphertext = ciphertext
        self.parts = parts
        self.terms = 1
        if parts:
            self._needed_by = 0
            self._owner: weakref.ref[object] | None = None
            self.terms = 0
            for part, _ in parts:
                self.terms += part.terms
                if part.parts:
                    part._needed_by += 1

    def owned_by(self, owner: object) -> None:
        """Say who may look: when that is gone, nobody will."""
        self._owner = weakref.ref(owner)

    def look(self) -> int:
        """The value as Python's integer; errors as in value()."""
        if self.ciphertext is None:
            self.ciphertext = int(self.value())
        return self.ciphertext

    def value(self) -> Any:
        """The value as gmpy2's integer, computed if need be.

        Raises:
            NoInverseError: a negative exponent meets a number that shares a factor with n (a ZeroDivisionError).
        """
        if self._value is None:
            if self.ciphertext is None:
                self._compute()
            else:
                self._value = gmpy2.mpz(self.ciphertext)
        return self._value

    def _compute(self) -> None:
        waiting = [self]
        while waiting:
            result = waiting.pop()
            if result.parts:
                terms, first = result._collect()
                if first:
                    waiting += [result, *first]
                else:
                    result._settle(product_of_powers(self._public_key.modulus, terms))

    def _settle(self, value: Any) -> None:
        # In this order: who finds no parts, in another thread, finds a value.
        self._value = value
        self.parts = ()
        self.terms = 1

    def _collect(self) -> tuple[list[tuple[Any, int]], list[Result]]:
        """Known values with their exponents, and results that have to be computed before."""
        terms: list[tuple[Any, int]] = []
        first: list[Result] = []
        todo = list(self.parts) or [(self, 1)]  # none, where another thread has just computed it
        while todo:
            result, exponent = todo.pop()
            parts = result.parts
            if not parts:
                terms.append((result.value(), exponent))
            elif result._dissolves(exponent):
                todo.extend((part, inner * exponent) for part, inner in parts)
            else:
                first.append(result)
        return terms, first

    def _dissolves(self, exponent: int) -> bool:
        """Whether its parts may take its place in a product that needs it to that exponent.

        Not if others need it too. Raising many terms takes longer than raising their product, but for a power of two,
        which adds bits to an exponent and no work.
        """
        private = self._needed_by == 1 and (self._owner is None or self._owner() is None)
        return private and (self.terms == 1 or abs(exponent).bit_count() == 1)


def compute_all(modulus: Modulus, results: Sequence[Result]) -> list[Any]:
    """The values of many results modulo one number. Those that are single powers are computed in one batch."""
    single = []  # (result, value, exponent)
    for result in results:
        if result.parts:
            terms, first = result._collect()
            if len(terms) == 1 and not first:
                single.append((result, *terms[0]))
    if len(single) >= _FEW:
        values, exponents = (
            object_array(list(column), (len(single),)) for column in list(zip(*single, strict=True))[1:]
        )
        with inverses():
            powers = modulus.array(values).power_vartime(exponents).to_ints().tolist()
        for (result, _, _), power in zip(single, powers, strict=True):
            result._settle(gmpy2.mpz(power))
    return [result.value() for result in results]


@contextmanager
def inverses() -> Iterator[None]:
    """Where inverses are computed, what has none is told apart as NoInverseError."""
    try:
        yield
    except (ValueError, ZeroDivisionError):
        raise NoInverseError(
            "a number was to be subtracted or multiplied by a negative one, and is no ciphertext: it shares a factor with n"
        ) from None


def product_of_powers(modulus: Modulus, terms: list[tuple[Any, int]]) -> Any:
    """The product of value**exponent. In variable time: it tells the exponents, which are plain numbers."""
    if len(terms) == 1 or all(abs(exponent) == 1 for _, exponent in terms):
        return one_by_one(modulus, terms)
    n, singles = modulus.n, modulus.singles
    terms = [(value, exponent) for value, exponent in terms if value != 1]  # sum() begins with 0, whose ciphertext is 1
    # A sum has few exponents, each for many numbers, which are multiplied first. And what all exponents have as a
    # factor, a power of two where numbers are aligned, is left to the end.
    together = math.gcd(*(exponent for _, exponent in terms))
    shared = together & -together  # 0 if all of them are
    bases: dict[int, Any] = {}
    for value, exponent in terms:
        exponent = exponent // shared if shared else 0
        bases[exponent] = bases[exponent] * value % n if exponent in bases else value
    if len(bases) >= _FEW:
        values, exponents = (object_array(list(column), (len(bases),)) for column in (bases.values(), bases))
        with inverses():
            product = gmpy2.mpz(modulus.array(values).multi_power_vartime(exponents).to_ints().item())
    else:
        product = one_by_one(modulus, [(value, exponent) for exponent, value in bases.items()])
    return singles.power(product, shared, vartime=True) if shared > 1 else product


def one_by_one(modulus: Modulus, terms: list[tuple[Any, int]]) -> Any:
    """The product of value**exponent, one power after the other; errors as in Result.value."""
    singles = modulus.singles
    n, above, below = singles.n, None, None
    for value, exponent in terms:
        size = abs(exponent)
        power = value if size == 1 else singles.power(value, size, vartime=True)
        if exponent < 0:
            below = power if below is None else below * power % n
        else:
            above = power if above is None else above * power % n
    if below is None:
        return gmpy2.mpz(1) if above is None else above % n
    with inverses():
        inverse = singles.inverse(below)
    return inverse if above is None else above * inverse % n
