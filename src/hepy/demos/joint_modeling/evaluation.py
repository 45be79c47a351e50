"""Cross-validation in the clear: the bank alone against both parties, with the arithmetic of the encrypted run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hepy.demos.joint_modeling import boosting, metrics
from hepy.demos.joint_modeling.binning import bin_columns
from hepy.demos.joint_modeling.data import Customers, stratified_folds
from hepy.demos.joint_modeling.partner import column_order

FOLDS = 5
TOP_SHARE = 0.05


@dataclass(frozen=True)
class Fold:
    """One model on one fold.

    Attributes:
        held_out: bool[rows].
        trees: of the model trained on the other rows.
        scores: float64[rows]: log-odds.
        auc, lift: of the held-out rows; lift in the top 5 %.
    """

    held_out: npt.NDArray[np.bool_]
    trees: tuple[boosting.Tree, ...]
    scores: npt.NDArray[np.float64]
    auc: float
    lift: float


@dataclass(frozen=True)
class Repetition:
    """One way to cut the customers into folds, and both models on each."""

    folds: npt.NDArray[np.int64]
    bank: tuple[Fold, ...]
    joint: tuple[Fold, ...]


def cross_validate(
    customers: Customers,
    parameters: boosting.Parameters,
    seed: int,
    repetitions: int,
    after_fold: Callable[[], None] = lambda: None,
) -> list[Repetition]:
    """Train both models on every fold of every repetition; repetition r cuts the folds by seed + r."""
    out = []
    for repetition in range(repetitions):
        folds = stratified_folds(customers.labels, FOLDS, seed + repetition)
        bank, joint = [], []
        for k in range(FOLDS):
            bank.append(train_fold(customers, folds != k, parameters, joint_seed=None))
            joint.append(train_fold(customers, folds != k, parameters, joint_seed=seed))
            after_fold()
        out.append(Repetition(folds, tuple(bank), tuple(joint)))
    return out


def train_fold(
    customers: Customers,
    train_rows: npt.NDArray[np.bool_],
    parameters: boosting.Parameters,
    joint_seed: int | None,
) -> Fold:
    """One model in the clear.

    Args:
        joint_seed: the partner's seed, which numbers its columns; None leaves the partner out.
    """
    holders = [boosting.LocalColumns(bin_columns(customers.bank.values, train_rows))]
    if joint_seed is not None:
        values = customers.partner.values
        order = column_order(values.shape[1], joint_seed)
        holders.append(boosting.LocalColumns(bin_columns(values, train_rows, order)))
    trees, scores = boosting.train(customers.labels, train_rows, holders, parameters)
    return evaluated(customers.labels, ~train_rows, trees, scores)


def evaluated(
    labels: npt.NDArray[np.bool_],
    held_out: npt.NDArray[np.bool_],
    trees: tuple[boosting.Tree, ...],
    scores: npt.NDArray[np.float64],
) -> Fold:
    there, their = labels[held_out], scores[held_out]
    return Fold(held_out, trees, scores, metrics.auc(there, their), metrics.lift(there, their, TOP_SHARE))
