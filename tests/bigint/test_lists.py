"""Lists of integers as arrays: compiled and by numpy, against Python's own lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy._host import lists

EACH = [lists._by_numpy]
try:
    from hepy import _cpu
except ImportError:
    pass
else:
    EACH.append(_cpu.flatten)

each = pytest.mark.parametrize("flatten", EACH, ids=["numpy", "compiled"][: len(EACH)])


@each
@given(rows=st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4), max_size=5))
def test_lists_are_laid_one_after_the_other(flatten, rows):
    counts, values = flatten(rows)
    assert counts.dtype == values.dtype == np.int64
    assert counts.tolist() == [len(row) for row in rows]
    assert values.tolist() == [value for row in rows for value in row]


@each
@pytest.mark.parametrize(
    "rows", [[[1], (2,)], [[1], 2], [[1.0]], [[True]], [[np.int64(1)]], [[2**63]], [[-(2**63) - 1]], [[None]], ["12"]]
)
def test_what_is_something_else_is_left_to_numpy(flatten, rows):
    assert flatten(rows) is None


def test_the_compiled_one_is_used_where_it_is():
    assert lists.flattened([[1, 2]])[1].tolist() == [1, 2]
    assert lists._flatten() is EACH[-1]
