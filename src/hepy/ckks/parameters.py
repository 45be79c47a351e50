"""Parameters: the ring, the levels and the security they have, and what they cost.

Parameters are immutable, hold no key and name no device.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import gmpy2

from hepy._arguments import shown, whole
from hepy._immutable import ReadOnly
from hepy.ckks import level_sets
from hepy.ckks.level_sets import LevelSets, Primes
from hepy.ckks.security import LIMITS, accepts, checked_security, limit_bits
from hepy.errors import LevelError, ParameterError
from hepy.ring.packing import packed_bytes

LOG_N = (3, 17)
SCALE_BITS = tuple(range(25, 65, 5))
SECRETS = ("ternary", "sparse")
SPARSE_WEIGHT = 192  # nonzero coefficients of a sparse secret, or a quarter of a ring too small for that
VALUE_BITS = 9
_MAX_DEPTH = 120
_SMALLEST_SECURE = 10


class Parameters(ReadOnly):
    """What fixes a CKKS instance: everything but the keys.

    Args:
        log_n: log2 of the ring's degree N, 3 to 17; a ciphertext has N / 2 slots. Below 10 only without security.
        depth: how many multiplications in a row fit.
        scale_bits: log2 of the scale, the fixed-point fraction bits: 25, 30, ..., 60. Some 13 to 16 of them
            are noise after a product; print(parameters) says how many after deeper circuits.
        security: 128, 192 or 256 bits by the tables of hepy.ckks.security, or None for experiments without any.
        digits: how many digits key switching has; None lets the search choose. More make keys larger, P smaller.
        secret: "ternary" (uniform), or "sparse" (192 nonzero coefficients), for which security has to be None.
        value_bits: |values| stay below 2**value_bits at every level.

    Raises:
        ParameterError: an argument is out of range, or the modulus exceeds what security allows: says what does fit.
    """

    __slots__ = (
        "__dict__",
        "_digits",
        "depth",
        "level_sets",
        "log_n",
        "scale_bits",
        "secret",
        "security",
        "value_bits",
    )

    def __init__(
        self,
        log_n: int,
        depth: int,
        scale_bits: int = 40,
        security: int | None = 128,
        digits: int | None = None,
        secret: str = "ternary",
        *,
        value_bits: int = VALUE_BITS,
    ) -> None:
        self.log_n, self.depth, self.scale_bits, self.security, self._digits, self.value_bits = _checked(
            log_n, depth, scale_bits, security, digits, secret, value_bits
        )
        self.secret = secret
        found = level_sets.search(
            self.log_n, self.depth, self.scale_bits, self.security, self._digits, self.value_bits + 1
        )
        if found is None:
            raise ParameterError(self._refusal())
        self.level_sets: LevelSets = found

    @classmethod
    def from_level_sets(
        cls,
        log_n: int,
        scale_bits: int,
        security: int | None,
        secret: str,
        value_bits: int,
        sets: LevelSets,
    ) -> Parameters:
        """Parameters with sets of one's own, such as those of a message.

        Raises:
            ParameterError: the sets are not what level sets have to be, or too large for the security.
        """
        _checked(log_n, sets.depth, scale_bits, security, len(sets.digits), secret, value_bits)
        _check_sets(log_n, scale_bits, value_bits, sets)
        if not accepts(security, log_n, (*sets.pool, *sets.special)):
            raise ParameterError(
                f"these sets need keys modulo {math.ceil(sets.log_qp)} bits, and {security}-bit security at N=2**{log_n} "
                f"allows {_limit(security, log_n)}"
            )
        made = cls.__new__(cls)
        made.log_n, made.depth, made.scale_bits = log_n, sets.depth, scale_bits
        made.security, made.secret, made.value_bits = security, secret, value_bits
        made._digits, made.level_sets = len(sets.digits), sets
        return made

    @classmethod
    def choose(
        cls,
        depth: int,
        scale_bits: int = 40,
        security: int = 128,
        *,
        slots: int = 1,
        digits: int | None = None,
        value_bits: int = VALUE_BITS,
    ) -> Parameters:
        """The parameters with the smallest ring that fits.

        Args:
            depth, scale_bits, security, digits, value_bits: as for Parameters.
            slots: how many slots a ciphertext has at least.

        Raises:
            ParameterError: no ring up to N = 2**17 fits; says what the largest one gives.
        """
        if security is None:
            raise ParameterError("every ring fits without security: name log_n in Parameters(log_n=..., security=None)")
        _, depth, scale_bits, _, digits, value_bits = _checked(
            LOG_N[1], depth, scale_bits, security, digits, "ternary", value_bits
        )
        security, slots = int(security), whole("slots", slots, 1)
        smallest = _smallest_ring(depth, scale_bits, security, digits, value_bits, slots)
        if smallest is None:
            deepest = _deepest(LOG_N[1], scale_bits, security, digits, value_bits)
            raise ParameterError(
                f"no ring up to N=2**{LOG_N[1]} has {slots} slot{'s' * (slots > 1)} and depth {depth} at a scale of 2**{scale_bits} with "
                f"{security}-bit security: the largest has {1 << LOG_N[1] - 1} slots and depth {deepest}"
            )
        return cls(smallest, depth, scale_bits, security, digits, value_bits=value_bits)

    def _refusal(self) -> str:
        allowed = f"{self.security}-bit security allows keys modulo {_limit(self.security, self.log_n)} bits (log2 QP)"
        asked = f"N=2**{self.log_n}, depth {self.depth}, scale 2**{self.scale_bits}"
        arguments = (self.scale_bits, self.security, self._digits, self.value_bits)
        if self.security is None:
            deepest = _deepest(self.log_n, *arguments)
            return f"{asked}: there are not enough primes below 2**30: use a depth up to {deepest}, or a smaller ring"
        needed = level_sets.smallest_log_qp(self.log_n, self.depth, self.scale_bits, self._digits, self.value_bits + 1)
        size = "and there are not primes enough" if needed is None else f"and this needs {math.ceil(needed)}"
        larger = _smallest_ring(self.depth, *arguments, 1)
        cure = [] if larger is None else [f"log_n={larger}"]
        deepest = _deepest(self.log_n, *arguments)
        cure += [] if deepest is None else [f"depth up to {deepest}"]
        return f"{asked}: {allowed}, {size}: use {' or '.join(cure) or 'a larger ring and a smaller depth'}"

    def __repr__(self) -> str:
        sparse = "" if self.secret == "ternary" else f", secret={self.secret!r}"
        values = "" if self.value_bits == VALUE_BITS else f", value_bits={self.value_bits}"
        return (
            f"Parameters(log_n={self.log_n}, depth={self.depth}, scale_bits={self.scale_bits}, "
            f"security={self.security}, digits={self.dnum}{sparse}{values})"
        )

    def __str__(self) -> str:
        return self.summary()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Parameters) and self._identity == other._identity)

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._identity)

    @functools.cached_property
    def _identity(self) -> tuple[Any, ...]:
        sets = self.level_sets
        return (
            self.log_n, self.scale_bits, self.security, self.secret, self.value_bits,
            sets.sets, sets.pool, sets.special, sets.digits,
        )  # fmt: skip

    def fields(self) -> dict[str, Any]:
        """Everything that defines the parameters, as JSON can say it: what messages carry and fingerprints cover."""
        sets = self.level_sets
        places = {prime: place for place, prime in enumerate(sets.pool)}
        return {
            "digits": list(sets.digits),
            "log_n": self.log_n,
            "pool": list(sets.pool),
            "scale_bits": self.scale_bits,
            "secret": self.secret,
            "security": self.security or 0,
            "set_places": [places[prime] for primes in sets.sets for prime in primes],
            "set_sizes": [len(primes) for primes in sets.sets],
            "special": list(sets.special),
            "value_bits": self.value_bits,
        }

    # The ring.

    @property
    def degree(self) -> int:
        """N."""
        return 1 << self.log_n

    @property
    def slots(self) -> int:
        """Places of a ciphertext, N / 2."""
        return 1 << self.log_n - 1

    @property
    def secret_weight(self) -> float:
        """Nonzero coefficients of the secret, expected ones if it is uniform."""
        return sparse_weight(self.log_n) if self.secret == "sparse" else 2 * self.degree / 3

    # The levels.

    @property
    def dnum(self) -> int:
        """Digits of key switching."""
        return len(self.level_sets.digits)

    def primes(self, level: int) -> Primes:
        """The primes of a level, in the order in which residues are stored.

        Raises:
            LevelError: there is no such level.
        """
        return self.level_sets.sets[self.checked_level(level)]

    def checked_level(self, level: Any) -> int:
        """A level as Python's integer; None is the top one.

        Raises:
            LevelError: there is no such level.
        """
        if level is None:
            return self.depth
        try:
            return whole("a level", level, 0, self.depth)
        except ParameterError as error:
            raise LevelError(str(error)) from None

    @functools.cached_property
    def moduli(self) -> tuple[int, ...]:
        """Q(l) for each level, a Python integer."""
        return tuple(math.prod(primes) for primes in self.level_sets.sets)

    @functools.cached_property
    def scales(self) -> tuple[float, ...]:
        """The scale of each level: the same for every ciphertext there."""
        return level_sets.scales(self.level_sets.sets, self.scale_bits)

    def scale(self, level: int) -> float:
        """The scale of a level.

        Raises:
            LevelError: there is no such level.
        """
        return self.scales[self.checked_level(level)]

    def rescaled(self, scale: float, level: int, to: int) -> float:
        """A scale after the division that leads from one level to another, correctly rounded."""
        return _rescaled(self, scale, level, to)

    # What it costs.

    @property
    def log_qp(self) -> float:
        """log2 of the modulus that evaluation keys are published with: every prime of every level, and P."""
        return self.level_sets.log_qp

    @property
    def log_qp_limit(self) -> int | None:
        """The largest log2 QP that the security allows, None without."""
        return None if self.security is None else _limit(self.security, self.log_n)

    def ciphertext_bytes(self, level: int | None = None, *, seeded: bool = False) -> int:
        """Bytes of one ciphertext on the wire, without its header; half and a seed of 32 bytes if it is seeded, as fresh
        ones are. In memory a residue takes 4 bytes."""
        half = self._packed_bytes(self.primes(self.checked_level(level)))
        return half + 32 if seeded else 2 * half

    @property
    def switching_key_bytes(self) -> int:
        """Bytes on the wire of one evaluation key (relinearization, conjugation, or one rotation), without its header."""
        return self._packed_bytes((*self.level_sets.pool, *self.level_sets.special)) * self.dnum + 32

    @property
    def encryption_key_bytes(self) -> int:
        """Bytes on the wire of the key that encrypts, without its header."""
        return self._packed_bytes((*self.level_sets.pool, self.level_sets.special[0])) + 32

    def _packed_bytes(self, primes: Iterable[int]) -> int:
        return packed_bytes([prime.bit_length() for prime in primes], self.degree)

    def summary(self) -> str:
        """Sets, security, bytes and expected precision, as text of several lines."""
        from hepy.ckks.noise import expected_precision

        sets, top = self.level_sets, self.depth
        margin = "none promised"
        if self.security is not None:
            margin = f"{self.security} bits, limit 2**{self.log_qp_limit}"
        deviation = max(abs(math.log2(scale) - self.scale_bits) for scale in self.scales)
        fresh, product, deep = expected_precision(self)
        lines = [
            f"CKKS, N = 2**{self.log_n} ({self.slots} slots), depth {top}, scale 2**{self.scale_bits}",
            f"  security     {margin}; log2 QP = {self.log_qp:.1f}, {self.secret} secret",
            f"  levels       {', '.join(str(len(level)) for level in sets.sets)} primes (level 0 to {top}), "
            f"{len(sets.pool)} in the union; {sets.way}",
            f"  scales       within {deviation:.3f} bits of 2**{self.scale_bits}; |values| below 2**{self.value_bits}",
            f"  keys         {self.dnum} digit{'s' if self.dnum > 1 else ''}, {len(sets.special)} special primes; "
            f"{readable_bytes(self.switching_key_bytes)} each, {readable_bytes(self.encryption_key_bytes)} to encrypt",
            f"  ciphertext   {readable_bytes(self.ciphertext_bytes(seeded=True))} fresh, {readable_bytes(self.ciphertext_bytes())} "
            f"computed at level {top}, {readable_bytes(self.ciphertext_bytes(0))} at level 0",
            f"  precision    {fresh:.1f} bits fresh, {product:.1f} after a product, {deep:.1f} after {top} squarings "
            "(|values| up to 1)",
        ]
        return "\n".join(lines)


@functools.lru_cache(maxsize=4096)
def _rescaled(parameters: Parameters, scale: float, level: int, to: int) -> float:
    return float(Fraction(scale) * Fraction(parameters.moduli[to], parameters.moduli[level]))


def sparse_weight(log_n: int) -> int:
    """Nonzero coefficients of a sparse secret."""
    return min(SPARSE_WEIGHT, max(1, 1 << log_n >> 2))


def levels_needed(parameters: Parameters, needed: int) -> str:
    """Which parameters give that many levels."""
    try:
        found = Parameters.choose(
            needed, parameters.scale_bits, parameters.security or 128, value_bits=parameters.value_bits
        )
    except ParameterError as error:
        return str(error)
    return (
        f"use ckks.Parameters.choose(depth={needed}, scale_bits={parameters.scale_bits}), whose ring at "
        f"{found.security}-bit security is log_n={found.log_n}"
    )


def _limit(security_bits: int | None, log_n: int) -> int:
    return 0 if security_bits is None else limit_bits(security_bits, log_n) or 0


@functools.lru_cache(maxsize=256)
def _smallest_ring(
    depth: int, scale_bits: int, security_bits: int, digits: int | None, value_bits: int, slots: int
) -> int | None:
    for log_n in range(_SMALLEST_SECURE, LOG_N[1] + 1):
        if 1 << log_n - 1 >= slots and level_sets.search(
            log_n, depth, scale_bits, security_bits, digits, value_bits + 1
        ):
            return log_n
    return None


def _deepest(log_n: int, scale_bits: int, security_bits: int | None, digits: int | None, value_bits: int) -> int | None:
    """The largest depth that such a ring has, by bisection; None if it has no level at all."""
    low, high = -1, _MAX_DEPTH + 1
    while high - low > 1:
        middle = (low + high) // 2
        fits = level_sets.search(log_n, middle, scale_bits, security_bits, digits, value_bits + 1) is not None
        low, high = (middle, high) if fits else (low, middle)
    return None if low < 0 else low


def _checked(
    log_n: Any, depth: Any, scale_bits: Any, security_bits: Any, digits: Any, secret: Any, value_bits: Any
) -> tuple[int, int, int, int | None, int | None, int]:
    """All of them but the secret, as Python's integers."""
    log_n, depth = whole("log_n", log_n, *LOG_N), whole("depth", depth, 0, _MAX_DEPTH)
    value_bits = whole("value_bits", value_bits, 1, 29)
    digits = None if digits is None else whole("digits", digits, 1, 128)
    security_bits = checked_security(security_bits)
    scale_bits = whole(
        "scale_bits", scale_bits, None, of=f"bits, a multiple of 5 from {SCALE_BITS[0]} to {SCALE_BITS[-1]}"
    )
    if scale_bits not in SCALE_BITS:
        raise ParameterError(f"scale_bits={scale_bits} is not offered: {_neighbours(scale_bits)}")
    if not isinstance(secret, str) or secret not in SECRETS:
        raise ParameterError(f"secret is one of {SECRETS}, not {secret if isinstance(secret, str) else shown(secret)}")
    if secret == "sparse" and security_bits is not None:
        raise ParameterError(
            "the security tables do not cover sparse secrets: use secret='ternary', or security=None for experiments"
        )
    if security_bits is not None and limit_bits(security_bits, log_n) is None:
        smallest = min(LIMITS[security_bits])
        raise ParameterError(
            f"N=2**{log_n} has no {security_bits}-bit security with any modulus: use log_n={smallest} or larger, or "
            "security=None for experiments"
        )
    return log_n, depth, scale_bits, security_bits, digits, value_bits


