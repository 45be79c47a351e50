"""Several numbers side by side in one plaintext, the first in the highest field, as FATE packs gradients.

Fields have no signs and no biases: FATE's trees add an offset before they pack. The last plaintext holds the rest, in its
lowest fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy.errors import EncodingOverflowError, ParameterError
from hepy.interop.fate.fixed_point import towards_zero

_MANTISSA_BITS = 53
_WIDEST = 2.0**62  # what is below fits an int64
_FEW = 16  # values, for which numpy takes longer
_WORD_BITS = 64
_SMALLEST = 1 << 12  # any float64 over 2 to this is 0


def fixed(numbers: list[float], precision: int) -> list[int]:
    """round(x * 2**precision) of finite numbers, exactly; half away from zero."""
    if len(numbers) <= _FEW:
        return [_fixed(value, precision) for value in numbers]
    values = np.array(numbers)
    with np.errstate(over="ignore"):
        scaled = np.ldexp(np.abs(values), precision)
    if scaled.max(initial=0) >= _WIDEST:
        return [_fixed(value, precision) for value in numbers]
    whole = np.trunc(scaled)
    whole += scaled - whole >= 0.5  # a number with a fraction is so small that all of this is exact
    integers: list[int] = np.copysign(whole, values).astype(np.int64).tolist()
    return integers


def packed_floats(numbers: list[float], field_bits: int, precision: int) -> int | None:
    """pack(fixed(numbers)) in one plaintext of any size; None where a number is too large for that, or not finite."""
    total = 0
    try:
        for number in numbers:
            scaled = math.ldexp(number, precision)
            whole = int(scaled)
            fraction = scaled - whole
            total = (total << field_bits) + whole + (fraction >= 0.5) - (fraction <= -0.5)
    except (OverflowError, ValueError):
        return None
    return total


def _fixed(value: float, precision: int) -> int:
    try:
        scaled = math.ldexp(value, precision)  # exactly
    except OverflowError:  # so large is no number with a fraction
        mantissa, binary = math.frexp(value)
        return int(math.ldexp(mantissa, _MANTISSA_BITS)) << binary - _MANTISSA_BITS + precision
    whole = int(scaled)
    fraction = scaled - whole
    return whole + (fraction >= 0.5) - (fraction <= -0.5)


def pack(values: Sequence[int], field_bits: int, count: int, n: int) -> list[int]:
    """Integers, `count` to a plaintext. A negative one borrows from the field above it.

    Raises:
        EncodingOverflowError: a plaintext would not lie between -n and n.
        ParameterError: the number of fields or their width cannot be.
    """
    _check_layout(field_bits, count)
    full = len(values) // count * count if len(values) > count else 0
    out = list(values[0:full:count])
    for field in range(1, count if full else 1):
        out = [(total << field_bits) + value for total, value in zip(out, values[field:full:count], strict=True)]
    if full < len(values):
        rest = 0
        for value in values[full:]:
            rest = (rest << field_bits) + value
        out.append(rest)
    for total in out:
        if not -n < total < n:
            raise EncodingOverflowError(
                f"{count} fields of {field_bits} bits make a plaintext of {total.bit_length()} bits, and a key of "
                f"{n.bit_length()} bits holds no more than its length: pack fewer, or use a larger key"
            )
    return out


def unpack(plaintexts: Iterable[int], field_bits: int, count: int, total: int) -> list[int]:
    """`total` fields of plaintexts that hold `count` each, and the last what is left, as non-negative integers.

    Raises:
        ParameterError: the number of fields or their width cannot be.
    """
    _check_layout(field_bits, count)
    if total < 0:
        raise ParameterError(f"the number of packed values is at least 0, not {total}")
    mask = (1 << field_bits) - 1
    out: list[int] = []
    for plaintext in plaintexts:
        here = min(count, total - len(out))
        out += [plaintext >> field_bits * at & mask for at in range(here - 1, -1, -1)]
    return out


def unpack_floats(
    plaintexts: list[int], field_bits: int, count: int, precision: int, total: int
) -> npt.NDArray[np.float64]:
    """As unpack, each field over 2**precision; rounded towards zero, as fate_utils does."""
    if 0 < field_bits < _WORD_BITS and count > 0 and total >= 0:
        floats = _floats_towards_zero(_narrow_fields(plaintexts, field_bits, count, total))
    else:
        floats = np.array([float(towards_zero(field)) for field in unpack(plaintexts, field_bits, count, total)])
    return np.ldexp(floats, -min(precision, _SMALLEST))


def _narrow_fields(plaintexts: list[int], field_bits: int, count: int, total: int) -> npt.NDArray[np.uint64]:
    """As unpack, for fields of less than a word."""
    count = min(count, max(total, 1))
    used = plaintexts[: -(-total // count)]
    words = field_bits * count // _WORD_BITS + 2  # a field may reach into the next
    below = (1 << field_bits * count) - 1
    limbs = np.ascontiguousarray(limb.from_ints([value & below for value in used], 2 * words)).view("<u8")
    lowest = field_bits * np.arange(count - 1, -1, -1)
    word, shift = lowest // _WORD_BITS, (lowest % _WORD_BITS).astype(np.uint64)
    # Two shifts, for one by a whole word is none.
    above = limbs[:, word + 1] << np.uint64(1) << (np.uint64(_WORD_BITS - 1) - shift)
    fields = (limbs[:, word] >> shift | above) & np.uint64((1 << field_bits) - 1)
    last = max(0, total - count * (len(used) - 1))  # fields of the last one, where all are there
    flat = fields.ravel()
    return flat if last >= count or not len(used) else np.concatenate([flat[:-count], flat[len(flat) - last :]])


def _floats_towards_zero(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """The nearest float64 that is no larger, of integers below 2**63."""
    nearest = values.astype(np.float64)
    return np.where(nearest.astype(np.uint64) > values, np.nextafter(nearest, 0), nearest)


def _check_layout(field_bits: int, count: int) -> None:
    if count < 1:
        raise ParameterError(f"a plaintext holds at least one number, not {count}")
    if field_bits < 0:
        raise ParameterError(f"a field has at least 0 bits, not {field_bits}")
