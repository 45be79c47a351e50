"""Constants of bases and of pairs of bases, made once from Python ints; devices copy them.

Factors come with their quotients, floor(2**32 factor / q), as the last axis of two.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices import Device
from hepy._devices.graphs import hold
from hepy._limbs import from_ints, width
from hepy.ring.basis import RingBasis
from hepy.ring.tables import Words

Wide = npt.NDArray[np.uint64]


def on_device(basis: RingBasis, device: Device, name: Hashable, make: Callable[[], npt.NDArray[Any]]) -> Any:
    """An array of the host on a device, copied when it is first asked for and kept with the basis."""
    key = (device, name)
    found = basis.constants.get(key)
    if found is None:
        found = device.asarray(make())
        device.settle()
        basis.constants[key] = found
    hold(basis)
    return found


def with_quotients(factors: Words, basis: RingBasis) -> Words:
    """uint32[..., limbs] to uint32[..., limbs, 2]."""
    wide = factors.astype(np.uint64)
    return np.stack([wide, (wide << np.uint64(32)) // basis.words.astype(np.uint64)], axis=-1).astype(np.uint32)


def montgomery(words: npt.NDArray[Any], primes: Any) -> Words:
    """Residues below 2**31 in Montgomery form, w 2**32 mod q; `primes` broadcasts."""
    return ((words.astype(np.uint64) << np.uint64(32)) % np.asarray(primes, np.uint64)).astype(np.uint32)


def reducers(basis: RingBasis) -> Words:
    """uint32[limbs, 4]: q, radix = 2**32 mod q, floor(2**32 radix / q), floor(2**32 / q)."""
    rows = [(q, (1 << 32) % q, ((1 << 32) % q << 32) // q, (1 << 32) // q) for q in basis.primes]
    return np.array(rows, np.uint32)


def lazy_products(first: int, second: int) -> int:
    """Products of words below `first` and `second` that 64 bits hold on top of a word below `second`.

    k (first - 1) (second - 1) + second - 1 < 2**64: 16 where both are at most 2**30, 4 where they are at most 2**31.
    """
    return ((1 << 64) - second) // ((first - 1) * (second - 1))


@dataclass(frozen=True)
class Conversion:
    """From residues modulo the primes q_i to residues modulo the primes p_j; see RingKernels.convert.

    Attributes:
        factors: times * q_i / Q mod q_i with quotients, uint32[limbs in, 2].
        matrix: Q/q_i mod p_j, and in the last column -Q mod p_j, uint32[limbs out, limbs in + 1].
        reciprocals, shifts: floor(2**(31 + b) / q_i) and b - 1, b the bit length of q_i.
        lazy: products of a word of the source and one of p_j that a sum holds, uint64[limbs out].
    """

    factors: Words
    matrix: Words
    reciprocals: Words
    shifts: Wide
    lazy: Wide


@functools.lru_cache(maxsize=4096)
def conversion(source: RingBasis, target: RingBasis, times: int = 1) -> Conversion:
    """Constants of a conversion that multiplies by an integer on its way, which costs nothing."""
    parts = [source.modulus // q for q in source.primes]
    factors = [times * pow(part, -1, q) % q for part, q in zip(parts, source.primes, strict=True)]
    matrix = [[part % p for part in parts] + [-source.modulus % p] for p in target.primes]
    largest = max(source.primes)
    return Conversion(
        factors=with_quotients(np.array(factors, np.uint32), source),
        matrix=np.array(matrix, np.uint32),
        reciprocals=np.array([(1 << 31 + q.bit_length()) // q for q in source.primes], np.uint32),
        shifts=np.array([q.bit_length() - 1 for q in source.primes], np.uint64),
        lazy=np.array([lazy_products(largest, p) for p in target.primes], np.uint64),
    )


def side_by_side(pairs: Sequence[Conversion]) -> Conversion:
    """The constants of several conversions, one after the other; matrices are filled up with zeros to one width."""
    width = max(pair.matrix.shape[1] for pair in pairs)
    matrices = [np.pad(pair.matrix, ((0, 0), (0, width - pair.matrix.shape[1]))) for pair in pairs]
    return Conversion(
        factors=np.concatenate([pair.factors for pair in pairs]),
        matrix=np.concatenate(matrices),
        reciprocals=np.concatenate([pair.reciprocals for pair in pairs]),
        shifts=np.concatenate([pair.shifts for pair in pairs]),
        lazy=np.concatenate([pair.lazy for pair in pairs]),
    )


@dataclass(frozen=True)
class MixedRadix:
    """From residues to integers by Garner's method.

    Attributes:
        radices: q_k mod q_j with quotients at [j, k], uint32[limbs, limbs, 2].
        inverses: 1 / (q_0 ... q_(j-1)) mod q_j with quotients, uint32[limbs, 2].
        modulus: Q and (Q + 1) / 2 as 32-bit words, uint64[2, words].
        primes: uint64[limbs].
    """

    radices: Words
    inverses: Words
    modulus: Wide
    primes: Wide


@functools.lru_cache(maxsize=1024)
def mixed_radix(basis: RingBasis) -> MixedRadix:
    primes = basis.primes
    # with_quotients divides by the prime of the last axis, which here is j.
    radices = np.array([[k % j for j in primes] for k in primes], np.uint32)
    before = itertools.accumulate((1, *primes[:-1]), lambda product, q: product * q)
    inverses = [pow(product, -1, q) for product, q in zip(before, primes, strict=True)]
    modulus = from_ints([basis.modulus, (basis.modulus + 1) // 2], width(basis.modulus.bit_length()))
    return MixedRadix(
        radices=np.ascontiguousarray(with_quotients(radices, basis).transpose(1, 0, 2)),
        inverses=with_quotients(np.array(inverses, np.uint32), basis),
        modulus=modulus.astype(np.uint64),
        primes=np.array(primes, np.uint64),
    )


@functools.lru_cache(maxsize=4096)
def gained(source: RingBasis, target: RingBasis) -> int:
    """M, the product of the primes that come in from source to target."""
    return math.prod(q for q in target.primes if q not in source)


@functools.lru_cache(maxsize=4096)
def division(source: RingBasis, target: RingBasis) -> Words:
    """What ends x -> x M / D from source to target, D the product of the primes that go out; uint32[2, limbs].

    Row 0: M / D mod each prime of the target, 0 for those that come in, where x M has the residue 0. Row 1: 1 / D.
    """
    product_in, product_out = gained(source, target), gained(target, source)
    inverse = [pow(product_out, -1, q) for q in target.primes]
    return np.array([[product_in * i % q for i, q in zip(inverse, target.primes, strict=True)], inverse], np.uint32)


def pairs_of_limbs(factors: Words, basis: RingBasis) -> Words:
    """uint32[2, limbs] to uint32[limbs, 4]: both factors of a limb with their quotients."""
    return np.ascontiguousarray(with_quotients(factors, basis).transpose(1, 0, 2)).reshape(-1, 4)


@functools.lru_cache(maxsize=4096)
def division_pairs(source: RingBasis, target: RingBasis) -> Words:
    """pairs_of_limbs of division()."""
    return pairs_of_limbs(division(source, target), target)


@functools.lru_cache(maxsize=4096)
def lift(source: RingBasis, target: RingBasis) -> Words:
    """The product of the primes that come in, modulo each prime of the target: uint32[limbs]."""
    product = gained(source, target)
    return np.array([product % q for q in target.primes], np.uint32)


@functools.lru_cache(maxsize=4096)
def kept(source: RingBasis, target: RingBasis) -> npt.NDArray[np.intp]:
    """Where each prime of the target stands in the source, 0 for those that come in: int[limbs]."""
    return np.array([source.primes.index(q) if q in source else 0 for q in target.primes], np.intp)


@functools.lru_cache(maxsize=4096)
def departing(source: RingBasis, target: RingBasis) -> RingBasis | None:
    """The primes that go out from source to target, if any."""
    primes = [q for q in source.primes if q not in target]
    return RingBasis(primes, source.degree) if primes else None
