"""What numpy and Python's operators hear from arrays of ciphertexts: what the scheme computes, and a TypeError that helps.

numpy hands a function over before it converts anything (NEP 13, NEP 18). Without this file, it would make an array of
objects of the ciphertexts and go through them one by one, or say something about dtypes; and Python would answer `x == 3`
with False and `if x:` with yes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.maximum, np.minimum)
_DIVISIONS = (np.true_divide, np.floor_divide, np.remainder, np.divmod)
_NO_COMPARISON = "nobody can compare without the key; decrypt first"


@dataclass(frozen=True)
class Protocols:
    """What numpy's functions are for one class of arrays.

    Attributes:
        array: the class.
        unary: a ufunc's method.
        binary: a ufunc's method of the array on the left, and on the right ("" where there is none). By name: operators
            would begin with numpy's, which come back here.
        reductions: methods for (ufunc, "reduce" or "accumulate"), given its options, and those options.
        functions: for numpy's other functions; with arguments of numpy's names.
        division, advice: what to do instead of a division, and of all else that is not there.
    """

    array: type
    unary: Mapping[Any, str]
    binary: Mapping[Any, tuple[str, str]]
    reductions: Mapping[tuple[Any, str], tuple[Callable[..., Any], frozenset[str]]]
    functions: Mapping[Any, Callable[..., Any]]
    division: str
    advice: str

    def call_ufunc(self, function: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What __array_ufunc__ returns.

        Raises:
            TypeError: ciphertexts have no such function, or not with these options; says what they have.
        """
        if options.pop("out", None) is not None:
            raise TypeError("numbers cannot be replaced by ciphertexts in place: write a = a + x instead of a += x")
        if method == "__call__" and not options:
            if function in self.unary:
                return getattr(inputs[0], self.unary[function])()
            if function in self.binary:
                (left, right), (name, reflected) = inputs, self.binary[function]
                if isinstance(left, self.array):
                    return getattr(left, name)(right)
                if reflected:
                    return getattr(right, reflected)(left)
        reduction, known = self.reductions.get((function, method), (None, frozenset()))
        if reduction is not None and set(options) <= known:
            return reduction(inputs[0], **options)
        raise TypeError(
            f"{_named(function, method, options)} is not defined for ciphertexts: {self._instead(function)}"
        )

    def call_function(self, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What __array_function__ returns.

        Raises:
            TypeError: ciphertexts have no such function; says what they have.
        """
        made = self.functions.get(function)
        if made is None:
            raise TypeError(f"numpy.{function.__name__} is not defined for ciphertexts: {self._instead(function)}")
        try:
            inspect.signature(made).bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"numpy.{function.__name__} takes less of ciphertexts than of numbers: {error}") from None
        return made(*args, **options)

    def _instead(self, function: Any) -> str:
        if function in _DIVISIONS:
            return self.division
        return _NO_COMPARISON if function in _COMPARISONS else self.advice


def _named(function: Any, method: str, options: dict[str, Any]) -> str:
    name = f"numpy.{function.__name__}" + ("" if method == "__call__" else f".{method}")
    return name + (f" with {', '.join(sorted(options))}" if options else "")


class NumpyManners:
    """Base of arrays of ciphertexts. A class says which Protocols are its own, and which calls make numbers of it."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def _protocols(self) -> Protocols:
        raise NotImplementedError

    def _no_numbers(self) -> str:
        """How to get numbers."""
        raise NotImplementedError

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self._protocols().call_ufunc(function, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self._protocols().call_function(function, args, options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"ciphertexts are no numbers that numpy could hold: {self._no_numbers()}")

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "ciphertexts are neither true nor false: nobody sees their values without the key; decrypt first"
        )

    def _no_comparison(self, other: Any) -> Any:
        raise TypeError(f"ciphertexts are not compared: {_NO_COMPARISON}")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no_comparison

    def _no_division(self, other: Any) -> Any:
        raise TypeError(f"ciphertexts cannot be divided like that: {self._protocols().division}")

    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _no_division
