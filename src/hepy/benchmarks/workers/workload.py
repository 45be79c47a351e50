"""The work of each row: inputs of a size, the call, the items that it makes, and a check of its result.

Inputs are the same for every engine and run: fixed pseudorandom integers. Plaintexts and weights are signed and of
20 and 32 bits, scalars have 63 bits and are positive (gradients, model weights and sample counts look like that).
"""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Optional, Tuple

ROWS = 128  # of the matrix; its columns are the size that adapts
FEATURES = 4  # of the histogram
BINS = 32

# Ciphertexts encrypted for an operand; larger operands repeat them.
_DISTINCT = 32

Call = Callable[[], Any]


class Workload:
    """Calls of one engine under one key; ciphertexts that serve as operands are kept for the next call."""

    def __init__(self, engine: Any, case: Optional[Dict[str, int]] = None) -> None:
        self.engine = engine
        self._bits = (case or {}).get("bits", 0)
        self._few: Dict[int, Any] = {}
        self._operands: Dict[Tuple[int, int], Any] = {}

    def keygen(self) -> Any:
        return self.engine.keygen(self._bits)

    def prepare(self, operation: str, size: int) -> Tuple[Call, int]:
        """The call to time, with inputs made, and how many items one call makes.

        Args:
            size: elements; for matmul columns of a matrix of ROWS rows, for histogram samples of FEATURES features.
        """
        call, items, _ = self._case(operation, size, scalar_bits=63)
        return call, items

    def check(self, operation: str) -> None:
        """Run the operation on a few values and compare what decrypts with plain integers.

        Raises:
            ArithmeticError: the library computed something else.
        """
        size = {"matmul": 2, "histogram": 2 * BINS}.get(operation, 5)
        # Products stay below 2**63: some peers decode no more.
        call, _, expected = self._case(operation, size, scalar_bits=40)
        got = call()
        if operation != "decrypt":
            got = self.engine.decrypt(got)
        if self.engine.integers(got) != expected:
            raise ArithmeticError(f"{operation} decrypts to something else than plain integers give")

    def _case(self, operation: str, size: int, scalar_bits: int) -> Tuple[Call, int, List[int]]:
        numbers, engine = random.Random(size), self.engine
        method = getattr(engine, operation)
        if operation in ("encrypt", "encrypt_owner"):
            values = _signed(numbers, 20, size)
            plain = engine.numbers(values)
            return lambda: method(plain), size, values
        if operation == "matmul":
            vector, held = self._operand(ROWS)
            weights = [_signed(numbers, 32, size) for _ in range(ROWS)]
            matrix = engine.matrix(weights)
            products = [sum(held[i] * weights[i][j] for i in range(ROWS)) for j in range(size)]
            return lambda: method(vector, matrix), ROWS * size, products
        operand, held = self._operand(size)
        if operation == "decrypt":
            return lambda: method(operand), size, held
        if operation == "sum":
            return lambda: method(operand), size, [sum(held)]
        if operation == "add":
            other, more = self._operand(size, second=1)
            return lambda: method(operand, other), size, [a + b for a, b in zip(held, more)]
        if operation == "multiply":
            scalars = [numbers.getrandbits(scalar_bits) | 1 << (scalar_bits - 1) for _ in range(size)]
            factors = engine.numbers(scalars)
            return lambda: method(operand, factors), size, [v * s for v, s in zip(held, scalars)]
        if operation == "histogram":
            # Every bin has a member: some peers refuse empty ones.
            features = [numbers.sample([i % BINS for i in range(size)], size) for _ in range(FEATURES)]
            bins = engine.bins(features, BINS)
            totals = [sum(v for v, b in zip(held, bin_of) if b == k) for bin_of in features for k in range(BINS)]
            return lambda: method(operand, bins, BINS), FEATURES * size, totals
        raise ValueError(f"there is no operation {operation!r}")

    def _operand(self, count: int, second: int = 0) -> Tuple[Any, List[int]]:
        """Ciphertexts and what they decrypt to; the second operand of a sum holds other values."""
        values = _signed(random.Random(second), 20, _DISTINCT)
        if second not in self._few:
            self._few[second] = self.engine.few(values)
        if (count, second) not in self._operands:
            self._operands[count, second] = self.engine.operand(self._few[second], values, count)
        return self._operands[count, second], [values[i % _DISTINCT] for i in range(count)]


def _signed(numbers: random.Random, bits: int, count: int) -> List[int]:
    return [numbers.randrange(-(1 << (bits - 1)), 1 << (bits - 1)) for _ in range(count)]
