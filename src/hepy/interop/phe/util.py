"""The helpers of phe.util, through gmpy2: powers, inverses, primes, and integers as base64url text."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any

import gmpy2

from hepy import random
from hepy.errors import ParameterError
from hepy.paillier.primes import random_prime

HAVE_GMP = True
HAVE_CRYPTO = False

# Below these, Python's own integers are faster than the way to GMP's and back.
_SHORT_EXPONENT, _SHORT_BASE, _SHORT_FACTOR = 1 << 6, 1 << 30, 1 << 384
_BATCHED_BITS = 1024  # from here on testing candidates side by side is faster than GMP's search
_TWO_HIGHEST_BITS = 32  # from here on there are many primes that have both
_ROUNDS = 25
# base64url's own characters as base64 has them, and base64's as what neither has.
_TO_BASE64 = bytes.maketrans(b"-_+/", b"+/**")


def _first_primes(count: int) -> list[int]:
    primes = [2]
    while len(primes) < count:
        primes.append(int(gmpy2.next_prime(primes[-1])))
    return primes


first_primes = _first_primes(2048)


def powmod(a: int, b: int, c: int) -> int:
    """a**b modulo c."""
    if b < _SHORT_EXPONENT and c < _SHORT_BASE:
        return pow(a, b, c)
    return int(gmpy2.powmod(a, b, c))


def mulmod(a: int, b: int, c: int) -> int:
    """a * b modulo c."""
    return a * b % c if c < _SHORT_FACTOR else int(gmpy2.mpz(a) * b % c)


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
    return int(gmpy2.isqrt(N))


improved_i_sqrt = isqrt


def getprimeover(N: int) -> int:
    """A random prime of N bits, from 2 up; from 32 bits up its two highest are set.

    Short ones are the first prime from a random number on, so those after long gaps come more often, as in phe. Key
    generation draws every candidate anew (hepy.paillier.primes).
    """
    if N >= _BATCHED_BITS:
        return random_prime(N, random.stream())
    if N < 2:
        raise ParameterError(f"there are no primes of {N} bits: ask for 2 or more")
    highest = 3 << (N - 2) if N >= _TWO_HIGHEST_BITS else 1 << (N - 1)
    while True:
        prime = int(gmpy2.next_prime((secrets.randbits(N) | highest) - 1))
        if prime.bit_length() == N:
            return prime


def is_prime(n: int, mr_rounds: int = _ROUNDS) -> bool:
    """Whether n is a prime, but for a negligible probability (GMP: BPSW, then Miller-Rabin)."""
    return bool(gmpy2.is_prime(n, mr_rounds if mr_rounds > _ROUNDS else _ROUNDS))


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
    try:
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        bare = data.rstrip(b"=").translate(_TO_BASE64)
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        raise ParameterError("this is not base64url text (RFC 4648, section 5)") from None
