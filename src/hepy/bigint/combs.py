"""Tables of one base, made when they are first needed: what engines share of powers of a fixed base.

One product for each window of the exponent, from a table with a row for each window (Brickell, Gordon, McCurley and
Wilson, EUROCRYPT '92, section 2, with all digits tabled). How a table is made, and how wide a window pays after how many
powers, is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable

from hepy._locks import new_lock
from hepy.bigint.kernels import Batch


class Tables:
    """The tables of one base; safe to use from many threads.

    Args:
        make: make(window, positions) is the table [positions, 2**window, ...] of base ** (digit 2**(window position)).
        window: window(powers) is the width to use once so many powers have been asked for.
    """

    def __init__(self, make: Callable[[int, int], Batch], window: Callable[[int], int]) -> None:
        self._make, self._window = make, window
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
            return table, window, positions
