"""Arrays of residues modulo one modulus, with numpy's shapes.

A ResidueArray is a batch in the private form of its device, and an integer array of the array's shape that says which
row of the batch is where. Slicing, broadcasting, transposing and reshaping work on that array alone; arithmetic reads
rows and makes a new batch. Arrays are immutable.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._arguments import axis_of, whole
from hepy._devices.zeroing import secret_memory
from hepy._host import lists
from hepy._shapes import Move, Shaped, index_at, moved
from hepy.bigint import joint, segments
from hepy.bigint.integers import check_unmasked, integers
from hepy.bigint.kernels import LEAST_CHUNK, Batch, Kernels, NotAUnit, Operand, offered
from hepy.bigint.not_pickled import NotPickled
from hepy.bigint.rows import Rows, first, identity, repeated
from hepy.errors import DeviceError, DeviceOutOfMemoryError, ParameterError

if TYPE_CHECKING:
    from hepy.bigint.modulus import Modulus

# Pairs of (bin, element) that a segmented product sorts at once: what is needed beyond operands and result stays small
# however long the batch.
_PAIRS = 1 << 18
_TOGETHER = 8  # features, at least, that are looked at for joint bins
_TERMS = 1 << 13  # of a product of powers, at least, whose exponents are held in the form that kernels read


class ResidueArray(Shaped, NotPickled):
    """Residues modulo one modulus, of any shape, on one device.

    Made by the methods of Modulus. `+ - * **` work elementwise with numpy's broadcasting, with arrays of the same
    modulus and with integers.
    """

    __slots__ = ("_batch", "_device", "_kernels", "_modulus", "_rows")
    __array_ufunc__ = None  # numpy hands `array * residues` to __rmul__ instead of looping over elements
    __hash__ = None  # type: ignore[assignment]  # == is elementwise

    def __init__(self, modulus: Modulus, device: _devices.Device, kernels: Kernels, batch: Batch, rows: Rows) -> None:
        self._modulus = modulus
        self._device = device
        self._kernels = kernels  # those that made the batch: a change of options.engine does not reach it
        self._batch = batch
        self._rows = rows

    # What it is. Properties over slots, so that nobody assigns them; operations read the slots, which takes less time.

    @property
    def modulus(self) -> Modulus:
        """The modulus."""
        return self._modulus

    @property
    def device(self) -> _devices.Device:
        """Where the elements are."""
        return self._device

    # Shape: numpy's own rules, on the rows.

    @property
    def shape(self) -> tuple[int, ...]:
        return self._rows.shape

    @property
    def ndim(self) -> int:
        return self._rows.ndim

    @property
    def size(self) -> int:
        return self._rows.size

    def __iter__(self) -> Iterator[ResidueArray]:
        if self.ndim < 2:
            return (self[i] for i in range(len(self)))
        rows = list(self._rows)  # numpy's own parts, which take a tenth of the time of an index
        shared = {"_modulus": self._modulus, "_device": self._device, "_kernels": self._kernels, "_batch": self._batch}
        return iter(lists.instances(ResidueArray, len(rows), {**shared, "_rows": rows}))

    def __getitem__(self, index: Any) -> ResidueArray:
        return self._with(np.asarray(self._rows[index]))

    def rearranged(self, function: Move) -> ResidueArray:
        return self._with(moved(function, self._rows))

    def broadcast_to(self, shape: int | tuple[int, ...]) -> ResidueArray:
        return self.rearranged(lambda rows: np.broadcast_to(rows, shape))

    def distinct(self) -> bool:
        """Whether no element of the batch stands in two places."""
        return self.size < 2 or len(np.unique(self._rows)) == self.size

    def _with(self, rows: Rows) -> ResidueArray:
        return ResidueArray(self._modulus, self._device, self._kernels, self._batch, rows)

    def __repr__(self) -> str:
        return f"ResidueArray(shape={self.shape}, modulus={self._modulus!r}, device={self._device.name!r})"

    # Ways out.

    def to_limbs(self) -> limb.Limbs:
        """Canonical residues as uint32[..., words], little-endian."""
        limbs = _devices.to_host(self._kernels.store(self._operand()))
        return limbs.reshape(*self.shape, self._modulus.words)

    def device_limbs(self) -> Any:
        """As to_limbs, in an array of the array's own device: CuPy's on a GPU, without a copy through the host."""
        return self._kernels.store(self._operand()).reshape(*self.shape, self._modulus.words)

    def to_ints(self) -> npt.NDArray[np.object_]:
        """Canonical residues as Python integers, an object array of this shape."""
        limbs = _devices.to_host(self._kernels.store(self._operand()))
        return limb.object_array(limb.to_ints(limbs), self.shape)

    def to_bytes(self) -> list[bytes]:
        """Canonical residues as little-endian byte strings of 4 words bytes each, in C order."""
        limbs = _devices.to_host(self._kernels.store(self._operand()))
        return [row.astype("<u4").tobytes() for row in limbs]

    def to(self, device: str | _devices.Device) -> ResidueArray:
        """The same residues on another device."""
        target = _devices.resolve(device)
        if target == self._device:
            return self
        with _devices.device(target):
            return self._modulus.from_limbs(self.device_limbs())

    # Arithmetic.

    def _operand(self) -> Operand:
        return self._batch, _flat(self._rows)

    def _single(self, batch: Batch, like: Rows) -> ResidueArray:
        """Of one element, with as many axes as `like` has."""
        return ResidueArray(self._modulus, self._device, self._kernels, batch, first(like.ndim))

    def _made(self, batch: Batch, shape: tuple[int, ...]) -> ResidueArray:
        rows = identity(math.prod(shape))
        rows = rows if len(shape) == 1 else rows.reshape(shape)
        return ResidueArray(self._modulus, self._device, self._kernels, batch, rows)

    def _other(self, other: Any) -> ResidueArray:
        if isinstance(other, ResidueArray):
            array = self._modulus.array(other)
        else:
            with _devices.device(self._device):
                array = self._modulus.array(other)
        if array.device != self._device:
            raise DeviceError(
                f"operands are on {self._device.name!r} and {array.device.name!r}: move one with .to({self._device.name!r})"
            )
        return array._with_engine_of(self)

    def _with_engine_of(self, other: ResidueArray) -> ResidueArray:
        """The same residues in the form that `other` has, on the same device."""
        if self._kernels.engine == other._kernels.engine:
            return self
        batch = other._kernels.load(self._kernels.store(self._operand()))
        return ResidueArray(other.modulus, other.device, other._kernels, batch, identity(self.size).reshape(self.shape))

    def _binary(self, name: str, other: Any) -> ResidueArray:
        if not (isinstance(other, ResidueArray) and other._kernels is self._kernels):  # of one modulus, device, engine
            other = self._other(other)
        left, right = _broadcast_rows(self._rows, other._rows)
        made = getattr(self._kernels, name)((self._batch, _flat(left)), (other._batch, _flat(right)))
        return self._made(made, left.shape)

    def multiply(self, other: Any) -> ResidueArray:
        """Elementwise product."""
        if isinstance(other, ResidueArray) and other._kernels is self._kernels:
            rows, others = self._rows, other._rows
            if rows.size == 1 == others.size and (product := offered(self._kernels, "multiply_single")):
                made = product(self._batch, rows, other._batch, others)
                ndim = rows.ndim if rows.ndim >= others.ndim else others.ndim
                return ResidueArray(self._modulus, self._device, self._kernels, made, first(ndim))
        return self._binary("multiply", other)

    def multiply_principal(self, factors: Any) -> ResidueArray:
        """Elementwise products with principal units, x (1 + m)**k = x (1 + k m), modulo a square m**2.

        Args:
            factors: integers k of any size and sign, broadcast against this array. The time may tell the dtype of
                fixed-width integers, and of others how long the largest is; k counts modulo m, between -m/2 and m/2.

        Raises:
            ParameterError: the modulus is no square, a factor is not an integer, or shapes do not fit.
        """
        kernels, rows = self._kernels, self._rows
        single = type(factors) is int and rows.size == 1
        if single and (product := offered(kernels, "multiply_principal_single")):
            k = factors if factors.bit_length() < 64 else _centred(factors, self._modulus.root)
            return ResidueArray(self._modulus, self._device, kernels, product(self._batch, rows, k), first(rows.ndim))
        root = self._modulus.root
        array = integers(factors)
        rows, places = _broadcast_rows(rows, identity(array.size).reshape(array.shape))
        if product := offered(kernels, "multiply_principal"):
            limbs, negative = _signed(array.ravel(), root)
            return self._made(product((self._batch, _flat(rows)), limbs, negative, _flat(places)), rows.shape)
        flat, plain, which = self._with(_flat(rows)), array.ravel(), _flat(places)

        @secret_memory()
        def units(k: npt.NDArray[Any]) -> ResidueArray:
            return self._modulus.affine(k, root, 1)

        with _devices.device(self._device):
            if array.size == 1:
                return flat.multiply(units(plain)).reshape(rows.shape)
            return from_chunks(
                self._modulus, self._device, rows.shape, lambda i, j: flat[i:j].multiply(units(plain[which[i:j]]))
            )

    def add(self, other: Any) -> ResidueArray:
        """Elementwise sum."""
        return self._binary("add", other)

    def subtract(self, other: Any) -> ResidueArray:
        """Elementwise difference."""
        return self._binary("subtract", other)

    def square(self) -> ResidueArray:
        """Elementwise square, in about 0.85 of the time of a product."""
        if self._rows.size == 1 and (product := offered(self._kernels, "multiply_single")):
            return self._single(product(self._batch, self._rows, self._batch, self._rows), self._rows)
        return self._made(self._kernels.square(self._operand()), self.shape)

    def divide(self, other: Any) -> ResidueArray:
        """Elementwise product with the inverse of `other`.

        Raises:
            ParameterError: an element of `other` is not a unit; names its index after broadcasting.
        """
        if not (isinstance(other, ResidueArray) and other._kernels is self._kernels):
            other = self._other(other)
        if self._rows.size == 1 == other._rows.size:
            return self.multiply(other._inverse(other.shape, 0))
        left, right = _broadcast(self, other)
        a, b = left.ravel(), right.ravel()

        def part(start: int, stop: int) -> ResidueArray:
            x, y = a[start:stop], b[start:stop]
            if not (quotient := offered(self._kernels, "divide")):
                return x.multiply(y._inverse(left.shape, start))
            try:
                return x._made(quotient(x._operand(), y._operand()), x.shape)
            except NotAUnit as error:
                raise self._without_inverse(error, left.shape, start) from None

        return left._chunked(part)

    __mul__ = __rmul__ = multiply
    __add__ = __radd__ = add
    __sub__ = subtract

    def __rsub__(self, other: Any) -> ResidueArray:
        return self._other(other).subtract(self)

    def __neg__(self) -> ResidueArray:
        return self._other(0).subtract(self)

    def __pow__(self, exponents: Any) -> ResidueArray:
        return self.power(exponents)

    def power(self, exponents: Any) -> ResidueArray:
        """Elementwise powers, for exponents that may be secret.

        Args:
            exponents: integers of any size and sign, broadcast against this array. One exponent for all costs less
                memory than one for each. Their largest bit length and their signs may show in the time, nothing else
                (but see hepy.options.constant_time).

        Raises:
            ParameterError: a negative exponent meets an element that is not a unit.
        Source: fixed windows, Handbook of Applied Cryptography, 14.82.
        """
        return self._power("power", exponents)

    def power_vartime(self, exponents: Any) -> ResidueArray:
        """As power, faster; the time tells the exponents.

        Source: sliding windows, Handbook of Applied Cryptography, 14.85.
        """
        single = type(exponents) is int and self._rows.size == 1
        if single and (power := offered(self._kernels, "power_vartime_single")):
            x = self if exponents >= 0 else self._inverse(self.shape, 0)
            return self._single(power(x._batch, x._rows, abs(exponents)), self._rows)
        return self._power("power_vartime", exponents)

    def _power(self, leaf: str, exponents: Any) -> ResidueArray:
        array = integers(exponents)
        limbs, negative = limb.from_array(array.ravel())
        bits = limb.bit_length(limbs)
        places = np.arange(array.size).reshape(array.shape)
        base_rows, exponent_rows = _broadcast_rows(self._rows, places)
        base, which = self._with(base_rows), exponent_rows.ravel()
        flat = base.ravel()

        def part(start: int, stop: int) -> ResidueArray:
            x, rows = flat[start:stop], which[start:stop]
            minus = np.flatnonzero(negative[rows])
            if len(minus) == len(rows):
                x = x._inverse(base.shape, start)
            elif len(minus):
                inverses = x[minus]._inverse(base.shape, start)
                order = np.arange(len(rows))
                order[minus] = len(rows) + np.arange(len(minus))
                x = concatenate([x, inverses])[order]
            return x._made(getattr(self._kernels, leaf)(x._operand(), limbs, rows, bits), x.shape)

        if negative.any():
            return base._chunked(part)
        return part(0, flat.size).reshape(base.shape)

    def inverse(self) -> ResidueArray:
        """Elementwise inverses, at about three products each and one inversion for all.

        Raises:
            ParameterError: an element is not a unit; names its index.
        Source: Montgomery's trick, Math. Comp. 48 (1987), section 10.3.1.
        """
        if self._rows.size == 1:
            return self._inverse(self.shape, 0)
        flat = self.ravel()
        return self._chunked(lambda start, stop: flat[start:stop]._inverse(self.shape, start))

    def _inverse(self, shape: tuple[int, ...], start: int) -> ResidueArray:
        """Inverses of elements that stand from flat position `start` on in an array of that shape."""
        try:
            made = self._kernels.inverse(self._operand())
        except NotAUnit as error:
            raise self._without_inverse(error, shape, start) from None
        return self._single(made, self._rows) if self._rows.size == 1 else self._made(made, self.shape)

    def _without_inverse(self, error: NotAUnit, shape: tuple[int, ...], start: int) -> ParameterError:
        return ParameterError(
            f"the element at index {index_at(start + error.positions[0], shape)} has no inverse: it shares a factor with "
            f"the modulus of {self._modulus.bits} bits"
        )

    def equal(self, other: Any) -> npt.NDArray[np.bool_]:
        """Elementwise equality, as booleans."""
        left, right = _broadcast(self, self._other(other))
        same = self._kernels.equal(left._operand(), right._operand())
        return np.asarray(same).reshape(left.shape)

    def __eq__(self, other: Any) -> Any:
        return self.equal(other)

    def __ne__(self, other: Any) -> Any:
        return ~self.equal(other)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("residues are no numbers of numpy's: to_ints() makes integers of them, to_limbs() words")

    def are_units(self) -> bool:
        """Whether all elements are prime to the modulus: one gcd of their product decides it."""
        (product,) = (self if self._rows.size == 1 else self.prod()).to_bytes()
        return self._modulus.singles.is_unit(int.from_bytes(product, "little"))

    def is_unit(self) -> npt.NDArray[np.bool_]:
        """Which elements are prime to the modulus."""
        if self.are_units():
            return np.ones(self.shape, dtype=bool)
        is_unit = self._modulus.singles.is_unit
        units = [is_unit(value) for value in self.to_ints().ravel().tolist()]
        return np.array(units, dtype=bool).reshape(self.shape)

    # Products of many.

    def prod(self, axis: int | tuple[int, ...] | None = None) -> ResidueArray:
        """Products over one axis, several, or all; of nothing, one."""
        rows, kept, run = _axes_last(self._rows, axis)
        offsets = np.arange(math.prod(kept) + 1) * run
        batch = self._kernels.segment_product((self._batch, rows.ravel()), offsets)
        return self._made(batch, kept)

    def cumprod(self, axis: int | None = None) -> ResidueArray:
        """Running products along an axis, or over the flattened array.

        Raises:
            ParameterError: there is no such axis.
        """
        if axis is not None:
            axis = axis_of(axis, self.ndim)
        rows = self._rows.ravel() if axis is None else np.moveaxis(self._rows, axis, -1)
        x = self._with(rows)
        out = x._made(self._kernels.prefix_product(x._operand(), rows.shape[-1]), rows.shape)
        return out if axis is None else out._with(np.moveaxis(out._rows, -1, axis))

    def segment_product(self, bins: Any, num_segments: int, mask: Any = None) -> ResidueArray:
        """Products of the elements that share a bin.

        Args:
            bins: integers in [0, num_segments), of this array's shape; or with more leading axes (features), each
                a binning of its own: bins[..., i] is the bin of element i.
            num_segments: how many bins there are.
            mask: booleans that broadcast against bins; False leaves an element out.

        Returns: shape leading axes + (num_segments,); an empty bin is one.
        Raises:
            ParameterError: shapes do not fit, or a bin is out of range.
        """
        num_segments = whole("num_segments", num_segments)
        bins, mask = check_bins(self.shape, bins, num_segments, mask)
        leading = bins.shape[: bins.ndim - self.ndim]
        features, samples = math.prod(leading), self.size
        bins = bins.reshape(features, samples)
        mask = None if mask is None else mask.reshape(features, samples)
        flat = self.ravel()
        shape = (*leading, num_segments)
        if features == 1 and samples <= _PAIRS:
            return flat._histograms(bins, num_segments, mask).reshape(shape)
        # Many features at once while their indices stay small; else some at a time, their samples in pieces.
        wide = max(1, min(features, max(_TOGETHER, _PAIRS // max(samples, 1))))
        long = max(1, min(samples, _PAIRS))

        def histogram(low: int, high: int) -> ResidueArray:
            total: ResidueArray | None = None
            for at in range(0, max(samples, 1), long):
                here = slice(at, at + long)
                kept = None if mask is None else mask[low:high, here]
                made = flat[here]._histograms(bins[low:high, here], num_segments, kept)
                total = made if total is None else total.multiply(made)
            assert total is not None
            return total

        if features <= wide:
            return histogram(0, features).reshape(shape) if features else self._made(self._kernels.gather([], 0), shape)
        parts = [histogram(low, min(low + wide, features)) for low in range(0, features, wide)]
        return concatenate(parts).reshape(shape)

    def _histograms(
        self, bins: npt.NDArray[Any], num_segments: int, mask: npt.NDArray[np.bool_] | None
    ) -> ResidueArray:
        """segment_product of (S,) by bins [F, S], flat: (F * num_segments,)."""
        if mask is not None:
            everywhere = mask.all(axis=0)
            if (everywhere == mask.any(axis=0)).all():  # the same for each feature: leave elements out first
                return self[everywhere]._histograms(bins[:, everywhere], num_segments, None)
        elif joint.promising(bins):
            products, where = self.joint_segment_product(bins)
            rows = np.full(len(bins) * num_segments, products.size)
            for feature, (own, here) in enumerate(where):
                rows[feature * num_segments + own] = np.arange(here.start, here.stop)
            return concatenate([products, self._other(1).reshape(1)])[rows]
        keys = bins.astype(np.int64, copy=False) + num_segments * np.arange(len(bins))[:, None]
        which = np.broadcast_to(self._rows, bins.shape)
        if mask is not None:
            keys, which = keys[mask], which[mask]
        products, places = self._with(which.ravel()).sparse_segment_product(keys.ravel(), len(bins) * num_segments)
        return products[places]

    def sparse_segment_product(self, bins: Rows, num_segments: int) -> tuple[ResidueArray, Rows]:
        """Products of the elements of (S,) that share a bin, where many bins may be empty.

        Args:
            bins: int64[S], in [0, num_segments).

        Returns: the products of the T bins that occur, in order, with 1 behind them, (T + 1,); and where each bin's own is
            among these, int64[num_segments]: T for an empty bin.
        """
        rows, offsets, places = segments.by_bin(
            np.ascontiguousarray(self._rows), np.ascontiguousarray(bins), num_segments
        )
        batch = self._kernels.segment_product((self._batch, rows), offsets)
        return self._made(batch, (len(offsets) - 1,)), places

    def joint_segment_product(self, bins: npt.NDArray[Any]) -> tuple[ResidueArray, list[tuple[Rows, slice]]]:
        """Products of the elements of (S,) that share a bin, for several features, without the bins that are empty.

        Args:
            bins: integers of at least 0, shape (F, S). Memory is needed for as many numbers as the largest one.

        Returns: the products, and of each feature which bins occur, rising, and the slice of the products that is
            theirs.
        Source: hepy.bigint.joint.
        """
        steps, histograms = joint.plan(bins.astype(np.int64, copy=False))
        made, last = [], self
        for step in steps:
            batch = self._kernels.segment_product((last._batch, last._rows[step.rows]), step.offsets)
            last = last._made(batch, (len(step.offsets) - 1,))
            made.append(last)
        ends = np.cumsum([len(histogram.bins) for histogram in histograms])
        where = [
            (one.bins, slice(int(end) - len(one.bins), int(end))) for one, end in zip(histograms, ends, strict=True)
        ]
        parts = [made[one.step][one.start : one.start + len(one.bins)] for one in histograms]
        return concatenate(parts), where

    def multi_power_vartime(self, exponents: Any) -> ResidueArray:
        """Products of powers: out[..., m] = product over k of self[..., k] ** exponents[k, m].

        Args:
            exponents: integers of any size and sign, shape (K,) or (K, M). The time tells them.

        Returns: shape self.shape[:-1], followed by M if exponents have two axes.
        Raises:
            ParameterError: the shapes do not fit, or a negative exponent meets an element that is not a unit.
        Source: Straus (1964) or Pippenger (1980), whichever takes fewer products.
        """
        matrix = integers(exponents)
        if self.ndim == 0 or matrix.ndim not in (1, 2) or matrix.shape[0] != self.shape[-1]:
            raise ParameterError(
                f"exponents of shape {matrix.shape} do not fit an array of shape {self.shape}: "
                "(K,) or (K, M) go with (..., K)"
            )
        lead, terms = self.shape[:-1], self.shape[-1]
        shape = (*lead, *matrix.shape[1:])
        columns = math.prod(matrix.shape[1:])
        if terms == 0 or math.prod(shape) == 0:
            return self._other(1).broadcast_to(shape)
        # Exponents take more room in the form that kernels read: of many terms they are never all in it. The squarings
        # that each part repeats are few beside its products.
        if terms > _TERMS and terms > (held := max(_TERMS, self._kernels.chunk)):
            parts = (slice(at, at + held) for at in range(0, terms, held))
            return functools.reduce(
                ResidueArray.multiply, (self[..., part].multi_power_vartime(matrix[part]) for part in parts)
            )
        limbs, negative = limb.from_array(matrix.ravel())
        minus = negative.reshape(terms, columns)
        nonzero = limbs.any(axis=1).reshape(terms, columns)
        bits = limb.bit_length(limbs)
        signed = bool(minus.any())
        if signed:  # the negative powers are columns of their own, inverted at the end
            doubled = np.concatenate([limbs.reshape(terms, columns, -1)] * 2, axis=1)
            limbs = doubled.reshape(2 * terms * columns, -1)
            wanted = np.concatenate([nonzero & ~minus, nonzero & minus], axis=1)
        else:
            wanted = nonzero
        rows = np.ascontiguousarray(self._rows.reshape(-1, terms))

        def part(start: int, stop: int) -> ResidueArray:
            operand = (self._batch, rows[start:stop].ravel())
            batch = self._kernels.multi_power_vartime(operand, limbs, wanted, bits)
            made = self._made(batch, (stop - start, wanted.shape[1]))
            return made[:, :columns].divide(made[:, columns:]).ravel() if signed else made.ravel()

        if not signed:
            return part(0, len(rows)).reshape(shape)
        made = from_chunks(self._modulus, self._device, (len(rows),), part, per_item=columns)
        return made.reshape(shape)

    def _chunked(self, part: Callable[[int, int], ResidueArray]) -> ResidueArray:
        return from_chunks(self._modulus, self._device, self.shape, part)


def from_chunks(
    modulus: Modulus,
    device: _devices.Device,
    shape: tuple[int, ...],
    part: Callable[[int, int], ResidueArray],
    *,
    per_item: int = 1,
) -> ResidueArray:
    """An array built piece by piece, so that intermediate results never exist for all of it.

    Args:
        shape: of the items.
        part: part(start, stop) makes the elements of items [start, stop) in C order, `per_item` for each, flat.
        per_item: elements of the result for each item.

    Returns: shape `shape` for one element an item, else flat.
    Raises:
        DeviceOutOfMemoryError: memory does not suffice for the result, or for one item.
    """
    count = math.prod(shape)
    shape = shape if per_item == 1 else (count * per_item,)
    ranges = chunks(modulus, device, count, per_item)
    if len(ranges) == 1:
        try:
            return part(0, count).reshape(shape)
        except DeviceOutOfMemoryError:
            if count <= 1:
                raise
            ranges = [(0, count // 2), (count // 2, count)]
    pieces = (piece for start, stop in ranges for piece in _made_within_memory(part, start, stop))
    first = next(pieces)
    operands = (piece._with_engine_of(first)._operand() for piece in itertools.chain([first], pieces))
    batch = first._kernels.gather(operands, count * per_item)
    return first._made(batch, shape)


def _made_within_memory(part: Callable[[int, int], ResidueArray], start: int, stop: int) -> Iterator[ResidueArray]:
    """part(start, stop), in halves of halves where the device's memory does not suffice for the whole."""
    try:
        made = part(start, stop)
    except DeviceOutOfMemoryError:
        if stop - start <= 1:
            raise
    else:
        yield made
        return
    middle = (start + stop) // 2
    yield from _made_within_memory(part, start, middle)
    yield from _made_within_memory(part, middle, stop)


