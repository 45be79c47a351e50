"""Gradient-boosted trees on exact integers, over columns that several holders keep.

Logistic loss, second order, as XGBoost (Chen and Guestrin, KDD 2016, section 2) and in the form of SecureBoost
(Cheng et al., IEEE Intelligent Systems 36 (2021)): whoever has the labels grows the trees and asks each holder of
columns for histograms of gradients. Gradients are fixed-point integers, so their sums are the same integers whether
a holder adds them in the clear or under encryption, and everything that follows is float64 in one fixed order: the
trees are equal bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hepy.demos.joint_modeling.binning import Binned

SCALE_BITS = 24  # of gradients; a float32, in which XGBoost keeps them, has as many significant bits
_ONE = float(1 << SCALE_BITS)
_LARGEST = (1 << SCALE_BITS) - 1

Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Parameters:
    """What shapes the model.

    Attributes:
        trees: how many are grown.
        depth: splits from the root to a leaf, at most.
        learning_rate: the part of each leaf's optimal step that is taken.
        ridge: the penalty on squared leaf weights (lambda in XGBoost's paper).
        least_hessian: a child's sum of second derivatives, at least.
    """

    trees: int = 40
    depth: int = 3
    learning_rate: float = 0.1
    ridge: float = 1.0
    least_hessian: float = 1.0


class Holder(Protocol):
    """Whoever keeps columns of the customers: in this process, or behind a connection."""

    offsets: Integers

    def begin(self, gradients: Integers, train: npt.NDArray[np.bool_]) -> None:
        """A tree begins: int64[2, rows], first and second derivatives, zero in rows that are held out."""

    def histograms(self, nodes: Sequence[tuple[int, Rows]]) -> Iterator[Integers]:
        """For each node, int64[2, bins]: sums of its training rows' gradients by bin of each column."""

    def split(self, node: int, rows: Rows, bin: int) -> npt.NDArray[np.bool_]:
        """bool[len(rows)]: which rows of the node have a value in this bin of its column or in one before it."""

    def follow(self, node: int, left: npt.NDArray[np.bool_]) -> None:
        """The node was split by another holder's column; left says which of its rows go left."""


@dataclass(frozen=True)
class Split:
    """An inner node: rows with a value in `bin` or in an earlier bin of the column go left.

    Nodes are numbered as in a heap: the root is 1, the children of node i are 2i and 2i + 1.
    """

    node: int
    holder: int
    bin: int
    gain: float


@dataclass(frozen=True)
class Tree:
    """Splits in the order in which they were made, and leaves as (node, weight)."""

    splits: tuple[Split, ...]
    leaves: tuple[tuple[int, float], ...]


def digest(trees: Sequence[Tree]) -> str:
    """SHA-256 over every bit of the trees, in hexadecimal."""
    text = [
        [[[s.node, s.holder, s.bin, s.gain.hex()] for s in tree.splits], [[n, w.hex()] for n, w in tree.leaves]]
        for tree in trees
    ]
    return hashlib.sha256(json.dumps(text, separators=(",", ":")).encode()).hexdigest()


class LocalColumns:
    """A holder in this process, whose gradients are in the clear."""

    def __init__(self, binned: Binned) -> None:
        self.offsets = binned.offsets
        self._binned = binned
        self._gradients: Integers = np.zeros((2, 0), dtype=np.int64)
        self._train: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def begin(self, gradients: Integers, train: npt.NDArray[np.bool_]) -> None:
        self._gradients, self._train = gradients, train

    def histograms(self, nodes: Sequence[tuple[int, Rows]]) -> Iterator[Integers]:
        for _, rows in nodes:
            yield histogram(self._binned, self._gradients, rows[self._train[rows]])

    def split(self, node: int, rows: Rows, bin: int) -> npt.NDArray[np.bool_]:
        return goes_left(self._binned, rows, bin)

    def follow(self, node: int, left: npt.NDArray[np.bool_]) -> None:
        """Rows of nodes come with every call, so nothing has to be kept."""


def histogram(binned: Binned, gradients: Integers, rows: Rows) -> Integers:
    """int64[2, bins]: sums of the rows' gradients by bin."""
    bins = binned.bins[rows].ravel()
    # bincount adds in float64, which is exact for 2^(53 - SCALE_BITS) rows.
    sums = [
        np.bincount(bins, np.repeat(gradient[rows], binned.columns), minlength=binned.total) for gradient in gradients
    ]
    return np.stack(sums).astype(np.int64)


def goes_left(binned: Binned, rows: Rows, bin: int) -> npt.NDArray[np.bool_]:
    column = int(np.searchsorted(binned.offsets, bin, side="right")) - 1
    return np.asarray(binned.bins[rows, column] <= bin)


def gradients_of(margins: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> Integers:
    """int64[2, rows]: derivatives of the logistic loss, first p - y and second p (1 - p), times 2**SCALE_BITS.

    Absolute values are below 2**SCALE_BITS: the ends of the range are clipped by one unit.
    """
    p = 1.0 / (1.0 + np.exp(-margins))
    derivatives = np.stack([p - labels, p * (1.0 - p)])
    return np.clip(np.rint(derivatives * _ONE), -_LARGEST, _LARGEST).astype(np.int64)


def train(
    labels: npt.NDArray[np.bool_],
    train_rows: npt.NDArray[np.bool_],
    holders: Sequence[Holder],
    parameters: Parameters,
    after_tree: Callable[[int], None] = lambda tree: None,
) -> tuple[tuple[Tree, ...], npt.NDArray[np.float64]]:
    """Grow trees on the training rows and score every row.

    Args:
        labels: bool[rows]; only those of training rows are used.
        train_rows: bool[rows].
        holders: who keeps columns; on equal gains the first wins.
        parameters: the model's shape.
        after_tree: called with the number of trees grown so far.

    Returns: the trees, and float64[rows]: log-odds of every row, held-out rows included.
    """
    share = float(labels[train_rows].mean())
    margins = np.full(len(labels), np.log(share / (1.0 - share)))
    trees = []
    for grown in range(parameters.trees):
        gradients = np.where(train_rows, gradients_of(margins, labels), 0)
        tree, steps = _grow(gradients, train_rows, holders, parameters)
        margins += steps
        trees.append(tree)
        after_tree(grown + 1)
    return tuple(trees), margins


def _grow(
    gradients: Integers, train_rows: npt.NDArray[np.bool_], holders: Sequence[Holder], parameters: Parameters
) -> tuple[Tree, npt.NDArray[np.float64]]:
    """One tree, level by level, and its step for every row."""
    for holder in holders:
        holder.begin(gradients, train_rows)
    rows = {1: np.arange(gradients.shape[1])}
    sums = dict(zip([1], _gathered(holders, [(1, rows[1])]), strict=True))
    splits: list[Split] = []
    for level in range(parameters.depth):
        made = []
        for node in [n for n in sums if n >> level == 1]:
            split = _best_split(node, sums[node], holders, gradients[:, rows[node]].sum(axis=1), parameters)
            if split is not None:
                _apply(split, rows, holders)
                made.append(split)
        splits += made
        if level + 1 < parameters.depth:
            sums.update(_children(made, rows, sums, holders, train_rows))
    inner = {split.node for split in splits}
    leaves = []
    steps = np.zeros(gradients.shape[1])
    for node in sorted(set(rows) - inner):
        first, second = gradients[:, rows[node]].sum(axis=1).tolist()
        weight = -parameters.learning_rate * (first / _ONE) / (second / _ONE + parameters.ridge)
        steps[rows[node]] = weight
        leaves.append((node, weight))
    return Tree(tuple(splits), tuple(leaves)), steps


def _apply(split: Split, rows: dict[int, Rows], holders: Sequence[Holder]) -> None:
    here = rows[split.node]
    left = holders[split.holder].split(split.node, here, split.bin)
    for number, holder in enumerate(holders):
        if number != split.holder:
            holder.follow(split.node, left)
    rows[2 * split.node], rows[2 * split.node + 1] = here[left], here[~left]


def _children(
    splits: Sequence[Split],
    rows: dict[int, Rows],
    sums: dict[int, list[Integers]],
    holders: Sequence[Holder],
    train_rows: npt.NDArray[np.bool_],
) -> dict[int, list[Integers]]:
    """Histograms of the splits' children: the smaller child's is asked for, its sibling's is the difference."""
    asked = []
    for split in splits:
        left, right = 2 * split.node, 2 * split.node + 1
        asked.append(left if train_rows[rows[left]].sum() <= train_rows[rows[right]].sum() else right)
    out = {}
    for node, found in zip(asked, _gathered(holders, [(node, rows[node]) for node in asked]), strict=True):
        out[node] = found
        out[node ^ 1] = [whole - part for whole, part in zip(sums[node >> 1], found, strict=True)]
    return dict(sorted(out.items()))


def _gathered(holders: Sequence[Holder], nodes: Sequence[tuple[int, Rows]]) -> Iterator[list[Integers]]:
    """For each node, the histograms of every holder."""
    return (list(found) for found in zip(*(holder.histograms(nodes) for holder in holders), strict=True))


def _best_split(
    node: int, sums: list[Integers], holders: Sequence[Holder], total: Integers, parameters: Parameters
) -> Split | None:
    """The split of the largest positive gain, the first of equals."""
    best: Split | None = None
    for number, (holder, histograms) in enumerate(zip(holders, sums, strict=True)):
        gains = _gains(histograms, holder.offsets, total, parameters)
        bin = int(np.argmax(gains))
        if gains[bin] > (best.gain if best else 0.0):
            best = Split(node, number, bin, float(gains[bin]))
    return best


def _gains(histograms: Integers, offsets: Integers, total: Integers, parameters: Parameters) -> npt.NDArray[np.float64]:
    """float64[bins]: the loss that a split after each bin saves; 0 where none is allowed, and after a column's last."""
    running = np.cumsum(histograms, axis=1)
    before = np.concatenate([np.zeros((2, 1), dtype=np.int64), running], axis=1)[:, offsets[:-1]]
    left = running - np.repeat(before, np.diff(offsets), axis=1)
    right = total[:, None] - left
    (g, h), (g_left, h_left), (g_right, h_right) = total / _ONE, left / _ONE, right / _ONE
    ridge = parameters.ridge
    gains = g_left * g_left / (h_left + ridge) + g_right * g_right / (h_right + ridge) - g * g / (h + ridge)
    allowed = (h_left >= parameters.least_hessian) & (h_right >= parameters.least_hessian)
    return np.where(allowed, gains, 0.0)
