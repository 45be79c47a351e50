"""pypaillier: Rust on GMP, lists of byte strings, all cores of the process by itself."""

from __future__ import annotations

from typing import Any, List, Sequence

import paillier

from .engine import Engine


class PypaillierEngine(Engine):
    packages = ("pypaillier",)
    variant = "djn"
    threads = True

    def keygen(self, bits: int) -> Any:
        return paillier.generate_keypair(bits)

    def use(self, key: Any) -> None:
        self.public, self.private = key

    def bins(self, features: Sequence[Sequence[int]], count: int) -> Any:
        # A list of members for each bin: add_blocks sums every block in one call, and refuses empty ones.
        blocks = []
        for feature in features:
            members: List[List[int]] = [[] for _ in range(count)]
            for sample, b in enumerate(feature):
                members[b].append(sample)
            blocks += members
        return blocks

    def encrypt(self, values: Any) -> Any:
        return paillier.encrypt_integers(self.public, values)

    def decrypt(self, ciphertexts: Any) -> Any:
        return paillier.decrypt_many(self.private, ciphertexts)

    def add(self, left: Any, right: Any) -> Any:
        count = len(left)
        return paillier.add_blocks(self.public, left + right, [[i, count + i] for i in range(count)])

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        # The call for scalars that may show in the time, as all other engines' products do.
        return paillier.multiply_integers_public(self.public, ciphertexts, scalars)

    def histogram(self, ciphertexts: Any, bins: Any, count: int) -> Any:
        return paillier.add_blocks(self.public, ciphertexts, bins)

    def sum(self, ciphertexts: Any) -> Any:
        return [paillier.add_many(self.public, ciphertexts)]
