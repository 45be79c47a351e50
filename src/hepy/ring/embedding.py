"""The canonical embedding: polynomials with real coefficients as vectors of complex slots, and back.

A polynomial p in Y = X^(N / 2n), of degree below 2n, has the slots z_j = p(zeta^(5^j)), j < n, where zeta is
exp(2 pi i / 4n). As zeta^(n 5^j) = i for all j, the coefficients fold to n complex ones, c_k + i c_(k+n), and the slots
are the values of the folded polynomial at the n roots of Y^n = i. Its transform is the twin of the number-theoretic
one: Y^(2t) = w^2 splits into Y^t = w and Y^t = -w.

Every device gives the same bits: roots come from MPFR, correctly rounded, and each operation on doubles is laid down
by loops/embedding.py. Source: Cheon, Kim, Kim, Song, ASIACRYPT 2017 (eprint 2016/421), section 3; the orbit of 5 and
fewer slots as in section 2.2 of Cheon, Han, Kim, Kim, Song, EUROCRYPT 2018 (eprint 2018/153).
"""

from __future__ import annotations

import functools
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._arguments import whole
from hepy.errors import ParameterError
from hepy.ring.kernels import kernels
from hepy.ring.primes import check_degree
from hepy.ring.tables import bit_reversal

_PRECISION = 256  # bits of an angle and its cosine, before that is rounded to 53


def embed(coefficients: Any, slots: int) -> npt.NDArray[np.complex128]:
    """Slots of polynomials with real coefficients.

    Args:
        coefficients: float64[B..., N]; those whose index is no multiple of N / 2n are not read.
        slots: n, a power of two up to N / 2.

    Returns: complex128[B..., n] on the current device.
    Raises:
        ParameterError: sizes do not fit.

    >>> from hepy import ring
    >>> ring.embed([0.0, 1.0, 0, 0, 0, 0, 0, 0], slots=4).round(3).tolist()  # X at exp(2 pi i 5^j / 16)
    [(0.924+0.383j), (-0.383+0.924j), (-0.924-0.383j), (0.383-0.924j)]
    """
    device = _devices.current()
    array = _of_type(device, coefficients, np.float64)
    gap = _gap(array.shape[-1] if array.ndim else 0, slots)
    folded = device.empty((*array.shape[:-1], slots), np.complex128)
    with device.active():
        folded.real[...] = array[..., : slots * gap : gap]
        folded.imag[...] = array[..., slots * gap :: gap]
    result: npt.NDArray[np.complex128] = kernels(device).embed(folded)
    return result


def unembed(values: Any, degree: int) -> npt.NDArray[np.float64]:
    """The real coefficients of the polynomials that have these slots: the inverse of embed.

    Args:
        values: complex128[B..., n], n a power of two up to N / 2. Fewer slots than N / 2 make polynomials that hold
            them N / 2n times over.
        degree: N.

    Returns: float64[B..., N] on the current device.
    Raises:
        ParameterError: sizes do not fit.
    """
    device = _devices.current()
    array = _of_type(device, values, np.complex128)
    slots = array.shape[-1] if array.ndim else 0
    gap = _gap(degree, slots)
    folded = kernels(device).unembed(array)
    coefficients: npt.NDArray[np.float64] = device.empty((*array.shape[:-1], degree), np.float64)
    with device.active():
        coefficients[...] = 0
        coefficients[..., : slots * gap : gap] = folded.real
        coefficients[..., slots * gap :: gap] = folded.imag
    return coefficients


def _of_type(device: _devices.Device, values: Any, dtype: npt.DTypeLike) -> Any:
    """An array of that type on the device, whether the values are there, elsewhere or none yet."""
    with device.active():
        return device.asarray(_devices.array_of(values)).astype(dtype, copy=False)


def galois_element(step: int, degree: int) -> int:
    """The automorphism X to X**element that rotates slots to the left by `step`."""
    size = check_degree(degree)
    return pow(5, whole("the step of a rotation", step, None) % (size // 2), 2 * size)


def _gap(degree: int, slots: int) -> int:
    check_degree(degree)
    slots = whole("slots", slots)
    if not 1 <= slots <= degree // 2 or slots & (slots - 1):
        raise ParameterError(f"a ring of degree {degree} has 1, 2, 4 ... or {degree // 2} slots, not {slots}")
    return degree // (2 * slots)


@functools.cache
def roots(slots: int) -> npt.NDArray[np.float64]:
    """Cosines and sines, float64[2, n], correctly rounded: entry m + i belongs to block i of stage m, m = 1, 2 ... n/2.

    Block i of stage m is modulo Y^(n/m) = exp(2 pi i e / 4m) with e = 1 + 4 brv(i), and multiplies by the square root.
    """
    table = np.zeros((2, slots))
    with gmpy2.context(gmpy2.get_context(), precision=_PRECISION):
        stage = 1
        while stage < slots:
            unit = 2 * gmpy2.const_pi() / (8 * stage)
            for block, reversed_block in enumerate(bit_reversal(stage).tolist()):
                sine, cosine = gmpy2.sin_cos(unit * (1 + 4 * reversed_block))
                table[:, stage + block] = float(cosine), float(sine)
            stage *= 2
    return table


@functools.cache
def slot_order(slots: int) -> npt.NDArray[np.int64]:
    """Which leaf of the transform is slot j: leaf l has the exponent 1 + 4 brv(l), slot j has 5**j, modulo 4n."""
    place = bit_reversal(slots)  # its own inverse
    exponents = [pow(5, j, 4 * slots) for j in range(slots)]
    order: npt.NDArray[np.int64] = place[(np.array(exponents) - 1) // 4]
    return order
