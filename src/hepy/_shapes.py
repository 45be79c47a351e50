"""Shapes: numpy's methods that move elements and look at none, once for residues, polynomials and ciphertexts.

numpy itself does the moving: a class hands its function an array of places, and takes what comes back for the places of
its own elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hepy.errors import ParameterError

Places = npt.NDArray[Any]
Move = Callable[[Places], Places]


class Shaped:
    """Base of arrays. A class has a shape, an index, and one way to rearrange its elements; the rest follows.

    What does not fit raises ParameterError, an index out of range IndexError.
    """

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def rearranged(self, function: Move) -> Self:
        """What a function of numpy makes of the array that moves, repeats or leaves out elements and looks at none.

        np.flip(x), np.roll(x, 1), np.repeat(x, 2) and their like come here.

        Args:
            function: gets an array of this shape that stands for the elements.
        """
        raise NotImplementedError

    def _permuted(self, function: Move) -> Self:
        """As rearranged, by a function that keeps every element, and each once."""
        return self.rearranged(function)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)

    @property
    def T(self) -> Self:
        """As transpose(), without an order."""
        return self.transpose()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: Any) -> Self:
        """The same elements in C order under another shape; lengths one by one or as a tuple, -1 for what is left."""
        return self._permuted(lambda places: places.reshape(*shape))

    def ravel(self) -> Self:
        """All elements along one axis, in C order."""
        return self._permuted(np.ravel)

    def transpose(self, *axes: Any) -> Self:
        """The axes in another order, one by one or as a tuple; in reverse where none is given."""
        return self._permuted(lambda places: places.transpose(*axes))


def index_at(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index, in Python's integers, of the element that is at a position in C order: how messages name a place."""
    return tuple(int(i) for i in np.unravel_index(position, shape)) if shape else ()


def first_index(found: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """The index of the first element that is true; one has to be."""
    return index_at(int(np.argmax(found)), found.shape)


def moved(function: Move, places: Places) -> Places:
    """What the function makes of these places.

    Raises:
        ParameterError: it cannot be done to an array of that shape.
    """
    try:
        return np.asarray(function(places))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"an array of shape {places.shape} cannot take that shape: {error}") from None
