"""Vectors of encoded and of encrypted numbers: what Coder, PK, SK and evaluator hand to each other.

Both are one-dimensional, as in FATE, whose tensors keep their shapes themselves. Ciphertext vectors can be changed in
place (evaluator.i_add and its like); what a vector is made of cannot, so slices share memory and still are copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import is_
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._host import lists
from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.errors import DeviceOutOfMemoryError, KeyMismatchError, ParameterError
from hepy.interop.fate.errors import ArgumentTypeError, RangeError
from hepy.interop.fate.scaling import NONE, Exponents, zero_exponents
from hepy.paillier import PublicKey

_INT64 = np.dtype(np.int64)  # the one object that numpy has for it


_Vector = TypeVar("_Vector")


class PlaintextVector:
    """Encoded numbers: significand * 16**exponent.

    Args:
        significands: integers of any size, int64[B] or objects; negative, or modulo n as decryption gives them.
        exponents: int64[B].
    """

    __slots__ = ("exponents", "significands")

    def __init__(self, significands: npt.NDArray[Any], exponents: npt.NDArray[Any]) -> None:
        self.significands = significands
        self.exponents: Exponents = exponents if exponents.dtype is _INT64 else exponents.astype(np.int64)

    def __len__(self) -> int:
        return len(self.significands)

    def __repr__(self) -> str:
        return f"PlaintextVector(<{len(self)} encoded numbers>)"

    def __reduce__(self) -> Any:
        from hepy.interop.fate.serialization import pickled_plaintexts

        return pickled_plaintexts(self)

    def signed(self, n: int) -> list[int]:
        """Significands between -n / 2 and n / 2.

        Raises:
            ParameterError: one is beyond n, so it is no plaintext of that key.
        """
        out = []
        for value in self.significands.tolist():
            if not -n < value <= n:
                raise ParameterError("an encoded number lies beyond the key's modulus: it was encoded for another key")
            out.append(value - n if value > n // 2 else value)
        return out

    def get_stride(self, index: int, stride: int) -> PlaintextVector:
        """Elements [index * stride, (index + 1) * stride)."""
        size = whole("the stride", stride)
        start, stop = check_range(len(self), whole("the index", index) * size, size, "get_stride")
        return PlaintextVector(self.significands[start:stop], self.exponents[start:stop])

    def tolist(self) -> list[PlaintextVector]:
        """A vector of one for each element."""
        return [self.get_stride(i, 1) for i in range(len(self))]


class CiphertextVector:
    """Encrypted numbers; `exponents` are in clear.

    Args:
        public_key: the key; None for a vector of zeros that has met no key yet.
        residues: ciphertexts modulo n**2, (B,), on any device; None without a key.
        exponents: int64[B]; scaling.NONE for what has none yet.
    """

    __slots__ = ("_exponents", "_residues", "public_key")

    def __init__(self, public_key: PublicKey | None, residues: ResidueArray | None, exponents: Exponents) -> None:
        self.public_key = public_key
        self._residues = residues
        self._exponents = exponents

    @staticmethod
    def zeros(size: int) -> CiphertextVector:
        """Zeros under any key: the ciphertext 1, which hides nothing until something is added."""
        count = whole("the size", size)
        try:
            return CiphertextVector(None, None, np.full(count, NONE, dtype=np.int64))
        except (MemoryError, ValueError):  # numpy's word for more than it can number
            raise DeviceOutOfMemoryError(f"there is no memory for a vector of {count}") from None

    def __len__(self) -> int:
        return len(self._exponents)

    def __repr__(self) -> str:
        key = "no key yet" if self.public_key is None else f"key={self.public_key.fingerprint[:16]!r}"
        return f"CiphertextVector(size={len(self)}, {key})"

    def __reduce__(self) -> Any:
        from hepy.interop.fate.serialization import pickled_ciphertexts

        return pickled_ciphertexts(self)

    @property
    def exponents(self) -> npt.NDArray[np.int32]:
        """Exponents of 16, int32[B]: 0 where there is none yet."""
        return np.where(self._exponents >= NONE, 0, self._exponents).astype(np.int32)

    @property
    def device(self) -> str | None:
        """Name of the device that holds the ciphertexts; None for zeros that have met no key."""
        return None if self._residues is None else self._residues.device.name

    def to(self, device: str) -> CiphertextVector:
        """The same ciphertexts on another device."""
        residues = None if self._residues is None else self._residues.to(device)
        return CiphertextVector(self.public_key, residues, self._exponents)

    def parts(self, key: PublicKey, device: _devices.Device | None = None) -> tuple[ResidueArray, Exponents]:
        """Ciphertexts and exponents, for an operation under `key`; zeros without a key appear on `device`.

        Raises:
            KeyMismatchError: the vector belongs to another key.
        """
        if self._residues is None:
            with _devices.device(device or _devices.current()):
                return key.modulus.ones(len(self)), self._exponents
        if self.public_key is not key and self.public_key != key:
            assert self.public_key is not None
            raise KeyMismatchError(
                f"ciphertexts of key {self.public_key.fingerprint[:16]} were given with key {key.fingerprint[:16]}: compute "
                "with the public key under which they were encrypted"
            )
        return self._residues, self._exponents

    @property
    def home(self) -> _devices.Device | None:
        """The device object, for parts of other vectors."""
        return None if self._residues is None else self._residues.device

    def assign(self, key: PublicKey, residues: ResidueArray, exponents: Exponents) -> None:
        """Become these ciphertexts, as many as before."""
        self.public_key, self._residues, self._exponents = key, residues, exponents

    # Places.

    def take(self, places: Any) -> CiphertextVector:
        """Elements at a slice or an array of places that are within the vector."""
        residues = None if self._residues is None else self._residues[places]
        return CiphertextVector(self.public_key, residues, self._exponents[places])

    def slice(self, start: int, size: int) -> CiphertextVector:
        """Elements [start, start + size).

        Raises:
            RangeError: they are not all there.
        """
        first, last = check_range(len(self), start, size, "slice")
        return self.take(slice(first, last))

    def slice_indexes(self, indexes: Any) -> CiphertextVector:
        """Elements at these places, in this order.

        Raises:
            RangeError: a place is outside the vector.
        """
        return self.take(places(indexes, len(self), "slice_indexes"))

    def tolist(self) -> list[CiphertextVector]:
        """A vector of one for each element: how FATE's tables take a block apart."""
        exponents = list(self._exponents.reshape(-1, 1)) if np.count_nonzero(self._exponents) else zero_exponents(1)
        residues = None if self._residues is None else list(self._residues.reshape(-1, 1))
        parts = {"public_key": self.public_key, "_residues": residues, "_exponents": exponents}
        return lists.instances(CiphertextVector, len(self), parts)

    def cat(self, others: Sequence[CiphertextVector]) -> CiphertextVector:
        """This vector and others, one after the other."""
        return concatenate([self, *listed("vectors", others)])


