"""The thread pool and the locks: every range once, errors that arrive, forks that do not hang, many threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hepy import bigint, options
from hepy._host import pool
from hepy._host.locks import new_lock
from hepy.errors import ParameterError

N = 2**521 - 1
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12's word on processes with threads


@pytest.fixture(params=[1, 2, 5])
def threads(request, monkeypatch):
    monkeypatch.setattr(options, "threads", request.param)
    return request.param


@pytest.mark.parametrize(("count", "grain"), [(0, 1), (1, 1), (7, 1), (100, 9), (10, 100), (5, 0)])
def test_ranges_cover_every_item_once(threads, count, grain):
    seen = []
    pool.parallel_ranges(count, grain, lambda start, stop: seen.extend(range(start, stop)))
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize(("count", "grain"), [(2, 1), (3, 1), (16, 1), (100, 9), (1000, 1), (1023, 50), (70_000, 3)])
@pytest.mark.parametrize("shared_by", [2, 5, 64])
def test_ranges_are_worth_it_and_the_last_are_short(count, grain, shared_by):
    ranges = list(pool._ranges(count, grain, shared_by))
    lengths = [stop - start for start, stop in ranges]
    assert min(lengths) >= grain
    assert max(lengths) < 2 * grain + count / (2 * shared_by) + 1
    assert lengths[-1] < 2 * grain + count / (16 * shared_by) + 1
    assert len(lengths) <= 8 * shared_by
    assert [start for start, _ in ranges] + [count] == [0] + [stop for _, stop in ranges]


def test_work_runs_side_by_side(monkeypatch):
    monkeypatch.setattr(options, "threads", 2)
    together = threading.Barrier(2, timeout=30)
    pool.parallel_ranges(2, 1, lambda start, stop: together.wait())


def test_a_nested_call_runs_in_place(threads):
    names = []

    def outer(start, stop):
        here = threading.current_thread().name
        pool.parallel_ranges(4, 1, lambda i, j: names.append(threading.current_thread().name == here))

    pool.parallel_ranges(4, 1, outer)
    assert all(names) or threads == 1


def test_the_first_error_arrives_after_all_ranges_ended(threads):
    ended = []

    def work(start, stop):
        ended.append(stop - start)
        raise ValueError(f"range from {start}")

    with pytest.raises(ValueError, match="range from 0"):
        pool.parallel_ranges(8, 1, work)
    if threads > 1:
        assert sum(ended) == 8


def test_results_do_not_depend_on_threads(monkeypatch):
    x = bigint.Modulus(N).array(range(2, 900))
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(options, "threads", threads)
        made = [
            x * x,
            x.inverse(),
            x[:40].power(2**90 + 1),
            x.cumprod(),
            x.prod(),
            x[:90].multi_power_vartime([7] * 90),
        ]
        results.append([one.to_ints().tolist() for one in made])
    assert results[0] == results[1] == results[2]


def test_many_threads_use_one_modulus_and_one_base(monkeypatch):
    monkeypatch.setattr(options, "threads", 2)
    modulus = bigint.Modulus(N)
    base = modulus.fixed_base(3)

    def work(seed):
        exponents = [(seed + 1) * 10**30 + i for i in range(60)]
        powers = base.power(exponents)
        assert powers.to_ints().tolist() == [pow(3, e, N) for e in exponents]
        assert (powers * powers).to_ints().tolist() == [pow(9, e, N) for e in exponents]

    with ThreadPoolExecutor(8) as many:
        list(many.map(work, range(24)))


def test_changing_the_number_of_threads_while_others_work(monkeypatch):
    monkeypatch.setattr(options, "threads", 2)
    x = bigint.Modulus(N).array(range(400))
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for threads in (1, 2, 3):
                options.threads = threads

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(30):
            assert x.square().to_ints().tolist() == [i * i for i in range(400)]
    finally:
        stop.set()
        changing.join()


@forks
def test_a_forked_child_computes_on_its_own_pool(monkeypatch, in_a_child):
    monkeypatch.setattr(options, "threads", 2)
    x = bigint.Modulus(N).array(range(400))
    x.square()

    def child():
        assert pool._executor is None
        assert x.square().to_ints().tolist() == [i * i for i in range(400)]

    in_a_child(child)


@forks
def test_a_lock_held_elsewhere_is_open_in_a_forked_child(in_a_child):
    modulus = bigint.Modulus(N)
    base = modulus.fixed_base(3)
    locks = [new_lock(), modulus._lock, base._lock, pool._lock]
    for lock in locks:
        lock.acquire()
    try:

        def child():
            assert not any(lock.locked() for lock in locks)
            assert base.power([5]).to_ints().tolist() == [243]

        in_a_child(child)
    finally:
        for lock in locks:
            lock.release()


@pytest.mark.parametrize("value", [0, -1, 1025, 2.0, "2", True, None])
def test_threads_are_a_whole_number(value):
    before = options.threads
    with pytest.raises(ParameterError, match="whole number from 1 to 1024"):
        options.threads = value
    assert options.threads == before


@pytest.mark.parametrize("name", ["constant_time", "progress"])
def test_flags_are_true_or_false(name, monkeypatch):
    before = getattr(options, name)
    monkeypatch.setattr(options, name, not before)
    assert f"{name}={not before}" in repr(options)
    with pytest.raises(ParameterError, match=f"options.{name} is True or False"):
        setattr(options, name, 1)


def test_a_misspelt_option_is_an_error():
    with pytest.raises(AttributeError):
        options.thread = 2
