"""Pieces of segments, and digits of exponents in buckets, against loops over them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _limbs as limb
from hepy.bigint import multi_power, segments
from hepy.errors import ParameterError


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 9))
def test_pieces_cover_their_segments(lengths, longest):
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))])
    cut, own = segments.pieces(offsets, longest)
    assert (np.diff(cut) >= 0).all()
    assert np.diff(cut).max(initial=0) <= longest
    assert cut[own].tolist() == offsets.tolist()
    assert (np.diff(own) >= 1).all()


@given(st.data(), st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_reordered_segments_keep_their_elements(data, lengths):
    order = data.draw(st.permutations(range(len(lengths))))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = 100 + np.arange(offsets[-1])[::-1]
    (batch, places), ends = segments.reordered(("batch", rows), offsets, np.array(order))
    assert batch == "batch"
    for s, segment in enumerate(order):
        own = rows[offsets[segment] : offsets[segment + 1]]
        assert places[ends[s] : ends[s + 1]].tolist() == own.tolist()


SORTS = [segments._sorted, *filter(None, [segments._compiled_sort()])]


@pytest.mark.parametrize("sort", SORTS, ids=["numpy", "compiled"][: len(SORTS)])
@given(bins=st.lists(st.integers(0, 9), max_size=20), count=st.integers(10, 12))
def test_rows_are_sorted_by_bin(sort, bins, count):
    rows = 100 + np.arange(len(bins))[::-1]
    ordered, offsets, places = sort(rows.copy(), np.array(bins, dtype=np.int64), count)
    occupied = sorted(set(bins))
    assert places.tolist() == [occupied.index(b) if b in occupied else len(occupied) for b in range(count)]
    groups = [ordered[start:stop].tolist() for start, stop in itertools.pairwise(offsets.tolist())]
    assert groups == [[int(rows[i]) for i, own in enumerate(bins) if own == b] for b in occupied] + [[]]


def test_bins_out_of_range_are_not_sorted():
    _cpu = pytest.importorskip("hepy._cpu")
    for bins in ([0, 3], [-1, 0]):
        with pytest.raises(ParameterError, match="out of range"):
            _cpu.sort_by_bin(np.arange(2), np.array(bins), 3)
    with pytest.raises(ParameterError, match="2 are read"):
        _cpu.sort_by_bin(np.arange(1), np.array([0, 1]), 3)


@given(st.integers(0, 60), st.integers(1, 70))
def test_runs_end_with_the_batch(count, run):
    offsets = segments.runs(count, run)
    assert [list(range(a, b)) for a, b in itertools.pairwise(offsets.tolist())] == [
        list(range(a, min(a + run, count))) for a in range(0, count, run)
    ]


@given(st.lists(st.integers(0, 2**100 - 1), min_size=1, max_size=10), st.integers(1, 12))
def test_digits_make_up_the_exponent(exponents, window):
    digits = multi_power.digits(limb.from_ints(exponents, 4), 100, window)
    sums = [sum(int(d) << (window * p) for p, d in enumerate(row)) for row in digits]
    assert sums == exponents


@given(st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=2), min_size=1, max_size=20))
def test_buckets_hold_the_bases_with_their_digit(rows):
    digits = np.array(rows, dtype=np.uint16)
    order, bounds = multi_power.buckets(digits, 7)
    for position in range(2):
        for digit in range(1, 8):
            at = position * 7 + digit - 1
            members = order[bounds[at] : bounds[at + 1]].tolist()
            assert members == np.flatnonzero(digits[:, position] == digit).tolist()


def test_few_terms_share_squarings_and_many_go_into_buckets():
    assert multi_power.plan(rows=10_000, terms=10, columns=1, bits=32).method == "straus"
    assert multi_power.plan(rows=1, terms=100_000, columns=4, bits=32).method == "pippenger"
