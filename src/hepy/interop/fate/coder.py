"""Coder: tensors to encoded numbers and back, by FATE's names."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from hepy.errors import EncodingOverflowError, ParameterError
from hepy.interop.fate import fields, fixed_point, tensors
from hepy.interop.fate.errors import ArgumentTypeError, ShapeError
from hepy.interop.fate.scaling import zero_exponents
from hepy.interop.fate.vectors import PlaintextVector, expected, whole
from hepy.paillier import PublicKey

_ENCODERS = {
    "float64": fixed_point.encode_floats,
    "float32": fixed_point.encode_floats,
    "int64": fixed_point.encode_integers,
    "int32": fixed_point.encode_integers,
}
_DECODERS = {
    "float64": fixed_point.decode_floats,
    "float32": fixed_point.decode_floats32,
    "int64": fixed_point.decode_int64,
    "int32": fixed_point.decode_int32,
}
_INTEGER_BITS = {"int64": 64, "int32": 32}


_MOST_BITS = 1 << 16  # of a field, or behind a point


class Coder:
    """Encodes for one key, whose modulus decides which plaintexts are negative.

    Tensors may be torch's or numpy arrays. What is decoded is a torch tensor, or a numpy array where torch is not
    installed.

    Args:
        public_key: the key.
    """

    def __init__(self, public_key: PublicKey) -> None:
        self.public_key = public_key

    def __repr__(self) -> str:
        return f"Coder(key={self.public_key.fingerprint[:16]!r})"

    def __reduce__(self) -> Any:
        from hepy.interop.fate.serialization import pickled_coder

        return pickled_coder(self)

    # Packing.

    def pack_floats(self, float_tensor: Any, offset_bit: int, pack_num: int, precision: int) -> PlaintextVector:
        """Floats as round(x * 2**precision), half away from zero, `pack_num` to a plaintext, the first one highest.

        Args:
            float_tensor: floats, as a tensor or an array of one axis or a list. Negative ones borrow from the field
                above.
            offset_bit: bits of a field.
            pack_num: fields of a plaintext; the last plaintext may have fewer.
            precision: fraction bits.

        Raises:
            ArgumentTypeError: there is something else than numbers, or more than one axis (a TypeError).
            EncodingOverflowError: a plaintext would exceed the key's modulus.
            ParameterError: a value is not finite, or the layout cannot be.
        """
        values = tensors.to_floats(float_tensor)
        bits, precision = _bits("offset_bit", offset_bit), _bits("precision", precision)
        count, n = whole("pack_num", pack_num), self.public_key.n
        one = fields.packed_floats(values, bits, precision) if 0 < len(values) <= count else None
        if one is not None and -n < one < n:
            return PlaintextVector(np.array([one], dtype=object), zero_exponents(1))
        if not all(map(math.isfinite, values)):
            raise ParameterError("a value to pack is not finite: replace or leave out NaN and infinities")
        return self._packed(fields.fixed(values, precision), bits, count)

    def unpack_floats(
        self, packed: PlaintextVector, offset_bit: int, pack_num: int, precision: int, total_num: int
    ) -> Any:
        """`total_num` packed values, over 2**precision, as a tensor of torch's default dtype (float32), as FATE has it.

        Each plaintext has `pack_num` of them, the last one those that are left, in its lowest fields; with fewer
        plaintexts than that takes, what is there. Fields have no signs.
        """
        layout = _bits("offset_bit", offset_bit), whole("pack_num", pack_num)
        significands = expected(PlaintextVector, packed).significands.tolist()
        values = fields.unpack_floats(
            significands, *layout, whole("precision", precision), whole("total_num", total_num)
        )
        return tensors.from_floats(values)

    def pack_vec(self, vec: Any, num_shift_bit: int, num_elem_each_pack: int) -> PlaintextVector:
        """Non-negative integers, as many to a plaintext as asked for, the first one highest.

        FATE 2.2 has this name, and fate_utils 0.1.0 not what it calls: the layout is that of pack_floats.

        Raises:
            EncodingOverflowError: a number does not fit its field, or a plaintext the key.
        """
        bits = _bits("num_shift_bit", num_shift_bit)
        try:
            values = list(map(operator.index, tensors.to_list(vec)))
        except TypeError:
            raise ArgumentTypeError("integers were expected in every field: pack_floats takes floats") from None
        if any(value < 0 or value >> bits for value in values):
            raise EncodingOverflowError(
                f"a number to pack is negative or needs more than the {bits} bits of a field: raise num_shift_bit"
            )
        return self._packed(values, bits, whole("num_elem_each_pack", num_elem_each_pack))

    def unpack_vec(self, vec: PlaintextVector, num_shift_bit: int, num_elem_each_pack: int, total_num: int) -> Any:
        """`total_num` packed values, as an int64 tensor; where they are, see unpack_floats.

        Raises:
            EncodingOverflowError: a field exceeds int64.
        """
        layout = _bits("num_shift_bit", num_shift_bit), whole("num_elem_each_pack", num_elem_each_pack)
        values = fields.unpack(
            expected(PlaintextVector, vec).significands.tolist(), *layout, whole("total_num", total_num)
        )
        if any(value >> 63 for value in values):
            raise EncodingOverflowError("a field exceeds int64: unpack narrower fields")
        return tensors.from_numpy(np.array(values, dtype=np.int64))

    def _packed(self, values: list[int], field_bits: int, count: int) -> PlaintextVector:
        packed = fields.pack(values, field_bits, count, self.public_key.n)
        return PlaintextVector(np.array(packed, dtype=object), zero_exponents(len(packed)))

    # Tensors.

    def encode_tensor(self, tensor: Any, dtype: Any = None) -> PlaintextVector:
        """Elements in order, by the tensor's own dtype. `dtype` changes nothing, as in FATE: values decide alike."""
        return self.encode_vec(tensor)

    def decode_tensor(self, tensor: PlaintextVector, dtype: Any, shape: Any = None, device: Any = None) -> Any:
        """A tensor of that dtype, shape and device (one of FATE's, which says to_torch_device()).

        Raises: as decode_vec, and
            ArgumentTypeError, ShapeError: that is no shape, or one of more or fewer elements (a TypeError, a RuntimeError).
        """
        data = self.decode_vec(tensor, dtype)
        if shape is not None:
            try:
                data = data.reshape(shape)
            except TypeError:
                raise ArgumentTypeError(f"a shape has whole numbers, not this {type(shape).__name__}") from None
            except (RuntimeError, ValueError):
                raise ShapeError(f"{len(data)} numbers do not have the shape {shape}") from None
        return data if device is None else data.to(device.to_torch_device())

    def encode_vec(self, vec: Any, dtype: Any = None) -> PlaintextVector:
        """Elements of a tensor, converted to that dtype first.

        Raises:
            EncodingOverflowError: the key is too short for the numbers.
            ParameterError: a value is not finite.
            UnsupportedTypeError: the dtype is none of float64, float32, int64, int32 (a NotImplementedError).
        """
        array = tensors.to_numpy(vec, dtype)
        return PlaintextVector(*_ENCODERS[array.dtype.name](array))

    def decode_vec(self, vec: PlaintextVector, dtype: Any) -> Any:
        """A tensor of that dtype; int32 as int64, as FATE has it.

        Floats are correctly rounded (integers beyond 2**53 towards zero), int64 is rounded down and modulo 2**64, int32
        cut off and limited to its range.

        Raises:
            EncodingOverflowError: int64 was asked for and a number exceeds 128 bits.
            ParameterError: a plaintext is beyond the key's modulus.
            UnsupportedTypeError: the dtype is none of float64, float32, int64, int32 (a NotImplementedError).
        """
        array = self._decoded(vec, tensors.dtype_name(dtype))
        return tensors.from_numpy(array.astype(np.int64) if array.dtype == np.int32 else array)

    def _decoded(self, vec: PlaintextVector, name: str) -> Any:
        return _DECODERS[name](expected(PlaintextVector, vec).signed(self.public_key.n), vec.exponents)

    def encode_f64_vec(self, vec: Any) -> PlaintextVector:
        return self._encode_as(vec, "float64")

    def encode_f32_vec(self, vec: Any) -> PlaintextVector:
        return self._encode_as(vec, "float32")

    def encode_i64_vec(self, vec: Any) -> PlaintextVector:
        return self._encode_as(vec, "int64")

    def encode_i32_vec(self, vec: Any) -> PlaintextVector:
        return self._encode_as(vec, "int32")

    def _encode_as(self, vec: Any, name: str) -> PlaintextVector:
        """A tensor that has that dtype already: fate_utils takes no other."""
        array = tensors.to_numpy(vec)
        if array.dtype.name != name:
            raise ArgumentTypeError(f"a tensor of {name} was expected, not {array.dtype.name}: encode_vec converts")
        return PlaintextVector(*_ENCODERS[name](array))

    def decode_f64_vec(self, vec: PlaintextVector) -> Any:
        return self.decode_vec(vec, "float64")

    def decode_f32_vec(self, vec: PlaintextVector) -> Any:
        return self.decode_vec(vec, "float32")

    def decode_i64_vec(self, vec: PlaintextVector) -> Any:
        return self.decode_vec(vec, "int64")

    def decode_i32_vec(self, vec: PlaintextVector) -> Any:
        return self.decode_vec(vec, "int32")

    # One number: a vector of one.

    def encode(self, val: Any, dtype: Any = None) -> PlaintextVector:
        """One number: a tensor without axes by its own dtype; one of Python or of numpy by the one that is given.

        Raises:
            ArgumentTypeError: a float is to be an integer (a TypeError).
            EncodingOverflowError: an integer exceeds its dtype (an OverflowError).
            UnsupportedTypeError: the dtype is none of float64, float32, int64, int32 (a NotImplementedError).
        """
        number, own = tensors.scalar(val)
        if dtype is None or hasattr(val, "detach"):
            dtype = own
        return self._encode_one(number, tensors.dtype_name(dtype))

    def _encode_one(self, val: Any, name: str) -> PlaintextVector:
        if name in _INTEGER_BITS:
            try:
                number: float = operator.index(val)
            except TypeError:
                raise ArgumentTypeError(f"an integer was expected for {name}, not {type(val).__name__}") from None
            limit = 1 << (_INTEGER_BITS[name] - 1)
            if not -limit <= number < limit:
                raise EncodingOverflowError(f"the integer exceeds {name}: encode it as float64, or split it")
        else:
            try:
                number = math.ldexp(val, 0)  # as a float, and nothing that only reads as one
            except OverflowError:
                raise EncodingOverflowError(f"the integer exceeds {name}: split it") from None
            except (TypeError, ValueError):
                raise ArgumentTypeError(f"a number was expected, not {type(val).__name__}") from None
        with np.errstate(over="ignore"):
            return PlaintextVector(*_ENCODERS[name](np.array([number]).astype(name)))

    def _decode_one(self, val: PlaintextVector, name: str) -> Any:
        if len(expected(PlaintextVector, val)) != 1:
            raise ArgumentTypeError(f"one number was expected, and not {len(val)}: decode_vec takes more")
        return self._decoded(val, name)[0].item()

    def encode_f64(self, val: float) -> PlaintextVector:
        return self._encode_one(val, "float64")

    def encode_f32(self, val: float) -> PlaintextVector:
        return self._encode_one(val, "float32")

    def encode_i64(self, val: int) -> PlaintextVector:
        return self._encode_one(val, "int64")

    def encode_i32(self, val: int) -> PlaintextVector:
        return self._encode_one(val, "int32")

    def decode_f64(self, val: PlaintextVector) -> float:
        return float(self._decode_one(val, "float64"))

    def decode_f32(self, val: PlaintextVector) -> float:
        return float(self._decode_one(val, "float32"))

    def decode_i64(self, val: PlaintextVector) -> int:
        return int(self._decode_one(val, "int64"))

    def decode_i32(self, val: PlaintextVector) -> int:
        return int(self._decode_one(val, "int32"))


def _bits(name: str, value: Any) -> int:
    """So many bits that shifting by them is no work.

    Raises:
        ArgumentTypeError, RangeError: as whole().
        EncodingOverflowError: no key has so many.
    """
    bits = whole(name, value)
    if bits > _MOST_BITS:
        raise EncodingOverflowError(f"{name} is {bits}, and no key has more than {_MOST_BITS} bits")
    return bits
