"""Lists of Python's integers as arrays: by the compiled module where it is there, in a fifth of numpy's time."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from itertools import chain

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_Flattened = tuple[Integers, Integers]


def flattened(lists: list[list[int]]) -> _Flattened | None:
    """How many integers each list has, int64[L], and all of them one after the other, int64[P].

    Returns: None where something else than lists of integers below 64 bits was given: numpy then finds out what it is, and
        the words for it.
    """
    return _flatten()(lists)


@functools.cache
def _flatten() -> Callable[[list[list[int]]], _Flattened | None]:
    try:
        found: Callable[[list[list[int]]], _Flattened | None] = importlib.import_module("hepy._cpu").flatten
    except ImportError:
        return _by_numpy
    return found


def _by_numpy(lists: list[list[int]]) -> _Flattened | None:
    if any(type(each) is not list for each in lists):
        return None
    every = list(chain.from_iterable(lists))
    if any(type(value) is not int for value in every):
        return None
    try:
        return np.array(list(map(len, lists)), dtype=np.int64), np.array(every, dtype=np.int64)
    except OverflowError:
        return None
