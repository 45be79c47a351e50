"""Residues as bytes: each prime's words at the prime's own bit length, without gaps. For what is sent or stored.

A limb is N words of b bits, the first in the lowest bits, as N b / 8 little-endian bytes: a whole number, since N is a
multiple of 8. Limbs follow each other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
    layout = _layout(widths, limbs.shape[-1])
    rows = np.ascontiguousarray(limbs).reshape(-1, limbs.shape[-1])
    units = np.empty((len(rows) // len(widths), layout.total), layout.unit)
    _run(packing.pack_rows, units, rows, layout)
    return units.view(np.uint8).reshape(*limbs.shape[:-2], packed_bytes(widths, limbs.shape[-1]))


def unpack(data: npt.NDArray[np.uint8], widths: tuple[int, ...], degree: int) -> npt.NDArray[np.uint32]:
    """uint32[B..., limbs, N] from what pack made of it. Words are below 2**width, not necessarily below a prime."""
    layout = _layout(widths, degree)
    units = np.ascontiguousarray(data).view(layout.unit).reshape(-1, layout.total)
    rows = np.empty((len(units) * len(widths), degree), np.uint32)
    _run(packing.unpack_rows, units, rows, layout)
    return rows.reshape(*data.shape[:-1], len(widths), degree)


class _Layout(NamedTuple):
    """How a polynomial lies in units of bits.

    Attributes:
        unit: what bits are written in.
        widths: bits of the words of each limb.
        places: the unit where each limb begins.
        total: how many units there are.
    """

    unit: np.dtype[Any]
    widths: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int64]
    total: int


@functools.lru_cache(maxsize=64)
def _layout(widths: tuple[int, ...], degree: int) -> _Layout:
    unit = np.dtype("<u4" if degree % 32 == 0 else "u1")
    ends = list(itertools.accumulate((degree * width // (8 * unit.itemsize) for width in widths), initial=0))
    return _Layout(unit, np.array(widths, np.uint64), np.array(ends[:-1], np.int64), ends[-1])


def _run(loop: Callable[..., None], units: npt.NDArray[Any], rows: npt.NDArray[np.uint32], layout: _Layout) -> None:
    bits = np.uint64(8 * layout.unit.itemsize)

    def work(start: int, stop: int) -> None:
        loop(units, rows, layout.widths, layout.places, bits, start, stop)

    parallel_ranges(len(rows), _GRAIN // rows.shape[1], work)
