"""What numpy's functions do with CKKS ciphertexts: see hepy._numpy_manners."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy._numpy_manners import Protocols
from hepy._numpy_shapes import FUNCTIONS, joining
from hepy.ckks.ciphertexts import CiphertextArray
from hepy.ckks.joins import concatenate, stack

# Their arguments are numpy's, as far as ciphertexts know them.


def _sum(a: CiphertextArray, axis: Any = None, *, keepdims: bool = False) -> CiphertextArray:
    if axis is None:
        raise TypeError("numpy.sum of ciphertexts names a batch axis: the slots of each are summed by x.inner_sum()")
    return a.sum(axis, keepdims=keepdims)


PROTOCOLS = Protocols(
    array=CiphertextArray,
    unary={np.negative: "__neg__", np.positive: "__pos__", np.square: "square", np.conjugate: "conjugate"},
    binary={
        np.add: ("__add__", "__radd__"),
        np.subtract: ("__sub__", "__rsub__"),
        np.multiply: ("__mul__", "__rmul__"),
        np.true_divide: ("__truediv__", ""),
        np.power: ("__pow__", ""),
    },
    reductions={
        (np.add, "reduce"): (lambda a, axis=0, **options: _sum(a, axis, **options), frozenset({"axis", "keepdims"}))
    },
    functions={
        **FUNCTIONS,
        **joining(concatenate, stack),
        np.sum: _sum,
    },
    division="they are divided by numbers only, x / 3; 1 / x is approximated by a polynomial",
    advice="they add, subtract, multiply, have powers and conjugates, sum along batch axes and over slots (inner_sum), "
    "rotate, and change batch shape (docs/ckks.md); decrypt first for anything else",
)
