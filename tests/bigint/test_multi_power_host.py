"""Plans for products of powers on the host: which method, how many spans, and tables that stay within their memory."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import bigint, options
from hepy._host import engines
from hepy.bigint import multi_power_host
from hepy.bigint.multi_power_host import Plan

N = 2**521 - 1


windows = pytest.mark.parametrize("sliding", [True, False])


@windows
def test_few_terms_take_tables_and_many_take_buckets(sliding):
    assert multi_power_host.plan(10, 1, 32, taken=10, size=512, sliding=sliding).method == "straus"
    assert multi_power_host.plan(100_000, 4, 32, taken=400_000, size=512, sliding=sliding).method == "pippenger"


@windows
def test_more_columns_pay_for_larger_tables(sliding):
    chosen = [multi_power_host.plan(128, m, 31, 128 * m, 512, sliding).window for m in (1, 8, 64, 1024)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1]


@windows
@pytest.mark.parametrize("size", [8, 1 << 9, 1 << 13, 1 << 21])
@pytest.mark.parametrize("terms", [128, 100_000])
def test_tables_and_buckets_hold_no_more_than_they_may(size, terms, sliding):
    chosen = multi_power_host.plan(terms, 1000, 31, 1000 * terms, size, sliding)
    powers = terms << (chosen.window - sliding) if chosen.method == "straus" else 1 << chosen.window
    most = multi_power_host._TABLES if chosen.method == "straus" else multi_power_host._BUCKETS
    assert chosen.window == 1 or powers * size <= most


@given(st.integers(1, 300), st.floats(0, 5000), st.integers(1, 512), st.integers(1, 64))
def test_spans_never_take_longer_than_none(results, terms, workers, bits):
    plan = Plan("straus", 4, 8, bits, bits / 5)
    cut = multi_power_host.spans(results, terms, plan, workers)

    def time(spans):
        return math.ceil(results * spans / workers) * (bits + terms / spans * bits / 5 + 1)

    assert 1 <= cut <= max(1, math.ceil(terms))
    assert time(cut) <= time(1)


@pytest.mark.parametrize(("results", "workers", "cut"), [(1, 2, 2), (16, 2, 1), (3, 2, 2), (1000, 64, 1), (2, 8, 4)])
def test_every_worker_has_some_terms_of_few_results(results, workers, cut):
    assert multi_power_host.spans(results, 1000, Plan("straus", 4, 8, 31, 6.2), workers) == cut


@pytest.mark.parametrize("name", engines.usable())
@pytest.mark.parametrize("memory", [1, 1 << 14])
def test_rows_go_in_turn_where_tables_have_little_room(name, memory, monkeypatch):
    monkeypatch.setattr(options, "engine", name)
    monkeypatch.setattr(multi_power_host, "_TABLES", memory)
    bases = [[3 + 7 * r + k for k in range(6)] for r in range(5)]
    exponents = [[(k + 2) ** 9 * (-1) ** (k + m) for m in range(3)] for k in range(6)]
    want = [
        [math.prod(pow(b, e[m], N) for b, e in zip(row, exponents, strict=True)) % N for m in range(3)] for row in bases
    ]
    x = bigint.Modulus(N).array(np.array(bases))
    assert x.multi_power_vartime(exponents).to_ints().tolist() == want


@pytest.mark.parametrize("name", engines.usable())
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize(
    ("lead", "terms", "columns"), [((), 1, ()), ((), 40, ()), ((), 9, (1,)), ((1,), 9, (3,)), ((2, 2), 3, (2,))]
)
def test_shapes_and_threads(name, threads, lead, terms, columns, monkeypatch):
    monkeypatch.setattr(options, "engine", name)
    monkeypatch.setattr(options, "threads", threads)
    bases = np.arange(2, 2 + math.prod(lead) * terms).reshape(*lead, terms)
    exponents = (np.arange(math.prod(columns) * terms).reshape(terms, *columns) * 977) ** 3 % 4001
    want = np.array(
        [
            math.prod(pow(int(b), int(e), N) for b, e in zip(row, column, strict=True)) % N
            for row in bases.reshape(-1, terms)
            for column in exponents.reshape(terms, -1).T
        ],
        dtype=object,
    )
    made = bigint.Modulus(N).array(bases).multi_power_vartime(exponents)
    assert made.shape == (*lead, *columns)
    assert made.to_ints().ravel().tolist() == want.tolist()


@pytest.mark.parametrize("name", engines.usable())
def test_nothing_and_powers_of_nothing(name, monkeypatch):
    monkeypatch.setattr(options, "engine", name)
    modulus = bigint.Modulus(N)
    assert modulus.array([2, 3]).multi_power_vartime([[0, 0], [0, 0]]).to_ints().tolist() == [1, 1]
    assert modulus.array(np.empty((0, 3), np.int64)).multi_power_vartime([[1], [2], [3]]).shape == (0, 1)
    assert modulus.array([2, 3]).multi_power_vartime(np.empty((2, 0), np.int64)).shape == (0,)
