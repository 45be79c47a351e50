"""What may hold a secret, and so refuses to be pickled."""

from __future__ import annotations

from typing import Any

from hepy._immutable import Immutable
from hepy.errors import ParameterError


class NotPickled(Immutable):
    """Base of moduli and of what is made for one, which may be the square of a prime that only a key's owner knows."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise ParameterError(
            f"a {type(self).__name__} is not pickled, for its modulus may be a secret: where it is none, send the modulus "
            "and x.to_limbs(), of which modulus.from_limbs(...) makes the residues again"
        )
