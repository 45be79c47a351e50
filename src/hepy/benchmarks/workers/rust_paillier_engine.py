"""rust-paillier: FATE's earlier Rust arrays, by numpy arrays in and out; its `par` half on several threads."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import numpy as np
import rust_paillier

from .engine import Engine


class RustPaillierEngine(Engine):
    packages = ("rust-paillier",)
    threads = True

    def __init__(self, settings: Dict[str, Any]) -> None:
        self.library = rust_paillier
        if settings["threads"] > 1:
            self.library = rust_paillier.par
            self.library.set_num_threads(settings["threads"])

    def keygen(self, bits: int) -> Any:
        return self.library.keygen(bits)

    def use(self, key: Any) -> None:
        self.public, self.private = key

    def numbers(self, values: Sequence[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return np.array(rows, dtype=np.int64)

    def few(self, values: Sequence[int]) -> Any:
        return self.encrypt(self.numbers(values).reshape(1, -1))

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        # There is no indexing and no concatenation; a product with a matrix of zeros and ones repeats instead.
        selection = np.zeros((len(values), count), dtype=np.int64)
        selection[np.arange(count) % len(values), np.arange(count)] = 1
        return few.matmul_plaintext_ix2_i64(selection)

    def encrypt(self, values: Any) -> Any:
        return self.public.encrypt_i64(values)

    def decrypt(self, ciphertexts: Any) -> Any:
        return self.private.decrypt_i64(ciphertexts)

    def add(self, left: Any, right: Any) -> Any:
        return left.add_cipherblock(right)

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return ciphertexts.mul_plaintext_i64(scalars.reshape(1, -1))

    def matmul(self, ciphertexts: Any, matrix: Any) -> Any:
        return ciphertexts.matmul_plaintext_ix2_i64(matrix)

    def sum(self, ciphertexts: Any) -> Any:
        return ciphertexts.sum()

    def integers(self, decrypted: Any) -> List[int]:
        return [int(value) for value in np.ravel(decrypted)]
