"""fhelium, native kernels for the CPU under PyTorch's tensors: explicit rescaling, values of polynomials in and out."""

from __future__ import annotations

import itertools
from typing import Any, Dict

import fhelium
import torch
from fhelium.config._prime_catalog import get_prime_catalog
from fhelium.eager import Engine as Eager

from .engine import Engine

_OUTER_BITS = 60  # of the first prime and of the special ones
_ROTATION = -1  # its steps go to the right


class FheliumEngine(Engine):
    packages = ("fhelium", "torch", "numpy")
    threads = True
    notes = (
        "a first prime of 60 bits, and as many special primes of 60 bits, so as few digits, as its security check lets through; "
        "ciphertexts and plaintexts stay values of polynomials between operations"
    )

    def __init__(self, settings: Dict[str, Any]) -> None:
        super().__init__(settings)
        torch.set_num_threads(settings["threads"])

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        self.depth = depth
        catalog = get_prime_catalog()
        scaling = catalog.scaling_primes(scale_bits, 1 << log_n)[:depth]
        first, *special = catalog.special_primes(_OUTER_BITS, 1 << log_n)
        for count in itertools.count(1):
            try:
                made = Eager(
                    fhelium.CkksConfig(
                        default_scale=float(1 << scale_bits),
                        q_depth_groups=(*((prime,) for prime in scaling), (first,)),
                        p_moduli=tuple(special[:count]),
                        logN=log_n,
                        enforce_security_budget=bool(security),
                    )
                )
            except fhelium.errors.SecurityBudgetExceededError:
                if count == 1:
                    raise
                return
            self.context = made
            if made.key_digit_count == 1:
                return

    def keygen(self) -> Any:
        secret = self.context.create_secret_key()
        return (
            secret,
            self.context.create_public_key(secret),
            self.context.create_relinearization_key(secret),
            self.context.create_rotation_key(_ROTATION, secret),
        )

    def use(self, keys: Any) -> None:
        self.secret, self.public, self.relinearization, self.rotation = keys

    def vectors(self, values: Any) -> Any:
        return [torch.from_numpy(row.copy()) for row in values]

    def encode(self, values: Any) -> Any:
        context, down = self.context, self.depth - self.level
        return [context.prepare_plaintext_for_multiplication(context.encode(row, depth=down)) for row in values]

    def encrypt(self, values: Any) -> Any:
        down = self.depth - self.level
        encrypt = self.context.encrypt_message
        return [encrypt(row, self.public, depth=down, output_domain="ntt") for row in values]

    def decrypt(self, ciphertexts: Any) -> Any:
        return [self.context.decrypt_message(x, self.secret, is_real=True) for x in ciphertexts]

    def numbers(self, decrypted: Any) -> Any:
        return [row.numpy() for row in decrypted]

    def add(self, left: Any, right: Any) -> Any:
        return [self.context.add(x, y) for x, y in zip(left, right)]

    def multiply_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return [self.context.multiply_plaintext(x, p) for x, p in zip(ciphertexts, plain)]

    def scale_plain(self, ciphertexts: Any, plain: Any) -> Any:
        back = self.context.ntt_domain_to_coefficient_domain
        return [self._rescaled(back(product)) for product in self.multiply_plain(ciphertexts, plain)]

    def multiply(self, left: Any, right: Any) -> Any:
        context, key = self.context, self.relinearization
        return [self._rescaled(context.relinearize(context.multiply(x, y), key)) for x, y in zip(left, right)]

    def rotate(self, ciphertexts: Any) -> Any:
        rotate = self.context.rotate_with_key
        return [rotate(x, self.rotation, output_domain="ntt") for x in ciphertexts]

    def sizes(self) -> Dict[str, int]:
        x = self.encrypt(self.vectors(torch.zeros(1, self.context.num_slots, dtype=torch.float64).numpy()))
        return {
            "ciphertext": x[0].data.nbytes,
            "product": self.multiply(x, x)[0].data.nbytes,
            "encryption key": self.public.data.nbytes,
            "relinearization key": self.relinearization.data.nbytes,
            "rotation key": self.rotation.data.nbytes,
        }

    def _rescaled(self, x: Any) -> Any:
        return self.context.coefficient_domain_to_ntt_domain(self.context.rescale_to_next_depth(x))
