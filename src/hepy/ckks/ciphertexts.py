"""Arrays of ciphertexts, with numpy's ways: batch axes lead, the last axis is the slots of a ciphertext.

A CiphertextArray is immutable. Outside of ckks.manual() its operations keep four promises: products are relinearized
and rescaled, operands of different levels are aligned, so that no scale mismatch can occur, and results of equal
circuits have equal levels. What an operation does to polynomials is in evaluator.py; here are levels, scales, shapes
and the accounts of noise.
"""

from __future__ import annotations

import contextvars
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hepy._arguments import axes_of, whole
from hepy._immutable import Immutable
from hepy._numpy_manners import NumpyManners, Protocols
from hepy._shapes import Move, Shaped, first_index, moved
from hepy.ckks import batches, encoding
from hepy.ckks.keys import whole_step
from hepy.ckks.noise import Account, Model, encoded
from hepy.ckks.parameters import Parameters, levels_needed
from hepy.ckks.plaintexts import Plaintext
from hepy.ckks.states import State
from hepy.errors import EncodingOverflowError, KeyMismatchError, LevelError, ParameterError, ScaleMismatchError
from hepy.ring import galois_element

if TYPE_CHECKING:
    from hepy.ckks.context import PublicContext

_SAME_SCALE = 2.0**-48  # relative difference below which scales are equal: roundings of doubles make no more
_SMALLEST_FACTOR = 1 << 20  # of an alignment: rounding it then costs less than 2^-21 of the values
_manual: contextvars.ContextVar[bool] = contextvars.ContextVar("hepy_ckks_manual", default=False)


@contextmanager
def manual() -> Iterator[None]:
    """Inside the block nothing is relinearized, rescaled or aligned by itself; for research on circuits.

    Products then have three components and the product of the scales, until `relinearize()` and `rescale()` are
    called; sums want operands of one level and scale. Outside, such ciphertexts are brought into order on their next use.

    >>> from hepy import ckks
    >>> params = ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None)
    >>> context = ckks.Context(params)
    >>> x = context.encrypt([0.5, 1.5])
    >>> with ckks.manual():
    ...     y = x * x
    ...     z = y.relinearize().rescale()
    >>> (y.level, y.components), (z.level, z.components)
    ((2, 3), (1, 2))
    """
    token = _manual.set(True)
    try:
        yield
    finally:
        _manual.reset(token)


