"""numpy's functions that move elements and look at none, for all classes of arrays of ciphertexts.

Their arguments are numpy's own, but for `out`, which would be written to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hepy._arguments import axis_of
from hepy._shapes import Shaped
from hepy.errors import ParameterError

Function = Callable[..., Any]

_MOVING: tuple[Function, ...] = (
    np.broadcast_to, np.diagonal, np.expand_dims, np.flip, np.fliplr, np.flipud, np.moveaxis, np.repeat, np.roll, np.rot90,
    np.squeeze, np.swapaxes, np.tile,
)  # fmt: skip


def _moving(function: Function) -> Function:
    def move(a: Shaped, *args: Any, **options: Any) -> Shaped:
        return a.rearranged(lambda places: function(places, *args, **options))

    return move


def _take(a: Shaped, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Shaped:
    return a.rearranged(lambda places: np.take(places, indices, axis, mode=mode))  # type: ignore[call-overload]


def _reshape(a: Shaped, shape: Any) -> Shaped:
    return a.reshape(shape)


def _ravel(a: Shaped) -> Shaped:
    return a.ravel()


def _transpose(a: Shaped, axes: Any = None) -> Shaped:
    return a.T if axes is None else a.transpose(axes)


# Cuts, which are runs of one axis.


def _cut(function: Function, a: Shaped, where: Any, axis: Any) -> list[Any]:
    place = axis_of(axis, a.ndim)
    try:
        runs = function(np.arange(a.shape[place]), where)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"an array of shape {a.shape} cannot be split like that: {error}") from None
    before = (slice(None),) * place
    return [a[(*before, slice(run[0], run[-1] + 1) if len(run) else slice(0))] for run in runs]


def _split(a: Shaped, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _cut(np.split, a, indices_or_sections, axis)


def _array_split(a: Shaped, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _cut(np.array_split, a, indices_or_sections, axis)


def _vsplit(a: Shaped, indices_or_sections: Any) -> list[Any]:
    if a.ndim < 2:
        raise ParameterError(f"an array of shape {a.shape} has no rows to split: numpy.vsplit takes two axes or more")
    return _split(a, indices_or_sections)


def _hsplit(a: Shaped, indices_or_sections: Any) -> list[Any]:
    return _split(a, indices_or_sections, min(a.ndim - 1, 1))


def _by_numbers(function: Function) -> Function:
    """Refuses calls in which ciphertexts are not what moves but what tells where to, which only their key could read."""

    @functools.wraps(function)
    def move(a: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(a, Shaped) or any(isinstance(other, Shaped) for other in (*args, *options.values())):
            raise TypeError(
                "elements move by numbers that are not encrypted: an array of ciphertexts is what moves, and nothing else"
            )
        return function(a, *args, **options)

    return move


_FUNCTIONS: Mapping[Any, Function] = {
    **{function: _moving(function) for function in _MOVING},
    np.array_split: _array_split,
    np.hsplit: _hsplit,
    np.ndim: lambda a: a.ndim,
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.shape: lambda a: a.shape,
    np.size: lambda a: a.size,
    np.split: _split,
    np.take: _take,
    np.transpose: _transpose,
    np.vsplit: _vsplit,
}
FUNCTIONS: Mapping[Any, Function] = {name: _by_numbers(function) for name, function in _FUNCTIONS.items()}


def joining(concatenate: Function, stack: Function) -> Mapping[Any, Function]:
    """numpy's functions that join arrays, made of a class's own two."""

    def vstack(arrays: Sequence[Any]) -> Any:
        return concatenate([_with_axes(each, 2) for each in arrays])

    def hstack(arrays: Sequence[Any]) -> Any:
        parts = [_with_axes(each, 1) for each in arrays]
        return concatenate(parts, axis=0 if all(np.ndim(part) == 1 for part in parts) else 1)

    return {np.concatenate: concatenate, np.hstack: hstack, np.stack: stack, np.vstack: vstack}


def _with_axes(a: Any, least: int) -> Any:
    """An array with axes of length 1 in front, so that it has that many; what is no ciphertext is left to the join."""
    if isinstance(a, Shaped) and a.ndim < least:
        return a.reshape((1,) * (least - a.ndim) + a.shape)
    return a
