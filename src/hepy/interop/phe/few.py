"""A few encrypted numbers, computed one after the other: the way into a batch would take longer than the products.

What an operation gives is what EncryptedArray's batches give, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hepy._host.pool import parallel_ranges
from hepy._limbs import MPZ
from hepy.interop.phe.deferred import inverses, one_by_one, product_of_powers
from hepy.interop.phe.numbers import lowering_factor
from hepy.interop.phe.operands import encode_list
from hepy.interop.phe.public import PaillierPublicKey

# Length of n, in bits, times how many numbers are few: a batch gains more on each number the longer it is.
_BITS = 16384
# Bits of a factor, from which on powers are shared among threads.
_LONG = 16
# Bits of n**2 times how many such powers are worth another thread.
_SHARE = 4096


def are_few(public_key: PaillierPublicKey, count: int) -> bool:
    """Whether so many numbers under a key are computed faster one by one."""
    return 0 < count * public_key.n.bit_length() <= _BITS


@dataclass(slots=True)  # frozen, it would take longer to make than a sum takes
class Few:
    """Numbers in C order; nobody changes them.

    Attributes:
        public_key: their key.
        values: ciphertexts in [0, n**2), gmpy2's integers.
        exponents: as many.
    """

    public_key: PaillierPublicKey
    values: list[Any]
    exponents: list[int]

    def repeated(self, count: int) -> Few:
        """One number as often as that."""
        return Few(self.public_key, self.values * count, self.exponents * count)

    def take(self, places: list[int]) -> Few:
        """Those at these places."""
        return Few(self.public_key, [self.values[i] for i in places], [self.exponents[i] for i in places])

    def add(self, other: Few) -> Few:
        """Sums of two, of equal length."""
        n, exponents = self._square(), list(map(min, self.exponents, other.exponents))
        pairs = zip(self._lowered(exponents), other._lowered(exponents), strict=True)
        return Few(self.public_key, [a * b % n for a, b in pairs], exponents)

    def subtract(self, other: Few) -> Few:
        """Differences of two, of equal length."""
        n, inverse = self._square(), self.public_key.modulus.singles.inverse
        exponents = list(map(min, self.exponents, other.exponents))
        pairs = zip(self._lowered(exponents), other._lowered(exponents), strict=True)
        with inverses():
            return Few(self.public_key, [a * inverse(b) % n for a, b in pairs], exponents)

    def add_plain(self, numbers: list[Any]) -> Few:
        """Sums with plain numbers, rounded to these exponents where theirs are not lower."""
        times_embedded = self.public_key.times_embedded
        encodings, exponents = encode_list(self.public_key, numbers, self.exponents)
        values = map(times_embedded, self._lowered(exponents), encodings)
        return Few(self.public_key, list(values), exponents)

    def multiply(self, numbers: list[Any]) -> Few:
        """Products with plain numbers."""
        encodings, steps = encode_list(self.public_key, numbers)
        modulus = self.public_key.modulus
        powers = list(self.values)

        def work(start: int, stop: int) -> None:
            for at in range(start, stop):
                powers[at] = one_by_one(modulus, [(powers[at], encodings[at])])

        long = max(encodings, key=abs).bit_length() >= _LONG
        parallel_ranges(len(powers), max(1, _SHARE // modulus.bits) if long else len(powers), work)
        return Few(self.public_key, powers, [a + b for a, b in zip(self.exponents, steps, strict=True)])

    def sum(self) -> tuple[Any, int]:
        """The sum of all, as a value and its exponent."""
        exponents = self.exponents
        if exponents.count(exponents[0]) < len(exponents):
            return self._sum_of_products([1] * len(exponents), exponents)
        n, (total, *others) = self._square(), self.values
        for value in others:
            total = total * value % n
        return total, exponents[0]

    def cumsum(self) -> Few:
        """Running sums, each at the lowest exponent so far."""
        n, exponents = self._square(), list(accumulate(self.exponents, min))
        sums, total, reached = [], MPZ(1), exponents[0]
        for value, own, exponent in zip(self.values, self.exponents, exponents, strict=True):
            total = self._aligned(total, reached, exponent) * self._aligned(value, own, exponent) % n
            sums.append(total)
            reached = exponent
        return Few(self.public_key, sums, exponents)

    def dot(self, numbers: list[Any]) -> tuple[Any, int]:
        """The sum of products with plain numbers."""
        encodings, steps = encode_list(self.public_key, numbers)
        return self._sum_of_products(encodings, [a + b for a, b in zip(self.exponents, steps, strict=True)])

    def _sum_of_products(self, factors: list[int], exponents: list[int]) -> tuple[Any, int]:
        """The sum of factor * number, which have these exponents."""
        lowest = min(exponents)
        if lowest < max(exponents):
            steps = (lowering_factor(self.public_key, exponent - lowest) for exponent in exponents)
            factors = [factor * step for factor, step in zip(factors, steps, strict=True)]
        return product_of_powers(self.public_key.modulus, list(zip(self.values, factors, strict=True))), lowest

    def _lowered(self, exponents: list[int]) -> list[Any]:
        """The same numbers at these exponents, none of which is higher."""
        if exponents == self.exponents:
            return self.values
        return list(map(self._aligned, self.values, self.exponents, exponents))

    def _aligned(self, value: Any, exponent: int, lower: int) -> Any:
        """A ciphertext of one exponent at another one, which is not higher."""
        if exponent == lower:
            return value
        factor = lowering_factor(self.public_key, exponent - lower)
        return self.public_key.modulus.singles.power(value, factor, vartime=True)

    def _square(self) -> Any:
        return self.public_key.gmp[1]