def chunks(modulus: Modulus, device: _devices.Device, count: int, per_item: int = 1) -> list[tuple[int, int]]:
    """Ranges that cover [0, count), of as many items as intermediate results are held for at once; one if it is 0."""
    if count * per_item <= LEAST_CHUNK:
        return [(0, count)]
    step = max(1, modulus.kernels(device).chunk // max(per_item, 1))
    return [(start, min(start + step, count)) for start in range(0, max(count, 1), step)]


def concatenate(arrays: Sequence[ResidueArray], axis: int = 0) -> ResidueArray:
    """Join arrays of one modulus on one device along an axis, as numpy.concatenate."""
    arrays = list(arrays)
    if axis in (0, -1) and (joined := _joined_singles(arrays)) is not None:
        return joined
    first = _residue_arrays(arrays)[0]
    kernels, batch = first._kernels, first._batch
    arrays = [array if array._kernels is kernels else first._other(array) for array in arrays]
    parts = [(array._batch, array._rows) for array in arrays]
    try:
        if all(other is batch for other, _ in parts):  # parts of one array: nothing moves
            return first._with(np.concatenate([rows for _, rows in parts], axis=axis))
        if axis in (0, -1) and {rows.ndim for _, rows in parts} == {1}:
            count = sum([rows.size for _, rows in parts])
            return first._made(kernels.gather(parts, count), (count,))
        starts = np.cumsum([0, *(array.size for array in arrays)])
        pairs = zip(starts, arrays, strict=False)
        rows = np.concatenate([start + np.arange(array.size).reshape(array.shape) for start, array in pairs], axis=axis)
    except ValueError as error:
        raise ParameterError(
            f"arrays of shapes {[array.shape for array in arrays]} cannot be joined: {error}"
        ) from None
    batch = kernels.gather([array._operand() for array in arrays], int(starts[-1]))
    return ResidueArray(first.modulus, first.device, kernels, batch, rows)


def _joined_singles(arrays: list[Any]) -> ResidueArray | None:
    """Arrays of one element and one axis, joined in one call where the engine has it; None for others."""
    first = arrays[0] if len(arrays) > 1 else None
    if type(first) is not ResidueArray or first._rows.size != 1:
        return None
    join = offered(first._kernels, "join_singles")
    batch = join(arrays) if join else None
    return None if batch is None else first._made(batch, (len(arrays),))


def stack(arrays: Sequence[ResidueArray], axis: int = 0) -> ResidueArray:
    """Join arrays of one shape along a new axis, as numpy.stack."""
    arrays = _residue_arrays(arrays)
    if len({array.shape for array in arrays}) != 1:
        raise ParameterError(f"arrays to stack have one shape, not {[array.shape for array in arrays]}")
    return concatenate([array.rearranged(lambda rows: np.expand_dims(rows, axis)) for array in arrays], axis)


def _residue_arrays(arrays: Sequence[ResidueArray]) -> list[ResidueArray]:
    arrays = list(arrays)
    if set(map(type, arrays)) != {ResidueArray}:
        raise ParameterError("nothing to join: give at least one array of residues, and nothing else")
    return arrays


def check_bins(
    shape: tuple[int, ...], bins: Any, num_segments: int, mask: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Bins and mask of a segmented product over an array of `shape`, as arrays of one shape."""
    bins = integers(bins)
    if bins.dtype == object:
        try:
            bins = bins.astype(np.int64)
        except OverflowError:
            raise ParameterError("a bin has more than 63 bits: number the bins from 0") from None
    if bins.ndim < len(shape) or bins.shape[bins.ndim - len(shape) :] != shape:
        raise ParameterError(
            f"bins of shape {bins.shape} do not fit an array of shape {shape}: "
            "give a bin for each element, with leading axes for several features"
        )
    kept: npt.NDArray[np.bool_] | None = None
    if mask is not None:
        check_unmasked(mask)
        kept = np.asarray(_devices.brought_here(mask))
        if kept.dtype != bool:
            raise ParameterError(f"a mask is boolean, not {kept.dtype}")
        try:
            kept = np.broadcast_to(kept, bins.shape)
        except ValueError:
            raise ParameterError(f"a mask of shape {kept.shape} does not fit bins of shape {bins.shape}") from None
    used = bins if kept is None else bins[kept]
    if used.size and (int(used.min()) < 0 or int(used.max()) >= num_segments):
        raise ParameterError(
            f"bins go from {int(used.min())} to {int(used.max())}, outside [0, {num_segments}): "
            "raise num_segments, or mask what belongs to no bin"
        )
    return bins, kept


def _centred(value: int, root: int) -> int:
    """The integer congruent to it modulo the root that is nearest to 0."""
    half = root >> 1
    if not -half <= value <= half:
        value = (value + half) % root - half
    return value


def _signed(values: npt.NDArray[Any], root: int) -> tuple[limb.Limbs, npt.NDArray[np.bool_]]:
    """Magnitudes and signs of integers; of Python's, of what is congruent to them modulo the root and nearest to 0."""
    if values.dtype == object:
        short, ints = root.bit_length() - 1, [int(value) for value in values]
        centred = [value if value.bit_length() < short else _centred(value, root) for value in ints]
        return limb.from_array(limb.object_array(centred, values.shape))
    magnitudes, negative = limb.magnitudes(values)
    return magnitudes.view("<u4").reshape(len(values), 2), negative


def _flat(rows: Rows) -> Rows:
    """Rows in C order, without a copy where they are in order already or all the same."""
    if rows.size > 1 and not any(rows.strides):  # one element, broadcast
        return repeated(int(rows.flat[0]), rows.size)
    return rows if rows.ndim == 1 else rows.ravel()


def _broadcast_rows(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    if a.shape == b.shape:
        return a, b
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ParameterError(f"operands of shapes {a.shape} and {b.shape} cannot be broadcast together") from None
    return _stretched(a, shape), _stretched(b, shape)


def _stretched(rows: Rows, shape: tuple[int, ...]) -> Rows:
    """Broadcast rows; where nothing repeats, without numpy's read-only view, which numba would compile for apart."""
    if rows.size == math.prod(shape):
        return rows.reshape(shape)
    stretched = np.broadcast_to(rows, shape)
    return stretched if stretched.size else stretched.copy()


def _broadcast(a: ResidueArray, b: ResidueArray) -> tuple[ResidueArray, ResidueArray]:
    left, right = _broadcast_rows(a._rows, b._rows)
    return a._with(left), b._with(right)


def _axes_last(rows: Rows, axis: int | tuple[int, ...] | None) -> tuple[Rows, tuple[int, ...], int]:
    """Rows with the axes to reduce last, the shape that is kept, and the elements to reduce for each."""
    axes = tuple(range(rows.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = len(axes)
    try:
        in_place = count <= rows.ndim and axes == tuple(range(rows.ndim - count, rows.ndim))
        moved = rows if in_place else np.moveaxis(rows, axes, range(-count, 0))
    except ValueError as error:
        raise ParameterError(f"axis {axis} does not fit an array of shape {rows.shape}: {error}") from None
    kept = moved.shape[: rows.ndim - count]
    return np.ascontiguousarray(moved), kept, math.prod(moved.shape[len(kept) :])
