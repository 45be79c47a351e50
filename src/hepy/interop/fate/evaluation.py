"""evaluator: what FATE computes on encrypted vectors, as static methods by FATE's names.

Nothing here adds an obfuscator: results are as fresh as FATE's own, which is not at all where a sum has no terms
(docs/interop-fate.md, What results tell). Plaintext operands are vartime: docs/security.md, Timing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.errors import ParameterError
from hepy.interop.fate.coder import Coder
from hepy.interop.fate.errors import ArgumentTypeError, RangeError
from hepy.interop.fate.keys import PK, check_coder, check_public
from hepy.interop.fate.products import matrix_product
from hepy.interop.fate.scaling import (
    checked,
    combine,
    digits_above,
    plaintexts_at,
    raised,
    replaced,
    sums_by_target,
)
from hepy.interop.fate.vectors import (
    CiphertextVector,
    PlaintextVector,
    check_range,
    concatenate,
    places,
    whole,
)
from hepy.paillier import PublicKey


class evaluator:
    """FATE's name for the operations. Vectors are CiphertextVector, plaintext operands tensors.

    All methods raise KeyMismatchError where vectors and `pk` do not belong together, and ParameterError where lengths or
    shapes do not fit; fate_utils takes the shorter of two vectors there.
    """

    # Sums.

    @staticmethod
    def add(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """a + b, elementwise."""
        return _combined(a, b, check_public(pk), subtract=False)

    @staticmethod
    def add_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a + b, elementwise, for a tensor b."""
        key = check_public(pk)
        return _plus(a, check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def add_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a + b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return _plus(a, check_coder(coder, key).encode(b, output_dtype), key)

    @staticmethod
    def sub(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """a - b, elementwise."""
        return _combined(a, b, check_public(pk), subtract=True)

    @staticmethod
    def sub_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a - b, elementwise, for a tensor b."""
        key = check_public(pk)
        return _plus(a, _negative(check_coder(coder, key).encode_tensor(b)), key)

    @staticmethod
    def sub_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a - b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return _plus(a, _negative(check_coder(coder, key).encode(b, output_dtype)), key)

    @staticmethod
    def rsub(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """b - a, elementwise."""
        return _combined(b, a, check_public(pk), subtract=True)

    @staticmethod
    def rsub_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """b - a, elementwise, for a tensor b."""
        key = check_public(pk)
        return _plus(_inverse(a, key), check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def rsub_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """b - a for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return _plus(_inverse(a, key), check_coder(coder, key).encode(b, output_dtype), key)

    # Products.

    @staticmethod
    def mul_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a * b, elementwise, for a tensor b."""
        key = check_public(pk)
        return _times(a, check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def mul_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a * b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return _times(a, check_coder(coder, key).encode(b, output_dtype), key)

    @staticmethod
    def matmul(
        a: CiphertextVector, b: Any, a_shape: Any, b_shape: Any, pk: PK, coder: Coder, output_dtype: Any
    ) -> CiphertextVector:
        """a @ b for matrices of these shapes, both in C order; the elements of the product in C order."""
        key = check_public(pk)
        encoded = check_coder(coder, key).encode_tensor(b)
        (rows, inner), (second, columns) = _matrix(a_shape, len(a), "a"), _matrix(b_shape, len(encoded), "b")
        _check_inner(inner, second, a_shape, b_shape)
        residues, exponents = a.parts(key)
        product, total = matrix_product(
            residues.reshape(rows, inner), exponents.reshape(rows, inner), encoded, (inner, columns)
        )
        return CiphertextVector(key, product.ravel(), total.ravel())

    @staticmethod
    def rmatmul(
        a: CiphertextVector, b: Any, a_shape: Any, b_shape: Any, pk: PK, coder: Coder, output_dtype: Any
    ) -> CiphertextVector:
        """b @ a for matrices of these shapes, both in C order; the elements of the product in C order."""
        key = check_public(pk)
        encoded = check_coder(coder, key).encode_tensor(b)
        (inner, columns), (rows, second) = _matrix(a_shape, len(a), "a"), _matrix(b_shape, len(encoded), "b")
        _check_inner(second, inner, b_shape, a_shape)
        residues, exponents = a.parts(key)
        # b @ a is the transpose of a.T @ b.T.
        flipped = np.arange(len(encoded)).reshape(rows, inner).T.ravel()
        turned = PlaintextVector(encoded.significands[flipped], encoded.exponents[flipped])
        product, total = matrix_product(
            residues.reshape(inner, columns).T, exponents.reshape(inner, columns).T, turned, (inner, rows)
        )
        return CiphertextVector(key, product.T.ravel(), total.T.ravel())

    # In place.

    @staticmethod
    def zeros(size: int, dtype: Any) -> CiphertextVector:
        """Zeros to add to: ciphertexts that hide nothing yet."""
        return CiphertextVector.zeros(size)

    @staticmethod
    def i_add(
        pk: PK, a: CiphertextVector, b: CiphertextVector, sa: int = 0, sb: int = 0, size: int | None = None
    ) -> None:
        """a[sa:sa+size] += b[sb:sb+size]; without a size, as far as both go. Also where b is a, as it was before.

        Raises:
            RangeError: a vector ends before; nothing was changed.
        """
        _combine_in_place(a, b, sa, sb, size, check_public(pk), subtract=False)

    @staticmethod
    def i_sub(
        pk: PK, a: CiphertextVector, b: CiphertextVector, sa: int = 0, sb: int = 0, size: int | None = None
    ) -> None:
        """a[sa:sa+size] -= b[sb:sb+size]; as i_add."""
        _combine_in_place(a, b, sa, sb, size, check_public(pk), subtract=True)

    @staticmethod
    def i_update(pk: PK, a: CiphertextVector, b: CiphertextVector, positions: Any, stride: int) -> None:
        """Histograms: a[p * stride + k] += b[i * stride + k] for each sample i, each p in positions[i], each k < stride.

        Args:
            positions: for each sample, the places of its bins. Samples beyond them are left out.

        Raises:
            RangeError: a place is outside `a`, or there are more positions than samples; nothing was changed.
        """
        key = check_public(pk)
        width = _stride(stride)
        counts, bins = _flattened(positions)
        _update(a, b, np.repeat(np.arange(len(counts)), counts), bins, width, key)

    @staticmethod
    def i_update_with_masks(
        pk: PK, a: CiphertextVector, b: CiphertextVector, positions: Any, masks: Any, stride: int
    ) -> None:
        """As i_update, for the samples whose mask is True: positions[j] belongs to the j-th of them."""
        key = check_public(pk)
        width = _stride(stride)
        counts, bins = _flattened(positions)
        kept = np.asarray(masks)
        if kept.size and kept.dtype != bool:
            raise ArgumentTypeError(f"masks are booleans, not {kept.dtype}")
        samples = np.flatnonzero(kept)[: len(counts)]
        used = counts[: len(samples)]
        _update(a, b, np.repeat(samples, used), bins[: int(used.sum())], width, key)

    @staticmethod
    def i_shuffle(pk: PK, a: CiphertextVector, indices: Any) -> None:
        """a = a[indices], for a permutation."""
        key = check_public(pk)
        residues, exponents = evaluator.shuffle(pk, a, indices).parts(key)
        a.assign(key, residues, exponents)

    # Places.

    @staticmethod
    def slice(a: CiphertextVector, start: int, size: int) -> CiphertextVector:
        """a[start:start+size].

        Raises:
            RangeError: the vector ends before.
        """
        return a.slice(start, size)

    @staticmethod
    def shuffle(pk: PK, a: CiphertextVector, indices: Any) -> CiphertextVector:
        """a[indices], for a permutation.

        Raises:
            ParameterError: it is none.
        """
        key = check_public(pk)
        a.parts(key)
        order = places(indices, len(a), "shuffle")
        if len(order) != len(a) or (np.bincount(order, minlength=len(a)) != 1).any():
            raise ParameterError(f"a vector of {len(a)} is shuffled by a permutation of as many places, each once")
        return a.take(order)

    @staticmethod
    def intervals_slice(a: CiphertextVector, intervals: Sequence[tuple[int, int]]) -> CiphertextVector:
        """a[start:end] of each interval, one after the other.

        Raises:
            RangeError: an interval leaves the vector.
        """
        runs = [np.empty(0, dtype=np.int64)]
        for start, end in intervals:
            first, last = check_range(len(a), start, end - start, "intervals_slice")
            runs.append(np.arange(first, last))
        return a.take(np.concatenate(runs))

    @staticmethod
    def cat(list: Sequence[CiphertextVector]) -> CiphertextVector:
        """Vectors one after the other."""
        return concatenate(list)

    # Many at once.

    @staticmethod
    def chunking_cumsum_with_step(pk: PK, a: CiphertextVector, chunk_sizes: Sequence[int], step: int) -> None:
        """Running sums in place, within chunks, over every step-th element.

        With step 2 and chunks of 4, 2 and 6, a0 .. a11 become a0, a1, a0+a2, a1+a3, a4, a5, a6, a7, a6+a8, a7+a9,
        a6+a8+a10, a7+a9+a11. What lies behind the last chunk stays as it is.

        Raises:
            RangeError: the chunks are longer than the vector; nothing was changed.
        """
        _cumsum(a, [whole("a chunk's size", size) for size in chunk_sizes], _stride(step), check_public(pk))

    @staticmethod
    def pack_squeeze(a: CiphertextVector, pack_num: int, shift_bit: int, pk: PK) -> CiphertextVector:
        """`pack_num` plaintexts side by side in one, shift_bit apart, the first one highest; the last may have fewer.

        Significands move as they are, whatever their exponents, and the result has exponent 0: made for packed numbers.
        Source: Horner's rule; "cipher compressing" of Chen et al., SecureBoost+ (arXiv:2110.10927), section 3.3.
        """
        return _squeezed(a, whole("pack_num", pack_num), whole("shift_bit", shift_bit), check_public(pk))


def _check_lengths(a: CiphertextVector, size: int) -> None:
    if not isinstance(a, CiphertextVector):
        raise ArgumentTypeError(f"a vector of ciphertexts was expected, not {type(a).__name__}")
    if len(a) != size:
        raise ParameterError(f"vectors of {len(a)} and {size} elements do not go together")


def _combined(a: CiphertextVector, b: CiphertextVector, key: PublicKey, *, subtract: bool) -> CiphertextVector:
    _check_lengths(b, len(a))
    _check_lengths(a, len(b))
    left, right = a.parts(key, b.home), b.parts(key, a.home)
    return CiphertextVector(key, *combine(*left, *right, subtract=subtract))


def _spread(b: PlaintextVector, size: int) -> PlaintextVector:
    """A vector of one for every element; another as it is."""
    if len(b) == 1 != size:
        return PlaintextVector(np.repeat(b.significands, size), np.repeat(b.exponents, size))
    return b


def _plus(a: CiphertextVector, b: PlaintextVector, key: PublicKey) -> CiphertextVector:
    b = _spread(b, len(a))
    _check_lengths(a, len(b))
    residues, mine = a.parts(key)
    exponents = np.minimum(mine, b.exponents)
    significands = plaintexts_at(b.significands, digits_above(b.exponents, exponents))
    left = raised(residues, digits_above(mine, exponents))
    with _devices.device(residues.device):
        return CiphertextVector(key, left.multiply(key.embed(significands)), exponents)


def _negative(b: PlaintextVector) -> PlaintextVector:
    objects = b.significands.astype(object)  # -2**63 has no positive int64
    return PlaintextVector(-objects, b.exponents)


def _inverse(a: CiphertextVector, key: PublicKey) -> CiphertextVector:
    residues, exponents = a.parts(key)
    return CiphertextVector(key, residues.inverse(), exponents)


def _times(a: CiphertextVector, b: PlaintextVector, key: PublicKey) -> CiphertextVector:
    one = len(b) == 1
    _check_lengths(a, len(a) if one else len(b))
    residues, exponents = a.parts(key)
    factors: Any = int(b.significands[0]) if one else b.significands
    return CiphertextVector(key, residues.power_vartime(factors), checked(exponents + b.exponents))


def _matrix(shape: Any, size: int, name: str) -> tuple[int, int]:
    axes = tuple(int(axis) for axis in shape)
    if len(axes) != 2 or math.prod(axes) != size:
        raise ParameterError(
            f"{name} has {size} elements and the shape {axes}: matrices of two axes, with as many elements, multiply"
        )
    return axes[0], axes[1]


def _check_inner(last: int, first: int, left: Any, right: Any) -> None:
    if last != first:
        raise ParameterError(
            f"shapes {tuple(left)} @ {tuple(right)} do not go together: the last axis of the first has to match the "
            "first of the second"
        )


def _combine_in_place(
    a: CiphertextVector, b: CiphertextVector, sa: int, sb: int, size: int | None, key: PublicKey, *, subtract: bool
) -> None:
    if size is None:
        size = max(0, min(len(a) - sa, len(b) - sb))
    here, there = check_range(len(a), sa, size, "a"), check_range(len(b), sb, size, "b")
    mine, theirs = a.parts(key, b.home), b.parts(key, a.home)
    left, right = slice(*here), slice(*there)
    changed = combine(mine[0][left], mine[1][left], theirs[0][right], theirs[1][right], subtract=subtract)
    _put(a, np.arange(*here), changed, key, mine)


def _put(
    a: CiphertextVector,
    at: npt.NDArray[np.int64],
    new: tuple[ResidueArray, npt.NDArray[np.int64]],
    key: PublicKey,
    old: tuple[ResidueArray, npt.NDArray[np.int64]],
) -> None:
    """Elements at these places, in rising order, become the new ones; `old` is what `a` has."""
    residues, exponents = new
    if len(at) < len(a):
        residues = replaced(old[0], at, residues)
        exponents = old[1].copy()
        exponents[at] = new[1]
    a.assign(key, residues, exponents)


def _stride(stride: Any) -> int:
    width = whole("the stride", stride)
    if width == 0:
        raise ParameterError("a stride is at least 1")
    return width


def _flattened(positions: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many positions each sample has, and all of them: int64[S], int64[P]."""
    if len(positions) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    try:
        rectangle = np.asarray(positions)
    except ValueError:  # numpy 1.24 and later refuse rows of different lengths
        counts = np.array([len(row) for row in positions], dtype=np.int64)
        bins = np.concatenate([np.asarray(row) for row in positions if len(row)])
    else:
        if rectangle.ndim != 2:
            raise ArgumentTypeError("positions are a list of places for each sample")
        counts, bins = np.full(len(rectangle), rectangle.shape[1], dtype=np.int64), rectangle.ravel()
    if bins.size and bins.dtype.kind not in "iu":
        raise ArgumentTypeError(f"positions are integers, not {bins.dtype}")
    return counts, bins.astype(np.int64)


def _update(
    a: CiphertextVector,
    b: CiphertextVector,
    samples: npt.NDArray[np.int64],
    bins: npt.NDArray[np.int64],
    width: int,
    key: PublicKey,
) -> None:
    """Add elements samples * width + k of b to elements bins * width + k of a, for k < width."""
    if not len(bins):
        a.parts(key)
        return
    if int(samples.max()) * width + width > len(b):
        raise RangeError(f"positions for sample {int(samples.max())}, at stride {width}, leave a vector of {len(b)}")
    if int(bins.min()) < 0 or int(bins.max()) * width + width > len(a):
        raise RangeError(
            f"positions go from {int(bins.min())} to {int(bins.max())}: at stride {width} they leave a vector of {len(a)}"
        )
    within = np.arange(width)
    sources = (samples[:, None] * width + within).ravel()
    targets = (bins[:, None] * width + within).ravel()
    residues, exponents = b.parts(key, a.home)
    at, sums, sum_exponents = sums_by_target(residues[sources], exponents[sources], targets)
    mine = a.parts(key, residues.device)
    changed = combine(mine[0][at], mine[1][at], sums, sum_exponents, subtract=False)
    _put(a, at, changed, key, mine)


def _cumsum(a: CiphertextVector, sizes: list[int], step: int, key: PublicKey) -> None:
    total = sum(sizes)
    check_range(len(a), 0, total, "the chunks")
    residues, exponents = a.parts(key)
    starts = np.cumsum([0, *sizes])[:-1]
    lengths = np.array(sizes, dtype=np.int64)
    at, parts, exponent_parts = [], [], []
    for size in sorted(set(sizes) - {0}):  # chunks of one size are done at once
        first = starts[lengths == size]
        rows = -(-size // step)
        # A last row that is not full repeats the chunk's last element: nothing that is kept depends on it.
        within = np.minimum(np.arange(rows * step), size - 1).reshape(rows, step)
        places_here = first[:, None, None] + within
        sums, sum_exponents = _running(residues[places_here], exponents[places_here])
        kept = np.arange(size)
        at.append((first[:, None] + kept).ravel())
        parts.append(sums.reshape(len(first), rows * step)[:, kept].ravel())
        exponent_parts.append(sum_exponents.reshape(len(first), rows * step)[:, kept].ravel())
    if at:
        where = np.concatenate(at)
        order = np.argsort(where)
        changed = concatenate_residues(parts)[order], np.concatenate(exponent_parts)[order]
        _put(a, where[order], changed, key, (residues, exponents))


def _running(residues: ResidueArray, exponents: npt.NDArray[np.int64]) -> tuple[ResidueArray, npt.NDArray[np.int64]]:
    """Running sums along the middle axis of (chunks, rows, step)."""
    if (exponents == exponents.flat[0]).all():
        return residues.cumprod(1), exponents
    chunks, rows, step = residues.shape
    sums = [(residues[:, 0].ravel(), exponents[:, 0].ravel())]
    for row in range(1, rows):
        sums.append(combine(*sums[-1], residues[:, row].ravel(), exponents[:, row].ravel(), subtract=False))
    shape = (rows, chunks, step)
    joined = concatenate_residues([part for part, _ in sums]).reshape(*shape).transpose(1, 0, 2)
    return joined, np.concatenate([part for _, part in sums]).reshape(shape).transpose(1, 0, 2)


def _squeezed(a: CiphertextVector, count: int, shift_bit: int, key: PublicKey) -> CiphertextVector:
    if count == 0:
        raise ParameterError("pack_num is at least 1: so many plaintexts go into one")
    residues, _ = a.parts(key)
    groups = -(-len(a) // count)
    # The last group is filled up in front, with zeros: the ciphertext 1, which stands behind the others.
    with _devices.device(residues.device):
        padded = concatenate_residues([residues, key.modulus.ones((1,))])
    full = max(0, groups - 1) * count
    filling = np.full(groups * count - len(a), len(a))
    order = np.concatenate([np.arange(full), filling, np.arange(full, len(a))])
    columns = padded[order.reshape(groups, count)]
    total = columns[:, 0]
    for column in range(1, count):
        total = total.power_vartime(1 << shift_bit).multiply(columns[:, column])
    return CiphertextVector(key, total, np.zeros(groups, dtype=np.int64))
