"""The gmpy2 engine: big integers on `cpu` through GMP, on every machine that gmpy2 runs on.

gmpy2's list functions release the GIL for powers only, with their own sliding windows; products have no such form.
So the leaves are numba loops over GMP's limb functions (mpn_loops.py), which take no lock and make no objects.
Measurements of both are in docs/bigint.md. A batch is uint64[B, L] in Montgomery form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy._devices import Device
from hepy._host.pool import parallel_ranges
from hepy.bigint import gathering, inversion, multi_power_host, segments
from hepy.bigint import mpn_loops as loops
from hepy.bigint.combs import Tables
from hepy.bigint.kernels import Operand
from hepy.bigint.not_pickled import NotPickled
from hepy.bigint.rows import Rows, identity
from hepy.options import options

Batch = npt.NDArray[np.uint64]

_PIECE = 128  # elements of a segment that one thread multiplies in a row
_SECURE_WINDOW = 4  # every look-up reads the whole table, so tables stay small
_SMALL_WINDOW, _LARGE_WINDOW = 5, 8  # a comb's windows before and after its base has proved busy
_BUSY = 512  # powers after which the large table has paid for itself


class Kernels(NotPickled):
    """Contract: hepy.bigint.kernels.Kernels."""

    lanes = 1
    block = inversion.BLOCK
    chunk = 256  # a few milliseconds of products: enough to share among threads, little beside any result

    def __init__(self, n: int, device: Device, engine: str = "gmpy2") -> None:
        self.n = n
        self.device, self.engine = device, engine
        self.length = -(-n.bit_length() // 64)
        self.words = limb.width(n.bit_length())
        self.modulus = self._row(n)
        self.minus_inverse = np.uint64(-pow(n, -1, 1 << 64) % (1 << 64))
        self.one = self._row((1 << 64 * self.length) % n)
        self._factors = np.empty((0, self.length), np.uint64)
        # Roughly nanoseconds of a product; what is worth another thread is counted in them.
        self._cost = 150 + self.length * self.length

    def _row(self, value: int) -> Batch:
        row: Batch = _uint64(limb.from_ints([value], 2 * self.length))[0]
        return row

    def empty(self, count: int) -> Batch:
        return np.empty((count, self.length), np.uint64)

    def _run(self, count: int, products: float, work: Callable[[int, int], object]) -> None:
        """work(start, stop) over [0, count), each item worth that many products."""
        parallel_ranges(count, max(1, int(200_000 / (self._cost * products))), work)

    def load(self, limbs: limb.Limbs) -> Batch:
        pieces = max(1, -(-limbs.shape[1] // (2 * self.length)))
        padded = np.zeros((len(limbs), pieces * 2 * self.length), np.uint32)
        padded[:, : limbs.shape[1]] = limbs
        source, factors = _uint64(padded), self._load_factors(pieces)
        out = self.empty(len(limbs))
        self._run(
            len(limbs),
            pieces,
            lambda i, j: loops.load(out, source, factors, self.modulus, self.minus_inverse, i, j),
        )
        return out

    def _load_factors(self, pieces: int) -> Batch:
        if len(self._factors) < pieces:
            radix = 1 << 64 * self.length
            self._factors = np.stack([self._row(pow(radix, k + 2, self.n)) for k in range(pieces)])
        return self._factors

    def store(self, x: Operand) -> limb.Limbs:
        batch, rows = _contiguous(x)
        out = self.empty(len(rows))
        self._run(len(rows), 1, lambda i, j: loops.store(out, batch, rows, self.modulus, self.minus_inverse, i, j))
        return np.ascontiguousarray(out.view(np.uint32)[:, : self.words])

    def equal(self, x: Operand, y: Operand) -> npt.NDArray[np.bool_]:
        (left, left_rows), (right, right_rows) = x, y
        out = np.empty(len(left_rows), bool)
        for at in range(0, len(out), self.chunk):
            here = slice(at, at + self.chunk)
            out[here] = (left[left_rows[here]] == right[right_rows[here]]).all(axis=1)
        return out

    def gather(self, parts: Iterable[Operand], count: int) -> Batch:
        out = self.empty(count)
        gathering.gather(out, parts)
        return out

    def multiply(self, x: Operand, y: Operand) -> Batch:
        return self._binary(loops.multiply, 1, x, y)

    def add(self, x: Operand, y: Operand) -> Batch:
        return self._binary(loops.add, 0.1, x, y)

    def subtract(self, x: Operand, y: Operand) -> Batch:
        return self._binary(loops.subtract, 0.1, x, y)

    def _binary(self, loop: Callable[..., object], products: float, x: Operand, y: Operand) -> Batch:
        x, y = _contiguous(x), _contiguous(y)
        out = self.empty(len(x[1]))
        self._run(len(out), products, lambda i, j: loop(out, *x, *y, self.modulus, self.minus_inverse, i, j))
        return out

    def square(self, x: Operand) -> Batch:
        x, out = _contiguous(x), self.empty(len(x[1]))
        self._run(len(out), 1, lambda i, j: loops.square(out, *x, self.modulus, self.minus_inverse, i, j))
        return out

    def power(self, x: Operand, exponents: limb.Limbs, exponent_rows: Rows, bits: int) -> Batch:
        x, out, secure = _contiguous(x), self.empty(len(x[1])), options.constant_time
        window = min(range(1, 9), key=lambda w: 2**w + bits / w)
        if secure:
            window = min(window, _SECURE_WINDOW)

        def work(start: int, stop: int) -> None:
            loops.power(
                out, *x, exponents, exponent_rows, bits, window, secure, self.one, self.modulus, self.minus_inverse,
                start, stop,
            )  # fmt: skip

        self._run(len(out), bits + 2**window, work)
        return out

    def power_vartime(self, x: Operand, exponents: limb.Limbs, exponent_rows: Rows, bits: int) -> Batch:
        x, out = _contiguous(x), self.empty(len(x[1]))
        window = min(range(1, 9), key=lambda w: 2 ** (w - 1) + bits / (w + 1))

        def work(start: int, stop: int) -> None:
            loops.power_vartime(
                out, *x, exponents, exponent_rows, bits, window, self.one, self.modulus, self.minus_inverse, start, stop
            )

        self._run(len(out), max(bits, 1), work)
        return out

    def fixed_base(self, base: Operand) -> FixedBase:
        return FixedBase(self, self.gather([base], 1))

    def inverse(self, x: Operand) -> Batch:
        made: Batch = inversion.inverse(self, x)
        return made

    def block_inverse(self, products: Batch, x: Operand, inverses: Batch) -> None:
        """Contract: hepy.bigint.inversion.Engine."""
        batch, rows = _contiguous(x)

        def work(start: int, stop: int) -> None:
            loops.block_inverse(
                products, batch, rows, self.block, inverses, self.modulus, self.minus_inverse, start, stop
            )

        self._run(len(inverses), 2 * self.block, work)

    def segment_product(self, x: Operand, offsets: Rows) -> Batch:
        # A long segment is cut into pieces, so that threads share it, and their products are multiplied in turn.
        cut, own = segments.pieces(offsets, _PIECE)
        if len(cut) == len(offsets):
            return self._segment_product(x, offsets)
        parts = self._segment_product(x, cut)
        return self.segment_product((parts, identity(len(parts))), own)

    def _segment_product(self, x: Operand, offsets: Rows) -> Batch:
        count = len(offsets) - 1
        x, out = _contiguous(x), self.empty(count)

        def work(start: int, stop: int) -> None:
            loops.segment_product(out, *x, offsets, self.one, self.modulus, self.minus_inverse, start, stop)

        self._run(count, max(1.0, len(x[1]) / max(count, 1)), work)
        return out

    def prefix_product(self, x: Operand, run: int) -> Batch:
        x, out = _contiguous(x), self.empty(len(x[1]))

        def work(start: int, stop: int) -> None:
            loops.prefix_product(out, *x, run, self.modulus, self.minus_inverse, start, stop)

        self._run(-(-len(out) // max(run, 1)), max(run, 1), work)
        return out

    def multi_power_vartime(self, x: Operand, exponents: limb.Limbs, wanted: npt.NDArray[np.bool_], bits: int) -> Batch:
        return multi_power_host.product(self, x, exponents, wanted, bits)

    def straus_tables(self, x: Operand, window: int, products: float) -> Batch:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        tables = np.empty((len(x[1]), multi_power_host.entries(window, sliding=True), self.length), np.uint64)
        constants = (self.modulus, self.minus_inverse)
        self._run(len(tables), products + 1, lambda i, j: loops.straus_tables(tables, *x, *constants, i, j))
        return tables

    def straus_vartime(self, out: Batch, tables: Batch, powers: multi_power_host.Powers, products: float) -> None:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        constants = (self.one, self.modulus, self.minus_inverse)
        self._run(len(out), products, lambda i, j: loops.straus_vartime(out, tables, *powers, *constants, i, j))

    def pippenger_vartime(self, out: Batch, x: Operand, powers: multi_power_host.Powers, products: float) -> None:
        """Contract: hepy.bigint.multi_power_host.Engine."""
        constants, bases = (self.one, self.modulus, self.minus_inverse), x[1].reshape(-1, len(powers.wanted))
        self._run(len(out), products, lambda i, j: loops.pippenger_vartime(out, x[0], bases, *powers, *constants, i, j))


class FixedBase:
    """Contract: hepy.bigint.kernels.FixedBaseKernels."""

    def __init__(self, kernels: Kernels, base: Batch) -> None:
        self._kernels, self._base = kernels, base
        self._tables = Tables(self._table, self._window, kernels.device.name)

    def power(self, exponents: limb.Limbs, bits: int) -> Batch:
        kernels, secure = self._kernels, options.constant_time
        table, window, positions = self._tables.take(bits, len(exponents))
        out = kernels.empty(len(exponents))

        def work(start: int, stop: int) -> None:
            loops.fixed_base_power(
                out, table, exponents, positions, window, secure, kernels.modulus, kernels.minus_inverse, start, stop
            )

        kernels._run(len(out), positions, work)
        return out

    def _window(self, powers: int) -> int:
        """A base that is used seldom gets a small table."""
        if options.constant_time:
            return _SECURE_WINDOW
        return _LARGE_WINDOW if powers >= _BUSY else _SMALL_WINDOW

    def _table(self, window: int, positions: int) -> Batch:
        """uint64[positions, 2**window, L]."""
        kernels = self._kernels
        constants = (kernels.modulus, kernels.minus_inverse)
        first = kernels.empty(positions)
        loops.repeated_squares(first, self._base, window, *constants)
        made = np.empty((positions, 1 << window, kernels.length), np.uint64)
        kernels._run(
            positions,
            1 << window,
            lambda i, j: loops.fixed_base_table(made, first, kernels.one, *constants, i, j),
        )
        return made


def _contiguous(x: Operand) -> tuple[Batch, Rows]:
    """The operand with rows one after the other in memory: numba compiles strided arrays a second time."""
    return x[0], np.ascontiguousarray(x[1])


def _uint64(limbs: limb.Limbs) -> Batch:
    """Pairs of little-endian uint32 limbs as uint64, writable: numba compiles read-only arrays a second time."""
    return np.array(limbs, dtype="<u4", order="C").view(np.uint64)
