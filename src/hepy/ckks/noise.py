"""Two accounts of the error of a ciphertext: what it is likely to be, and what it cannot exceed.

    LIKELY   standard deviation of an error coefficient, errors taken as independent and Gaussian: `precision_bits`;
    WORST    a bound on the error in every slot, by the triangle inequality alone, so also where errors are
             correlated: what ckks.plan gives and what flooding needs.

Both follow from the operations and from declared bounds of the values, never from the values or from ciphertexts.
Errors are in units of the values: an error polynomial e at scale D counts as e / D.

WORST takes as given, once for all objects of a key, that sampled polynomials stay within TAIL standard deviations in
the canonical embedding. For N = 2^17 that fails with probability below 2^-128 for each polynomial: an embedding of a
polynomial with independent centred coefficients is subgaussian, so each of the N real parts exceeds t standard
deviations with probability at most 2 exp(-t^2 / 2). All else holds for any inputs within their bounds and for any
ciphertexts, those that an adversary chose included.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hepy.ckks.parameters import Parameters

SIGMA = 3.2  # of the ring's Gaussian
TAIL = 14.4  # exp(-TAIL^2 / 2) * 2 * 2^17 < 2^-130
_TERNARY = math.sqrt(2 / 3)  # standard deviation of a uniform ternary coefficient
_ROUNDING = math.sqrt(1 / 12)
HALF = 0.5 + 2.0**-20  # what roundings and centred residues stay within: ring.convert may miss by L 2^-31
DOUBLE = 2.0**-50  # relative error of the special FFT in doubles, a margin of 2^3 over one rounding


@dataclass(frozen=True)
class Model:
    """How errors add up under one account, and how large each source of error is, before division by a scale."""

    parameters: Parameters
    worst: bool

    def combined(self, *errors: float) -> float:
        """Of several errors that are added."""
        return math.fsum(errors) if self.worst else math.hypot(*errors)

    @functools.cached_property
    def rounding(self) -> float:
        """A coefficient rounded to an integer."""
        n = self.parameters.degree
        return n * HALF if self.worst else _ROUNDING

    @functools.cached_property
    def gaussian(self) -> float:
        n = self.parameters.degree
        return TAIL * SIGMA * math.sqrt(n) if self.worst else SIGMA

    @functools.cached_property
    def division(self) -> float:
        """What rescaling and ModDown leave: a rounded c0 plus a rounded c1 times the secret."""
        if self.worst:
            return self.rounding * (1 + self.secret)
        # In a slot it is a product of two complex Gaussians, whose real part is a Laplace distribution: its largest value
        # lies farther out than that of a Gaussian with the same deviation, by which the account reckons.
        slots = self.parameters.slots
        heavy = max(1.0, math.log(slots) / math.sqrt(2) / largest_of(slots))
        return _ROUNDING * math.sqrt(1 + self.parameters.secret_weight) * heavy

    @functools.cached_property
    def secret(self) -> float:
        """The secret in the canonical embedding; for LIKELY, the root of its squared length."""
        weight = self.parameters.secret_weight
        if not self.worst:
            return math.sqrt(weight)
        if self.parameters.secret == "sparse":
            return weight
        return min(TAIL * _TERNARY * math.sqrt(self.parameters.degree), self.parameters.degree)

    def encryption(self, symmetric: bool) -> float:
        """A fresh ciphertext: one Gaussian, or the public key's, divided by one special prime."""
        if symmetric:
            return self.gaussian
        n, prime = self.parameters.degree, self.parameters.level_sets.special[0]
        if self.worst:
            ternary = TAIL * _TERNARY * math.sqrt(n)
            inner = self.gaussian * (ternary + 1 + self.secret)
        else:
            inner = SIGMA * math.sqrt(2 * n / 3 + 1 + self.secret**2)
        return self.combined(inner / prime, self.division)

    def key_switching(self, level: int) -> float:
        """Digits times the key's errors, divided by P: for each digit, N products of a coefficient and an error."""
        from hepy.ckks.rings import digit_groups

        parameters = self.parameters
        n, special, here = parameters.degree, math.prod(parameters.level_sets.special), set(parameters.primes(level))
        digits = parameters.level_sets.digit_primes()
        terms = []
        for group in digit_groups(parameters, level):
            # ModUp is centred: coefficients are within half of the digit's product. Merged digits add their errors.
            ratio = math.prod(p for d in group for p in digits[d] if p in here) / special
            if self.worst:
                terms.append(ratio * n * HALF * self.gaussian * len(group))
            else:
                terms.append(ratio * math.sqrt(n / 12 * len(group)) * SIGMA)
        return self.combined(*terms, self.division)

    def slot_error(self, account: Account, slots: int, is_complex: bool) -> float:
        """The largest error in `slots` slots: an upper bound, or what is expected."""
        if self.worst:
            return account.error
        sigma = account.error * math.sqrt(slots)
        if is_complex:
            return sigma * math.sqrt(2 * (math.log(slots) + 0.5772))
        return sigma * largest_of(slots)

    def coefficient_error(self, account: Account) -> float:
        """The same for coefficients: one is at most the mean of the slots."""
        return account.error if self.worst else account.error * largest_of(self.parameters.degree)


