"""What counts as integers: arrays of an integer dtype, or of Python's own integers, of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._shapes import index_at
from hepy.errors import ParameterError


def wide_type(dtype: np.dtype[Any]) -> type[np.generic]:
    """The host's own 64-bit integers that hold all of a fixed-width type, whose byte order may be another.

    A comparison with np.uint64 does not tell: big-endian types differ from it.
    """
    return np.uint64 if dtype.kind == "u" and dtype.itemsize == 8 else np.int64


def integers(values: Any) -> npt.NDArray[Any]:
    """An array of an integer dtype on the host, or an object array of integers (Python's, numpy's or gmpy2's).

    Raises:
        ParameterError: something is not an integer, with its index; or the shape is ragged, or the array a masked one.
    """
    if type(values) is np.ndarray and values.dtype.kind in "iu":
        return values
    check_unmasked(values)
    values = _devices.brought_here(values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"integers were expected in a rectangular array: {error}") from None
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind in "fb" and array.size == 0:
        return array.astype(np.int64)  # numpy makes floats of an empty list
    # numpy turns integers beyond 64 bits into objects, and mixtures of int64 and uint64 into inexact floats.
    array = np.asarray(values, dtype=object)
    for position, value in enumerate(array.flat):
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer | limb.MPZ):
            where = index_at(position, array.shape)
            raise ParameterError(f"integers were expected; at index {where} there is {type(value).__name__}")
    return array


def check_unmasked(values: Any) -> None:
    """Raise unless all elements are there: numpy.asarray would go on with what is under a mask.

    Raises:
        ParameterError: this is a masked array, or a sequence that begins with one.
    """
    first = values[0] if isinstance(values, list | tuple) and values else values
    if isinstance(first, np.ma.MaskedArray):
        raise ParameterError("masked arrays are not computed with: fill the gaps (.filled(0)) or leave them out first")
