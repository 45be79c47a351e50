"""The helpers of phe.util, through gmpy2: powers, inverses, primes, and integers as base64url text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import gmpy2

from hepy import _limbs as limb
from hepy import random
from hepy.errors import ParameterError
from hepy.paillier.primes import random_prime
from hepy.random import Purpose

HAVE_GMP = True
HAVE_CRYPTO = False

_SMALLEST_SIEVED_BITS = 32  # random_prime's candidates have to exceed its sieve
_ROUNDS = 25


def _first_primes(count: int) -> list[int]:
    primes = [2]
    while len(primes) < count:
        primes.append(int(gmpy2.next_prime(primes[-1])))
    return primes


first_primes = _first_primes(2048)


def powmod(a: int, b: int, c: int) -> int:
    """a**b modulo c."""
    return int(gmpy2.powmod(a, b, c))


def mulmod(a: int, b: int, c: int) -> int:
    """a * b modulo c."""
    return int(gmpy2.mpz(a) * b % c)


def invert(a: int, b: int) -> int:
    """The inverse of a modulo b.

    Raises:
        ZeroDivisionError: they share a factor.
    """
    return int(gmpy2.invert(a, b))


def extended_euclidean_algorithm(a: int, b: int) -> tuple[int, int, int]:
    """(r, s, t) with r = gcd(a, b) = s a + t b."""
    r, s, t = gmpy2.gcdext(a, b)
    return int(r), int(s), int(t)


def isqrt(N: int) -> int:
    """floor(sqrt(N))."""
    return int(gmpy2.isqrt(gmpy2.mpz(N)))


improved_i_sqrt = isqrt


def getprimeover(N: int) -> int:
    """A random prime of N bits, from 2 up."""
    if N >= _SMALLEST_SIEVED_BITS:
        return random_prime(N, random.stream())
    if N < 2:
        raise ParameterError(f"there are no primes of {N} bits: ask for 2 or more")
    while True:
        (drawn,) = limb.to_ints(random.stream().uniform_bits(N, 1, Purpose.KEY_PRIME))
        prime = drawn | 1 << (N - 1)
        if is_prime(prime):
            return prime


def is_prime(n: int, mr_rounds: int = _ROUNDS) -> bool:
    """Whether n is a prime, but for a negligible probability (GMP: BPSW, then Miller-Rabin)."""
    return bool(gmpy2.is_prime(n, max(mr_rounds, _ROUNDS)))


def miller_rabin(n: int, k: int) -> bool:
    """Whether k random bases leave it possible that the odd n is a prime; as is_prime, which asks for more."""
    return is_prime(n, k)


def int_to_base64(source: int) -> str:
    """An integer as base64url text: its bytes, the most significant first, without padding.

    Raises:
        ParameterError: it is not positive (a ValueError).
    """
    if source < 1:
        raise ParameterError("only integers from 1 up are written as base64url text")
    return base64url_encode(int(source).to_bytes(-(-int(source).bit_length() // 8), "big"))


def base64_to_int(source: Any) -> int:
    """The integer that int_to_base64 wrote.

    Raises:
        ParameterError: the text is not base64url (a ValueError).
    """
    data = base64url_decode(source)
    if not data:
        raise ParameterError("an integer as base64url text has at least one byte")
    return int.from_bytes(data, "big")


def base64url_encode(payload: Any) -> str:
    """Bytes, or text in UTF-8, as base64url text without padding (RFC 7515, section 2)."""
    data = payload.encode() if isinstance(payload, str) else bytes(payload)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(payload: Any) -> bytes:
    """The bytes of base64url text, with padding or without.

    Raises:
        ParameterError: it is no such text (a ValueError).
    """
    text = payload if isinstance(payload, str) else bytes(payload).decode("ascii", "replace")
    bare = text.rstrip("=")
    try:
        if "+" in bare or "/" in bare:  # the other alphabet's, which b64decode lets pass
            raise ValueError
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ParameterError("this is not base64url text (RFC 4648, section 5)") from None
