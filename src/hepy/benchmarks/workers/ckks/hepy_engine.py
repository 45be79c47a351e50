"""hepy itself, on one device."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

import hepy
from hepy import ckks

from .engine import Engine


class HepyEngine(Engine):
    packages = ("hepy-engine", "numpy", "gmpy2", "numba")
    threads = True
    batches = True

    def __init__(self, settings: Dict[str, Any]) -> None:
        super().__init__(settings)
        hepy.options.threads = settings["threads"]
        if settings["device"] != "cpu":
            # For the life of this process.
            hepy.device(settings["device"]).__enter__()

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        self.parameters = ckks.Parameters(log_n=log_n, depth=depth, scale_bits=scale_bits, security=security or None)

    def keygen(self) -> Any:
        context = ckks.Context(self.parameters)
        context.keys.make((1,), relinearization=True)
        return context

    def use(self, keys: Any) -> None:
        self.context, self.public = keys, keys.public()

    def vectors(self, values: Any) -> Any:
        return values

    def repeat(self, ciphertexts: Any, count: int) -> Any:
        return ciphertexts[np.arange(count) % len(ciphertexts)]

    def encode(self, values: Any) -> Any:
        return self.public.encode(values, level=self.level)

    def encrypt(self, values: Any) -> Any:
        return self.public.encrypt(values, level=self.level)

    def decrypt(self, ciphertexts: Any) -> Any:
        return self.context.decrypt(ciphertexts)

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def multiply_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return ciphertexts.multiply(plain, lazy=True)

    def scale_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return ciphertexts * plain

    def multiply(self, left: Any, right: Any) -> Any:
        return left * right

    def rotate(self, ciphertexts: Any) -> Any:
        return ciphertexts.rotate(1)

    def sizes(self) -> Dict[str, int]:
        values = np.zeros(self.parameters.slots)
        x = self.public.encrypt(values)

        def public(**selection: Any) -> int:
            selection = {"rotations": (), "relinearization": False, "encryption": False, **selection}
            return len(hepy.dumps(self.context.public(**selection)))

        return {
            "ciphertext of the owner": len(hepy.dumps(self.context.encrypt(values))),
            "ciphertext": len(hepy.dumps(x)),
            "product": len(hepy.dumps(x * x, rerandomize=False)),
            "encryption key": public(encryption=True),
            "relinearization key": public(relinearization=True),
            "rotation key": public(rotations=(1,)),
        }