class CiphertextArray(Shaped, NumpyManners, Immutable):
    """Encrypted vectors under one key. Made by Context.encrypt.

    Operators `+ - *` take ciphertexts, numbers and arrays of numbers, and broadcast as numpy's do. An integer number
    multiplies exactly and costs no level; every other product costs one.
    """

    __slots__ = ("_context", "_fresh", "_parts", "_seed", "_seeded", "_state")

    def __init__(
        self,
        context: PublicContext,
        parts: Any,
        state: State,
        *,
        seed: bytes | None = None,
        fresh: bool = False,
        seeded: bool = False,
    ) -> None:
        self._context = context
        self._parts = parts  # ring.Polynomial [B..., components]
        self._state = state
        self._seed = seed  # public: what the second component of all ciphertexts of the batch expands from
        self._seeded = seeded
        self._fresh = fresh

    def __repr__(self) -> str:
        precision = self.precision_bits
        return (
            f"CiphertextArray(shape={self.shape}, level={self.level}, scale=2**{math.log2(self.scale):.2f}, "
            + ("" if precision is None else f"precision_bits={precision:.1f}, ")
            + ("in coefficients, " if self.in_coefficients else "")
            + f"device={self.device!r}, key={self._context.fingerprint[:16]!r}"
            + (", security=None" if self.parameters.security is None else "")
            + (", seeded=True)" if self._seeded else ")")
        )

    def __reduce__(self) -> Any:
        from hepy.ckks.codec import pickled, restore

        return restore, pickled(self)

    # What it is.

    @property
    def context(self) -> PublicContext:
        """The context whose keys operations use."""
        return self._context

    @property
    def fresh(self) -> bool:
        """Whether this was encrypted and nothing was computed since: what is not fresh may tell how it was computed.

        hepy.save and hepy.dumps rerandomize what is not.
        """
        return self._fresh

    @property
    def parameters(self) -> Parameters:
        """Those of the context."""
        return self._context.parameters

    @property
    def shape(self) -> tuple[int, ...]:
        """Batch axes, then how many values a ciphertext holds."""
        return (*self._parts.shape[:-1], self._state.length)

    @property
    def nbytes(self) -> int:
        """Bytes of the residues in memory."""
        return int(self._parts.nbytes)

    @property
    def device(self) -> str:
        """Name of the device that holds the residues."""
        return str(self._parts.device.name)

    @property
    def level(self) -> int:
        """Multiplications left."""
        return self._state.level

    @property
    def scale(self) -> float:
        """Between values and plaintext coefficients; outside of manual mode, the one of the level."""
        return self._state.scale

    @property
    def slots(self) -> int:
        """The period with which slots repeat: a rotation by so many steps changes nothing."""
        return self._state.slots

    @property
    def components(self) -> int:
        """Polynomials of each ciphertext: 2, or 3 for a product that was not relinearized."""
        return int(self._parts.shape[-1])

    @property
    def is_complex(self) -> bool:
        """Whether decryption gives complex numbers."""
        return self._state.is_complex

    @property
    def in_coefficients(self) -> bool:
        """Whether values are the polynomial's coefficients: products are negacyclic convolutions then."""
        return self._state.in_coefficients

    @property
    def precision_bits(self) -> float | None:
        """Likely precision: -log2 of the largest error that is to be expected in a value.

        It supposes that inputs keep to their declared bound (1 where none was declared) and that errors are
        independent. None where the noise is not known: a loaded result whose sender multiplied by plaintexts without a
        declared bound.
        """
        if not self._state.accounts:
            return None
        account = self._state.accounts[0]
        if self.in_coefficients:
            return -math.log2(account.model.coefficient_error(account))
        return account.precision_bits(self.slots, self.is_complex)

    def digest(self) -> str:
        """SHA-256 of the wire form of the array as it stands, in hexadecimal."""
        from hepy import wire

        return wire.digest(self)

    def to(self, device: str) -> CiphertextArray:
        """The same ciphertexts on another device."""
        return self._with(self._parts.to(device), self._state, seed=self._seed, fresh=self._fresh)

    # Shapes.

    def __getitem__(self, index: Any) -> CiphertextArray:
        """Ciphertexts of the batch; slots are no axis to index.

        Raises:
            ParameterError: the index reaches the last axis.
        """
        batch = self.shape[:-1]
        try:
            taken = np.arange(math.prod(batch)).reshape(batch)[index]
        except IndexError as error:
            raise ParameterError(
                f"ciphertexts are indexed along the batch axes {batch}, and slots are not: rotate and mask them ({error})"
            ) from None
        return self._taken(np.asarray(taken))

    def rearranged(self, function: Move) -> CiphertextArray:
        """What a function of numpy makes of the array that moves, repeats or leaves out ciphertexts and looks at none.

        Args:
            function: gets an array of this shape that stands for the values.

        Raises:
            ParameterError: the shape does not fit, or slots move: a ciphertext's values stay together, in their order.
        """
        return self._taken(batches.rearranged(self.shape, function))

    def reshape(self, *shape: Any) -> CiphertextArray:
        """Other batch axes; the last axis stays.

        Raises:
            ParameterError: the new shape ends otherwise, or has another size.
        """
        wanted = moved(lambda outline: outline.reshape(*shape), np.broadcast_to(np.bool_(0), self.shape)).shape
        if wanted[-1:] != self.shape[-1:]:
            raise batches.slots_stay(self.shape, f"cannot become one of {wanted}")
        return self._reshaped(wanted[:-1])

    def transpose(self, *axes: Any) -> CiphertextArray:
        """Batch axes in another order, or in reverse where none is given; the last axis stays.

        Raises:
            ParameterError: the order moves the last axis; or none is given for one batch axis, where numpy would make
                rows of columns.
        """
        if axes and axes[0] is not None:
            return super().transpose(*axes)
        if self.ndim == 2:
            raise ParameterError(
                f"an array of shape {self.shape} has one batch axis, and nothing to transpose: values of a ciphertext do not "
                "change places with those of another"
            )
        return super().transpose(*reversed(range(self.ndim - 1)), self.ndim - 1)

    def _taken(self, places: npt.NDArray[Any]) -> CiphertextArray:
        """Ciphertexts of the batch by their numbers in C order, as an array of the shape that the numbers have."""
        numbers = np.ravel(places)
        if np.array_equal(numbers, np.arange(math.prod(self.shape[:-1]))):
            return self._reshaped(places.shape)
        # The same ciphertext in two places tells that two values are equal, so repetition ends freshness.
        fresh = self._fresh and len(np.unique(numbers)) == len(numbers)
        taken = self._parts.reshape(-1, self.components)[batches.run_of(numbers)]
        return self._with(taken.reshape(*places.shape, self.components), self._state, fresh=fresh)

    def _reshaped(self, batch: tuple[int, ...]) -> CiphertextArray:
        parts = self._parts.reshape(*batch, self.components)
        # A seed knows the order of ciphertexts, not the batch's shape.
        return self._with(parts, self._state, seed=self._seed, fresh=self._fresh)

    def _with(self, parts: Any, state: State, *others: CiphertextArray, **what: Any) -> CiphertextArray:
        seeded = self._seeded or any(other._seeded for other in others)
        return CiphertextArray(self._context, parts, state, seeded=seeded, **what)

    # Sums.

    def add(self, other: Any, *, bound: float | None = None) -> CiphertextArray:
        """self + other, at the lower of the two levels.

        Args:
            other: ciphertexts, numbers, or arrays whose last axis is the values of a ciphertext, or 1.
            bound: declared bound of plaintext values; None takes what they are, and the noise account stays here.

        Raises:
            EncodingOverflowError: a plaintext value exceeds its bound or what a level holds.
            KeyMismatchError: the ciphertexts belong to different keys.
            ParameterError: shapes do not broadcast, or values are no finite numbers.
            ScaleMismatchError: in manual mode, scales or levels differ.
        """
        return self._sum(other, bound, "addition")

    def subtract(self, other: Any, *, bound: float | None = None) -> CiphertextArray:
        """self - other; arguments and errors as for add."""
        return self._sum(other, bound, "subtraction")

    def __add__(self, other: Any) -> CiphertextArray:
        return self.add(other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> CiphertextArray:
        return self.subtract(other)

    def __rsub__(self, other: Any) -> CiphertextArray:
        return (-self).add(other)

    def __neg__(self) -> CiphertextArray:
        return self._with(self._do.negate(self._parts), self._state)

    def __pos__(self) -> CiphertextArray:
        return self

    def _sum(self, other: Any, bound: float | None, name: str) -> CiphertextArray:
        if not isinstance(other, CiphertextArray):
            return self._add_plain(other, bound, name)
        self._check_pair(other)
        left, right = self._same_level(other, name)
        left, right = left._beside(right), right._beside(left)
        accounts = tuple([a.plus(b) for a, b in zip(left._state.accounts, right._state.accounts, strict=False)])
        combine = self._do.add if name == "addition" else self._do.subtract
        state = left._joined(right, left._state.scale, accounts, any)
        return self._done(name, combine(left._parts, right._parts), state, other)

    def _add_plain(self, other: Any, bound: float | None, name: str) -> CiphertextArray:
        plaintext, limit, declared = self._plain(other, bound)
        plaintext = self._spread(plaintext)
        polynomials = self._encoded(plaintext, self.scale)
        combine = self._do.add_plaintext if name == "addition" else self._do.subtract_plaintext
        state = self._state_beside(plaintext).with_accounts(
            lambda a: a.plus(self._account(a.model, plaintext, limit, self.scale, declared)),
            **self._shape_with(plaintext, any),
        )
        return self._done(name, combine(self._parts, polynomials), state)

    def _spread(self, plaintext: Plaintext) -> Plaintext:
        """A single number as a summand of each value, so that the slots beyond them stay zero."""
        length = self._state.length
        if plaintext.shape[-1] > 1 or not 1 < length < self.slots or self._state.filled:
            return plaintext
        return Plaintext(np.broadcast_to(plaintext.values, (*plaintext.shape[:-1], length)), plaintext.bound)

    def _state_beside(self, plaintext: Plaintext) -> State:
        length = plaintext.shape[-1]
        return self._state.beside(length, self._period(length))

    def _shape_with(self, plaintext: Plaintext, meet: Callable[[Iterable[bool]], bool]) -> dict[str, Any]:
        """What of the state a plaintext operand changes; meet: any in sums, all in products."""
        given, state = plaintext.shape[-1], self._state_beside(plaintext)
        length, slots = self._length_with(given), max(state.slots, self._period(given))
        return {
            "is_complex": self.is_complex or plaintext.values.dtype.kind == "c",
            "length": length,
            "slots": slots,
            "filled": length < slots and meet((state.fills(length), given == 1 < length)),
        }

    def sum(self, axis: int | tuple[int, ...] = 0, *, keepdims: bool = False) -> CiphertextArray:
        """Sums over one batch axis, or several.

        Raises:
            ParameterError: there is no such batch axis: inner_sum() sums slots; or it has no ciphertexts.
        """
        axes = axes_of(axis, self.ndim)
        if self.ndim - 1 in axes:
            raise ParameterError("the last axis is the slots of each ciphertext: inner_sum() sums them")
        total = self
        for place in sorted(axes, reverse=True):
            total = total._sum_along(place)
        if keepdims:
            total = total.reshape(tuple(1 if a in axes else size for a, size in enumerate(self.shape)))
        return total

    def _sum_along(self, place: int) -> CiphertextArray:
        count = self.shape[place]
        if count == 0:
            raise ParameterError("there is nothing to sum: the axis has no ciphertexts")
        state = self._state.with_accounts(
            lambda a: a._replace(bound=a.bound * count, error=a.model.combined(*[a.error] * count))
        )
        return self._done("sum", self._do.sum(self._parts, place), state)

    # Products.

    def multiply(self, other: Any, *, bound: float | None = None, lazy: bool = False) -> CiphertextArray:
        """self * other, slot by slot, one level below the lower of the two.

        Args:
            other: ciphertexts, numbers or arrays, as for add. An integer number costs no level.
            bound: as for add; of an integer factor, too.
            lazy: leave three components and the product's scale, so that a sum of products is relinearized and
                rescaled once, on its next use.

        Raises:
            LevelError: no level is left; says what the circuit needs.
            MissingKeyError: the relinearization key is not here.
            and what add raises.
        """
        if isinstance(other, CiphertextArray):
            return self._multiply_ciphertexts(other, lazy)
        if isinstance(other, int | np.integer) and not isinstance(other, bool):
            return self._multiply_integer(int(other), bound)
        return self._multiply_plain(other, bound, lazy)

    def __mul__(self, other: Any) -> CiphertextArray:
        return self.multiply(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> CiphertextArray:
        """The product with 1 / other, for numbers and arrays of numbers."""
        if isinstance(other, NumpyManners | Plaintext):
            return self._no_division(other)  # type: ignore[no-any-return]
        divisors = encoding.numbers(other, "divisors")
        if not divisors.all():
            raise ParameterError(f"the divisor at index {first_index(divisors == 0)} is 0")
        return self.multiply(1 / divisors)

    def square(self, *, lazy: bool = False) -> CiphertextArray:
        """self * self, a little faster than the product of two."""
        return self.multiply(self, lazy=lazy)

    def __pow__(self, exponent: Any) -> CiphertextArray:
        """A power with a positive integer, in ceil(log2) levels."""
        exponent = whole("the exponent of a ciphertext", exponent, 1)
        # From the lowest bit up: a product of lower bits is never deeper than the next square.
        power, factors = self, []
        while exponent:
            if exponent & 1:
                factors.append(power)
            exponent >>= 1
            power = power.square() if exponent else power
        return functools.reduce(operator.mul, factors)

    def _multiply_ciphertexts(self, other: CiphertextArray, lazy: bool) -> CiphertextArray:
        self._check_pair(other)
        if other is self:
            left = right = self if _manual.get() else self._settled()
        else:
            left, right = (self, other) if _manual.get() else self._same_level(other, "multiplication", settle=True)
        if left.level != right.level:
            raise LevelError(
                f"cannot multiply levels {left.level} and {right.level} in manual mode: use to_level first"
            )
        if left.components + right.components != 4:
            raise ParameterError("a factor has three components: relinearize() it first")
        left._check_level("multiplication", left.level - 1)
        if right is not left:
            left, right = left._beside(right), right._beside(left)
        accounts = tuple(
            a.times(a if right is left else b)
            for a, b in zip(left._state.accounts, right._state.accounts, strict=False)
        )
        state = left._joined(right, left.scale * right.scale, accounts, all)
        product = self._with(self._do.multiply(left._parts, right._parts), state, other)
        if _manual.get() or lazy:
            return self._done("multiplication", product._parts, product._state, other)
        result = product._relinearized(to=product.level - 1)
        return self._done("multiplication", result._parts, result._state, other)

    def _multiply_integer(self, factor: int, bound: float | None) -> CiphertextArray:
        limit = encoding.capacity(self.parameters)
        if abs(factor) > limit:
            raise EncodingOverflowError(
                f"a factor of {factor.bit_length()} bits exceeds the range of values, 2**{self.parameters.value_bits}: "
                "use Parameters(value_bits=...) with more, or scale the inputs"
            )
        if bound is not None:
            encoding.check_range(np.array([factor], np.float64), abs(factor), bound, self.parameters)
        reach = abs(factor) if bound is None else float(bound)
        state = self._state.with_accounts(lambda a: a.scaled(reach, bound is not None))
        return self._done("integer product", self._do.multiply_integer(self._parts, factor), state)

    def _multiply_plain(self, other: Any, bound: float | None, lazy: bool) -> CiphertextArray:
        x = self if _manual.get() else self._settled()
        x._check_level("multiplication by a plaintext", x.level - 1)
        plaintext, limit, declared = x._plain(other, bound)
        values, factor = plaintext.values, self.parameters.scales[x.level]
        state = x._state_beside(plaintext).with_accounts(
            lambda a: a.times(x._account(a.model, plaintext, limit, factor, declared)),
            scale=x.scale * factor,
            **x._shape_with(plaintext, all),
        )
        if values.size == 1 and values.dtype.kind == "f" and values.ndim == 1:
            parts = self._do.multiply_integer(x._parts, round(float(values[0]) * factor))
        else:
            parts = self._do.multiply_plaintext(x._parts, x._encoded(plaintext, factor))
        product = self._with(parts, state)
        result = product if _manual.get() or lazy else product.rescale()
        return self._done("plaintext product", result._parts, result._state)

    # Levels and scales.

    def relinearize(self) -> CiphertextArray:
        """Three components back to two; itself where there are two.

        Raises:
            MissingKeyError: the relinearization key is not here.
        """
        if self.components == 2:
            return self
        return self._relinearized(to=self.level)

    def rescale(self) -> CiphertextArray:
        """One level down, the scale divided by what leaves the modulus.

        Raises:
            LevelError: there is no lower level.
        """
        self._check_level("rescaling", self.level - 1)
        return self._rescaled(self.level - 1)

    def to_level(self, level: int) -> CiphertextArray:
        """The same values at a lower level, with the scale that ciphertexts have there.

        Multiplies by an integer and rescales once, from set to set of primes, whatever the distance.

        Raises:
            LevelError: the level is above this one, or does not exist.
            ScaleMismatchError: no integer leads to that level's scale.
        """
        level = self.parameters.checked_level(level)
        x = self.relinearize()
        if level == x.level and x.scale == self.parameters.scales[level]:
            return x
        if level > x.level:
            raise LevelError(f"level {level} is above the ciphertext's, {x.level}: levels only go down")
        wanted = Fraction(self.parameters.scales[level])
        ratio = wanted * Fraction(self.parameters.moduli[x.level], self.parameters.moduli[level]) / Fraction(x.scale)
        factor = round(ratio)
        if factor < 1 or (factor < _SMALLEST_FACTOR and abs(factor - ratio) > _SAME_SCALE * ratio):
            raise ScaleMismatchError(
                f"scale 2**{math.log2(x.scale):.2f} at level {x.level} cannot become that of level {level}, "
                f"2**{math.log2(wanted):.2f}: "
                + ("rescale() it first" if factor >= 1 else "go down at least one level more")
            )
        if level == x.level:
            return x._with(x._parts, x._state._replace(scale=float(wanted)), seed=x._seed, fresh=x._fresh)
        if factor != 1:
            # Rounding the factor changes the values by that much; from here on the scale is the level's own.
            state = x._state.with_accounts(lambda a: a.with_error(a.bound / (2 * factor)))
            x = x._with(x._do.multiply_integer(x._parts, factor), state)
        return x._rescaled(level, float(wanted))

    def _rescaled(self, level: int, scale: float | None = None) -> CiphertextArray:
        """At a lower level; scale: what is known of the result's, None to compute it."""
        if scale is None:
            scale = self._after_division(level)
        state = self._state.with_accounts(lambda a: _divided(a, scale), level=level, scale=scale)
        return self._with(self._do.rescale(self._parts, level), state)

    def _after_division(self, level: int) -> float:
        """The scale after a division that leads to another level: the level's own, where it is that but for rounding."""
        scale = self.parameters.rescaled(self.scale, self.level, level)
        nominal = self.parameters.scales[level]
        return nominal if abs(scale - nominal) <= _SAME_SCALE * scale else scale

    def _relinearized(self, to: int) -> CiphertextArray:
        level, scale = self.level, self._after_division(to)
        state = self._state.with_accounts(
            lambda a: _divided(a.with_error(a.model.key_switching(level) / self.scale), scale),
            level=to,
            scale=scale,
        )
        return self._with(self._do.relinearize(self._parts, level, to), state)

    def _settled(self) -> CiphertextArray:
        """Two components, and the scale of some level."""
        nominal = self.parameters.scales[self.level]
        if abs(self.scale - nominal) <= _SAME_SCALE * nominal:
            return self.relinearize()
        self._check_level("rescaling a product", self.level - 1)
        if self.components == 3:
            return self._relinearized(to=self.level - 1)._settled()
        return self.to_level(self.level - 1)

    def _same_level(
        self, other: CiphertextArray, name: str, *, settle: bool = False
    ) -> tuple[CiphertextArray, CiphertextArray]:
        """Both at one level and scale; products that wait for relinearization may stay so in sums."""
        mine, its = self._state, other._state
        same = mine.level == its.level and abs(mine.scale - its.scale) <= _SAME_SCALE * mine.scale
        if _manual.get():
            if not same:
                raise ScaleMismatchError(
                    f"{name} of scale 2**{math.log2(self.scale):.2f} at level {self.level} and scale "
                    f"2**{math.log2(other.scale):.2f} at level {other.level} in manual mode: bring both to one by "
                    "rescale() or to_level()"
                )
            return self, other
        if same and not settle:
            return self, other
        left, right = self._settled(), other._settled()
        level = min(left.level, right.level)
        return left.to_level(level), right.to_level(level)

    def _check_level(self, operation: str, level: int) -> None:
        if level >= 0:
            return
        raise LevelError(_levels_ran_out(self.parameters, operation))

    # Slots.

    def rotate(self, step: Any) -> Any:
        """Slots moved to the left by `step`: out[..., i] = self[..., i + step], around the end.

        Args:
            step: an integer of either sign; or several, for a list of results that share the costly first half
                (hoisting).

        Raises:
            MissingKeyError: a key is not here; names the rotation.
            ParameterError: a step is no integer, or the values are coefficients.
        Hazards:
            Vectors shorter than the next power of two are filled up with zeros, which rotate in: the result has that
            power's length.
        """
        if isinstance(step, Iterable) and getattr(step, "ndim", 1) != 0:
            return self._rotated([whole_step(one) for one in step])
        return self._rotated([whole_step(step)])[0]

    def conjugate(self) -> CiphertextArray:
        """Complex conjugates; real ciphertexts are returned as they are.

        Raises:
            MissingKeyError: the conjugation key is not here.
        """
        self._check_slots("conjugation")
        if not self.is_complex:
            return self
        return self._turned([2 * self.parameters.degree - 1], "conjugation")[0]

    def inner_sum(self) -> CiphertextArray:
        """The sum of the values of each ciphertext: shape (..., 1), which broadcasts against every other length.

        Takes log2(slots) rotations, by 1, 2, 4 ... slots / 2. Where vectors are shorter than their slots, and a single
        value was added to them, a product with ones comes first and takes a level: the slots beyond hold that value, too.
        In manual mode all slots are summed.

        Raises:
            LevelError: that level is not there.
            MissingKeyError: a key is not here; names the rotation.
        """
        self._check_slots("inner_sum")
        x, step = self if _manual.get() else self._settled(), 1
        if self._state.length == 1:
            return x
        if self._state.filled and not _manual.get():
            x = x.multiply(np.ones(self._state.length), bound=1)
        result = x._with(x._parts, x._state._replace(length=x.slots, filled=False))
        while step < self.slots:
            turned, step = result._rotated([step])[0], 2 * step
            if step < self.slots:
                self._do.ahead(turned._parts, turned.level, [galois_element(step, self.parameters.degree)])
            result = result + turned
        state = result._state.with_accounts(lambda a: a.in_all_slots(self.slots), length=1)
        return self._with(result._parts, state)

    def _rotated(self, steps: Sequence[int]) -> list[CiphertextArray]:
        self._check_slots("rotation")
        degree = self.parameters.degree
        # Slots repeat after self.slots, so each step has a shortest form, and fewer keys are needed.
        elements = [galois_element(step % self.slots, degree) for step in steps]
        results = self._turned(elements, "rotation")
        turned = [step % self.slots != 0 for step in steps]
        return [
            x._with(
                x._parts,
                x._state._replace(length=self.slots, filled=False) if moved and self._state.length > 1 else x._state,
            )
            for x, moved in zip(results, turned, strict=True)
        ]

    def _turned(self, elements: list[int], name: str) -> list[CiphertextArray]:
        x = self.relinearize()
        parts = x._do.automorphisms(x._parts, x.level, elements)
        results = []
        for element, part in zip(elements, parts, strict=True):
            state = x._state
            if element != 1:
                state = state.with_accounts(lambda a: a.with_error(a.model.key_switching(x.level) / x.scale))
            results.append(x._done(name, part, state))
        return results

    # Freshness.

    def rerandomize(self, *, seed: bytes | None = None) -> CiphertextArray:
        """The same values plus a fresh encryption of zero: tells nobody without the secret key how it was computed.

        Args:
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Raises:
            MissingKeyError: the context has no encryption key.
        Hazards:
            Not circuit privacy: the owner of the secret key can still see noise that depends on the circuit.
        """
        x = self.relinearize()
        zeros = self._context._zeros(x._parts.shape[:-1], x.level, seed, x._parts.device)
        state = x._state.with_accounts(lambda a: a.with_error(a.model.encryption(symmetric=False) / x.scale))
        made = x._with(x._do.add(x._parts, zeros), state, fresh=True)
        made._seeded = seed is not None
        return made

    # numpy hands its functions over.

    def _protocols(self) -> Protocols:
        from hepy.ckks.numpy_protocols import PROTOCOLS

        return PROTOCOLS

    def _no_numbers(self) -> str:
        return "context.decrypt(x) gives numbers"

    # Helpers.

    @property
    def _do(self) -> Any:
        return self._context._evaluator

    def _done(self, name: str, parts: Any, state: State, *others: CiphertextArray) -> CiphertextArray:
        """The result of a public operation."""
        result = self._with(parts, state, *others)
        self._context._note(name, result, (self, *others))
        return result

    def _beside(self, other: CiphertextArray) -> CiphertextArray:
        state = self._state.beside(other._state.length, other.slots)
        return self if state is self._state else self._with(self._parts, state)

    def _joined(
        self,
        other: CiphertextArray,
        scale: float,
        accounts: tuple[Account, ...],
        meet: Callable[[Iterable[bool]], bool],
    ) -> State:
        """The state of a result of both, with that scale and these accounts; meet: any in sums, all in products."""
        mine, its = self._state, other._state
        if mine.in_coefficients != its.in_coefficients:
            raise ParameterError("one operand holds values in slots and the other in coefficients: encrypt both alike")
        length, slots = self._length_with(its.length), max(mine.slots, its.slots)
        return State(
            mine.level,
            scale,
            slots,
            length,
            mine.is_complex or its.is_complex,
            mine.in_coefficients,
            accounts,
            length < slots and meet((mine.fills(length), its.fills(length))),
        )

    def _length_with(self, length: int) -> int:
        mine = self._state.length
        if mine == length:
            return length
        if 1 not in (mine, length):
            raise ParameterError(
                f"last axes of {mine} and {length} values cannot be broadcast together: they match, or one of them is 1"
            )
        if self.in_coefficients:
            raise ParameterError(
                f"polynomials of {mine} and {length} coefficients: operands in coefficients have one length"
            )
        return max(mine, length)

    def _period(self, length: int) -> int:
        if self.in_coefficients:
            return self.slots
        return encoding.period(length, self.parameters.slots, "slots")

    def _plain(self, other: Any, bound: float | None) -> tuple[Plaintext, float, bool]:
        """A plaintext operand, its bound, and whether that was declared."""
        plaintext = (
            other if isinstance(other, Plaintext) else Plaintext(encoding.numbers(other, "plaintext values"), None)
        )
        bound = plaintext.bound if bound is None else bound
        self._length_with(plaintext.shape[-1])
        _broadcast(self.shape[:-1], plaintext.shape[:-1])
        encoding.check_range(plaintext.values, plaintext.largest, bound, self.parameters)
        return plaintext, plaintext.largest if bound is None else float(bound), bound is not None

    def _account(self, model: Model, plaintext: Plaintext, limit: float, scale: float, declared: bool) -> Account:
        """Of a plaintext operand whose |values| are at most `limit`."""
        length = plaintext.shape[-1]
        if self.in_coefficients:
            return encoded(model, model.slot_bound(limit, length), scale, declared, self.parameters.slots)
        return encoded(model, limit, scale, declared, self._period(length))

    def _encoded(self, plaintext: Plaintext, scale: float) -> Any:
        """The encoding of a plaintext operand at this array's level."""
        return encode_plaintext(self._context, plaintext, self.level, scale, self.in_coefficients, self._parts.device)

    def _check_slots(self, operation: str) -> None:
        if self.in_coefficients:
            raise ParameterError(f"{operation} moves slots, and these values are coefficients: encrypt them in slots")

    def _check_pair(self, other: CiphertextArray) -> None:
        if other._context is not self._context and other._context.fingerprint != self._context.fingerprint:
            raise KeyMismatchError(
                f"operands belong to different keys: {self._context.fingerprint[:16]} and "
                f"{other._context.fingerprint[:16]}: encrypt both under one context"
            )
        _broadcast(self._parts.shape[:-1], other._parts.shape[:-1])


def inner_sum(x: CiphertextArray) -> CiphertextArray:
    """As CiphertextArray.inner_sum."""
    return ciphertexts([x])[0].inner_sum()


def ciphertexts(arrays: Any) -> list[CiphertextArray]:
    """One array or several, as a list.

    Raises:
        ParameterError: something else is among them.
    """
    given = list(arrays) if isinstance(arrays, Iterable) else [arrays]
    for array in given:
        if not isinstance(array, CiphertextArray):
            raise ParameterError(f"ciphertext arrays were expected, not {type(array).__name__}")
    return given


def encode_plaintext(
    context: PublicContext, plaintext: Plaintext, level: int, scale: float, in_coefficients: bool, device: Any
) -> Any:
    """What a plaintext is as polynomials [B...] at that level and scale."""
    key = (context.parameters, level, scale, in_coefficients)
    encode = context._evaluator.encode
    return plaintext.encoding(key, device, lambda values: encode(values, level, scale, in_coefficients, device))


def _divided(account: Account, scale: float) -> Account:
    """After a division that leads to that scale, which is then taken for the level's own."""
    rounding = account.bound * _SAME_SCALE if account.model.worst else 0.0
    return account.with_error(account.model.division / scale, rounding)


def _levels_ran_out(parameters: Parameters, operation: str) -> str:
    needed = parameters.depth + 1
    return (
        f"{operation} needs 1 level, and its operand is at level 0 of {parameters.depth}: from the top the circuit so far needs "
        f"depth {needed}: {levels_needed(parameters, needed)}; ckks.plan(function, params) tells what a whole circuit needs"
    )


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a == b:
        return
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        raise ParameterError(f"batches of shapes {a} and {b} cannot be broadcast together") from None
