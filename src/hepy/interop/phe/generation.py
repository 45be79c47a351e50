"""Key pairs of any even length, whose primes are those of hepy's djn keys where the length allows it."""

from __future__ import annotations

import math

from hepy import random
from hepy._arguments import whole
from hepy.errors import ParameterError
from hepy.interop.phe.obfuscators import check_variant
from hepy.interop.phe.private import PaillierPrivateKey, PaillierPrivateKeyring
from hepy.interop.phe.public import PaillierPublicKey
from hepy.interop.phe.util import getprimeover
from hepy.paillier.generation import two_primes

DEFAULT_KEYSIZE = 3072

_SMALLEST_BITS = 8  # below it there are not enough primes to choose from
_SMALLEST_DJN_BITS = 64


def generate_paillier_keypair(
    private_keyring: PaillierPrivateKeyring | None = None, n_length: int = DEFAULT_KEYSIZE, *, variant: str = "djn"
) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    """A new key pair.

    Args:
        private_keyring: gets the private key too.
        n_length: bits of n, an even number from 8 up. Below 2048 it is not secure, which is said once in a process.
        variant: how the public key makes obfuscators, see PaillierPublicKey.

    Raises:
        ParameterError: there are no such keys (a ValueError).
    """
    check_variant(variant)
    n_length = whole("n_length", n_length, _SMALLEST_BITS, of="bits")
    if n_length % 2:
        raise ParameterError(f"n_length is an even number of bits, not {n_length}")
    while True:
        p, q = _primes(n_length)
        n = p * q
        if p != q and n.bit_length() == n_length and math.gcd(n, (p - 1) * (q - 1)) == 1:
            break
    public_key = PaillierPublicKey(n, variant=variant)
    private_key = PaillierPrivateKey(public_key, p, q)
    if private_keyring is not None:
        private_keyring.add(private_key)
    return public_key, private_key


def _primes(n_length: int) -> tuple[int, int]:
    if n_length < _SMALLEST_DJN_BITS:
        return getprimeover(n_length // 2), getprimeover(n_length // 2)
    secret, _ = two_primes(n_length, "djn", random.stream())
    return secret.p, secret.q
