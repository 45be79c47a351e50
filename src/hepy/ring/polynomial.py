"""Arrays of RNS polynomials: batch axes of numpy's manners around limbs that nobody has to see.

The type says how polynomials are held: a Polynomial by its values (NTT domain), where products are cheap, a
Coefficients by its coefficients, where primes are exchanged. `ntt()` and `intt()` lead from one to the other. Both hold
uint32[B..., limbs, N], words canonical, and are immutable.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as integers
from hepy._arguments import whole
from hepy._devices import graphs
from hepy._shapes import Move, Places, Shaped, first_index, moved
from hepy.errors import DeviceError, ParameterError
from hepy.ring.basis import RingBasis, check_basis
from hepy.ring.constants import on_device
from hepy.ring.kernels import Array, RingKernels, kernels
from hepy.ring.packing import pack, unpack

_ALL = slice(None)
_VIEWS = frozenset({int, slice, type(Ellipsis), type(None)})  # types of indices that copy nothing


class RingArray(Shaped):
    """What Polynomial and Coefficients share. Indices and shapes speak of the batch axes B... only."""

    __slots__ = ("_basis", "_device", "_words")
    __array_ufunc__ = None  # numpy hands `array * polynomial` to __rmul__ instead of looping over elements
    domain: ClassVar[str]

    def __init__(self, basis: RingBasis, device: _devices.Device, words: Array) -> None:
        self._basis = basis
        self._device = device
        self._words = words

    @property
    def basis(self) -> RingBasis:
        """The ring and its primes."""
        return self._basis

    @property
    def device(self) -> _devices.Device:
        """Where the words are."""
        return self._device

    @classmethod
    def from_limbs(cls, basis: RingBasis, limbs: Any) -> Self:
        """Polynomials from their words, integers [B..., limbs, N], copied to the current device.

        Raises:
            ParameterError: the shape does not fit the basis, or a word is not below its prime; names the first place.
        """
        array = np.asarray(limbs)
        if array.dtype.kind not in "iu" or array.ndim < 2 or array.shape[-2:] != (len(basis), basis.degree):
            raise ParameterError(
                f"limbs are integers of shape [..., {len(basis)}, {basis.degree}], not {array.dtype} {array.shape}"
            )
        wrong = (array < 0) | (array >= basis.words[:, None].astype(np.int64))
        if wrong.any():
            raise ParameterError(f"the word at index {first_index(wrong)} is not below its prime: reduce it first")
        device = _devices.current()
        return cls(basis, device, device.asarray(array.astype(np.uint32)))

    @classmethod
    def from_bytes(cls, basis: RingBasis, data: Any) -> Self:
        """Polynomials from the bytes of to_bytes, on the current device.

        Args:
            data: uint8[B..., basis.packed_bytes].

        Raises:
            ParameterError: the shape or the dtype does not fit, or a word is not below its prime; names the first place.
        """
        array = np.asarray(data)
        if array.dtype != np.uint8 or array.ndim < 1 or array.shape[-1] != basis.packed_bytes:
            raise ParameterError(
                f"packed polynomials are uint8 of shape [..., {basis.packed_bytes}], not {array.dtype} {array.shape}"
            )
        return cls.from_limbs(basis, unpack(array, basis.widths, basis.degree))

    @classmethod
    def zeros(cls, basis: RingBasis, shape: int | tuple[int, ...] = ()) -> Self:
        """Polynomials that are zero, of that batch shape, on the current device."""
        device = _devices.current()
        words = kernels(device).empty((*batch_shape(shape), len(basis), basis.degree))
        with device.active():
            words[...] = 0
        return cls(basis, device, words)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, basis={self._basis!r}, device={self._device.name!r})"

    # Shape: numpy's own rules, on the batch axes.

    @property
    def shape(self) -> tuple[int, ...]:
        """The batch axes."""
        return self._words.shape[:-2]  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of the words."""
        return 4 * self.size * len(self._basis) * self._basis.degree

    def __getitem__(self, index: Any) -> Self:
        parts = index if isinstance(index, tuple) else (index,)
        if _VIEWS.issuperset(map(type, parts)):
            rest = () if Ellipsis in parts else (Ellipsis,)
            return self._with(self._words[(*parts, *rest, _ALL, _ALL)])
        if not any(part is Ellipsis for part in parts):
            parts = (*parts, Ellipsis)
        with self._device.active():
            places = [self._device.asarray(part) if isinstance(part, np.ndarray) else part for part in parts]
            self._device.make_room(self.nbytes)
            return self._with(self._words[(*places, _ALL, _ALL)])

    def rearranged(self, function: Move) -> Self:
        places = moved(function, np.arange(self.size).reshape(self.shape))
        return self.ravel()[places if places.ndim else int(places)]

    # Words have two axes more, so these are not made by moving places: they copy as little as numpy does.

    def reshape(self, *shape: Any) -> Self:
        # The size is spelt out, so that -1 cannot take words of the last two axes.
        resolved = self._outline(lambda outline: outline.reshape(*shape)).shape
        with self._device.active():
            return self._with(self._words.reshape(*resolved, *self._words.shape[-2:]))

    def ravel(self) -> Self:
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Self:
        self._outline(lambda outline: outline.transpose(*axes))
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = [axis % self.ndim for axis in given or reversed(range(self.ndim))]
        return self._with(self._words.transpose(*order, self.ndim, self.ndim + 1))

    def broadcast_to(self, shape: int | tuple[int, ...]) -> Self:
        wanted = batch_shape(shape)
        self._outline(lambda outline: np.broadcast_to(outline, wanted))
        return self._with(self._device.xp.broadcast_to(self._words, (*wanted, *self._words.shape[-2:])))

    def _outline(self, function: Move) -> Places:
        """What the function makes of an array of the batch's shape that holds nothing."""
        return moved(function, np.broadcast_to(np.bool_(0), self.shape))

    def restrict(self, basis: RingBasis) -> Self:
        """The same polynomials modulo some of the primes, in the order of `basis`.

        Raises:
            ParameterError: a prime of `basis` is not here.
        """
        if basis == self._basis:
            return self
        index = self._basis.index(check_basis(basis))
        if isinstance(index, slice):
            return type(self)(basis, self._device, self._words[..., index, :])
        places = on_device(self._basis, self._device, ("limbs", basis), lambda: np.array(index))
        words = self._kernels.empty((*self.shape, len(basis), basis.degree))
        with self._device.active():
            self._device.xp.take(self._words, places, axis=-2, out=words)
        return type(self)(basis, self._device, words)

    def _with(self, words: Array) -> Self:
        return type(self)(self._basis, self._device, words)

    # Ways out.

    def to_limbs(self) -> npt.NDArray[np.uint32]:
        """A copy of the canonical words, uint32[B..., limbs, N]."""
        return np.array(_devices.to_host(self._words), order="C")

    def to_bytes(self) -> npt.NDArray[np.uint8]:
        """The canonical words at the bit lengths of their primes, without gaps: uint8[B..., basis.packed_bytes].

        A limb is N words, the first in the lowest bits, as little-endian bytes; limbs follow each other.
        """
        return pack(self.to_limbs(), self._basis.widths)

    def to(self, device: str | _devices.Device) -> Self:
        """The same polynomials on another device."""
        target = _devices.resolve(device)
        if target == self._device:
            return self
        return type(self)(self._basis, target, target.asarray(self._words))

    def equal(self, other: Self) -> npt.NDArray[np.bool_]:
        """Which polynomials of the batch are equal, as booleans of the shape to which both broadcast."""
        with self._device.active():
            same = (self._words == self._partner(other)).all(axis=(-2, -1))
        return np.asarray(_devices.to_host(same), np.bool_)

    def is_zero(self) -> npt.NDArray[np.bool_]:
        """Which polynomials of the batch are zero."""
        with self._device.active():
            zero = ~self._words.any(axis=(-2, -1))
        return np.asarray(_devices.to_host(zero), np.bool_)

    # Arithmetic.

    @property
    def _kernels(self) -> RingKernels:
        return kernels(self._device)

    def _like(self, other: Any) -> Self:
        """`other`, if it is of this array's type, basis and device."""
        if not isinstance(other, type(self)):
            hint = ": bring both into one domain by .ntt() or .intt()" if isinstance(other, RingArray) else ""
            raise ParameterError(f"a {type(self).__name__} meets its like, not a {type(other).__name__}{hint}")
        if other._basis is not self._basis and other._basis != self._basis:
            raise ParameterError(
                f"operands have bases {self._basis!r} and {other.basis!r} of different primes: bring both to one by "
                "restrict, rescale or mod_up"
            )
        self._same_device(other)
        return other

    def _same_device(self, other: RingArray) -> None:
        if other._device is not self._device and other._device != self._device:
            raise DeviceError(
                f"operands are on {self._device.name!r} and {other.device.name!r}: move one with .to({self._device.name!r})"
            )

    def _partner(self, other: Any) -> Array:
        """The words of `other`, if it can meet this array word by word."""
        words = self._like(other)._words
        if words.shape != self._words.shape:
            check_broadcast(self.shape, other.shape)
        return words

    def __add__(self, other: Any) -> Self:
        return self._with(self._kernels.add(self._words, self._partner(other), self._basis))

    def __sub__(self, other: Any) -> Self:
        return self._with(self._kernels.subtract(self._words, self._partner(other), self._basis))

    def __neg__(self) -> Self:
        return self._with(self._kernels.negate(self._words, self._basis))

    def __mul__(self, factor: Any) -> Self:
        """Product with an integer, or with integers of a shape that broadcasts against the batch axes."""
        if isinstance(factor, int):
            factors = _factor(self._basis, self._device, int(factor))
            graphs.hold(factors)
        else:
            residues = _residues(factor, self._basis)
            check_broadcast(self.shape, residues.shape[:-1])
            factors = self._device.asarray(residues)
        return self._with(self._kernels.scale(self._words, factors, self._basis))

    __rmul__ = __mul__

    def automorphism(self, element: int) -> Self:
        """X replaced by X**element, an odd integer.

        Raises:
            ParameterError: it is even.
        """
        reduced = checked_element(element, self._basis)
        leaf = getattr(self._kernels, f"automorphism_{self.domain}")
        return self._with(leaf(self._words, reduced, self._basis))