@dataclass(frozen=True)
class Account:
    """Of one ciphertext array: a bound of |values| in the slots, and its error, in units of the values.

    Attributes:
        model: which account this is.
        bound: what was declared for the inputs, carried through the operations.
        error: LIKELY: standard deviation of a coefficient; WORST: bound in any slot.
        declared: everything here follows from declarations, so that it may be shown to others.
    """

    model: Model
    bound: float
    error: float
    declared: bool = True

    def plus(self, other: Account) -> Account:
        return replace(
            self,
            bound=self.bound + other.bound,
            error=self.model.combined(self.error, other.error),
            declared=self.declared and other.declared,
        )

    def times(self, other: Account) -> Account:
        """The product: both errors times the other's bound, and their own product."""
        crossed = (self.bound * other.error, other.bound * self.error)
        own = self.error * other.error
        if not self.model.worst:
            own *= math.sqrt(self.model.parameters.degree)
        error = math.fsum(crossed) if self is other else self.model.combined(*crossed)
        return replace(
            self,
            bound=self.bound * other.bound,
            error=self.model.combined(error, own),
            declared=self.declared and other.declared,
        )

    def scaled(self, factor: float) -> Account:
        """Multiplied by an exact number."""
        return replace(self, bound=self.bound * abs(factor), error=self.error * abs(factor))

    def with_error(self, *errors: float) -> Account:
        """The same values with further errors."""
        return replace(self, error=self.model.combined(self.error, *errors))

    def precision_bits(self, slots: int, is_complex: bool) -> float:
        """-log2 of the largest error in a slot."""
        return -math.log2(max(self.model.slot_error(self, slots, is_complex), 2.0**-1000))


def encoded(model: Model, bound: float, scale: float, declared: bool) -> Account:
    """A plaintext: coefficients rounded to integers at that scale, by way of doubles."""
    doubles = bound * DOUBLE
    if not model.worst:
        doubles /= math.sqrt(model.parameters.degree)
    return Account(model, bound, model.combined(model.rounding / scale, doubles), declared)


def largest_of(count: int) -> float:
    """What the largest of that many standard normal numbers is likely to be, in absolute value."""
    return NormalDist().inv_cdf(1 - 0.5 * (1 - 0.5 ** (1 / count))) if count > 1 else 0.6745


def expected_precision(parameters: Parameters) -> tuple[float, float, float]:
    """Bits of a fresh ciphertext, of a product of two, and after as many squarings as fit; full slots, |values| to 1."""
    model, top, slots = Model(parameters, False), parameters.depth, parameters.slots
    fresh = encoded(model, 1.0, parameters.scales[top], True)
    fresh = fresh.with_error(model.encryption(symmetric=True) / parameters.scales[top])
    after = [fresh]
    for level in range(top, 0, -1):
        x = after[-1]
        switched = model.key_switching(level) / parameters.scales[level] ** 2
        after.append(x.times(x).with_error(switched, model.division / parameters.scales[level - 1]))
    product = after[min(1, top)]
    return tuple(x.precision_bits(slots, False) for x in (fresh, product, after[-1]))  # type: ignore[return-value]
