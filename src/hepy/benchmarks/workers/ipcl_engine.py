"""ipcl_python of Intel: djn on IFMA lanes where the processor has them; its wheel uses one core."""

from __future__ import annotations

from typing import Any, Sequence

from ipcl_python import PaillierKeypair

from .engine import Engine, Unsupported


class IpclEngine(Engine):
    packages = ("ipcl-python",)
    variant = "djn"

    def keygen(self, bits: int) -> Any:
        if bits > 2048:
            raise Unsupported("ipcl refuses keys of more than 2048 bits")
        return PaillierKeypair.generate_keypair(bits, True)

    def use(self, key: Any) -> None:
        self.public, self.private = key

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        # Its ciphertexts have no indexing, so all are encrypted.
        return self.public.encrypt([values[i % len(values)] for i in range(count)])

    def encrypt(self, values: Any) -> Any:
        return self.public.encrypt(values)

    def decrypt(self, ciphertexts: Any) -> Any:
        return self.private.decrypt(ciphertexts)

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def multiply(self, ciphertexts: Any, scalars: Any) -> Any:
        return ciphertexts * scalars

    def sum(self, ciphertexts: Any) -> Any:
        return ciphertexts.sum()

    def integers(self, decrypted: Any) -> Any:
        return [int(v) for v in (decrypted if isinstance(decrypted, list) else [decrypted])]
