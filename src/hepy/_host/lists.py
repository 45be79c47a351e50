"""Long lists of Python's objects, read and made by the compiled module where it is there, in a fraction of the time."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_Flattened = tuple[Integers, Integers]
_Object = TypeVar("_Object")


def flattened(lists: list[list[int]]) -> _Flattened | None:
    """How many integers each list has, int64[L], and all of them one after the other, int64[P].

    Returns: None where something else than lists of integers below 64 bits was given: numpy then finds out what it is, and
        the words for it.
    """
    found: _Flattened | None = _here("flatten", _by_numpy)(lists)
    return found


def instances(kind: type[_Object], count: int, slots: dict[str, Any]) -> list[_Object]:
    """Objects of a class whose attributes are slots, made without a call of its __init__.

    Args:
        slots: a value for all objects by the slot's name; where it is a list, one for each of them.
    """
    made: list[_Object] = _here("instances", _one_by_one)(kind, count, slots)
    return made


@functools.cache
def _here(name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled module's function; the other one where there is no such module."""
    try:
        found: Callable[..., Any] = getattr(importlib.import_module("hepy._cpu"), name)
    except ImportError:
        return otherwise
    return found


def _one_by_one(kind: type[_Object], count: int, slots: dict[str, Any]) -> list[_Object]:
    made = [kind.__new__(kind) for _ in range(count)]
    for name, value in slots.items():
        for each, own in zip(made, value if type(value) is list else [value] * count, strict=True):
            setattr(each, name, own)
    return made


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
