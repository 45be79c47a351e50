"""evaluator: what FATE computes on encrypted vectors, as static methods by FATE's names.

Nothing here adds an obfuscator: results are as fresh as FATE's own, which is not at all where a sum has no terms
(docs/interop-fate.md, What results tell). Plaintext operands are vartime: docs/security.md, Timing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hepy.errors import ParameterError
from hepy.interop.fate.changes import combine_in_place, cumsum, flattened, stride_of, update
from hepy.interop.fate.coder import Coder
from hepy.interop.fate.elementwise import combined, inverse, negative, plus, times
from hepy.interop.fate.errors import ArgumentTypeError, RangeError
from hepy.interop.fate.keys import PK, check_coder, check_public
from hepy.interop.fate.products import check_inner, check_matrix, matrix_product
from hepy.interop.fate.squeezing import squeezed
from hepy.interop.fate.vectors import (
    CiphertextVector,
    PlaintextVector,
    as_array,
    concatenate,
    expected,
    listed,
    permutation,
    whole,
)


class evaluator:
    """FATE's name for the operations. Vectors are CiphertextVector, plaintext operands tensors.

    All methods raise KeyMismatchError where vectors and `pk` do not belong together, and ParameterError where lengths or
    shapes do not fit; fate_utils takes the shorter of two vectors there.
    """

    # Sums.

    @staticmethod
    def add(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """a + b, elementwise."""
        return combined(a, b, check_public(pk), subtract=False)

    @staticmethod
    def add_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a + b, elementwise, for a tensor b."""
        key = check_public(pk)
        return plus(a, check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def add_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a + b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return plus(a, check_coder(coder, key).encode(b, output_dtype), key)

    @staticmethod
    def sub(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """a - b, elementwise."""
        return combined(a, b, check_public(pk), subtract=True)

    @staticmethod
    def sub_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a - b, elementwise, for a tensor b."""
        key = check_public(pk)
        return plus(a, negative(check_coder(coder, key).encode_tensor(b)), key)

    @staticmethod
    def sub_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a - b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return plus(a, negative(check_coder(coder, key).encode(b, output_dtype)), key)

    @staticmethod
    def rsub(a: CiphertextVector, b: CiphertextVector, pk: PK) -> CiphertextVector:
        """b - a, elementwise."""
        return combined(b, a, check_public(pk), subtract=True)

    @staticmethod
    def rsub_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """b - a, elementwise, for a tensor b."""
        key = check_public(pk)
        return plus(inverse(a, key), check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def rsub_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """b - a for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return plus(inverse(a, key), check_coder(coder, key).encode(b, output_dtype), key)

    # Products.

    @staticmethod
    def mul_plain(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any = None) -> CiphertextVector:
        """a * b, elementwise, for a tensor b."""
        key = check_public(pk)
        return times(a, check_coder(coder, key).encode_tensor(b), key)

    @staticmethod
    def mul_plain_scalar(a: CiphertextVector, b: Any, pk: PK, coder: Coder, output_dtype: Any) -> CiphertextVector:
        """a * b for one number b, encoded by output_dtype."""
        key = check_public(pk)
        return times(a, check_coder(coder, key).encode(b, output_dtype), key)

    @staticmethod
    def matmul(
        a: CiphertextVector, b: Any, a_shape: Any, b_shape: Any, pk: PK, coder: Coder, output_dtype: Any
    ) -> CiphertextVector:
        """a @ b for matrices of these shapes, both in C order; the elements of the product in C order."""
        key = check_public(pk)
        encoded = check_coder(coder, key).encode_tensor(b)
        left = check_matrix(a_shape, len(expected(CiphertextVector, a)), "a")
        right = check_matrix(b_shape, len(encoded), "b")
        check_inner(left, right)
        residues, exponents = a.parts(key)
        product, total = matrix_product(residues.reshape(*left), exponents.reshape(left), encoded, right)
        return CiphertextVector(key, product.ravel(), total.ravel())

    @staticmethod
    def rmatmul(
        a: CiphertextVector, b: Any, a_shape: Any, b_shape: Any, pk: PK, coder: Coder, output_dtype: Any
    ) -> CiphertextVector:
        """b @ a for matrices of these shapes, both in C order; the elements of the product in C order."""
        key = check_public(pk)
        encoded = check_coder(coder, key).encode_tensor(b)
        right = check_matrix(a_shape, len(expected(CiphertextVector, a)), "a")
        left = check_matrix(b_shape, len(encoded), "b")
        check_inner(left, right)
        residues, exponents = a.parts(key)
        # b @ a is the transpose of a.T @ b.T.
        flipped = np.arange(len(encoded)).reshape(left).T.ravel()
        turned = PlaintextVector(encoded.significands[flipped], encoded.exponents[flipped])
        product, total = matrix_product(residues.reshape(*right).T, exponents.reshape(right).T, turned, left[::-1])
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
        combine_in_place(a, b, sa, sb, size, check_public(pk), subtract=False)

    @staticmethod
    def i_sub(
        pk: PK, a: CiphertextVector, b: CiphertextVector, sa: int = 0, sb: int = 0, size: int | None = None
    ) -> None:
        """a[sa:sa+size] -= b[sb:sb+size]; as i_add."""
        combine_in_place(a, b, sa, sb, size, check_public(pk), subtract=True)

    @staticmethod
    def i_update(pk: PK, a: CiphertextVector, b: CiphertextVector, positions: Any, stride: int) -> None:
        """Histograms: a[p * stride + k] += b[i * stride + k] for each sample i, each p in positions[i], each k < stride.

        Args:
            positions: for each sample, the places of its bins. Samples beyond them are left out.

        Raises:
            RangeError: a place is outside `a`, or there are more positions than samples; nothing was changed.
        """
        key = check_public(pk)
        width = stride_of(stride)
        counts, bins = flattened(positions)
        update(a, b, np.arange(len(counts)), counts, bins, width, key)

    @staticmethod
    def i_update_with_masks(
        pk: PK, a: CiphertextVector, b: CiphertextVector, positions: Any, masks: Any, stride: int
    ) -> None:
        """As i_update, for the samples whose mask is True: positions[j] belongs to the j-th of them."""
        key = check_public(pk)
        width = stride_of(stride)
        counts, bins = flattened(positions)
        kept = as_array(masks)
        if kept.size and kept.dtype != bool:
            raise ArgumentTypeError(f"masks are booleans, not {kept.dtype}")
        if kept.ndim != 1:
            raise ArgumentTypeError(f"masks have one axis, and not the shape {kept.shape}")
        (samples,) = kept.nonzero()
        samples = samples[: len(counts)]
        update(a, b, samples, counts[: len(samples)], bins, width, key)

    @staticmethod
    def i_shuffle(pk: PK, a: CiphertextVector, indices: Any) -> None:
        """a = a[indices], for a permutation."""
        key = check_public(pk)
        residues, exponents = expected(CiphertextVector, a).parts(key)
        order = permutation(indices, len(a), "i_shuffle")
        a.assign(key, residues[order], exponents[order])

    # Places.

    @staticmethod
    def slice(a: CiphertextVector, start: int, size: int) -> CiphertextVector:
        """a[start:start+size].

        Raises:
            RangeError: the vector ends before.
        """
        return expected(CiphertextVector, a).slice(start, size)

    @staticmethod
    def shuffle(pk: PK, a: CiphertextVector, indices: Any) -> CiphertextVector:
        """a[indices], for a permutation.

        Raises:
            ParameterError: it is none.
        """
        expected(CiphertextVector, a).parts(check_public(pk))
        return a.take(permutation(indices, len(a), "shuffle"))

    @staticmethod
    def intervals_slice(a: CiphertextVector, intervals: Sequence[tuple[int, int]]) -> CiphertextVector:
        """a[start:end] of each interval, one after the other.

        Raises:
            RangeError: an interval leaves the vector.
        """
        size, runs = len(expected(CiphertextVector, a)), [np.empty(0, dtype=np.int64)]
        for interval in listed("intervals", intervals):
            pair = listed("the start and the end of an interval", interval)
            if len(pair) != 2:
                raise ParameterError(f"an interval has a start and an end, and not {len(pair)} numbers")
            start, end = whole("a start", pair[0]), whole("an end", pair[1])
            if not start <= end <= size:
                raise RangeError(f"intervals_slice: elements {start} to {end} of a vector of {size} were asked for")
            runs.append(np.arange(start, end))
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
        sizes = [whole("a chunk's size", size) for size in listed("the chunks' sizes", chunk_sizes)]
        cumsum(a, sizes, stride_of(step), check_public(pk))

    @staticmethod
    def pack_squeeze(a: CiphertextVector, pack_num: int, shift_bit: int, pk: PK) -> CiphertextVector:
        """`pack_num` plaintexts side by side in one, shift_bit apart, the first one highest; the last may have fewer.

        Significands move as they are, whatever their exponents, and the result has exponent 0: made for packed numbers.
        Source: Horner's rule; "cipher compressing" of Chen et al., SecureBoost+ (arXiv:2110.10927), section 3.3.
        """
        return squeezed(a, whole("pack_num", pack_num), whole("shift_bit", shift_bit), check_public(pk))
