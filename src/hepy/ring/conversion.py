"""Exchanging primes: extending a basis, dividing by primes, and the products and sums of several components between.

What an operation leaves as rounding is stated with it. L is the number of primes that are converted from.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from hepy.errors import ParameterError
from hepy.ring.basis import RingBasis, check_basis
from hepy.ring.constants import departing, division, gained, on_device
from hepy.ring.kernels import Array
from hepy.ring.polynomial import Coefficients, Kind, Polynomial, check_broadcast, checked_element, concatenate, stack


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
    _check_type(Coefficients, x)
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
    _check_type(Polynomial, x)
    groups, extended = _digits(x.basis, tuple(digits), special)
    if hasattr(x._kernels, "mod_up"):
        words = x._kernels.mod_up(x._words, groups, x.basis, extended, centred)
    else:
        words = _composed_mod_up(x, groups, extended, centred)
    return Polynomial(extended, x.device, words)


def _composed_mod_up(x: Polynomial, groups: Sequence[RingBasis], extended: RingBasis, centred: bool) -> Array:
    words = x._kernels.empty((*x.shape, len(groups), len(extended), extended.degree))
    coefficients = x.intt()
    for d, group in enumerate(groups):
        rest = extended.without(group)
        converted = convert(coefficients.restrict(group), rest, centred=centred).ntt()
        with x.device.active():
            words[..., d, extended.index(group), :] = x.restrict(group)._words
            words[..., d, extended.index(rest), :] = converted._words
    return words


@functools.lru_cache(maxsize=1024)
def _digits(
    basis: RingBasis, digits: tuple[RingBasis, ...], special: RingBasis
) -> tuple[tuple[RingBasis, ...], RingBasis]:
    """The primes of `basis` by digits, without digits that have none; and what they are extended to."""
    shared = [[prime for prime in digit.primes if prime in basis] for digit in digits]
    if sorted(prime for group in shared for prime in group) != sorted(basis.primes):
        raise ParameterError(f"the digits are no partition of the primes of {basis!r}: each has to be in one digit")
    extended = basis.union(special)
    if len(extended) != len(basis) + len(special):
        raise ParameterError(f"the special primes and those of {basis!r} overlap: take others")
    return tuple(RingBasis(group, basis.degree) for group in shared if group), extended


def inner_product(x: Polynomial, y: Polynomial, lifted: Polynomial | None = None) -> Polynomial:
    """Sum over the last batch axis of x * y: the middle of key switching.

    Args:
        x: [B..., D].
        y: [C..., D], where C... broadcasts against B...; modulo the primes of x at least, so that keys modulo all
            primes serve every level as they are.
        lifted: [A..., n], modulo some of the primes of x: times the product of all others it is added to the first n
            entries of the result's last axis; A... broadcasts against the other axes.

    Returns: [broadcast of B... and C...], modulo the primes of x.
    Raises:
        ParameterError: the last axes differ, y lacks a prime of x, or x lacks one of `lifted`, or it is longer.
    """
    _check_type(Polynomial, x, y)
    if not x.shape or not y.shape or x.shape[-1] != y.shape[-1]:
        raise ParameterError(f"batches of shapes {x.shape} and {y.shape} have no last axis to sum over in common")
    check_broadcast(x.shape[:-1], y.shape[:-1])
    limbs = tuple(y.basis.positions(x.basis))
    x._same_device(y)
    kernels = x._kernels
    if lifted is None:
        return Polynomial(x.basis, x.device, kernels.inner_product(x._words, y._words, x.basis, limbs))
    _check_type(Polynomial, lifted)
    x._same_device(lifted)
    shape = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    if not shape or not lifted.shape or lifted.shape[-1] > shape[-1]:
        raise ParameterError(f"polynomials of shape {lifted.shape} cannot be added to the last axis of {shape}")
    check_broadcast((*shape[:-1], 1), (*lifted.shape[:-1], 1))
    x.basis.positions(lifted.basis)
    if hasattr(kernels, "inner_product_lifted"):
        words = kernels.inner_product_lifted(x._words, y._words, x.basis, limbs, lifted._words, lifted.basis)
        return Polynomial(x.basis, x.device, words)
    return _composed_lifting(inner_product(x, y), lifted)


def _composed_lifting(x: Polynomial, lifted: Polynomial) -> Polynomial:
    raised, count = rescale(lifted, x.basis), lifted.shape[-1]
    sums = x[..., :count] + raised
    return sums if count == x.shape[-1] else concatenate([sums, x[..., count:]], axis=x.ndim - 1)


def add_first(x: Kind, y: Kind) -> Kind:
    """x with y added to the first entries of its last batch axis; the others stay as they are.

    Args:
        x: [B..., K].
        y: [C..., n], n up to K, where C... broadcasts against B...

    Returns: [broadcast of B... and C..., K].
    Raises:
        ParameterError: types, bases or shapes do not fit together.
    """
    words = x._like(y)._words
    own, others = x.shape, y.shape
    if not own or not others or others[-1] > own[-1]:
        raise ParameterError(f"polynomials of shape {others} cannot be added to the last axis of {own}")
    check_broadcast(own[:-1], others[:-1])
    if hasattr(x._kernels, "add_first"):
        return x._with(x._kernels.add_first(x._words, words, x.basis))
    batch: tuple[int, ...] = np.broadcast_shapes(own[:-1], others[:-1])
    count = others[-1]
    rest = x[..., count:].broadcast_to((*batch, own[-1] - count))
    return concatenate([x[..., :count] + y, rest], axis=len(batch))


def tensor_product(x: Polynomial, y: Polynomial) -> Polynomial:
    """(x_0 + x_1 Y)(y_0 + y_1 Y), as coefficients of 1, Y and Y^2: [B..., 2] times [C..., 2] is [broadcast..., 3].

    Raises:
        ParameterError: the last axes are not 2 long, or bases or shapes do not fit together.
    """
    _check_type(Polynomial, x, y)
    if x.shape[-1:] != (2,) or y.shape[-1:] != (2,):
        raise ParameterError(f"linear polynomials are pairs along the last axis, not of shapes {x.shape} and {y.shape}")
    words = x._partner(y)
    if hasattr(x._kernels, "tensor_product"):
        return Polynomial(x.basis, x.device, x._kernels.tensor_product(x._words, words, x.basis))
    x_0, x_1, y_0, y_1 = x[..., 0], x[..., 1], y[..., 0], y[..., 1]
    return stack([x_0 * y_0, x_0 * y_1 + x_1 * y_0, x_1 * y_1], axis=-1)


def rescale(x: Kind, target: RingBasis, element: int = 1) -> Kind:
    """x times the primes that come in, divided by those that go out and rounded: from one set of primes to another.

    With M the product of the target's primes that x lacks, and D of the primes of x that the target lacks, each
    coefficient c becomes an integer within 1/2 + L 2**-31 of c M / D.

    Args:
        x: [B...].
        target: the other set of primes.
        element: an odd integer; X is replaced by X**element in the result, as by `automorphism`, at no cost on a GPU.

    Raises:
        ParameterError: the degrees differ, or the element is even.
    Source: ModDown of Cheon, Han, Kim, Kim, Song, SAC 2018 (eprint 2018/931), section 4, for sets (rational rescaling).
    """
    _check_type((Polynomial, Coefficients), x)
    if element % (2 * check_basis(target).degree) != 1:
        return _rescaled_automorphism(x, target, element)
    if x.basis == target:
        return x
    _same_ring(x, target)
    if hasattr(x._kernels, "rescale"):
        words = x._kernels.rescale(x._words, x.basis, target, isinstance(x, Polynomial))
    else:
        words = _composed_rescale(x, target)
    return type(x)(target, x.device, words)


def _rescaled_automorphism(x: Kind, target: RingBasis, element: int) -> Kind:
    if x.basis == target or not isinstance(x, Polynomial) or not hasattr(x._kernels, "rescale_automorphism"):
        return rescale(x, target).automorphism(element)
    _same_ring(x, target)
    words = x._kernels.rescale_automorphism(x._words, x.basis, target, checked_element(element, target))
    return type(x)(target, x.device, words)


def _composed_rescale(x: Polynomial | Coefficients, target: RingBasis) -> Array:
    gone = departing(x.basis, target)
    factors = on_device(x.basis, x.device, ("division", target), lambda: division(x.basis, target))
    words = x._kernels.empty((*x.shape, len(target), target.degree))
    kept = [prime for prime in target.primes if prime in x.basis]
    with x.device.active():
        words[...] = 0
        if kept:
            shared = RingBasis(kept, target.degree)
            words[..., target.index(shared), :] = x.restrict(shared)._words
    if gone is None:
        return x._kernels.scale(words, factors[0], target)
    lost = x.restrict(gone) * gained(x.basis, target)
    remainder = convert(lost.intt(), target).ntt() if isinstance(lost, Polynomial) else convert(lost, target)
    return x._kernels.subtract_scaled(words, remainder._words, factors, target)


def mod_down(x: Kind, special: RingBasis, element: int = 1) -> Kind:
    """x divided by the special primes and rounded (ModDown): rescale to the primes of x without them."""
    return rescale(x, x.basis.without(special), element)


def _check_type(kind: type | tuple[type, ...], *arrays: Any) -> None:
    """Raise for words that are held otherwise: nothing else tells values from coefficients."""
    for array in arrays:
        if not isinstance(array, kind):
            wanted = kind.__name__ if isinstance(kind, type) else " or ".join(each.__name__ for each in kind)
            raise ParameterError(
                f"a {wanted} was expected, not {type(array).__name__}: .ntt() and .intt() lead from one to the other"
            )


def _same_ring(x: Polynomial | Coefficients, target: RingBasis) -> None:
    if x.basis.degree != check_basis(target).degree:
        raise ParameterError(f"degrees are {x.basis.degree} and {target.degree}: bases belong to different rings")
