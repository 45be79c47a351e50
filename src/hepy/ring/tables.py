"""Tables of one prime: powers of its root in the order in which the transform reads them.

psi = x**((q - 1) / 2N) for the least x that is not a square modulo q, a primitive 2N-th root of one. That choice
fixes what a polynomial looks like in the NTT domain, on every device. Tables are shared by all bases of a prime and
go when the last of them does.

Order and merging of the twist with the transform: Longa and Naehrig, CANS 2016 (eprint 2016/504), section 2.2.
Quotients beside the roots: Harvey, Faster arithmetic for number-theoretic transforms (2014), section 3, after Shoup.
"""

from __future__ import annotations

import functools
import itertools
import weakref

import numpy as np
import numpy.typing as npt

from hepy.ring.buffers import aligned

Words = npt.NDArray[np.uint32]


class PrimeTables:
    """What the transform modulo one prime reads.

    Attributes:
        prime: q.
        degree: N.
        psi: the primitive 2N-th root of one.
        words: uint32[4, N]. Row 0: psi**brv(k), where brv reverses log2(N) bits; stage m of the forward transform,
            m = 1, 2, 4 ... N/2, multiplies block i by entry m + i. Row 2: their inverses, for the inverse transform,
            with 1/N at entry 0 (which is otherwise unused) and merged into the stage of m = N/16, where there is
            one. Rows 1 and 3: floor(2**32 w / q) for each w of the rows above them.
    """

    __slots__ = ("__weakref__", "degree", "prime", "psi", "words")

    def __init__(self, prime: int, degree: int) -> None:
        self.prime, self.degree, self.psi = prime, degree, root(prime, degree)
        forward = reversed_powers(self.psi, degree, prime)
        inverse = reversed_powers(pow(self.psi, -1, prime), degree, prime)
        scale, scaled = pow(degree, -1, prime), slice(degree // 16, degree // 8)
        if degree >= 16:
            inverse[scaled] = inverse[scaled] * np.uint64(scale) % np.uint64(prime)
        inverse[0] = scale
        self.words: Words = aligned(16 * degree).view(np.uint32).reshape(4, degree)
        self.words[:] = forward, quotients(forward, prime), inverse, quotients(inverse, prime)

    @property
    def address(self) -> int:
        """Where `words` begin in memory."""
        return int(self.words.ctypes.data)


_kept: weakref.WeakValueDictionary[tuple[int, int], PrimeTables] = weakref.WeakValueDictionary()


def prime_tables(prime: int, degree: int) -> PrimeTables:
    """The tables of that prime; two threads that make them at once make the same."""
    tables = _kept.get((prime, degree))
    if tables is None:
        tables = _kept.setdefault((prime, degree), PrimeTables(prime, degree))
    return tables


def root(prime: int, degree: int) -> int:
    """The primitive 2N-th root of one that this prime's transform uses."""
    half = (prime - 1) // 2
    base = next(x for x in itertools.count(2) if pow(x, half, prime) == prime - 1)
    return pow(base, (prime - 1) // (2 * degree), prime)


def quotients(words: npt.NDArray[np.uint64], prime: int) -> npt.NDArray[np.uint64]:
    """floor(2**32 w / q) for words below q < 2**31."""
    return (words << np.uint64(32)) // np.uint64(prime)


@functools.cache
def bit_reversal(count: int) -> npt.NDArray[np.int64]:
    """The permutation of [0, count) that reverses the bits of an index; `count` is a power of two."""
    order = np.zeros(1, np.int64)
    while len(order) < count:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def reversed_powers(base: int, degree: int, prime: int) -> npt.NDArray[np.uint64]:
    """base**brv(k) mod q for k below N."""
    return _powers(base, degree, prime)[bit_reversal(degree)]


def _powers(base: int, count: int, prime: int) -> npt.NDArray[np.uint64]:
    """base**k mod q for k below `count`, a power of two. Products stay below 2**62."""
    powers = np.ones(1, np.uint64)
    while len(powers) < count:
        step = np.uint64(pow(base, len(powers), prime))
        powers = np.concatenate([powers, powers * step % np.uint64(prime)])
    return powers


@functools.lru_cache(maxsize=1024)
def automorphism_of_values(degree: int, element: int) -> Words:
    """Value k of p(X**element) is value order[k] of p, in the order of the transform; element odd, in [0, 2N)."""
    exponents = (2 * bit_reversal(degree) + 1) * element % (2 * degree)
    return bit_reversal(degree)[exponents // 2].astype(np.uint32)


@functools.lru_cache(maxsize=1024)
def automorphism_of_coefficients(degree: int, element: int) -> tuple[Words, Words]:
    """Coefficient k of p(X**element) is coefficient order[k] of p, negated where signs[k] is 1."""
    sources = np.arange(degree) * pow(element, -1, 2 * degree) % (2 * degree)
    return (sources % degree).astype(np.uint32), (sources // degree).astype(np.uint32)
