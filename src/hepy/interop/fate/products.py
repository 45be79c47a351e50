"""Products of an encrypted matrix with an encoded one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.errors import ParameterError
from hepy.interop.fate.scaling import NONE, checked, digits_above, known, plaintexts_at
from hepy.interop.fate.vectors import PlaintextVector, listed, whole

Exponents = npt.NDArray[np.int64]


def matrix_product(
    residues: ResidueArray, exponents: Exponents, matrix: PlaintextVector, shape: tuple[int, int]
) -> tuple[ResidueArray, Exponents]:
    """(R, K) @ (K, M): ciphertexts (R, M) and their exponents.

    An element of the product has the smallest exponent of its terms. The digits between are multiplied to the plaintext
    factors, so no ciphertext is raised apart; rows whose exponents are alike share one multi-exponentiation.
    """
    inner, columns = shape
    factor_exponents = known(matrix.significands, matrix.exponents).reshape(shape)
    if inner == 0 or math.prod(exponents.shape) == 0 or columns == 0:
        nothing = residues.multi_power_vartime(np.zeros(shape, dtype=np.int64))
        return nothing, np.full(nothing.shape, NONE, dtype=np.int64)
    patterns, pattern_of_row = np.unique(exponents, axis=0, return_inverse=True)
    pattern_of_row = pattern_of_row.reshape(-1)
    parts, order = [], []
    totals = np.empty((len(exponents), columns), dtype=np.int64)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(pattern_of_row == number)
        terms = checked((pattern[:, None] + factor_exponents).ravel()).reshape(shape)
        smallest = terms.min(axis=0)
        digits = digits_above(terms.ravel(), np.broadcast_to(smallest, shape).ravel()).reshape(shape)
        totals[rows] = smallest
        order.append(rows)
        raised = plaintexts_at(matrix.significands, digits.ravel()).reshape(shape)
        parts.append(residues[rows].multi_power_vartime(raised))
    if len(parts) == 1:
        return parts[0], totals
    where = np.argsort(np.concatenate(order), kind="stable")
    return concatenate_residues(parts)[where], totals


def check_matrix(shape: Any, size: int, name: str) -> tuple[int, int]:
    """A shape of two axes that has so many elements.

    Raises:
        ArgumentTypeError, ParameterError: it is none.
    """
    axes = tuple(whole("an axis", axis) for axis in listed("axes of a shape", shape))
    if len(axes) != 2 or math.prod(axes) != size:
        raise ParameterError(
            f"{name} has {size} elements and the shape {axes}: matrices of two axes, with as many elements, multiply"
        )
    return axes[0], axes[1]


def check_inner(left: tuple[int, int], right: tuple[int, int]) -> None:
    """Raises ParameterError where left @ right is not defined."""
    if left[1] != right[0]:
        raise ParameterError(
            f"shapes {left} @ {right} do not go together: the last axis of the first has to match the first of the second"
        )