class Polynomial(RingArray):
    """Polynomials held by their values at the roots of X^N + 1 (NTT domain). `*` is the product in the ring."""

    __slots__ = ()
    domain = "ntt"

    @classmethod
    def from_constants(cls, basis: RingBasis, values: Any) -> Self:
        """The constant polynomials of integers [B...] of any size: the same value at every root, without a transform.

        Raises:
            ParameterError: values are not integers.
        """
        device = _devices.current()
        words = _residues(values, basis)[..., None]
        return cls(basis, device, device.asarray(np.repeat(words, basis.degree, axis=-1)))

    def __mul__(self, factor: Any) -> Self:
        if isinstance(factor, RingArray):
            return self._with(self._kernels.multiply(self._words, self._partner(factor), self._basis))
        return super().__mul__(factor)

    def __pow__(self, exponent: int) -> Self:
        """A power with a non-negative integer, by squaring."""
        if isinstance(exponent, bool) or not isinstance(exponent, int) or exponent < 0:
            raise ParameterError(f"polynomials have powers with non-negative integers, not {exponent!r}")
        with self._device.active():
            power = self._with(self._device.xp.ones_like(self._words))
        for bit in format(exponent, "b"):
            power = power * power
            if bit == "1":
                power = power * self
        return power

    def intt(self) -> Coefficients:
        """The coefficients."""
        return Coefficients(self._basis, self._device, self._kernels.intt(self._words, self._basis))


