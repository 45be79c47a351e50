"""Several numbers in one plaintext: fields side by side, each a value plus a bias, and a field that counts biases.

A record of values v_1 .. v_m is the integer whose field j holds v_j + 2^b_j, with b_j the declared value bits, and
whose topmost field holds 1. Adding records adds fields; the count field then tells how many biases to take off, so a
sum over any subset decodes exactly and the number of its terms stays inside the ciphertext. Multiplying by a common
non-negative integer multiplies the count with the rest. Subtraction adds biases first, so no field goes below zero.

Public are the layout and `terms`: each field j stays below terms * 2^(b_j + 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._arguments import whole
from hepy._immutable import ReadOnly
from hepy._limbs import object_array
from hepy.errors import EncodingOverflowError, ParameterError, ScaleMismatchError
from hepy.paillier.encoding import Numbers, encode

DEFAULT_COUNT_BITS = 32
MAX_FIELD_BITS = MAX_COUNT_BITS = 4096  # no key holds more


@dataclass(frozen=True)
class Fields:
    """The account of packed plaintexts.

    Attributes:
        field_bits: width of each field, lowest first.
        scale_bits: fraction bits of each field.
        value_bits: declared bound of each field's value: |encoding| < 2**value_bits.
        count_bits: width of the count field.
        terms: field j holds less than terms * 2**(value_bits[j] + 1).
        count: the largest number of biases that the count field may hold.
    """

    field_bits: tuple[int, ...]
    scale_bits: tuple[int, ...]
    value_bits: tuple[int, ...]
    count_bits: int
    terms: int = 1
    count: int = 1

    @property
    def total_bits(self) -> int:
        """Of all fields and the count."""
        return sum(self.field_bits) + self.count_bits

    @property
    def shifts(self) -> tuple[int, ...]:
        """Where each field begins; the last entry is the count field."""
        return tuple(sum(self.field_bits[:j]) for j in range(len(self.field_bits) + 1))

    def capacity(self) -> int:
        """The largest `terms` that the fields hold."""
        return min(1 << (width - value - 1) for width, value in zip(self.field_bits, self.value_bits, strict=True))

    def biases(self, count: int) -> int:
        """The plaintext of `count` biases in every field, and `count` in the count field."""
        parts = zip(self.value_bits, self.shifts, strict=False)
        return count * (sum(1 << (value + shift) for value, shift in parts) + (1 << self.shifts[-1]))

    def times(self, factor: int) -> Fields:
        """The account of a product with a number from 1 on, or of a sum of so many records."""
        return replace(self, terms=self.terms * factor, count=self.count * factor)

    def plus(self, other: Fields) -> Fields:
        """The account of a sum.

        Raises:
            ScaleMismatchError: the layouts differ.
        """
        self._check_layout(other)
        return replace(self, terms=self.terms + other.terms, count=self.count + other.count)

    def either(self, other: Fields) -> Fields:
        """The account of an array that holds records of both. Raises as plus."""
        self._check_layout(other)
        return replace(self, terms=max(self.terms, other.terms), count=max(self.count, other.count))

    def _check_layout(self, other: Fields) -> None:
        if replace(self, terms=1, count=1) != replace(other, terms=1, count=1):
            raise ScaleMismatchError(
                f"packed fields of {self.field_bits} bits, scales {self.scale_bits}, values {self.value_bits} do not add "
                f"to {other.field_bits}, {other.scale_bits}, {other.value_bits}: pack both with the same arguments"
            )

    def within(self, n: int, operation: str) -> Fields:
        """Itself, if no field can run into the next.

        Raises:
            EncodingOverflowError: a field, the count or the plaintext space is too small; says what to change.
        """
        if self.total_bits > n.bit_length() - 2:
            raise EncodingOverflowError(
                f"{operation}: fields of {self.total_bits} bits in all (count included) do not fit a key of "
                f"{n.bit_length()} bits: pack fewer or narrower fields"
            )
        if self.terms > self.capacity() or self.count >= 1 << self.count_bits:
            raise EncodingOverflowError(
                f"{operation} could sum {self.terms} terms in fields that hold {self.capacity()} (count field: "
                f"{(1 << self.count_bits) - 1}): pack with field_bits of at least value_bits + 1 + log2(terms), or a "
                "larger count_bits"
            )
        return self

    def headroom_bits(self) -> int:
        """Doublings that are left before a field or the count could overflow."""
        return (
            min((self.capacity() // self.terms).bit_length(), (((1 << self.count_bits) - 1) // self.count).bit_length())
            - 1
        )

    def plain_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of what decryption makes of ciphertexts of that shape."""
        return shape

    def decode(
        self, plaintexts: list[int], n: int, shape: tuple[int, ...], start: int = 0, *, raw: bool = False
    ) -> npt.NDArray[np.object_]:
        """Plaintexts, still packed, those from flat position `start` on of an array of `shape`; (B,).

        Raises:
            EncodingOverflowError: a plaintext exceeds the fields, or its count exceeds what the account allows.
        """
        for position, value in enumerate(plaintexts, start):
            if not raw and value >> self.shifts[-1] > self.count:
                raise EncodingOverflowError(
                    f"the packed plaintext at flat index {position} of shape {shape} exceeds its declared fields: the "
                    "ciphertext was not made by operations that keep account of them"
                )
        return object_array(plaintexts, (len(plaintexts),))


