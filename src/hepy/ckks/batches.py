"""Which ciphertexts of a batch stand where, when numpy's functions move an array's values.

A ciphertext's values stay together and in their order, so a function moves whole ciphertexts or nothing. Whether it does
is seen by what it makes of numbers in place of the values.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hepy._shapes import Move, moved
from hepy.errors import ParameterError


def rearranged(shape: tuple[int, ...], function: Move) -> npt.NDArray[np.int64]:
    """What the function makes of an array of that shape: the numbers of ciphertexts, in C order of the batch.

    Raises:
        ParameterError: the function does not go with the shape, or moves slots.
    """
    *batch, length = shape
    ciphertexts, slots = np.arange(math.prod(batch)).reshape(*batch, 1), np.arange(length)
    # Which ciphertext and which slot comes to each place. What only moves axes copies nothing, for both are broadcast.
    which, slot = (moved(function, np.broadcast_to(each, shape)) for each in (ciphertexts, slots))
    if which.shape[-1:] != (length,) or not _together(_once(which), _once(slot), slots):
        raise slots_stay(shape, "is rearranged along its batch axes")
    return which[..., 0]


def slots_stay(shape: tuple[int, ...], what: str) -> ParameterError:
    """The error of an array of that shape whose last axis would not stay."""
    return ParameterError(f"an array of shape {shape} {what}: the last axis stays, {shape[-1]} values a ciphertext")


def run_of(numbers: npt.NDArray[np.int64]) -> slice | npt.NDArray[np.int64]:
    """Numbers (B,) as a slice, which copies nothing, where they are evenly spaced and ascend."""
    if len(numbers) < 2:
        return slice(numbers[0], numbers[0] + 1) if len(numbers) else slice(0)
    step = int(numbers[1] - numbers[0])
    if step < 1 or (np.diff(numbers) != step).any():
        return numbers
    return slice(int(numbers[0]), int(numbers[-1]) + 1, step)


def _once(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """With what repeats along an axis once."""
    return places[tuple(slice(None) if step else slice(1) for step in places.strides)]


def _together(which: npt.NDArray[np.int64], slot: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]) -> bool:
    """Whether every row has one ciphertext's slots, in their order."""
    return bool((which == which[..., :1]).all() and (slot == slots).all())
