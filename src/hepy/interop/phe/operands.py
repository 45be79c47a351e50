"""What arrays are computed with: plain numbers, their encodings, the factors that align exponents, and keys that agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._limbs import object_array
from hepy.errors import KeyMismatchError, ParameterError
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.numbers import EncryptedNumber, lowering_factor
from hepy.interop.phe.public import PaillierPublicKey

Exponents = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


def objects(values: Any) -> Objects:
    """Numbers as an array of Python's and ours, of any shape that numpy sees in them."""
    if isinstance(values, np.ndarray):
        return values.astype(object)
    if isinstance(values, EncryptedNumber | EncodedNumber):  # numpy would ask it for all that arrays have
        alone = np.empty((), dtype=object)
        alone[()] = values
        return alone
    if not isinstance(values, list | tuple) and hasattr(values, "__iter__"):
        values = list(values)
    return np.array(values, dtype=object)


def encode(
    public_key: PaillierPublicKey, numbers: Objects, *, precision: float | None = None, most: Exponents | None = None
) -> tuple[Objects, Exponents]:
    """Signed encodings and exponents of plain numbers; `most`, of their shape, bounds exponents."""
    flat = numbers.ravel().tolist()
    encodings, exponents = encode_list(public_key, flat, None if most is None else most.ravel().tolist(), precision)
    return object_array(encodings, numbers.shape), np.array(exponents, dtype=np.int64).reshape(numbers.shape)


def encode_list(
    public_key: PaillierPublicKey, numbers: list[Any], most: list[int] | None = None, precision: float | None = None
) -> tuple[list[int], list[int]]:
    """encode() for a list; `most`, as long, bounds exponents."""
    encodings, exponents = [], []
    for at, number in enumerate(numbers):
        bound = None if most is None else most[at]
        if isinstance(number, EncodedNumber):
            check_keys(public_key, [number.public_key])
            lowered = number if bound is None or number.exponent <= bound else number.decrease_exponent_to(bound)
            encoding, exponent = public_key.signed_factor(lowered.encoding), lowered.exponent
        else:
            encoding, exponent = EncodedNumber.encode_signed(public_key, number, precision, bound)
        encodings.append(encoding)
        exponents.append(exponent)
    return encodings, exponents


def lowering_factors(public_key: PaillierPublicKey, steps: Exponents) -> Objects:
    factors = [lowering_factor(public_key, step) for step in steps.ravel().tolist()]
    return object_array(factors, steps.shape)


def check_keys(key: PaillierPublicKey, others: list[PaillierPublicKey]) -> None:
    for other in others:
        if other is not key and other != key:
            raise KeyMismatchError(f"the numbers belong to different keys, {key!r} and {other!r}: use one for all")


def broadcast(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    if a.shape == b.shape:
        return a, b
    try:
        return np.broadcast_arrays(a, b)  # type: ignore[return-value]  # a tuple since numpy 2, a list before
    except ValueError:
        raise ParameterError(f"arrays of shapes {a.shape} and {b.shape} cannot be broadcast together") from None
