"""What numpy's functions do with Paillier ciphertexts: see hepy._numpy_manners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hepy._numpy_manners import SHAPES, Protocols
from hepy.errors import ParameterError
from hepy.paillier.ciphertexts import CiphertextArray, concatenate, stack

# What these look at is the shape alone. None of them takes `out`, which would be written to.
_MOVING: tuple[Callable[..., Any], ...] = (
    np.broadcast_to, np.diagonal, np.expand_dims, np.flip, np.fliplr, np.flipud, np.moveaxis, np.repeat, np.roll, np.rot90,
    np.squeeze, np.swapaxes, np.tile,
)  # fmt: skip
_SPLITTING: tuple[Callable[..., Any], ...] = (np.array_split, np.hsplit, np.split, np.vsplit)

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


def _inner(a: Any, b: Any) -> Any:
    if max(np.ndim(a), np.ndim(b)) > 1:
        raise TypeError("numpy.inner of more than one axis is not defined for ciphertexts: use x @ weights.T")
    return _dot(a, b)


def _transpose(a: CiphertextArray, axes: Any = None) -> CiphertextArray:
    return a.T if axes is None else a.transpose(axes)


def _ravel(a: CiphertextArray) -> CiphertextArray:
    return a.ravel()


def _take(a: CiphertextArray, indices: Any, axis: int | None = None, *, mode: str = "raise") -> CiphertextArray:
    return a.rearranged(lambda places: np.take(places, indices, axis, mode=mode))  # type: ignore[call-overload]


def _moving(function: Callable[..., Any]) -> Callable[..., CiphertextArray]:
    """A function of numpy that puts elements elsewhere, for ciphertexts: its arguments are numpy's, all of them."""

    def moved(a: CiphertextArray, *args: Any, **options: Any) -> CiphertextArray:
        return a.rearranged(lambda places: function(places, *args, **options))

    return moved


def _splitting(function: Callable[..., Any]) -> Callable[..., list[CiphertextArray]]:
    """A function of numpy that cuts an array into several, for ciphertexts."""

    def split(a: CiphertextArray, *args: Any, **options: Any) -> list[CiphertextArray]:
        try:
            parts = function(np.arange(a.size).reshape(a.shape), *args, **options)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"an array of shape {a.shape} cannot be split like that: {error}") from None
        return [a.ravel()[part] for part in parts]

    return split


def _vstack(arrays: Sequence[Any]) -> CiphertextArray:
    return concatenate([_with_axes(each, 2) for each in arrays])


def _hstack(arrays: Sequence[Any]) -> CiphertextArray:
    parts = [_with_axes(each, 1) for each in arrays]
    return concatenate(parts, axis=0 if all(part.ndim == 1 for part in parts) else 1)


def _with_axes(a: Any, least: int) -> Any:
    """An array with axes of length 1 in front, so that it has that many; what is no ciphertext is left to the join."""
    if isinstance(a, CiphertextArray) and a.ndim < least:
        return a.reshape((1,) * (least - a.ndim) + a.shape)
    return a


PROTOCOLS = Protocols(
    array=CiphertextArray,
    unary={np.negative: "__neg__", np.positive: "__pos__"},
    binary={
        np.add: ("__add__", "__radd__"),
        np.subtract: ("__sub__", "__rsub__"),
        np.multiply: ("__mul__", "__rmul__"),
        np.matmul: ("__matmul__", "__rmatmul__"),
    },
    reductions={
        (np.add, "reduce"): (lambda a, axis=0, **options: a.sum(axis, **options), frozenset({"axis", "keepdims"})),
        (np.add, "accumulate"): (lambda a, axis=0: a.cumsum(axis), frozenset({"axis"})),
    },
    functions={
        **SHAPES,
        np.concatenate: concatenate,
        np.cumsum: _cumsum,
        np.dot: _dot,
        np.hstack: _hstack,
        np.inner: _inner,
        np.ravel: _ravel,
        np.stack: stack,
        np.sum: _sum,
        np.take: _take,
        np.transpose: _transpose,
        np.vstack: _vstack,
        **{function: _moving(function) for function in _MOVING},
        **{function: _splitting(function) for function in _SPLITTING},
    },
    division="multiply by the reciprocal, x * (1 / a), or divide after decryption",
    advice="they add, subtract, multiply with plaintext numbers and matrices, sum, and change shape (docs/paillier.md); "
    "decrypt first for anything else",
)
