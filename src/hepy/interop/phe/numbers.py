"""EncryptedNumber: one ciphertext with the exponent of its number, as phe's users hold, add and multiply it."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy._limbs import MPZ
from hepy.errors import KeyMismatchError
from hepy.interop.phe.deferred import MOST_TERMS, Result, Term, one_by_one
from hepy.interop.phe.encoding import EncodedNumber, lower
from hepy.interop.phe.errors import ArgumentTypeError, EncodingRangeError, ProductError, integer
from hepy.interop.phe.public import PaillierPublicKey


class EncryptedNumber:
    """An encrypted int or float. Adds to its like and to numbers, and multiplies with numbers.

    Products, and sums of different exponents, are noted and computed together when the ciphertext is looked at.

    Args:
        public_key: the key it was encrypted with.
        ciphertext: an integer modulo n**2.
        exponent: of EncodedNumber.BASE, as it came with the ciphertext.

    Attributes:
        public_key, exponent: the arguments.
        obfuscated: whether the ciphertext tells nothing of how it was computed.
        result: the ciphertext, known or noted.

    Raises:
        ArgumentTypeError: an argument is of the wrong type (a TypeError).
    """

    def __init__(self, public_key: PaillierPublicKey, ciphertext: int, exponent: int = 0) -> None:
        if not isinstance(public_key, PaillierPublicKey):
            raise ArgumentTypeError(f"public_key is a PaillierPublicKey, not {type(public_key).__name__}")
        if type(ciphertext) is not int:
            ciphertext = integer("a ciphertext", ciphertext)
        self.public_key = public_key
        self.exponent = exponent if type(exponent) is int else integer("an exponent", exponent)
        self.obfuscated = False
        self.result = Result(public_key, None, ciphertext)

    @classmethod
    def of_result(
        cls, public_key: PaillierPublicKey, result: Result, exponent: int, *, obfuscated: bool = False
    ) -> EncryptedNumber:
        """The number of a result modulo n**2, known or noted."""
        number = cls.__new__(cls)
        number.public_key = public_key
        number.exponent = exponent
        number.obfuscated = obfuscated
        number.result = result
        if result.parts:
            result.owned_by(number)
        return number

    def __repr__(self) -> str:
        return f"<EncryptedNumber of {self.public_key!r}, exponent {self.exponent}>"

    def __reduce__(self) -> Any:
        return _restored, (self.public_key, self.ciphertext(), self.exponent)

    def __copy__(self) -> EncryptedNumber:
        return self.of_result(
            self.public_key,
            Result(self.public_key, self.value),
            self.exponent,
            obfuscated=self.obfuscated,
        )

    def __deepcopy__(self, memo: Any) -> EncryptedNumber:
        return self.__copy__()

    # Ciphertexts.

    def ciphertext(self, be_secure: bool = True) -> int:
        """The ciphertext, for sending.

        Args:
            be_secure: obfuscate() first if this number is the result of a computation. Without it the ciphertext tells
                how it was computed, and `x - x` or `x * 0` can be read by anyone.
        """
        if be_secure and not self.obfuscated:
            self.obfuscate()
        return self.result.ciphertext or self.result.look()

    def obfuscate(self) -> None:
        """Multiply by a fresh obfuscator, in place: the same number in a ciphertext that tells nothing of its history."""
        key = self.public_key
        value = self.value * key.obfuscators.one() % key.gmp[1]
        self.result, self.obfuscated = Result(key, value), True

    @property
    def value(self) -> Any:
        """The ciphertext as it stands, as gmpy2's integer."""
        return self.result.value()

    # Sums.

    def __add__(self, other: Any) -> Any:
        if isinstance(other, EncryptedNumber):
            return self._add_encrypted(other)
        if isinstance(other, EncodedNumber):
            return self._add_encoded(other)
        return NotImplemented if _is_array(other) else self._add_scalar(other)

    def __radd__(self, other: Any) -> Any:
        return self.__add__(other)

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, EncryptedNumber):
            self._check_key(other.public_key)
            exponent = min(self.exponent, other.exponent)
            subtrahend, factor = other._lowered(exponent)
            return self._noted(exponent, self._lowered(exponent), (subtrahend, -factor))
        if _is_array(other):
            return NotImplemented
        return self + other * -1

    def __rsub__(self, other: Any) -> Any:
        if _is_array(other):
            return NotImplemented
        return other + self * -1

    def _add_scalar(self, scalar: Any) -> EncryptedNumber:
        """Plus a number, rounded to this number's exponent if it has none that is lower."""
        return self._add_encoded(EncodedNumber.encode(self.public_key, scalar, max_exponent=self.exponent))

    def _add_encoded(self, encoded: EncodedNumber) -> EncryptedNumber:
        """Plus an encoded number.

        Raises:
            KeyMismatchError: it was encoded for another key (a ValueError).
        """
        self._check_key(encoded.public_key)
        key = self.public_key
        if encoded.exponent > self.exponent:
            encoded = encoded.decrease_exponent_to(self.exponent)
        if self.exponent == encoded.exponent and not self.result.parts:
            value = key.times_embedded(self.value, encoded.encoding)
            return self.of_result(key, Result(key, value), self.exponent)
        plain = Result(key, MPZ(1 + key.n * (encoded.encoding % key.n)))
        return self._noted(encoded.exponent, self._lowered(encoded.exponent), (plain, 1))

    def _add_encrypted(self, other: EncryptedNumber) -> EncryptedNumber:
        """Plus an encrypted number.

        Raises:
            KeyMismatchError: it was encrypted with another key (a ValueError).
        """
        self._check_key(other.public_key)
        key = self.public_key
        if self.exponent == other.exponent and not self.result.parts and not other.result.parts:
            value = self.result.value() * other.result.value() % key.gmp[1]
            return self.of_result(key, Result(key, value), self.exponent)
        exponent = min(self.exponent, other.exponent)
        return self._noted(exponent, self._lowered(exponent), other._lowered(exponent))

    # Products.

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, EncryptedNumber):
            raise ProductError(
                "Paillier cannot multiply two encrypted numbers: one has to be plain (hepy.ckks multiplies both)"
            )
        if isinstance(other, EncodedNumber):
            factor, exponent = self.public_key.signed_factor(other.encoding), other.exponent
        elif _is_array(other):
            return NotImplemented
        else:
            factor, exponent = EncodedNumber.encode_signed(self.public_key, other)
        return self._noted(self.exponent + exponent, (self.result, factor))

    def __rmul__(self, other: Any) -> Any:
        return self.__mul__(other)

    def __truediv__(self, scalar: Any) -> Any:
        if _is_array(scalar):
            return NotImplemented
        return self.__mul__(1 / scalar)

    def decrease_exponent_to(self, new_exp: int) -> EncryptedNumber:
        """The same number with a lower exponent.

        Raises:
            ArgumentTypeError: `new_exp` is no integer (a TypeError).
            ParameterError: it is higher than the exponent (a ValueError).
            EncodingRangeError: no number would fit the key at that exponent (a ValueError).
        """
        lowered = lower(self.exponent, new_exp)
        return self._noted(lowered, self._lowered(lowered))

    def _lowered(self, exponent: int) -> Term:
        if exponent == self.exponent:
            return self.result, 1
        return self.result, lowering_factor(self.public_key, self.exponent - exponent)

    def _noted(self, exponent: int, *parts: Term) -> EncryptedNumber:
        result = Result(self.public_key, parts=parts)
        if result.terms > MOST_TERMS:
            result.value()
        return self.of_result(self.public_key, result, exponent)

    def _check_key(self, other: PaillierPublicKey) -> None:
        if other is not self.public_key and other != self.public_key:
            raise KeyMismatchError(
                f"the numbers belong to different keys, {self.public_key!r} and {other!r}: encrypt or encode both for one"
            )

    # What phe calls raw: ciphertexts as integers.

    def _raw_add(self, e_a: int, e_b: int) -> int:
        """The ciphertext of the sum of two ciphertexts' encodings."""
        return int(MPZ(e_a) * e_b % self.public_key.gmp[1])

    def _raw_mul(self, plaintext: int) -> int:
        """The ciphertext of the product with an encoding.

        Raises:
            ArgumentTypeError: it is no integer (a TypeError).
            ParameterError: it is outside [0, n) (a ValueError).
        """
        if not isinstance(plaintext, int | MPZ):
            raise ArgumentTypeError(f"an encoding is an integer, not {type(plaintext).__name__}")
        factor = self.public_key.signed_factor(plaintext)
        return int(one_by_one(self.public_key.modulus, [(self.value, factor)]))


def lowering_factor(public_key: PaillierPublicKey, steps: int) -> int:
    """What an encoding is multiplied with to lower its exponent by so many steps.

    Raises:
        EncodingRangeError: the factor itself exceeds a third of n (a ValueError).
    """
    # Steps that a message brought may be such that the power itself would take all memory.
    possible = steps * EncodedNumber.LOG2_BASE <= public_key.n.bit_length()
    factor: int = EncodedNumber.BASE**steps if possible else 0
    if not possible or factor > public_key.max_int:
        raise EncodingRangeError(
            f"exponents that differ by {steps} cannot be aligned under a key of {public_key.n.bit_length()} bits: encode "
            "with a common precision"
        )
    return factor


def _is_array(other: Any) -> bool:
    """Whether the other operand does the looping: numpy's arrays, and ours."""
    return isinstance(other, np.ndarray) or hasattr(other, "__array_function__")


def _restored(public_key: PaillierPublicKey, ciphertext: int, exponent: int) -> EncryptedNumber:
    """A number from a pickle, which was obfuscated when it was made."""
    result = Result(public_key, None, ciphertext)
    return EncryptedNumber.of_result(public_key, result, exponent, obfuscated=True)
