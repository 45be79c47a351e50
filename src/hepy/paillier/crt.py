"""What only the key's owner can do faster or at all: arithmetic modulo the squares of the prime factors.

Everything is made of batched operations of bigint, so it runs wherever bigint runs, and the sequence of operations does
not depend on what is decrypted. Below, p and q are the prime factors of n (P and Q in
the subgroup variant).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hepy import _devices
from hepy import _limbs as limb
from hepy.bigint import FermatPart, FermatQuotients, FixedBase, Modulus, ResidueArray
from hepy.bigint.not_pickled import NotPickled
from hepy.errors import ParameterError


@dataclass(frozen=True, repr=False, slots=True)
class Secret:
    """Prime factors of n; for the subgroup variant also the primes p, q with p | P - 1 and q | Q - 1.

    Here and below there is no __dict__, so that no debugger, error report or `vars` lists the numbers unasked.
    """

    p: int
    q: int
    p_subgroup: int | None = None
    q_subgroup: int | None = None

    @property
    def has_subgroup(self) -> bool:
        return self.p_subgroup is not None and self.q_subgroup is not None

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> Any:
        raise ParameterError("the primes of a key are not pickled or copied: use hepy.save(key, path, password=...)")


class Side(NotPickled):
    """One prime factor, with the other as `other`."""

    __slots__ = ("_subgroup", "base", "n_mod_order", "order", "part", "prime", "square")

    def __init__(self, prime: int, other: int, subgroup: int | None, generator: int | None) -> None:
        self.prime = Modulus(prime)
        self.square = Modulus(prime * prime)
        self.order = prime - 1 if subgroup is None else 2 * subgroup  # of what an obfuscator is modulo prime^2
        self._subgroup = subgroup is not None
        self.n_mod_order = other % (prime - 1)
        self.base: FixedBase | None = None
        if generator is not None:
            self.base = self.square.fixed_base(generator)
        # (1 + n)^order = 1 + n order modulo prime^2, whose quotient is other * order.
        self.part = FermatPart(prime, self.order, pow(other * self.order, -1, prime))

    def obfuscators(self, randomizers: limb.Limbs, bits: int) -> ResidueArray:
        """The public obfuscators, modulo prime^2: (B,)."""
        if self.base is None:
            # r^n modulo prime^2 depends on r modulo prime only, and n = other * prime.
            inner = self.prime.from_limbs(randomizers).power(self.n_mod_order)
            return self.square.from_limbs(inner.device_limbs()).power(self.prime.n)
        if self._subgroup:
            exponents = [value % self.order for value in limb.to_ints(_devices.to_host(randomizers))]
            bits = self.order.bit_length()
            randomizers = limb.from_ints(exponents, limb.width(bits))
        return self.base.power_limbs(randomizers, bits)

    def roots(self, values: limb.Limbs) -> ResidueArray:
        """n-th roots modulo prime, which are unique because n is prime to prime - 1: (B,)."""
        return self.prime.from_limbs(values).power(pow(self.n_mod_order, -1, self.prime.n - 1))


class Crt(NotPickled):
    """Both sides together."""

    __slots__ = ("_checked", "_inverse_q", "_inverse_q_square", "_n", "_n_square", "_p", "_plaintexts", "_q")

    def __init__(self, secret: Secret, n_square: Modulus, generator: int | None) -> None:
        p, q = secret.p, secret.q
        self._p = Side(p, q, secret.p_subgroup, generator)
        self._q = Side(q, p, secret.q_subgroup, generator)
        self._plaintexts = FermatQuotients(n_square, [self._p.part, self._q.part])
        self._n, self._n_square = self._plaintexts.whole, n_square
        self._inverse_q = pow(q, -1, p)
        self._inverse_q_square = pow(q * q, -1, p * p)
        self._checked = secret.p_subgroup is not None

    def obfuscators(self, randomizers: limb.Limbs, bits: int) -> ResidueArray:
        """What PublicKey.obfuscators makes of the same randomizers, bit for bit."""
        on_p, on_q = (side.obfuscators(randomizers, bits) for side in (self._p, self._q))
        return _combine(on_p, on_q, self._inverse_q_square, self._n_square)

    def roots(self, values: list[int]) -> ResidueArray:
        """n-th roots modulo n of integers in [0, n): (B,)."""
        limbs = limb.from_ints(values, self._n.words)
        on_p, on_q = self._p.roots(limbs), self._q.roots(limbs)
        return _combine(on_p, on_q, self._inverse_q, self._n)

    def decrypt(self, ciphertexts: ResidueArray) -> limb.Limbs:
        """Plaintexts modulo n: (B,) -> uint32[B, words], on the host.

        Raises:
            ParameterError: subgroup keys only: some ciphertext is outside the subgroup.
        Source: Paillier, EUROCRYPT '99, section 7: L of powers modulo p^2 and q^2, and the Chinese remainder theorem.
        """
        plaintexts, valid = self._plaintexts.of(ciphertexts)
        if self._checked and not valid.all():
            # One error for both primes, and no index: each bit more would be an oracle.
            raise ParameterError(
                "something here is not a ciphertext of this key: nothing was decrypted. Ciphertexts of a subgroup key "
                "decrypt only if they were encrypted with that very key's public half"
            )
        return _devices.to_host(plaintexts)


def _combine(on_p: ResidueArray, on_q: ResidueArray, inverse_q: int, modulus: Modulus) -> ResidueArray:
    """Garner: x modulo the product, from x modulo P and Q; inverse_q = 1 / Q modulo P."""
    q_limbs = on_q.device_limbs()
    digit = on_p.subtract(on_p.modulus.from_limbs(q_limbs)).multiply(inverse_q)
    return modulus.from_limbs(digit.device_limbs()).multiply(on_q.modulus.n).add(modulus.from_limbs(q_limbs))
