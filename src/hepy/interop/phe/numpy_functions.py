"""What numpy's functions do with an EncryptedArray: the batched way where there is one, else one number at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hepy.bigint import concatenate, stack
from hepy.interop.phe.arrays import EncryptedArray
from hepy.interop.phe.operands import check_keys

# Each ufunc's operators, for the EncryptedArray on the left and on the right. Called by name: an operator would begin
# with ndarray's, which comes back here.
_OPERATORS: dict[Any, tuple[str, str]] = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.true_divide: ("__truediv__", ""),
    np.matmul: ("__matmul__", "__rmatmul__"),
}


def call_ufunc(function: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What EncryptedArray.__array_ufunc__ returns."""
    if method == "__call__" and function in _OPERATORS and not options:
        (left, right), (name, reflected) = inputs, _OPERATORS[function]
        if isinstance(left, EncryptedArray):
            return getattr(left, name)(right)
        if reflected:
            return getattr(right, reflected)(left)
    if method == "reduce" and function is np.add and set(options) <= {"axis", "keepdims"}:
        return inputs[0].sum(options.get("axis", 0), keepdims=options.get("keepdims", False))
    return getattr(function, method)(*_one_by_one(inputs), **_one_by_one(options))


def call_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What EncryptedArray.__array_function__ returns."""
    batched = _FUNCTIONS.get(function)
    result = NotImplemented if batched is None else batched(*args, **options)
    return function(*_one_by_one(args), **_one_by_one(options)) if result is NotImplemented else result


def _one_by_one(value: Any) -> Any:
    """With arrays of EncryptedNumbers in place of EncryptedArrays."""
    if isinstance(value, EncryptedArray):
        return value.numbers()
    if isinstance(value, list | tuple):
        return type(value)(_one_by_one(each) for each in value)
    if isinstance(value, dict):
        return {name: _one_by_one(each) for name, each in value.items()}
    return value


# Their arguments are numpy's. NotImplemented leaves what is unusual to numpy, one by one.


def _sum(a: Any, axis: Any = None, **options: Any) -> Any:
    return a.sum(axis, **options) if set(options) <= {"keepdims"} else NotImplemented


def _mean(a: Any, axis: Any = None, **options: Any) -> Any:
    return a.mean(axis, **options) if set(options) <= {"keepdims"} else NotImplemented


def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return a.cumsum(axis) if dtype is None and out is None else NotImplemented


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None or max(np.ndim(a), np.ndim(b)) > 2:
        return NotImplemented
    if isinstance(a, EncryptedArray):
        return a.dot(b)
    return b.__rmatmul__(a) if np.ndim(a) and b.ndim else b * a


def _inner(a: Any, b: Any) -> Any:
    return _dot(a, b) if max(np.ndim(a), np.ndim(b)) < 2 else NotImplemented


def _concatenate(arrays: Sequence[Any], axis: int = 0, **options: Any) -> Any:
    if options or axis is None or not _encrypted(arrays):
        return NotImplemented
    return _joined(arrays, concatenate, np.concatenate, axis)


def _stack(arrays: Sequence[Any], axis: int = 0, **options: Any) -> Any:
    if options or not _encrypted(arrays):
        return NotImplemented
    return _joined(arrays, stack, np.stack, axis)


def _encrypted(arrays: Sequence[Any]) -> bool:
    return all(isinstance(each, EncryptedArray) for each in arrays)


def _joined(arrays: Sequence[EncryptedArray], join: Any, join_exponents: Any, axis: int) -> EncryptedArray:
    key = arrays[0].public_key
    check_keys(key, [each.public_key for each in arrays])
    return EncryptedArray(
        key,
        join([each.residues for each in arrays], axis),
        join_exponents([each.exponents for each in arrays], axis),
        obfuscated=all(each.obfuscated for each in arrays),
    )


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.cumsum: _cumsum,
    np.dot: _dot,
    np.inner: _inner,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.ravel: lambda a, order="C": a.ravel() if order == "C" else NotImplemented,
    np.transpose: lambda a, axes=None: a.transpose(*(() if axes is None else (axes,))),
}
