"""What the adapter raises: each class is the one that phe's users catch, and hepy's own.

Where hepy's class is that built-in already, it is raised as it is: KeyMismatchError and ParameterError are ValueErrors,
EncodingOverflowError is an OverflowError.
"""

import operator
from typing import Any

from hepy.errors import EncodingOverflowError, HepyError, MissingKeyError, ParameterError


class ArgumentTypeError(HepyError, TypeError):
    """An argument is of a type that cannot be used there."""


class EncodingRangeError(EncodingOverflowError, ValueError):
    """A number does not fit a key's plaintext space: found when it is encoded, before anything is encrypted."""


class ProductError(HepyError, NotImplementedError):
    """Two encrypted numbers were to be multiplied, which Paillier cannot."""


class NoInverseError(ParameterError, ZeroDivisionError):
    """What was to be inverted is no ciphertext: it shares a factor with n."""


class NotFiniteError(EncodingOverflowError, ParameterError):
    """A number is infinite or none at all: phe raises an OverflowError for the one and a ValueError for the other."""


class UnknownKeyError(MissingKeyError, KeyError):
    """A keyring has no private key for a number's public key."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def integer(name: str, value: Any) -> int:
    """An argument as Python's integer.

    Raises:
        ArgumentTypeError: it is none (a TypeError).
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name} is an integer, not {type(value).__name__}") from None
