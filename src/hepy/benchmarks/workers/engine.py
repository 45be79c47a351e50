"""What a library offers to the benchmark: one method for each operation, and what its figures stand for."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

OPERATIONS = (
    "keygen", "encrypt", "encrypt_owner", "decrypt", "add", "multiply", "matmul", "histogram", "sum",
)  # fmt: skip


class Unsupported(Exception):
    """The library cannot do this; the message says why, for the report."""


class Engine:
    """A library under measurement. Subclasses define the methods of the operations that they offer.

    What goes in and out of a method is the library's own: `numbers` and `matrix` make its inputs, outside of the
    timing, from Python integers; `integers` turns decrypted results back, also outside.

    Attributes:
        packages: distributions whose versions the ledger keeps.
        variant: "djn", "classic" or "subgroup": where the obfuscators come from.
        timing: "vartime", "constant_time", or "unstated" where the library's documents do not say.
        threads: whether a call uses several cores by itself; if not, all cores means one process a core.
        batches, notes: told of CKKS engines.
    """

    packages: Tuple[str, ...] = ()
    variant = "classic"
    timing = "unstated"
    threads = False
    batches = True
    notes = ""

    def __init__(self, settings: Dict[str, Any]) -> None:
        """Settings are those of the engine's specification: device, variant, timing, threads."""

    def operations(self) -> List[str]:
        """Names of the operations that this library offers."""
        return [name for name in OPERATIONS if getattr(type(self), name, None) is not None]

    def keygen(self, bits: int) -> Any:
        """A fresh key pair."""
        raise NotImplementedError

    def from_numbers(self, numbers: Dict[str, int]) -> Any:
        """A key that was made earlier: primes "P" and "Q", "p" and "q" with p | P - 1 and q | Q - 1, generator "h"."""
        raise NotImplementedError

    def use(self, key: Any) -> None:
        """Take this key for what follows."""
        self.key = key

    def numbers(self, values: Sequence[int]) -> Any:
        """Plaintext integers as the library likes them."""
        return list(values)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        """A plaintext matrix as the library likes it."""
        return [list(row) for row in rows]

    def bins(self, features: Sequence[Sequence[int]], count: int) -> Any:
        """Which of `count` bins each sample falls into, for each feature, as the library likes it."""
        return [list(feature) for feature in features]

    def few(self, values: Sequence[int]) -> Any:
        """Ciphertexts of a few values, from which operand() makes larger arrays."""
        return self.encrypt(self.numbers(values))  # type: ignore[attr-defined]

    def operand(self, few: Any, values: Sequence[int], count: int) -> Any:
        """`count` ciphertexts that repeat the few (those of `values`), so that slow encryption costs little."""
        return [few[i % len(few)] for i in range(count)]

    def integers(self, decrypted: Any) -> List[int]:
        """Decrypted values as Python integers."""
        return [int(value) for value in decrypted]
