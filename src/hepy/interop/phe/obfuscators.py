"""What hides a plaintext under a bare modulus n: powers of an own generator (djn), or random n-th powers (classic).

A key arrives here as n alone. The encryptor draws x and takes h = -x**2 mod n, as hepy's distrustful djn encryptor
does (docs/security.md): whatever the primes are, (h^n)^r is an n-th residue, so it decrypts, and since h stays with
the encryptor nobody could have chosen it. Exponents have ceil(k/2) + 80 bits, those of a rerandomization.

Obfuscators for numbers that are encrypted one at a time are made some at once, ahead, and each is handed out once.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable
from typing import Any

import gmpy2

from hepy import _devices, random
from hepy import _limbs as limb
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy.bigint import FixedBase, Modulus, ResidueArray
from hepy.bigint.residues import from_chunks
from hepy.errors import ParameterError
from hepy.paillier.keys import random_unit
from hepy.paillier.variants import RERANDOMIZE_EXTRA, SMALLEST_BITS
from hepy.paillier.variants import variant as variant_named
from hepy.random import Purpose

VARIANTS = ("djn", "classic")

Use = Callable[[ResidueArray, int, int], ResidueArray]

# Most obfuscators that are made ahead. Their number doubles from one on: who encrypts a single number waits for one.
_MOST_AHEAD = 64


def check_variant(name: str) -> str:
    """The variant, if a bare modulus allows it.

    Raises:
        ParameterError: it does not.
    """
    if name == "subgroup":
        raise ParameterError(
            "subgroup keys have no place in this interface: their ciphertexts decrypt only if every obfuscator comes "
            "from the subgroup, and whoever knows the modulus alone takes others. Use hepy.paillier with such keys"
        )
    if name not in VARIANTS:
        raise ParameterError(f"the variant of a bare modulus is one of {list(VARIANTS)}, not {name!r}")
    return name


class Obfuscators:
    """Obfuscators for one modulus. Safe to use from many threads; a forked child makes its own.

    Attributes:
        modulus: n**2.
    """

    def __init__(self, n: int, variant: str) -> None:
        self.modulus = Modulus(n * n)
        self._n, self._variant = n, variant
        self._base: FixedBase | None = None
        self._ahead: list[Any] = []
        self._next = 1
        self._lock, self._base_lock = new_lock(), new_lock()
        _all.add(self)

    def __repr__(self) -> str:
        return f"Obfuscators(bits={self._n.bit_length()}, variant={self._variant!r})"

    def one(self) -> Any:
        """An obfuscator that nobody else gets, as gmpy2's integer."""
        if self._variant == "classic":
            return self.modulus.singles.power(random_unit(self._n, random.stream()), self._n, vartime=True)
        with self._lock:
            if not self._ahead:
                with secret_memory():
                    self._ahead = [gmpy2.mpz(value) for value in self.many((self._next,)).to_ints()]
                self._next = min(2 * self._next, _MOST_AHEAD)
            return self._ahead.pop()

    def many(self, shape: tuple[int, ...]) -> ResidueArray:
        """Obfuscators modulo n**2 on the current device."""
        return self.blind(shape, lambda obfuscators, start, stop: obfuscators)

    def blind(self, shape: tuple[int, ...], use: Use) -> ResidueArray:
        """use(obfuscators, start, stop) for elements [start, stop) of an array of that shape, in chunks.

        Args:
            use: gets fresh obfuscators modulo n**2 on the current device, (stop - start,), and returns as many
                residues.
        """
        make = self._maker(math.prod(shape))

        def part(start: int, stop: int) -> ResidueArray:
            with secret_memory():
                made = make(start, stop)
            return use(made, start, stop)

        return from_chunks(self.modulus, _devices.current(), shape, part)

    def _maker(self, count: int) -> Callable[[int, int], ResidueArray]:
        """A function that makes obfuscators [start, stop) of so many, of randomness that is reserved here."""
        length, stream = self._n.bit_length(), random.stream()
        if self._variant == "djn":
            bits, base = variant_named("djn").exponent_bits(length) + RERANDOMIZE_EXTRA, self._own_base()
            draw = stream.draw(Purpose.RERANDOMIZER, count, bits)
            return lambda start, stop: base.power_limbs(draw.uniform_bits(start, stop), bits)
        if length >= SMALLEST_BITS:
            draw = stream.draw(Purpose.RERANDOMIZER, count, length)
            return lambda start, stop: self._nth_powers(draw.uniform_below(self._n, start, stop))

        def of_units(start: int, stop: int) -> ResidueArray:  # other numbers often share a factor with so short an n
            units = [random_unit(self._n, stream) for _ in range(start, stop)]
            return self._nth_powers(limb.from_ints(units, limb.width(length)))

        return of_units

    def _nth_powers(self, randomizers: limb.Limbs) -> ResidueArray:
        return self.modulus.from_limbs(randomizers).power(self._n)

    def _own_base(self) -> FixedBase:
        with self._base_lock:
            if self._base is None:
                x = random_unit(self._n, random.stream())
                self._base = self.modulus.fixed_base(int(gmpy2.powmod(-x * x % self._n, self._n, self.modulus.n)))
            return self._base


def obfuscators(n: int, variant: str) -> Obfuscators:
    """Those of a modulus, the same ones while anything uses them: keys are often made anew with each message."""
    with _shared_lock:
        found = _shared.get((n, variant))
        if found is None:
            found = _shared[n, variant] = Obfuscators(n, variant)
        return found


_all: weakref.WeakSet[Obfuscators] = weakref.WeakSet()
_shared: weakref.WeakValueDictionary[tuple[int, str], Obfuscators] = weakref.WeakValueDictionary()
_shared_lock = new_lock()


def _after_fork() -> None:
    for one in list(_all):
        one._ahead = []


os.register_at_fork(after_in_child=_after_fork)
