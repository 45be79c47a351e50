"""Residues as bytes: each prime's words at the prime's own bit length, without gaps. For what is sent or stored.

A limb is N words of b bits, the first in the lowest bits, as N b / 8 little-endian bytes: a whole number, since N is a
multiple of 8. Limbs follow each other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._host.pool import parallel_ranges
from hepy.ring.loops import packing

_GRAIN = 1 << 17  # coefficients, about a quarter of a millisecond


def packed_bytes(widths: Sequence[int], degree: int) -> int:
    """Bytes of one polynomial whose limbs have words of so many bits."""
    return sum(widths) * degree // 8


def pack(limbs: npt.NDArray[np.uint32], widths: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """uint32[B..., limbs, N], words below 2**width of their limb, as uint8[B..., packed_bytes]."""
    unit, places, total = _layout(widths, limbs.shape[-1])
    rows = np.ascontiguousarray(limbs).reshape(-1, limbs.shape[-1])
    out = np.empty((len(rows) // len(widths), total), unit)
    _run(packing.pack_rows, out, rows, widths, places)
    return out.view(np.uint8).reshape(*limbs.shape[:-2], total * unit.itemsize)


def unpack(data: npt.NDArray[np.uint8], widths: tuple[int, ...], degree: int) -> npt.NDArray[np.uint32]:
    """uint32[B..., limbs, N] from what pack made of it. Words are below 2**width, not necessarily below a prime."""
    unit, places, total = _layout(widths, degree)
    units = np.ascontiguousarray(data).view(unit).reshape(-1, total)
    rows = np.empty((len(units) * len(widths), degree), np.uint32)
    _run(packing.unpack_rows, rows, units, widths, places)
    return rows.reshape(*data.shape[:-1], len(widths), degree)


@functools.lru_cache(maxsize=64)
def _layout(widths: tuple[int, ...], degree: int) -> tuple[np.dtype[Any], npt.NDArray[np.int64], int]:
    """Units that bits are written in, the unit where each limb begins, and how many there are."""
    unit = np.dtype("<u4" if degree % 32 == 0 else "u1")
    ends = list(itertools.accumulate((degree * width // (8 * unit.itemsize) for width in widths), initial=0))
    return unit, np.array(ends[:-1], np.int64), ends[-1]


def _run(
    loop: Any, first: npt.NDArray[Any], second: npt.NDArray[Any], widths: Sequence[int], places: npt.NDArray[np.int64]
) -> None:
    rows, units = (first, second) if loop is packing.unpack_rows else (second, first)
    bits, of_words = np.uint64(8 * units.itemsize), np.array(widths, np.uint64)
    parallel_ranges(
        len(rows),
        _GRAIN // rows.shape[1],
        lambda start, stop: loop(first, second, of_words, places, bits, start, stop),
    )
