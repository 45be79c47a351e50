"""hepy's own thread pool: work over ranges of a batch, with the GIL released by the work itself.

One pool serves the process, and whoever calls works along: handing work over costs as much as a hundred products, and
with the pool busy for others a caller does its own. A call from inside such work runs in place, so nested calls
cannot wait for each other; a forked child starts with no pool and makes its own.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from hepy._host.locks import new_lock
from hepy.options import options

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
    # Four ranges a thread even out what differs between ranges, cores and the machine's other load.
    parts = min(count // max(grain, 1), 4 * threads) if threads > 1 else 1
    if parts <= 1 or getattr(_inside, "work", False):
        if count:
            work(0, count)
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    todo = deque(itertools.pairwise(bounds))
    failures: list[tuple[int, BaseException]] = []
    # Submitted under the lock: a change of options.threads shuts the old pool down, and a pool that is
    # shutting down takes no more work.
    with _lock:
        pool = _pool(threads - 1)
        helpers = [pool.submit(_run, work, todo, failures) for _ in range(min(threads, parts) - 1)]
    try:
        _run(work, todo, failures)
    finally:
        wait([helper for helper in helpers if not helper.cancel()])
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]


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
