"""Microsoft SEAL through TenSEAL's binding of its classes: one special prime, one core a call."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Dict

import tenseal.sealapi as seal

from .engine import Engine

_OUTER_BITS = 60  # of the first prime and of the special one
_ROTATION_BY_ONE = 3  # the automorphism: SEAL's generator of rotations


class SealEngine(Engine):
    packages = ("tenseal",)
    notes = (
        "first and special prime of 60 bits; evaluation keys and the owner's ciphertexts are saved with the seed of their "
        "random half, and compressed"
    )

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        degree = 1 << log_n
        self.depth, self.scale = depth, 2.0**scale_bits
        parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
        parameters.set_poly_modulus_degree(degree)
        bits = [_OUTER_BITS, *[scale_bits] * depth, _OUTER_BITS]
        parameters.set_coeff_modulus(seal.CoeffModulus.Create(degree, bits))
        level = seal.SEC_LEVEL_TYPE.TC128 if security else seal.SEC_LEVEL_TYPE.NONE
        self.context = seal.SEALContext(parameters, True, level)
        if not self.context.parameters_set():
            raise ValueError(self.context.parameters_error_message())
        self.encoder, self.evaluator = seal.CKKSEncoder(self.context), seal.Evaluator(self.context)
        data, self.places = self.context.first_context_data(), {}
        for left in range(depth, -1, -1):
            self.places[left] = data.parms_id()
            data = data.next_context_data()

    def keygen(self) -> Any:
        generator, public = seal.KeyGenerator(self.context), seal.PublicKey()
        relinearization, rotation = seal.RelinKeys(), seal.GaloisKeys()
        generator.create_public_key(public)
        generator.create_relin_keys(relinearization)
        generator.create_galois_keys([_ROTATION_BY_ONE], rotation)
        return generator, public, relinearization, rotation

    def use(self, keys: Any) -> None:
        self.generator, self.public, self.relinearization, self.rotation = keys
        self.encryptor = seal.Encryptor(self.context, self.public)
        self.encryptor.set_secret_key(self.generator.secret_key())
        self.decryptor = seal.Decryptor(self.context, self.generator.secret_key())

    def encode(self, values: Any) -> Any:
        place, made = self.places[self.level], []
        for vector in values:
            plain = seal.Plaintext()
            self.encoder.encode(vector, place, self.scale, plain)
            made.append(plain)
        return made

    def encrypt(self, values: Any) -> Any:
        made = []
        for plain in self.encode(values):
            ciphertext = seal.Ciphertext()
            self.encryptor.encrypt(plain, ciphertext)
            made.append(ciphertext)
        return made

    def decrypt(self, ciphertexts: Any) -> Any:
        made = []
        for ciphertext in ciphertexts:
            plain = seal.Plaintext()
            self.decryptor.decrypt(ciphertext, plain)
            made.append(self.encoder.decode_double(plain))
        return made

    def add(self, left: Any, right: Any) -> Any:
        return self._each(self.evaluator.add, left, right)

    def multiply_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return self._each(self.evaluator.multiply_plain, ciphertexts, plain)

    def scale_plain(self, ciphertexts: Any, plain: Any) -> Any:
        made = self.multiply_plain(ciphertexts, plain)
        for product in made:
            self._rescale(product)
        return made

    def multiply(self, left: Any, right: Any) -> Any:
        made = self._each(self.evaluator.multiply, left, right)
        for product in made:
            self.evaluator.relinearize_inplace(product, self.relinearization)
            self._rescale(product)
        return made

    def rotate(self, ciphertexts: Any) -> Any:
        made = []
        for ciphertext in ciphertexts:
            rotated = seal.Ciphertext()
            self.evaluator.rotate_vector(ciphertext, 1, self.rotation, rotated)
            made.append(rotated)
        return made

    def sizes(self) -> Dict[str, int]:
        x = self.encrypt([[0.5] * (1 << 4)])
        (plain,) = self.encode([[0.5] * (1 << 4)])
        return {
            "ciphertext of the owner": _saved(self.encryptor.encrypt_symmetric(plain)),
            "ciphertext": _saved(x[0]),
            "product": _saved(self.multiply(x, x)[0]),
            "encryption key": _saved(self.public),
            "relinearization key": _saved(self.generator.create_relin_keys()),
            "rotation key": _saved(self.generator.create_galois_keys([_ROTATION_BY_ONE])),
        }

    def _rescale(self, product: Any) -> None:
        self.evaluator.rescale_to_next_inplace(product)

    @staticmethod
    def _each(operation: Any, left: Any, right: Any) -> Any:
        made = []
        for x, y in zip(left, right):
            result = seal.Ciphertext()
            operation(x, y, result)
            made.append(result)
        return made


def _saved(thing: Any) -> int:
    """Bytes of the file that it saves itself to."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        thing.save(path)
        return os.path.getsize(path)
