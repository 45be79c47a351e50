"""hepy's own thread pool: work over ranges of a batch, with the GIL released by the work itself.

One pool serves the process. A call from inside the pool runs in place, so nested calls cannot wait for each other;
a forked child starts with no pool and makes its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from hepy._locks import new_lock
from hepy.options import options

_lock = new_lock()
_executor: ThreadPoolExecutor | None = None
_size = 0
_inside = threading.local()


def parallel_ranges(count: int, grain: int, work: Callable[[int, int], object]) -> None:
    """Run `work(start, stop)` over ranges that cover [0, count), on `options.threads` threads.

    Args:
        count: number of items.
        grain: fewest items worth a range of their own.
        work: fills its range and returns; ranges run at the same time, in any order.

    Raises: what `work` raised first, after every range has ended.
    """
    threads = options.threads
    # Two ranges a thread even out what differs between them (and the machine's other load).
    parts = min(count // max(grain, 1), 2 * threads) if threads > 1 else 1
    if parts <= 1 or getattr(_inside, "pool", False):
        if count:
            work(0, count)
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    # Submitted under the lock: a change of options.threads shuts the old pool down, and a pool that is
    # shutting down takes no more work.
    with _lock:
        pool = _pool(threads)
        futures = [pool.submit(_run, work, *bounds[part : part + 2]) for part in range(parts)]
    wait(futures)
    for future in futures:
        future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    """The pool of that size; call with the lock held."""
    global _executor, _size
    if _executor is None or _size != threads:
        if _executor is not None:
            _executor.shutdown(wait=False)
        _executor, _size = ThreadPoolExecutor(threads, thread_name_prefix="hepy"), threads
    return _executor


def _run(work: Callable[[int, int], object], start: int, stop: int) -> None:
    _inside.pool = True
    work(start, stop)


def _forget() -> None:
    global _executor, _size
    _executor, _size = None, 0
    _inside.pool = False


os.register_at_fork(after_in_child=_forget)