class Packed(ReadOnly):
    """Packed plaintexts: an object array of integers, and the account of their fields.

    Made by pack() for encryption, and by decryption for unpack().
    """

    __slots__ = ("encodings", "fields")

    def __init__(self, encodings: npt.NDArray[np.object_], fields: Fields) -> None:
        self.encodings = encodings
        self.fields = fields

    @property
    def shape(self) -> tuple[int, ...]:
        return self.encodings.shape

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, index: Any) -> Packed:
        return Packed(np.asarray(self.encodings[index], dtype=object), self.fields)

    def __repr__(self) -> str:
        return f"Packed(shape={self.shape}, field_bits={self.fields.field_bits}, scale_bits={self.fields.scale_bits})"


def pack(
    *arrays: Any,
    field_bits: Sequence[int],
    scale_bits: Sequence[int | None] | None = None,
    value_bits: Sequence[int | None] | None = None,
    count_bits: int = DEFAULT_COUNT_BITS,
) -> Packed:
    """Put several numbers into one plaintext, elementwise.

    Args:
        arrays: numbers of one shape, one array for each field.
        field_bits: width of each field. A field takes sums of 2**(width - value_bits - 1) terms.
        scale_bits: fraction bits of each field, None in it or for it: 0 for integers, 40 for floats.
        value_bits: declared bound of each field, |encoding| < 2**value_bits; None takes it from the dtype.
        count_bits: width of the field that counts the terms of a sum.

    Returns: plaintexts for PublicKey.encrypt.
    Raises:
        EncodingOverflowError: a value exceeds its bound, or a field is narrower than value_bits + 1.
        ParameterError: the shapes or the numbers of arguments differ.

    >>> g, h = [3, -1], [2, 5]
    >>> [part.tolist() for part in unpack(pack(g, h, field_bits=(20, 20), value_bits=(8, 8)))]
    [[3, -1], [2, 5]]
    """
    count = len(arrays)
    if count == 0:
        raise ParameterError("nothing to pack: give at least one array")
    scales = _each("scale_bits", [None] * count if scale_bits is None else scale_bits, count)
    values = _each("value_bits", [None] * count if value_bits is None else value_bits, count)
    widths = tuple(
        whole("a field's width", width, 1, MAX_FIELD_BITS) for width in _each("field_bits", field_bits, count)
    )
    count_bits = whole("count_bits", count_bits, 1, MAX_COUNT_BITS)
    encoded = [encode(*arguments) for arguments in zip(arrays, scales, values, strict=True)]
    shape = encoded[0][0].shape
    if any(encodings.shape != shape for encodings, _ in encoded):
        raise ParameterError(f"arrays to pack have one shape, not {[encodings.shape for encodings, _ in encoded]}")
    accounts = [account for _, account in encoded]
    bounds = tuple(account.bound.bit_length() for account in accounts)
    for width, bound in zip(widths, bounds, strict=True):
        if width < bound + 1:
            raise EncodingOverflowError(
                f"a field of {width} bits cannot hold values of {bound} bits with their sign: give it at least "
                f"{bound + 1} bits and one for each doubling of a sum, or declare smaller value_bits"
            )
    fields = Fields(widths, tuple(account.scale_bits for account in accounts), bounds, count_bits)
    total: Any = np.full(shape, fields.biases(1), dtype=object)
    for (encodings, _), shift in zip(encoded, fields.shifts, strict=False):
        total = total + encodings.astype(object) * (1 << shift)
    return Packed(np.asarray(total, dtype=object).reshape(shape), fields)


def _each(name: str, options: Any, count: int) -> list[Any]:
    """One option for each array to pack."""
    given = list(options) if isinstance(options, Iterable) else [options]
    if len(given) != count:
        raise ParameterError(f"{name} has a number for each of the {count} arrays to pack, not {len(given)} in all")
    return given


def unpack(packed: Packed) -> tuple[npt.NDArray[Any], ...]:
    """The fields of packed plaintexts, as arrays of their shape: int64, Python integers, or float64 with a scale.

    Raises:
        EncodingOverflowError: a field holds more than its terms can be, or a value is beyond float64; names the index.
        ParameterError: this is not what decryption returned.
    """
    if not isinstance(packed, Packed):
        raise ParameterError(f"unpack takes what decrypting packed ciphertexts returned, not {type(packed).__name__}")
    fields = packed.fields
    plain = packed.encodings.ravel().tolist()
    counts = [value >> fields.shifts[-1] for value in plain]
    out = []
    for width, scale, bits, shift in zip(
        fields.field_bits, fields.scale_bits, fields.value_bits, fields.shifts, strict=False
    ):
        mask = (1 << width) - 1
        values = [(value >> shift & mask) - (count << bits) for value, count in zip(plain, counts, strict=True)]
        # A field lies in [0, terms 2^(bits+1)) and the biases taken off are at most count 2^bits.
        bound = max(fields.terms << (bits + 1), fields.count << bits)
        out.append(Numbers(scale, bound).checked(values, packed.shape).reshape(packed.shape))
    return tuple(out)
