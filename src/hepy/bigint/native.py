"""The leaves on devices with compiled kernels: GPUs and the emulator, one code for both (cuda/bigint/).

A batch is uint32[B, limbs] in the device's memory, Montgomery form, any representative below R = 2^(32 limbs); the
kernels' table of sizes says how many limbs a modulus gets. Where the modulus is a square m^2, as Paillier's are, an
element is a pair a + b m of numbers below R, which has half of the limbs then. Nothing waits for the device but equal() and inverse(),
whose answers the host needs, and what is made once and kept: constants and tables, which serve all streams.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._devices import Device, to_host
from hepy._devices.zeroing import secret_memory
from hepy.bigint import inversion, multi_power, segments
from hepy.bigint.combs import Tables
from hepy.bigint.fermat_quotients import FermatPart, FermatQuotients
from hepy.bigint.kernels import LEAST_CHUNK, Operand
from hepy.bigint.rows import Rows, identity, span
from hepy.errors import DeviceOutOfMemoryError, ParameterError
from hepy.options import options

Batch = Any  # uint32[B, limbs] on the device

_LARGEST_CHUNK = 1 << 18
_HELD = 16  # elements that a composed operation holds for each of its chunk, about
_TABLE_SHARE = 4  # tables of powers take at most this part of free memory
_SMALL_SHARE = 64  # up to this part of all memory they are tried without asking the driver how much is free
_PIECE = 64  # elements of a segment that one group of threads multiplies in a row
_SECURE_WINDOW = 4  # every look-up reads the whole table, so tables stay small
_SMALL_WINDOW = 4  # of a comb whose base has not proved busy
_BUSY = 2048  # powers after which the large table has paid for itself


def minus_inverse(n: int) -> int:
    """-1 / n modulo a limb."""
    one = 1 << limb.LIMB_BITS
    return -pow(n, -1, one) % one


def pairs(values: list[int], root: int, limbs: int) -> limb.Limbs:
    """The pairs a, b with a + b root = value, one number after the other: uint32[B, limbs]."""
    halves = [half for value in values for half in divmod(value, root)[::-1]]
    return limb.from_ints(halves, limbs // 2).reshape(len(values), limbs)


def moduli(root: int, limbs: int) -> limb.Limbs:
    """What computing with pairs takes of their root m: m and R mod m, uint32[1, limbs]."""
    width = limbs // 2
    return limb.from_ints([root, (1 << limb.LIMB_BITS * width) % root], width).reshape(1, limbs)


class Kernels:
    """Contract: hepy.bigint.kernels.Kernels."""

    engine = "kernels"
    block = inversion.BLOCK

    def __init__(self, n: int, device: Device) -> None:
        self.n = n
        self.words = limb.width(n.bit_length())
        self.device = device
        self.native = device.native
        root = math.isqrt(n)
        self.root = root if root * root == n else None
        paired = self.root is not None
        self.limbs: int = self.native.bigint.limbs(device.index, self.words, paired)
        self.radix = 1 << limb.LIMB_BITS * (self.limbs // 2 if paired else self.limbs)
        first = self.elements([n]) if self.root is None else moduli(self.root, self.limbs)
        numbers = np.concatenate([first, self.elements([self.radix % n, self.radix**2 % n])])
        tail = limb.from_ints([minus_inverse(n if self.root is None else self.root)], 4)
        constants = device.asarray(np.concatenate([numbers.ravel(), tail.ravel()]))
        self.modulus = self.native.bigint.Modulus(device.stream, constants, self.words, paired=paired)
        self._memory = device.properties().memory_bytes
        self._entries: dict[int, Any] = {}  # by rows
        device.settle()

    @property
    def chunk(self) -> int:
        return max(LEAST_CHUNK, min(_LARGEST_CHUNK, self.device.free_bytes() // (_HELD * 4 * self.limbs)))

    def elements(self, values: list[int]) -> limb.Limbs:
        """These integers as elements hold them: uint32[B, limbs]."""
        return limb.from_ints(values, self.limbs) if self.root is None else pairs(values, self.root, self.limbs)

    # Launches: every one names the stream that is current, and takes operands as the kernels want them.

    def run(self, name: str, *arguments: Any) -> None:
        getattr(self.native.bigint, name)(self.device.stream, self.modulus, *arguments)

    def empty(self, *shape: int) -> Batch:
        return self.device.empty((*shape, self.limbs), np.uint32)

    def operand(self, x: Operand) -> Any:
        batch, rows = x
        spaced = span(rows)
        if spaced is not None:
            return self.native.bigint.Operand(batch, start=spaced[0], step=spaced[1])
        return self.native.bigint.Operand(batch, self.device.asarray(np.ascontiguousarray(rows)))

    @secret_memory()
    def exponents(self, words: Any, bits: int, rows: Rows | None = None) -> Any:
        """uint32[E, words] on the host or here, below 2**bits; element i takes row rows[i], by default i."""
        here = self.device.xp.ascontiguousarray(self.device.asarray(words))
        spaced = (0, 1) if rows is None else span(rows)
        if spaced is not None:
            return self.native.bigint.Exponents(here, here.shape[1], bits, start=spaced[0], step=spaced[1])
        index = self.device.asarray(np.ascontiguousarray(rows))
        return self.native.bigint.Exponents(here, here.shape[1], bits, index)

    @property
    def timing(self) -> str:
        """Of powers whose exponents may be secret: docs/security.md, Timing."""
        return "scanning" if options.constant_time else "uniform"

    # Canonical and foreign form.

    def load(self, limbs: Any) -> Batch:
        count, words = limbs.shape
        out = self.empty(count)
        for rows, piece in self.device.pieces(limbs):
            with self.device.active():
                piece = self.device.xp.ascontiguousarray(piece)
            self.run("load", out[rows], piece, words, len(piece))
        return out

    def fixed_point(self, values: Any, scale_bits: int) -> Batch:
        """Contract: hepy.bigint.kernels.Composites."""
        out = self.empty(len(values))
        self.run("fixed_point", out, *self._numbers(values), scale_bits, len(values))
        return out

    def _numbers(self, values: Any) -> tuple[Any, str]:
        """The bits of fixed-point numbers, and what they are."""
        with self.device.active():
            words = self.device.xp.ascontiguousarray(values).view(np.uint64)
        return words, {"f": "float", "i": "signed", "u": "unsigned"}[values.dtype.kind]

    def store(self, x: Operand) -> Any:
        out = self.device.empty((len(x[1]), self.words), np.uint32)
        self.run("store", out, self.operand(x), len(x[1]))
        return out

    def equal(self, x: Operand, y: Operand) -> npt.NDArray[np.bool_]:
        out = self.device.empty(len(x[1]), np.uint8)
        self.run("equal", out, self.operand(x), self.operand(y), len(x[1]))
        return to_host(out).astype(bool)

    # Elementwise.

    def gather(self, parts: Iterable[Operand], count: int) -> Batch:
        out, at = self.empty(count), 0
        for batch, rows in parts:
            self.run("gather", out[at : at + len(rows)], self.operand((batch, rows)), len(rows))
            at += len(rows)
        return out

    def multiply(self, x: Operand, y: Operand) -> Batch:
        return self._binary("multiply", x, y)

    def add(self, x: Operand, y: Operand) -> Batch:
        return self._binary("add", x, y)

    def subtract(self, x: Operand, y: Operand) -> Batch:
        return self._binary("subtract", x, y)

    def _binary(self, name: str, x: Operand, y: Operand) -> Batch:
        out = self.empty(len(x[1]))
        self.run(name, out, self.operand(x), self.operand(y), len(x[1]))
        return out

    def square(self, x: Operand) -> Batch:
        out = self.empty(len(x[1]))
        self.run("square", out, self.operand(x), len(x[1]))
        return out

    def multiply_principal(
        self, x: Operand, factors: limb.Limbs, negative: npt.NDArray[np.bool_], factor_rows: Rows
    ) -> Batch:
        """Contract: hepy.bigint.kernels.Composites; needs a modulus that is a square."""
        count, width = len(x[1]), factors.shape[1]
        out = self.empty(count)
        if count:
            words, signs = self.exponents(factors, limb.LIMB_BITS * width, factor_rows), self._signs(negative)
            self.run("multiply_principal", out, self.operand(x), words, signs, self._entry(width), count)
        return out

    def multiply_principal_fixed_point(self, x: Operand, values: Any, scale_bits: int) -> Batch:
        """Contract: hepy.bigint.kernels.Composites; needs a modulus that is a square."""
        count = len(x[1])
        out = self.empty(count)
        words, number = self._numbers(values)
        entry = self._entry(self.modulus.fixed_point_words(number, scale_bits))
        self.run("multiply_principal_fixed_point", out, self.operand(x), words, number, scale_bits, entry, count)
        return out

    @secret_memory()
    def _signs(self, negative: npt.NDArray[np.bool_]) -> Any:
        return self.device.asarray(np.ascontiguousarray(negative).view(np.uint8))

    @secret_memory()
    def _entry(self, words: int) -> Any:
        """Contract: Entry in cuda/bigint/bigint.hpp, for integers of so many words."""
        rows: int = self.modulus.entry_rows(words)
        if rows not in self._entries:
            if self.root is None:
                raise ParameterError("principal units 1 + k m are those modulo a square, and this modulus is none")
            factor = (self.radix << limb.LIMB_BITS * rows) % self.root
            self._entries[rows] = self.device.asarray(limb.from_ints([factor], self.limbs // 2))
            self.device.settle()
        return self._entries[rows]

    # Powers.

    def power(self, x: Operand, exponents: Any, exponent_rows: Rows, bits: int) -> Batch:
        return self._power(x, self.exponents(exponents, bits, exponent_rows), bits, self.timing)

    def power_vartime(self, x: Operand, exponents: Any, exponent_rows: Rows, bits: int) -> Batch:
        return self._power(x, self.exponents(exponents, bits, exponent_rows), bits, "variable")

    def _power(self, x: Operand, exponents: Any, bits: int, timing: str) -> Batch:
        count = len(x[1])
        out = self.empty(count)
        if count == 0:
            return out
        window, tables = self.tables(self.modulus, self.limbs, count, bits, timing)
        self.run("power", out, self.operand(x), exponents, timing, window, tables, len(tables), count)
        return out

    def tables(self, shape: Any, limbs: int, count: int, bits: int, timing: str) -> tuple[int, Any]:
        """A window for exponents of so many bits, and uint32[slots, 2**window, limbs] for `count` powers.

        As many slots as the tables' share of memory allows, in whole blocks of the grid; `shape` knows these.
        """
        window = self.native.bigint.power_window(bits, *([_SECURE_WINDOW] if timing == "scanning" else []))
        slots, size = shape.whole_blocks(count), 4 * limbs << window
        if slots * size <= self._memory // _SMALL_SHARE:
            try:
                return window, self.device.empty((slots, 1 << window, limbs), np.uint32)
            except DeviceOutOfMemoryError:
                pass  # fewer do as well
        one_block = shape.whole_blocks(1)
        room = self.device.free_bytes() // _TABLE_SHARE // size
        slots = max(one_block, min(slots, room // one_block * one_block))
        return window, self.device.empty((slots, 1 << window, limbs), np.uint32)

    def fermat_quotients(self, quotients: FermatQuotients) -> FermatKernels | None:
        """Contract: hepy.bigint.kernels.Composites."""
        words = max((part.square.words for part in quotients.parts), default=0)
        fits = len(quotients.parts) == 2 and words <= self.native.bigint.most_fermat_limbs
        return FermatKernels(self, quotients) if fits else None

    def fixed_base(self, base: Operand) -> FixedBase:
        return FixedBase(self, self.gather([base], 1))

    # Products of many.

    def segment_product(self, x: Operand, offsets: Rows) -> Batch:
        # Groups of threads work in step: pieces of about one length, and their products in turn.
        cut, own = segments.pieces(offsets, _PIECE)
        parts = self.empty(len(cut) - 1)
        self.run("segment_product", parts, self.operand(x), self.device.asarray(cut), len(cut) - 1, len(x[1]))
        if len(cut) == len(offsets):
            return parts
        return self.segment_product((parts, identity(len(parts))), own)

    def prefix_product(self, x: Operand, run: int) -> Batch:
        count = len(x[1])
        return self._prefix(x, segments.runs(count, run)) if count else self.empty(0)

    def _prefix(self, x: Operand, offsets: Rows) -> Batch:
        """Running products within each segment: within pieces first, then what stands before each piece goes in."""
        cut, own = segments.pieces(offsets, _PIECE)
        out = self.empty(len(x[1]))
        self.run("prefix_product", out, self.operand(x), self.device.asarray(cut), len(cut) - 1, len(x[1]))
        if len(cut) == len(offsets):
            return out
        before = self._prefix((out, cut[1:] - 1), own)
        factors = self.gather([(before, identity(len(before))), (self.load(limb.from_ints([1], 1)), identity(1))],
                              len(before) + 1)  # fmt: skip
        piece = np.repeat(np.arange(len(before)), np.diff(cut))
        leads = np.isin(piece, own[:-1])  # the first piece of a segment: nothing stands before it
        return self.multiply((out, identity(len(out))), (factors, np.where(leads, len(before), piece - 1)))

    def inverse(self, x: Operand) -> Batch:
        return inversion.inverse(self, x)

    def block_inverse(self, products: Batch, x: Operand, inverses: Batch) -> None:
        """Contract: hepy.bigint.inversion.Engine."""
        self.run("block_inverse", products, self.operand(x), inverses, self.block, len(products))

    def multi_power_vartime(self, x: Operand, exponents: limb.Limbs, wanted: npt.NDArray[np.bool_], bits: int) -> Batch:
        terms, columns = wanted.shape
        exponents = np.where(wanted.reshape(-1, 1), exponents, np.uint32(0))
        rows = len(x[1]) // terms
        plan = multi_power.plan(rows, terms, columns, bits)
        method = self._straus if plan.method == "straus" else self._pippenger
        return method((x[0], np.ascontiguousarray(x[1]).reshape(rows, terms)), exponents, columns, bits, plan.window)

    def _straus(self, x: Operand, exponents: limb.Limbs, columns: int, bits: int, window: int) -> Batch:
        """Rows in turn as far as memory holds their tables."""
        batch, index = x
        rows, terms = index.shape
        at_once = max(1, self.device.free_bytes() // _TABLE_SHARE // (terms * 4 * self.limbs << window))
        words, parts = self.exponents(exponents, bits), []
        for low in range(0, rows, at_once):
            some = index[low : low + at_once]
            tables = self.empty(some.size, 1 << window)
            self.run("power_tables", tables, self.operand((batch, some.ravel())), window, some.size)
            out = self.empty(len(some) * columns)
            self.run("straus", out, tables, words, window, len(some), terms, columns)
            parts.append((out, identity(len(out))))
        return parts[0][0] if len(parts) == 1 else self.gather(parts, rows * columns)

    def _pippenger(self, x: Operand, exponents: limb.Limbs, columns: int, bits: int, window: int) -> Batch:
        """Columns in turn: their buckets are segments of x, of which rows share the order."""
        batch, index = x
        rows, terms = index.shape
        digits = multi_power.digits(exponents, bits, window).reshape(terms, columns, -1)
        positions = digits.shape[2]
        largest = (1 << window) - 1
        parts = []
        for column in range(columns):
            order, bounds = multi_power.buckets(digits[:, column], largest)
            all_rows = np.concatenate([row[order] for row in index])
            all_bounds = np.concatenate([[0], *(bounds[1:] + len(order) * row for row in range(rows))])
            buckets = self.segment_product((batch, all_rows), all_bounds)
            windows = self.empty(rows * positions)
            self.run("bucket_product", windows, buckets, largest, rows * positions)
            out = self.empty(rows)
            self.run("horner", out, windows, window, positions, rows)
            parts.append((out, identity(rows)))
        by_column = self.gather(parts, rows * columns)
        return self.gather([(by_column, np.arange(rows * columns).reshape(columns, rows).T.ravel())], rows * columns)


class FermatKernels:
    """Contract: hepy.bigint.kernels.FermatKernels. Both parts of an element in one launch."""

    def __init__(self, kernels: Kernels, quotients: FermatQuotients) -> None:
        self._kernels = kernels
        self._words = quotients.whole.words
        words = max(part.square.words for part in quotients.parts)
        self._limbs: int = kernels.native.bigint.limbs(kernels.device.index, words, True)
        rows = [self._rows(part, quotients.parts[0].modulus.n) for part in quotients.parts]
        constants = kernels.device.asarray(np.concatenate(rows))
        self._parts = kernels.native.bigint.FermatParts(kernels.device.stream, constants, words)
        exponents = [part.exponent for part in quotients.parts]
        self._bits = max(exponent.bit_length() for exponent in exponents)
        self._exponents = kernels.exponents(limb.from_ints(exponents, limb.width(self._bits)), self._bits)
        kernels.device.settle()

    def _rows(self, part: FermatPart, first: int) -> limb.Limbs:
        """uint32[rows, limbs], for the modulus of the first part. Contract: FermatRow in cuda/bigint/bigint.hpp."""
        width = self._limbs // 2
        radix, m, square = 1 << limb.LIMB_BITS * width, part.modulus.n, part.square.n
        pieces = -(-self._kernels.limbs // 2 // width)
        bridge = (self._kernels.root or 0) * pow(radix, 2 - pieces, square) % square
        entry = radix**2 * pow(self._kernels.radix, -1, square) % square
        unit = radix**2 * (1 if m == first else pow(first, -1, m))
        weights = unit * part.factor % m + (0 if m == first else -unit % m) * m
        values = pairs([radix % square, radix**2 % square, bridge, entry, weights], m, self._limbs)
        tail = limb.from_ints([minus_inverse(m)], self._limbs)
        return np.concatenate([moduli(m, self._limbs), values, tail])

    def of(self, x: Operand) -> tuple[limb.Limbs, npt.NDArray[np.bool_]]:
        kernels, count = self._kernels, len(x[1])
        out = kernels.device.empty((count, self._words), np.uint32)
        exact = kernels.device.empty(count, np.uint8)
        if count:
            timing = kernels.timing
            window, tables = kernels.tables(self._parts, self._limbs, 2 * count, self._bits, timing)
            kernels.run("fermat_quotients", self._parts, out, exact, kernels.operand(x), self._exponents, timing, window,
                        tables, len(tables), self._words, count)  # fmt: skip
        return out, to_host(exact).astype(bool)


class FixedBase:
    """Contract: hepy.bigint.kernels.FixedBaseKernels."""

    def __init__(self, kernels: Kernels, base: Batch) -> None:
        self._kernels, self._base = kernels, base
        self._tables = Tables(self._table, self._window, kernels.device.name)
        kernels.device.settle()

    def power(self, exponents: Any, bits: int) -> Batch:
        kernels, count = self._kernels, len(exponents)
        out = kernels.empty(count)
        table, window, _ = self._tables.take(bits, count)
        kernels.run("fixed_base_power", out, table, kernels.exponents(exponents, bits), kernels.timing, window, count)
        return out

    def _window(self, powers: int) -> int:
        """A base that is used seldom gets a small table."""
        if options.constant_time:
            return _SECURE_WINDOW
        return int(self._kernels.modulus.comb_window) if powers >= _BUSY else _SMALL_WINDOW

    def _table(self, window: int, positions: int) -> Batch:
        """uint32[positions, 2**window, limbs]."""
        kernels = self._kernels
        made = kernels.empty(positions, 1 << window)
        kernels.run("fixed_base_table", made, kernels.operand((self._base, identity(1))), window, positions)
        kernels.device.settle()
        return made
