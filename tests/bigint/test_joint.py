"""Histograms by joint bins: what a plan's steps make, and how few products they take."""

import numpy as np
import pytest

from hepy import bigint
from hepy.bigint import joint

EACH_ENGINE = True

DRAW = np.random.default_rng(7)


def uniform(features, elements, bins):
    return DRAW.integers(0, bins, (features, elements))


CASES = {
    "two features": uniform(2, 1000, 8),
    "many features": uniform(9, 700, 5),
    "bins of their own": uniform(4, 600, 6) + 100 * np.arange(4)[:, None],
    "too few elements": uniform(5, 40, 2),
    "too many bins": uniform(3, 300, 200),
    "a bin for all": np.vstack([np.zeros((2, 300), np.int64), uniform(1, 300, 3)]),
    "the same feature twice": np.repeat(uniform(1, 500, 40), 2, axis=0),
    "skewed": np.minimum(DRAW.geometric(0.4, (6, 800)), 20),
    "one feature": uniform(1, 300, 4),
    "no elements": np.empty((3, 0), np.int64),
}


def terms(steps, elements):
    """Which elements each element of each step's result is a product of."""
    made, last = [], [[i] for i in range(elements)]
    for step in steps:
        bounds = zip(step.offsets[:-1].tolist(), step.offsets[1:].tolist(), strict=True)
        last = [[i for row in step.rows[a:b].tolist() for i in last[row]] for a, b in bounds]
        made.append(last)
    return made


def products(steps):
    return sum(len(step.rows) - (len(step.offsets) - 1) for step in steps)


@pytest.mark.parametrize("bins", CASES.values(), ids=CASES)
def test_each_bin_has_its_elements_once(bins):
    steps, histograms = joint.plan(bins)
    made = terms(steps, bins.shape[1])
    assert [histogram.feature for histogram in histograms] == list(range(len(bins)))
    for own, histogram in zip(bins, histograms, strict=True):
        assert histogram.bins.tolist() == sorted(set(own.tolist()))
        here = made[histogram.step][histogram.start : histogram.start + len(histogram.bins)]
        assert [sorted(each) for each in here] == [np.flatnonzero(own == bin).tolist() for bin in histogram.bins]


@pytest.mark.parametrize("bins", CASES.values(), ids=CASES)
def test_no_plan_takes_more_products_than_one_feature_after_the_other(bins):
    assert products(joint.plan(bins)[0]) <= sum(len(own) - len(set(own.tolist())) for own in bins)


@pytest.mark.parametrize(
    ("features", "elements", "bins", "saved"), [(10, 20_000, 32, 0.44), (6, 20_000, 4, 0.75), (10, 500, 32, 0)]
)
def test_many_elements_take_a_part_of_the_products(features, elements, bins, saved):
    steps, _ = joint.plan(uniform(features, elements, bins))
    one_by_one = features * (elements - bins)
    assert products(steps) <= (1 - saved) * one_by_one
    assert (len(steps) > 1) == (saved > 0)


@pytest.mark.parametrize("bins", CASES.values(), ids=CASES)
def test_a_quick_look_overlooks_no_plan_that_joins(bins):
    assert joint.promising(bins) or len(joint.plan(bins)[0]) == 1


def test_a_quick_look_spares_plans_that_join_nothing():
    assert not joint.promising(uniform(10, 100, 4))
    assert not joint.promising(uniform(10, 200, 100))
    assert not joint.promising(uniform(1, 1000, 4))
    assert joint.promising(10**9 + 3 * uniform(2, 1000, 4))


@pytest.mark.parametrize("masked", [False, True])
def test_residues_multiply_by_joint_bins(device, masked):
    n, features, elements = 2**89 - 1, 4, 200
    bins = uniform(features, elements, 3)
    values = [int(value) for value in DRAW.integers(1, 2**62, elements)]
    mask = DRAW.random(elements) < 0.9 if masked else None
    got = bigint.Modulus(n).array(values).segment_product(bins, 5, mask).to_ints().tolist()
    want = [[1] * 5 for _ in range(features)]
    for feature in range(features):
        for element in range(elements):
            if mask is None or mask[element]:
                place = bins[feature, element]
                want[feature][place] = want[feature][place] * values[element] % n
    assert got == want
