"""One residue at a time, as gmpy2's integers: for code that holds numbers and no arrays.

GMP computes, but for powers that are worth the way to a compiled engine of one integer at a time, which takes about half
of the time.
Everything is on the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gmpy2

from hepy import _devices
from hepy._host import engines
from hepy._host.locks import new_lock
from hepy.bigint.inversion import by_lifting
from hepy.options import options

if TYPE_CHECKING:
    from hepy.bigint.cpu_compiled import Kernels

# Engines of one integer at a time, in place of those that work on several.
_ALONE = {"ifma": "mulx", "portable-lanes": "portable-rows"}
# Exponent's bits times the cube of the modulus's, from which on an engine pays for the way there and back: beside long
# products that way is short, and GMP's own are better the shorter they are.
_WORTH = 2.5e10
# Up to this exponent, a power is as many products, which take less time than the way into a power.
_PRODUCTS = 8


class Singles:
    """Residues modulo one odd number.

    Args:
        n: the modulus. It may be a secret.
    """

    __slots__ = ("_kernels", "_lock", "_root", "_worth", "n")

    def __init__(self, n: int) -> None:
        self.n = gmpy2.mpz(n)
        root = gmpy2.isqrt(self.n)
        self._root = root if root * root == self.n else None
        self._worth = _WORTH / self.n.bit_length() ** 3  # in bits of an exponent
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
        if vartime and 1 < exponent <= _PRODUCTS:
            power = value
            for bit in f"{exponent:b}"[1:]:
                power = power * power % self.n
                if bit == "1":
                    power = power * value % self.n
            return power
        if exponent.bit_length() >= self._worth and (kernels := self._engine()):
            return kernels.number_power(gmpy2.mpz(value) % self.n, int(exponent), vartime)
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
