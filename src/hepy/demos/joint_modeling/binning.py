"""Columns cut into a few bins, which is all that a tree sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_BINS = 32


@dataclass(frozen=True)
class Binned:
    """Binned columns, with the bins of all columns numbered through.

    Column f owns the numbers offsets[f] .. offsets[f + 1] - 1, in the order of its values.

    Attributes:
        bins: int64[rows, columns]; bins[i, f] lies in [offsets[f], offsets[f + 1]).
        offsets: int64[columns + 1].
        thresholds: for each column, the largest value in each of its bins but the last.
    """

    bins: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    thresholds: tuple[npt.NDArray[np.int64], ...]

    @property
    def total(self) -> int:
        """How many bins all columns have together."""
        return int(self.offsets[-1])

    @property
    def columns(self) -> int:
        return len(self.offsets) - 1


def bin_columns(
    values: npt.NDArray[np.int64], train: npt.NDArray[np.bool_], order: Sequence[int] | None = None
) -> Binned:
    """Cut each column at quantiles of the training rows, into at most MAX_BINS bins.

    Args:
        values: int64[rows, columns].
        train: bool[rows]: the rows whose values decide where to cut.
        order: which columns, in which order; None takes all as they stand.
    """
    chosen = values if order is None else values[:, list(order)]
    thresholds = tuple(_cuts(chosen[train, f]) for f in range(chosen.shape[1]))
    offsets = np.concatenate([[0], np.cumsum([len(cuts) + 1 for cuts in thresholds])]).astype(np.int64)
    bins = np.empty(chosen.shape, dtype=np.int64)
    for f, cuts in enumerate(thresholds):
        bins[:, f] = offsets[f] + np.searchsorted(cuts, chosen[:, f], side="left")
    return Binned(bins, offsets, thresholds)


def _cuts(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Upper ends of all bins but the last: every distinct value if there are few, else quantiles of the rows."""
    distinct = np.unique(values)
    if len(distinct) <= MAX_BINS:
        return distinct[:-1]
    ranks = np.arange(1, MAX_BINS) * len(values) // MAX_BINS
    cuts = np.unique(np.sort(values)[ranks])
    return np.asarray(cuts[cuts < distinct[-1]])
