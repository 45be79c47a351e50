"""What operations do to the polynomials of ciphertexts: the scheme's arithmetic, apart from levels and scales.

A batch of ciphertexts is one ring.Polynomial [B..., k], k = 2 or 3, with phase c_0 + c_1 s + c_2 s^2.
Key switching is hybrid: Han and Ki, CT-RSA 2020 (eprint 2019/688), over sets of primes: a key modulo the union of all
sets serves each of them, because its gadget is P modulo the primes of one digit and 0 modulo all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hepy import _devices
from hepy._devices.zeroing import secret_memory
from hepy.ckks import encoding
from hepy.ckks.keys import RELINEARIZE, KeyStore, SwitchingKey
from hepy.ckks.rings import Rings
from hepy.ring import (
    Polynomial,
    add_first,
    concatenate,
    inner_product,
    mod_down,
    mod_up,
    rescale,
    stack,
    tensor_product,
)


class Evaluator:
    """Arithmetic on batches of ciphertexts, with the keys of one context.

    Below, x and y are ciphertexts [B..., k] and [C..., k], in the NTT domain, modulo the primes of one level; a plaintext
    is [C...], encoded for that level. Batch axes broadcast.
    """

    def __init__(self, rings: Rings, keys: KeyStore) -> None:
        self._rings = rings
        self._keys = keys

    @secret_memory()
    def encode(
        self, values: encoding.Values, level: int, scale: float, in_coefficients: bool, device: Any
    ) -> Polynomial:
        """Plaintexts [B...] of values [B..., length], on that device."""
        basis = self._rings.levels[level]
        with _devices.device(device):
            if in_coefficients:
                return encoding.encode_coefficients(values, scale, basis).ntt()
            slots = encoding.period(values.shape[-1], basis.degree // 2, "slots")
            return encoding.encode_slots(values, slots, scale, basis).ntt()

    # Linear.

    def add(self, x: Polynomial, y: Polynomial) -> Polynomial:
        """x + y: of two and of three components, three."""
        return x + y if x.shape[-1] == y.shape[-1] else _three(x) + _three(y)

    def subtract(self, x: Polynomial, y: Polynomial) -> Polynomial:
        """x - y, as add."""
        return x - y if x.shape[-1] == y.shape[-1] else _three(x) - _three(y)

    def negate(self, x: Polynomial) -> Polynomial:
        """-x."""
        return -x

    def multiply_integer(self, x: Polynomial, factor: int) -> Polynomial:
        """x times an integer of any size and sign."""
        return x * factor

    def add_plaintext(self, x: Polynomial, plaintext: Polynomial) -> Polynomial:
        """The plaintext added to c_0."""
        return add_first(x, plaintext[..., None])

    def subtract_plaintext(self, x: Polynomial, plaintext: Polynomial) -> Polynomial:
        """The plaintext taken from c_0."""
        return self.add_plaintext(x, -plaintext)

    def multiply_plaintext(self, x: Polynomial, plaintext: Polynomial) -> Polynomial:
        """Every component times the plaintext."""
        return x * plaintext[..., None]

    def sum(self, x: Polynomial, axis: int) -> Polynomial:
        """Sum over one batch axis, in a tree."""
        order = (axis, *(a for a in range(x.ndim) if a != axis))
        parts = x.transpose(*order)
        while len(parts) > 1:
            half = len(parts) // 2
            summed = parts[:half] + parts[half : 2 * half]
            parts = concatenate([summed, parts[2 * half :]]) if len(parts) % 2 else summed
        return parts[0]

    def join(self, how: str, parts: Sequence[Polynomial], axis: int) -> Polynomial:
        """Ciphertexts of one level along a batch axis; how: "concatenate" or "stack"."""
        return (stack if how == "stack" else concatenate)(parts, axis)

    # Products of ciphertexts.

    def multiply(self, x: Polynomial, y: Polynomial) -> Polynomial:
        """[B..., 2] times [C..., 2]: three components."""
        return tensor_product(x, y)

    def relinearize(self, x: Polynomial, level: int, to: int) -> Polynomial:
        """[B..., 3] at a level to [B..., 2], and down to another level in the same division by P."""
        key = self._keys.get(RELINEARIZE, x.device)
        digits = self._digits(x[..., 2], level)
        return rescale(self._switch(digits, key, level, x[..., :2]), self._rings.levels[to])

    def rescale(self, x: Polynomial, to: int) -> Polynomial:
        """To the primes of another level, times those that come in, divided by those that go out."""
        return rescale(x, self._rings.levels[to])

    # Automorphisms.

    def automorphisms(self, x: Polynomial, level: int, elements: Sequence[int]) -> list[Polynomial]:
        """X to X^g for each g of `elements`, back under the secret; the digits of c_1 are made once for all of them.

        Source: Halevi and Shoup, CRYPTO 2018 (eprint 2018/244): hoisting.
        """
        keys = {element: self._keys.get(element, x.device) for element in elements if element != 1}
        digits = self._digits(x[..., 1], level) if keys else None
        turned, waiting = {}, list(keys)
        while digits is not None and waiting:
            element = waiting.pop(0)
            turned[element] = self._turned(x, digits, element, keys[element], level)
            self.ahead(x, level, waiting[:1])
        return [x if element == 1 else turned[element] for element in elements]

    def ahead(self, x: Polynomial, level: int, elements: Sequence[int]) -> None:
        """Have keys that are needed next where x is, while the work that was queued so far is done; makes none."""
        for element in elements:
            key = self._keys.find(element)
            if key is not None:
                key.ahead(self._rings.groups(level), x.device)

    def _turned(self, x: Polynomial, digits: Polynomial, element: int, key: SwitchingKey, level: int) -> Polynomial:
        # The key is held under the inverse automorphism, so that only the result has to be turned.
        switched = self._switch(digits, key, level, x[..., :1])
        return mod_down(switched, self._rings.special_at(level), element)

    def _digits(self, component: Polynomial, level: int) -> Polynomial:
        shrinking = self._rings.shrinking(level)
        shrunk = component if shrinking == 1 else component * shrinking
        return mod_up(shrunk, self._rings.merged_digits(level), self._rings.special_at(level))

    def _switch(self, digits: Polynomial, key: SwitchingKey, level: int, lifted: Polynomial) -> Polynomial:
        """[B..., groups] with a key, plus P times the first components: [B..., 2], which P is still to be divided from."""
        return inner_product(digits[..., None, :], key.merged(self._rings.groups(level), digits.device), lifted)


def _three(x: Polynomial) -> Polynomial:
    """Filled up with zeros to three components."""
    if x.shape[-1] == 3:
        return x
    zeros = x[..., :1] * 0
    return concatenate([x, zeros], axis=x.ndim - 1)
