"""Rows of batches in the host's memory, copied one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.bigint.rows import Rows

Part = tuple[npt.NDArray[Any], Rows]

_FEW = 4  # parts that are copied one by one
_SPARE = 2  # rows of all batches together, for each that is wanted, that may be copied to be copied from


def gather(out: npt.NDArray[Any], parts: Iterable[Part]) -> None:
    """Fill `out` with the rows of the parts, int64[], which lie within their batches.

    Parts that come as a list may come together; of any other iterable the next is asked for after the last is placed.
    """
    if isinstance(parts, list) and len(parts) > _FEW:
        if all(len(batch) == len(rows) == 1 for batch, rows in parts):
            np.concatenate([batch for batch, _ in parts], out=out)
            return
        parts = _together(parts, len(out))
    at = 0
    for batch, rows in parts:
        # Any other mode than the default has numpy write to `out` itself; no row is out of range.
        batch.take(rows, 0, out[at : at + len(rows)], "clip")
        at += len(rows)


def _together(parts: list[Part], count: int) -> list[Part]:
    """The same in one part, where the batches are few or small."""
    batches = {id(batch): batch for batch, _ in parts}
    sizes = [len(batch) for batch in batches.values()]
    if len(sizes) > 1 and sum(sizes) > _SPARE * count:
        return parts
    rows = np.concatenate([rows for _, rows in parts])
    if len(sizes) > 1:
        starts = dict(zip(batches, np.cumsum([0, *sizes]).tolist(), strict=False))
        shifts = [starts[id(batch)] for batch, _ in parts]
        rows += np.repeat(shifts, [len(rows) for _, rows in parts])
    whole = list(batches.values())
    return [(np.concatenate(whole) if len(whole) > 1 else whole[0], rows)]
