"""One residue at a time, as gmpy2's integers: for code that holds numbers and no arrays.

GMP computes, but for long powers, which a compiled engine that takes one integer at a time makes in about half of the time.
Everything is on the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np

from hepy import _devices
from hepy import _limbs as limb
from hepy._host import engines
from hepy._host.locks import new_lock
from hepy.bigint.inversion import by_lifting
from hepy.options import options

if TYPE_CHECKING:
    from hepy.bigint.cpu_compiled import Kernels

# Engines of one integer at a time, in place of those that work on several.
_ALONE = {"ifma": "mulx", "portable-lanes": "portable-rows"}
# Exponent's bits times the square of the modulus's, from which on an engine pays for the way there and back.
_WORTH = 3e8

_FIRST = np.zeros(1, dtype=np.int64)


class Singles:
    """Residues modulo one odd number.

    Args:
        n: the modulus. It may be a secret.
    """

    __slots__ = ("_kernels", "_lock", "_root", "n")

    def __init__(self, n: int) -> None:
        self.n = gmpy2.mpz(n)
        root = gmpy2.isqrt(self.n)
        self._root = root if root * root == self.n else None
        self._kernels: dict[str, Kernels | None] = {}  # by options.engine
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"Singles(<{self.n.bit_length()} bits>)"

    def power(self, value: Any, exponent: int, *, vartime: bool = False) -> Any:
        """value ** exponent, for an exponent that may be secret.

        Its bit length may show in the time, and with GMP, unless hepy.options.constant_time is set, how its bits lie.

        Args:
            value: an integer of gmpy2 or Python.
            exponent: at least 0.
            vartime: be faster, in a time that tells the exponent.
        """
        kernels = self._engine() if exponent.bit_length() * self.n.bit_length() ** 2 >= _WORTH else None
        if kernels is not None:
            return self._power_by(kernels, value, int(exponent), vartime)
        if vartime:
            return gmpy2.powmod(value, exponent, self.n)
        if options.constant_time and exponent:
            return gmpy2.powmod_sec(value, exponent, self.n)
        # Of gmpy2's powers, the list form alone lets other threads run.
        return gmpy2.powmod_base_list([value], exponent, self.n)[0]

    def is_unit(self, value: Any) -> bool:
        """Whether a number of any size has an inverse."""
        return bool(gmpy2.gcd(value, self.n if self._root is None else self._root) == 1)

    def inverse(self, value: Any) -> Any:
        """1 / value.

        Raises:
            ZeroDivisionError: it is not a unit.
        """
        if self._root is None:
            return gmpy2.invert(value, self.n)
        high, low = gmpy2.f_divmod(value, self._root)
        low, high = by_lifting(low, high, self._root)
        return low + high * self._root

    def _engine(self) -> Kernels | None:
        """A compiled engine of one integer at a time; None where GMP is the fastest."""
        with self._lock:
            if options.engine not in self._kernels:
                self._kernels[options.engine] = self._made(engines.resolve(options.engine).name)
            return self._kernels[options.engine]

    def _made(self, name: str) -> Kernels | None:
        name = _ALONE.get(name, name)
        if name == engines.GMPY2 or name not in engines.usable():
            return None
        from hepy.bigint.cpu_compiled import Kernels

        return Kernels(int(self.n), _devices.resolve("cpu"), name)

    def _power_by(self, kernels: Kernels, value: Any, exponent: int, vartime: bool) -> Any:
        bits = exponent.bit_length()
        limbs = limb.from_ints([exponent], limb.width(bits))
        base = kernels.load(limb.from_ints([int(value % self.n)], kernels.words))
        power = kernels.power_vartime if vartime else kernels.power
        made = kernels.store((power((base, _FIRST), limbs, _FIRST, bits), _FIRST))
        return gmpy2.mpz(int.from_bytes(made.astype("<u4", copy=False).tobytes(), "little"))
