"""The work of each CKKS row: operands of a level and count, the call, a check of its result; precision and sizes.

Plaintexts are the same for every engine and run: fixed pseudorandom numbers in [-1, 1], all N / 2 slots of them. For
squarings they are 1 and -1, whose powers stay where errors grow most.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

_DISTINCT = 4  # vectors and ciphertexts that are made; larger batches repeat them
_TOLERANCE = 2.0**-10
_KEYS = 7  # under each of which precision is measured: some libraries differ by a bit between keys
_MESSAGES = 8  # under each key, where they fit the time: the largest error of one ciphertext varies by a tenth of a bit

Call = Callable[[], Any]


class Workload:
    """Calls of one engine under one key; ciphertexts that serve as operands are kept for the next call."""

    def __init__(self, engine: Any, case: Dict[str, int]) -> None:
        self.engine = engine
        self._slots, self._depth = 1 << (case["log_n"] - 1), case["depth"]
        self._few: Dict[Tuple[int, int], Any] = {}
        engine.setup(**case)

    def keygen(self) -> Any:
        return self.engine.keygen()

    def prepare(self, operation: str, level: int, size: int) -> Tuple[Call, int]:
        """The call to time, with operands made, and how many ciphertexts one call makes."""
        call, _ = self._case(operation, level, size)
        return call, size

    def check(self, operation: str, level: int) -> None:
        """Run the operation on two ciphertexts and compare what decrypts with numpy.

        Raises:
            ArithmeticError: the library computed something else.
        """
        call, expected = self._case(operation, level, 2)
        got = call()
        if operation == "encode":
            got = self.engine.multiply_plain(self._operand(level, 2, 1), got)
            expected = expected * self._vectors(2, 1)
        if operation != "decrypt":
            got = self.engine.decrypt(got)
        worst = np.abs(np.array(self.engine.numbers(got))[:, : self._slots] - expected).max()
        if not worst < _TOLERANCE:
            raise ArithmeticError(f"{operation} is wrong by {worst:.3g}")

    def precision(self, after: List[str], seconds: float) -> Dict[str, List[float]]:
        """-log2 of the largest error of a ciphertext after each of "encrypt", "multiply", "rotate" and "squarings" that is
        asked for: under each of some new keys the mean of some ciphertexts, of fewer where they take longer than this.
        The last key stays in use, and kept operands are dropped.
        """
        engine, rng = self.engine, np.random.default_rng(11)
        engine.precise()
        engine.level = self._depth
        self._few.clear()
        bits: Dict[str, List[float]] = {name: [] for name in after}
        for _ in range(_KEYS):
            engine.use(engine.keygen())
            for name in after:
                end, found = time.perf_counter() + seconds, []
                while not found or (len(found) < _MESSAGES and time.perf_counter() < end):
                    found.append(self._bits(rng.uniform(-1, 1, (1, self._slots)), name))
                bits[name].append(float(np.mean(found)))
        return bits

    def _bits(self, x: Any, after: str) -> float:
        engine = self.engine
        got, expected = self._computed(np.sign(x) if after == "squarings" else x, after)
        error = np.abs(np.array(engine.numbers(engine.decrypt(got)))[:, : self._slots] - expected).max()
        return float(-np.log2(max(error, 2.0**-60)))

    def _computed(self, x: Any, after: str) -> Tuple[Any, Any]:
        """Fresh ciphertexts of x, or what was made of them; and what they hold."""
        engine = self.engine
        fresh = engine.encrypt(engine.vectors(x))
        if after == "multiply":
            y = self._vectors(len(x), 1)
            return engine.multiply(fresh, engine.encrypt(engine.vectors(y))), x * y
        if after == "rotate":
            return engine.rotate(fresh), np.roll(x, -1, axis=1)
        if after == "squarings":
            return engine.squarings(fresh, self._depth), np.ones_like(x)
        return fresh, x

    def sizes(self) -> Dict[str, int]:
        """Bytes of what is sent."""
        self.engine.level = self._depth
        sizes: Dict[str, int] = self.engine.sizes()
        return sizes

    def _case(self, operation: str, level: int, size: int) -> Tuple[Call, Any]:
        engine = self.engine
        engine.level = level
        method, a = getattr(engine, operation), self._vectors(size, 0)
        if operation in ("encode", "encrypt"):
            vectors = engine.vectors(a)
            return lambda: method(vectors), a
        x = self._operand(level, size, 0)
        if operation == "decrypt":
            return lambda: method(x), a
        if operation == "rotate":
            return lambda: method(x), np.roll(a, -1, axis=1)
        b = self._vectors(size, 1)
        if operation in ("multiply_plain", "scale_plain"):
            plain = engine.encode(engine.vectors(b)) if hasattr(engine, "encode") else engine.vectors(b)
            return lambda: method(x, plain), a * b
        y = self._operand(level, size, 1)
        return lambda: method(x, y), a + b if operation == "add" else a * b

    def _vectors(self, count: int, which: int) -> Any:
        few = np.random.default_rng(which).uniform(-1, 1, (_DISTINCT, self._slots))
        return few[np.arange(count) % _DISTINCT]

    def _operand(self, level: int, count: int, which: int) -> Any:
        if (level, which) not in self._few:
            self.engine.level = level
            self._few[level, which] = self.engine.operands(self.engine.vectors(self._vectors(_DISTINCT, which)))
        return self.engine.repeat(self._few[level, which], count)
