"""Values to polynomials and back: slots by the canonical embedding, or coefficients as they are.

A vector of n slots, n a power of two up to N / 2, is encoded as the polynomial in X^(N / 2n) that has it in its slots
n-periodically. Shorter vectors are filled up with zeros; a vector of one value is that value in every slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._arguments import shown
from hepy._columns import plain
from hepy._shapes import first_index
from hepy.ckks.parameters import Parameters
from hepy.errors import EncodingOverflowError, ParameterError
from hepy.ring import Coefficients, RingBasis, embed, unembed

Values = npt.NDArray[Any]  # float64 or complex128


def numbers(values: Any, what: str = "values") -> Values:
    """An array of float64 or complex128 with at least one axis.

    Raises:
        EncodingOverflowError: an integer exceeds what float64 holds.
        ParameterError: something is not a finite number, or missing in a column; names the first such index.
    """
    try:
        array = np.asarray(plain(values))
    except (TypeError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{what} are not a rectangular array of numbers: {error}") from None
    if array.dtype.kind == "O" and all(isinstance(value, int | float | np.number) for value in array.flat):
        try:
            array = array.astype(np.float64)
        except OverflowError:
            raise EncodingOverflowError(f"{what} have an integer that exceeds every range: scale them first") from None
    if array.dtype.kind not in "biufc":
        raise ParameterError(f"{what} are {array.dtype}: real and complex numbers can be encoded")
    array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        raise ParameterError(
            f"{what} at index {first_index(~finite)} are not finite: replace or leave out NaN and infinities"
        )
    return array.reshape(1) if array.ndim == 0 else array


def largest(values: Values) -> float:
    """The largest absolute value, 0 of none."""
    if values.dtype.kind == "c":
        return float(np.abs(values).max(initial=0.0))
    return float(max(values.max(initial=0.0), -values.min(initial=0.0)))


def check_bound(values: Values, bound: float, what: str) -> None:
    """Raise EncodingOverflowError for the first value whose absolute value exceeds the bound."""
    outside = np.abs(values) > bound
    if outside.any():
        raise EncodingOverflowError(f"the value at index {first_index(outside)} exceeds {what}")


def check_range(values: Values, largest: float, bound: Any, parameters: Parameters) -> None:
    """Raise unless values keep to their declared bound, which is a number in range, and to what levels hold.

    largest: of |values|.
    """
    most = capacity(parameters)
    if bound is not None:
        check_declared(bound, parameters)
        if largest > bound:
            check_bound(values, float(bound), f"its declared bound of {bound}: declare a larger one")
    if largest > most:
        what = f"the range of values, 2**{parameters.value_bits}: use Parameters(value_bits=...) with more"
        check_bound(values, most, what)


def check_declared(bound: Any, parameters: Parameters) -> None:
    """Raise unless it can be a bound of |values|."""
    most = capacity(parameters)
    if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or not 0 < bound <= most:
        raise ParameterError(f"bound is a number above 0 and up to the range of values, {most:g}, not {shown(bound)}")


def period(length: int, most: int, what: str) -> int:
    """The slots (or coefficients) that a vector of that length takes: the next power of two.

    Raises:
        ParameterError: it is empty or too long.
    """
    if not 1 <= length <= most:
        raise ParameterError(
            f"the last axis has {length} values and a ciphertext 1 to {most} {what}: "
            + ("give at least one" if length == 0 else "use more ciphertexts along a leading axis, or a larger log_n")
        )
    return 1 << (length - 1).bit_length()


def encode_slots(values: Values, slots: int, scale: float, basis: RingBasis) -> Coefficients:
    """float64 or complex128 [B..., length up to slots] -> Coefficients [B...], rounded to integers half to even."""
    padded = np.zeros((*values.shape[:-1], slots), np.complex128)
    padded[..., : values.shape[-1]] = values
    # A coefficient is a mean of slots times roots of one; the factor is more than all roundings.
    bound = 2 * largest(values)
    return Coefficients.from_floats(basis, unembed(padded, basis.degree), scale, bound=bound)


def encode_coefficients(values: Values, scale: float, basis: RingBasis) -> Coefficients:
    """float64 [B..., length up to N] -> Coefficients [B...].

    Raises:
        ParameterError: values are complex.
    """
    if values.dtype.kind == "c":
        raise ParameterError(
            "coefficients are real and complex values were given: encode them in slots, or .real first"
        )
    padded = np.zeros((*values.shape[:-1], basis.degree))
    padded[..., : values.shape[-1]] = values
    return Coefficients.from_floats(basis, padded, scale)


def decode_slots(coefficients: Coefficients, slots: int, scale: float) -> npt.NDArray[np.complex128]:
    """Coefficients [B...] -> complex128 [B..., slots] on the host."""
    with _devices.device(coefficients.device) as device:
        floats = coefficients.floats()
        with device.active():
            floats = floats / scale
        return np.asarray(_devices.to_host(embed(floats, slots)))


def decode_coefficients(coefficients: Coefficients, scale: float) -> npt.NDArray[np.float64]:
    """Coefficients [B...] -> float64 [B..., N] on the host."""
    return coefficients.to_floats() / scale


def capacity(parameters: Parameters) -> float:
    """The bound of values that every level holds."""
    return float(1 << parameters.value_bits)
