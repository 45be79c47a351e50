"""What a CKKS library offers to the benchmark: one method for each operation, on lists (or batches) of ciphertexts."""

from __future__ import annotations

from typing import Any, Dict, List

OPERATIONS = (
    "keygen", "encode", "encrypt", "decrypt", "add", "multiply_plain", "scale_plain", "multiply", "rotate",
)  # fmt: skip


class Engine:
    """A library under measurement. Subclasses define the methods of the operations that they offer.

    Operands are the library's own: `vectors` makes its plaintext numbers, outside of the timing, from float64[count,
    N / 2]; `numbers` turns decrypted results back, also outside. Ciphertexts are at `level`, which is the count of
    multiplications that they have left.

    Attributes:
        packages: distributions whose versions the ledger keeps.
        threads: whether a call uses several cores by itself; if not, all cores means one process a core.
        batches: whether a call takes many ciphertexts as one batch; if not, a batch is a loop.
        notes: what a reader of its rows has to know.
    """

    packages: Any = ()
    threads = False
    batches = False
    notes = ""
    # The same in every row: variants and timing modes are Paillier's.
    variant = timing = ""

    def __init__(self, settings: Dict[str, Any]) -> None:
        """Settings are those of the engine's specification: device, threads."""
        self.level = 0

    def operations(self) -> List[str]:
        """Names of the operations that this library offers."""
        return [name for name in OPERATIONS if getattr(type(self), name, None) is not None]

    def setup(self, log_n: int, depth: int, scale_bits: int, security: int) -> None:
        """Choose parameters; security 0 asks for none, for tests of the harness."""
        raise NotImplementedError

    def keygen(self) -> Any:
        """A fresh secret, the keys that encrypt and relinearize, and that of the rotation by one slot."""
        raise NotImplementedError

    def use(self, keys: Any) -> None:
        """Take these keys for what follows."""
        self.keys = keys

    def precise(self) -> None:
        """Change to the library's most exact way; nothing is timed from here on."""

    def vectors(self, values: Any) -> Any:
        """float64[count, N / 2] as the library likes it."""
        return [row.tolist() for row in values]

    def operands(self, values: Any) -> Any:
        """Ciphertexts at the level, where encrypt() makes none there."""
        return self.encrypt(values)  # type: ignore[attr-defined]

    def repeat(self, ciphertexts: Any, count: int) -> Any:
        """`count` ciphertexts that repeat the few, so that slow encryption costs little."""
        return [ciphertexts[i % len(ciphertexts)] for i in range(count)]

    def numbers(self, decrypted: Any) -> Any:
        """Decrypted vectors as something of float64[count, N / 2]."""
        return decrypted

    def squarings(self, ciphertexts: Any, count: int) -> Any:
        """The 2**count-th powers, by squaring."""
        for _ in range(count):
            ciphertexts = self.multiply(ciphertexts, ciphertexts)  # type: ignore[attr-defined]
        return ciphertexts

    def sizes(self) -> Dict[str, int]:
        """Bytes of what is sent, by name: see report.SIZES."""
        return {}
