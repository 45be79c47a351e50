"""Segments of a batch cut into pieces, so that many workers share a long one."""

from __future__ import annotations

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
    if offsets[-1] - offsets[0] <= longest or lengths.max() <= longest:
        return offsets, identity(len(offsets))
    counts = np.maximum(1, -(-lengths // longest))
    first = np.concatenate([[0], np.cumsum(counts)])
    segment = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(first[-1]) - first[segment]
    starts = offsets[segment] + within * lengths[segment] // counts[segment]
    return np.append(starts, offsets[-1]), first


def reordered(x: Operand, offsets: Rows, order: Rows) -> tuple[Operand, Rows]:
    """The same segments in another order: segment s of the result is segment order[s]."""
    lengths = np.diff(offsets)[order]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(offsets[:-1][order] - ends[:-1], lengths) + np.arange(ends[-1])
    return (x[0], x[1][places]), ends


def runs(count: int, run: int) -> Rows:
    """Offsets of segments of `run` elements that cover `count`, the last one perhaps shorter."""
    return np.minimum(np.arange(-(-count // max(run, 1)) + 1) * run, count)
