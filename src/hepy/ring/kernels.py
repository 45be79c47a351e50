"""What a device supplies to the ring layer: the protocol of leaves, and the table that finds them.

An array `[..., limbs, N]` is uint32 with any batch axes, words canonical (below their limb's prime), in C order or
not. Operands broadcast over the batch axes as numpy's do; results are new, contiguous arrays. Leaves trust what they
are given: checks belong to the types above. None takes a time that depends on words.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hepy._devices import Device
from hepy.errors import DeviceError

if TYPE_CHECKING:
    from hepy.ring.basis import RingBasis

Array = Any  # numpy's or cupy's


class RingKernels(Protocol):
    """The leaves of one device."""

    def empty(self, shape: tuple[int, ...]) -> Array:
        """uint32 for a result, not initialized."""

    # Residue by residue, in either domain: [..., limbs, N] each.

    def add(self, x: Array, y: Array, basis: RingBasis) -> Array: ...

    def subtract(self, x: Array, y: Array, basis: RingBasis) -> Array: ...

    def negate(self, x: Array, basis: RingBasis) -> Array: ...

    def multiply(self, x: Array, y: Array, basis: RingBasis) -> Array: ...

    def scale(self, x: Array, factors: Array, basis: RingBasis) -> Array:
        """x times one factor a limb: [..., limbs, N], uint32[..., limbs]."""

    def subtract_scaled(self, x: Array, y: Array, factors: Array, basis: RingBasis) -> Array:
        """x times factors[0] minus y times factors[1]: the end of a division; factors: uint32[2, limbs]."""

    def inner_product(self, x: Array, y: Array, basis: RingBasis, y_limbs: tuple[int, ...]) -> Array:
        """Sum over d of x[..., d] * y[..., d]: [..., D, limbs, N], [..., D, more limbs, N] -> [..., limbs, N].

        y_limbs: which limb of y belongs to each limb of x.
        """

    # The transform.

    def ntt(self, x: Array, basis: RingBasis) -> Array:
        """Coefficients to values: entry k is the value at psi**(2 brv(k) + 1), psi as in tables.py."""

    def intt(self, x: Array, basis: RingBasis) -> Array: ...

    def automorphism_coefficients(self, x: Array, element: int, basis: RingBasis) -> Array:
        """X to X**element, of coefficients; element is odd and in [0, 2N)."""

    def automorphism_ntt(self, x: Array, element: int, basis: RingBasis) -> Array:
        """The same of values: a permutation."""

    # Between bases: of coefficients.

    def convert(self, x: Array, source: RingBasis, target: RingBasis, centred: bool) -> Array:
        """Residues modulo other primes, [..., limbs, N] -> [..., other limbs, N].

        With x_i canonical and y_i = x_i / (Q/q_i) mod q_i, the sum over i of y_i Q/q_i is x + v Q, 0 <= v < limbs.
        centred: subtracts v' Q, where v' rounds the sum of y_i / q_i by fixed-point arithmetic, term i being
        floor(y_i floor(2**(31+b)/q_i) / 2**(b-1)) units of 2**-32, b the bit length of q_i, and half rounding up.
        """

    def from_words(self, words: Array, negative: Array, basis: RingBasis) -> Array:
        """Integers to residues: magnitudes uint32[..., words, N], lowest word first, signs bool[..., N]."""

    def to_words(self, x: Array, basis: RingBasis) -> tuple[Array, Array]:
        """Coefficients to the centred integers that they stand for; magnitudes and signs as in from_words."""

    def to_floats(self, x: Array, basis: RingBasis) -> Array:
        """Coefficients to the float64 [..., N] nearest to the centred integers; Q < 2**1023."""

    # Randomness: words of a stream to residues.

    def ternary(self, words: Array, basis: RingBasis) -> Array:
        """uint32[..., N] -> [..., limbs, N]: 0, 1, -1 for the first, second and last third of the 2**32 - 1 words."""

    def sparse_ternary(self, words: Array, weight: int, basis: RingBasis) -> Array:
        """uint32[..., N, 4] -> [..., limbs, N], `weight` coefficients not zero: see sampling.sparse_ternary."""

    def gaussian(self, words: Array, thresholds: Array, basis: RingBasis) -> Array:
        """uint32[..., N, 2] -> [..., limbs, N]: see sampling.gaussian; thresholds: uint64[k]."""

    # The canonical embedding: complex128[..., n].

    def embed(self, x: Array) -> Array:
        """Values of a folded polynomial at the slots' roots: see embedding.py, which defines order and rounding."""

    def unembed(self, x: Array) -> Array:
        """The inverse of embed."""


class RingComposites(Protocol):
    """What a device may supply besides; conversion.py and polynomial.py compose the same bits from leaves where it does not."""

    def inner_product_lifted(
        self, x: Array, y: Array, basis: RingBasis, y_limbs: tuple[int, ...], lifted: Array, own: RingBasis
    ) -> Array:
        """inner_product, plus conversion.inner_product's `lifted`: [..., n, limbs of own, N], for n of the last batch axis."""

    def tensor_product(self, x: Array, y: Array, basis: RingBasis) -> Array:
        """conversion.tensor_product: [..., 2, limbs, N] twice -> [..., 3, limbs, N]."""

    def add_first(self, x: Array, y: Array, basis: RingBasis) -> Array:
        """conversion.add_first: [..., K, limbs, N], [..., n, limbs, N] -> [..., K, limbs, N]."""

    def from_floats(self, x: Array, scale: float, basis: RingBasis) -> Array:
        """float64[..., N] -> [..., limbs, N]: scale x rounded half to even, below 2**63."""

    def mod_up(
        self, x: Array, groups: Sequence[RingBasis], source: RingBasis, target: RingBasis, centred: bool
    ) -> Array:
        """conversion.mod_up of values, [..., limbs, N] -> [..., dnum, more limbs, N]; groups partition the source."""

    def rescale(self, x: Array, source: RingBasis, target: RingBasis, values: bool) -> Array:
        """conversion.rescale of values or coefficients."""

    def rescale_automorphism(self, x: Array, source: RingBasis, target: RingBasis, element: int) -> Array:
        """rescale of values and then automorphism_ntt; source and target differ."""


# The module with the leaves of each kind of device. What adds a kind (a test, a benchmark) enters it here.
HOMES = {"cpu": "hepy.ring.cpu", "emulator": "hepy.ring.native", "cuda": "hepy.ring.native"}


@functools.cache
def kernels(device: Device) -> RingKernels:
    """The leaves of `device`.

    Raises:
        DeviceError: rings have no kernels there.
    """
    try:
        home = HOMES[device.kind]
    except KeyError:
        raise DeviceError(f"rings have no kernels for device {device.name!r} yet: use one of {sorted(HOMES)}") from None
    made: RingKernels = importlib.import_module(home).Kernels(device)
    return made
