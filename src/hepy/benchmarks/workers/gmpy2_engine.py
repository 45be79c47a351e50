"""A plain gmpy2 loop: what a competent Python programmer writes in an afternoon, with the definitions that hepy uses.

The list forms of powmod where base or exponent is shared, Python loops of `a * b % n2` elsewhere; CRT for the key's
owner; no tables, no threads. Constant time means powmod_sec, which has no list form.
"""

from __future__ import annotations

import math
import secrets
from typing import Any, Dict, List, Sequence, Tuple

import gmpy2
from gmpy2 import mpz

from .engine import Engine

# Bits of the exponents of `subgroup` obfuscators; shorter keys are for trying things out.
_SUBGROUP_BITS = {2048: 448, 3072: 512, 4096: 608}


class Gmpy2Engine(Engine):
    packages = ("gmpy2",)

    def __init__(self, settings: Dict[str, Any]) -> None:
        self.variant = settings["variant"]
        self.timing = settings["timing"]

    # Keys.

    def keygen(self, bits: int) -> Any:
        if self.variant == "subgroup":
            return _subgroup_key(bits)
        blum = self.variant == "djn"
        while True:
            p, q = _prime(bits // 2, blum), _prime(bits // 2, blum)
            n = p * q
            fair = gmpy2.gcd(p - 1, q - 1) == 2 if blum else gmpy2.gcd(n, (p - 1) * (q - 1)) == 1
            if p != q and n.bit_length() == bits and fair:
                break
        if not blum:
            return {"p": p, "q": q, "orders": (p - 1, q - 1), "exponent_bits": 0, "h": None}
        x = secrets.randbelow(int(n))
        return {"p": p, "q": q, "orders": (p - 1, q - 1), "exponent_bits": (bits + 1) // 2, "h": -x * x % n}

    def from_numbers(self, numbers: Dict[str, int]) -> Any:
        key = {name: mpz(value) for name, value in numbers.items()}
        length = _SUBGROUP_BITS[(key["P"] * key["Q"]).bit_length()]
        orders = (2 * key["p"], 2 * key["q"])
        return {"p": key["P"], "q": key["Q"], "orders": orders, "exponent_bits": length, "h": key["h"]}

    def use(self, key: Any) -> None:
        p, q = key["p"], key["q"]
        self.n = n = p * q
        self.n2, self.p2, self.q2 = n * n, p * p, q * q
        self.p, self.q, self.exponent_bits = p, q, key["exponent_bits"]
        self.orders = key["orders"]
        self.hn = None if key["h"] is None else gmpy2.powmod(key["h"], n, self.n2)
        # L(g^order) inverted, g = 1 + n, modulo each prime.
        self.mu = tuple(
            gmpy2.invert((gmpy2.powmod(1 + n, order, prime * prime) - 1) // prime, prime)
            for prime, order in zip((p, q), self.orders)
        )
        self.p2_inverse, self.p_inverse = gmpy2.invert(self.p2, self.q2), gmpy2.invert(p, q)

    # Powers: the list forms where gmpy2 has one.

    def _one_base(self, base: Any, exponents: List[Any], modulus: Any) -> Any:
        if self.timing == "constant_time":
            return [gmpy2.powmod_sec(base, e, modulus) for e in exponents]
        return gmpy2.powmod_exp_list(base, exponents, modulus)

    def _one_exponent(self, bases: List[Any], exponent: Any, modulus: Any) -> Any:
        if self.timing == "constant_time":
            return [gmpy2.powmod_sec(b, exponent, modulus) for b in bases]
        return gmpy2.powmod_base_list(bases, exponent, modulus)

    # Operations.

    def numbers(self, values: Sequence[int]) -> Any:
        return [mpz(value) for value in values]

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return [[mpz(value) for value in row] for row in rows]

    def encrypt(self, values: Any) -> Any:
        n, n2 = self.n, self.n2
        if self.hn is None:
            obfuscators = self._one_exponent([mpz(secrets.randbelow(int(n))) for _ in values], n, n2)
        else:
            obfuscators = self._one_base(self.hn, self._exponents(len(values)), n2)
        return [(1 + m * n) * r % n2 for m, r in zip(values, obfuscators)]

    def encrypt_owner(self, values: Any) -> Any:
        n, n2, p2, q2 = self.n, self.n2, self.p2, self.q2
        if self.hn is None:
            randomizers = [mpz(secrets.randbelow(int(n))) for _ in values]
            left = self._one_exponent(randomizers, n % (p2 - self.p), p2)
            right = self._one_exponent(randomizers, n % (q2 - self.q), q2)
        else:
            exponents = self._exponents(len(values))
            left = self._one_base(self.hn % p2, exponents, p2)
            right = self._one_base(self.hn % q2, exponents, q2)
        inverse = self.p2_inverse
        return [(1 + m * n) * (a + p2 * ((b - a) * inverse % q2)) % n2 for m, a, b in zip(values, left, right)]

    def _exponents(self, count: int) -> List[Any]:
        return [mpz(secrets.randbits(self.exponent_bits)) for _ in range(count)]

    def decrypt(self, ciphertexts: Any) -> Any:
        p, q, n, half = self.p, self.q, self.n, self.n // 2
        left = self._one_exponent(ciphertexts, self.orders[0], self.p2)
        right = self._one_exponent(ciphertexts, self.orders[1], self.q2)
        mu_p, mu_q = self.mu
        out = []
        for a, b in zip(left, right):
            (a, a_rest), (b, b_rest) = divmod(a - 1, p), divmod(b - 1, q)
            # Obfuscators from outside of the subgroup show here; of the other variants nothing is ever left.
            if a_rest or b_rest:
                raise ValueError("a ciphertext does not belong to this key")
            a, b = a * mu_p % p, b * mu_q % q
            m = a + p * ((b - a) * self.p_inverse % q)
            out.append(int(m - n if m > half else m))
        return out

    def add(self, left: Any, right: Any) -> Any:
        n2 = self.n2
        return [a * b % n2 for a, b in zip(left, right)]

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        n2 = self.n2
        powmod = gmpy2.powmod_sec if self.timing == "constant_time" else gmpy2.powmod
        return [powmod(c, s, n2) for c, s in zip(ciphertexts, scalars)]

    def matmul(self, ciphertexts: Any, matrix: Any) -> Any:
        n2, powmod = self.n2, gmpy2.powmod
        out = []
        for column in zip(*matrix):
            total = mpz(1)
            for c, weight in zip(ciphertexts, column):
                total = total * powmod(c, weight, n2) % n2
            out.append(total)
        return out

    def histogram(self, ciphertexts: Any, bins: Any, count: int) -> Any:
        n2 = self.n2
        out = []
        for feature in bins:
            totals = [mpz(1)] * count
            for c, b in zip(ciphertexts, feature):
                totals[b] = totals[b] * c % n2
            out += totals
        return out

    def sum(self, ciphertexts: Any) -> Any:
        n2, total = self.n2, mpz(1)
        for c in ciphertexts:
            total = total * c % n2
        return [total]


def _prime(bits: int, blum: bool) -> Any:
    """A random prime of that many bits, the top two of them set."""
    while True:
        candidate = mpz(secrets.randbits(bits)) | (3 << (bits - 2)) | (3 if blum else 1)
        if gmpy2.is_prime(candidate):
            return candidate


def _subgroup_key(bits: int) -> Any:
    """P = 2pp'+1 and Q = 2qq'+1, both 3 mod 4; h of order 2pq."""
    length = _SUBGROUP_BITS.get(bits, bits // 4)
    while True:
        (P, p, p_rest), (Q, q, q_rest) = (_subgroup_prime(bits // 2, length // 2) for _ in range(2))
        n = P * Q
        if n.bit_length() == bits and len({p, q, p_rest, q_rest}) == 4 and math.gcd(n, (P - 1) * (Q - 1)) == 1:
            break
    y = secrets.randbelow(int(n))
    h = -gmpy2.powmod(y, 2 * p_rest * q_rest, n) % n
    return {"p": P, "q": Q, "orders": (2 * p, 2 * q), "exponent_bits": length, "h": h}


def _subgroup_prime(bits: int, factor_bits: int) -> Tuple[Any, Any, Any]:
    factor = _prime(factor_bits, blum=False)
    while True:
        # A cofactor that puts P into the upper half of its range, where a product of two has full length.
        low = (mpz(3) << (bits - 2)) // (2 * factor)
        rest = (low + secrets.randbelow(int(low) // 3)) | 1
        P = 2 * factor * rest + 1
        if gmpy2.is_prime(rest) and gmpy2.is_prime(P):
            return P, factor, rest
