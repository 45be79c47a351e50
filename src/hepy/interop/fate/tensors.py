"""Where torch begins: tensors to numpy arrays and back. The one module that imports torch, and only if it is there.

Without torch the contract takes and gives numpy arrays.
"""

from __future__ import annotations

import functools
import importlib
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.errors import EncodingOverflowError
from hepy.interop.fate.errors import ArgumentTypeError, UnsupportedTypeError

ENCODABLE = ("float64", "float32", "int64", "int32")


@functools.cache
def _torch() -> Any:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None


def dtype_name(dtype: Any) -> str:
    """ "float64" of torch.float64, numpy.float64 or the string: one that has an encoding.

    Raises:
        UnsupportedTypeError: it has none (a NotImplementedError).
    """
    try:
        return _dtype_name(dtype)
    except TypeError:  # it cannot be looked up
        raise UnsupportedTypeError(f"a dtype was expected, not {type(dtype).__name__}") from None


@functools.lru_cache(maxsize=64)
def _dtype_name(dtype: Any) -> str:
    name = (
        np.dtype(dtype).name
        if isinstance(dtype, type) and issubclass(dtype, np.generic)
        else str(dtype).removeprefix("torch.")
    )
    if name not in ENCODABLE:
        raise UnsupportedTypeError(f"{name} is not supported: use {', '.join(ENCODABLE)}")
    return name


def to_numpy(values: Any, dtype: Any = None) -> npt.NDArray[Any]:
    """A tensor's elements in order, of its dtype or the one that is asked for: (B,).

    Raises:
        ArgumentTypeError: it is neither a tensor nor an array.
        UnsupportedTypeError: the dtype has no encoding.
    """
    if not hasattr(values, "dtype"):
        raise ArgumentTypeError(f"a tensor was expected, not {type(values).__name__}")
    name = dtype_name(values.dtype if dtype is None else dtype)
    array = values.numpy(force=True) if hasattr(values, "detach") else np.asarray(values)
    return array.astype(name, copy=False).ravel()


def to_list(values: Any) -> list[Any]:
    """A tensor's elements as Python's numbers."""
    if hasattr(values, "detach"):
        values = values.detach()
    listed: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    return listed


def to_floats(values: Any) -> list[float]:
    """A tensor's elements, or a list's, as float64 has them.

    Raises:
        ArgumentTypeError: they are no numbers, or have more than one axis.
    """
    if getattr(values, "ndim", 0) == 1 and getattr(values.dtype, "is_floating_point", False):
        return list(values.tolist())  # of torch's own tensors, without a copy in between
    try:
        array = np.asarray(values.numpy(force=True) if hasattr(values, "detach") else values)
        if array.dtype.kind not in "fiub" and not (
            array.dtype == object and all(isinstance(x, Real) for x in array.flat)
        ):
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError("floats were expected, in a tensor or a list") from None
    except OverflowError:
        raise EncodingOverflowError("a number to pack exceeds float64") from None
    if array.ndim != 1:
        raise ArgumentTypeError(f"floats of one axis were expected, not of shape {array.shape}: flatten() them")
    return list(array.tolist())


def from_numpy(array: npt.NDArray[Any]) -> Any:
    """A torch tensor of these elements; the array itself where there is no torch."""
    torch = _torch()
    return array if torch is None else torch.from_numpy(array)


def from_floats(values: npt.NDArray[np.float64]) -> Any:
    """A torch tensor of torch's default dtype, as FATE makes one of Python's floats; float64 where there is no torch."""
    torch = _torch()
    return values if torch is None else torch.from_numpy(values).to(torch.get_default_dtype())


def scalar(value: Any) -> tuple[Any, Any]:
    """(number, dtype) of a tensor without axes, or an array, or a scalar of numpy; (value, None) of anything else.

    Raises:
        ArgumentTypeError: a tensor has axes.
    """
    if not hasattr(value, "dtype") or not hasattr(value, "ndim"):
        return value, None
    if value.ndim:
        raise ArgumentTypeError(f"one number was expected, not a tensor of shape {tuple(value.shape)}")
    return value.item(), value.dtype
