"""Numbers as plaintexts: signed fixed-point integers, with bounds that are declared and never read from the values.

An encoding is the integer round(value * 2**scale_bits). A ciphertext array carries one scale and one bound for all
its elements, in the clear, so both follow from dtypes and declarations alone: what they would tell about the values,
anyone can see.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _columns, _devices
from hepy._arguments import whole
from hepy._devices.zeroing import secret_memory
from hepy._immutable import Immutable
from hepy._limbs import MPZ, object_array
from hepy._shapes import index_at
from hepy.bigint.fixed_point import FixedPoint, NotFinite
from hepy.bigint.integers import check_unmasked
from hepy.errors import EncodingOverflowError, ParameterError

DEFAULT_SCALE_BITS = 40
DEFAULT_VALUE_BITS = 64  # of Python's integers, and of the integer part of floats
MAX_SCALE_BITS = 1000
MAX_VALUE_BITS = 1 << 16


class Numbers(Immutable):
    """What an array's plaintexts stand for: encodings of absolute value at most `bound`, with `scale_bits` fraction bits.

    No frozen dataclass: one takes 0.2 µs longer to make, and every sum of two single ciphertexts makes one. For the same
    reason operations read the slots.
    """

    __slots__ = ("_bound", "_scale_bits")

    def __init__(self, scale_bits: int, bound: int) -> None:
        self._scale_bits = scale_bits
        self._bound = bound

    @property
    def scale_bits(self) -> int:
        return self._scale_bits

    @property
    def bound(self) -> int:
        return self._bound

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Numbers):
            return NotImplemented
        return self._scale_bits == other._scale_bits and self._bound == other._bound

    def __hash__(self) -> int:
        return hash((self._scale_bits, self._bound))

    def __repr__(self) -> str:
        return f"Numbers(scale_bits={self._scale_bits}, bound={self._bound})"

    def shifted(self, bits: int) -> Numbers:
        """The same numbers with that many more fraction bits."""
        return Numbers(self._scale_bits + bits, self._bound << bits)

    def plus(self, other: Numbers) -> Numbers:
        """Sums of numbers of the same scale."""
        return Numbers(self._scale_bits, self._bound + other._bound)

    def times(self, other: Numbers, terms: int = 1) -> Numbers:
        """Sums of so many products."""
        return Numbers(self._scale_bits + other._scale_bits, self._bound * other._bound * max(terms, 1))

    def within(self, n: int, operation: str) -> Numbers:
        """Itself, if every encoding keeps to a third of the plaintext space.

        Raises:
            EncodingOverflowError: says by how much it does not, and what to change.
        """
        if 3 * self._bound > n:
            limit = n // 3
            raise EncodingOverflowError(
                f"{operation} could reach encodings of {self._bound.bit_length()} bits, and a key of {n.bit_length()} "
                f"bits holds {limit.bit_length()}: declare smaller operands with value_bits=..., use fewer fraction "
                "bits (scale_bits=...), decrypt and encrypt again earlier, or use a larger key"
            )
        return self

    def headroom_bits(self, n: int) -> int:
        """Doublings that are left: floor(log2((n // 3) / bound))."""
        ratio = (n // 3) // max(self._bound, 1)
        return ratio.bit_length() - 1

    def plain_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of what decryption makes of ciphertexts of that shape."""
        return shape

    def decode(
        self, plaintexts: list[int], n: int, shape: tuple[int, ...], start: int = 0, *, raw: bool = False
    ) -> npt.NDArray[Any]:
        """Values of plaintexts modulo n, those from flat position `start` on of an array of `shape`; (B,).

        Raises:
            EncodingOverflowError: an encoding is beyond the bound, or a value beyond float64; names the index.
        """
        half = n // 2
        return self.checked([value - n if value > half else value for value in plaintexts], shape, start, raw=raw)

    def checked(
        self, encodings: list[int], shape: tuple[int, ...], start: int = 0, *, raw: bool = False
    ) -> npt.NDArray[Any]:
        """As decode, of signed encodings."""
        for position, value in enumerate(encodings, start):
            if abs(value) > self._bound:
                raise EncodingOverflowError(
                    f"the plaintext at index {index_at(position, shape)} lies outside the bound of {self._bound.bit_length()} "
                    "bits that its array declares: the ciphertext was not made by operations that keep account of it"
                )
        return object_array(encodings, (len(encodings),)) if raw else self.values(encodings)

    def values(self, encodings: list[int]) -> npt.NDArray[Any]:
        """Values of signed encodings: int64 or Python integers for scale 0, float64 (correctly rounded) above; (B,).

        Raises:
            EncodingOverflowError: a value is beyond float64.
        """
        if self._scale_bits:
            one = 1 << self._scale_bits
            try:
                # A quotient of Python integers is correctly rounded.
                return np.array([value / one for value in encodings], dtype=np.float64)
            except OverflowError:
                raise EncodingOverflowError(
                    "a value exceeds float64: decrypt with raw=True for the integer encodings"
                ) from None
        # Of the values within int64's default bound, one does not fit it: 2**63, the negative of its least.
        if self._bound < 1 << 63 or (self._bound == 1 << 63 and self._bound not in encodings):
            return np.array(encodings, dtype=np.int64)
        return object_array(encodings, (len(encodings),))


def encode(
    values: Any, scale_bits: int | None = None, value_bits: int | None = None
) -> tuple[npt.NDArray[Any], Numbers]:
    """Encodings of numbers, as int64 or an object array of Python integers on the host, with their account.

    Args:
        values: any shape: bool, integers of any size, float16, float32, float64; of numpy or of a device.
        scale_bits: fraction bits; None means 0 for integers and 40 for floats.
        value_bits: declared bound, |encoding| < 2**value_bits. None takes it from the dtype: the type's own range for
            fixed-width integers, 64 bits for Python's, and 64 bits before the point for floats.

    Raises:
        EncodingOverflowError: an encoding exceeds its bound; names the first such index.
        ParameterError: a value is not a finite real number, or an option is out of range.
    """
    fixed, account = _declared(_devices.to_host(numbers(values)), scale_bits, value_bits)
    return fixed.integers(), account


def encode_number(
    value: int | float, scale_bits: int | None = None, value_bits: int | None = None
) -> tuple[int, Numbers]:
    """As encode, of one number of Python's, which an array would take ten times as long for."""
    if scale_bits is None and value_bits is None:
        if type(value) is int:
            if -(1 << 63) <= value < 1 << 63:
                return value, _INT64
        elif -_FLOATS_BELOW <= value <= _FLOATS_BELOW:
            return round(math.ldexp(value, DEFAULT_SCALE_BITS)), _FLOAT64  # half to even
    encodings, account = encode(value, scale_bits, value_bits)
    return int(encodings), account


@secret_memory()
def encode_here(
    values: Any, scale_bits: int | None = None, value_bits: int | None = None
) -> tuple[FixedPoint, Numbers]:
    """As encode, on the current device: what is there already does not travel, and nothing is rounded yet."""
    array = numbers(values)
    return _declared(array if array.dtype == object else _devices.current().asarray(array), scale_bits, value_bits)


def _declared(array: Any, scale_bits: int | None, value_bits: int | None) -> tuple[FixedPoint, Numbers]:
    if scale_bits is None:
        scale = DEFAULT_SCALE_BITS if array.dtype.kind == "f" else 0
    else:
        scale = whole("scale_bits", scale_bits, 0, MAX_SCALE_BITS)
    if value_bits is None:
        bound = _default_bound(array.dtype) << scale
    else:
        bound = (1 << whole("value_bits", value_bits, 1, MAX_VALUE_BITS)) - 1
    try:
        fixed = FixedPoint(array, scale)
    except NotFinite as error:
        raise ParameterError(
            f"the value at index {index_at(error.position, array.shape)} is not finite: replace or leave out NaN and "
            "infinities"
        ) from None
    position = fixed.first_beyond(bound)
    if position is not None:
        raise EncodingOverflowError(
            f"the value at index {index_at(position, array.shape)} exceeds its declared bound of {bound.bit_length()} "
            "bits (fraction bits included): declare a larger value_bits=..., as encrypt, add, multiply and matmul take it"
        )
    return fixed, Numbers(scale, bound)


def numbers(values: Any) -> Any:
    """An array of integers (fixed width, or objects that are Python ints), or of floats; a device's stays there.

    Raises:
        ParameterError: something is neither; names the first such index.
    """
    check_unmasked(values)
    values = _columns.plain(values)
    try:
        array = _devices.array_of(values)
    except (TypeError, ValueError, RuntimeError) as error:  # the last one is torch's, for what needs gradients
        raise ParameterError(f"values are not a rectangular array of numbers: {error}") from None
    if array.dtype == bool:
        return array.view(np.uint8)
    if array.dtype.kind in "iu" or (array.dtype.kind == "f" and array.dtype.itemsize <= 8):
        return _exact(values, array) if array.dtype.kind == "f" and isinstance(values, list | tuple) else array
    if array.dtype.kind != "O":
        raise ParameterError(f"values are {array.dtype}: only integers, booleans and float16/32/64 can be encrypted")
    kinds = {isinstance(value, float | np.floating) for value in array.flat}
    for position, value in enumerate(array.flat):
        if isinstance(value, bool | np.bool_ | np.longdouble) or not isinstance(
            value, int | np.integer | float | np.floating | MPZ
        ):
            raise ParameterError(
                f"at index {index_at(position, array.shape)} there is {type(value).__name__}: only integers and floats "
                "can be encrypted"
            )
    if kinds == {True}:
        return array.astype(np.float64)
    if kinds == {True, False}:
        return _exact_floats(array)
    return object_array([int(value) for value in array.flat], array.shape)


def _exact(values: Any, floats: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of a sequence that numpy took for floats: its integers, if it held nothing else.

    numpy turns [2**63, -1] into inexact floats; integers are promised exactly.
    """
    objects = np.asarray(values, dtype=object)
    whole = [_is_integer(value) for value in objects.flat]
    if not any(whole):
        return floats
    if all(whole):
        return object_array([int(value) for value in objects.flat], objects.shape)
    return _exact_floats(objects)


def _exact_floats(objects: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Floats and integers, as floats.

    Raises:
        ParameterError: no float64 is one of the integers; names the first such index.
    """
    out = np.empty(objects.size)
    for position, value in enumerate(objects.flat):
        try:
            out[position] = made = float(value)
        except OverflowError:
            made = math.inf
        if _is_integer(value) and int(value) != made:
            raise ParameterError(
                f"floats are mixed with the integer at index {index_at(position, objects.shape)}, which no float64 is: "
                "encrypt them as two arrays"
            )
    return out.reshape(objects.shape)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer | MPZ) and not isinstance(value, bool)


def _default_bound(dtype: np.dtype[Any]) -> int:
    if dtype.kind == "i":
        return 1 << (8 * dtype.itemsize - 1)
    if dtype.kind == "u":
        return (1 << 8 * dtype.itemsize) - 1
    if dtype.kind == "f":
        return 1 << DEFAULT_VALUE_BITS
    return (1 << DEFAULT_VALUE_BITS) - 1


# Accounts of single numbers by default, as those of arrays of their types.
_INT64 = Numbers(0, _default_bound(np.dtype(np.int64)))
_FLOAT64 = Numbers(DEFAULT_SCALE_BITS, _default_bound(np.dtype(np.float64)) << DEFAULT_SCALE_BITS)
_FLOATS_BELOW = 2.0**DEFAULT_VALUE_BITS
