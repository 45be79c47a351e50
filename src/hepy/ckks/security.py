"""How large the modulus of published keys may be: the guidelines' table, and the check against it.

Source: Bossuat, Cammarota, Chillotti, Curtis, Dai, Gong, Hales, Kim, Kumara, Lee, Lu, Maple, Pedrouzo-Ulloa, Player,
Polyakov, Lopez, Song, Yhee: Security Guidelines for Implementing Homomorphic Encryption, eprint 2024/463: uniform
ternary secret, Gaussian error of standard deviation 3.19 or more, classical attacks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from hepy._arguments import shown
from hepy.errors import ParameterError

LEVELS = (128, 192, 256)

# Largest log2 of the product of all primes that keys are published modulo: by security in bits, then by log2 N.
LIMITS: dict[int, dict[int, int]] = {
    128: {10: 26, 11: 53, 12: 106, 13: 214, 14: 430, 15: 868, 16: 1747, 17: 3523},
    192: {11: 36, 12: 73, 13: 147, 14: 297, 15: 597, 16: 1199, 17: 2411},
    256: {11: 27, 12: 56, 13: 114, 14: 230, 15: 462, 16: 929, 17: 1866},
}


def checked_security(security: Any) -> int | None:
    """It, if it is 128, 192, 256, or None for "none promised".

    Raises:
        ParameterError: it is something else.
    """
    if security is None or (isinstance(security, Integral) and security in LEVELS):
        return None if security is None else int(security)
    raise ParameterError(
        f"security is 128, 192 or 256 bits, or None for experiments without security, not {shown(security)}"
    )


def limit_bits(security: int, log_n: int) -> int | None:
    """The largest log2(QP), or None where a ring is too small for any modulus."""
    return LIMITS[security].get(log_n)


def accepts(security: int | None, log_n: int, primes: Iterable[int]) -> bool:
    """Whether the product of these primes keeps within the limit; the integer decides, not its logarithm."""
    if security is None:
        return True
    limit = limit_bits(security, log_n)
    return limit is not None and math.prod(primes) <= 1 << limit
