"""hepy itself, on one device, with one variant and timing mode."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import numpy as np

import hepy
from hepy import paillier
from hepy.paillier.crt import Secret

from .engine import Engine

_BUSY = 600


class HepyEngine(Engine):
    packages = ("hepy-engine", "numpy", "gmpy2", "numba")
    threads = True

    def __init__(self, settings: Dict[str, Any]) -> None:
        self.variant = settings["variant"]
        self.timing = settings["timing"]
        hepy.options.threads = settings["threads"]
        hepy.options.constant_time = self.timing == "constant_time"
        if settings["device"] != "cpu":
            # For the life of this process.
            hepy.device(settings["device"]).__enter__()
        # Loops are compiled when they are first used: a search that is timed is not the first.
        self.keygen(512)

    def keygen(self, bits: int) -> Any:
        return paillier.generate_key(bits=bits, variant=self.variant, insecure=bits < 2048)

    def from_numbers(self, numbers: Dict[str, int]) -> Any:
        secret = Secret(numbers["P"], numbers["Q"], numbers["p"], numbers["q"])
        return paillier.PrivateKey(paillier.PublicKey(secret.p * secret.q, self.variant, numbers["h"]), secret)

    def use(self, key: Any) -> None:
        self.key, self.public = key, key.public_key
        if self.variant != "classic":
            # Tables of fixed bases are made when a key proves busy. Figures are those of a key in steady use.
            self.encrypt(self.numbers([0] * _BUSY))
            self.encrypt_owner(self.numbers([0] * _BUSY))

    def numbers(self, values: Sequence[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return np.array(rows, dtype=np.int64)

    def bins(self, features: Sequence[Sequence[int]], count: int) -> Any:
        return np.array(features)

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        return few[np.arange(count) % few.size]

    def encrypt(self, values: Any) -> Any:
        return self.public.encrypt(values)

    def encrypt_owner(self, values: Any) -> Any:
        return self.key.encrypt(values)

    def decrypt(self, ciphertexts: Any) -> Any:
        return self.key.decrypt(ciphertexts)

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return ciphertexts * scalars

    def matmul(self, ciphertexts: Any, matrix: Any) -> Any:
        return ciphertexts @ matrix

    def histogram(self, ciphertexts: Any, bins: Any, count: int) -> Any:
        return ciphertexts.segment_sum(bins, count)

    def sum(self, ciphertexts: Any) -> Any:
        return ciphertexts.sum()

    def integers(self, decrypted: Any) -> List[int]:
        return [int(value) for value in np.ravel(decrypted)]
