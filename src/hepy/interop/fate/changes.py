"""What changes a vector in place: sums of ranges, histograms, running sums.

Everything is computed before anything is changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy._host import lists
from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.bigint.joint import promising
from hepy.errors import ParameterError
from hepy.interop.fate.errors import ArgumentTypeError, RangeError
from hepy.interop.fate.scaling import NONE, Exponents, Integers, combine, histograms, replaced, sums_by_target
from hepy.interop.fate.vectors import CiphertextVector, as_array, check_range, expected, listed, whole
from hepy.paillier import PublicKey

Parts = tuple[ResidueArray, Exponents]


def combine_in_place(
    a: CiphertextVector, b: CiphertextVector, sa: int, sb: int, size: int | None, key: PublicKey, *, subtract: bool
) -> None:
    """a[sa:sa+size] += b[sb:sb+size], or -=; without a size, as far as both go."""
    a, b = expected(CiphertextVector, a), expected(CiphertextVector, b)
    sa, sb = whole("sa", sa), whole("sb", sb)
    if size is None:
        size = max(0, min(len(a) - sa, len(b) - sb))
    left = slice(*check_range(len(a), sa, size, "a"))
    right = slice(*check_range(len(b), sb, size, "b"))
    mine, theirs = a.parts(key, b.home), b.parts(key, a.home)
    changed = combine(mine[0][left], mine[1][left], theirs[0][right], theirs[1][right], subtract=subtract)
    _put(a, left, changed, key, mine)


def stride_of(stride: Any) -> int:
    """A stride, which is at least 1."""
    width = whole("the stride", stride)
    if width == 0:
        raise ParameterError("a stride is at least 1")
    return width


def flattened(positions: Any) -> tuple[Integers, Integers]:
    """How many positions each sample has, and all of them: int64[S], int64[P]."""
    if not hasattr(positions, "__len__") or isinstance(positions, dict | set):
        raise ArgumentTypeError(f"positions are a list of places for each sample, not {type(positions).__name__}")
    if len(positions) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    flat = lists.flattened(positions) if type(positions) is list else None
    return _of_arrays(positions) if flat is None else flat


def _of_arrays(positions: Any) -> tuple[Integers, Integers]:
    try:
        rectangle = np.asarray(positions)
    except (TypeError, ValueError, RuntimeError):  # numpy 1.24 and later refuse rows of different lengths
        rows = [as_array(row).ravel() for row in listed("positions", positions)]
        counts, bins = np.array(list(map(len, rows)), dtype=np.int64), np.concatenate([row for row in rows if len(row)])
    else:
        if rectangle.ndim != 2:
            raise ArgumentTypeError("positions are a list of places for each sample")
        counts, bins = np.full(len(rectangle), rectangle.shape[1], dtype=np.int64), rectangle.ravel()
    if bins.dtype == object and all(isinstance(each, int) for each in bins.flat):
        raise RangeError("a position has more than 63 bits")
    if bins.size and bins.dtype.kind not in "iu":
        raise ArgumentTypeError(f"positions are integers, not {bins.dtype}")
    return counts, bins.astype(np.int64)


def update(
    a: CiphertextVector,
    b: CiphertextVector,
    samples: Integers,
    counts: Integers,
    bins: Integers,
    width: int,
    key: PublicKey,
) -> None:
    """Add elements of samples of b to elements of bins of a, `width` of them side by side each.

    Args:
        samples: which samples, int64[S], rising.
        counts: how many bins each of them has, int64[S].
        bins: the bins of all, one sample after the other, int64[P], and perhaps those of more behind them.
    """
    a, b = expected(CiphertextVector, a), expected(CiphertextVector, b)
    sources = samples.repeat(counts)
    bins = bins[: len(sources)]
    if not len(bins):
        a.parts(key)
        return
    last = int(sources[-1])
    if last * width + width > len(b):
        raise RangeError(f"positions for sample {last}, at stride {width}, leave a vector of {len(b)}")
    if int(bins.view(np.uint64).max()) * width + width > len(a):  # negative ones are the largest of all there
        raise RangeError(
            f"positions go from {bins.min()} to {bins.max()}: at stride {width} they leave a vector of {len(a)}"
        )
    residues, exponents = b.parts(key, a.home)
    sources, targets = _strided(sources, width), _strided(bins, width)
    used = exponents[sources]
    there = used != NONE  # what is not is the ciphertext 1, which adds nothing
    count = np.count_nonzero(there)
    if not count:
        a.parts(key, b.home)
        return
    features = len(bins) // len(counts)
    regular = features * len(counts) == len(bins) and promising(bins.reshape(-1, features).T)
    if regular and (counts == features).all() and (used == used[0]).all():
        # As many bins of each sample: those in one place belong to one feature.
        columns = [residues[samples * width + k] for k in range(width)]
        by_feature = list(targets.reshape(-1, features, width).transpose(2, 1, 0))
        sums, sum_exponents, places = histograms(columns, used[0], by_feature, len(a))
    else:
        if count < len(used):
            sources, used, targets = sources[there], used[there], targets[there]
        sums, sum_exponents, places = sums_by_target(residues[sources], used, targets, len(a))
    if a.public_key is None:  # zeros, to which nothing need be added
        a.assign(key, sums[places], sum_exponents[places])
        return
    mine, at = a.parts(key), np.flatnonzero(places < len(sums) - 1)
    _put(a, at, combine(mine[0][at], mine[1][at], sums[:-1], sum_exponents[:-1], subtract=False), key, mine)


def _strided(places: Integers, width: int) -> Integers:
    """places * width + k for each k < width, flat."""
    return places if width == 1 else (places[:, None] * width + np.arange(width)).ravel()


def cumsum(a: CiphertextVector, sizes: list[int], step: int, key: PublicKey) -> None:
    """Running sums within chunks of these sizes, over every step-th element."""
    total = sum(sizes)
    check_range(len(expected(CiphertextVector, a)), 0, total, "the chunks")
    residues, exponents = a.parts(key)
    starts = np.cumsum([0, *sizes])[:-1]
    lengths = np.array(sizes, dtype=np.int64)
    at, parts, exponent_parts = [], [], []
    for size in sorted(set(sizes) - {0}):  # chunks of one size are done at once
        first = starts[lengths == size]
        width = min(step, size)
        rows = -(-size // width)
        # A last row that is not full repeats the chunk's last element: nothing that is kept depends on it.
        within = np.minimum(np.arange(rows * width), size - 1).reshape(rows, width)
        places_here = first[:, None, None] + within
        sums, sum_exponents = _running(residues[places_here], exponents[places_here])
        kept = np.arange(size)
        at.append((first[:, None] + kept).ravel())
        parts.append(sums.reshape(len(first), rows * width)[:, kept].ravel())
        exponent_parts.append(sum_exponents.reshape(len(first), rows * width)[:, kept].ravel())
    if at:
        where, changed = np.concatenate(at), (concatenate_residues(parts), np.concatenate(exponent_parts))
        if len(at) > 1:
            order = np.argsort(where)
            where, changed = where[order], (changed[0][order], changed[1][order])
        _put(a, where, changed, key, (residues, exponents))


def _running(residues: ResidueArray, exponents: Exponents) -> Parts:
    """Running sums along the middle axis of (chunks, rows, step)."""
    if (exponents == exponents.flat[0]).all():
        return residues.cumprod(1), exponents
    chunks, rows, step = residues.shape
    sums = [(residues[:, 0].ravel(), exponents[:, 0].ravel())]
    for row in range(1, rows):
        sums.append(combine(*sums[-1], residues[:, row].ravel(), exponents[:, row].ravel(), subtract=False))
    shape = (rows, chunks, step)
    joined = concatenate_residues([part for part, _ in sums]).reshape(*shape).transpose(1, 0, 2)
    return joined, np.concatenate([part for _, part in sums]).reshape(shape).transpose(1, 0, 2)


def _put(a: CiphertextVector, at: slice | Integers, new: Parts, key: PublicKey, old: Parts) -> None:
    """Elements of a slice, or at places in rising order, become the new ones; `old` is what `a` has."""
    residues, exponents = new
    if len(exponents) < len(a):
        residues = replaced(old[0], at, residues)
        exponents = old[1].copy()
        exponents[at] = new[1]
    a.assign(key, residues, exponents)
