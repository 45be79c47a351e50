"""The `cpu` device's leaves: numba loops over rows of words, on hepy's pool.

A loop is given the addresses of rows, so that views and broadcasts are read where they lie. Contracts are in
kernels.py; the arrays that addresses point into are held by the caller of a loop until it returns.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._pool import parallel_ranges
from hepy.ring import constants, tables
from hepy.ring.basis import RingBasis
from hepy.ring.embedding import roots, slot_order
from hepy.ring.loops import arithmetic, conversion, embedding, sampling, transform

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint32]
Rows = npt.NDArray[np.uint64]

_GRAIN = 1 << 16  # words times passes over them that are worth a thread's while
_NO_SIGNS = np.empty(0, np.uint32)


@dataclass(frozen=True)
class _Constants:
    reducers: Words
    roots: Rows
    lazy: Rows
    tables: tuple[tables.PrimeTables, ...]  # held: `roots` are their addresses


class Kernels:
    """Contract: hepy.ring.kernels.RingKernels."""

    def __init__(self) -> None:
        self._constants: weakref.WeakKeyDictionary[RingBasis, _Constants] = weakref.WeakKeyDictionary()

    def _of(self, basis: RingBasis) -> _Constants:
        made = self._constants.get(basis)
        if made is None:
            addresses = [table.address for table in basis.tables]
            lazy = [constants.lazy_products(q, q) for q in basis.primes]
            reducers = constants.reducers(basis)
            made = _Constants(reducers, np.array(addresses, np.uint64), np.array(lazy, np.uint64), basis.tables)
            self._constants[basis] = made
        return made

    def _elementwise(self, loop: Callable[..., None], basis: RingBasis, *operands: Words) -> Words:
        operands = tuple(map(_by_rows, operands))
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in operands))
        out = np.empty((*batch, len(basis), basis.degree), np.uint32)
        self._rows(loop, basis, 1, _addresses(out), *(_addresses(x, out.shape[:-1]) for x in operands))
        return out

    def _rows(self, loop: Callable[..., None], basis: RingBasis, passes: int, out: Rows, *operands: Any) -> None:
        """loop(rows of out, operands, constants of the basis, range) over all rows."""
        reducers, limbs, degree = (
            np.uint64(_data(self._of(basis).reducers)),
            np.uint64(len(basis)),
            np.uint64(basis.degree),
        )

        def work(start: int, stop: int) -> None:
            loop(out, *operands, reducers, limbs, degree, start, stop)

        parallel_ranges(len(out), _GRAIN // (basis.degree * passes), work)

    def add(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.add_rows, basis, x, y)

    def subtract(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.subtract_rows, basis, x, y)

    def negate(self, x: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.negate_rows, basis, x)

    def multiply(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self.inner_product(x[..., None, :, :], y[..., None, :, :], basis, tuple(range(len(basis))))

    def scale(self, x: Words, factors: Words, basis: RingBasis) -> Words:
        x, pairs = _by_rows(x), constants.with_quotients(factors, basis)
        batch = np.broadcast_shapes(x.shape[:-2], pairs.shape[:-2])
        out = np.empty((*batch, len(basis), basis.degree), np.uint32)
        rows = (_addresses(out), _addresses(x, out.shape[:-1]), _addresses(pairs, out.shape[:-1]))
        self._rows(arithmetic.scale_rows, basis, 1, *rows)
        return out

    def subtract_scaled(self, x: Words, y: Words, factors: Words, basis: RingBasis) -> Words:
        x, y = _by_rows(x), _by_rows(y)
        pairs = np.ascontiguousarray(constants.with_quotients(factors, basis).transpose(1, 0, 2)).reshape(-1, 4)
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.empty((*batch, len(basis), basis.degree), np.uint32)
        rows = (_addresses(array, out.shape[:-1]) for array in (out, x, y, pairs))
        self._rows(arithmetic.subtract_scaled_rows, basis, 1, *rows)
        return out

    def inner_product(self, x: Words, y: Words, basis: RingBasis, y_limbs: tuple[int, ...]) -> Words:
        x, y, terms = _by_rows(x), _by_rows(y), x.shape[-3]
        batch = np.broadcast_shapes(x.shape[:-3], y.shape[:-3])
        out = np.empty((*batch, len(basis), basis.degree), np.uint32)
        shape = (*batch, terms, len(basis))
        y_rows = _addresses(y, (*batch, terms, y.shape[-2])).reshape(-1, terms, y.shape[-2])[..., list(y_limbs)]
        x_rows = _addresses(x, shape).reshape(-1, terms, len(basis))
        rows = (np.ascontiguousarray(rows.swapaxes(-1, -2)).reshape(-1, terms) for rows in (x_rows, y_rows))
        self._rows(arithmetic.inner_product_rows, basis, 1 + terms, _addresses(out), *rows, self._of(basis).lazy)
        return out

    def ntt(self, x: Words, basis: RingBasis) -> Words:
        return self._transform(transform.forward, x, basis)

    def intt(self, x: Words, basis: RingBasis) -> Words:
        return self._transform(transform.inverse, x, basis)

    def _transform(self, loop: Callable[..., None], x: Words, basis: RingBasis) -> Words:
        x, out = _by_rows(x), np.empty(x.shape, np.uint32)
        self._rows(loop, basis, 4, _addresses(out), _addresses(x), self._of(basis).roots)
        return out

    def automorphism_coefficients(self, x: Words, element: int, basis: RingBasis) -> Words:
        return self._permute(x, *tables.automorphism_of_coefficients(basis.degree, element), basis)

    def automorphism_ntt(self, x: Words, element: int, basis: RingBasis) -> Words:
        return self._permute(x, tables.automorphism_of_values(basis.degree, element), _NO_SIGNS, basis)

    def _permute(self, x: Words, order: Words, signs: Words, basis: RingBasis) -> Words:
        x, out = _by_rows(x), np.empty(x.shape, np.uint32)
        self._rows(arithmetic.permute_rows, basis, 1, _addresses(out), _addresses(x), order, signs)
        return out

    def convert(self, x: Words, source: RingBasis, target: RingBasis, centred: bool) -> Words:
        x, pair = _by_rows(x), constants.conversion(source, target)
        out = np.empty((*x.shape[:-2], len(target), target.degree), np.uint32)
        out_rows, x_rows = _addresses(out).reshape(-1, len(target)), _addresses(x).reshape(-1, len(source))
        matrix = pair.matrix if centred else np.ascontiguousarray(pair.matrix[:, :-1])
        addresses = [np.uint64(_data(array)) for array in (pair.factors, pair.reciprocals)]
        ends = [np.uint64(_data(self._of(basis).reducers)) for basis in (source, target)]
        blocks = _blocks(target.degree)

        def work(start: int, stop: int) -> None:
            scratch = np.empty((len(source) + 1, conversion.BLOCK), np.uint32)
            conversion.convert_blocks(
                out_rows, x_rows, blocks, np.uint64(_data(scratch)), *addresses, pair.shifts, matrix, pair.lazy, *ends,
                np.uint64(target.degree), start, stop,
            )  # fmt: skip

        passes = len(source) * (len(target) + 2)
        parallel_ranges(len(out_rows) * blocks, _GRAIN // (conversion.BLOCK * passes), work)
        return out

    def from_words(self, words: Words, negative: npt.NDArray[np.bool_], basis: RingBasis) -> Words:
        return self._from_words(words, negative.astype(np.uint32), basis)

    def _from_words(self, words: Words, masks: Words, basis: RingBasis) -> Words:
        """masks: uint32[..., N], not 0 where an integer is negative."""
        words, masks, planes = _by_rows(words), _by_rows(masks), words.shape[-2]
        out = np.empty((*masks.shape[:-1], len(basis), basis.degree), np.uint32)
        rows = _addresses(np.broadcast_to(words[..., None, :, :], (*out.shape[:-1], planes, basis.degree)))
        self._rows(
            conversion.from_words_rows, basis, 1 + planes, _addresses(out), rows.reshape(-1, planes),
            _addresses(masks[..., None, :], out.shape[:-1]),
        )  # fmt: skip
        return out

    def to_words(self, x: Words, basis: RingBasis) -> tuple[Words, npt.NDArray[np.bool_]]:
        x, radix = _by_rows(x), constants.mixed_radix(basis)
        shape, planes = x.shape[:-2], radix.modulus.shape[1]
        out = np.empty((*shape, planes, basis.degree), np.uint32)
        negative = np.empty((*shape, basis.degree), np.uint8)
        flat = negative.reshape(-1, basis.degree)
        out_rows, x_rows = _addresses(out).reshape(-1, planes), _addresses(x).reshape(-1, len(basis))
        addresses = [np.uint64(_data(array)) for array in (radix.radices, radix.inverses)]
        reducers, blocks = self._of(basis).reducers, _blocks(basis.degree)

        def work(start: int, stop: int) -> None:
            digits = np.empty((len(basis), 8), np.uint32)
            conversion.to_words_blocks(
                out_rows, flat, x_rows, blocks, np.uint64(_data(digits)), *addresses, radix.modulus, radix.primes,
                np.uint64(_data(reducers)), np.uint64(basis.degree), start, stop,
            )  # fmt: skip

        parallel_ranges(len(out_rows) * blocks, _GRAIN // (conversion.BLOCK * 4 * len(basis) ** 2), work)
        return out, negative.view(np.bool_)

    def to_floats(self, x: Words, basis: RingBasis) -> npt.NDArray[np.float64]:
        words, negative = self.to_words(x, basis)
        out = np.empty(negative.shape, np.float64)
        flat = (out.reshape(-1, basis.degree), words.reshape(-1, *words.shape[-2:]), negative.view(np.uint8))
        powers = np.ldexp(1.0, 32 * (np.arange(words.shape[-2]) - 2))
        blocks = _blocks(basis.degree)

        def work(start: int, stop: int) -> None:
            conversion.to_floats_blocks(flat[0], flat[1], flat[2].reshape(flat[0].shape), powers, blocks, start, stop)

        parallel_ranges(len(flat[0]) * blocks, _GRAIN // (conversion.BLOCK * 4 * words.shape[-2]), work)
        return out

    def ternary(self, words: Words, basis: RingBasis) -> Words:
        return self._sampled(basis, words.shape, sampling.ternary, words.reshape(-1))

    def gaussian(self, words: Words, thresholds: Rows, basis: RingBasis) -> Words:
        return self._sampled(basis, words.shape[:-1], sampling.gaussian, words.reshape(-1, 2), thresholds)

    def _sampled(self, basis: RingBasis, shape: tuple[int, ...], loop: Callable[..., None], *arguments: Any) -> Words:
        magnitudes, masks = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
        flat = magnitudes.reshape(-1), masks.reshape(-1)
        parallel_ranges(magnitudes.size, _GRAIN // 16, lambda start, stop: loop(*flat, *arguments, start, stop))
        return self._from_words(magnitudes[..., None, :], masks, basis)

    def sparse_ternary(self, words: Words, weight: int, basis: RingBasis) -> Words:
        shape = words.shape[:-1]
        magnitudes, masks = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
        flat = magnitudes.reshape(-1, basis.degree), masks.reshape(-1, basis.degree)
        source = words.reshape(-1, basis.degree, 4)

        def work(start: int, stop: int) -> None:
            sampling.sparse_ternary(*flat, source, np.uint64(weight), start, stop)

        parallel_ranges(len(source), 1, work)
        return self._from_words(magnitudes[..., None, :], masks, basis)

    def embed(self, x: Array) -> Array:
        return self._embedding(embedding.forward, x)[..., slot_order(x.shape[-1])]

    def unembed(self, x: Array) -> Array:
        leaves = np.empty(x.shape, np.complex128)
        leaves[..., slot_order(x.shape[-1])] = x
        return self._embedding(embedding.inverse, leaves)

    def _embedding(self, loop: Callable[..., None], x: Array) -> Array:
        slots = x.shape[-1]
        real, imaginary = (np.array(part, np.float64, order="C").reshape(-1, slots) for part in (x.real, x.imag))
        table = roots(slots)
        work = max(slots * slots.bit_length(), 1)
        parallel_ranges(len(real), _GRAIN // work, lambda start, stop: loop(real, imaginary, table, start, stop))
        out = np.empty(x.shape, np.complex128)
        out.real, out.imag = real.reshape(x.shape), imaginary.reshape(x.shape)
        return out


def _data(array: Array) -> int:
    """The address of an array's first word."""
    return int(array.__array_interface__["data"][0])


def _by_rows(x: Array) -> Array:
    """x, or a copy where numpy laid it out by columns, as indexing a broadcast array with a list does."""
    return x if x.strides[-1] == x.itemsize else np.ascontiguousarray(x)


def _addresses(x: Array, shape: tuple[int, ...] | None = None) -> Rows:
    """The addresses of the rows of x, uint64[rows], in C order of its leading axes, broadcast to `shape`.

    The words of a row have to lie side by side, see _by_rows.
    """
    places = np.asarray(_data(x))
    for size, stride in zip(x.shape[:-1], x.strides[:-1], strict=True):
        places = places[..., None] + np.arange(size) * stride
    places = places if shape is None else np.broadcast_to(places, shape)
    return np.ascontiguousarray(places).astype(np.uint64).ravel()


def _blocks(degree: int) -> int:
    return max(1, degree // conversion.BLOCK)
