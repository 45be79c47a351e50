"""Many plaintexts in one, when all is computed: one decryption, rerandomization and message in place of many.

Places lie side by side at a stride of the bits that one of them can have. A number e of absolute value at most B goes
in as e + B, a record of packed fields as it is. The ciphertexts of the places are brought together by shifting and
adding: raising to 2^stride moves all places up by one.

FATE calls it cipher compression (Chen et al., SecureBoost+, arXiv:2110.10927, section 3.3); there all places have to
be planned for when values are encrypted, here they follow from the bounds that arrays carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from hepy._arguments import whole
from hepy.errors import EncodingOverflowError
from hepy.paillier.encoding import Numbers
from hepy.paillier.packing import Fields


@dataclass(frozen=True)
class Squeezed:
    """The account of squeezed ciphertexts, with which nothing is computed any more.

    Attributes:
        item: the account of what each place holds.
        slots: places in a plaintext, lowest first.
    """

    item: Numbers | Fields
    slots: int

    @classmethod
    def choose(cls, item: Numbers | Fields, slots: int | None, length: int, n: int) -> Squeezed:
        """The account for an axis of that length; slots as for CiphertextArray.squeeze_pack.

        Raises:
            EncodingOverflowError: the key does not hold so many, or not even one.
            ParameterError: `slots` is no whole number from 1 on.
        """
        if slots is None:
            slots = max(1, min(_room(n) // cls(item, 1).stride, length))
        return cls(item, whole("slots", slots, 1)).within(n, "squeezing")

    @property
    def scale_bits(self) -> int | tuple[int, ...]:
        return self.item.scale_bits

    @property
    def stride(self) -> int:
        """Bits of one place."""
        if isinstance(self.item, Fields):
            return self.item.shifts[-1] + self.item.count.bit_length()
        return max(1, (2 * self.item.bound).bit_length())

    @property
    def lift(self) -> int:
        """The plaintext that keeps every place from going below zero."""
        return sum(self._bias << self.stride * place for place in range(self.slots))

    @property
    def _bias(self) -> int:
        return 0 if isinstance(self.item, Fields) else self.item.bound

    def within(self, n: int, operation: str) -> Squeezed:
        """Itself, if the places fit the plaintext space.

        Raises:
            EncodingOverflowError: they do not; says how many would.
        """
        self.item.within(n, operation)
        if self.slots * self.stride > _room(n):
            raise EncodingOverflowError(
                f"{operation}: {self.slots} places of {self.stride} bits each do not fit a key of {n.bit_length()} bits, "
                f"which has room for {_room(n) // self.stride}: ask for fewer slots, or declare smaller values "
                "(value_bits=...) or fewer terms from the start"
            )
        return self

    def plain_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of what decryption makes of ciphertexts of that shape."""
        return (*shape, self.slots)

    def decode(
        self, plaintexts: list[int], n: int, shape: tuple[int, ...], start: int = 0, *, raw: bool = False
    ) -> npt.NDArray[Any]:
        """What the places of plaintexts hold, of those from flat position `start` on of an array of `shape`: (B slots,).

        Raises:
            EncodingOverflowError: a plaintext exceeds its places, or what is in one its bound.
        """
        stride, mask = self.stride, (1 << self.stride) - 1
        for position, value in enumerate(plaintexts, start):
            if value >> stride * self.slots:
                raise EncodingOverflowError(
                    f"the squeezed plaintext at flat index {position} of shape {shape} exceeds its {self.slots} places: "
                    "the ciphertext was not made by operations that keep account of them"
                )
        places = [value >> stride * place & mask for value in plaintexts for place in range(self.slots)]
        within, first = self.plain_shape(shape), start * self.slots
        if isinstance(self.item, Fields):
            return self.item.decode(places, n, within, first, raw=raw)
        return self.item.checked([place - self._bias for place in places], within, first, raw=raw)


def _room(n: int) -> int:
    """Bits of a plaintext that is surely below n, as for packed fields."""
    return n.bit_length() - 2