def _neighbours(scale_bits: int) -> str:
    below = [bits for bits in SCALE_BITS if bits < scale_bits]
    above = [bits for bits in SCALE_BITS if bits > scale_bits]
    nearest = [str(near) for near in (*below[-1:], *above[:1])]
    return f"use {' or '.join(nearest)}, its nearest neighbours that are"


def _check_sets(log_n: int, scale_bits: int, value_bits: int, sets: LevelSets) -> None:
    every = (*sets.pool, *sets.special)
    if len(set(every)) != len(every):
        raise ParameterError("level sets: a prime occurs twice")
    for p in every:
        limit = level_sets.CHAIN_LIMIT if p in sets.pool else level_sets.SPECIAL_LIMIT
        if not 2 < p < limit or p % (2 << log_n) != 1 or not gmpy2.is_prime(p):
            raise ParameterError(f"level sets: {p} is no prime below {limit} that is 1 modulo 2N")
    order = {p: i for i, p in enumerate(sets.pool)}
    for level, primes in enumerate(sets.sets):
        places = [order.get(p, -1) for p in primes]
        if not places or min(places) < 0 or sorted(set(places)) != places:
            raise ParameterError(f"level sets: level {level} is no selection of the pool in its order")
    if set().union(*sets.sets) != set(sets.pool):
        raise ParameterError("level sets: the pool is not the union of the sets")
    if min(sets.digits, default=0) < 1 or sum(sets.digits) != len(sets.pool):
        raise ParameterError("level sets: the digits do not partition the pool")
    if max(math.prod(digit) for digit in sets.digit_primes()) >= math.prod(sets.special):
        raise ParameterError("level sets: a digit exceeds the product of the special primes")
    if any(
        abs(math.log2(scale) - scale_bits) > level_sets.WORST_SCALE_BITS
        for scale in level_sets.scales(sets.sets, scale_bits)
    ):
        raise ParameterError(f"level sets: a level's scale is not near 2**{scale_bits}")
    if level_sets.bits(sets.sets[0]) < scale_bits + value_bits + 1 - level_sets.WORST_SCALE_BITS:
        raise ParameterError(f"level sets: level 0 has no room for values of {value_bits} bits")


def readable_bytes(count: int) -> str:
    """A count of bytes for people."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
