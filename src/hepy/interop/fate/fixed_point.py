"""FATE's numbers as integers: a significand and an exponent of 16, value = significand * 16**exponent.

A float has 53 bits from its highest on, at the largest exponent that loses none of them. So a float's exponent tells
its magnitude, and exponents are not encrypted: that is FATE's design, and what its ciphertexts look like. Integers have
exponent 0.

The rules are those of fate_utils 0.1.0, found by experiment; tests/interop/fate/vectors has what it answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.errors import EncodingOverflowError, ParameterError

BASE_BITS = 4  # log2(16)
_MANTISSA_BITS = 53
_FEW = 16  # floats, for which numpy takes longer

# float64 has exponents from -282 to 242, and each product adds two of them. A sum of numbers so far apart that this
# is exceeded fits no key, and bringing it to one exponent would take for ever.
MAX_EXPONENT = 4096

_INT32, _INT64, _INT128 = 1 << 31, 1 << 63, 1 << 127

Exponents = npt.NDArray[np.integer[Any]]


def encode_floats(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], Exponents]:
    """Significands below 2**57 and exponents of floats: float64[B] or float32[B] -> int64[B], int32[B].

    Raises:
        ParameterError: a value is not finite; names the first such index.
    """
    if len(values) <= _FEW:
        return _encode_few(values.tolist())
    finite = np.isfinite(values)
    if not finite.all():
        raise _not_finite(int(np.argmin(finite)))
    mantissas, binary = np.frexp(values.astype(np.float64, copy=False))
    lowest = binary - _MANTISSA_BITS  # exponent of the lowest of 53 bits
    exponents = lowest // BASE_BITS
    significands = (mantissas * 2.0**_MANTISSA_BITS).astype(np.int64) << (lowest - BASE_BITS * exponents)
    return significands, exponents


def _encode_few(values: list[float]) -> tuple[npt.NDArray[np.int64], Exponents]:
    significands, exponents = [], []
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise _not_finite(index)
        mantissa, binary = math.frexp(value)
        exponent, shift = divmod(binary - _MANTISSA_BITS, BASE_BITS)
        significands.append(int(mantissa * 2.0**_MANTISSA_BITS) << shift)
        exponents.append(exponent)
    return np.array(significands, dtype=np.int64), np.array(exponents, dtype=np.int32)


def _not_finite(index: int) -> ParameterError:
    return ParameterError(f"the value at index {index} is not finite: replace or leave out NaN and infinities")


def encode_integers(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], Exponents]:
    """Integers are their own significands: int64[B] or int32[B] -> int64[B], int32[B]."""
    return values.astype(np.int64), np.zeros(len(values), dtype=np.int32)


def decode_floats(significands: Iterable[int], exponents: Exponents) -> npt.NDArray[np.float64]:
    """Signed significands as float64; beyond its range they are infinite.

    Fractions are rounded to nearest, ties to even. With an exponent of 0 or more the value is an integer and rounded
    towards zero, as fate_utils does.
    """
    pairs = zip(significands, exponents.tolist(), strict=True)
    return np.array([_float(significand, exponent) for significand, exponent in pairs], dtype=np.float64)


def decode_floats32(significands: Iterable[int], exponents: Exponents) -> npt.NDArray[np.float32]:
    """As decode_floats, and then rounded to float32."""
    with np.errstate(over="ignore"):
        return decode_floats(significands, exponents).astype(np.float32)


def decode_int64(significands: Iterable[int], exponents: Exponents) -> npt.NDArray[np.int64]:
    """Signed significands as int64: rounded down, and modulo 2**64, in which FATE's secret shares live.

    Raises:
        EncodingOverflowError: a number exceeds 128 bits; names the first such index.
    """
    out = []
    for position, (significand, exponent) in enumerate(zip(significands, exponents.tolist(), strict=True)):
        value = significand << BASE_BITS * exponent if exponent >= 0 else significand >> -BASE_BITS * exponent
        if not -_INT128 <= value < _INT128:
            raise EncodingOverflowError(
                f"the number at index {position} exceeds 128 bits, and int64 was asked for: decode it as float64"
            )
        out.append((value + _INT64) % (2 * _INT64) - _INT64)
    return np.array(out, dtype=np.int64)


def decode_int32(significands: Iterable[int], exponents: Exponents) -> npt.NDArray[np.int32]:
    """Signed significands as int32: float64 first, its fraction cut off; the largest or smallest int32 beyond."""
    values = np.clip(decode_floats(significands, exponents), -_INT32, _INT32 - 1)
    return np.trunc(values).astype(np.int32)


def _float(significand: int, exponent: int) -> float:
    try:
        if exponent < 0:
            return significand / (1 << -BASE_BITS * exponent)  # Python rounds quotients of integers correctly
        return float(towards_zero(significand << BASE_BITS * exponent))
    except OverflowError:
        return float("inf") if significand > 0 else float("-inf")


def towards_zero(value: int) -> int:
    """The nearest integer towards zero that float64 has, if its range suffices."""
    excess = max(0, value.bit_length() - _MANTISSA_BITS)
    magnitude = abs(value) >> excess << excess
    return magnitude if value >= 0 else -magnitude
