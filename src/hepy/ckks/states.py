"""What is known of a ciphertext array in clear: its level, scale and shape of values, and its accounts of noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hepy.ckks.noise import Account


class State(NamedTuple):
    """What is known of a ciphertext array in clear.

    Attributes:
        level: multiplications left.
        scale: between values and plaintext coefficients.
        slots: the period of the slots, a power of two; N for values in coefficients.
        length: values along the last axis, up to `slots`.
        is_complex: whether values are complex.
        in_coefficients: values are coefficients of the polynomial, not its slots.
        accounts: of the noise; empty where nothing is known of it.
        filled: whether slots beyond the values may hold anything; otherwise they are zero. A single value is in all slots.
    """

    level: int
    scale: float
    slots: int
    length: int
    is_complex: bool
    in_coefficients: bool
    accounts: tuple[Account, ...]
    filled: bool = False

    def with_accounts(self, change: Callable[[Account], Account], **others: Any) -> State:
        """The state after an operation that changes each account so."""
        return self._replace(accounts=tuple(map(change, self.accounts)), **others)

    def beside(self, length: int, slots: int) -> State:
        """As an operand beside vectors of that length: a single value repeats after their slots, too."""
        if self.length > 1 or length == 1 or self.slots <= slots:
            return self
        return self.with_accounts(lambda a: a.in_fewer_slots(self.slots, slots), slots=slots)

    def fills(self, length: int) -> bool:
        """Whether it puts anything into the slots beyond so many values, as an operand."""
        return self.filled or self.length == 1 < length
