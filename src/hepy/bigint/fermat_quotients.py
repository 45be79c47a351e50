"""Fermat quotients floor((x**e mod m**2) / m) for coprime moduli m, joined by the Chinese remainder theorem.

Where x**e is 1 modulo m, x**e mod m**2 is 1 + m t for one t modulo m, and t(x y) = t(x) + t(y): discrete logarithms that
are easy. For a prime m and e = m - 1, t is the Fermat quotient of x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.bigint.kernels import FermatKernels, Kernels, offered, place
from hepy.bigint.modulus import Modulus
from hepy.bigint.not_pickled import NotPickled
from hepy.errors import ParameterError

if TYPE_CHECKING:
    from hepy.bigint.residues import ResidueArray


class FermatPart(NotPickled, ReadOnly):
    """One modulus m with its exponent e, and a factor s for its quotients. All three may be secret.

    Args:
        m: odd and above 2.
        exponent: at least 1.
        factor: any integer.
    """

    __slots__ = ("above", "exponent", "factor", "modulus", "reciprocal", "square")

    def __init__(self, m: int, exponent: int, factor: int = 1) -> None:
        self.modulus = Modulus(m)
        self.square = Modulus(m * m)
        self.exponent = exponent
        self.factor = factor % m
        # (x**e - x**e mod m) / m is an exact division with a result below m: done modulo m + 2, which is prime to m, it is
        # a product.
        self.above = Modulus(m + 2)
        self.reciprocal = pow(m, -1, m + 2)

    def __repr__(self) -> str:
        return f"FermatPart({self.modulus!r})"


class FermatQuotients(NotPickled, ReadOnly):
    """For each part (m, e, s) the quotient t of x; then the number that is s t modulo each m.

    Args:
        modulus: of the operands; a multiple of every m**2.
        parts: their moduli are prime to each other.

    Attributes:
        whole: the product of all m, modulo which results are.

    Raises:
        ParameterError: the moduli do not fit together.
    """

    __slots__ = ("_constants", "_homes", "_lock", "modulus", "parts", "weights", "whole")

    def __init__(self, modulus: Modulus, parts: Sequence[FermatPart]) -> None:
        product = math.prod(part.modulus.n for part in parts)
        if not parts or math.lcm(*(part.modulus.n for part in parts)) != product or modulus.n % product**2:
            raise ParameterError(
                f"Fermat quotients take moduli that are prime to each other, and operands modulo a multiple of their "
                f"squares: these {len(parts)} and a modulus of {modulus.bits} bits are not such"
            )
        self.modulus = modulus
        self.parts = tuple(parts)
        self.whole = Modulus(product)
        # s modulo m, 0 modulo the others.
        others = [product // part.modulus.n for part in parts]
        self.weights = [
            part.factor * other * pow(other, -1, part.modulus.n) % product
            for part, other in zip(parts, others, strict=True)
        ]
        self._homes: dict[Kernels, FermatKernels | None] = {}
        self._constants: dict[str, list[_Constants]] = {}
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"FermatQuotients({self.whole!r})"

    @secret_memory()
    def of(self, x: ResidueArray) -> tuple[limb.Limbs, npt.NDArray[np.bool_]]:
        """The joined quotients of x, for exponents that are secret.

        Returns: canonical residues modulo `whole`, uint32[..., words], on the array's device; and where x**e is 1 modulo
            each m, so that a quotient is (x**e mod m**2 - 1) / m: bool[...] on the host.
        Raises:
            ParameterError: x has another modulus.
        """
        if x.modulus != self.modulus:
            raise ParameterError(
                f"quotients of residues modulo a number of {self.modulus.bits} bits were asked for, and the modulus of "
                f"these, of {x.modulus.bits} bits, is another"
            )
        flat, quotients = x.ravel(), self._offered(x._kernels)
        limbs, exact = self._composed(flat) if quotients is None else quotients.of(flat._operand())
        return limbs.reshape(*x.shape, self.whole.words), exact.reshape(x.shape)

    def _offered(self, kernels: Kernels) -> FermatKernels | None:
        """What the engine has in place of the composition, made once."""
        with self._lock:
            if kernels not in self._homes:
                make = offered(kernels, "fermat_quotients")
                self._homes[kernels] = None if make is None else make(self)
            return self._homes[kernels]

    def _composed(self, x: ResidueArray) -> tuple[limb.Limbs, npt.NDArray[np.bool_]]:
        """of() by the leaves of every device: this is what it means."""
        total, exact = None, np.ones(x.shape, dtype=bool)
        with _devices.device(x.device):
            limbs = x.device_limbs()
            for part, constants in zip(self.parts, self._constants_on(x.device), strict=True):
                power = part.square.from_limbs(limbs).power(part.exponent).device_limbs()
                rest = part.modulus.from_limbs(power)
                exact &= rest.equal(constants.one)
                above = part.above.from_limbs(power).subtract(part.above.from_limbs(rest.device_limbs()))
                quotient = above.multiply(constants.reciprocal)
                term = self.whole.from_limbs(quotient.device_limbs()).multiply(constants.weight)
                total = term if total is None else total.add(term)
            assert total is not None
            return total.device_limbs(), exact

    def _constants_on(self, device: _devices.Device) -> list[_Constants]:
        """The numbers of each part on the current device, made once: a single element would wait for them longest."""
        where = place(device)
        with self._lock:
            if where not in self._constants:
                self._constants[where] = [
                    _Constants(
                        part.modulus.array(1),
                        part.above.array(part.reciprocal),
                        self.whole.array(weight),
                    )
                    for part, weight in zip(self.parts, self.weights, strict=True)
                ]
            return self._constants[where]


class _Constants(NamedTuple):
    """What the composition works with for one part, as residues."""

    one: ResidueArray  # modulo m
    reciprocal: ResidueArray  # modulo m + 2
    weight: ResidueArray  # modulo the whole
