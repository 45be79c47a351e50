"""One key in many threads and in forked children."""

import multiprocessing
import operator
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from hepy import options, paillier

forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12's word on processes with threads


def test_many_threads_share_a_new_key(monkeypatch, seed):
    """Nothing of the key is prepared yet: all first uses meet."""
    monkeypatch.setattr(options, "threads", 2)
    key = paillier.generate_key(512, seed=seed("threads"), insecure=True)
    together = threading.Barrier(8, timeout=60)

    def work(number):
        together.wait()
        values = np.arange(60) + number
        x = (key.encrypt if number % 2 else key.public_key.encrypt)(values)
        assert np.array_equal(key.decrypt(2 * x + x[::-1]), 2 * values + values[::-1])
        return x.residues.to_ints().tolist()

    with ThreadPoolExecutor(8) as threads:
        made = [c for residues in threads.map(work, range(8)) for c in residues]
    assert len(set(made)) == len(made)


def test_one_array_is_read_by_many_threads(key):
    values = np.arange(200)
    x = key.public_key.encrypt(values)
    with ThreadPoolExecutor(6) as threads:
        sums = threads.map(lambda k: key.decrypt((x * k).sum()).item(), range(12))
    assert list(sums) == [k * values.sum() for k in range(12)]


@forks
def test_a_forked_child_uses_the_key_and_draws_anew(key, in_a_child):
    values = np.arange(100)
    key.public_key.encrypt(values)

    def residues():
        x = key.public_key.encrypt(values)
        assert np.array_equal(key.decrypt(x), values)
        return [int(c) for c in x.residues.to_ints()]

    assert not {*in_a_child(residues)} & {*residues()}


@forks
def test_a_fork_while_another_thread_prepares_the_key(seed, in_a_child):
    key = paillier.generate_key(512, seed=seed("forking"), insecure=True)
    key._lock.acquire()
    key.public_key._lock.acquire()
    try:
        assert in_a_child(lambda: key.decrypt(key.encrypt([1, 2])).tolist()) == [1, 2]
    finally:
        key._lock.release()
        key.public_key._lock.release()


def test_a_process_of_its_own_computes_for_this_one(key):
    """Public keys and ciphertexts travel between processes; what such a process encrypts is drawn anew."""
    public, x = key.public_key, key.public_key.encrypt([1, 2, 3])
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        doubled = processes.submit(operator.mul, x, 2)
        made = [processes.submit(paillier.PublicKey.encrypt, public, [7]) for _ in range(4)]
        assert key.decrypt(doubled.result()).tolist() == [2, 4, 6]
        results = [one.result() for one in made]
    assert [key.decrypt(one).tolist() for one in results] == [[7]] * 4
    assert len({one.digest() for one in results}) == 4


def test_many_threads_take_turns_with_all_that_an_array_does(key):
    """One array, one key, every operation at once: each result is its own."""
    values = np.arange(30)
    x, matrix = key.public_key.encrypt(values, value_bits=16), np.arange(60).reshape(30, 2)

    def work(number):
        match number % 6:
            case 0:
                return np.array_equal(key.decrypt(x + number), values + number)
            case 1:
                return np.array_equal(key.decrypt(x @ matrix), values @ matrix)
            case 2:
                return np.array_equal(key.decrypt(x.segment_sum(values % 5, 5)), [values[b::5].sum() for b in range(5)])
            case 3:
                return np.array_equal(key.decrypt(x.squeeze_pack(5)).ravel(), values)
            case 4:
                return np.array_equal(key.decrypt(x[::-1].rerandomize()), values[::-1])
            case _:
                return np.array_equal(key.decrypt(-x * number), -values * number)

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(work, range(36)))
