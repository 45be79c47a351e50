"""Memory for results is used again after the last view of it is gone, and never before."""

import gc
import threading

import numpy as np

from hepy.ring import buffers
from hepy.ring.addresses import address

SHAPE = (4, 1 << 13)


def at(array):
    return int(address(array))


def test_memory_returns_when_the_last_view_is_gone():
    buffers._free.clear()
    first = buffers.empty(SHAPE)
    place, view = at(first), first[1:, ::2]
    view[...] = 7
    del first
    gc.collect()
    other = buffers.empty(SHAPE)
    assert at(other) != place
    other[...] = 0
    assert (view == 7).all()
    del view
    gc.collect()
    assert buffers.kept() == 4 * np.prod(SHAPE)
    assert at(buffers.empty((2, 2, 1 << 13))) == place


def test_small_arrays_are_numpys_own():
    buffers._free.clear()
    small = buffers.empty((8,))
    assert small.base is None
    del small
    assert buffers.kept() == 0


def test_what_waits_is_bounded(monkeypatch):
    buffers._free.clear()
    size = 4 * int(np.prod(SHAPE))
    monkeypatch.setattr(buffers, "KEPT_BYTES", 3 * size)
    monkeypatch.setattr(buffers, "_KEPT_OF_A_SIZE", size)
    arrays = [buffers.empty(SHAPE) for _ in range(6)]
    del arrays
    gc.collect()
    assert buffers.kept() == 3 * size
    buffers._free.clear()


def test_threads_get_memory_of_their_own():
    failures = []

    def work(number):
        for _ in range(300):
            mine = buffers.empty(SHAPE)
            mine[...] = number
            if not (mine == number).all():
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
