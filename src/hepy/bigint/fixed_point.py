"""Fixed-point numbers: floats and integers that stand for round(value * 2**scale_bits), half to even.

Values stay where they are, on the host or a device, and are checked there. Integers are made of them when they are needed:
as residues on the device at work, where it has a kernel for that, or on the host.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._devices.zeroing import secret_memory
from hepy.bigint.integers import wide_type
from hepy.bigint.kernels import offered
from hepy.bigint.residues import ResidueArray
from hepy.bigint.rows import identity
from hepy.errors import ParameterError

if TYPE_CHECKING:
    from hepy.bigint.modulus import Modulus

MAX_SCALE_BITS = (1 << 16) - 1

_KINDS = "fiu"


class FixedPoint:
    """Numbers with `scale_bits` fraction bits.

    Args:
        values: an array of numpy or of a device, or what numpy makes one of: float16, float32, float64, fixed-width
            integers; or of Python integers.
        scale_bits: from 0 to 65535.

    Attributes:
        shape: of the values.

    Raises:
        NotFinite: a value is NaN or infinite (a ParameterError).
        ParameterError: the dtype is another, or `scale_bits` out of range.
    """

    __slots__ = ("_values", "scale_bits", "shape")

    def __init__(self, values: Any, scale_bits: int = 0) -> None:
        if not 0 <= scale_bits <= MAX_SCALE_BITS:
            raise ParameterError(f"fixed-point numbers have 0 to {MAX_SCALE_BITS} fraction bits, not {scale_bits}")
        if not hasattr(values, "dtype"):
            values = np.asarray(values)
        kind = values.dtype.kind
        if (kind not in _KINDS or values.dtype.itemsize > 8) and values.dtype != object:
            raise ParameterError(
                f"fixed-point numbers are made of integers and floats up to 64 bits, not {values.dtype}"
            )
        self.shape: tuple[int, ...] = values.shape
        self.scale_bits = scale_bits
        with _devices.device_of(values).active():
            flat = values.reshape(-1)
            if kind != "O":
                flat = flat.astype(np.float64 if kind == "f" else wide_type(values.dtype), copy=False)
            self._values = flat
            if kind == "f":
                position = self._first_false(self._xp.isfinite(self._values))
                if position is not None:
                    raise NotFinite(position)

    @property
    def size(self) -> int:
        return int(self._values.size)

    def first_beyond(self, bound: int) -> int | None:
        """The flat position of the first integer of absolute value above `bound`, which is at least 0."""
        values = self._values
        if values.dtype == object:
            return next((i for i, value in enumerate(values) if abs(value) << self.scale_bits > bound), None)
        with _devices.device_of(values).active():
            if values.dtype == np.float64:
                # Rounding never falls as values rise, so there is a largest float whose integer keeps to the bound.
                return self._first_false(self._xp.abs(values) <= _largest(bound, self.scale_bits))
            limit, types = bound >> self.scale_bits, np.iinfo(values.dtype)
            inside = self._xp.ones(self.size, dtype=bool)
            if limit < types.max:
                inside &= values <= limit
            if types.min < -limit:
                inside &= values >= -limit
            return self._first_false(inside)

    def residues(self, modulus: Modulus, start: int = 0, stop: int | None = None) -> ResidueArray:
        """The integers at flat positions [start, stop) modulo a number, on the current device: (B,)."""
        device = _devices.current()
        values = self._values[start:stop]
        kernels = modulus.kernels(device)
        make = offered(kernels, "fixed_point")
        if make is None or values.dtype == object:
            return modulus.array(_scaled(_devices.to_host(values), self.scale_bits))
        batch = make(device.asarray(values), self.scale_bits)
        return ResidueArray(modulus, device, kernels, batch, identity(len(values)))

    def principal(self, x: ResidueArray, start: int = 0, stop: int | None = None) -> ResidueArray:
        """x times the principal units 1 + k m of the integers k at [start, stop), modulo a square m**2: (B,)."""
        values = self._values[start:stop]
        product = offered(x._kernels, "multiply_principal_fixed_point")
        if product and values.dtype != object:  # made into integers where the values are
            with secret_memory():
                here = x.device.asarray(values)
            return x._made(product(x._operand(), here, self.scale_bits), x.shape)
        return x.multiply_principal(_scaled(_devices.to_host(values), self.scale_bits))

    def integers(self) -> npt.NDArray[Any]:
        """The integers themselves, of this shape: int64, or Python's where these do not suffice."""
        return _scaled(_devices.to_host(self._values), self.scale_bits).reshape(self.shape)

    @property
    def _xp(self) -> Any:
        return _devices.device_of(self._values).xp

    def _first_false(self, flags: Any) -> int | None:
        return None if bool(flags.all()) else int(self._xp.argmin(flags))


class NotFinite(ParameterError):
    """A value is NaN or infinite; `position` in the flattened array."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the value at position {position} of the flattened array is not finite: replace or leave it out"
        )
        self.position = position


def _largest(bound: int, scale_bits: int) -> float:
    """The largest float x with round(x * 2**scale_bits) <= bound."""
    one = 1 << scale_bits
    try:
        x = (2 * bound + 1) / (2 * one)  # correctly rounded, so no more than one float away
    except OverflowError:
        return float(np.finfo(np.float64).max)
    while round(Fraction(x) * one) > bound:
        x = math.nextafter(x, 0)
    return x


def _scaled(values: npt.NDArray[Any], scale_bits: int) -> npt.NDArray[Any]:
    if values.dtype.kind == "f":
        return _rounded(values, scale_bits)
    if scale_bits == 0 and values.dtype != np.uint64:
        return values
    return limb.object_array([int(value) << scale_bits for value in values], values.shape)


def _rounded(values: npt.NDArray[Any], scale_bits: int) -> npt.NDArray[Any]:
    # ldexp is exact: it moves exponents upwards, and none of these overflow.
    mantissas, exponents = np.frexp(values)
    exponents = exponents + scale_bits  # |value| * 2**scale_bits < 2**exponent
    large = np.flatnonzero(exponents > 62)
    if not len(large):
        return np.asarray(np.rint(np.ldexp(values, scale_bits)).astype(np.int64))
    integers = np.rint(np.ldexp(np.where(exponents > 62, 0.0, values), scale_bits)).astype(np.int64).astype(object)
    # What is too wide for int64 has all 53 bits of its mantissa left of the point: nothing to round.
    wide = np.ldexp(mantissas[large], 53).astype(np.int64).tolist()
    shifts = (exponents[large] - 53).tolist()
    integers[large] = [value << shift for value, shift in zip(wide, shifts, strict=True)]
    return np.asarray(integers)
