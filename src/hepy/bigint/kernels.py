"""What a device supplies to the bigint layer: the protocol of leaves, what it may offer beyond, and who has them.

Above this file nothing knows how an element lies in memory. A batch is opaque; an operand is a batch with the rows
of it that take part, so that slices, broadcasts and transposes cost an index array at most and no copy. Rows may be
strided, and rows.span() tells where they are evenly spaced.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._host import engines
from hepy._limbs import Limbs
from hepy.bigint.rows import Rows
from hepy.errors import DeviceError
from hepy.options import options

if TYPE_CHECKING:
    from hepy.bigint.fermat_quotients import FermatQuotients

Batch = Any  # elements in the private form of one device
Operand = tuple[Batch, Rows]

LEAST_CHUNK = 64  # elements for which no engine has to be asked how many it likes to hold


class FixedBaseKernels(Protocol):
    """Powers of one base; tables are made when they pay, behind a lock."""

    def power(self, exponents: Limbs, bits: int) -> Batch:
        """Elements base ** exponents[i]; exponents: uint32[B, words], below 2**bits. Secret exponents are welcome."""


class Kernels(Protocol):
    """The leaves for one odd modulus on one device.

    Results are new batches, element i from row i of each operand. Limbs are uint32[B, words], little-endian, on the
    host or on the device. What does not end in `_vartime` runs a sequence of operations that depends on sizes only.

    Attributes:
        engine: whose private form batches have; kernels of one modulus and engine read each other's batches.
        chunk: elements of which a composed operation should hold its intermediate results at once, LEAST_CHUNK or more. A
            device may have to be asked.
    """

    engine: str
    chunk: int

    def load(self, limbs: Limbs) -> Batch:
        """Reduce integers of any width."""

    def store(self, x: Operand) -> Limbs:
        """Canonical residues, uint32[B, words of the modulus], on the device."""

    def equal(self, x: Operand, y: Operand) -> npt.NDArray[np.bool_]:
        """Which elements are the same residue: bool[B] on the host."""

    def gather(self, parts: Iterable[Operand], count: int) -> Batch:
        """The rows of the parts one after the other, copied; `count` in all. Takes a part after placing the last."""

    def multiply(self, x: Operand, y: Operand) -> Batch: ...

    def square(self, x: Operand) -> Batch: ...

    def add(self, x: Operand, y: Operand) -> Batch: ...

    def subtract(self, x: Operand, y: Operand) -> Batch: ...

    def power(self, x: Operand, exponents: Limbs, exponent_rows: Rows, bits: int) -> Batch:
        """x[i] ** exponents[exponent_rows[i]], exponents below 2**bits; 0 ** 0 is 1."""

    def power_vartime(self, x: Operand, exponents: Limbs, exponent_rows: Rows, bits: int) -> Batch:
        """As power, faster, in a time that tells the exponents."""

    def fixed_base(self, base: Operand) -> FixedBaseKernels:
        """Powers of the one element of `base`."""

    def inverse(self, x: Operand) -> Batch:
        """1 / x[i].

        Raises:
            NotAUnit: with the positions of the elements that have no inverse.
        """

    def segment_product(self, x: Operand, offsets: Rows) -> Batch:
        """Product over k in [offsets[s], offsets[s+1]) of x[k], for each s; one where there is none."""

    def prefix_product(self, x: Operand, run: int) -> Batch:
        """Running products over runs of `run` elements."""

    def multi_power_vartime(self, x: Operand, exponents: Limbs, wanted: npt.NDArray[np.bool_], bits: int) -> Batch:
        """Product over k of x[row, k] ** exponents[k, m] for each (row, m), where wanted[k, m].

        x: rows K elements; exponents: uint32[K M, words], below 2**bits; wanted: bool[K, M].
        """


class FermatKernels(Protocol):
    """Fermat quotients in one piece."""

    def of(self, x: Operand) -> tuple[Limbs, npt.NDArray[np.bool_]]:
        """Contract: hepy.bigint.fermat_quotients.FermatQuotients.of, for B elements."""


class Composites(Protocol):
    """What a device may have beyond the leaves: what is composed of them elsewhere, with the same bits, in one call."""

    def fixed_point(self, values: Any, scale_bits: int) -> Batch:
        """round(values[i] * 2**scale_bits), half to even: finite float64, int64 or uint64, [B], on the device."""

    def load_bytes(self, number: bytes) -> Batch:
        """load() of one integer of 4 words bytes, little-endian."""

    def join_singles(self, arrays: list[Any]) -> Batch | None:
        """gather() of ResidueArrays of one element and one axis; None where one is something else, or of other kernels."""

    def load_multiple(self, limbs: Limbs, factor: int) -> Batch:
        """load(limbs), times a number of [0, modulus), in the same products."""

    def fermat_quotients(self, quotients: FermatQuotients) -> FermatKernels | None:
        """For these parts; None where the device has nothing better than the composition."""

    def divide(self, x: Operand, y: Operand) -> Batch:
        """multiply(x, inverse(y))."""

    def multiply_principal(
        self, x: Operand, factors: Limbs, negative: npt.NDArray[np.bool_], factor_rows: Rows
    ) -> Batch:
        """x[i] * (1 + k m) modulo m**2, where k is factors[factor_rows[i]], less than 0 where negative[factor_rows[i]]."""

    def multiply_principal_fixed_point(self, x: Operand, values: Any, scale_bits: int) -> Batch:
        """The same for k = round(values[i] * 2**scale_bits), of what fixed_point() takes."""

    # Of one element, whose rows may have any number of axes: what stands around a short call takes longer than the call.

    def multiply_single(self, x: Batch, x_rows: Rows, y: Batch, y_rows: Rows) -> Batch:
        """multiply()."""

    def multiply_principal_single(self, x: Batch, rows: Rows, factor: int) -> Batch:
        """multiply_principal()."""

    def power_vartime_single(self, x: Batch, rows: Rows, exponent: int) -> Batch:
        """power_vartime(); the exponent is at least 0."""


def offered(kernels: Kernels, composite: str) -> Callable[..., Any] | None:
    """The method of Composites that an engine has, or None."""
    return getattr(kernels, composite, None)


class NotAUnit(Exception):
    """Some elements have no inverse; `positions` in the operand."""

    def __init__(self, positions: list[int]) -> None:
        super().__init__("not a unit")
        self.positions = positions


# The module with the leaves of each kind of device. What adds a kind (a test, a benchmark) enters it here.
HOMES = {"cpu": "hepy.bigint.cpu", "cuda": "hepy.bigint.native", "emulator": "hepy.bigint.native"}


def place(device: Device) -> str:
    """Where work on `device` is done now: the device's name, or the host's engine that options.engine names."""
    return engines.resolve(options.engine).name if device.kind == "cpu" else device.name


def kernels(n: int, device: Device) -> Kernels:
    """The leaves for modulus n on `device`; Modulus keeps them, because a modulus may be secret."""
    try:
        home = HOMES[device.kind]
    except KeyError:
        raise DeviceError(
            f"big integers have no kernels for device {device.name!r} yet: use one of {sorted(HOMES)}"
        ) from None
    made: Kernels = importlib.import_module(home).Kernels(n, device)
    return made
