"""hepy's own thread pool: work over ranges of a batch, with the GIL released by the work itself.

One pool serves the process, and whoever calls works along: handing work over costs as much as a hundred products, and
with the pool busy for others a caller does its own. A call from inside such work runs in place, so nested calls
cannot wait for each other; a forked child starts with no pool and makes its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

from hepy._host.locks import new_lock
from hepy.options import options

_SHORTEST = 16  # the shortest range is that part of a thread's share

_lock = new_lock()
_executor: ThreadPoolExecutor | None = None
_size = 0
_inside = threading.local()

_Work = Callable[[int, int], object]


def parallel_ranges(count: int, grain: int, work: _Work) -> None:
    """Run `work(start, stop)` over ranges that cover [0, count), on `options.threads` threads.

    Args:
        count: number of items.
        grain: fewest items worth a range of their own.
        work: fills its range and returns; ranges run at the same time, in any order.

    Raises: what `work` raised in the first range that failed, after every range has ended.
    """
    threads = options.threads
    if threads == 1 or count < 2 * max(grain, 1) or getattr(_inside, "work", False):
        if count:
            work(0, count)
        return
    todo = deque(_ranges(count, max(grain, 1), threads))
    failures: list[tuple[int, BaseException]] = []
    # Submitted under the lock: a change of options.threads shuts the old pool down, and a pool that is
    # shutting down takes no more work.
    with _lock:
        pool = _pool(threads - 1)
        helpers = [pool.submit(_run, work, todo, failures) for _ in range(min(threads, len(todo)) - 1)]
    try:
        _run(work, todo, failures)
    finally:
        wait([helper for helper in helpers if not helper.cancel()])
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]


def _ranges(count: int, grain: int, threads: int) -> Iterator[tuple[int, int]]:
    """Ranges of at least `grain` items that cover [0, count): long ones first, ever shorter ones towards the end.

    A range has its price, and a thread that has none left waits for the others' last ones: those are short, so that what
    differs between items, cores and the machine's other load costs little (Polychronopoulos and Kuck, IEEE Trans. Comput.
    C-36 (1987)).
    """
    least = max(grain, -(-count // (_SHORTEST * threads)))
    start = 0
    while start < count:
        stop = start + max(least, (count - start) // (2 * threads))
        if count - stop < grain:
            stop = count
        yield start, stop
        start = stop


def _pool(size: int) -> ThreadPoolExecutor:
    """The pool of that size; call with the lock held."""
    global _executor, _size
    if _executor is None or _size != size:
        if _executor is not None:
            _executor.shutdown(wait=False)
        _executor, _size = ThreadPoolExecutor(size, thread_name_prefix="hepy"), size
    return _executor


def _run(work: _Work, todo: deque[tuple[int, int]], failures: list[tuple[int, BaseException]]) -> None:
    """Take ranges until there are none."""
    _inside.work = True
    try:
        while todo:
            try:
                start, stop = todo.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                work(start, stop)
            except BaseException as error:
                failures.append((start, error))
    finally:
        _inside.work = False


def _forget() -> None:
    global _executor, _size
    _executor, _size = None, 0
    _inside.work = False


os.register_at_fork(after_in_child=_forget)
