"""phe (python-paillier) with gmpy2: one number at a time, as its users write it."""

from __future__ import annotations

from typing import Any

import phe

from .engine import Engine


class PheEngine(Engine):
    packages = ("phe", "gmpy2")
    timing = "vartime"

    def keygen(self, bits: int) -> Any:
        return phe.generate_paillier_keypair(n_length=bits)

    def use(self, key: Any) -> None:
        self.public, self.private = key

    def encrypt(self, values: Any) -> Any:
        return [self.public.encrypt(value) for value in values]

    def decrypt(self, ciphertexts: Any) -> Any:
        return [self.private.decrypt(c) for c in ciphertexts]

    def add(self, left: Any, right: Any) -> Any:
        return [a + b for a, b in zip(left, right)]

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return [c * s for c, s in zip(ciphertexts, scalars)]

    def sum(self, ciphertexts: Any) -> Any:
        return [sum(ciphertexts[1:], ciphertexts[0])]
