"""The three ways to hide a plaintext: which obfuscators a variant uses and which numbers hide in its keys.

    djn       (h^n)^r, h = -x^2, r below 2^ceil(k/2)        Damgard, Jurik, Nielsen, IJIS 9 (2010), section 4.2
    classic   r^n, r uniform modulo n                       Paillier, EUROCRYPT '99, section 4
    subgroup  (h^n)^r, h = -y^(2p'q') of order 2pq, r       Ma, Han, Lei, ACSAC 2021, section 4
              below 2^l

k is the length of n. What leaves for another party gets RERANDOMIZE_EXTRA more bits of r, so that the product with
whatever obfuscator is there already is within 2^-80 of uniform.
"""

from __future__ import annotations

from dataclasses import dataclass

from hepy._arguments import whole
from hepy.errors import ParameterError

BITS = (2048, 3072, 4096)
SMALLEST_BITS = 256  # with insecure=True; below it a random number shares a factor with n too easily
RERANDOMIZE_EXTRA = 80

# l of the ACSAC paper, table 2; 608 is our extrapolation (docs/security.md).
_SUBGROUP_BITS = {2048: 448, 3072: 512, 4096: 608}


@dataclass(frozen=True)
class Variant:
    """One way of hiding; `fixed_base` variants raise h^n to short exponents."""

    name: str
    fixed_base: bool

    def exponent_bits(self, bits: int) -> int:
        """Length of the randomizer's exponent for a modulus of that many bits."""
        if self.name == "djn":
            return -(-bits // 2)
        if self.name == "subgroup":
            return _SUBGROUP_BITS.get(bits, bits // 8 * 2)
        return bits


_VARIANTS = {name: Variant(name, fixed) for name, fixed in (("djn", True), ("classic", False), ("subgroup", True))}


def variant(name: str) -> Variant:
    """A variant by its name.

    Raises:
        ParameterError: there is none of that name; says which there are.
    """
    try:
        return _VARIANTS[name]
    except (KeyError, TypeError):
        given = repr(name) if isinstance(name, str) else type(name).__name__
        raise ParameterError(f"a Paillier variant is one of {sorted(_VARIANTS)}, not {given}") from None


def check_bits(bits: int, insecure: bool) -> int:
    """The key length, if it may be used.

    Raises:
        ParameterError: it is not a supported length, or needs insecure=True.
    """
    bits = whole("a key's length", bits, of="bits")
    if bits in BITS:
        return bits
    if bits < BITS[0] and bits >= SMALLEST_BITS and bits % 16 == 0:
        if insecure:
            return bits
        raise ParameterError(
            f"keys of {bits} bits are not secure: use 3072 (or 2048, 4096), or say insecure=True for experiments"
        )
    raise ParameterError(
        f"keys have 2048, 3072 or 4096 bits, not {bits}; with insecure=True, a multiple of 16 from {SMALLEST_BITS} up"
    )
