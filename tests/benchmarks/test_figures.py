"""Rates, medians, quartiles and ratios."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy.benchmarks import figures

positive = st.floats(1e-3, 1e6)


def sample(seconds: float, fixed: float) -> dict[str, float]:
    return {"wall": 2 * seconds, "cpu": seconds, "fixed_cpu": fixed}


@given(st.lists(positive, min_size=1, max_size=9))
def test_spread_is_numpys_quartiles(values):
    got = figures.spread(values)
    assert (got.low, got.median, got.high) == pytest.approx(tuple(np.quantile(values, [0.25, 0.5, 0.75])))


def test_a_quiet_machine_leaves_rates_as_they_are():
    assert figures.rates([sample(2.0, 0.01), sample(4.0, 0.01)], items=8, quiet=0.01) == [4.0, 2.0]


def test_a_sample_beside_slow_fixed_work_is_scaled_by_it():
    slow, quiet = sample(3.0, 0.015), sample(2.0, 0.010)
    assert figures.rates([slow, quiet], items=6, quiet=0.010) == pytest.approx([3.0, 3.0])


def test_fixed_work_that_was_fast_scales_nothing_down():
    assert figures.rates([sample(1.0, 0.5)], items=1, quiet=1.0) == [1.0]


def test_the_wall_is_taken_as_it_is():
    assert figures.wall_rates([sample(1.0, 0.01), sample(2.0, 0.04)], items=8) == [4.0, 2.0]


def test_ratios_are_taken_within_rounds():
    # The machine slowed down threefold after the first round: each round says 2, the pooled medians would not.
    ours, theirs = [6.0, 2.0, 2.0], [3.0, 1.0, 1.0]
    assert figures.ratio(ours, theirs) == figures.Spread(2.0, 2.0, 2.0)


def test_ratio_of_unequal_rounds_compares_medians():
    got = figures.ratio([4.0], [1.0, 2.0, 3.0])
    assert got.median == 4.0 / statistics.median([1.0, 2.0, 3.0])
    assert got.low < got.median < got.high
