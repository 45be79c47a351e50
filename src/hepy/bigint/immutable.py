"""What never changes and may hold a secret: its copies are itself, and pickling it is refused."""

from __future__ import annotations

from typing import Any, Self

from hepy.errors import ParameterError


class Immutable:
    """Base of moduli and of what is made for one, which may be the square of a prime that only a key's owner knows."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise ParameterError(
            f"a {type(self).__name__} is not pickled, for its modulus may be a secret: where it is none, send the modulus "
            "and x.to_limbs(), of which modulus.from_limbs(...) makes the residues again"
        )
