"""Two accounts of the error of a ciphertext: what it is likely to be, and what it cannot exceed.

    LIKELY   standard deviation of an error coefficient, errors taken as independent and Gaussian: `precision_bits`;
    WORST    a bound on the error in every slot, by the triangle inequality alone, so also where errors are
             correlated: what ckks.plan gives and what flooding needs.

Both follow from the operations and from declared bounds of the values, never from the values or from ciphertexts.
Errors are in units of the values: an error polynomial e at scale D counts as e / D.

The largest error in a slot follows from the deviation by two facts. A rescaling or a key switching leaves r_0 + r_1 s: in
a slot r_1 s is a product of two complex Gaussians, whose real part has a Laplace distribution; the secret's value there
is the same in all such errors of that slot, so their sums are Laplace too. And an error that was multiplied by values
counts most where these are large. A bound does not say how many are: see Account.spread.

WORST takes as given, once for all objects of a key, that sampled polynomials stay within TAIL standard deviations in
the canonical embedding. For N = 2^17 that fails with probability below 2^-128 for each polynomial: an embedding of a
polynomial with independent centred coefficients is subgaussian, so each of the N real parts exceeds t standard
deviations with probability at most 2 exp(-t^2 / 2). All else holds for any inputs within their bounds and for any
ciphertexts, those that an adversary chose included.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

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
        """A polynomial of the ring's Gaussian."""
        n = self.parameters.degree
        return TAIL * SIGMA * math.sqrt(n) if self.worst else SIGMA

    @functools.cached_property
    def division(self) -> float:
        """What rescaling and ModDown leave: a rounded c0 plus a rounded c1 times the secret."""
        if self.worst:
            return self.rounding * (1 + self.secret)
        return _ROUNDING * math.sqrt(1 + self.parameters.secret_weight)

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
        found = self._switchings.get(level)
        if found is None:
            found = self._switchings[level] = self._key_switching(level)
        return found

    @functools.cached_property
    def _switchings(self) -> dict[int, float]:
        """By level, as far as they were asked for."""
        return {}

    def _key_switching(self, level: int) -> float:
        from hepy.ckks.rings import digit_groups, special_count

        parameters = self.parameters
        special = math.prod(parameters.level_sets.special[: special_count(parameters, level)])
        n, here = parameters.degree, set(parameters.primes(level))
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

    def slot_bound(self, bound: float, length: int) -> float:
        """Of a polynomial's values in the slots, from a bound of its first `length` coefficients, all others being 0."""
        return bound * (length if self.worst else math.sqrt(length))

    def slot_error(self, account: Account, slots: int, is_complex: bool) -> float:
        """The largest error in `slots` slots: an upper bound, or what is expected."""
        if self.worst:
            return account.error
        return account.error * math.sqrt(slots) * account.reach(_numbers(slots, is_complex))

    def coefficient_error(self, account: Account) -> float:
        """The same for coefficients: one is at most the mean of the slots. Sums of N products are Gaussian."""
        return account.error if self.worst else account.error * largest_of(self.parameters.degree)


