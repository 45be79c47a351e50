"""Segments of a batch cut into pieces, so that many workers share a long one."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

import numpy as np

from hepy.bigint.kernels import Operand
from hepy.bigint.rows import Rows, identity


def pieces(offsets: Rows, longest: int) -> tuple[Rows, Rows]:
    """Cut segments into pieces of about one length.

    Args:
        offsets: segment s is [offsets[s], offsets[s + 1]): int64[S + 1].
        longest: elements of a piece at most.

    Returns: the pieces' offsets, int64[P + 1], and for each segment which pieces are its own, as offsets into them,
        int64[S + 1]. Every segment has a piece, also an empty one.
    """
    lengths = offsets[1:] - offsets[:-1]
    if lengths.max(initial=0) <= longest:
        return offsets, identity(len(offsets))
    counts = np.maximum(1, -(-lengths // longest))
    first = np.concatenate([[0], np.cumsum(counts)])
    segment = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(first[-1]) - first[segment]
    starts = offsets[segment] + within * lengths[segment] // counts[segment]
    return np.append(starts, offsets[-1]), first


def by_bin(rows: Rows, bins: Rows, count: int) -> tuple[Rows, Rows, Rows]:
    """Rows in the order of their bins, and as they were within each bin.

    Args:
        rows: int64[S].
        bins: int64[S], the bin of each: at least 0, and below `count`.

    Returns: the rows; offsets of the T bins that occur, in order, and of one behind them that is empty: int64[T + 2]; and
        which of these T + 1 is each bin's own, the empty one for what does not occur: int64[count].
    """
    sort = _compiled_sort()
    if sort is not None:
        made: tuple[Rows, Rows, Rows] = sort(rows, bins, count)
        return made
    return _sorted(rows, bins, count)


@functools.cache
def _compiled_sort() -> Callable[[Rows, Rows, int], tuple[Rows, Rows, Rows]] | None:
    """The same in a sixth of numpy's time, where hepy._cpu is there."""
    try:
        found: Callable[[Rows, Rows, int], tuple[Rows, Rows, Rows]] = importlib.import_module("hepy._cpu").sort_by_bin
    except ImportError:
        return None
    return found


def _sorted(rows: Rows, bins: Rows, count: int) -> tuple[Rows, Rows, Rows]:
    lengths = np.bincount(bins, minlength=count)
    occupied = np.flatnonzero(lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths[occupied]), [len(bins)]])
    places = np.full(count, len(occupied))
    places[occupied] = np.arange(len(occupied))
    return rows[np.argsort(bins, kind="stable")], offsets, places


def reordered(x: Operand, offsets: Rows, order: Rows) -> tuple[Operand, Rows]:
    """The same segments in another order: segment s of the result is segment order[s]."""
    lengths = np.diff(offsets)[order]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(offsets[:-1][order] - ends[:-1], lengths) + np.arange(ends[-1])
    return (x[0], x[1][places]), ends


def runs(count: int, run: int) -> Rows:
    """Offsets of segments of `run` elements that cover `count`, the last one perhaps shorter."""
    return np.minimum(np.arange(-(-count // max(run, 1)) + 1) * run, count)
