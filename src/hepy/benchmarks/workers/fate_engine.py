"""fate_utils, the Rust core of FATE 2: encoded vectors, one core a call."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import fate_utils.paillier as fate
import numpy as np

from .engine import Engine


class FateEngine(Engine):
    packages = ("fate-utils",)

    def keygen(self, bits: int) -> Any:
        return fate.keygen(bits)

    def use(self, key: Any) -> None:
        self.private, self.public, self.coder = key
        self.lengths: Dict[Any, int] = {}

    def numbers(self, values: Sequence[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return np.array(rows, dtype=np.int64)

    def bins(self, features: Sequence[Sequence[int]], count: int) -> Any:
        # A list for each sample: its place in the flat array of all features' bins.
        return [[f * count + b for f, b in enumerate(sample)] for sample in zip(*features)]

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        operand = few.slice_indexes([i % len(values) for i in range(count)])
        self.lengths[operand] = count
        return operand

    def encrypt(self, values: Any) -> Any:
        return self.public.encrypt_encoded(self.coder.encode_i64_vec(values), True)

    def decrypt(self, ciphertexts: Any) -> Any:
        return self.coder.decode_i64_vec(self.private.decrypt_to_encoded(ciphertexts))

    def add(self, left: Any, right: Any) -> Any:
        return left.add(self.public, right)

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return ciphertexts.mul(self.public, self.coder.encode_i64_vec(scalars))

    def matmul(self, ciphertexts: Any, matrix: Any) -> Any:
        weights = self.coder.encode_i64_vec(matrix.ravel())
        return ciphertexts.matmul(self.public, weights, [1, matrix.shape[0]], list(matrix.shape))

    def histogram(self, ciphertexts: Any, bins: Any, count: int) -> Any:
        totals = fate.CiphertextVector.zeros(count * len(bins[0]))
        totals.iupdate(ciphertexts, bins, 1, self.public)
        return totals

    def sum(self, ciphertexts: Any) -> Any:
        # Its vectors tell no length, and a sum has to be given one.
        return ciphertexts.intervals_sum_with_step(self.public, [(0, self.lengths[ciphertexts])], 1)

    def integers(self, decrypted: Any) -> List[int]:
        return [int(value) for value in np.ravel(decrypted)]
