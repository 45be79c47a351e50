"""Arguments of the public face that are whole numbers, name axes, or are seeds.

Numbers may be Python's or numpy's, and come out as Python's own: numpy's integers have a fixed width, and
`1 << np.int64(70)` is silently 0, or an error of numpy's.
"""

from __future__ import annotations

import operator
from numbers import Number
from typing import Any

from hepy.errors import ParameterError

SEED_BYTES = 32


def whole(name: str, value: Any, low: int | None = 0, high: int | None = None, *, of: str = "") -> int:
    """The number, if it is whole and lies in [low, high]; None: without such a limit.

    Args:
        name: of the argument, for the message.
        of: what is counted, for the message, such as "bytes".

    Raises:
        ParameterError: it is something else. A number is shown; anything else, which may be a seed or values that came to
            the wrong place, by its type alone.
    """
    number = _integer(value)
    if number is not None and (low is None or low <= number) and (high is None or number <= high):
        return number
    what = f"a whole number of {of}" if of else "a whole number"
    if low is not None:
        what += f" from {low} on" if high is None else f" from {low} to {high}"
    raise ParameterError(f"{name} is {what}, not {shown(value)}")


def axis_of(axis: Any, ndim: int) -> int:
    """One axis of an array of `ndim`, counted from the front.

    Raises:
        ParameterError: there is no such axis.
    """
    return whole(f"the axis of an array of {ndim} axes", axis, -ndim, ndim - 1) % ndim


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of an array of `ndim` that an argument `axis` names, counted from the front: numpy's one, several, or None.

    Raises:
        ParameterError: one is no axis, or named twice.
    """
    given = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    found = []
    for one in given:
        number = _integer(one)
        if number is None or not -ndim <= number < ndim:
            raise ParameterError(f"axis {shown(one)} does not exist in an array of {ndim} axes")
        found.append(number % ndim)
    if len(set(found)) != len(found):
        raise ParameterError(f"axis {axis} names an axis twice")
    return tuple(found)


def check_seed(seed: Any) -> None:
    """Raise unless it is a seed, or None.

    Raises:
        ParameterError: it is not 32 bytes; says how many, or which type.
    """
    if seed is not None and (not isinstance(seed, bytes) or len(seed) != SEED_BYTES):
        size = f"{len(seed)} bytes" if isinstance(seed, bytes) else type(seed).__name__
        raise ParameterError(f"a seed is 32 bytes, not {size}: use os.urandom(32), or bytes(32) in a test")


def shown(value: Any) -> str:
    """What a message may say of an argument that is not what it should be: a number, or the type of anything else."""
    return repr(value) if isinstance(value, Number) else type(value).__name__


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
