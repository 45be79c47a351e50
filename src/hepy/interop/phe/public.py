"""PaillierPublicKey: a bare modulus n that encrypts, with obfuscators of its own making."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

from hepy._limbs import MPZ
from hepy.bigint import Modulus
from hepy.errors import ParameterError
from hepy.interop.insecure_keys import warn_once
from hepy.interop.phe.deferred import Result
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.errors import ArgumentTypeError, integer
from hepy.interop.phe.obfuscators import Obfuscators, check_variant, obfuscators
from hepy.paillier.variants import BITS

if TYPE_CHECKING:
    from hepy.interop.phe.arrays import EncryptedArray
    from hepy.interop.phe.numbers import EncryptedNumber


class PaillierPublicKey:
    """What encrypts, and what is needed to compute with encrypted numbers. Equal moduli are equal keys.

    Args:
        n: the modulus. Of any length: a warning is given once in a process for less than 2048 bits.
        variant: how obfuscators are made: "djn", some tens of times faster, from a generator that is drawn here; or
            "classic", a random n-th power for each.

    Attributes:
        n, variant: the arguments.
        g: n + 1.
        nsquare: n**2.
        max_int: the largest integer that can be encrypted; the smallest is -max_int.
        obfuscators: what hides plaintexts under this modulus; equal keys share it.
        modulus: n**2, as hepy.bigint has it.
        gmp: n and n**2 as gmpy2's integers, for those who compute with single numbers.

    Raises:
        ParameterError: n or the variant cannot be (a ValueError).
        ArgumentTypeError: n is no integer (a TypeError).
    """

    def __init__(self, n: int, *, variant: str = "djn") -> None:
        self.n = integer("the modulus n", n)
        if self.n < 3 or self.n % 2 == 0:
            raise ParameterError("the modulus n of a Paillier key is the product of two odd primes; this is none")
        self.variant = check_variant(variant)
        self.g = self.n + 1
        self.max_int = self.n // 3 - 1
        if self.n.bit_length() < BITS[0]:
            warn_once(self.n.bit_length())

        self._nsquare: int | None = None
        self._obfuscators: Obfuscators | None = None
        self._gmp: tuple[Any, Any] | None = None

    # What takes longer is made when it is wanted: keys arrive with messages, and many only tell whose they are.

    @property
    def obfuscators(self) -> Obfuscators:
        if self._obfuscators is None:
            self._obfuscators = obfuscators(self.n, self.variant)
        return self._obfuscators

    @property
    def modulus(self) -> Modulus:
        return self.obfuscators.modulus

    @property
    def nsquare(self) -> int:
        if self._nsquare is None:
            self._nsquare = self.n * self.n
        return self._nsquare

    @property
    def gmp(self) -> tuple[Any, Any]:
        if self._gmp is None:
            self._gmp = MPZ(self.n), self.modulus.singles.n
        return self._gmp

    def __repr__(self) -> str:
        return f"<PaillierPublicKey {format(hash(self), 'x')[:10]}>"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, PaillierPublicKey) and self.n == other.n)

    def __hash__(self) -> int:
        return hash(self.n)

    def __reduce__(self) -> Any:
        return _restored, (self.n, self.variant)

    # Encryption.

    def encrypt(self, value: Any, precision: float | None = None, r_value: int | None = None) -> EncryptedNumber:
        """Encrypt an int, a float, or what EncodedNumber.encode made.

        Args:
            value: the number.
            precision: as for EncodedNumber.encode; without it, a float's exponent tells its magnitude.
            r_value: for tests: the obfuscator is r_value**n, and the first look at the ciphertext adds another. 0 stands
                for 1, as in phe.

        Raises: as EncodedNumber.encode; ArgumentTypeError for an r_value that is no integer (a TypeError).
        """
        if not isinstance(value, EncodedNumber):
            if isinstance(value, np.ndarray | list | tuple):
                raise ArgumentTypeError(
                    f"encrypt takes one number, not {type(value).__name__}: encrypt_array(values) takes many at once"
                )
            value = EncodedNumber.encode(self, value, precision)
        return self.encrypt_encoded(value, r_value)

    def encrypt_encoded(self, encoding: EncodedNumber, r_value: int | None) -> EncryptedNumber:
        """Encrypt an encoded number; for r_value see encrypt."""
        from hepy.interop.phe.numbers import EncryptedNumber

        obfuscator = self.obfuscators.one() if r_value is None else self._classic_obfuscator(r_value)
        value = self.times_embedded(obfuscator, encoding.encoding)
        return EncryptedNumber.of_result(self, Result(self, value), encoding.exponent, obfuscated=r_value is None)

    def raw_encrypt(self, plaintext: int, r_value: int | None = None) -> int:
        """The ciphertext of an integer of [0, n), as an integer.

        Args:
            plaintext: the integer.
            r_value: for tests: the obfuscator is r_value**n. None and 0 take a fresh obfuscator, as in phe.

        Raises:
            ArgumentTypeError: the plaintext is no integer (a TypeError).
        """
        if not isinstance(plaintext, int | MPZ):
            raise ArgumentTypeError(f"raw_encrypt takes an integer, not {type(plaintext).__name__}: encrypt encodes it")
        obfuscator = self.obfuscators.one() if r_value in (None, 0) else self._classic_obfuscator(r_value)
        return int(self.times_embedded(obfuscator, plaintext))

    def encrypt_array(self, values: Any, precision: float | None = None) -> EncryptedArray:
        """Encrypt many numbers at once.

        Args:
            values: numbers of any shape: an array, or (nested) lists.
            precision: as for encrypt. Without it every float has an exponent of its own, which computations align.

        Returns: an EncryptedArray of that shape; list(it) are EncryptedNumbers.
        Raises: as EncodedNumber.encode, with the index.
        """
        from hepy.interop.phe.arrays import EncryptedArray

        return EncryptedArray.encrypt(self, values, precision)

    def get_random_lt_n(self) -> int:
        """A random integer of [1, n), from the operating system."""
        return secrets.randbelow(self.n - 1) + 1

    def _classic_obfuscator(self, r_value: int) -> Any:
        r = integer("r_value", r_value)
        return self.modulus.singles.power(r, self.n, vartime=True) if r not in (0, 1) else MPZ(1)

    # Arithmetic that the other classes share.

    def times_embedded(self, value: Any, encoding: int) -> Any:
        """value * (1 + n)**encoding modulo n**2, at the price of products of half the length."""
        n, square = self.gmp
        signed = encoding - n if encoding > n >> 1 else encoding  # short where the number is small
        return (value + n * (value % n * signed % n)) % square

    def signed_factor(self, encoding: int) -> int:
        """The exponent that multiplies by an encoding: negative for negative numbers, whose inverse is shorter.

        Raises:
            ParameterError: the encoding is outside [0, n) (a ValueError).
        """
        if not 0 <= encoding < self.n:
            raise ParameterError("a factor's encoding is at least 0 and below the modulus n of its key")
        return encoding - self.n if encoding >= self.n - self.max_int else encoding


def _restored(n: int, variant: str) -> PaillierPublicKey:
    return PaillierPublicKey(n, variant=variant)
