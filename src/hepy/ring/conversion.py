"""Exchanging primes: extending a basis, dividing by primes, and the products with keys between the two.

What an operation leaves as rounding is stated with it. L is the number of primes that are converted from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hepy.errors import ParameterError
from hepy.ring.basis import RingBasis
from hepy.ring.constants import division
from hepy.ring.polynomial import Coefficients, Kind, Polynomial, check_broadcast


def convert(x: Coefficients, target: RingBasis, *, centred: bool = True) -> Coefficients:
    """The integers that x stands for, modulo other primes.

    Args:
        x: coefficients modulo Q, [B...].
        target: the other primes.
        centred: take the representative in [-Q/2 (1 + e), Q/2 (1 + e)], e = L 2**-30. An integer within e Q/2 of Q/2
            may come out as either of its two representatives; all others come out exactly. Otherwise some
            representative in [0, L Q), for one product a coefficient and prime less.

    Source: Halevi, Polyakov, Shoup (eprint 2018/117), section 2.2, the quotient by fixed-point arithmetic.
    """
    _same_ring(x, target)
    words = x._kernels.convert(x._words, x.basis, target, centred)
    return Coefficients(target, x.device, words)


def mod_up(x: Polynomial, digits: Sequence[RingBasis], special: RingBasis, *, centred: bool = True) -> Polynomial:
    """Cut x into digits and extend each to all primes of x and the special ones (ModUp).

    Digit d is x modulo D, the product of the primes that digits[d] and x share; `centred` as in convert.

    Args:
        x: [B...].
        digits: bases that have no prime in common; together they hold the primes of x. Primes that x lacks count for
            nothing, so that one partition of all primes serves every level; digits without primes of x are left out.
        special: primes that x does not have.

    Returns: [B..., dnum], modulo the primes of x, then those of `special`.
    Raises:
        ParameterError: the digits are no partition of the primes of x.
    Source: Han and Ki, CT-RSA 2020 (eprint 2019/688), section 3.
    """
    groups = split(x.basis, digits)
    extended = x.basis.union(special)
    if len(extended) != len(x.basis) + len(special):
        raise ParameterError(f"the special primes and those of {x.basis!r} overlap: take others")
    words = x.device.empty((*x.shape, len(groups), len(extended), extended.degree), np.uint32)
    coefficients = x.intt()
    for d, group in enumerate(groups):
        rest = extended.without(group)
        own = x.basis.positions(group)
        words[..., d, own, :] = x._words[..., own, :]
        converted = convert(coefficients.restrict(group), rest, centred=centred)
        words[..., d, extended.positions(rest), :] = converted.ntt()._words
    return Polynomial(extended, x.device, words)


def split(basis: RingBasis, digits: Sequence[RingBasis]) -> list[RingBasis]:
    """The primes of `basis` by digits; digits without any are left out.

    Raises:
        ParameterError: a prime is in no digit, or in two.
    """
    shared = [[prime for prime in digit.primes if prime in basis] for digit in digits]
    if sorted(prime for group in shared for prime in group) != sorted(basis.primes):
        raise ParameterError(f"the digits are no partition of the primes of {basis!r}: each has to be in one digit")
    return [RingBasis(group, basis.degree) for group in shared if group]


def inner_product(x: Polynomial, y: Polynomial) -> Polynomial:
    """Sum over the last batch axis of x * y: the middle of key switching.

    Args:
        x: [B..., D].
        y: [C..., D], where C... broadcasts against B...; modulo the primes of x at least, so that keys modulo all
            primes serve every level as they are.

    Returns: [broadcast of B... and C...], modulo the primes of x.
    Raises:
        ParameterError: the last axes differ, or y lacks a prime of x.
    """
    if not x.shape or not y.shape or x.shape[-1] != y.shape[-1]:
        raise ParameterError(f"batches of shapes {x.shape} and {y.shape} have no last axis to sum over in common")
    check_broadcast(x.shape[:-1], y.shape[:-1])
    limbs = tuple(y.basis.positions(x.basis))
    x._same_device(y)
    return Polynomial(x.basis, x.device, x._kernels.inner_product(x._words, y._words, x.basis, limbs))


def rescale(x: Kind, target: RingBasis) -> Kind:
    """x times the primes that come in, divided by those that go out and rounded: from one set of primes to another.

    With M the product of the target's primes that x lacks, and D of the primes of x that the target lacks, each
    coefficient c becomes an integer within 1/2 + L 2**-31 of c M / D.

    Raises:
        ParameterError: the degrees differ.
    Source: ModDown of Cheon, Han, Kim, Kim, Song, SAC 2018 (eprint 2018/931), section 4, for sets (rational rescaling).
    """
    if x.basis == target:
        return x
    _same_ring(x, target)
    out = [prime for prime in x.basis.primes if prime not in target]
    kept = [prime for prime in target.primes if prime in x.basis]
    with x.device.active():
        words = x.device.xp.zeros((*x.shape, len(target), target.degree), np.uint32)
        if kept:
            places = target.positions(RingBasis(kept, target.degree))
            words[..., places, :] = x._words[..., x.basis.positions(RingBasis(kept, target.degree)), :]
    factors = x.device.asarray(division(x.basis, target))
    if not out:
        return type(x)(target, x.device, x._kernels.scale(words, factors[0], target))
    remainder = _remainder(x, RingBasis(out, target.degree), target)
    return type(x)(target, x.device, x._kernels.subtract_scaled(words, remainder._words, factors, target))


def _remainder(x: Polynomial | Coefficients, out: RingBasis, target: RingBasis) -> Polynomial | Coefficients:
    """x M modulo D, centred, modulo the target's primes, in the domain of x."""
    gained = math.prod(prime for prime in target.primes if prime not in x.basis)
    gone = x.restrict(out) * gained
    if isinstance(gone, Polynomial):
        return convert(gone.intt(), target).ntt()
    return convert(gone, target)


def mod_down(x: Kind, special: RingBasis) -> Kind:
    """x divided by the special primes and rounded (ModDown): rescale to the primes of x without them."""
    return rescale(x, x.basis.without(special))


def _same_ring(x: Polynomial | Coefficients, target: RingBasis) -> None:
    if x.basis.degree != target.degree:
        raise ParameterError(f"degrees are {x.basis.degree} and {target.degree}: bases belong to different rings")
