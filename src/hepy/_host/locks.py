"""Locks that a forked child finds open, whatever other threads of its parent were about.

What they guard here is a cache or a count: half-made, it is made again or drawn anew.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[threading.Lock] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """A lock that is open again in a forked child."""
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def _open_all() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # as the standard library does for its own


os.register_at_fork(after_in_child=_open_all)
