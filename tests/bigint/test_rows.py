"""Views of runs against the numbers that they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy.bigint import rows

slices = st.slices(40)


@given(st.lists(slices, max_size=4))
def test_slices_of_a_run_are_told_by_start_and_step(cuts):
    view = rows.identity(40)
    for cut in cuts:
        view = view[cut]
    start, step = rows.span(view)
    assert (start + step * np.arange(len(view))).tolist() == view.tolist()


def test_shapes_that_numpy_views_keep_their_run():
    array = rows.identity(24).reshape(2, 3, 4)
    assert rows.span(array.ravel()) == (0, 1)
    assert rows.span(array[1].ravel()) == (12, 1)
    assert rows.span(array[:, 0, 0]) == (0, 12)


def test_what_numpy_copies_is_no_span():
    array = rows.identity(24).reshape(4, 6)
    assert rows.span(array.T.ravel()) is None
    assert rows.span(rows.identity(10)[[0, 1, 2]]) is None
    assert rows.span(np.arange(10)) is None


@pytest.mark.parametrize(("row", "count"), [(0, 1), (7, 5), (5000, 3)])
def test_one_row_many_times(row, count):
    view = rows.repeated(row, count)
    assert view.tolist() == [row] * count
    assert rows.span(view) == (row, 0)


def test_longer_runs_leave_older_views_alone():
    before = rows.identity(10)
    longer = rows.identity(100_000)
    assert before.tolist() == list(range(10))
    assert rows.span(before) == (0, 1)
    assert rows.span(longer[5:]) == (5, 1)
    assert rows.span(rows.identity(0)) == (0, 0)
