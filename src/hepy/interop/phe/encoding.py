"""Numbers as phe encodes them: a signed integer modulo n, and the power of a base that it is to be multiplied with.

A number is encoding * BASE**exponent. The exponent follows from the number's type and size, or from a precision that
is asked for, and travels in clear with the ciphertext. So it tells the magnitude of floats that were encrypted without
a precision: hepy's own arrays (hepy.paillier) have one declared scale instead.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hepy.errors import EncodingOverflowError, ParameterError
from hepy.interop.phe.errors import ArgumentTypeError, EncodingRangeError, NotFiniteError, integer

if TYPE_CHECKING:
    from hepy.interop.phe.public import PaillierPublicKey


class EncodedNumber:
    """A number that is ready to be encrypted, added to or multiplied with encrypted ones.

    Another base is a subclass with its own BASE and LOG2_BASE; EncryptedNumbers keep to this class's.

    Args:
        public_key: the key whose plaintext space the encoding lies in.
        encoding: an integer of [0, n); negative numbers are the upper third.
        exponent: of BASE.

    Attributes:
        public_key, encoding, exponent: the arguments.
        BASE: what exponents are exponents of.
        LOG2_BASE: its logarithm.
        FLOAT_MANTISSA_BITS: bits of a float that encoding keeps.
    """

    BASE: ClassVar[int] = 16
    LOG2_BASE: ClassVar[float] = math.log(16, 2)
    FLOAT_MANTISSA_BITS: ClassVar[int] = sys.float_info.mant_dig

    def __init__(self, public_key: PaillierPublicKey, encoding: int, exponent: int) -> None:
        self.public_key = public_key
        self.encoding = encoding
        self.exponent = exponent

    @classmethod
    def encode(
        cls, public_key: PaillierPublicKey, scalar: Any, precision: float | None = None, max_exponent: int | None = None
    ) -> Self:
        """Encode an integer or a float.

        Args:
            public_key: the key that the number will meet.
            scalar: an int or a float, Python's or numpy's; with a precision, all that Fraction takes.
            precision: the number is rounded to a multiple of the largest power of BASE that does not exceed it. None
                keeps integers and floats exactly.
            max_exponent: the exponent is at most this, so that the number can be added to one of that exponent.

        Raises:
            EncodingRangeError: the encoding exceeds a third of n (a ValueError and an OverflowError).
            ArgumentTypeError: the scalar is no number, or an exponent or a precision none (a TypeError).
            NotFiniteError: the scalar is infinite or NaN (a ValueError and an OverflowError).
            ParameterError: the precision is not positive and finite (a ValueError).
        """
        encoding, exponent = cls.encode_signed(public_key, scalar, precision, max_exponent)
        return cls(public_key, encoding % public_key.n, exponent)

    @classmethod
    def encode_signed(
        cls, public_key: PaillierPublicKey, scalar: Any, precision: float | None = None, max_exponent: int | None = None
    ) -> tuple[int, int]:
        """As encode, but only the encoding, of either sign, and the exponent."""
        exponent = cls.default_exponent(scalar) if precision is None else _exponent_of(precision, cls.BASE)
        if max_exponent is not None:
            exponent = min(integer("an exponent", max_exponent), exponent)
        encoding = scaled(scalar, cls.BASE, exponent)
        if abs(encoding) > public_key.max_int:
            raise EncodingRangeError(
                f"the number needs {encoding.bit_length()} bits at exponent {exponent}, and the key holds integers of up "
                f"to {public_key.max_int.bit_length()} bits of either sign: encode it with a coarser precision, or use a "
                "longer key"
            )
        return encoding, exponent

    @classmethod
    def default_exponent(cls, scalar: Any) -> int:
        """The exponent at which a number is encoded exactly, whatever its value: 0 for integers."""
        if isinstance(scalar, int | np.integer):
            return 0
        if isinstance(scalar, float | np.floating):
            lowest_bit = math.frexp(scalar)[1] - cls.FLOAT_MANTISSA_BITS
            return math.floor(lowest_bit / cls.LOG2_BASE)
        raise ArgumentTypeError(f"an int or a float was expected, not {type(scalar).__name__}")

    def decode(self) -> int | float:
        """The number: an int if the exponent is not negative, else the nearest float.

        Raises:
            EncodingOverflowError: a computation left the range of encodings, or the number that of floats.
            ParameterError: the encoding is not below n (a ValueError).
        """
        signed, exponent, largest = self.encoding, self.exponent, self.public_key.max_int
        if signed > largest:
            signed -= self.public_key.n
            if not -largest <= signed < 0:
                raise self._overflow()
        if not exponent:
            return int(signed)
        if exponent > 0:
            return int(signed * self.BASE**exponent)
        try:
            return float(signed / self.BASE**-exponent)
        except OverflowError:
            raise EncodingOverflowError(
                "the number is beyond floats: read .encoding and .exponent, or decrypt with decrypt_encoded"
            ) from None

    def _overflow(self) -> Exception:
        """What is wrong with an encoding that stands for no number."""
        if self.encoding >= self.public_key.n:
            return ParameterError("this is no encoding: it is not below the modulus n of its key")
        return EncodingOverflowError(
            "a number has overflowed: its encoding is in the third of the range that belongs to no number. Use a coarser "
            "precision, fewer products, or a longer key"
        )

    def decrease_exponent_to(self, new_exp: int) -> Self:
        """The same number with a lower exponent.

        Raises: as lower().
        """
        if type(new_exp) is not int or new_exp > self.exponent:
            new_exp = lower(self.exponent, new_exp)
        key = self.public_key
        encoding = self.encoding * pow(self.BASE, self.exponent - new_exp, key.n) % key.n
        return self.__class__(key, encoding, new_exp)


def lower(exponent: int, new_exp: int) -> int:
    """The exponent to decrease another one to.

    Raises:
        ArgumentTypeError: `new_exp` is no integer (a TypeError).
        ParameterError: it is higher than the exponent (a ValueError).
    """
    lowered = integer("an exponent", new_exp)
    if lowered > exponent:
        raise ParameterError(f"the exponent is {exponent}, and can be decreased only: {lowered} is higher")
    return lowered


def _exponent_of(precision: float, base: int) -> int:
    """The largest power of the base that does not exceed a precision."""
    try:
        return math.floor(math.log(precision, base))
    except TypeError:
        raise ArgumentTypeError(f"a precision is a number, not {type(precision).__name__}") from None
    except (ValueError, OverflowError):
        raise ParameterError(f"a precision is positive and finite, such as 1e-6, not {precision}") from None


def scaled(scalar: Any, base: int, exponent: int) -> int:
    """round(scalar * base**-exponent), exactly, half to even."""
    if exponent == 0 and type(scalar) is int:
        return scalar
    if isinstance(scalar, np.generic):
        scalar = scalar.item()
    try:
        exact: int | float | Fraction = scalar if isinstance(scalar, int | float) else Fraction(scalar)
        numerator, denominator = exact.as_integer_ratio()
    except TypeError:
        raise ArgumentTypeError(f"a number was expected, not {type(scalar).__name__}") from None
    except (ValueError, OverflowError):
        raise NotFiniteError(
            "infinities, NaN and text that is no number have no encoding: leave them out, or replace them"
        ) from None
    if exponent < 0:
        numerator *= base**-exponent
    else:
        denominator *= base**exponent
    if denominator == 1:
        return numerator
    quotient, rest = divmod(numerator, denominator)
    up = 2 * rest > denominator or (2 * rest == denominator and quotient & 1)
    return quotient + up