def concatenate(vectors: Sequence[CiphertextVector]) -> CiphertextVector:
    """Vectors one after the other.

    Raises:
        ArgumentTypeError: one is no vector.
        KeyMismatchError: they belong to different keys.
    """
    vectors = listed("vectors", vectors)
    try:
        exponents = _joined([vector._exponents for vector in vectors])
    except AttributeError:
        kinds = {type(vector).__name__ for vector in vectors} - {CiphertextVector.__name__}
        raise ArgumentTypeError(f"vectors of ciphertexts were expected, not {', '.join(sorted(kinds))}") from None
    first = next((vector for vector in vectors if vector.public_key is not None), None)
    if first is None or first.public_key is None:
        return CiphertextVector(None, None, exponents)
    key, home = first.public_key, first.home
    residues: list[Any] = [  # most are of this key, and need not be asked
        vector._residues if vector.public_key is key else vector.parts(key, home)[0] for vector in vectors
    ]
    return CiphertextVector(key, concatenate_residues(residues), exponents)


def _joined(parts: list[Exponents]) -> Exponents:
    if not parts:
        return zero_exponents(0)
    first = parts[0]
    if first.size == 1 and all(map(is_, parts, repeat(first))):  # as of rows of a table: see zero_exponents
        return first.repeat(len(parts))
    return np.concatenate(parts)


