"""Rows of a batch in order: views of shared runs of integers, so that whole arrays and slices cost no index.

An index array costs eight bytes an element, and a GPU would have to fetch it. Most operands are whole batches, slices
of them, or one element many times: their rows are start + step * i, and span() tells so in constant time, because
numpy's own views then lie in a run that was made here.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from hepy._host.locks import new_lock

Rows = npt.NDArray[np.int64]

_SMALLEST = 1 << 12
_ITEM = 8

_lock = new_lock()
_runs: list[Rows] = []  # 0, 1, 2, ...; each at least twice as long as the one before, kept because views name them


def identity(count: int) -> Rows:
    """Rows 0 to count - 1, as a view: int64[count]. Not to be written to."""
    for run in _runs[-1:]:  # the longest; without the lock, which single items would wait for
        if len(run) >= count:
            return run[:count]
    with _lock:
        if not _runs or len(_runs[-1]) < count:
            longest = len(_runs[-1]) if _runs else _SMALLEST // 2
            _runs.append(np.arange(max(2 * longest, count), dtype=np.int64))
        return _runs[-1][:count]


def repeated(row: int, count: int) -> Rows:
    """One row `count` times, as a view: int64[count]."""
    return np.broadcast_to(identity(row + 1)[row:], count)


@functools.cache
def first(ndim: int) -> Rows:
    """Row 0 alone, with so many axes. Not to be written to."""
    return identity(1).reshape((1,) * ndim)


def span(rows: Rows) -> tuple[int, int] | None:
    """(start, step) for rows[i] = start + step * i, of a one-dimensional view of a run; None for other arrays.

    A constant-time answer: None for an array that only happens to hold such numbers.
    """
    if len(rows) == 0:
        return 0, 0
    owner: object = rows
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    if not any(owner is run for run in _runs):
        return None
    return int(rows[0]), rows.strides[0] // _ITEM
