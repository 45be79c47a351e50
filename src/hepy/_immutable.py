"""What never changes: its copies are itself, and its public attributes are set once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self


class Immutable:
    """Base of objects that nothing changes, so that their copies are themselves."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class ReadOnly:
    """Base of keys and the like, whose public attributes are set by the constructor and by nobody later.

    Names that begin with an underscore are the class's own, for what it prepares when it is first needed. Assignments
    take several times as long as without this class: arrays of ciphertexts, which every operation makes, have properties
    over their slots instead.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker that sees __setattr__ lets every name pass

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_") and hasattr(self, name):
                raise AttributeError(
                    f"{type(self).__name__}.{name} is read-only: make a new {type(self).__name__} instead"
                )
            super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            raise AttributeError(f"{type(self).__name__}.{name} is read-only and stays")
