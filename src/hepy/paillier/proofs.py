"""A proof that gcd(n, phi(n)) = 1, on which it rests that ciphertexts decrypt and that obfuscators hide.

Raising to the n-th power permutes the units modulo n if and only if that gcd is 1; otherwise at most one unit in p is
an n-th power, for some prime factor p of n. So whoever can take n-th roots of units that nobody chose has shown it,
and nothing else: each root is what anybody could have raised to the n-th power. The units come from a hash (Fiat and
Shamir), and factors below 2^13 are ruled out by division, so ten roots leave a chance of 2^-130 for each try.

Source: Goldberg, Reyzin, Sagga and Baldimtsi, eprint 2018/057 (ASIACRYPT 2019), section 3.2, for alpha = 2^13.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hepy.bigint import Modulus
from hepy.bigint.primality import small_primes
from hepy.errors import KeyMismatchError, ParameterError

if TYPE_CHECKING:
    from hepy.paillier.keys import PrivateKey, PublicKey

ROUNDS = 10  # 13 bits each, as small_primes() reach to 2^13: at least 128
_DOMAIN = b"hepy.paillier.proof\0"


@dataclass(frozen=True, repr=False)
class Proof:
    """Made by PrivateKey.prove, for PublicKey.verify; it has a wire form as keys have.

    Attributes:
        bits, variant, fingerprint: of the key that it is about.
        roots: n-th roots modulo n of the units that challenges() gives.
    """

    bits: int
    variant: str
    fingerprint: str
    roots: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Proof(bits={self.bits}, variant={self.variant!r}, key={self.fingerprint[:16]!r})"

    def digest(self) -> str:
        """SHA-256 of the wire form, in hexadecimal."""
        from hepy import wire

        return wire.digest(self)


def challenges(n: int, context: str) -> Iterator[int]:
    """Units modulo n that follow from n and the context: SHAKE-256, numbers that are no units below n left out."""
    size, text = -(-n.bit_length() // 8), context_bytes(context)
    head = _DOMAIN + size.to_bytes(8, "little") + n.to_bytes(size, "little") + len(text).to_bytes(8, "little") + text
    number = 0
    while True:
        drawn = hashlib.shake_256(head + number.to_bytes(8, "little")).digest(size)
        unit = int.from_bytes(drawn, "little") & (1 << n.bit_length()) - 1
        number += 1
        if unit < n and math.gcd(unit, n) == 1:
            yield unit


def prove(key: PrivateKey, context: str) -> Proof:
    """Contract: PrivateKey.prove."""
    units = _first(key.public_key.n, context)
    roots = key.crt.roots(units).to_ints().tolist()
    return Proof(key.bits, key.variant, key.fingerprint, tuple(roots))


def verify(key: PublicKey, proof: Proof, context: str) -> None:
    """Contract: PublicKey.verify."""
    if not isinstance(proof, Proof):
        raise ParameterError(f"a proof is what key.prove(context) returns, not {type(proof).__name__}")
    if proof.fingerprint != key.fingerprint:
        raise KeyMismatchError(f"the proof is about key {proof.fingerprint[:16]}, this is key {key.fingerprint[:16]}")
    if (proof.bits, proof.variant) != (key.bits, key.variant):
        raise ParameterError("the proof does not hold: it is for a key of another length or variant")
    n = key.n
    check_small_factors(n)
    units = _first(n, context)
    if len(proof.roots) != ROUNDS or not all(0 < root < n for root in proof.roots):
        raise ParameterError(
            f"the proof does not hold: it has {len(proof.roots)} roots, not {ROUNDS} below the modulus"
        )
    powers = Modulus(n).array(list(proof.roots)).power_vartime(n)
    if not powers.equal(units).all():
        raise ParameterError(
            "the proof does not hold: for this context and modulus something is no n-th root. Its maker used another "
            "context, or the modulus is not fit for Paillier and must not be used"
        )


def check_small_factors(n: int) -> None:
    """What the bound for a cheating prover rests on.

    Raises:
        ParameterError: n has a prime factor below 2^13.
    """
    factor = next((p for p in small_primes() if n % p == 0), None)
    if factor is not None:
        raise ParameterError(f"this is no Paillier key: its modulus has the small factor {factor}")


def context_bytes(context: Any) -> bytes:
    """What of a context goes into the hash.

    Raises:
        ParameterError: it is no text.
    """
    if not isinstance(context, str):
        raise ParameterError(f"a context is a text that both sides know, not {type(context).__name__}")
    return context.encode("utf-8", "surrogatepass")


def _first(n: int, context: str) -> list[int]:
    return [unit for unit, _ in zip(challenges(n, context), range(ROUNDS), strict=False)]
