"""Lists of integers as arrays, and objects made many at once: compiled and in Python, against Python's own ways."""

import gc
import sys

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
    assert lists._here("flatten", lists._by_numpy) is EACH[-1]


MAKERS = [lists._one_by_one] + [_cpu.instances for _ in EACH[1:]]


class Pair:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        raise AssertionError


@pytest.mark.parametrize("instances", MAKERS, ids=["Python", "compiled"][: len(MAKERS)])
def test_objects_are_made_with_their_slots(instances):
    shared = {}
    before = sys.getrefcount(shared)
    made = instances(Pair, 3, {"left": [1, [2], None], "right": shared})
    assert [type(each) for each in made] == [Pair] * 3
    assert [each.left for each in made] == [1, [2], None]
    assert all(each.right is shared for each in made)
    assert sys.getrefcount(shared) == before + 3
    assert gc.is_tracked(made[0])
    del made
    assert sys.getrefcount(shared) == before
    assert instances(Pair, 0, {"left": [], "right": 1}) == []
    assert not hasattr(instances(Pair, 1, {"left": 1})[0], "right")
    with pytest.raises(AttributeError):
        instances(Pair, 1, {"neither": 1})
    for values in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match=r"more|longer|shorter"):
            instances(Pair, 2, {"left": values})
