"""Key generation: the primes and generators of each variant, from one stream of randomness."""

from __future__ import annotations

import math

import gmpy2

from hepy import random
from hepy.paillier.crt import Secret
from hepy.paillier.keys import PrivateKey, PublicKey, random_unit
from hepy.paillier.primes import Verification, random_prime, random_primes, subgroup_prime
from hepy.paillier.variants import check_bits
from hepy.paillier.variants import variant as variant_named
from hepy.random import Stream

# |p - q| has at least this many bits less than p less: FIPS 186-5, A.1.3, asks for 100.
_APART = 100


def generate_key(
    bits: int = 3072, variant: str = "djn", *, seed: bytes | None = None, insecure: bool = False
) -> PrivateKey:
    """A new Paillier key pair.

    Args:
        bits: length of n: 2048, 3072 or 4096.
        variant: "djn", "classic" or "subgroup", see hepy.paillier.variants. A subgroup key takes some times longer.
        seed: 32 bytes, for reproducible tests only. None draws from the operating system.
        insecure: allow shorter keys, for tests and experiments; repr shows it.

    Returns: the private key; its public half is `.public_key`.
    Raises:
        ParameterError: the length or the variant is not supported, or `seed` is not 32 bytes.
    Hazards:
        Whoever knows `seed` knows the key. The primes pass through Python integers, of which copies may stay in
        memory until it is used again.
    Source: see hepy.paillier.variants; primality by hepy.paillier.primes.
    """
    kind = variant_named(variant)
    bits = check_bits(bits, insecure)
    stream = random.stream(seed)
    while True:
        secret, h = _subgroup(bits, stream) if kind.name == "subgroup" else two_primes(bits, kind.name, stream)
        n = secret.p * secret.q
        if math.gcd(n, (secret.p - 1) * (secret.q - 1)) == 1:
            break
    public = PublicKey(n, kind.name, h, insecure=insecure)
    return PrivateKey(public, secret, seeded=seed is not None)


def two_primes(bits: int, name: str, stream: Stream) -> tuple[Secret, int | None]:
    """The primes of a djn or classic key of an even number of bits, from 64 up, and the generator of a djn key."""
    djn = name == "djn"
    search = random_primes(bits // 2, stream, three_mod_four=djn)
    while True:
        (p,) = search.next()
        verification = Verification(p, stream)

        def fits(q: int, p: int = p) -> bool:
            return _far(p, q) and (not djn or gmpy2.gcd(p - 1, q - 1) == 2)

        others = random_primes(bits // 2, stream, three_mod_four=djn, wanted=fits)
        (q,) = others.next(beside=verification.run)  # p is judged while other threads look for q
        if not verification.passed:
            continue
        while not Verification(q, stream).run():
            (q,) = others.next()
        break
    n = p * q
    return Secret(p, q), -(random_unit(n, stream) ** 2) % n if djn else None


def _subgroup(bits: int, stream: Stream) -> tuple[Secret, int]:
    half = variant_named("subgroup").exponent_bits(bits) // 2
    factors: list[tuple[int, int, int]] = []  # (P, p, p')
    while len(factors) < 2:
        small = random_prime(half, stream)
        prime, cofactor = subgroup_prime(bits // 2, small, stream)
        if not factors or (_far(prime, factors[0][0]) and not {small, cofactor} & set(factors[0][1:])):
            factors.append((prime, small, cofactor))
    (p, p_small, p_cofactor), (q, q_small, q_cofactor) = factors
    n = p * q
    while True:
        h = int(-gmpy2.powmod(random_unit(n, stream), 2 * p_cofactor * q_cofactor, n) % n)
        # Order exactly 2pq: neither prime may vanish. -1 has order 2 modulo both, since P = Q = 3 mod 4.
        if all(gmpy2.powmod(h, 2, prime) != 1 for prime in (p, q)):
            return Secret(p, q, p_small, q_small), h


def _far(p: int, q: int) -> bool:
    return abs(p - q).bit_length() > max(p.bit_length() - _APART, p.bit_length() // 2)
