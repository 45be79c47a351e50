"""The `cpu` device's leaves: numba loops over rows of words, on hepy's pool.

A loop is given the addresses of rows; contracts are in kernels.py. Arrays that addresses point into are held here
until the loop has returned.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._host.pool import parallel_ranges
from hepy.ring import constants, tables
from hepy.ring.addresses import (
    Addresses,
    address,
    apart,
    by_entry,
    by_limb,
    side_by_side,
    starts,
    terms_by_limb,
    together,
)
from hepy.ring.basis import RingBasis
from hepy.ring.buffers import empty
from hepy.ring.embedding import roots, slot_order
from hepy.ring.loops import arithmetic, conversion, embedding, sampling, transform

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint32]

# Words times passes over them that are worth a thread's while: some 60 us, beside which waking one is little.
_GRAIN = 1 << 18
_NO_SIGNS = np.empty(0, np.uint32)


@dataclass(frozen=True)
class _Constants:
    """What loops read of a basis; the arrays stand beside their addresses so that they stay."""

    reducers: Words
    reducers_at: np.uint64
    degree: np.uint64
    lazy: Addresses
    tables: tuple[tables.PrimeTables, ...]
    roots: Addresses


@dataclass(frozen=True)
class _Extension:
    """What loops read of a conversion of several digits side by side; see loops.conversion.convert_blocks.

    Attributes:
        pair: constants of all digits, one after the other.
        ends: int64[D + 1, 2].
        source, target: reducers of the limbs in and out, digit by digit.
        tables, roots: of the limbs out.
        longest: limbs of the longest digit.
    """

    pair: constants.Conversion
    ends: npt.NDArray[np.int64]
    source: Words
    target: Words
    tables: tuple[tables.PrimeTables, ...]
    roots: Addresses
    longest: int


@functools.lru_cache(maxsize=4096)
def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return shapes[0] if len(set(shapes)) == 1 else np.broadcast_shapes(*shapes)


@functools.lru_cache(maxsize=1024)
def _nothing(rows: int) -> Addresses:
    return np.zeros(rows, np.uint64)


class Kernels:
    """Contract: hepy.ring.kernels.RingKernels and RingComposites."""

    def __init__(self, device: Device) -> None:
        """Nothing of them depends on the device, of which there is one."""

    def _of(self, basis: RingBasis) -> _Constants:
        made: _Constants | None = basis.constants.get(self)
        if made is None:
            lazy = [constants.lazy_products(q, q) for q in basis.primes]
            reducers = constants.reducers(basis)
            places = np.array([table.address for table in basis.tables], np.uint64)
            degree = np.uint64(basis.degree)
            made = _Constants(reducers, address(reducers), degree, np.array(lazy, np.uint64), basis.tables, places)
            basis.constants[self] = made
        return made

    def _run(self, loop: Callable[..., None], basis: RingBasis, passes: int, out: Addresses, *operands: Any) -> None:
        """loop(rows of out, operands, constants of the basis, range) over all rows, which come limb by limb."""
        self._run_rows(loop, basis, passes, len(out), out, *operands)

    def _run_rows(self, loop: Callable[..., None], basis: RingBasis, passes: int, rows: int, *operands: Any) -> None:
        known, batch = self._of(basis), np.uint64(rows // len(basis.primes))

        def work(start: int, stop: int) -> None:
            loop(*operands, known.reducers_at, batch, known.degree, start, stop)

        parallel_ranges(rows, _GRAIN // (basis.degree * passes), work)

    def empty(self, shape: tuple[int, ...]) -> Words:
        return empty(shape)

    # Residue by residue.

    def _elementwise(self, loop: Callable[..., None], basis: RingBasis, *operands: Words) -> Words:
        operands = tuple(map(side_by_side, operands))
        shape, offsets = together(basis.degree, *[(x.shape, x.strides) for x in operands])
        out = empty(shape)
        self._run_rows(loop, basis, 1, offsets.shape[1], starts(out, *operands), offsets)
        return out

    def _fill(self, out: Words, loop: Callable[..., None], basis: RingBasis, *operands: Words) -> None:
        at, offsets = apart(out, *operands)
        self._run_rows(loop, basis, 1, offsets.shape[1], at, offsets)

    def add(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.add_rows, basis, x, y)

    def add_first(self, x: Words, y: Words, basis: RingBasis) -> Words:
        x, y, count = side_by_side(x), side_by_side(y), y.shape[-3]
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = empty((*batch, *x.shape[-3:]))
        self._fill(out[..., :count, :, :], arithmetic.add_rows, basis, x[..., :count, :, :], y)
        rest = out[..., count:, :, :]
        rows, x_rows, degree = by_limb(rest), by_limb(x[..., count:, :, :], rest.shape[:-1]), np.uint64(basis.degree)

        def copy(start: int, stop: int) -> None:
            arithmetic.copy_rows(rows, x_rows, degree, start, stop)

        parallel_ranges(len(rows), _GRAIN // basis.degree, copy)
        return out

    def subtract(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.subtract_rows, basis, x, y)

    def negate(self, x: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.negate_rows, basis, x)

    def multiply(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.multiply_rows, basis, x, y)

    def scale(self, x: Words, factors: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.scale_rows, basis, x, constants.with_quotients(factors, basis))

    def subtract_scaled(self, x: Words, y: Words, factors: Words, basis: RingBasis) -> Words:
        x, y = side_by_side(x), side_by_side(y)
        out = empty((*_broadcast(x.shape[:-1], y.shape[:-1]), basis.degree))
        rows, pairs = by_limb(out), constants.pairs_of_limbs(factors, basis)
        x_rows, y_rows = by_limb(x, out.shape[:-1]), by_limb(y, out.shape[:-1])
        self._run(arithmetic.subtract_scaled_rows, basis, 1, rows, x_rows, y_rows, address(pairs))
        return out

    def inner_product(self, x: Words, y: Words, basis: RingBasis, y_limbs: tuple[int, ...]) -> Words:
        return self._inner_product(x, y, basis, y_limbs, None, basis)

    def inner_product_lifted(
        self, x: Words, y: Words, basis: RingBasis, y_limbs: tuple[int, ...], lifted: Words, own: RingBasis
    ) -> Words:
        return self._inner_product(x, y, basis, y_limbs, lifted, own)

    def _inner_product(
        self, x: Words, y: Words, basis: RingBasis, y_limbs: tuple[int, ...], lifted: Words | None, own: RingBasis
    ) -> Words:
        x, y, terms, limbs = side_by_side(x), side_by_side(y), x.shape[-3], len(basis)
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = empty((*batch, limbs, basis.degree))
        x_rows = terms_by_limb(x, (*batch, terms, limbs))
        y_rows = terms_by_limb(y, (*batch, terms, y.shape[-2]))
        if y_limbs != tuple(range(y.shape[-2])):
            y_rows = y_rows.reshape(y.shape[-2], -1)[list(y_limbs)].reshape(x_rows.shape)
        plus, known = _nothing(len(x_rows)), self._of(basis)
        if lifted is not None:
            lifted = side_by_side(lifted)
            places = np.zeros((limbs, *batch), np.uint64)
            shape = (*batch[:-1], lifted.shape[-3], len(own))
            rows = by_limb(lifted, shape).reshape(len(own), *shape[:-1])
            places[basis.index(own), ..., : lifted.shape[-3]] = rows
            plus = places.ravel()
        factors = constants.lift(own, basis)
        passes = 1 + terms
        self._run(arithmetic.inner_product_rows, basis, passes, by_limb(out), x_rows, y_rows, plus, factors, known.lazy)
        return out

    def tensor_product(self, x: Words, y: Words, basis: RingBasis) -> Words:
        x, y, limbs = side_by_side(x), side_by_side(y), len(basis)
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = empty((*batch, 3, limbs, basis.degree))
        x_rows, y_rows = terms_by_limb(x, (*batch, 2, limbs)), terms_by_limb(y, (*batch, 2, limbs))
        self._run(arithmetic.tensor_rows, basis, 4, terms_by_limb(out, (*batch, 3, limbs)), x_rows, y_rows)
        return out

    # The transform.

    def ntt(self, x: Words, basis: RingBasis) -> Words:
        return self._transform(transform.forward, x, basis)

    def intt(self, x: Words, basis: RingBasis) -> Words:
        return self._transform(transform.inverse, x, basis)

    def _transform(self, loop: Callable[..., None], x: Words, basis: RingBasis) -> Words:
        x, out = side_by_side(x), empty(x.shape)
        self._run(loop, basis, 4, by_limb(out), by_limb(x), self._of(basis).roots)
        return out

    def automorphism_coefficients(self, x: Words, element: int, basis: RingBasis) -> Words:
        return self._permute(x, *tables.automorphism_of_coefficients(basis.degree, element), basis)

    def automorphism_ntt(self, x: Words, element: int, basis: RingBasis) -> Words:
        return self._permute(x, tables.automorphism_of_values(basis.degree, element), _NO_SIGNS, basis)

    def _permute(self, x: Words, order: Words, signs: Words, basis: RingBasis) -> Words:
        x, out = side_by_side(x), empty(x.shape)
        self._run(arithmetic.permute_rows, basis, 1, by_limb(out), by_limb(x), order, signs)
        return out

    # Between bases.

    def convert(self, x: Words, source: RingBasis, target: RingBasis, centred: bool) -> Words:
        x, out = side_by_side(x), empty((*x.shape[:-2], len(target), target.degree))
        self._convert(by_entry(out), by_entry(x), _extension(((source, target, 1),)), target.degree, centred)
        return out

    def _convert(self, out: Addresses, x: Addresses, extension: _Extension, size: int, centred: bool) -> None:
        """out, x: uint64[batch, limbs], entry by entry and digit by digit."""
        pair, degree, blocks = extension.pair, np.uint64(size), _blocks(size)
        factors, reciprocals = address(pair.factors), address(pair.reciprocals)
        ends = address(extension.source), address(extension.target)

        def work(start: int, stop: int) -> None:
            scratch = np.empty((extension.longest + 1, conversion.BLOCK), np.uint32)
            conversion.convert_blocks(
                out, x, extension.ends, blocks, address(scratch), factors, reciprocals, pair.shifts, pair.matrix, centred,
                pair.lazy, *ends, degree, start, stop,
            )  # fmt: skip

        passes = extension.longest * (out.shape[1] + 2)
        parallel_ranges(len(out) * blocks, _GRAIN // (conversion.BLOCK * passes), work)

    def mod_up(
        self, x: Words, groups: Sequence[RingBasis], source: RingBasis, target: RingBasis, centred: bool
    ) -> Words:
        """Digits are converted and transformed side by side, where they are to lie."""
        coefficients, x = self.intt(x, source), side_by_side(x)
        out = empty((*x.shape[:-2], len(groups), len(target), target.degree))
        rows = by_entry(out.reshape(*x.shape[:-2], -1, target.degree))
        kept, extended, order, conversions = _digits(tuple(groups), source, target)
        extension, own, degree = _extension(conversions), np.take(rows, kept, axis=1).ravel(), np.uint64(target.degree)
        x_rows = np.take(by_entry(x), order, axis=1).ravel()

        def copy(start: int, stop: int) -> None:
            arithmetic.copy_rows(own, x_rows, degree, start, stop)

        parallel_ranges(len(own), _GRAIN // target.degree, copy)
        new = np.take(rows, extended, axis=1)
        self._convert(new, np.take(by_entry(coefficients), order, axis=1), extension, target.degree, centred)
        self._transform_in_place(np.ascontiguousarray(new.T).ravel(), len(rows), extension, target.degree)
        return out

    def _transform_in_place(self, rows: Addresses, batch: int, extension: _Extension, size: int) -> None:
        """Rows that were converted, limb by limb."""
        reducers, count, degree = address(extension.target), np.uint64(batch), np.uint64(size)

        def work(start: int, stop: int) -> None:
            transform.forward(rows, rows, extension.roots, reducers, count, degree, start, stop)

        parallel_ranges(len(rows), _GRAIN // (4 * size), work)

    def rescale(self, x: Words, source: RingBasis, target: RingBasis, values: bool) -> Words:
        """What is divided away is scaled while it is converted, and subtracted where it lies."""
        x, gone = side_by_side(x), constants.departing(source, target)
        out = empty((*x.shape[:-2], len(target), target.degree))
        rows, pairs = by_limb(out), constants.division_pairs(source, target)
        all_rows = by_limb(x).reshape(len(source), -1)
        # A prime that comes in has the factor 0, so that any row serves.
        x_rows = all_rows[constants.kept(source, target)].ravel()
        if gone is None:
            absolute = np.stack([rows, x_rows, by_limb(pairs, out.shape[:-1])])
            self._run_rows(arithmetic.scale_rows, target, 1, len(rows), (0, 0, 0), absolute)
            return out
        lost = all_rows[source.positions(gone)]
        if values:
            held = empty((*x.shape[:-2], len(gone), target.degree))
            self._run(transform.inverse, gone, 4, by_limb(held), lost.ravel(), self._of(gone).roots)
            entries = by_entry(held)
        else:
            entries = np.ascontiguousarray(lost.T)
        extension = _extension(((gone, target, constants.gained(source, target)),))
        self._convert(by_entry(out), entries, extension, target.degree, True)
        if values:
            self._transform_in_place(rows, len(rows) // len(target), extension, target.degree)
        self._run(arithmetic.subtract_scaled_rows, target, 1, rows, x_rows, rows, address(pairs))
        return out

    def from_words(self, words: Words, negative: npt.NDArray[np.bool_], basis: RingBasis) -> Words:
        return self._from_words(words, negative.astype(np.uint32), basis)

    def _from_words(self, words: Words, masks: Words, basis: RingBasis) -> Words:
        """masks: uint32[..., N], not 0 where an integer is negative."""
        words, masks, planes = side_by_side(words), side_by_side(masks), words.shape[-2]
        out = empty((*masks.shape[:-1], len(basis), basis.degree))
        batch = out.shape[:-2]
        word_rows = terms_by_limb(words[..., None, :], (*batch, planes, len(basis)))
        mask_rows = by_limb(masks[..., None, :], out.shape[:-1])
        self._run(conversion.from_words_rows, basis, 1 + planes, by_limb(out), word_rows, mask_rows)
        return out

    def to_words(self, x: Words, basis: RingBasis) -> tuple[Words, npt.NDArray[np.bool_]]:
        x, radix = side_by_side(x), constants.mixed_radix(basis)
        planes = radix.modulus.shape[1]
        out = empty((*x.shape[:-2], planes, basis.degree))
        negative = np.empty((*x.shape[:-2], basis.degree), np.uint8)
        flat, out_rows, x_rows = negative.reshape(-1, basis.degree), by_entry(out), by_entry(x)
        radices, inverses, known = address(radix.radices), address(radix.inverses), self._of(basis)
        blocks = _blocks(basis.degree)

        def work(start: int, stop: int) -> None:
            digits = np.empty((len(basis), 8), np.uint32)
            conversion.to_words_blocks(
                out_rows, flat, x_rows, blocks, address(digits), radices, inverses, radix.modulus, radix.primes,
                known.reducers_at, known.degree, start, stop,
            )  # fmt: skip

        parallel_ranges(len(out_rows) * blocks, _GRAIN // (conversion.BLOCK * 4 * len(basis) ** 2), work)
        return out, negative.view(np.bool_)

    def from_floats(self, x: npt.NDArray[np.float64], scale: float, basis: RingBasis) -> Words:
        flat = np.ascontiguousarray(x).reshape(-1, basis.degree)
        magnitudes, masks = empty((len(flat), 2, basis.degree)), empty((len(flat), basis.degree))

        def work(start: int, stop: int) -> None:
            conversion.split_floats(magnitudes, masks, flat, scale, start, stop)

        parallel_ranges(len(flat), _GRAIN // (4 * basis.degree), work)
        return self._from_words(magnitudes.reshape(*x.shape[:-1], 2, basis.degree), masks.reshape(x.shape), basis)

    def to_floats(self, x: Words, basis: RingBasis) -> npt.NDArray[np.float64]:
        if len(basis) == 2:
            return self._to_short_floats(x, basis)
        words, negative = self.to_words(x, basis)
        planes = words.shape[-2]
        out = np.empty(negative.shape, np.float64)
        flat = out.reshape(-1, basis.degree)
        signs, magnitudes = negative.view(np.uint8).reshape(flat.shape), words.reshape(-1, planes, basis.degree)
        powers = np.ldexp(1.0, 32 * (np.arange(planes) - 2))
        blocks = _blocks(basis.degree)

        def work(start: int, stop: int) -> None:
            conversion.to_floats_blocks(flat, magnitudes, signs, powers, blocks, start, stop)

        parallel_ranges(len(flat) * blocks, _GRAIN // (conversion.BLOCK * 4 * planes), work)
        return out

    def _to_short_floats(self, x: Words, basis: RingBasis) -> npt.NDArray[np.float64]:
        x, known = side_by_side(x), self._of(basis)
        out = np.empty((*x.shape[:-2], basis.degree), np.float64)
        flat, rows, inverse = out.reshape(-1, basis.degree), by_entry(x), constants.mixed_radix(basis).inverses[1]

        def work(start: int, stop: int) -> None:
            scratch = np.empty(basis.degree, np.uint32)
            place = address(scratch)
            conversion.to_short_floats_rows(
                flat, rows, place, address(inverse), known.reducers_at, known.degree, start, stop
            )

        parallel_ranges(len(flat), _GRAIN // (4 * basis.degree), work)
        return out

    # Randomness.

    def ternary(self, words: Words, basis: RingBasis) -> Words:
        return self._sampled(basis, words.shape, sampling.ternary, words.reshape(-1))

    def gaussian(self, words: Words, thresholds: Addresses, basis: RingBasis) -> Words:
        return self._sampled(basis, words.shape[:-1], sampling.gaussian, words.reshape(-1, 2), thresholds)

    def _sampled(self, basis: RingBasis, shape: tuple[int, ...], loop: Callable[..., None], *arguments: Any) -> Words:
        magnitudes, masks = empty(shape), empty(shape)
        flat = magnitudes.reshape(-1), masks.reshape(-1)
        parallel_ranges(magnitudes.size, _GRAIN // 16, lambda start, stop: loop(*flat, *arguments, start, stop))
        return self._from_words(magnitudes[..., None, :], masks, basis)

    def sparse_ternary(self, words: Words, weight: int, basis: RingBasis) -> Words:
        shape = words.shape[:-1]
        magnitudes, masks = empty(shape), empty(shape)
        flat = magnitudes.reshape(-1, basis.degree), masks.reshape(-1, basis.degree)
        source = words.reshape(-1, basis.degree, 4)

        def work(start: int, stop: int) -> None:
            sampling.sparse_ternary(*flat, source, np.uint64(weight), start, stop)

        parallel_ranges(len(source), 1, work)
        return self._from_words(magnitudes[..., None, :], masks, basis)

    # The canonical embedding.

    def embed(self, x: Array) -> Array:
        return self._embedding(embedding.forward, x)

    def unembed(self, x: Array) -> Array:
        return self._embedding(embedding.inverse, x)

    def _embedding(self, loop: Callable[..., None], x: Array) -> Array:
        slots = x.shape[-1]
        out, order, table = np.empty(x.shape, np.complex128), slot_order(slots), roots(slots)
        flat, x_flat = out.reshape(-1, slots), np.ascontiguousarray(x).reshape(-1, slots)

        def work(start: int, stop: int) -> None:
            loop(flat, x_flat, order, np.empty(slots), np.empty(slots), table, start, stop)

        parallel_ranges(len(flat), _GRAIN // max(slots * slots.bit_length(), 1), work)
        return out


@functools.lru_cache(maxsize=1024)
def _extension(conversions: tuple[tuple[RingBasis, RingBasis, int], ...]) -> _Extension:
    """Of digits: (source, target, factor) each."""
    pairs = [constants.conversion(*each) for each in conversions]
    into = [target for _, target, _ in conversions]
    counts = [(0, 0), *((len(source), len(target)) for source, target, _ in conversions)]
    prime_tables = tuple(table for target in into for table in target.tables)
    return _Extension(
        pair=constants.side_by_side(pairs),
        ends=np.cumsum(np.array(counts, np.int64), axis=0),
        source=np.concatenate([constants.reducers(source) for source, _, _ in conversions]),
        target=np.concatenate([constants.reducers(target) for target in into]),
        tables=prime_tables,
        roots=np.array([table.address for table in prime_tables], np.uint64),
        longest=max(len(source) for source, _, _ in conversions),
    )


@functools.lru_cache(maxsize=1024)
def _digits(groups: tuple[RingBasis, ...], source: RingBasis, target: RingBasis) -> Any:
    """Of digits that are extended side by side: which rows of [D, limbs] hold their own primes, which are new, where their
    own primes stand in the source, all digit by digit; and the conversions."""
    kept, extended, order, conversions = [], [], [], []
    for d, group in enumerate(groups):
        rest = constants.departing(target, group)
        assert rest is not None  # the special primes, at least
        kept += [d * len(target) + place for place in target.positions(group)]
        extended += [d * len(target) + place for place in target.positions(rest)]
        order += source.positions(group)
        conversions.append((group, rest, 1))
    return *(np.array(places, np.intp) for places in (kept, extended, order)), tuple(conversions)


def _blocks(degree: int) -> int:
    return max(1, degree // conversion.BLOCK)