# Checks of places.


def whole(name: str, value: Any) -> int:
    """A whole number of at least 0, and at most 63 bits.

    Raises:
        ArgumentTypeError, RangeError: it is none.
    """
    if type(value) is int and 0 <= value < 1 << 63:
        return value
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArgumentTypeError(f"{name} is a whole number, not {type(value).__name__}")
    if not 0 <= value < 1 << 63:
        raise RangeError(f"{name} is at least 0, and has at most 63 bits: it cannot be {value}")
    return int(value)


def listed(name: str, values: Any) -> list[Any]:
    """The elements of a sequence.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        if not isinstance(values, dict | set | str | bytes):
            return list(values)
    except TypeError:
        pass
    raise ArgumentTypeError(f"{name} come in a list, not as {type(values).__name__}")


def expected(kind: type[_Vector], value: Any) -> _Vector:
    """A vector of that class.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not isinstance(value, kind):
        raise ArgumentTypeError(f"{_DESCRIBED[kind]} expected, not {type(value).__name__}")
    return value


_DESCRIBED: dict[type, str] = {
    PlaintextVector: "encoded numbers, as Coder makes them and SK.decrypt_to_encoded returns them, were",
    CiphertextVector: "a vector of ciphertexts was",
}


def check_range(length: int, start: Any, size: Any, operation: str) -> tuple[int, int]:
    """(start, start + size), if a vector of that length has such elements.

    Raises:
        RangeError: it has not.
    """
    first, count = whole("the start", start), whole("the size", size)
    if first + count > length:
        raise RangeError(f"{operation}: elements {first} to {first + count} of a vector of {length} were asked for")
    return first, first + count


def places(indexes: Any, length: int, operation: str) -> npt.NDArray[np.int64]:
    """Places in a vector of that length: int64[I].

    Raises:
        ArgumentTypeError: they are no integers.
        RangeError: one is outside.
    """
    flat = lists.flattened([indexes]) if type(indexes) is list else None
    found = as_array(indexes) if flat is None else flat[1]
    if found.size == 0:
        return np.empty(0, dtype=np.int64)
    if found.dtype == object and all(isinstance(each, int) for each in found.flat):
        raise RangeError(f"{operation}: a place has more than 63 bits, outside [0, {length})")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{operation}: places are a list of integers, not {found.dtype}{list(found.shape)}")
    found = found.astype(np.int64, copy=False)
    if int(found.view(np.uint64).max()) >= length:  # negative ones are the largest of all there
        raise RangeError(f"{operation}: places go from {found.min()} to {found.max()}, outside [0, {length})")
    return found


def as_array(values: Any) -> npt.NDArray[Any]:
    """As numpy has it.

    Raises:
        ArgumentTypeError: it has no such array.
    """
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # of torch: what is on another device, or needs a gradient
        raise ArgumentTypeError(
            f"numbers in a list or an array were expected, not this {type(values).__name__}"
        ) from None


def permutation(indexes: Any, length: int, operation: str) -> npt.NDArray[np.int64]:
    """Each place of a vector of that length once: int64[length].

    Raises:
        ArgumentTypeError, RangeError: as places().
        ParameterError: a place is there twice, or missing.
    """
    order = places(indexes, length, operation)
    if len(order) != length or np.count_nonzero(np.bincount(order)) != length:
        raise ParameterError(f"a vector of {length} is shuffled by a permutation of as many places, each once")
    return order
