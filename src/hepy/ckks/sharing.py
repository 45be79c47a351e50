"""Results that others may see: noise that covers the error of a circuit, and the budget of such results.

A decrypted CKKS value carries an error that depends on the secret key (Li and Micciancio, EUROCRYPT 2021, eprint
2020/1533). Before a result is shared, a wide Gaussian is added to every coefficient, so that the error can no longer be
told: with B the worst-case bound of the error in the slots, from the plan of the agreed circuit, tau the budget of results
and s the statistical security in bits, its standard deviation is

    2^(s/2) sqrt(12 tau) B

Source: Li, Micciancio, Schultz, Sorrell, CRYPTO 2022 (eprint 2022/816), for static estimates of the error. docs/security.md
proves the formula, says what s bits mean, and why the factor sqrt(2 N) of the paper's Corollary 2 is not needed.
Average-case estimates do not do: Guo, Nabokov, Suvanto, Johansson, USENIX Security 2024.

The noise is an integer: a sum of 2^i g_i over Gaussians of the ring's sampler (Micciancio and Walter, CRYPTO 2017, eprint
2017/259, section 4). It comes from a stream whose key is HKDF-SHA256 of a secret that is kept with the secret key, and of
the ciphertext's digest: who asks again for the same ciphertext gets the same noise, which averages to nothing.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hepy import random
from hepy._arguments import whole
from hepy._host.locks import new_lock
from hepy.ckks.noise import SIGMA
from hepy.errors import ParameterError
from hepy.random import KEY_BYTES
from hepy.ring import Coefficients, RingBasis, gaussian

MAX_BUDGET = 1 << 40
STATISTICAL_BITS = (20, 128)


class Sharing:
    """The budget of results to share of one context, and the secret that their noise comes from.

    Attributes:
        secret: 32 bytes, kept with the secret key.
        budget, spent: ciphertexts that may be decrypted for others, and that were.
    """

    __slots__ = ("_lock", "budget", "secret", "spent")  # no __dict__, which error reporters and debuggers print

    def __init__(self, secret: bytes, budget: int, spent: int = 0) -> None:
        self.secret, self.spent = secret, spent
        self.budget = whole("shared_budget", budget, 0, MAX_BUDGET)
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"Sharing(budget={self.budget}, spent={self.spent})"

    def __reduce__(self) -> Any:
        raise ParameterError(
            "what hides shared results is not pickled or copied: it goes with its context, by hepy.save"
        )

    def spend(self, count: int) -> None:
        """Take that many from the budget.

        Raises:
            ParameterError: fewer are left; nothing is taken.
        """
        with self._lock:
            if self.spent + count > self.budget:
                raise ParameterError(
                    f"{count} shared decryptions exceed what is left of the key's budget, {self.budget - self.spent} of "
                    f"{self.budget}: make a new Context(parameters, shared_budget=...); a budget is fixed with its key, "
                    "because the noise of every result depends on it"
                )
            self.spent += count

    def give_back(self, count: int) -> None:
        """For results that were not made after all."""
        with self._lock:
            self.spent -= count


def deviation(degree: int, budget: int, bound: float, statistical_bits: int) -> float:
    """The standard deviation that the noise of each coefficient needs.

    Args:
        bound: of the error in every slot, in units of the plaintext's integers. By Parseval's identity it bounds the root
            of the summed squares of the error's coefficients. Noise hides what differs from the exact result rounded to
            integers; rounding adds up to 1/2 a coefficient.
    """
    return 2 ** (statistical_bits / 2) * math.sqrt(12 * budget) * (bound + math.sqrt(degree) / 2)


def multipliers(sigma: float) -> tuple[int, ...]:
    """1, 2, 4 ... and a last one at most twice its predecessor: sums of so many Gaussians have at least that deviation."""
    wanted = (sigma / SIGMA) ** 2
    chosen, total = [1], 1
    while total < wanted:
        last = min(2 * chosen[-1], max(1, math.isqrt(math.ceil(wanted - total) - 1) + 1))
        chosen.append(last)
        total += last * last
    return tuple(chosen)


def noise(secret: bytes, digest: bytes, factors: tuple[int, ...], basis: RingBasis) -> Coefficients:
    """One polynomial of noise; other factors draw other noise, so that two results of one ciphertext share none."""
    info = b"hepy.ckks.flooding\0" + digest + b"".join(factor.to_bytes(32, "little") for factor in factors)
    key = HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(secret)
    parts = gaussian(basis, (len(factors),), random.stream(key))
    total = parts[0] * factors[0]
    for index, factor in enumerate(factors[1:], 1):
        total = total + parts[index] * factor
    return total


def ciphertext_digest(fingerprint: str, level: int, residues: bytes) -> bytes:
    """What tells one ciphertext from another, whatever array it stands in."""
    return hashlib.sha256(f"hepy.ckks.ciphertext\0{fingerprint}\0{level}\0".encode() + residues).digest()