class Coefficients(RingArray):
    """Polynomials held by their coefficients, lowest power first."""

    __slots__ = ()
    domain = "coefficients"

    @classmethod
    def from_ints(cls, basis: RingBasis, values: Any) -> Coefficients:
        """Polynomials from integer coefficients, on the current device.

        Args:
            basis: the RingBasis.
            values: [B..., N], of an integer dtype or Python's integers of any size and sign.

        Raises:
            ParameterError: values are not integers, or the last axis is not N long.
        """
        try:
            array = np.asarray(values)
        except ValueError as error:
            raise ParameterError(f"coefficients are no rectangular array: {error}") from None
        whole_numbers = array.dtype.kind in "iu" or (
            array.dtype.kind == "O" and all(isinstance(value, int | np.integer) for value in array.flat)
        )
        if not whole_numbers or array.shape[-1:] != (basis.degree,):
            raise ParameterError(
                f"coefficients are integers of shape [..., {basis.degree}], not {array.dtype} {array.shape}"
            )
        words, negative = integers.from_array(array.ravel())
        device = _devices.current()
        planes = np.ascontiguousarray(np.moveaxis(words.reshape(*array.shape, words.shape[1]), -1, -2))
        signs = negative.reshape(array.shape)
        residues = kernels(device).from_words(device.asarray(planes), device.asarray(signs), basis)
        return cls(basis, device, residues)

    @classmethod
    def from_floats(
        cls, basis: RingBasis, values: Array, scale: float = 1.0, *, bound: float | None = None
    ) -> Coefficients:
        """Polynomials with the coefficients scale * values, rounded to integers half to even, on the current device.

        Args:
            basis: the RingBasis.
            values: float64[B..., N] of the host or a device.
            bound: of |values|, where it is known; None looks at them, for which the host waits for a device.

        Raises:
            ParameterError: a coefficient is no finite number, or the last axis is not N long.
        """
        if np.shape(values)[-1:] != (basis.degree,):
            raise ParameterError(f"coefficients have shape [..., {basis.degree}], not {np.shape(values)}")
        if bound is None:
            values = _devices.to_host(values)
            bound = float(max(values.max(initial=0.0), -values.min(initial=0.0)))
        largest = bound * abs(scale)
        device = _devices.current()
        leaves = kernels(device)
        if largest < _SHORT and hasattr(leaves, "from_floats"):
            return cls(basis, device, leaves.from_floats(device.asarray(values), scale, basis))
        with np.errstate(over="ignore"):
            whole = np.rint(_devices.to_host(values) * scale)
        if largest < _SHORT:
            return cls.from_ints(basis, whole.astype(np.int64))
        if not np.isfinite(whole).all():
            raise ParameterError("a coefficient is no finite number, or is none after multiplication by the scale")
        return cls._from_whole(basis, whole)

    @classmethod
    def _from_whole(cls, basis: RingBasis, whole: npt.NDArray[np.float64]) -> Coefficients:
        """Finite doubles that are integers, of any size."""
        if (np.abs(whole) < _SHORT).all():
            return cls.from_ints(basis, whole.astype(np.int64))
        # A double beyond 2^62 is a multiple of 2^10: both parts are integers, and exact.
        high = np.floor(np.ldexp(whole, -_SPLIT_BITS))
        low = cls.from_ints(basis, (whole - np.ldexp(high, _SPLIT_BITS)).astype(np.int64))
        return cls._from_whole(basis, high) * (1 << _SPLIT_BITS) + low

    def ntt(self) -> Polynomial:
        """The values."""
        return Polynomial(self._basis, self._device, self._kernels.ntt(self._words, self._basis))

    def to_ints(self) -> npt.NDArray[np.object_]:
        """The centred integers, in (-Q/2, Q/2), as an object array [B..., N]; exact."""
        planes, negative = map(_devices.to_host, self._kernels.to_words(self._words, self._basis))
        words = np.moveaxis(planes, -2, -1).reshape(-1, planes.shape[-2])
        signs = negative.ravel().tolist()
        values = [-value if sign else value for value, sign in zip(integers.to_ints(words), signs, strict=True)]
        return integers.object_array(values, negative.shape)

    def to_floats(self) -> npt.NDArray[np.float64]:
        """The centred integers rounded to the nearest float64, half to even, [B..., N].

        Raises:
            ParameterError: Q has more than 1023 bits, so that an integer could have no float64.
        """
        return np.asarray(_devices.to_host(self.floats()))

    def floats(self) -> Array:
        """As to_floats, on the polynomials' device: nothing waits for it."""
        if self._basis.modulus.bit_length() > 1023:
            raise ParameterError(
                f"integers modulo {self._basis.modulus.bit_length()} bits do not fit a float64: restrict to fewer primes"
            )
        return self._kernels.to_floats(self._words, self._basis)


