"""What numpy's functions do with arrays of ciphertexts: those that Paillier can compute, and a TypeError that helps.

numpy hands a function over before it converts anything (NEP 13, NEP 18). Without this file, it would make an array of
objects of the ciphertexts and go through them one by one, or say something about dtypes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hepy.paillier.ciphertexts import CiphertextArray, concatenate, stack

# A ufunc's method of the array on the left, and on the right. Called by name: operators would begin with numpy's, which
# come back here.
_BINARY: dict[Any, tuple[str, str]] = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
}
_UNARY: dict[Any, str] = {np.negative: "__neg__", np.positive: "__pos__"}
_DIVISIONS = (np.true_divide, np.floor_divide, np.remainder, np.divmod)
_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.maximum, np.minimum)


def call_ufunc(function: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What CiphertextArray.__array_ufunc__ returns.

    Raises:
        TypeError: ciphertexts have no such function, or not with these options; says what they have.
    """
    if options.pop("out", None) is not None:
        raise TypeError("numbers cannot be replaced by ciphertexts in place: write a = a + x instead of a += x")
    if method == "__call__" and not options:
        if function in _UNARY:
            return getattr(inputs[0], _UNARY[function])()
        if function in _BINARY:
            left, right = inputs
            name, reflected = _BINARY[function]
            return getattr(left, name)(right) if isinstance(left, CiphertextArray) else getattr(right, reflected)(left)
    if function is np.add and method == "reduce" and set(options) <= {"axis", "keepdims"}:
        return inputs[0].sum(options.get("axis", 0), keepdims=options.get("keepdims", False))
    if function is np.add and method == "accumulate" and set(options) <= {"axis"}:
        return inputs[0].cumsum(options.get("axis", 0))
    raise TypeError(f"{_named(function, method, options)} is not defined for ciphertexts: {_advice(function)}")


def call_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What CiphertextArray.__array_function__ returns.

    Raises:
        TypeError: ciphertexts have no such function; says what they have.
    """
    made = _FUNCTIONS.get(function)
    if made is None:
        raise TypeError(f"numpy.{function.__name__} is not defined for ciphertexts: {_advice(function)}")
    try:
        inspect.signature(made).bind(*args, **options)
    except TypeError as error:
        raise TypeError(f"numpy.{function.__name__} takes less of ciphertexts than of numbers: {error}") from None
    return made(*args, **options)


def _named(function: Any, method: str, options: dict[str, Any]) -> str:
    name = f"numpy.{function.__name__}" + ("" if method == "__call__" else f".{method}")
    return name + (f" with {', '.join(sorted(options))}" if options else "")


def _advice(function: Any) -> str:
    if function in _DIVISIONS:
        return "multiply by the reciprocal, x * (1 / a), or divide after decryption"
    if function in _COMPARISONS:
        return "nobody can compare without the key; decrypt first"
    return (
        "they add, subtract, multiply with plaintext numbers and matrices, sum, and change shape (docs/paillier.md); "
        "decrypt first for anything else"
    )


# Their arguments are numpy's, as far as ciphertexts know them.


def _sum(a: CiphertextArray, axis: Any = None, *, keepdims: bool = False) -> CiphertextArray:
    return a.sum(axis, keepdims=keepdims)


def _cumsum(a: CiphertextArray, axis: int | None = None) -> CiphertextArray:
    return a.cumsum(axis)


def _dot(a: Any, b: Any) -> Any:
    if max(np.ndim(a), np.ndim(b)) > 2:
        raise TypeError("numpy.dot of more than two axes is not defined for ciphertexts: use @, which is numpy.matmul")
    if 0 in (np.ndim(a), np.ndim(b)):
        return a.multiply(b) if isinstance(a, CiphertextArray) else b.multiply(a)
    return a.matmul(b) if isinstance(a, CiphertextArray) else b.__rmatmul__(a)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> CiphertextArray:
    return concatenate(arrays, axis)


def _stack(arrays: Sequence[Any], axis: int = 0) -> CiphertextArray:
    return stack(arrays, axis)


def _reshape(a: CiphertextArray, shape: Any) -> CiphertextArray:
    return a.reshape(shape)


def _transpose(a: CiphertextArray, axes: Any = None) -> CiphertextArray:
    return a.T if axes is None else a.transpose(axes)


def _ravel(a: CiphertextArray) -> CiphertextArray:
    return a.ravel()


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.concatenate: _concatenate,
    np.cumsum: _cumsum,
    np.dot: _dot,
    np.ndim: lambda a: a.ndim,
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.shape: lambda a: a.shape,
    np.size: lambda a: a.size,
    np.stack: _stack,
    np.sum: _sum,
    np.transpose: _transpose,
}
