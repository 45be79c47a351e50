"""OpenFHE by its own Python wheel: RNS-CKKS with hybrid key switching, explicit rescaling, OpenMP inside."""

from __future__ import annotations

import itertools
import os
import tempfile
from typing import Any, Dict

import openfhe

from .engine import Engine

_FIRST_BITS = (60, 55)  # its check refuses the former at N = 2^13


class OpenfheEngine(Engine):
    packages = ("openfhe",)
    threads = True
    notes = (
        "FIXEDMANUAL scaling, a first prime of 60 bits (55 at N = 2^13), as few digits of hybrid key switching as its security check lets "
        "through; precision is that of FLEXIBLEAUTO, its default and its most exact way"
    )

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        self.case = (log_n, depth, scale_bits)
        self.depth, self.security = depth, security
        self.context = self._context(openfhe.ScalingTechnique.FIXEDMANUAL)
        self.is_precise = False

    def _context(self, technique: Any) -> Any:
        """With the largest first prime, and the fewest digits, that the library takes for secure."""
        log_n, depth, scale_bits = self.case
        for first_bits, digits in itertools.product(_FIRST_BITS, range(1, depth + 2)):
            parameters = openfhe.CCParamsCKKSRNS()
            parameters.SetMultiplicativeDepth(depth)
            parameters.SetScalingModSize(scale_bits)
            parameters.SetFirstModSize(first_bits)
            parameters.SetRingDim(1 << log_n)
            parameters.SetBatchSize(1 << (log_n - 1))
            parameters.SetScalingTechnique(technique)
            parameters.SetKeySwitchTechnique(openfhe.KeySwitchTechnique.HYBRID)
            parameters.SetNumLargeDigits(digits)
            level = openfhe.SecurityLevel
            parameters.SetSecurityLevel(level.HEStd_128_classic if self.security else level.HEStd_NotSet)
            try:
                context = openfhe.GenCryptoContext(parameters)
            except Exception as error:  # its own type of error is not exported
                reason = error
                continue
            for feature in ("PKE", "KEYSWITCH", "LEVELEDSHE"):
                context.Enable(getattr(openfhe.PKESchemeFeature, feature))
            return context
        raise reason

    def precise(self) -> None:
        if not self.is_precise:
            self.context = self._context(openfhe.ScalingTechnique.FLEXIBLEAUTO)
            self.use(self._keys(self.context))
            self.is_precise = True

    def keygen(self) -> Any:
        # Evaluation keys are kept in tables of the process: those of the last pair are in use, and no others stay.
        openfhe.ClearEvalMultKeys()
        self.context.ClearEvalAutomorphismKeys()
        self.use(self._keys(self.context))
        return self.keys

    @staticmethod
    def _keys(context: Any) -> Any:
        pair = context.KeyGen()
        context.EvalMultKeyGen(pair.secretKey)
        context.EvalRotateKeyGen(pair.secretKey, [1])
        return pair

    def vectors(self, values: Any) -> Any:
        return list(values)

    def encode(self, values: Any) -> Any:
        down = self.depth - self.level
        return [self.context.MakeCKKSPackedPlaintext(vector, 1, down) for vector in values]

    def encrypt(self, values: Any) -> Any:
        encrypt, key = self.context.Encrypt, self.keys.publicKey
        return [encrypt(key, plain) for plain in self.encode(values)]

    def decrypt(self, ciphertexts: Any) -> Any:
        decrypt, key = self.context.Decrypt, self.keys.secretKey
        return [decrypt(c, key).GetRealPackedValue() for c in ciphertexts]

    def add(self, left: Any, right: Any) -> Any:
        return [self.context.EvalAdd(x, y) for x, y in zip(left, right)]

    def multiply_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return [self.context.EvalMult(x, p) for x, p in zip(ciphertexts, plain)]

    def scale_plain(self, ciphertexts: Any, plain: Any) -> Any:
        return [self.context.Rescale(self.context.EvalMult(x, p)) for x, p in zip(ciphertexts, plain)]

    def multiply(self, left: Any, right: Any) -> Any:
        return [self.context.Rescale(self.context.EvalMult(x, y)) for x, y in zip(left, right)]

    def rotate(self, ciphertexts: Any) -> Any:
        return [self.context.EvalRotate(x, 1) for x in ciphertexts]

    def sizes(self) -> Dict[str, int]:
        x = self.encrypt([[0.5] * 16])
        (plain,) = self.encode([[0.5] * 16])
        context, tag = self.context, self.keys.secretKey.GetKeyTag()
        return {
            "ciphertext of the owner": _serialized(context.Encrypt(self.keys.secretKey, plain)),
            "ciphertext": _serialized(x[0]),
            "product": _serialized(self.multiply(x, x)[0]),
            "encryption key": _serialized(self.keys.publicKey),
            "relinearization key": _written(context.SerializeEvalMultKey, tag),
            "rotation key": _written(context.SerializeEvalAutomorphismKey, tag),
        }


def _serialized(thing: Any) -> int:
    return len(openfhe.Serialize(thing, openfhe.BINARY))


def _written(write: Any, tag: str) -> int:
    """Bytes of the file that it writes the keys with that tag to."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "keys")
        if not write(path, openfhe.BINARY, tag):
            raise ValueError("the keys could not be written")
        return os.path.getsize(path)
