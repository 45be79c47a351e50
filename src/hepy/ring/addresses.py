"""Where the rows of an array lie in memory: what the loops of the `cpu` device are given in place of arrays.

A row is the last axis, whose items lie side by side. Views and broadcasts cost nothing: their rows are addresses like
any other. The caller holds the arrays while addresses are in use.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.ring.loops import places

Array = npt.NDArray[Any]
Addresses = npt.NDArray[np.uint64]
Layout = tuple[tuple[int, ...], tuple[int, ...]]  # shape and strides


def side_by_side(x: Array) -> Array:
    """x, or a copy where numpy laid it out by columns, as indexing a broadcast array with a list does."""
    return x if x.strides[-1] == x.itemsize else np.ascontiguousarray(x)


def address(x: Array) -> np.uint64:
    """Of the first item."""
    return np.uint64(places.address(x))


def by_limb(x: Array, shape: tuple[int, ...] | None = None) -> Addresses:
    """Rows of [B..., limbs, items], broadcast to `shape` [B..., limbs]: uint64[limbs * batch], limb by limb."""
    return address(x) + _offsets(x.shape[:-1], x.strides[:-1], shape or x.shape[:-1], 0)


def terms_by_limb(x: Array, shape: tuple[int, ...]) -> Addresses:
    """Rows of [B..., terms, limbs, items], broadcast to `shape` [B..., terms, limbs]: uint64[limbs * batch, terms]."""
    return address(x) + _offsets(x.shape[:-1], x.strides[:-1], shape, 1)


def by_entry(x: Array) -> Addresses:
    """Rows of [B..., limbs, items]: uint64[batch, limbs], entry by entry."""
    return address(x) + _offsets(x.shape[:-1], x.strides[:-1], x.shape[:-1], 2)


def apart(out: Array, *arrays: Array) -> tuple[tuple[int, ...], Addresses]:
    """Rows of out [B..., limbs, items] and of arrays that are broadcast to it, limb by limb: the address of each array, and
    uint64[1 + arrays, limbs * batch], the bytes from there to its rows. The sums are what by_limb gives, for more of
    Python's time.
    """
    arrays = (out, *arrays)
    return starts(*arrays), _apart(tuple([(x.shape, x.strides) for x in arrays]))


def starts(*arrays: Array) -> tuple[int, ...]:
    """The address of each array."""
    return tuple([places.address(x) for x in arrays])


@functools.lru_cache(maxsize=2048)
def together(items: int, *layouts: Layout) -> tuple[tuple[int, ...], Addresses]:
    """Of arrays by shape and strides [B..., limbs, any]: the shape [B..., limbs, items] of a result to which all are
    broadcast, and the bytes to rows as `apart` gives them once that result is there, in C order."""
    shape = (*np.broadcast_shapes(*[sizes[:-1] for sizes, _ in layouts]), items)
    strides = np.empty(shape, np.uint32).strides
    return shape, _apart(((shape, strides), *layouts))


@functools.lru_cache(maxsize=2048)
def _apart(layouts: tuple[Layout, ...]) -> Addresses:
    shape = layouts[0][0][:-1]
    return np.stack([_offsets(sizes[:-1], strides[:-1], shape, 0) for sizes, strides in layouts])


@functools.lru_cache(maxsize=2048)
def _offsets(sizes: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...], order: int) -> Addresses:
    """Bytes from the first item to each row, modulo 2**64, in one of three orders."""
    offsets: Array = np.zeros((), np.int64)
    for size, stride in zip(sizes, strides, strict=True):
        offsets = offsets[..., None] + np.arange(size) * stride
    offsets = np.broadcast_to(offsets, shape)
    if order == 2:
        offsets = offsets.reshape(-1, shape[-1])
    else:
        offsets = np.moveaxis(offsets, -1, 0)
        offsets = offsets.reshape(-1, shape[-2]) if order else offsets.ravel()
    return np.ascontiguousarray(offsets).astype(np.uint64)
