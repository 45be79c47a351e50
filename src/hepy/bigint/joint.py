"""Plans for histograms of several features: joint bins of some features first, whose products are then shared out.

A bin's product is a product over joint bins, as a marginal count is a sum of joint counts. With S elements, histograms of
two features take about 2 S products, and S and twice the occupied joint bins that way: nearly half, where elements are
many. Joining goes on, two sets of features at a time, as long as their joint bins stay well below the elements. That is the
method of the four Russians (Arlazarov, Dinic, Kronrod, Faradzev, 1970) with what is there in place of all
combinations.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hepy.bigint.rows import Rows

_FEWEST = 128  # elements that are worth a plan
_OCCUPIED = 0.75  # of the elements, at most, are joint bins
_MOST = 1 << 13  # joint bins of a set: their products are held at once, beside operands and result
_SPARSE = 4  # possible joint bins for each element, at most: they are counted in an array


class Step(NamedTuple):
    """One segmented product: over elements of the step before, or of the operand, in this order."""

    rows: Rows
    offsets: Rows


class Histogram(NamedTuple):
    """Where the products of a feature's bins are: elements [start, start + len(bins)) of a step's result."""

    step: int
    start: int
    feature: int
    bins: Rows  # those that occur, rising


@dataclass(frozen=True)
class _Set:
    """Features whose joint bins are told apart."""

    bins: Rows  # of each element, numbered from 0 without gaps: int64[S]
    count: int
    feature: int = -1  # of a set of one: its number, and its own bins
    own: Rows | None = None
    # Of a joint set: its halves, and which bin of each half a joint bin lies in.
    parts: tuple[tuple[_Set, Rows], ...] = ()


def promising(bins: npt.NDArray[np.integer]) -> bool:
    """Whether a plan for bins[F, S], at least 0, may save products: a quick look.

    No features join if the two with the fewest bins do not.
    """
    features, elements = bins.shape
    if features < 2 or elements < _FEWEST:
        return False
    own = bins - bins.min(axis=1, keepdims=True)
    width = int(own.max()) + 1
    if width > elements:
        return True  # bins that are named sparsely, which plan() counts
    places = (own + width * np.arange(features)[:, None]).ravel()
    counts = np.count_nonzero(np.bincount(places, minlength=features * width).reshape(features, width), axis=1)
    least, second = np.partition(counts, 1)[:2].tolist()
    return bool(least * second <= _SPARSE * elements)


def plan(bins: npt.NDArray[np.int64]) -> tuple[list[Step], list[Histogram]]:
    """Segmented products, one after the other, that make the histograms of some features.

    Args:
        bins: int64[F, S], at least 0: bins[f, i] is the bin of element i by feature f.

    Returns: the steps, and for each feature where its histogram is, in the order of features.
    """
    steps: list[Step] = []
    found: list[Histogram] = []
    # Of each set in a step: the elements it takes, and the bin of each.
    todo = [
        (root, np.arange(len(root.bins)), root.bins) for root in _joined([_single(*one) for one in enumerate(bins)])
    ]
    while todo:
        rows, counts, following, start = [], [], [], 0
        for each, elements, own in todo:
            order = np.argsort(narrow(own, each.count), kind="stable")
            rows.append(elements[order])
            counts.append(np.bincount(own, minlength=each.count))
            if each.own is not None:
                found.append(Histogram(len(steps), start, each.feature, each.own))
            following += [(part, start + np.arange(each.count), inner) for part, inner in each.parts]
            start += each.count
        steps.append(Step(np.concatenate(rows), np.concatenate([[0], np.cumsum(np.concatenate(counts))])))
        todo = following
    return steps, sorted(found, key=lambda histogram: histogram.feature)


def _single(feature: int, bins: npt.NDArray[np.int64]) -> _Set:
    numbers, own = _numbered(bins, np.bincount(bins) > 0)
    return _Set(numbers, len(own), feature, own)


def _joined(sets: list[_Set]) -> Iterator[_Set]:
    """Sets of features that share no more, from those of one feature: the two with the fewest bins join first."""
    queue = [(each.count, number, each) for number, each in enumerate(sets)]
    heapq.heapify(queue)
    number = len(queue)
    while len(queue) > 1:
        elements = len(queue[0][2].bins)
        (_, _, a), (_, _, b) = heapq.heappop(queue), heapq.heappop(queue)
        joint = None
        if elements >= _FEWEST and a.count * b.count <= _SPARSE * elements:
            joint = _joint(a, b, int(min(_MOST, _OCCUPIED * elements)))
        if joint is None:
            yield a  # with any other set it has more joint bins still, but for chance
            heapq.heappush(queue, (b.count, number, b))
        else:
            heapq.heappush(queue, (joint.count, number, joint))
        number += 1
    yield from (each for _, _, each in queue)


def _joint(a: _Set, b: _Set, most: int) -> _Set | None:
    """Both sets in one, unless it has more joint bins than that."""
    values = a.bins * b.count + b.bins
    present = np.bincount(values, minlength=a.count * b.count) > 0
    if np.count_nonzero(present) > most:
        return None
    numbers, pairs = _numbered(values, present)
    return _Set(numbers, len(pairs), parts=((a, pairs // b.count), (b, pairs % b.count)))


def _numbered(values: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Values numbered without gaps, and which they are, rising; present[v] tells whether v is among them."""
    return (np.cumsum(present) - 1)[values], np.flatnonzero(present)


def narrow(values: Rows, count: int) -> npt.NDArray[np.integer]:
    """In 16 bits where they suffice: numpy sorts those by digits."""
    return values.astype(np.uint16) if count <= 1 << 16 else values
