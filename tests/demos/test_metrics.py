"""Metrics of the joint model, against scikit-learn and against all orders of equal scores."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hepy.demos.joint_modeling import metrics


@pytest.mark.parametrize("levels", [2, 7, 1000])
def test_auc_is_scikit_learns(levels):
    generator = np.random.default_rng(levels)
    labels = generator.random(500) < 0.1
    scores = generator.integers(0, levels, 500) / levels  # few levels make many ties
    assert metrics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_found_is_the_mean_over_all_orders_of_equal_scores():
    labels = np.array([True, False, False, True, False])
    scores = np.array([1.0, 2.0, 1.0, 1.0, 0.0])
    orders = [
        p for p in itertools.permutations(range(5)) if all(scores[a] >= scores[b] for a, b in itertools.pairwise(p))
    ]
    expected = np.mean([np.concatenate([[0], np.cumsum(labels[list(order)])]) for order in orders], axis=0)
    assert metrics.found(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_lift_of_perfect_random_and_inverted_scores():
    labels = np.arange(1000) < 50
    assert metrics.lift(labels, labels.astype(float)) == 20.0
    assert metrics.lift(labels, np.zeros(1000)) == pytest.approx(1.0)
    assert metrics.lift(labels, -labels.astype(float)) == 0.0
