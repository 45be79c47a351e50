"""Between this adapter's objects, phe's own and hepy's: keys, rings, numbers, and lists and arrays of them.

phe is imported when it is asked for, and is no dependency. The objects carry integers over and nothing else, so a number
that comes from the other library is obfuscated again before it is sent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy import paillier as hepy_paillier
from hepy._limbs import object_array
from hepy.errors import ParameterError
from hepy.interop.phe.arrays import EncryptedArray
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.errors import ArgumentTypeError
from hepy.interop.phe.numbers import EncryptedNumber
from hepy.interop.phe.obfuscators import check_variant
from hepy.interop.phe.private import PaillierPrivateKey, PaillierPrivateKeyring
from hepy.interop.phe.public import PaillierPublicKey


def to_phe(value: Any) -> Any:
    """phe's object for one of these; lists, tuples and arrays element by element.

    Raises:
        ImportError: phe is not installed.
        ArgumentTypeError: there is no such object there (a TypeError).
    """
    from phe import paillier

    if isinstance(value, list | tuple):
        return type(value)(to_phe(each) for each in value)
    if isinstance(value, EncryptedArray):
        return to_phe(value.numbers())
    if isinstance(value, np.ndarray):
        return object_array([to_phe(each) for each in value.ravel().tolist()], value.shape)
    if isinstance(value, PaillierPublicKey):
        return paillier.PaillierPublicKey(value.n)
    if isinstance(value, PaillierPrivateKey):
        return paillier.PaillierPrivateKey(to_phe(value.public_key), value.p, value.q)
    if isinstance(value, PaillierPrivateKeyring):
        return paillier.PaillierPrivateKeyring([to_phe(key) for key in value.values()])
    if isinstance(value, EncryptedNumber):
        return paillier.EncryptedNumber(to_phe(value.public_key), value.ciphertext(be_secure=False), value.exponent)
    if isinstance(value, EncodedNumber):
        _check_base(value, paillier.EncodedNumber)
        return paillier.EncodedNumber(to_phe(value.public_key), value.encoding, value.exponent)
    raise ArgumentTypeError(f"phe has no counterpart of {type(value).__name__}")


def from_phe(value: Any, *, variant: str = "djn") -> Any:
    """The object of this adapter for one of phe's; lists, tuples and arrays element by element.

    Args:
        value: of phe 1.5.
        variant: how public keys make obfuscators, see PaillierPublicKey.

    Raises:
        ImportError: phe is not installed.
        ArgumentTypeError: it is not phe's (a TypeError).
    """
    from phe import paillier

    def converted(each: Any) -> Any:
        return from_phe(each, variant=variant)

    if isinstance(value, list | tuple):
        return type(value)(converted(each) for each in value)
    if isinstance(value, np.ndarray):
        return object_array([converted(each) for each in value.ravel().tolist()], value.shape)
    if isinstance(value, paillier.PaillierPublicKey):
        return PaillierPublicKey(value.n, variant=variant)
    if isinstance(value, paillier.PaillierPrivateKey):
        return PaillierPrivateKey(converted(value.public_key), value.p, value.q)
    if isinstance(value, paillier.PaillierPrivateKeyring):
        return PaillierPrivateKeyring([converted(key) for key in value.values()])
    if isinstance(value, paillier.EncryptedNumber):
        return EncryptedNumber(converted(value.public_key), value.ciphertext(be_secure=False), value.exponent)
    if isinstance(value, paillier.EncodedNumber):
        _check_base(value, EncodedNumber)
        return EncodedNumber(converted(value.public_key), value.encoding, value.exponent)
    raise ArgumentTypeError(f"this is no object of phe, but {type(value).__name__}")


def _check_base(value: Any, kind: Any) -> None:
    if value.BASE != kind.BASE:
        raise ParameterError(
            f"the number was encoded in base {value.BASE}, and {kind.__name__} there has base {kind.BASE}: make one of "
            "your own subclass from .encoding and .exponent"
        )


def from_hepy(value: Any) -> Any:
    """The object of this adapter for a key or a CiphertextArray of hepy.paillier.

    The scale of an array, 2**-scale_bits, becomes an exponent: of 16, so scales between are raised to the next power.

    Raises:
        ParameterError: the key is a subgroup key, or the array is packed or squeezed (a ValueError).
        ArgumentTypeError: it is something else (a TypeError).
    """
    if isinstance(value, hepy_paillier.PrivateKey):
        return PaillierPrivateKey(from_hepy(value.public_key), *value.export_primes())
    if isinstance(value, hepy_paillier.PublicKey):
        check_variant(value.variant)
        return PaillierPublicKey(value.n, variant=value.variant)
    if isinstance(value, hepy_paillier.CiphertextArray):
        public = from_hepy(value.public_key)
        if value.packed or value.squeezed:
            raise ParameterError(
                f"{'packed' if value.packed else 'squeezed'} ciphertexts hold several numbers each, which phe has no "
                "notion of: decrypt them"
            )
        up = -value.scale_bits % 4
        residues = value.residues.power_vartime(1 << up) if up else value.residues
        return EncryptedArray(public, residues, -(value.scale_bits + up) // 4, obfuscated=value.fresh and not up)
    raise ArgumentTypeError(f"hepy.paillier's keys and ciphertexts were expected, not {type(value).__name__}")
