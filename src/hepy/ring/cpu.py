"""The `cpu` device's leaves: numba loops over rows of words, on hepy's pool.

A loop is given the addresses of rows; contracts are in kernels.py. Arrays that addresses point into are held here
until the loop has returned.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._pool import parallel_ranges
from hepy.ring import constants, tables
from hepy.ring.addresses import Addresses, address, by_entry, by_limb, side_by_side, terms_by_limb
from hepy.ring.basis import RingBasis
from hepy.ring.buffers import empty
from hepy.ring.embedding import roots, slot_order
from hepy.ring.loops import arithmetic, conversion, embedding, sampling, transform

Array = npt.NDArray[Any]
Words = npt.NDArray[np.uint32]

_GRAIN = 1 << 16  # words times passes over them that are worth a thread's while
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


@functools.lru_cache(maxsize=4096)
def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return np.broadcast_shapes(*shapes)


class Kernels:
    """Contract: hepy.ring.kernels.RingKernels."""

    def __init__(self, device: Device) -> None:
        self._constants: weakref.WeakKeyDictionary[RingBasis, _Constants] = weakref.WeakKeyDictionary()

    def _of(self, basis: RingBasis) -> _Constants:
        made = self._constants.get(basis)
        if made is None:
            lazy = [constants.lazy_products(q, q) for q in basis.primes]
            reducers = constants.reducers(basis)
            places = np.array([table.address for table in basis.tables], np.uint64)
            degree = np.uint64(basis.degree)
            made = _Constants(reducers, address(reducers), degree, np.array(lazy, np.uint64), basis.tables, places)
            self._constants[basis] = made
        return made

    def _run(self, loop: Callable[..., None], basis: RingBasis, passes: int, out: Addresses, *operands: Any) -> None:
        """loop(rows of out, operands, constants of the basis, range) over all rows, which come limb by limb."""
        known, batch = self._of(basis), np.uint64(len(out) // len(basis))

        def work(start: int, stop: int) -> None:
            loop(out, *operands, known.reducers_at, batch, known.degree, start, stop)

        parallel_ranges(len(out), _GRAIN // (basis.degree * passes), work)

    def empty(self, shape: tuple[int, ...]) -> Words:
        return empty(shape)

    # Residue by residue.

    def _elementwise(self, loop: Callable[..., None], basis: RingBasis, *operands: Words) -> Words:
        operands = tuple(map(side_by_side, operands))
        out = empty((*_broadcast(*(x.shape[:-1] for x in operands)), basis.degree))
        self._run(loop, basis, 1, by_limb(out), *(by_limb(x, out.shape[:-1]) for x in operands))
        return out

    def add(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.add_rows, basis, x, y)

    def subtract(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.subtract_rows, basis, x, y)

    def negate(self, x: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.negate_rows, basis, x)

    def multiply(self, x: Words, y: Words, basis: RingBasis) -> Words:
        return self.inner_product(x[..., None, :, :], y[..., None, :, :], basis, tuple(range(len(basis))))

    def scale(self, x: Words, factors: Words, basis: RingBasis) -> Words:
        return self._elementwise(arithmetic.scale_rows, basis, x, constants.with_quotients(factors, basis))

    def subtract_scaled(self, x: Words, y: Words, factors: Words, basis: RingBasis) -> Words:
        x, y = side_by_side(x), side_by_side(y)
        out = empty((*_broadcast(x.shape[:-1], y.shape[:-1]), basis.degree))
        x_rows, y_rows = by_limb(x, out.shape[:-1]), by_limb(y, out.shape[:-1])
        self._subtract_scaled(by_limb(out), x_rows, y_rows, _pairs_of_limbs(factors, basis), basis)
        return out

    def _subtract_scaled(self, out: Addresses, x: Addresses, y: Addresses, pairs: Words, basis: RingBasis) -> None:
        """pairs: uint32[limbs, 4]."""
        rows = np.repeat(by_limb(pairs), len(out) // len(basis))
        self._run(arithmetic.subtract_scaled_rows, basis, 1, out, x, y, rows)

    def inner_product(self, x: Words, y: Words, basis: RingBasis, y_limbs: tuple[int, ...]) -> Words:
        x, y, terms = side_by_side(x), side_by_side(y), x.shape[-3]
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = empty((*batch, len(basis), basis.degree))
        x_rows = terms_by_limb(x, (*batch, terms, len(basis)))
        y_rows = terms_by_limb(y, (*batch, terms, y.shape[-2]))
        if y_limbs != tuple(range(y.shape[-2])):
            y_rows = y_rows.reshape(y.shape[-2], -1)[list(y_limbs)].reshape(x_rows.shape)
        self._run(arithmetic.inner_product_rows, basis, 1 + terms, by_limb(out), x_rows, y_rows, self._of(basis).lazy)
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
        self._convert(by_entry(out), by_entry(x), constants.conversion(source, target), source, target, centred)
        return out

    def _convert(
        self,
        out: Addresses,
        x: Addresses,
        pair: constants.Conversion,
        source: RingBasis,
        target: RingBasis,
        centred: bool,
    ) -> None:
        """out, x: uint64[batch, limbs], entry by entry."""
        matrix = pair.matrix if centred else np.ascontiguousarray(pair.matrix[:, :-1])
        factors, reciprocals = address(pair.factors), address(pair.reciprocals)
        ends = self._of(source).reducers_at, self._of(target).reducers_at
        degree, blocks = np.uint64(target.degree), _blocks(target.degree)

        def work(start: int, stop: int) -> None:
            scratch = np.empty((len(source) + 1, conversion.BLOCK), np.uint32)
            conversion.convert_blocks(
                out, x, blocks, address(scratch), factors, reciprocals, pair.shifts, matrix, pair.lazy, *ends, degree,
                start, stop,
            )  # fmt: skip

        passes = len(source) * (len(target) + 2)
        parallel_ranges(len(out) * blocks, _GRAIN // (conversion.BLOCK * passes), work)

    def mod_up(
        self, x: Words, groups: Sequence[RingBasis], source: RingBasis, target: RingBasis, centred: bool
    ) -> Words:
        """Digits are converted and transformed where they are to lie."""
        coefficients = self.intt(x, source)
        out = empty((*x.shape[:-2], len(groups), len(target), target.degree))
        for d, group in enumerate(groups):
            rest, own = constants.departing(target, group), source.positions(group)
            assert rest is not None
            digit = out[..., d, :, :]
            digit[..., target.positions(group), :] = x[..., own, :]
            rows = by_entry(digit)[:, target.positions(rest)]
            self._convert(rows, by_entry(coefficients)[:, own], constants.conversion(group, rest), group, rest, centred)
            flat = np.ascontiguousarray(rows.T).ravel()
            self._run(transform.forward, rest, 4, flat, flat, self._of(rest).roots)
        return out

    def rescale(self, x: Words, source: RingBasis, target: RingBasis, values: bool) -> Words:
        """What is divided away is scaled while it is converted, and subtracted where it lies."""
        x, gone = side_by_side(x), constants.departing(source, target)
        out = empty((*x.shape[:-2], len(target), target.degree))
        rows, factors = by_limb(out), constants.division(source, target)
        # A prime that comes in has the factor 0, so that any row serves.
        kept = [source.primes.index(q) if q in source else 0 for q in target.primes]
        x_rows = by_limb(x).reshape(len(source), -1)[kept].ravel()
        if gone is None:
            pairs = constants.with_quotients(factors[0], target)
            self._run(arithmetic.scale_rows, target, 1, rows, x_rows, by_limb(pairs, out.shape[:-1]))
            return out
        lost = x[..., source.positions(gone), :]
        if values:
            lost = self.intt(lost, gone)
        pair = constants.conversion(gone, target, constants.gained(source, target))
        self._convert(by_entry(out), by_entry(side_by_side(lost)), pair, gone, target, True)
        if values:
            self._run(transform.forward, target, 4, rows, rows, self._of(target).roots)
        self._subtract_scaled(rows, x_rows, rows, _pairs_of_limbs(factors, target), target)
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

    def to_floats(self, x: Words, basis: RingBasis) -> npt.NDArray[np.float64]:
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


def _pairs_of_limbs(factors: Words, basis: RingBasis) -> Words:
    """uint32[2, limbs] to uint32[limbs, 4]: both factors of a limb with their quotients."""
    return np.ascontiguousarray(constants.with_quotients(factors, basis).transpose(1, 0, 2)).reshape(-1, 4)


def _blocks(degree: int) -> int:
    return max(1, degree // conversion.BLOCK)
