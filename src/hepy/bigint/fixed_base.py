"""Powers of one base: tables once, then one product for each window of an exponent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepy import _devices
from hepy import _limbs as limb
from hepy._arguments import whole
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.bigint.integers import integers
from hepy.bigint.kernels import place
from hepy.bigint.not_pickled import NotPickled
from hepy.bigint.residues import ResidueArray
from hepy.bigint.rows import identity
from hepy.errors import ParameterError

if TYPE_CHECKING:
    from hepy.bigint.kernels import FixedBaseKernels, Kernels
    from hepy.bigint.modulus import Modulus


class FixedBase(NotPickled, ReadOnly):
    """A base modulo a modulus, with tables that each device makes when they pay.

    The sequence of operations depends on `bits` only; which entries of the tables are read depends on the exponents,
    unless hepy.options.constant_time is set. Safe to use from many threads.

    >>> from hepy.bigint import Modulus
    >>> Modulus(1009).fixed_base(11).power([0, 1, 2]).to_ints().tolist()
    [1, 11, 121]
    """

    __slots__ = ("_homes", "_lock", "base", "modulus")

    def __init__(self, modulus: Modulus, base: int) -> None:
        self.modulus = modulus
        self.base = whole("the base", base, None) % modulus.n
        self._homes: dict[str, tuple[Kernels, FixedBaseKernels]] = {}
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"FixedBase({self.modulus!r})"

    def power(self, exponents: Any) -> ResidueArray:
        """base ** exponents for integers >= 0 of any shape; their largest bit length sets the work of all.

        Raises:
            ParameterError: an exponent is negative or not an integer.
        """
        array = integers(exponents)
        limbs, negative = limb.from_array(array.ravel())
        if negative.any():
            raise ParameterError("exponents of a fixed base are at least 0: use the inverse base for negative ones")
        return self.power_limbs(limbs, limb.bit_length(limbs)).reshape(array.shape)

    def power_limbs(self, exponents: limb.Limbs, bits: int) -> ResidueArray:
        """base ** exponents for uint32[B, words] below 2**bits, on the current device: shape (B,)."""
        device = _devices.current()
        where = place(device)
        with self._lock:
            if where not in self._homes:
                with _devices.device(device.name):
                    base = self.modulus.array(self.base)
                self._homes[where] = base._kernels, base._kernels.fixed_base(base._operand())
            kernels, powers = self._homes[where]
        batch = powers.power(device.xp.ascontiguousarray(device.asarray(exponents)), bits)
        return ResidueArray(self.modulus, device, kernels, batch, identity(len(exponents)))
