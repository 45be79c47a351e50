"""Tables of one base, made when they are first needed: what engines share of powers of a fixed base.

One product for each window of the exponent, from a table with a row for each window (Brickell, Gordon, McCurley and
Wilson, EUROCRYPT '92, section 2, with all digits tabled). How a table is made, and how wide a window pays after how many
powers, is the engine's.

Tables are tens of megabytes for each key, so those of all bases on one device share options.table_memory: the ones that
were not used for longest go, and are made again when they are needed again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from hepy._host.locks import new_lock
from hepy.bigint.kernels import Batch
from hepy.options import options


class Tables:
    """The tables of one base; safe to use from many threads.

    Args:
        make: make(window, positions) is the table [positions, 2**window, ...] of base ** (digit 2**(window position)), an
            array.
        window: window(powers) is the width to use once so many powers have been asked for.
        place: name of the device that they are on.
    """

    def __init__(self, make: Callable[[int, int], Batch], window: Callable[[int], int], place: str) -> None:
        self._make, self._window, self._shelf = make, window, _shelf(place)
        self._lock = new_lock()
        self._tables: dict[int, Batch] = {}
        self._powers = 0

    def take(self, bits: int, count: int) -> tuple[Batch, int, int]:
        """For `count` powers with exponents below 2**bits: a table, its window, and the positions that they need."""
        with self._lock:
            self._powers += count
            window = self._window(self._powers)
            positions = max(1, -(-bits // window))
            table = self._tables.get(window)
            if table is None or len(table) < positions:
                table = self._tables[window] = self._make(window, positions)
                for narrower in [width for width in self._tables if width < window]:
                    del self._tables[narrower]  # outgrown
            size = sum(kept.nbytes for kept in self._tables.values())
        self._shelf.used(self, size)
        return table, window, positions

    def forget(self) -> None:
        """Drop the tables, unless a thread is about to use them: then they are not what was unused for longest."""
        if self._lock.acquire(blocking=False):
            try:
                self._tables.clear()
                self._powers = 0
            finally:
                self._lock.release()


class _Shelf:
    """The tables on one device, those used last at the end."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._sizes: dict[int, tuple[weakref.ref[Tables], int]] = {}  # by id()
        self._total = 0

    def used(self, tables: Tables, size: int) -> None:
        """Note that these were used and take so many bytes; others go if all together take too many."""
        with self._lock:
            self._total += size - self._sizes.pop(id(tables), (None, 0))[1]
            self._sizes[id(tables)] = (weakref.ref(tables), size)
            dropped = self._least_recent() if self._total > options.table_memory else []
        for other in dropped:  # without the shelf's lock: each has its own, which is held while a table is made
            other.forget()

    def _least_recent(self) -> list[Tables]:
        """The tables that have to go; never the last ones."""
        dropped = []
        alive = {key: (tables, size) for key, (ref, size) in self._sizes.items() if (tables := ref()) is not None}
        total = sum(size for _, size in alive.values())
        for key in list(alive)[:-1]:
            if total <= options.table_memory:
                break
            tables, size = alive.pop(key)
            total -= size
            dropped.append(tables)
        self._sizes = {key: self._sizes[key] for key in alive}
        self._total = total
        return dropped


_shelves: dict[str, _Shelf] = {}
_shelves_lock = new_lock()


def _shelf(place: str) -> _Shelf:
    with _shelves_lock:
        return _shelves.setdefault(place, _Shelf())
