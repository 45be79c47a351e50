"""One odd modulus, and the ways into arrays of residues modulo it."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._arguments import whole
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.bigint import kernels as _kernels
from hepy.bigint.fixed_base import FixedBase
from hepy.bigint.integers import integers, wide_type
from hepy.bigint.kernels import offered
from hepy.bigint.not_pickled import NotPickled
from hepy.bigint.residues import ResidueArray, concatenate
from hepy.bigint.rows import first, identity
from hepy.bigint.single import Singles
from hepy.errors import ParameterError


class Modulus(NotPickled, ReadOnly):
    """An odd integer above 2, with what each device prepares for it.

    Args:
        n: the modulus. It may be a secret (the square of a prime factor): neither repr nor errors show it.

    Attributes:
        n: the modulus.
        bits: its bit length.
        words: 32-bit limbs of a canonical residue.

    Raises:
        ParameterError: n is no integer, even, or below 3.
    """

    __slots__ = ("_homes", "_lock", "_root", "_singles", "bits", "n", "words")

    def __init__(self, n: int) -> None:
        try:
            n = operator.index(n)
        except TypeError:
            raise ParameterError(f"a modulus is an integer, not {type(n).__name__}") from None
        if n < 3 or n % 2 == 0:
            raise ParameterError(
                f"a modulus is an odd integer above 2, this one has {n.bit_length()} bits and is "
                f"{'negative' if n < 0 else 'even' if n % 2 == 0 else 'too small'}: Montgomery's method needs it odd"
            )
        self.n = n
        self.bits = n.bit_length()
        self.words = limb.width(self.bits)
        self._homes: dict[str, _kernels.Kernels] = {}
        self._singles: Singles | None = None
        self._root: int | None = None
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"Modulus(<{self.bits} bits>)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Modulus) and self.n == other.n

    def __hash__(self) -> int:
        return hash(self.n)

    def kernels(self, device: _devices.Device) -> _kernels.Kernels:
        """The leaves for this modulus where work on the device is done now, made once."""
        place = _kernels.place(device)
        if (made := self._homes.get(place)) is not None:
            return made
        with self._lock:
            if place not in self._homes:
                self._homes[place] = _kernels.kernels(self.n, device)
            return self._homes[place]

    @property
    def root(self) -> int:
        """The number whose square the modulus is.

        Raises:
            ParameterError: there is none.
        """
        if self._root is None:
            root = math.isqrt(self.n)
            if root * root != self.n:
                raise ParameterError(
                    f"a modulus that is a square was expected, and this one of {self.bits} bits is none"
                )
            self._root = root
        return self._root

    @property
    def singles(self) -> Singles:
        """Arithmetic on one integer at a time, on the host."""
        if (made := self._singles) is not None:
            return made
        with self._lock:
            if self._singles is None:
                self._singles = Singles(self.n)
            return self._singles

    def array(self, values: Any) -> ResidueArray:
        """Residues of integers on the current device.

        Args:
            values: integers of any size and sign, in any shape that numpy understands (Python ints, sequences of
                them, integer or object arrays), or a ResidueArray of this modulus, which is returned as it is.

        Raises:
            ParameterError: a value is not an integer, or the residues belong to another modulus.
        """
        if isinstance(values, ResidueArray):
            if values.modulus != self:
                raise ParameterError(
                    f"residues modulo a number of {values.modulus.bits} bits were given where the modulus has "
                    f"{self.bits} bits: reduce them with from_limbs(x.to_limbs()) if that is meant"
                )
            return values
        array = integers(values)
        if array.dtype == object:
            flat = [int(value) % self.n for value in array.ravel()]
            return self.from_limbs(limb.from_ints(flat, self.words).reshape(*array.shape, self.words))
        device = _devices.current()
        kernels = self.kernels(device)
        if make := _kernels.offered(kernels, "fixed_point"):
            values = array.ravel().astype(wide_type(array.dtype), copy=False)
            batch = make(device.asarray(values), 0)
            return ResidueArray(self, device, kernels, batch, identity(array.size).reshape(array.shape))
        magnitude, negative = limb.from_array(array.ravel())
        residues = self.from_limbs(magnitude)
        if negative.any():
            at = np.flatnonzero(negative)
            rows = np.arange(array.size)
            rows[at] = array.size + np.arange(len(at))
            residues = concatenate([residues, -residues[at]])[rows]
        return residues.reshape(array.shape)

    def affine(self, values: Any, factor: int, offset: int) -> ResidueArray:
        """factor * values + offset, elementwise, on the current device.

        Args:
            values: as for array(). The time tells nothing of them, but for their dtype and shape.
            factor, offset: integers of any size and sign.

        Raises:
            ParameterError: something is not an integer, or the residues belong to another modulus.
        """
        factor, offset = whole("factor", factor, None), whole("offset", offset, None)
        if not isinstance(values, ResidueArray):
            array, device = integers(values), _devices.current()
            kernels = self.kernels(device)
            if make := _kernels.offered(kernels, "load_multiple"):
                limbs, bias = self._biased(array.ravel())
                batch = make(limbs, factor % self.n)
                made = ResidueArray(self, device, kernels, batch, identity(array.size).reshape(array.shape))
                return made.add(offset - factor * bias)
            values = array
        return self.array(values).multiply(factor).add(offset)

    def _biased(self, values: npt.NDArray[Any]) -> tuple[limb.Limbs, int]:
        """Non-negative integers uint32[B, words] that are those given plus a number, or congruent to them."""
        if values.dtype == object:
            return limb.from_ints([int(value) % self.n for value in values], self.words), 0
        if values.dtype.kind == "u":
            return values.astype("<u8").view("<u4").reshape(len(values), 2), 0
        shifted = values.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)  # two's complement: + 2**63
        return shifted.astype("<u8").view("<u4").reshape(len(values), 2), 1 << 63

    def from_limbs(self, limbs: Any) -> ResidueArray:
        """Residues of non-negative integers given as little-endian limbs, on the current device.

        Args:
            limbs: uint32[..., words], of any number of words: wider integers are reduced. An array of numpy, or of a
                device: what is on another one is copied here.

        Returns: shape limbs.shape[:-1].
        Raises:
            ParameterError: the dtype is not uint32 or there is no last axis.
        """
        device = _devices.current()
        array = _devices.array_of(limbs)
        if array.dtype != np.uint32 or array.ndim == 0 or array.shape[-1] == 0:
            raise ParameterError(
                f"limbs are uint32[..., words], not {array.dtype}{list(array.shape)}: 32-bit little-endian words last"
            )
        shape = array.shape[:-1]
        count = math.prod(shape)
        if not isinstance(array, np.ndarray):
            array = device.asarray(array)
        kernels = self.kernels(device)
        batch = kernels.load(array.reshape(count, array.shape[-1]))
        return ResidueArray(self, device, kernels, batch, identity(count).reshape(shape))

    def from_bytes(self, values: Iterable[bytes]) -> ResidueArray:
        """Residues of little-endian byte strings, one element for each: shape (B,).

        Raises:
            ParameterError: something is no byte string.
        """
        if type(values) is list and len(values) == 1 and type(values[0]) is bytes and len(values[0]) == 4 * self.words:
            device = _devices.current()
            kernels = self.kernels(device)
            if load := offered(kernels, "load_bytes"):
                return ResidueArray(self, device, kernels, load(values[0]), first(1))
        try:
            numbers = [int.from_bytes(memoryview(value), "little") for value in values]
        except TypeError:
            raise ParameterError("byte strings were expected: bytes, bytearray or memoryview, in a sequence") from None
        return self.array(limb.object_array(numbers, (len(numbers),)))

    def ones(self, shape: int | tuple[int, ...]) -> ResidueArray:
        """The residue 1, one element in memory whatever the shape."""
        return self.array(1).broadcast_to(shape)

    def power(self, values: Any, exponents: Any) -> ResidueArray:
        """values ** exponents, elementwise with broadcasting; see ResidueArray.power."""
        return self.array(values).power(exponents)

    def fixed_base(self, base: int) -> FixedBase:
        """Fast powers of one base; see FixedBase."""
        return FixedBase(self, base)
