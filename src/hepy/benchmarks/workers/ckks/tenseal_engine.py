"""TenSEAL's encrypted vectors, which relinearize, rescale and align by themselves."""

from __future__ import annotations

from typing import Any, Dict

import tenseal

from ..engine import Unsupported
from .engine import Engine

_OUTER_BITS = 60


class TensealEngine(Engine):
    packages = ("tenseal",)
    notes = (
        "its vectors encode and encrypt in one call, at the top of the chain, and encode plaintext factors in each product; "
        "they do not rotate, so keys are those that encrypt and relinearize"
    )

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        self.case, self.depth = (1 << log_n, [_OUTER_BITS, *[scale_bits] * depth, _OUTER_BITS], 2.0**scale_bits), depth

    def keygen(self) -> Any:
        degree, bits, scale = self.case
        context = tenseal.context(
            tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=degree, coeff_mod_bit_sizes=bits, n_threads=1
        )
        context.global_scale = scale
        return context

    def encrypt(self, values: Any) -> Any:
        if self.level != self.depth:
            raise Unsupported("encrypts at the top of the chain only")
        return self._encrypted(values)

    def operands(self, values: Any) -> Any:
        # Products with 1 lead down.
        made = self._encrypted(values)
        for _ in range(self.depth - self.level):
            made = [x * 1.0 for x in made]
        return made

    def _encrypted(self, values: Any) -> Any:
        return [tenseal.ckks_vector(self.keys, vector) for vector in values]

    def decrypt(self, ciphertexts: Any) -> Any:
        return [x.decrypt() for x in ciphertexts]

    def add(self, left: Any, right: Any) -> Any:
        return [x + y for x, y in zip(left, right)]

    def scale_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return [x * p for x, p in zip(ciphertexts, plain)]

    def multiply(self, left: Any, right: Any) -> Any:
        return [x * y for x, y in zip(left, right)]

    def sizes(self) -> Dict[str, int]:
        x = self._encrypted([[0.5] * (1 << 4)])[0]

        def keys(**kept: bool) -> int:
            none = {"save_public_key": False, "save_galois_keys": False, "save_relin_keys": False}
            return len(self.keys.serialize(save_secret_key=False, **{**none, **kept}))

        return {
            "ciphertext": len(x.serialize()),
            "product": len((x * x).serialize()),
            "encryption key": keys(save_public_key=True),
            "relinearization key": keys(save_relin_keys=True),
        }
