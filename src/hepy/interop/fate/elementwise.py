"""Sums, differences and products, element by element, with encrypted vectors and with encoded ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy.errors import ParameterError
from hepy.interop.fate.scaling import checked, combine, digits_above, known, plaintexts_at, raised
from hepy.interop.fate.vectors import CiphertextVector, PlaintextVector, expected
from hepy.paillier import PublicKey


def combined(a: CiphertextVector, b: CiphertextVector, key: PublicKey, *, subtract: bool) -> CiphertextVector:
    """a + b, or a - b."""
    a, b = expected(CiphertextVector, a), expected(CiphertextVector, b)
    _check_lengths(len(a), len(b))
    left, right = a.parts(key, b.home), b.parts(key, a.home)
    return CiphertextVector(key, *combine(*left, *right, subtract=subtract))


def plus(a: CiphertextVector, b: PlaintextVector, key: PublicKey) -> CiphertextVector:
    """a + b; a vector of one is added to every element."""
    b = _spread(b, len(expected(CiphertextVector, a)))
    _check_lengths(len(a), len(b))
    residues, mine = a.parts(key)
    theirs = known(b.significands, b.exponents)
    exponents = np.minimum(mine, theirs)
    significands = plaintexts_at(b.significands, digits_above(theirs, exponents))
    left = raised(residues, digits_above(mine, exponents))
    return CiphertextVector(key, left.multiply_principal(significands), exponents)


def negative(b: PlaintextVector) -> PlaintextVector:
    """-b."""
    objects = b.significands.astype(object)  # -2**63 has no positive int64
    return PlaintextVector(-objects, b.exponents)


def inverse(a: CiphertextVector, key: PublicKey) -> CiphertextVector:
    """-a."""
    residues, exponents = expected(CiphertextVector, a).parts(key)
    return CiphertextVector(key, residues.inverse(), exponents)


def times(a: CiphertextVector, b: PlaintextVector, key: PublicKey) -> CiphertextVector:
    """a * b; a vector of one multiplies every element."""
    one = len(b) == 1
    if not one:
        _check_lengths(len(expected(CiphertextVector, a)), len(b))
    residues, exponents = expected(CiphertextVector, a).parts(key)
    factors: Any = int(b.significands[0]) if one else b.significands
    total = checked(exponents + known(b.significands, b.exponents))
    return CiphertextVector(key, residues.power_vartime(factors), total)


def _spread(b: PlaintextVector, size: int) -> PlaintextVector:
    if len(b) == 1 != size:
        return PlaintextVector(np.repeat(b.significands, size), np.repeat(b.exponents, size))
    return b


def _check_lengths(one: int, other: int) -> None:
    if one != other:
        raise ParameterError(f"vectors of {one} and {other} elements do not go together")