class Account(NamedTuple):
    """Of one ciphertext array: a bound of |values| in the slots, and its error, in units of the values.

    Attributes:
        model: which account this is.
        bound: what was declared for the inputs, carried through the operations.
        error: LIKELY: standard deviation of a coefficient, where values are at their bounds; WORST: bound in any slot.
        declared: everything here follows from declarations, so that it may be shown to others.
        spread: if inputs are spread evenly up to their bounds, |values| are about bound u**spread over the slots, with u
            uniform in (0, 1]: 1 for an input, 0 for a constant; exponents add in a product. LIKELY alone uses it.
    """

    model: Model
    bound: float
    error: float
    declared: bool = True
    spread: float = 1.0

    def plus(self, other: Account) -> Account:
        """The sum, or the difference."""
        bound = self.bound + other.bound
        return Account(
            self.model,
            bound,
            self.model.combined(self.error, other.error),
            self.declared and other.declared,
            # The relative slope near the bound, where u is 1.
            (self.bound * self.spread + other.bound * other.spread) / bound if bound else 0.0,
        )

    def times(self, other: Account) -> Account:
        """The product: both errors times the other's bound, and their own product."""
        crossed = (self.bound * other.error, other.bound * self.error)
        own = self.error * other.error
        if not self.model.worst:
            own *= math.sqrt(self.model.parameters.degree)
        error = math.fsum(crossed) if self is other else self.model.combined(*crossed)
        return self._replace(
            bound=self.bound * other.bound,
            error=self.model.combined(error, own),
            declared=self.declared and other.declared,
            spread=self.spread + other.spread,
        )

    def scaled(self, factor: float, declared: bool) -> Account:
        """Multiplied by an exact number up to `factor`."""
        return self._replace(bound=self.bound * factor, error=self.error * factor, declared=self.declared and declared)

    def with_error(self, *errors: float) -> Account:
        """The same values with further errors."""
        return self._replace(error=self.model.combined(self.error, *errors))

    def in_all_slots(self, slots: int) -> Account:
        """After rotations and sums that leave one error in all slots: once it is drawn, and not `slots` times."""
        if self.model.worst:
            return self
        return self._replace(error=self.error * largest_of(1) / self.reach(slots))

    def in_fewer_slots(self, slots: int, fewer: int) -> Account:
        """Of one value in all slots: counted as of fewer, its error in a slot is the same."""
        if self.model.worst:
            return self
        return self._replace(error=self.error * math.sqrt(slots / fewer) * self.reach(slots) / self.reach(fewer))

    def evenly(self, slots: int, is_complex: bool) -> Account:
        """The account with a spread of 1 that says the same of the precision: what a message carries."""
        if self.model.worst or self.spread == 1:
            return self
        even, count = self._replace(spread=1.0), _numbers(slots, is_complex)
        return even._replace(error=self.error * self.reach(count) / even.reach(count))

    def reach(self, count: int) -> float:
        """The largest of `count` errors in slots, in deviations.

        Where all values are at their bounds, every slot counts. Where they are spread evenly, an error e was multiplied
        by about u**w, w = spread - 1, and exceeds t with the probability of e > t divided by 1 + sqrt(2) t w (to first
        order around u = 1): so many fewer slots count. After twelve squarings these are 3 bits apart; the geometric mean
        is in the middle.
        """
        power = max(0.0, self.spread - 1)
        around = largest_in_slots(max(1.0, count / (1 + power)))
        counting = max(1.0, count / (1 + math.sqrt(2) * around * power))
        return math.sqrt(largest_in_slots(count) * largest_in_slots(counting))

    def precision_bits(self, slots: int, is_complex: bool) -> float:
        """-log2 of the largest error in a slot."""
        return -math.log2(max(self.model.slot_error(self, slots, is_complex), 2.0**-1000))


@functools.lru_cache(maxsize=64)
def likely(parameters: Parameters) -> Model:
    """The LIKELY account of these parameters, whose sources of error are computed once."""
    return Model(parameters, worst=False)


def encoded(model: Model, bound: float, scale: float, declared: bool, slots: int) -> Account:
    """A plaintext of so many slots: 2 slots coefficients rounded to integers at that scale, by way of doubles."""
    degree, rounded = model.parameters.degree, 2 * slots
    doubles, rounding = bound * DOUBLE, HALF * rounded
    if not model.worst:
        doubles, rounding = doubles / math.sqrt(degree), _ROUNDING * math.sqrt(rounded / degree)
    return Account(model, bound, model.combined(rounding / scale, doubles), declared, spread=1.0 if slots > 1 else 0.0)


def largest_of(count: int) -> float:
    """What the largest of that many standard normal numbers is likely to be, in absolute value."""
    return NormalDist().inv_cdf(1 - 0.5 * (1 - 0.5 ** (1 / count))) if count > 1 else 0.6745


def largest_in_slots(count: float) -> float:
    """The same for numbers of a Laplace distribution: the median of the largest of `count` absolute values."""
    return -math.log(-math.expm1(-math.log(2) / count)) / math.sqrt(2)


def _numbers(slots: int, is_complex: bool) -> int:
    """Real numbers in so many slots."""
    return 2 * slots if is_complex else slots


def expected_precision(parameters: Parameters) -> tuple[float, float, float]:
    """Bits of a fresh ciphertext, of a product of two, and after as many squarings as fit; full slots, |values| to 1."""
    model, top, slots = likely(parameters), parameters.depth, parameters.slots
    fresh = encoded(model, 1.0, parameters.scales[top], True, slots)
    fresh = fresh.with_error(model.encryption(symmetric=True) / parameters.scales[top])
    after = [fresh]
    for level in range(top, 0, -1):
        x = after[-1]
        switched = model.key_switching(level) / parameters.scales[level] ** 2
        after.append(x.times(x).with_error(switched, model.division / parameters.scales[level - 1]))
    product = after[min(1, top)]
    return tuple(x.precision_bits(slots, False) for x in (fresh, product, after[-1]))  # type: ignore[return-value]
