"""EncryptedArray: many encrypted numbers in one batch, with numpy's manners and an exponent for each.

It stands where phe's users have a list or an array of objects: numpy's functions take it, indexing it gives
EncryptedNumbers, and list(it) is a list of them. What an operation does to exponents is what phe does number by number.
numpy_functions.py has what numpy's functions call, and few.py what arrays of few numbers do in place of batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from hepy import _devices
from hepy._arguments import axes_of
from hepy._limbs import MPZ, object_array
from hepy._shapes import Move, Places, Shaped, moved
from hepy.bigint import ResidueArray, concatenate, stack
from hepy.errors import ParameterError
from hepy.interop.phe.deferred import Result, compute_all, inverses
from hepy.interop.phe.errors import ArgumentTypeError, ProductError
from hepy.interop.phe.few import Few, are_few
from hepy.interop.phe.numbers import EncryptedNumber, lowering_factor
from hepy.interop.phe.operands import Exponents, Objects, broadcast, check_keys, encode, lowering_factors, objects
from hepy.interop.phe.public import PaillierPublicKey


class EncryptedArray(Shaped):
    """Encrypted numbers of any shape under one key: PaillierPublicKey.encrypt_array makes it, or EncryptedArray.of.

    Supports indexing and slicing, `+ - *` with arrays, numbers and encrypted numbers, `/` and `@` with plain ones,
    broadcasting as numpy does. Other functions of numpy get an array of EncryptedNumbers, and work one by one.

    Attributes:
        public_key: the key.
        residues: the ciphertexts, a hepy.bigint.ResidueArray modulo n**2.
        exponents: int64 of the same shape.
        obfuscated: whether the ciphertexts tell nothing of how they were computed.
    """

    __slots__ = ("_ciphertexts", "_exponents", "_few", "_residues", "_shape", "obfuscated", "public_key")

    def __init__(
        self, public_key: PaillierPublicKey, residues: ResidueArray, exponents: Any, *, obfuscated: bool = False
    ) -> None:
        self.public_key = public_key
        self._shape = residues.shape
        self.obfuscated = obfuscated
        # The numbers are here in one form at least, and the other is made when it is wanted.
        self._residues: ResidueArray | None = residues
        self._exponents: Exponents | None = _read_only(exponents, residues.shape)
        self._few: Few | None = None
        self._ciphertexts: Objects | None = None

    @classmethod
    def of_few(cls, few: Few, shape: tuple[int, ...], *, obfuscated: bool = False) -> EncryptedArray:
        """An array of that shape of few numbers."""
        array = cls.__new__(cls)
        array.public_key, array._shape, array.obfuscated = few.public_key, shape, obfuscated
        array._residues = array._exponents = array._ciphertexts = None
        array._few = few
        return array

    @classmethod
    def encrypt(cls, public_key: PaillierPublicKey, values: Any, precision: float | None = None) -> EncryptedArray:
        """See PaillierPublicKey.encrypt_array."""
        numbers = objects(values)
        encodings, exponents = encode(public_key, numbers, precision=precision)
        flat = encodings.ravel()

        def hidden(obfuscators: ResidueArray, start: int, stop: int) -> ResidueArray:
            return obfuscators.multiply_principal(flat[start:stop])

        residues = public_key.obfuscators.blind(numbers.shape, hidden)
        return cls(public_key, residues, exponents, obfuscated=True)

    @classmethod
    def of(cls, numbers: Any) -> EncryptedArray:
        """An array of EncryptedNumbers that exist: a list, an array of objects, any iterable; itself if it is one.

        Raises:
            ArgumentTypeError: something else is among them (a TypeError).
            KeyMismatchError: they belong to different keys (a ValueError).
            ParameterError: there are none, so no key is known (a ValueError).
        """
        if isinstance(numbers, cls):
            return numbers
        given = objects(numbers)
        if not given.size:
            raise ParameterError("an array of no numbers has no key: give at least one EncryptedNumber")
        flat = given.ravel().tolist()
        for number in flat:
            if not isinstance(number, EncryptedNumber):
                raise ArgumentTypeError(f"EncryptedNumbers were expected, and there is a {type(number).__name__}")
        key = flat[0].public_key
        check_keys(key, [number.public_key for number in flat])
        values = compute_all(key.modulus, [number.result for number in flat])
        exponents, obfuscated = [number.exponent for number in flat], all(number.obfuscated for number in flat)
        if are_few(key, len(values)) and _devices.current().kind == "cpu":
            n = key.modulus.singles.n
            return cls.of_few(Few(key, [value % n for value in values], exponents), given.shape, obfuscated=obfuscated)
        residues = key.modulus.array(object_array(values, (len(values),))).reshape(given.shape)
        return cls(key, residues, np.array(exponents, dtype=np.int64).reshape(given.shape), obfuscated=obfuscated)

    def __repr__(self) -> str:
        return f"<EncryptedArray of shape {self.shape}, {self.public_key!r}>"

    def __reduce__(self) -> Any:
        return _restored, (self.public_key, self.ciphertexts(), np.array(self.exponents))

    # What it is.

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def residues(self) -> ResidueArray:
        if self._residues is None:
            assert self._few is not None
            with _devices.device("cpu"):
                self._residues = self.public_key.modulus.array(object_array(self._few.values, self.shape))
        return self._residues

    @property
    def exponents(self) -> Exponents:
        if self._exponents is None:
            assert self._few is not None
            self._exponents = _read_only(np.reshape(self._few.exponents, self.shape), self.shape)
        return self._exponents

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int and self._few and len(self._shape) == 1:
            return self._number(self._few.values[index], self._few.exponents[index])
        exponents = self.exponents[index]
        if not isinstance(exponents, np.ndarray) or not exponents.ndim:
            known = self._known()[index]  # with an ellipsis, an array without axes
            return self._number(known.item() if isinstance(known, np.ndarray) else known, int(exponents))
        if self._few and are_few(self.public_key, exponents.size):
            return self._of_places(self._few, self._places()[index])
        return self._with(self.residues[index], exponents)

    def __iter__(self) -> Iterator[Any]:
        return self._each() if self.ndim == 1 else super().__iter__()

    def rearranged(self, function: Move) -> EncryptedArray:
        if self._few:
            places = moved(function, self._places())
            if are_few(self.public_key, places.size):
                return self._of_places(self._few, places)
        return self._with(self.residues.rearranged(function), moved(function, self.exponents))

    def numbers(self) -> Objects:
        """An array of objects of this shape: EncryptedNumbers."""
        out = np.empty(self.size, dtype=object)
        out[:] = list(self._each())
        return out.reshape(self.shape)

    def tolist(self) -> Any:
        """EncryptedNumbers in nested lists."""
        return self.numbers().tolist()

    def ciphertexts(self, be_secure: bool = True) -> Objects:
        """The ciphertexts as integers, an array of objects of this shape; be_secure as for EncryptedNumber.ciphertext."""
        if be_secure and not self.obfuscated:
            self.obfuscate()
        return self._known().copy()

    def obfuscate(self) -> None:
        """Multiply each by a fresh obfuscator, in place."""
        flat = self.residues.ravel()

        def hidden(obfuscators: ResidueArray, start: int, stop: int) -> ResidueArray:
            return flat[start:stop].multiply(obfuscators)

        with _devices.device(self.residues.device):
            self._residues, self._exponents = self.public_key.obfuscators.blind(self.shape, hidden), self.exponents
        self.obfuscated, self._few, self._ciphertexts = True, None, None

    def _known(self) -> Objects:
        """Ciphertexts as integers, kept: a loop over an array asks for them one by one."""
        if self._ciphertexts is None:
            if self._few:
                self._ciphertexts = object_array([int(value) for value in self._few.values], self.shape)
            else:
                self._ciphertexts = self.residues.to_ints()
        return self._ciphertexts

    def _each(self) -> Iterator[EncryptedNumber]:
        """The numbers in C order."""
        if self._few:
            return map(self._number, self._few.values, self._few.exponents)
        return map(self._number, self._known().ravel().tolist(), self.exponents.ravel().tolist())

    def _number(self, ciphertext: Any, exponent: int) -> EncryptedNumber:
        """One of these ciphertexts, an integer of Python or gmpy2, as a number."""
        key, gmp = self.public_key, isinstance(ciphertext, MPZ)
        result = Result(key, ciphertext) if gmp else Result(key, None, ciphertext)
        return EncryptedNumber.of_result(key, result, exponent, obfuscated=self.obfuscated)

    def _with(self, residues: ResidueArray, exponents: Any) -> EncryptedArray:
        """Some of these ciphertexts, or all in another shape."""
        return EncryptedArray(self.public_key, residues, exponents, obfuscated=self.obfuscated)

    def _computed(self, residues: ResidueArray, exponents: Any) -> Any:
        """The result of a computation: an array, or a number if it has no axes."""
        if residues.ndim:
            return EncryptedArray(self.public_key, residues, exponents)
        result = Result(self.public_key, MPZ(residues.to_ints().item()))
        return EncryptedNumber.of_result(self.public_key, result, int(exponents), obfuscated=False)

    # One by one, where there are few.

    def few(self) -> Few | None:
        """The numbers, if they are few and on the host."""
        if self._few is None and are_few(self.public_key, self.size) and self.residues.device.kind == "cpu":
            values = [MPZ(value) for value in self._known().ravel().tolist()]
            self._few = Few(self.public_key, values, self.exponents.ravel().tolist())
        return self._few

    def _places(self) -> Places:
        """The numbers' own places, an array of this shape."""
        return np.arange(self.size).reshape(self._shape)

    def _of_places(self, few: Few, places: Places) -> EncryptedArray:
        """Some of these numbers, in the shape of their places."""
        taken = few.take(places.ravel().tolist())
        return EncryptedArray.of_few(taken, places.shape, obfuscated=self.obfuscated)

    def _few_with(self, other: EncryptedArray) -> tuple[Few, Few] | None:
        """Both arrays' numbers, as many of each, if they are few; only one number may have another shape."""
        left, right = self.few(), other.few()
        if left is None or right is None:
            return None
        if self.shape == other.shape:
            return left, right
        return (left, right.repeated(self.size)) if not other.ndim else None

    def _few_and_plain(self, plain: Objects) -> tuple[Few, list[Any]] | None:
        """These numbers and as many plain ones, if they are few."""
        few = self.few()
        if few is None or (plain.ndim and plain.shape != self.shape):
            return None
        return few, plain.ravel().tolist() if plain.ndim else [plain.item()] * self.size

    def _of_few(self, few: Few) -> Any:
        if self.ndim:
            return EncryptedArray.of_few(few, self.shape)
        return self._number_of(few.values[0], few.exponents[0])

    def _number_of(self, value: Any, exponent: int) -> EncryptedNumber:
        """The number that a computation gave."""
        return EncryptedNumber.of_result(self.public_key, Result(self.public_key, value), exponent)

    # Sums of two.

    def __add__(self, other: Any) -> Any:
        operand = self._operand(other)
        if isinstance(operand, EncryptedArray):
            if pair := self._few_with(operand):
                return self._of_few(pair[0].add(pair[1]))
            exponents = np.minimum(*broadcast(self.exponents, operand.exponents))
            return self._computed(self._lowered(exponents).multiply(operand._lowered(exponents)), exponents)
        if numbers := self._few_and_plain(operand):
            return self._of_few(numbers[0].add_plain(numbers[1]))
        own, plain = broadcast(self.exponents, operand)
        with _devices.device(self.residues.device):
            encodings, exponents = encode(self.public_key, plain, most=own)
            return self._computed(self._lowered(exponents).multiply_principal(encodings), exponents)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        operand = self._operand(other)
        if isinstance(operand, EncryptedArray):
            if pair := self._few_with(operand):
                return self._of_few(pair[0].subtract(pair[1]))
            exponents = np.minimum(*broadcast(self.exponents, operand.exponents))
            left, right = self._lowered(exponents), operand._lowered(exponents)
            with inverses():
                return self._computed(left.divide(right), exponents)
        return self + operand * -1

    def __rsub__(self, other: Any) -> Any:
        return self * -1 + other

    # Products with plain numbers.

    def __mul__(self, other: Any) -> Any:
        operand = self._plain(other)
        if numbers := self._few_and_plain(operand):
            return self._of_few(numbers[0].multiply(numbers[1]))
        own, plain = broadcast(self.exponents, operand)
        encodings, exponents = encode(self.public_key, plain)
        with inverses():
            powers = self.residues.broadcast_to(own.shape).power_vartime(encodings)
        return self._computed(powers, own + exponents)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / self._plain(other))

    def __matmul__(self, other: Any) -> Any:
        plain = self._plain(other)
        if self.ndim not in (1, 2) or plain.ndim not in (1, 2) or self.shape[-1] != plain.shape[0] or not len(plain):
            return self.numbers() @ plain  # numpy does what it does, and raises what it raises
        if self.ndim == 1 and are_few(self.public_key, plain.size) and (few := self.few()):
            sums = [self._number_of(*few.dot(column)) for column in plain.T.reshape(-1, self.size).tolist()]
            return EncryptedArray.of(sums) if plain.ndim == 2 else sums[0]
        rows = self if self.ndim == 2 else self.reshape(1, -1)
        columns = plain if plain.ndim == 2 else plain[:, None]
        residues, exponents = rows._times_matrix(columns)
        shape = self.shape[:-1] + plain.shape[1:]
        return self._computed(residues.reshape(shape), exponents.reshape(shape))

    def __rmatmul__(self, other: Any) -> Any:
        plain = self._plain(other)
        if self.ndim not in (1, 2) or plain.ndim not in (1, 2):
            return plain @ self.numbers()
        product = self.T @ plain.T
        return product.T if isinstance(product, EncryptedArray) else product

    def dot(self, other: Any) -> Any:
        """numpy.dot(self, other) for up to two axes."""
        return self @ other if self.ndim and np.ndim(other) else self * other

    def _times_matrix(self, matrix: Objects) -> tuple[ResidueArray, Exponents]:
        """(R, K) times plain numbers (K, M): each product of phe's sum is raised to the power that aligns it."""
        encodings, steps = encode(self.public_key, matrix)
        same = bool((self.exponents == self.exponents[:1]).all())
        parts, exponents = [], []
        for row in range(1 if same else len(self)):
            aligned = self.exponents[row][:, None] + steps  # (K, M)
            lowest = aligned.min(axis=0)
            factors = encodings * lowering_factors(self.public_key, aligned - lowest)
            bases = self.residues if same else self.residues[row : row + 1]
            with inverses():
                parts.append(bases.multi_power_vartime(factors))
            exponents.append(lowest)
        shape = (len(self), matrix.shape[1])
        return concatenate(parts), np.broadcast_to(np.stack(exponents), shape)

    # Sums of many.

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Any:
        """Sums over one axis, several, or all; each has the lowest exponent of its terms."""
        axes = tuple(range(self.ndim)) if axis is None else axes_of(axis, self.ndim)
        if len(axes) == self.ndim and not keepdims and (few := self.few()):
            return self._number_of(*few.sum())
        kept = tuple(size for a, size in enumerate(self.shape) if a not in axes)
        order = (*(a for a in range(self.ndim) if a not in axes), *axes)
        run = math.prod(self.shape[a] for a in axes)
        rows = self if order == tuple(range(self.ndim)) else self.transpose(order)
        residues, exponents = rows.reshape(math.prod(kept), run)._sum_of_rows()
        shape = tuple(1 if a in axes else size for a, size in enumerate(self.shape)) if keepdims else kept
        return self._computed(residues.reshape(shape), exponents.reshape(shape))

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Any:
        """Sums divided by the number of their terms."""
        terms = math.prod(self.shape[a] for a in axes_of(axis, self.ndim))
        return self.sum(axis, keepdims=keepdims) / terms

    def cumsum(self, axis: int | None = None) -> EncryptedArray:
        """Running sums along an axis, or over all in C order; each has the lowest exponent of its terms."""
        if axis is None:
            return (self if self.ndim == 1 else self.ravel()).cumsum(0)
        (axis,) = axes_of(axis, self.ndim)
        if axis < self.ndim - 1:
            rows = self.rearranged(lambda places: np.moveaxis(places, axis, -1))
            return rows.cumsum(-1).rearranged(lambda places: np.moveaxis(places, -1, axis))
        if self.ndim == 1 and (few := self.few()):
            return EncryptedArray.of_few(few.cumsum(), self.shape)
        lowest = np.minimum.accumulate(self.exponents, -1)
        terms = self._lowered(lowest)
        # Where the exponent falls, the sum so far is aligned, and goes on from there.
        falls = np.flatnonzero((np.diff(lowest) != 0).any(tuple(range(self.ndim - 1)))) + 1
        parts: list[ResidueArray] = []
        for start, stop in pairwise([0, *falls.tolist(), self.shape[-1]]):
            sums = terms[..., start:stop].cumprod(-1)
            if parts:
                before = self._with(parts[-1][..., -1], lowest[..., start - 1])._lowered(lowest[..., start])
                sums = sums.multiply(before.reshape(*before.shape, 1))
            parts.append(sums)
        return EncryptedArray(self.public_key, concatenate(parts, -1), lowest)

    def _sum_of_rows(self) -> tuple[ResidueArray, Exponents]:
        """Sums over the last of two axes: those of equal exponents first, then one alignment for each exponent."""
        rows = len(self)
        first = self.exponents.flat[0] if self.size else 0
        if (self.exponents == first).all():
            return self.residues.prod(1), np.full(rows, first)
        levels = np.unique(self.exponents)[::-1]  # from the highest down
        group = len(levels) - 1 - np.searchsorted(levels[::-1], self.exponents)
        bins = np.arange(rows)[:, None] * len(levels) + group
        sums = self.residues.segment_product(bins, rows * len(levels)).reshape(rows, len(levels))
        running = [sums[:, 0]]
        for level in range(1, len(levels)):
            factor = lowering_factor(self.public_key, int(levels[level - 1] - levels[level]))
            running.append(running[-1].power_vartime(factor).multiply(sums[:, level]))
        lowest = group.max(axis=1)
        return stack(running)[lowest, np.arange(rows)], levels[lowest]

    # Operands.

    def _lowered(self, exponents: Exponents) -> ResidueArray:
        """The same numbers at these exponents, none of which is higher."""
        residues = self.residues if exponents.shape == self.shape else self.residues.broadcast_to(exponents.shape)
        steps = (self.exponents - exponents).ravel()
        at = np.flatnonzero(steps)
        if not len(at):
            return residues
        flat = residues.ravel()
        lowered = flat[at].power_vartime(lowering_factors(self.public_key, steps[at]))
        rows = np.arange(flat.size)
        rows[at] = flat.size + np.arange(len(at))
        return concatenate([flat, lowered])[rows].reshape(exponents.shape)

    def _operand(self, other: Any) -> EncryptedArray | Objects:
        """The other operand, encrypted or plain."""
        if isinstance(other, EncryptedArray):
            check_keys(self.public_key, [other.public_key])
            return other
        if isinstance(other, EncryptedNumber):
            check_keys(self.public_key, [other.public_key])
            if self.few():
                value = other.value % self.public_key.modulus.singles.n
                return EncryptedArray.of_few(Few(self.public_key, [value], [other.exponent]), ())
        given = objects(other)
        if any(isinstance(each, EncryptedNumber) for each in given.ravel().tolist()):
            encrypted = EncryptedArray.of(given)
            check_keys(self.public_key, [encrypted.public_key])
            return encrypted
        return given

    def _plain(self, other: Any) -> Objects:
        operand = self._operand(other)
        if isinstance(operand, EncryptedArray):
            raise ProductError("Paillier cannot multiply two encrypted numbers: one has to be plain")
        return operand

    # numpy hands its functions over.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Objects:
        if dtype is not None and np.dtype(dtype) != object:
            raise ArgumentTypeError(f"encrypted numbers are objects, and no {np.dtype(dtype)}: decrypt them first")
        return self.numbers()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from hepy.interop.phe import numpy_functions

        return numpy_functions.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        from hepy.interop.phe import numpy_functions

        return numpy_functions.call_function(function, args, options)


def _read_only(exponents: Any, shape: tuple[int, ...]) -> Exponents:
    """Exponents of that shape, as a view; numpy's broadcasting takes as long as some products."""
    array: Exponents = np.asarray(exponents, dtype=np.int64)
    if array.shape != shape:
        return np.broadcast_to(array, shape)
    view = array.view()
    view.flags.writeable = False
    return view


def _restored(public_key: PaillierPublicKey, ciphertexts: Objects, exponents: Exponents) -> EncryptedArray:
    """An array from a pickle, which was obfuscated when it was made."""
    return EncryptedArray(public_key, public_key.modulus.array(ciphertexts), exponents, obfuscated=True)
