"""Arrays of ciphertexts, with numpy's ways.

A CiphertextArray is immutable: residues modulo n^2, the account of what their plaintexts may be (scale and bound, or
packed fields), and whether it is fresh. Every operation computes the account of its result first, so what could
overflow raises before any work is done.

What operations do to plaintexts: the product of ciphertexts adds, a power multiplies by an integer. Time depends on
plaintext operands: see docs/security.md, Timing.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._arguments import axes_of, whole
from hepy._columns import plain
from hepy._immutable import Immutable
from hepy._numpy_manners import NumpyManners, Protocols
from hepy._shapes import Move, Shaped
from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.bigint import stack as stack_residues
from hepy.bigint.integers import check_unmasked
from hepy.bigint.residues import check_bins
from hepy.errors import KeyMismatchError, ParameterError, ScaleMismatchError
from hepy.paillier.encoding import Numbers, encode, encode_number, numbers
from hepy.paillier.packing import Fields, Packed
from hepy.paillier.squeezing import Squeezed

if TYPE_CHECKING:
    from hepy.paillier.keys import PublicKey
    from hepy.paillier.pools import Pool

Account = Numbers | Fields | Squeezed

_MOST_SEGMENTS = 1 << 40

# Encryptions and rerandomizations of this process are numbered: which of them the ciphertexts of an array are from.
Draws = frozenset[int]
_NONE: Draws = frozenset()
_numbers_of_draws = itertools.count()


class CiphertextArray(Shaped, NumpyManners, Immutable):
    """Encrypted numbers of any shape under one public key.

    Made by PublicKey.encrypt. Supports indexing, slicing and broadcasting as numpy does; `+ - *` with numbers and
    arrays of numbers, `+ -` with ciphertexts, `@` with plaintext matrices on either side.
    """

    __slots__ = ("_account", "_draws", "_public_key", "_residues", "_seeded")
    __pandas_priority__ = 5000  # above Series and DataFrame: `series + ciphertexts` comes to __radd__

    def __init__(
        self,
        public_key: PublicKey,
        residues: ResidueArray,
        account: Account,
        *,
        fresh: bool = False,
        seeded: bool = False,
    ) -> None:
        self._public_key = public_key
        self._residues = residues
        self._account = account
        self._draws = frozenset((next(_numbers_of_draws),)) if fresh else _NONE
        self._seeded = seeded

    def __repr__(self) -> str:
        account = self._account
        item = account.item if isinstance(account, Squeezed) else account
        what = f"scale_bits={item.scale_bits}"
        if isinstance(item, Fields):
            what = f"field_bits={item.field_bits}, {what}"
        if isinstance(account, Squeezed):
            what = f"slots={account.slots}, {what}"
        return (
            f"CiphertextArray(shape={self.shape}, {what}, headroom_bits={self.headroom_bits}, fresh={self.fresh}, "
            f"device={self.device!r}, key={self._public_key.fingerprint[:16]!r}"
            + (", insecure=True" if self._public_key.insecure else "")
            + (", seeded=True)" if self._seeded else ")")
        )

    def __reduce__(self) -> Any:
        from hepy.paillier.codec import restore, wire_bytes

        return restore, wire_bytes(self)

    # What it is. Properties over slots, so that nobody assigns them; operations read the slots, which takes less time.

    @property
    def public_key(self) -> PublicKey:
        """The key."""
        return self._public_key

    @property
    def residues(self) -> ResidueArray:
        """Ciphertexts modulo n**2."""
        return self._residues

    @property
    def account(self) -> Account:
        """Scale and bound of the plaintexts, their packed fields, or what is squeezed into them."""
        return self._account

    @property
    def fresh(self) -> bool:
        """Whether every element was encrypted or rerandomized, none twice, and nothing was computed since.

        What is not fresh may tell how it was computed: hepy.save and hepy.dumps rerandomize it first.
        """
        return bool(self._draws)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._residues.shape

    @property
    def device(self) -> str:
        """Name of the device that holds the residues."""
        return self._residues.device.name

    @property
    def packed(self) -> bool:
        """Whether plaintexts are packed fields."""
        return isinstance(self._account, Fields)

    @property
    def squeezed(self) -> bool:
        """Whether squeeze_pack made it."""
        return isinstance(self._account, Squeezed)

    @property
    def scale_bits(self) -> int:
        """Fraction bits of the plaintexts; packed arrays have some for each field, in .account."""
        scale = self._account.scale_bits
        return scale if isinstance(scale, int) else 0

    @property
    def headroom_bits(self) -> int:
        """How many doublings surely fit before an operation raises EncodingOverflowError; known without decrypting."""
        if isinstance(self._account, Fields):
            return self._account.headroom_bits()
        return 0 if isinstance(self._account, Squeezed) else self._account.headroom_bits(self._public_key.n)

    def digest(self) -> str:
        """SHA-256 of the wire form of the array as it stands, in hexadecimal."""
        from hepy import wire

        return wire.digest(self)

    # Shapes.

    def __getitem__(self, index: Any) -> CiphertextArray:
        # The same ciphertext in two places tells that two values are equal, so repetition ends freshness.
        residues = self._residues[index]
        return self._same(residues, fresh=self.fresh and residues.distinct())

    def rearranged(self, function: Move) -> CiphertextArray:
        residues = self._residues.rearranged(function)
        return self._same(residues, fresh=self.fresh and residues.distinct())

    def _permuted(self, function: Move) -> CiphertextArray:
        return self._same(self._residues.rearranged(function), fresh=self.fresh)

    def _same(self, residues: ResidueArray, *, fresh: bool) -> CiphertextArray:
        """The same plaintexts, or some of them, from these residues."""
        made = CiphertextArray(self._public_key, residues, self._account, seeded=self._seeded)
        made._draws = self._draws if fresh else _NONE
        return made

    def _computed(
        self, residues: ResidueArray, account: Account, other: CiphertextArray | None = None
    ) -> CiphertextArray:
        made = CiphertextArray(self._public_key, residues, account)
        made._seeded = self._seeded or (other is not None and other._seeded)
        return made

    def to(self, device: str) -> CiphertextArray:
        """The same ciphertexts on another device."""
        return self._same(self._residues.to(device), fresh=self.fresh)

    def rerandomize(self, *, pool: Pool | None = None, seed: bytes | None = None) -> CiphertextArray:
        """The same plaintexts in ciphertexts that tell nothing about how they were computed.

        Args:
            pool: obfuscators prepared ahead by PublicKey.pool(count, rerandomize=True), each used once.
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Raises:
            KeyMismatchError: the pool is another key's.
            ParameterError: the pool is for encryption only, or `seed` is not 32 bytes, or goes with a pool.
            PoolExhaustedError: the pool has fewer left than there are ciphertexts.
        """
        residues = self._public_key.rerandomize(self._residues, seed, pool)
        seeded = seed is not None or (pool is not None and pool.seeded)
        return CiphertextArray(self._public_key, residues, self._account, fresh=True, seeded=seeded)

    # Sums.

    def add(self, other: Any, *, scale_bits: int | None = None, value_bits: int | None = None) -> CiphertextArray:
        """self + other, elementwise; scale_bits and value_bits say how to encode a plaintext `other`.

        Raises:
            EncodingOverflowError: the sum could exceed the plaintext space, or `other` its declared bound.
            KeyMismatchError: the keys differ.
            ScaleMismatchError: packed arrays have different fields.
        """
        if isinstance(other, CiphertextArray):
            return self._add_ciphertexts(other)
        if isinstance(other, Packed) or isinstance(self._account, Fields):
            return self._add_packed(other)
        encodings, account = _encode(other, scale_bits, value_bits)
        return self._add_encodings(encodings, account)

    def subtract(self, other: Any, *, scale_bits: int | None = None, value_bits: int | None = None) -> CiphertextArray:
        """self - other, elementwise; arguments and errors as for add."""
        if isinstance(other, CiphertextArray):
            self._check_key(other)
            if isinstance(self._account, Fields):
                return self._subtract_packed(other)
            left, right, account = self._aligned(other, "the difference")
            return self._computed(left.divide(right), account, other)
        if isinstance(other, Packed) or isinstance(self._account, Fields):
            return self._subtract_packed(other)
        encodings, account = _encode(other, scale_bits, value_bits)
        return self._add_encodings(_negative(encodings), account)

    __add__ = __radd__ = add
    __sub__ = subtract

    def __rsub__(self, other: Any) -> CiphertextArray:
        if isinstance(other, Packed):
            with _devices.device(self._residues.device):
                embedded = self._public_key.embed(other.encodings)
            return CiphertextArray(self._public_key, embedded, other.fields)._subtract_packed(self)
        return (-self).add(other)

    def __neg__(self) -> CiphertextArray:
        self._numbers("negation")
        return self._computed(self._residues.inverse(), self._account)

    def __pos__(self) -> CiphertextArray:
        return self

    def _add_ciphertexts(self, other: CiphertextArray) -> CiphertextArray:
        self._check_key(other)
        mine, theirs = self._account, other._account
        if isinstance(mine, Numbers) and isinstance(theirs, Numbers) and mine._scale_bits == theirs._scale_bits:
            account = mine.plus(theirs).within(self._public_key.n, "the sum")
            return self._computed(self._residues.multiply(other._residues), account, other)
        if isinstance(mine, Fields) or isinstance(theirs, Fields):
            fields = self._fields("addition").plus(other._fields("addition")).within(self._public_key.n, "the sum")
            return self._computed(self._residues.multiply(other._residues), fields, other)
        left, right, account = self._aligned(other, "the sum")
        return self._computed(left.multiply(right), account, other)

    def _add_encodings(self, encodings: int | npt.NDArray[Any], account: Numbers) -> CiphertextArray:
        own, n = self._account, self._public_key.n
        if not isinstance(own, Numbers):
            own = self._numbers("addition")  # says why not
        if own._scale_bits == account._scale_bits:
            total = own.plus(account).within(n, "the sum")
            return self._computed(self._residues.multiply_principal(encodings), total)
        scale = max(own.scale_bits, account.scale_bits)
        total = own.shifted(scale - own.scale_bits).plus(account.shifted(scale - account.scale_bits))
        total = total.within(n, "the sum")
        if scale > account.scale_bits:
            if not isinstance(encodings, int):
                encodings = encodings.astype(object)
            encodings = encodings * (1 << (scale - account.scale_bits))
        return self._computed(self._upscaled(scale).multiply_principal(encodings), total)

    def _aligned(self, other: CiphertextArray, operation: str) -> tuple[ResidueArray, ResidueArray, Numbers]:
        """Both at the larger scale, which is exact, and the account of their sum or difference."""
        mine, theirs = self._account, other._account
        if not (isinstance(mine, Numbers) and isinstance(theirs, Numbers)):
            mine, theirs = self._numbers(operation), other._numbers(operation)  # say why not
        if mine._scale_bits == theirs._scale_bits:
            return self._residues, other._residues, mine.plus(theirs).within(self._public_key.n, operation)
        scale = max(mine.scale_bits, theirs.scale_bits)
        total = mine.shifted(scale - mine.scale_bits).plus(theirs.shifted(scale - theirs.scale_bits))
        account = total.within(self._public_key.n, operation)
        return self._upscaled(scale), other._upscaled(scale), account

    def _upscaled(self, scale_bits: int) -> ResidueArray:
        more = scale_bits - self._numbers("aligning scales").scale_bits
        return self._residues.power_vartime(1 << more) if more else self._residues

    # Products with plaintexts.

    def multiply(self, other: Any, *, scale_bits: int | None = None, value_bits: int | None = None) -> CiphertextArray:
        """self * other for plaintext numbers, elementwise; the scales add.

        Args:
            other: numbers that broadcast against this array. Packed arrays take one common integer >= 0.
            scale_bits, value_bits: how to encode them, as for encrypt.

        Raises:
            EncodingOverflowError: the product could exceed the plaintext space, or `other` its declared bound.
            ParameterError: `other` is encrypted as well, which Paillier cannot multiply.
        """
        self._refuse_ciphertext(other)
        if isinstance(self._account, Fields):
            return self._multiply_packed(other)
        own = self._numbers("multiplication")
        encodings, account = _encode(other, scale_bits, value_bits)
        total = own.times(account).within(self._public_key.n, "the product")
        if not isinstance(encodings, int):
            _broadcast_shape(self.shape, encodings.shape)
        return self._computed(self._residues.power_vartime(encodings), total)

    __mul__ = __rmul__ = multiply

    def matmul(self, matrix: Any, *, scale_bits: int | None = None, value_bits: int | None = None) -> CiphertextArray:
        """self @ matrix for a plaintext vector or matrix, by multi-exponentiation; arguments as for multiply.

        Shapes go together as in numpy.matmul.
        """
        self._refuse_ciphertext(matrix)
        own = self._numbers("a product with a matrix")
        encodings, account = encode(matrix, scale_bits, value_bits)
        if self.ndim == 0 or encodings.ndim == 0 or self.shape[-1] != encodings.shape[max(encodings.ndim - 2, 0)]:
            raise _unfit(self.shape, encodings.shape)
        total = own.times(account, self.shape[-1]).within(self._public_key.n, "the product with a matrix")
        return self._computed(_matmul(self._residues, encodings), total)

    def __matmul__(self, matrix: Any) -> CiphertextArray:
        return self.matmul(matrix)

    def __rmatmul__(self, matrix: Any) -> CiphertextArray:
        self._refuse_ciphertext(matrix)
        array = _devices.to_host(numbers(matrix))
        if array.ndim == 0 or self.ndim == 0 or array.shape[-1] != self.shape[max(self.ndim - 2, 0)]:
            raise _unfit(array.shape, self.shape)
        if self.ndim == 1:
            return self.matmul(array if array.ndim == 1 else np.swapaxes(array, -1, -2))
        flipped = self.transpose(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)
        if array.ndim == 1:
            return flipped.matmul(array)
        out = flipped.matmul(np.swapaxes(array, -1, -2))
        return out.transpose(*range(out.ndim - 2), out.ndim - 1, out.ndim - 2)

    def dot(self, vector: Any, *, scale_bits: int | None = None, value_bits: int | None = None) -> CiphertextArray:
        """Sum over the last axis of self * vector; a matrix works as in matmul."""
        return self.matmul(vector, scale_bits=scale_bits, value_bits=value_bits)

    # Sums of many.

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> CiphertextArray:
        """Sums over one axis, several, or all; of nothing, zero.

        Raises:
            EncodingOverflowError: that many terms could exceed the plaintext space or a packed field.
        """
        axes = axes_of(axis, self.ndim)
        terms = math.prod(self.shape[a] for a in axes)
        account = self._of_many(terms, "the sum")
        residues = self._residues.prod(axes)
        if keepdims:
            residues = residues.reshape(tuple(1 if a in axes else size for a, size in enumerate(self.shape)))
        return self._computed(residues, account)

    def cumsum(self, axis: int | None = None) -> CiphertextArray:
        """Running sums along an axis, or over the flattened array."""
        if isinstance(axis, tuple):
            raise ParameterError(f"running sums go along one axis, or over all of the array with None, not {axis}")
        if axis is not None:
            (axis,) = axes_of(axis, self.ndim)
        terms = self.size if axis is None else self.shape[axis]
        account = self._of_many(terms, "the running sum")
        return self._computed(self._residues.cumprod(axis), account)

    def segment_sum(self, bins: Any, num_segments: int, mask: Any = None) -> CiphertextArray:
        """Sums of the elements that share a bin: the histograms of gradient boosting.

        Args:
            bins: integers in [0, num_segments), of this array's shape, or with leading axes more, for many features
                at once: bins[f, i] is the bin of sample i in feature f.
            num_segments: how many bins there are.
            mask: booleans that broadcast against bins; False leaves a sample out.

        Returns: shape (num_segments,), or (features, num_segments).
        Raises:
            EncodingOverflowError: all samples in one bin could exceed the plaintext space or a packed field.
            ParameterError: shapes do not fit, or a bin is out of range.
        Hazards:
            Empty bins are the ciphertext 1, and bins tell their members to whoever knows the samples: rerandomize()
            before they leave, as hepy.dumps and hepy.save do.
        """
        num_segments = whole("num_segments", num_segments, 0, _MOST_SEGMENTS)
        bins, mask = check_bins(self.shape, plain(bins), num_segments, plain(mask))
        account = self._of_many(self.size, "a segment's sum")
        return self._computed(self._residues.segment_product(bins, num_segments, mask), account)

    def _of_many(self, terms: int, operation: str) -> Account:
        terms = max(terms, 1)
        n = self._public_key.n
        if isinstance(self._account, Fields):
            return self._account.times(terms).within(n, f"{operation} of {terms} elements")
        one = Numbers(0, 1)
        return self._numbers(operation).times(one, terms).within(n, f"{operation} of {terms} elements")

    # Before decryption.

    def squeeze_pack(self, slots: int | None = None) -> CiphertextArray:
        """Neighbours on the last axis together in one ciphertext each, to be sent and decrypted.

        Takes a squaring for each bit of the plaintexts that is filled. Whoever decrypts, and whatever rerandomizes and
        sends, does `slots` times less.

        Args:
            slots: how many go into one. None takes as many as the key holds, or as the axis has.

        Returns: shape (..., ceil(last / slots)), with which nothing is computed any more. Its decryption has shape
            (..., ceil(last / slots), slots): place j of ciphertext i holds element i * slots + j, and where there is no
            such element, zero. Packed fields stay packed.
        Raises:
            EncodingOverflowError: the key has no room for so many numbers of this bound, or records of this layout.
            ParameterError: the array has no axis, or is squeezed already.
        """
        item = self._squeezable()
        *leading, length = self.shape
        account = Squeezed.choose(item, slots, length, self._public_key.n)
        short = -length % account.slots
        residues = self._residues
        with _devices.device(residues.device):
            if short:  # filled up with encryptions of zero
                ones = residues.modulus.ones((*leading, short))
                residues = concatenate_residues([residues, ones], axis=-1)
            places = residues.reshape(*leading, (length + short) // account.slots, account.slots)
            out = places[..., -1]
            for place in reversed(range(account.slots - 1)):
                out = out.power_vartime(1 << account.stride).multiply(places[..., place])
        if account.lift:
            out = out.multiply_principal(account.lift)
        return self._computed(out, account)

    def _squeezable(self) -> Numbers | Fields:
        if isinstance(self._account, Squeezed):
            raise self._too_late("squeezing")
        if self.ndim == 0:
            raise ParameterError("squeezing puts neighbours of an axis together, and this array has no axis")
        return self._account

    # Packed fields.

    def _add_packed(self, other: Any) -> CiphertextArray:
        if not isinstance(other, Packed):
            raise ParameterError(
                "packed ciphertexts add to packed ciphertexts and to paillier.pack(...) of the same fields only"
            )
        account = self._fields("addition").plus(other.fields).within(self._public_key.n, "the sum")
        return self._computed(self._residues.multiply_principal(other.encodings), account)

    def _subtract_packed(self, other: Any) -> CiphertextArray:
        own = self._fields("subtraction")
        if isinstance(other, CiphertextArray):
            theirs = other._fields("subtraction")
        elif isinstance(other, Packed):
            theirs = other.fields
        else:
            raise ParameterError("from packed ciphertexts only packed ciphertexts and paillier.pack(...) subtract")
        # A field of `other` is below terms 2^(value_bits + 1): so many biases keep the difference from going below 0.
        biases = 2 * theirs.terms
        total = replace(own.plus(theirs), count=own.count + biases)
        account = total.within(self._public_key.n, "the difference")
        if isinstance(other, Packed):
            negative = np.asarray(own.biases(biases) - other.encodings, dtype=object)
            return self._computed(self._residues.multiply_principal(negative), account)
        lifted = self._residues.multiply_principal(own.biases(biases))
        return self._computed(lifted.divide(other._residues), account, other)

    def _multiply_packed(self, other: Any) -> CiphertextArray:
        check_unmasked(other)
        factor = np.asarray(other)
        if factor.ndim or factor.dtype.kind not in "iuO" or not isinstance(factor.item(), int) or factor.item() < 0:
            raise ParameterError(
                "packed ciphertexts are multiplied by one common integer of at least 0: other factors would mix the "
                "fields. Unpack and encrypt separately for elementwise, negative or fractional factors"
            )
        k = int(factor.item())
        account = self._fields("multiplication").times(max(k, 1)).within(self._public_key.n, "the product")
        return self._computed(self._residues.power_vartime(k), account)

    # numpy hands its functions over.

    def _protocols(self) -> Protocols:
        from hepy.paillier.numpy_protocols import PROTOCOLS

        return PROTOCOLS

    def _no_numbers(self) -> str:
        return "key.decrypt(x) gives numbers, and x.residues.to_ints() the ciphertexts as integers"

    # Checks.

    def _check_key(self, other: CiphertextArray) -> None:
        mine, theirs = self._public_key, other._public_key
        if mine is not theirs and mine != theirs:
            raise KeyMismatchError(
                f"operands belong to different keys: {mine.fingerprint[:16]} ({mine.variant}, {mine.bits} bits) and "
                f"{theirs.fingerprint[:16]} ({theirs.variant}, {theirs.bits} bits): encrypt both under one key"
            )

    def _refuse_ciphertext(self, other: Any) -> None:
        if isinstance(other, CiphertextArray):
            raise ParameterError(
                "Paillier cannot multiply ciphertexts with each other: one operand has to be plaintext (CKKS can)"
            )
        if isinstance(other, Packed):
            raise ParameterError("packed values are no factors: they add to packed ciphertexts only")

    def _numbers(self, operation: str) -> Numbers:
        if isinstance(self._account, Numbers):
            return self._account
        if isinstance(self._account, Squeezed):
            raise self._too_late(operation)
        raise ParameterError(
            f"{operation} is not defined for packed ciphertexts: they add, subtract, and take one common factor"
        )

    def _fields(self, operation: str) -> Fields:
        if isinstance(self._account, Squeezed):
            raise self._too_late(operation)
        if isinstance(self._account, Numbers):
            raise ParameterError(
                f"{operation} of packed and unpacked ciphertexts: pack both with paillier.pack before encryption"
            )
        return self._account

    def _too_late(self, operation: str) -> ParameterError:
        return ParameterError(
            f"{operation} is not defined for squeezed ciphertexts, whose places have no room left: compute first, "
            "squeeze_pack() comes last"
        )


def concatenate(arrays: Sequence[CiphertextArray], axis: int = 0) -> CiphertextArray:
    """Join arrays along an axis, as numpy.concatenate; scales are aligned, the bound is the largest."""
    return _joined(arrays, lambda parts: concatenate_residues(parts, axis))


def stack(arrays: Sequence[CiphertextArray], axis: int = 0) -> CiphertextArray:
    """Join arrays of one shape along a new axis, as numpy.stack."""
    return _joined(arrays, lambda parts: stack_residues(parts, axis))


def _joined(arrays: Sequence[CiphertextArray], join: Callable[[list[ResidueArray]], ResidueArray]) -> CiphertextArray:
    arrays = list(arrays)
    if not arrays:
        raise ParameterError("nothing to join: give at least one array")
    for array in arrays:
        if not isinstance(array, CiphertextArray):
            raise ParameterError(f"arrays of ciphertexts were expected, not {type(array).__name__}: encrypt it first")
        arrays[0]._check_key(array)
    account, aligned = _common(arrays)
    made = CiphertextArray(arrays[0]._public_key, join(aligned), account, seeded=any(array._seeded for array in arrays))
    # What shares a draw may repeat ciphertexts, and what took another scale was computed.
    draws = _NONE.union(*(array._draws for array in arrays))
    apart = len(draws) == sum(len(array._draws) for array in arrays)
    untouched = all(new is array._residues for new, array in zip(aligned, arrays, strict=True))
    if apart and untouched and all(array.fresh for array in arrays):
        made._draws = draws
    return made


def _common(arrays: list[CiphertextArray]) -> tuple[Account, list[ResidueArray]]:
    """An account that holds for all, and the residues that go with it."""
    first = arrays[0]._account
    if all(array._account == first for array in arrays):
        return first, [array._residues for array in arrays]
    if isinstance(first, Fields):
        fields = functools.reduce(Fields.either, (array._fields("joining") for array in arrays))
        return fields, [array._residues for array in arrays]
    if isinstance(first, Squeezed):
        raise ScaleMismatchError("squeezed arrays are joined if they hold as many places of the same bounds or fields")
    own = [array._numbers("joining") for array in arrays]
    scale = max(one.scale_bits for one in own)
    bound = max(one.shifted(scale - one.scale_bits).bound for one in own)
    account = Numbers(scale, bound).within(arrays[0]._public_key.n, "aligning scales")
    return account, [array._upscaled(scale) for array in arrays]


def _matmul(residues: ResidueArray, matrix: npt.NDArray[Any]) -> ResidueArray:
    """numpy.matmul's shapes, from products of (..., K) with (K,) or (K, M)."""
    if matrix.ndim <= 2:
        return residues.multi_power_vartime(matrix)
    if residues.ndim == 1:
        return _matmul(residues.reshape(1, -1), matrix)[..., 0, :]
    lead = _broadcast_shape(residues.shape[:-2], matrix.shape[:-2])
    products = math.prod(lead)
    left = residues.broadcast_to(lead + residues.shape[-2:]).reshape(products, *residues.shape[-2:])
    right = np.broadcast_to(matrix, lead + matrix.shape[-2:]).reshape(products, *matrix.shape[-2:])
    parts = [left[i].multi_power_vartime(right[i]) for i in range(products)]
    shape = (*lead, residues.shape[-2], matrix.shape[-1])
    return concatenate_residues(parts).reshape(shape) if parts else left.reshape(shape)


def _unfit(left: tuple[int, ...], right: tuple[int, ...]) -> ParameterError:
    return ParameterError(
        f"shapes {left} @ {right} do not go together: the last axis of the first has to match the last but one of the "
        "second (or its only one)"
    )


def _encode(values: Any, scale_bits: int | None, value_bits: int | None) -> tuple[int | npt.NDArray[Any], Numbers]:
    """Encodings and account of one number or of an array of them."""
    if type(values) is int or type(values) is float:
        return encode_number(values, scale_bits, value_bits)
    return encode(values, scale_bits, value_bits)


def _negative(encodings: int | npt.NDArray[Any]) -> int | npt.NDArray[Any]:
    if isinstance(encodings, int):
        return -encodings
    if encodings.dtype != object and encodings.size and int(encodings.min()) == -(1 << 63):
        encodings = encodings.astype(object)
    return np.asarray(-encodings)


def _broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ParameterError(f"operands of shapes {a} and {b} cannot be broadcast together") from None
