"""HEU of SecretFlow: its ZPaillier scheme (djn with a table) through heu.numpy."""

from __future__ import annotations

from typing import Any, List, Sequence

import numpy as np
from heu import numpy as hnp
from heu import phe

from .engine import Engine


class HeuEngine(Engine):
    packages = ("sf-heu",)
    variant = "djn"
    threads = True

    def keygen(self, bits: int) -> Any:
        return hnp.setup(phe.SchemaType.ZPaillier, bits)

    def use(self, key: Any) -> None:
        self.kit = key
        self.encryptor, self.decryptor, self.evaluator = key.encryptor(), key.decryptor(), key.evaluator()
        self.encoder = key.integer_encoder(scale=1)

    def numbers(self, values: Sequence[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return np.array(rows, dtype=np.int64)

    def bins(self, features: Sequence[Sequence[int]], count: int) -> Any:
        return np.ascontiguousarray(np.array(features, dtype=np.int8).T)

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        # Its indexing takes lists of Python integers only.
        return few[[i % few.size for i in range(count)]]

    def _encode(self, numbers: Any) -> Any:
        return self.kit.array(numbers, self.encoder)

    def encrypt(self, values: Any) -> Any:
        return self.encryptor.encrypt(self._encode(values))

    def decrypt(self, ciphertexts: Any) -> Any:
        plain = self.decryptor.decrypt(ciphertexts)
        return plain.to_numpy(self.encoder) if hasattr(plain, "to_numpy") else self.encoder.decode(plain)

    def add(self, left: Any, right: Any) -> Any:
        return self.evaluator.add(left, right)

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return self.evaluator.mul(ciphertexts, self._encode(scalars))

    def matmul(self, ciphertexts: Any, matrix: Any) -> Any:
        return self.evaluator.matmul(ciphertexts, self._encode(matrix))

    def histogram(self, ciphertexts: Any, bins: Any, count: int) -> Any:
        everyone = np.ones(len(bins), dtype=np.int8)
        return self.evaluator.feature_wise_bucket_sum(ciphertexts, everyone, bins, count, False)

    def sum(self, ciphertexts: Any) -> Any:
        return self.evaluator.sum(ciphertexts)

    def integers(self, decrypted: Any) -> List[int]:
        return [int(value) for value in np.ravel(decrypted)]
