"""What numpy's functions do with Paillier ciphertexts: see hepy._numpy_manners."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy._numpy_manners import Protocols
from hepy._numpy_shapes import FUNCTIONS, joining
from hepy.paillier.ciphertexts import CiphertextArray, concatenate, stack

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
        **FUNCTIONS,
        **joining(concatenate, stack),
        np.cumsum: _cumsum,
        np.dot: _dot,
        np.inner: _inner,
        np.sum: _sum,
    },
    division="multiply by the reciprocal, x * (1 / a), or divide after decryption",
    advice="they add, subtract, multiply with plaintext numbers and matrices, sum, and change shape (docs/paillier.md); "
    "decrypt first for anything else",
)
