"""The compiled engines: big integers on `cpu` through hepy._cpu, whose sources are in cpu/.

What an engine does is the same for all of them: one integer at a time by MULX, eight in lanes by AVX-512 IFMA, or
either in plain C++. A batch is uint64[B, width] in the engine's own Montgomery form, canonical. Work is shared among
hepy's threads in units of as many elements as the engine has lanes.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._devices import Device
from hepy._host.pool import parallel_ranges
from hepy.bigint import inversion, multi_power_host, segments
from hepy.bigint.combs import Tables
from hepy.bigint.kernels import NotAUnit, Operand
from hepy.bigint.rows import Rows, identity
from hepy.options import options

Batch = npt.NDArray[np.uint64]

_GRAIN = 100_000  # nanoseconds of work that are worth another thread
_LONGEST_PIECE, _SHORTEST_PIECE = 256, 4  # elements of a segment that one lane multiplies in a row
_SECURE_WINDOW = 4  # every look-up reads the whole table, so tables stay small
_SMALL_WINDOW, _LARGE_WINDOW = 5, 8  # a comb's windows before and after its base has proved busy
_BUSY = 512  # powers after which the large table has paid for itself


class Kernels:
    """Contract: hepy.bigint.kernels.Kernels."""

    chunk = 256  # a few milliseconds of products: enough to share among threads, little beside any result

    def __init__(self, n: int, device: Device, engine: str, *, of_square: bool = False) -> None:
        """`of_square`: n is the root of a square, and elements are the lower halves of pairs modulo that."""
        native = importlib.import_module("hepy._cpu")
        self.n = n
        self.device, self.engine = device, engine
        self.words = limb.width(n.bit_length())
        # Paillier's moduli are squares: residues modulo one are pairs modulo its root.
        root = gmpy2.isqrt(n)
        self._root = root if root * root == n and not of_square else None
        start, squared = int(self._root or n), self._root is not None
        bits = start.bit_length()
        self._radix = 1 << native.radix_bits(engine, bits, squared or of_square)
        one = self._plain([self._radix % n])
        self.native = native.Engine(engine, limb.from_ints([start], limb.width(bits)), one, bits, squared, of_square)
        self.width: int = self.native.width
        self.lanes: int = self.native.lanes
        self._piece_words: int = self.native.piece_words
        self._pieces = -(-self.words // self._piece_words)  # of a canonical integer
        self.block = inversion.BLOCK if self.lanes == 1 else 2 * self.lanes  # a block for each lane of small batches
        self._factors: dict[int, limb.Limbs] = {}  # by the number that is multiplied to what is loaded
        # Roughly nanoseconds of a product; what is worth another thread is counted in them.
        self._cost = 50 + 0.7 * self.width * self.width
        self.one = self.load(limb.from_ints([1], 1))
        self._cube = self._plain([pow(self._radix, 3, n)])
        # Called without a frame of Python in between, which would take a tenth of the time.
        self.multiply_single = self.native.multiply_single
        self.multiply_principal_single = self.native.multiply_principal_single

    def _plain(self, values: list[int]) -> limb.Limbs:
        """Residues as plain elements: canonical, or the remainder and the quotient by the modulus's root."""
        if self._root is None:
            return limb.from_ints(values, self.words)
        pairs = [half for value in values for half in gmpy2.f_divmod(value, self._root)[::-1]]
        return limb.from_ints(pairs, limb.width(self._root.bit_length())).reshape(len(values), -1)

    def empty(self, count: int) -> Batch:
        return np.empty((count, self.width), np.uint64)

    def run(self, count: int, products: float, work: Callable[[int, int], object], *, unit: int | None = None) -> None:
        """work(start, stop) over [0, count), each item worth that many products; `unit` items go together."""
        unit = unit or self.lanes
        if 0 < count <= unit:
            work(0, count)
            return
        grain = max(1, int(_GRAIN / (self._cost * products * unit)))
        parallel_ranges(-(-count // unit), grain, lambda i, j: work(i * unit, min(j * unit, count)))

    # Canonical and foreign form.

    def load(self, limbs: limb.Limbs) -> Batch:
        return self.load_multiple(limbs, 1)

    def load_bytes(self, number: bytes) -> Batch:
        """Contract: hepy.bigint.kernels.Composites."""
        made: Batch = self.native.load_bytes(number, self._load_factors(self._pieces, 1))
        return made

    def join_singles(self, arrays: list[Any]) -> Batch | None:
        """Contract: hepy.bigint.kernels.Composites."""
        made: Batch | None = self.native.join_singles(arrays, self)
        return made

    def load_multiple(self, limbs: limb.Limbs, factor: int) -> Batch:
        """Contract: hepy.bigint.kernels.Composites."""
        words = limbs.shape[1]
        pieces = -(-words // self._piece_words)
        factors, out = self._load_factors(pieces, factor), self.empty(len(limbs))
        source = limbs
        if not (source.flags.c_contiguous and source.flags.aligned):  # a part of a message may begin anywhere
            source = np.require(limbs, requirements=["C", "A"])
        load = self.native.load
        self.run(len(out), pieces, lambda i, j: load(out, source, words, factors, i, j))
        return out

    def _load_factors(self, pieces: int, factor: int) -> limb.Limbs:
        """What brings each piece of a wide integer into Montgomery form: factor R^2 2^(32 piece_words k) mod n."""
        made = self._factors.get(factor)
        if made is None or len(made) < pieces:
            step, first = 32 * self._piece_words, factor * self._radix * self._radix
            made = self._plain([(first << step * k) % self.n for k in range(pieces)])
            # One beside 1 stays: callers have a factor of their own that they use again and again.
            self._factors = {one: table for one, table in self._factors.items() if one == 1} | {factor: made}
        return made

    def store(self, x: Operand) -> limb.Limbs:
        batch, rows = _contiguous(x)
        out = np.empty((len(rows), self.words), np.uint32)
        self.run(len(rows), 1, lambda i, j: self.native.store(out, batch, rows, i, j))
        return out

    def equal(self, x: Operand, y: Operand) -> npt.NDArray[np.bool_]:
        x, y = _contiguous(x), _contiguous(y)
        out = np.empty(len(x[1]), bool)
        self.run(len(out), 0.05, lambda i, j: self.native.equal(out, *x, *y, i, j))
        return out

    def gather(self, parts: Iterable[Operand], count: int) -> Batch:
        out, at = self.empty(count), 0
        for some in [parts] if isinstance(parts, list) else ([part] for part in parts):
            at = self.native.gather(out, at, some)
        return out

    # Elementwise.

    def multiply(self, x: Operand, y: Operand) -> Batch:
        return self._binary(self.native.multiply, 1, x, y)

    def add(self, x: Operand, y: Operand) -> Batch:
        return self._binary(self.native.add, 0.1, x, y)

    def subtract(self, x: Operand, y: Operand) -> Batch:
        return self._binary(self.native.subtract, 0.1, x, y)

    def _binary(self, operation: Callable[..., object], products: float, x: Operand, y: Operand) -> Batch:
        x, y = _contiguous(x), _contiguous(y)
        out = self.empty(len(x[1]))
        self.run(len(out), products, lambda i, j: operation(out, *x, *y, i, j))
        return out

    def square(self, x: Operand) -> Batch:
        x = _contiguous(x)
        out = self.empty(len(x[1]))
        self.run(len(out), 1, lambda i, j: self.native.square(out, *x, i, j))
        return out

    def multiply_principal(
        self, x: Operand, factors: limb.Limbs, negative: npt.NDArray[np.bool_], factor_rows: Rows
    ) -> Batch:
        """Contract: hepy.bigint.kernels.Composites; needs a modulus that is a square."""
        x = _contiguous(x)
        out, words, rows = self.empty(len(x[1])), *_exponents(factors, factor_rows)
        work, width, signs = self.native.multiply_principal, words.shape[1], np.ascontiguousarray(negative)
        products = 0.1 + 0.05 * width  # beside one of pairs
        self.run(len(out), products, lambda i, j: work(out, *x, words, width, rows, signs, i, j))
        return out

    # Powers.

    def power(self, x: Operand, exponents: limb.Limbs, exponent_rows: Rows, bits: int) -> Batch:
        x, scan = _contiguous(x), options.constant_time
        out, words, rows = self.empty(len(x[1])), *_exponents(exponents, exponent_rows)
        window = _fixed_window(bits, scan)

        def work(start: int, stop: int) -> None:
            self.native.power(out, *x, words, words.shape[1], bits, rows, window, scan, start, stop)

        self.run(len(out), bits + 2**window, work)
        return out

    def power_vartime(self, x: Operand, exponents: limb.Limbs, exponent_rows: Rows, bits: int) -> Batch:
        x = _contiguous(x)
        out, words, rows = self.empty(len(x[1])), *_exponents(exponents, exponent_rows)
        window = _sliding_window(bits)

        def work(start: int, stop: int) -> None:
            self.native.power_vartime(out, *x, words, words.shape[1], bits, rows, window, start, stop)

        self.run(len(out), max(bits, 1), work)
        return out

    def power_vartime_single(self, x: Batch, rows: Rows, exponent: int) -> Batch:
        """Contract: hepy.bigint.kernels.Composites."""
        made: Batch = self.native.power_vartime_single(x, rows, exponent, _sliding_window(exponent.bit_length()))
        return made

    def number_power(self, value: Any, exponent: int, vartime: bool) -> Any:
        """value ** exponent for one canonical residue, gmpy2's integer on the way in and out; the exponent is at least 0.

        One call for what is power(), or power_vartime(), between load() and store().
        """
        bits, scan = exponent.bit_length(), options.constant_time
        number = value.to_bytes(4 * self.words, "little")
        factors = self._load_factors(self._pieces, 1)
        if vartime:
            made = self.native.number_power_vartime(number, factors, exponent, _sliding_window(bits), scan)
        else:
            made = self.native.number_power(number, factors, exponent, _fixed_window(bits, scan), scan)
        return _number(made)

    def fixed_base(self, base: Operand) -> FixedBase:
        return FixedBase(self, self.gather([base], 1))

    # Products of many.

    def inverse(self, x: Operand) -> Batch:
        if len(x[1]) == 1:
            return self._inverse_of_one(*x)
        if self._root is not None:
            return self._quotient((self.one, np.zeros(len(x[1]), np.intp)), x)
        made: Batch = inversion.inverse(self, x)
        return made

    def divide(self, x: Operand, y: Operand) -> Batch:
        """Contract: hepy.bigint.kernels.Composites."""
        if self._root is None or len(y[1]) == 1:
            return self.multiply(x, (self.inverse(y), identity(len(y[1]))))
        return self._quotient(x, y)

    def _quotient(self, x: Operand, y: Operand) -> Batch:
        """x[i] / y[i] modulo a square: inverses are those of the lower halves of pairs, modulo the root."""
        x, y = _contiguous(x), _contiguous(y)
        out, root, work = self.empty(len(x[1])), self._root_kernels, self.native.quotient
        lower = y[0][:, : root.width][y[1]]
        inverses = inversion.inverse(root, (lower, identity(len(lower))))
        self.run(len(out), 1.6, lambda i, j: work(out, *x, *y, inverses, i, j))
        return out

    @functools.cached_property
    def _root_kernels(self) -> Kernels:
        assert self._root is not None
        return Kernels(int(self._root), self.device, self.engine, of_square=True)

    def _inverse_of_one(self, x: Batch, rows: Rows) -> Batch:
        raw = self.native.store_raw_single(x, rows)  # x R, whose inverse times R^3 / R is R / x
        try:
            plain = self._inverse_of_plain(raw) if self._root is None else self._inverse_of_pair(raw, self._root)
        except ZeroDivisionError:
            raise NotAUnit([0]) from None
        made: Batch = self.native.load_single(plain, self._cube)
        return made

    def _inverse_of_plain(self, plain: bytes) -> bytes:
        inverse: bytes = gmpy2.invert(_number(plain), self.n).to_bytes(len(plain), "little")
        return inverse

    def _inverse_of_pair(self, plain: bytes, root: Any) -> bytes:
        half = len(plain) // 2
        low, high = inversion.by_lifting(_number(plain[:half]), _number(plain[half:]), root)
        inverse: bytes = low.to_bytes(half, "little") + high.to_bytes(half, "little")
        return inverse

    def block_inverse(self, products: Batch, x: Operand, inverses: Batch) -> None:
        """Contract: hepy.bigint.inversion.Engine."""
        x = _contiguous(x)

        def work(start: int, stop: int) -> None:
            self.native.block_inverse(products, *x, self.block, inverses, start, stop)

        self.run(len(inverses), 2 * self.block, work)

    def segment_product(self, x: Operand, offsets: Rows) -> Batch:
        # A long segment is cut into pieces, so that threads and lanes share it, and their products multiplied in turn.
        longest = self._piece(len(x[1]), len(offsets) - 1)
        if len(x[1]) <= longest:
            return self._segments(x, offsets)
        cut, own = segments.pieces(offsets, longest)
        parts = self._segments(x, cut)
        if len(cut) == len(offsets):
            return parts
        return self.segment_product((parts, identity(len(parts))), own)

    def _piece(self, count: int, segments: int) -> int:
        """Elements of a piece, such that there is work for every lane of every thread."""
        workers = self.lanes * options.threads
        if segments >= workers:
            return _LONGEST_PIECE
        return max(_SHORTEST_PIECE, min(_LONGEST_PIECE, count // workers))

    def _segments(self, x: Operand, offsets: Rows) -> Batch:
        if len(offsets) - 1 > self.lanes > 1:
            lengths = offsets[1:] - offsets[:-1]
            if lengths.min() < lengths.max():
                # Lanes wait for the longest of their segments: those of about one length go together.
                order = np.argsort(lengths, kind="stable")
                made = self._segments_in_turn(*segments.reordered(x, offsets, order))
                out = np.empty_like(made)
                out[order] = made
                return out
        return self._segments_in_turn(x, offsets)

    def _segments_in_turn(self, x: Operand, offsets: Rows) -> Batch:
        count = len(offsets) - 1
        x, offsets, out = _contiguous(x), np.ascontiguousarray(offsets), self.empty(count)
        work = self.native.segment_product
        products = max(0.05, len(x[1]) / max(count, 1) - 1)  # of a segment; its first element is copied
        self.run(count, products, lambda i, j: work(out, *x, offsets, i, j))
        return out

    def prefix_product(self, x: Operand, run: int) -> Batch:
        return self._prefix(x, segments.runs(len(x[1]), run)) if len(x[1]) else self.empty(0)

    def _prefix(self, x: Operand, offsets: Rows) -> Batch:
        """Running products within each segment: within pieces first, then what stands before each piece goes in."""
        if self.lanes == 1 and len(offsets) == 2 and 1 < options.threads <= len(x[1]) // _SHORTEST_PIECE:
            return self._long_prefix(x)
        cut, own = segments.pieces(offsets, self._prefix_piece(len(x[1]), len(offsets) - 1))
        cut = np.ascontiguousarray(cut)
        x, out = _contiguous(x), self.empty(len(x[1]))
        products = len(out) / max(len(cut) - 1, 1)
        self.run(len(cut) - 1, products, lambda i, j: self.native.prefix_product(out, *x, cut, False, i, j))
        if len(cut) == len(offsets):
            return out
        before = self._prefix((out, cut[1:] - 1), own)
        factors = self.gather([(before, identity(len(before))), (self.one, identity(1))], len(before) + 1)
        piece = np.repeat(np.arange(len(before)), np.diff(cut))
        leads = np.isin(piece, own[:-1])  # the first piece of a segment: nothing stands before it
        return self.multiply((out, identity(len(out))), (factors, np.where(leads, len(before), piece - 1)))

    def _long_prefix(self, x: Operand) -> Batch:
        """Running products of one run by all threads, in the time of 2 / (threads + 1) of its products.

        All parts but the last go through at once. Then their ends tell what stands before each: the last part goes on from
        there, beside the others, which are multiplied by it.
        """
        parts, count = options.threads + 1, len(x[1])
        cut = np.array([count * part // parts for part in range(parts + 1)])
        x, out, native = _contiguous(x), self.empty(count), self.native
        self.run(parts - 1, count / parts, lambda i, j: native.prefix_product(out, *x, cut, False, i, j))
        ends = cut[1:-1] - 1
        before, first = self.empty(len(ends)), np.array([0, len(ends)])
        native.prefix_product(before, out, ends, first, False, 0, 1)
        out[ends] = before
        rows, factors = identity(count), np.repeat(np.arange(-1, parts - 1), np.diff(cut))

        def second(start: int, stop: int) -> None:
            for part in range(start, stop):
                if part == 0:
                    native.prefix_product(out, *x, cut, True, parts - 1, parts)
                else:
                    native.multiply(out, out, rows, before, factors, int(cut[part]), int(ends[part]))

        self.run(parts - 1, count / parts, second)
        return out

    def _prefix_piece(self, count: int, segments: int) -> int:
        """Pieces take a second product an element: they pay where several workers would have nothing to do."""
        workers = self.lanes * options.threads
        return count if workers < 2 * segments or workers < 4 else max(_SHORTEST_PIECE, count // workers)

    def multi_power_vartime(self, x: Operand, exponents: limb.Limbs, wanted: npt.NDArray[np.bool_], bits: int) -> Batch:
        return multi_power_host.product(self, x, exponents, wanted, bits)

    def straus_tables(self, x: Operand, window: int, products: float) -> Batch:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        tables, make = self.empty(len(x[1]) * self.native.straus_entries(window)), self.native.straus_tables
        self.run(len(x[1]), products + 1, lambda i, j: make(tables, *x, window, i, j))
        return tables

    def straus_vartime(self, out: Batch, tables: Batch, powers: multi_power_host.Powers, products: float) -> None:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        method, shape = self.native.straus_vartime, _shape(powers)
        self.run(len(out), products, lambda i, j: method(out, tables, *shape, i, j))

    def pippenger_vartime(self, out: Batch, x: Operand, powers: multi_power_host.Powers, products: float) -> None:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        method, shape = self.native.pippenger_vartime, _shape(powers)
        self.run(len(out), products, lambda i, j: method(out, *x, *shape, i, j))


class FixedBase:
    """Contract: hepy.bigint.kernels.FixedBaseKernels."""

    def __init__(self, kernels: Kernels, base: Batch) -> None:
        self._kernels, self._base = kernels, base
        self._tables = Tables(self._table, self._window, kernels.device.name)

    def power(self, exponents: limb.Limbs, bits: int) -> Batch:
        kernels, scan = self._kernels, options.constant_time
        table, window, positions = self._tables.take(bits, len(exponents))
        out, words = kernels.empty(len(exponents)), np.ascontiguousarray(exponents)

        def work(start: int, stop: int) -> None:
            kernels.native.fixed_base_power(
                out, table, words, words.shape[1], bits, positions, window, scan, start, stop
            )

        kernels.run(len(out), positions, work)
        return out

    def _window(self, powers: int) -> int:
        """A base that is used seldom gets a small table."""
        if options.constant_time:
            return _SECURE_WINDOW
        return _LARGE_WINDOW if powers >= _BUSY else _SMALL_WINDOW

    def _table(self, window: int, positions: int) -> Batch:
        """uint64[positions, 2**window, width]."""
        kernels = self._kernels
        first = kernels.empty(positions)
        kernels.native.repeated_squares(first, self._base, window, positions)
        made = np.empty((positions, 1 << window, kernels.width), np.uint64)
        work = kernels.native.fixed_base_table
        kernels.run(positions, 1 << window, lambda i, j: work(made, first, window, i, j))
        return made


def _number(little_endian: bytes) -> Any:
    return gmpy2.mpz.from_bytes(little_endian, "little")


@functools.cache
def _fixed_window(bits: int, scan: bool) -> int:
    """The width of fixed windows that takes the fewest products."""
    window = min(range(1, 9), key=lambda w: 2**w + bits / w)
    return min(window, _SECURE_WINDOW) if scan else window


@functools.cache
def _sliding_window(bits: int) -> int:
    """The width of sliding windows that takes the fewest products."""
    return min(range(1, 9), key=lambda w: 2 ** (w - 1) + bits / (w + 1))


def _contiguous(x: Operand) -> tuple[Batch, Rows]:
    """The operand with rows one after the other in memory, as compiled code reads them."""
    batch, rows = x
    return (batch, rows) if rows.flags.c_contiguous else (batch, np.ascontiguousarray(rows))


def _exponents(exponents: limb.Limbs, rows: Rows) -> tuple[limb.Limbs, Rows]:
    return np.ascontiguousarray(exponents), np.ascontiguousarray(rows)


def _shape(powers: multi_power_host.Powers) -> tuple[Any, ...]:
    """As the compiled module takes it."""
    exponents, wanted, bits, window, spans = powers
    return exponents, exponents.shape[1], bits, wanted, *wanted.shape, spans, window
