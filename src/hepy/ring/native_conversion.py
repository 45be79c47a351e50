"""The half of native.py that leads between bases, integers, doubles and words of a stream (cuda/ring/conversion.hpp)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._devices.graphs import holds
from hepy._limbs import from_ints, width
from hepy.ring import constants
from hepy.ring.basis import RingBasis
from hepy.ring.embedding import roots, slot_order

Array = Any
Words = npt.NDArray[np.uint32]

AXES = 4  # batch axes that kernels take: kAxes in cuda/ring/ring.hpp
_RADIX = 1 << 32
_TILE = 4  # limbs out that share 16 bytes of a matrix: kTile in cuda/ring/conversion.cu


@dataclass(frozen=True)
class Exchange:
    """One digit of a conversion: x modulo the source, times an integer, to the target.

    Attributes:
        rows_in, rows_out: which row of an entry of x and of the result each limb is.
        after: what results are multiplied by, a residue for each prime of the target; none for 1. It costs nothing.
    """

    source: RingBasis
    target: RingBasis
    times: int
    rows_in: tuple[int, ...]
    rows_out: tuple[int, ...]
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Tables:
    """What kernels read of a conversion; contracts of the rows: cuda/ring/conversion.hpp."""

    digits: Words
    incoming: Words
    outgoing: Words
    matrices: Words
    most: tuple[int, int]
    products: int


class Conversions:
    """Leaves that native.Kernels takes over."""

    device: Device
    native: Any

    def of(self, basis: RingBasis) -> Any:
        raise NotImplementedError

    def run(self, name: str, basis: RingBasis, *arguments: Any) -> None:
        raise NotImplementedError

    def empty(self, shape: tuple[int, ...]) -> Array:
        raise NotImplementedError

    def _compact(self, x: Array) -> Array:
        """An operand [B..., rows, N] as kernels read it: copied where it has more batch axes than they take."""
        if x.ndim <= AXES + 2:
            return x
        with self.device.active():
            return self.device.xp.ascontiguousarray(x)

    # Between bases.

    def convert(self, x: Array, source: RingBasis, target: RingBasis, centred: bool) -> Array:
        out = self.empty((*x.shape[:-2], len(target), target.degree))
        self.exchange(out, x, _whole(source, target), scaled=False, centred=centred)
        return out

    def exchange(self, out: Array, x: Array, digits: tuple[Exchange, ...], *, scaled: bool, centred: bool) -> None:
        """Rows of out from rows of x, [B..., rows, N] each, for all digits in one launch.

        scaled: x is times the factors already, that is y as in RingKernels.convert; factors() gives them.
        """
        conversion = self._conversion(digits, x.shape[-2], out.shape[-2])
        self.native.convert(self.device.stream, conversion, out, self._compact(x), scaled, centred)

    @holds
    @functools.lru_cache(maxsize=1024)  # noqa: B019 - kernels live as long as the process
    def _conversion(self, digits: tuple[Exchange, ...], rows_in: int, rows_out: int) -> Any:
        made, upload = tables(digits), self.device.asarray
        kept = self.native.Conversion(
            self.device.stream, upload(made.digits), upload(made.incoming), upload(made.outgoing), upload(made.matrices),
            made.most, (rows_in, rows_out), made.products, digits[0].source.degree,
        )  # fmt: skip
        self.device.settle()
        return kept

    # Integers and doubles.

    def from_words(self, words: Array, negative: Array, basis: RingBasis) -> Array:
        out = self.empty((*negative.shape[:-1], len(basis), basis.degree))
        words = self._compact(words)
        with self.device.active():
            signs = self.device.xp.ascontiguousarray(negative).view(np.uint8)
        self.run("from_words", basis, out, words, signs, words.shape[-2])
        return out

    def from_floats(self, x: Array, scale: float, basis: RingBasis) -> Array:
        out = self.empty((*x.shape[:-1], len(basis), basis.degree))
        with self.device.active():
            x = self.device.xp.ascontiguousarray(x)
        self.run("from_floats", basis, out, x, float(scale))
        return out

    def to_words(self, x: Array, basis: RingBasis) -> tuple[Array, Array]:
        words = width(basis.modulus.bit_length())
        out = self.empty((*x.shape[:-2], words, basis.degree))
        negative = self.device.empty((*x.shape[:-2], basis.degree), np.uint8)
        x = self._compact(x)
        self.native.to_words(self.device.stream, self._recombination(basis), out, negative, x)
        return out, negative.view(np.bool_)

    def to_floats(self, x: Array, basis: RingBasis) -> Array:
        out = self.device.empty((*x.shape[:-2], basis.degree), np.float64)
        x = self._compact(x)
        if len(basis) == 2:
            first, second = basis.primes
            self.run("to_floats_of_two", basis, out, x, (pow(first, -1, second) << 32) % second)
        else:
            self.native.to_floats(self.device.stream, self._recombination(basis), out, x)
        return out

    @holds
    @functools.lru_cache(maxsize=256)  # noqa: B019
    def _recombination(self, basis: RingBasis) -> Any:
        limbs, words = len(basis), width(basis.modulus.bit_length())
        terms = -(-(limbs + 1) // 4) * 4
        parts = [basis.modulus // q for q in basis.primes] + [(1 << 32 * (words + 1)) - basis.modulus]
        matrix = np.zeros(((words + 2) // 2 * 2, terms), np.uint32)
        matrix[: words + 1, : limbs + 1] = from_ints(parts, words + 1).T
        q = basis.modulus
        modulus, upload = from_ints([q, (q - 1) // 2, (q + 1) // 2], words), self.device.asarray
        incoming = _incoming(basis, constants.conversion(basis, basis), range(limbs))
        kept = self.native.Recombination(
            self.device.stream, upload(incoming), upload(matrix), upload(modulus), terms, basis.degree
        )
        self.device.settle()
        return kept

    # Randomness.

    def ternary(self, words: Array, basis: RingBasis) -> Array:
        return self._sampled("ternary", words.shape, words, basis)

    def sparse_ternary(self, words: Array, weight: int, basis: RingBasis) -> Array:
        return self._sampled("sparse_ternary", words.shape[:-1], words, basis, weight)

    def gaussian(self, words: Array, thresholds: Array, basis: RingBasis) -> Array:
        return self._sampled("gaussian", words.shape[:-1], words, basis, self.device.asarray(thresholds))

    def _sampled(self, name: str, shape: tuple[int, ...], words: Array, basis: RingBasis, *arguments: Any) -> Array:
        out = self.empty((*shape[:-1], len(basis), basis.degree))
        with self.device.active():
            words = self.device.xp.ascontiguousarray(words)
        self.run(name, basis, out, words, *arguments)
        return out

    # The canonical embedding.

    def embed(self, x: Array) -> Array:
        return self._embedding("embed", x)

    def unembed(self, x: Array) -> Array:
        return self._embedding("unembed", x)

    def _embedding(self, name: str, x: Array) -> Array:
        slots = x.shape[-1]
        log_slots = slots.bit_length() - 1
        out = self.device.empty(x.shape, np.complex128)
        scratch = self.device.empty(x.shape, np.complex128) if self.native.embedding_scratch(log_slots) else None
        with self.device.active():
            x = self.device.xp.ascontiguousarray(x)
        parts = [None if each is None else each.view(np.float64) for each in (out, scratch, x)]
        getattr(self.native, name)(self.device.stream, *parts, *self._embedding_tables(slots), log_slots)
        return out

    @holds
    @functools.lru_cache(maxsize=32)  # noqa: B019
    def _embedding_tables(self, slots: int) -> tuple[Array, Array]:
        """The roots, and which slot each leaf of the transform is."""
        slot_of = np.empty(slots, np.uint32)
        slot_of[slot_order(slots)] = np.arange(slots, dtype=np.uint32)
        kept = self.device.asarray(roots(slots)), self.device.asarray(slot_of)
        self.device.settle()
        return kept


@functools.lru_cache(maxsize=1024)
def _whole(source: RingBasis, target: RingBasis) -> tuple[Exchange]:
    return (Exchange(source, target, 1, tuple(range(len(source))), tuple(range(len(target)))),)


def factors(exchange: Exchange) -> Words:
    """What makes y of x, limb by limb, in Montgomery form: uint32[limbs in]."""
    plain = constants.conversion(exchange.source, exchange.target, exchange.times).factors[:, 0]
    return constants.montgomery(plain, exchange.source.words)


def tables(digits: Sequence[Exchange]) -> _Tables:
    """The constants of digits that are converted side by side."""
    pairs = [constants.conversion(each.source, each.target, each.times) for each in digits]
    products = min(_lazy_products(each) for each in digits)
    rows, matrices, at, first_in, first_out = [], [], 0, 0, 0
    for each, pair in zip(digits, pairs, strict=True):
        rows.append([first_in, len(each.source), first_out, len(each.target), at, 0, 0, 0])
        matrices.append(_matrix(each, pair.matrix))
        at, first_in, first_out = at + matrices[-1].size, first_in + len(each.source), first_out + len(each.target)
    return _Tables(
        digits=np.array(rows, np.uint32),
        incoming=np.concatenate([_incoming(d.source, pair, d.rows_in) for d, pair in zip(digits, pairs, strict=True)]),
        outgoing=np.concatenate([_outgoing(each, products) for each in digits]),
        matrices=np.concatenate([matrix.ravel() for matrix in matrices]),
        most=(max(len(each.source) for each in digits), max(len(each.target) for each in digits)),
        products=products,
    )


def _lazy_products(exchange: Exchange) -> int:
    """How many products keep a sum below bound 2**32 below twice that, for the bounds of _outgoing.

    4 (q - 1) (p - 1) is below 2**32 p for q < 2**30, and below 2**32 2p for q < 2**31, where 4p fits a word for p < 2**30
    only; 2 (q - 1) (p - 1) is below 2**32 p.
    """
    return 4 if max(exchange.source.primes) < 1 << 30 or max(exchange.target.primes) < 1 << 30 else 2


def _outgoing(exchange: Exchange, products: int) -> Words:
    times = 2 if products == 4 and max(exchange.source.primes) >= 1 << 30 else 1
    rows = zip(exchange.target.primes, exchange.rows_out, strict=True)
    return np.array([[p, _minus_inverse(p), times * p, row] for p, row in rows], np.uint32)


def _incoming(source: RingBasis, pair: constants.Conversion, rows: Sequence[int]) -> Words:
    made = np.zeros((len(source), 8), np.uint32)
    made[:, 0], made[:, 1] = source.words, [_minus_inverse(q) for q in source.primes]
    made[:, 2], made[:, 3] = constants.montgomery(pair.factors[:, 0], source.words), pair.reciprocals
    made[:, 4], made[:, 5] = pair.shifts, rows
    return made


def _matrix(exchange: Exchange, matrix: Words) -> Words:
    """uint32[ceil(limbs out / 4), columns, 4], columns being the limbs in and one, made even by zeros."""
    primes = exchange.target.words[:, None]
    if exchange.after:
        matrix = matrix * np.array(exchange.after, np.uint64)[:, None] % primes.astype(np.uint64)
    plain = constants.montgomery(matrix, primes)
    filled = np.pad(plain, ((0, -len(plain) % _TILE), (0, plain.shape[1] % 2)))
    return np.ascontiguousarray(filled.reshape(-1, _TILE, filled.shape[1]).transpose(0, 2, 1))


def _minus_inverse(prime: int) -> int:
    return -pow(prime, -1, _RADIX) % _RADIX
