"""How well scores find the buyers: area under the ROC curve, and lift among the highest scores.

Rows of equal score stand in no order, so every figure is the mean over all orders of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


def auc(labels: Labels, scores: Scores) -> float:
    """The chance that a buyer scores above a non-buyer, ties counted half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[place]  # from 1, the mean over equals
    buyers = int(labels.sum())
    others = len(labels) - buyers
    return float((ranks[labels].sum() - buyers * (buyers + 1) / 2.0) / (buyers * others))


def found(labels: Labels, scores: Scores) -> Scores:
    """float64[rows + 1]: buyers expected among the k highest scores, for every k."""
    order = np.argsort(-scores, kind="stable")
    _, starts, counts = np.unique(-scores[order], return_index=True, return_counts=True)
    shares = np.add.reduceat(labels[order].astype(np.float64), starts) / counts
    return np.concatenate([[0.0], np.cumsum(np.repeat(shares, counts))])


def lift(labels: Labels, scores: Scores, share: float = 0.05) -> float:
    """Buyers among the highest-scored share of the rows, as a multiple of what a random choice finds."""
    top = max(1, round(share * len(labels)))
    return float(found(labels, scores)[top] / top / labels.mean())
