"""Circuits without polynomials: shapes in place of batches, and what is asked of an evaluator.

Planning and recording run a circuit's own code on these, so that it takes the very steps that it takes on ciphertexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Outline:
    """In place of polynomials: their batch shape."""

    class device:
        name = "plan"  # no device's: kept encodings of plaintexts are told apart by it

    nbytes = 0

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def _view(self) -> Any:
        return np.broadcast_to(np.int8(0), self.shape)

    def __getitem__(self, index: Any) -> Outline:
        return Outline(self._view()[index].shape)

    def reshape(self, *shape: Any) -> Outline:
        return Outline(self._view().reshape(*shape).shape)

    def to(self, device: Any) -> Outline:
        return self


class Recorder:
    """In place of an Evaluator, with its methods: shapes of results, and which keys were asked for.

    Attributes:
        elements: automorphisms whose keys were asked for, 0 for relinearization.
    """

    # Its methods that make polynomials from polynomials.
    OPERATIONS = (
        "add", "subtract", "negate", "multiply_integer", "add_plaintext", "subtract_plaintext", "multiply_plaintext", "sum",
        "join", "multiply", "relinearize", "rescale", "automorphisms",
    )  # fmt: skip

    def __init__(self) -> None:
        self.elements: set[int] = set()

    def encode(self, values: Any, level: int, scale: float, in_coefficients: bool, device: Any) -> Outline:
        return Outline(values.shape[:-1])

    def add(self, x: Outline, y: Outline) -> Outline:
        batch = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        return Outline((*batch, max(x.shape[-1], y.shape[-1])))

    subtract = add

    def negate(self, x: Outline) -> Outline:
        return x

    def multiply_integer(self, x: Outline, factor: int) -> Outline:
        return x

    def add_plaintext(self, x: Outline, plaintext: Outline) -> Outline:
        return Outline((*np.broadcast_shapes(x.shape[:-1], plaintext.shape), x.shape[-1]))

    subtract_plaintext = multiply_plaintext = add_plaintext

    def sum(self, x: Outline, axis: int) -> Outline:
        return Outline((*x.shape[:axis], *x.shape[axis + 1 :]))

    def join(self, how: str, parts: Sequence[Outline], axis: int) -> Outline:
        joined = (np.stack if how == "stack" else np.concatenate)([part._view() for part in parts], axis=axis)
        return Outline(joined.shape)

    def multiply(self, x: Outline, y: Outline) -> Outline:
        return Outline((*np.broadcast_shapes(x.shape[:-1], y.shape[:-1]), 3))

    def relinearize(self, x: Outline, level: int, to: int) -> Outline:
        self.elements.add(0)
        return Outline((*x.shape[:-1], 2))

    def rescale(self, x: Outline, to: int) -> Outline:
        return x

    def ahead(self, x: Outline, level: int, elements: Sequence[int]) -> None:
        pass

    def automorphisms(self, x: Outline, level: int, elements: Sequence[int]) -> list[Outline]:
        self.elements |= set(elements) - {1}
        return [x for _ in elements]
