"""The leaves on devices with compiled kernels: GPUs and the emulator, one code for both (cuda/ring/).

Launches go to the current stream and nothing waits for the device, but once for what is kept and serves all streams.
Views go in as they are: kernels read any strides of up to four batch axes.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._devices.graphs import hold
from hepy.ring import constants, tables
from hepy.ring.basis import RingBasis
from hepy.ring.native_composites import Composites
from hepy.ring.native_conversion import AXES

Array = Any  # uint32[B..., limbs, N] on the device

_RADIX = 1 << 32


@dataclass(frozen=True)
class _Constants:
    """What a device keeps with a basis; its roots are shared with other bases of the same primes."""

    basis: Any
    roots: tuple[_Roots, ...]


class _Roots:
    """What the transform modulo one prime reads on one device.

    Attributes:
        words: uint32[2, N]: psi**brv(k) and psi**-brv(k), in Montgomery form.
        constants: the prime's row of constants, ring::Prime in cuda/ring/ring.hpp, eight words.
    """

    __slots__ = ("__weakref__", "constants", "words")

    def __init__(self, prime: int, degree: int, device: Device) -> None:
        psi, inverse = tables.root(prime, degree), pow(degree, -1, prime)
        powers = [tables.reversed_powers(base, degree, prime) for base in (psi, pow(psi, -1, prime))]
        self.words = device.asarray(constants.montgomery(np.stack(powers), prime))
        place = device.native.ring.address(device.stream, self.words, 2 * degree)
        last = inverse * pow(psi, -degree // 2, prime) % prime
        row = [prime, -pow(prime, -1, _RADIX) % _RADIX, _RADIX % prime, _RADIX**2 % prime]
        row += [_RADIX * inverse % prime, _RADIX * last % prime, place % _RADIX, place // _RADIX]
        self.constants = np.array(row, np.uint32)


class Kernels(Composites):
    """Contract: hepy.ring.kernels.RingKernels and RingComposites."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.native = device.native.ring
        self._lock = threading.Lock()
        self._roots: weakref.WeakValueDictionary[tuple[int, int], _Roots] = weakref.WeakValueDictionary()

    # What all leaves share.

    def of(self, basis: RingBasis) -> Any:
        """The basis as kernels take it."""
        made: _Constants | None = basis.constants.get(self)
        if made is None:
            roots = tuple(self._roots_of(prime, basis.degree) for prime in basis.primes)
            constants = self.device.asarray(np.stack([each.constants for each in roots]))
            words = [each.words for each in roots]
            made = _Constants(self.native.Basis(self.device.stream, constants, words, basis.degree), roots)
            self.device.settle()
            basis.constants[self] = made
        hold(made)
        return made.basis

    def _roots_of(self, prime: int, degree: int) -> _Roots:
        with self._lock:
            found = self._roots.get((prime, degree))
            if found is None:
                found = self._roots[prime, degree] = _Roots(prime, degree, self.device)
            return found

    def _kept(self, basis: RingBasis, name: Hashable, make: Callable[[], npt.NDArray[Any]]) -> Array:
        return constants.on_device(basis, self.device, name, make)

    def run(self, name: str, basis: RingBasis, *arguments: Any) -> None:
        getattr(self.native, name)(self.device.stream, self.of(basis), *arguments)

    def empty(self, shape: tuple[int, ...]) -> Array:
        return self.device.empty(shape, np.uint32)

    def _fit(self, batch: tuple[int, ...], inner: int, *operands: Array, most: int = AXES) -> tuple[Array, ...]:
        """Operands whose axes before the last `inner` broadcast to `batch`, copied where these are more than `most`."""
        if len(batch) <= most:
            return operands
        with self.device.active():
            xp = self.device.xp
            whole = [(*batch, *x.shape[x.ndim - inner :]) for x in operands]
            return tuple(xp.ascontiguousarray(xp.broadcast_to(x, to)) for x, to in zip(operands, whole, strict=True))

    # Residue by residue.

    def add(self, x: Array, y: Array, basis: RingBasis) -> Array:
        return self._elementwise("add", basis, x, y)

    def subtract(self, x: Array, y: Array, basis: RingBasis) -> Array:
        return self._elementwise("subtract", basis, x, y)

    def negate(self, x: Array, basis: RingBasis) -> Array:
        return self._elementwise("negate", basis, x)

    def multiply(self, x: Array, y: Array, basis: RingBasis) -> Array:
        return self._elementwise("multiply", basis, x, y)

    def scale(self, x: Array, factors: Array, basis: RingBasis) -> Array:
        return self._elementwise("scale", basis, x, factors[..., None])

    def subtract_scaled(self, x: Array, y: Array, factors: Array, basis: RingBasis) -> Array:
        return self._elementwise("subtract_scaled", basis, x, y, more=(factors,))

    def _elementwise(self, name: str, basis: RingBasis, *operands: Array, more: tuple[Any, ...] = ()) -> Array:
        """A kernel whose result has the shape to which all operands broadcast."""
        shape = _broadcast(*(tuple(x.shape) for x in operands))
        out = self.empty(shape)
        self.run(name, basis, out, *self._fit(shape[:-2], 2, *operands), *more)
        return out

    # Sums of products.

    def inner_product(self, x: Array, y: Array, basis: RingBasis, y_limbs: tuple[int, ...]) -> Array:
        return self._inner_product(x, y, basis, y_limbs, None, basis)

    def inner_product_lifted(
        self, x: Array, y: Array, basis: RingBasis, y_limbs: tuple[int, ...], lifted: Array, own: RingBasis
    ) -> Array:
        return self._inner_product(x, y, basis, y_limbs, lifted, own)

    def _inner_product(
        self, x: Array, y: Array, basis: RingBasis, y_limbs: tuple[int, ...], lifted: Array | None, own: RingBasis
    ) -> Array:
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = self.empty((*batch, len(basis), basis.degree))
        most = AXES + 1  # the last one is that of columns
        x, y = self._fit(batch, 3, x, y, most=most)
        plus: tuple[Any, ...] = (None, None, None)
        if lifted is not None:
            (lifted,) = self._fit((*batch[:-1], lifted.shape[-3]), 2, lifted, most=most)
            places = self._kept(basis, ("lifted limbs", own), lambda: _limbs_of(basis, own))
            plus = lifted, places, self._kept(basis, ("lift", own), lambda: constants.lift(own, basis))
        limbs = self._kept(basis, ("limbs", y_limbs), lambda: np.array(y_limbs, np.uint32))
        self.run("inner_product", basis, out, x, y, limbs, *plus)
        return out

    def tensor_product(self, x: Array, y: Array, basis: RingBasis) -> Array:
        batch = _broadcast(x.shape[:-3], y.shape[:-3])
        out = self.empty((*batch, 3, len(basis), basis.degree))
        self.run("tensor_product", basis, out, *self._fit(batch, 3, x, y))
        return out

    # The transform.

    def ntt(self, x: Array, basis: RingBasis) -> Array:
        return self._elementwise("ntt", basis, x)

    def intt(self, x: Array, basis: RingBasis) -> Array:
        return self._elementwise("intt", basis, x)

    def automorphism_coefficients(self, x: Array, element: int, basis: RingBasis) -> Array:
        return self._elementwise("automorphism_coefficients", basis, x, more=(element,))

    def automorphism_ntt(self, x: Array, element: int, basis: RingBasis) -> Array:
        return self._elementwise("automorphism_ntt", basis, x, more=(element,))


@functools.lru_cache(maxsize=4096)
def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return shapes[0] if len(set(shapes)) == 1 else np.broadcast_shapes(*shapes)


def _limbs_of(basis: RingBasis, own: RingBasis) -> npt.NDArray[np.uint32]:
    """For each prime of the basis, where it stands in the other, or kAbsent: uint32[limbs]."""
    return np.array([own.primes.index(q) if q in own else _RADIX - 1 for q in basis.primes], np.uint32)