# Doubles below it are integers of 64 bits, with a margin; those beyond are split.
_SHORT = 2.0**62
_SPLIT_BITS = 40

Kind = TypeVar("Kind", Polynomial, Coefficients)


def concatenate(parts: Sequence[Kind], axis: int = 0) -> Kind:
    """Join along a batch axis; all of one type, basis and device.

    Raises:
        ParameterError: there are none, or they do not fit together.
    """
    return _joined("concatenate", parts, axis)


def stack(parts: Sequence[Kind], axis: int = 0) -> Kind:
    """Join along a new batch axis; all of one type, basis, device and shape.

    Raises:
        ParameterError: there are none, or they do not fit together.
    """
    return _joined("stack", parts, axis)


def _joined(how: str, parts: Sequence[Kind], axis: int) -> Kind:
    if not isinstance(parts, Sequence) or not parts or not isinstance(parts[0], RingArray):
        raise ParameterError(f"cannot {how} no polynomials: pass a list of at least one")
    first, stacked = parts[0], how == "stack"
    words: list[Array] = [first._like(part)._words for part in parts]
    axes = first.ndim + int(stacked)
    place: int = axis + axes if axis < 0 else axis
    shapes = [part.shape for part in parts]
    fixed = set(shapes) if stacked else {_without(shape, place) for shape in shapes}
    if not 0 <= place < axes or len(fixed) > 1 or len(set(map(len, shapes))) > 1:
        given = ", ".join(map(str, shapes[:4]))
        raise ParameterError(f"cannot {how} batches of shapes {given} along axis {axis}")
    length = len(parts) if stacked else sum(shape[place] for shape in shapes)
    kept: tuple[int, ...] = shapes[0] if stacked else _without(shapes[0], place)
    out = first._kernels.empty((*kept[:place], length, *kept[place:], *words[0].shape[-2:]))
    with first.device.active():
        return first._with(getattr(first.device.xp, how)(words, axis=place, out=out))


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _residues(factor: Any, basis: RingBasis) -> npt.NDArray[np.uint32]:
    """Integers of shape B... as uint32[B..., limbs]."""
    if isinstance(factor, int):  # any size; most often one
        return np.array([factor % prime for prime in basis.primes], np.uint32)
    array = np.asarray(factor)
    if array.dtype.kind not in "iuO" or not all(isinstance(value, (int, np.integer)) for value in array.flat):
        raise ParameterError(
            f"factors and constants are integers (or polynomials), not {type(factor).__name__} of {array.dtype}"
        )
    rows = [[int(value) % prime for prime in basis.primes] for value in array.flat]
    return np.array(rows, np.uint32).reshape(*array.shape, len(basis))


@functools.lru_cache(maxsize=1024)
def _factor(basis: RingBasis, device: _devices.Device, factor: int) -> Array:
    """An integer's residues where a product needs them: circuits have the same few again and again."""
    return device.asarray(_residues(factor, basis))


def checked_element(element: int, basis: RingBasis) -> int:
    """An automorphism's exponent in [0, 2N).

    Raises:
        ParameterError: it is even, or no integer.
    """
    element = whole("the exponent of an automorphism", element, None)
    if element % 2 == 0:
        raise ParameterError(f"X to X**{element} is no automorphism: the exponent has to be odd")
    return element % (2 * basis.degree)


def batch_shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    """A shape as numpy takes it: one number or several."""
    axes = shape if isinstance(shape, Iterable) else (shape,)
    return tuple([whole("an axis of a batch", axis) for axis in axes])


@functools.lru_cache(maxsize=4096)
def check_broadcast(*shapes: tuple[int, ...]) -> None:
    """Raises:
    ParameterError: batch shapes do not broadcast.
    """
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ParameterError(f"batches of shapes {' and '.join(map(str, shapes))} do not broadcast") from None
