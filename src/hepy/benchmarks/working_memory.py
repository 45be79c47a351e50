"""hepy's working memory: how far a call's peak rises above its operands and its result.

Each operation runs in a child of its own, warmed up on a few elements. The kernel's high-water mark of resident
memory, reset before the call, tells the peak (Linux).
"""

from __future__ import annotations

import ctypes
import gc
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_BITS = 2048
# Large enough that a fifth of the result stands out of the allocator's noise, small enough for a minute in all.
_CASES = {
    "encrypt": 16_384, "encrypt_owner": 16_384, "decrypt": 8_192, "add": 131_072, "multiply": 16_384, "sum": 131_072,
    "matmul": 32_768, "histogram 100000": 100_000, "histogram 1000000": 1_000_000,
}  # fmt: skip
_WARM = 600
_BINS = 32
_COLUMNS = 4


def measure(tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of the ledger: operation, items, bytes of operands, result and working memory, and the promised share.

    Elementwise operations are held against their result. A decryption's result is eight bytes an element and a
    sum's is one ciphertext, so those are held against their operands; a histogram of a million samples against
    its operands too, with a tenth of the samples beside it to show that the peak does not grow.
    """
    rows = []
    for operation, count in _CASES.items():
        tell(f"memory: {operation}")
        done = subprocess.run(
            [sys.executable, "-m", "hepy.benchmarks.working_memory", operation.split()[0], str(count)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise RuntimeError(f"measuring the memory of {operation} failed: {lines[-1] if lines else 'no message'}")
        rows.append({"operation": operation, **json.loads(done.stdout)})
    return rows


def _measure_one(operation: str, count: int) -> dict[str, Any]:
    from hepy import paillier

    key = paillier.generate_key(bits=_BITS)
    few = key.public_key.encrypt(np.arange(64))
    # The tables of a busy key belong to the key.
    for _ in range(2):
        key.public_key.encrypt(np.zeros(_WARM, dtype=int))
        key.encrypt(np.zeros(_WARM, dtype=int))
    call, operands, result = _case(operation, key, few, 64)
    call()
    call, operands, result = _case(operation, key, few, count)
    gc.collect()
    # Memory that earlier calls freed would serve this one unseen.
    ctypes.CDLL(None).malloc_trim(0)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    kept = call()
    working = max(0, _resident("VmHWM") - before - result)
    del kept
    of = "result" if operation in ("encrypt", "encrypt_owner", "add", "multiply") else "operands"
    share = working / (result if of == "result" else operands)
    return {
        "items": count,
        "operands": operands,
        "result": result,
        "working": working,
        "of": of,
        "share": round(share, 4),
    }


def _case(operation: str, key: Any, few: Any, count: int) -> tuple[Callable[[], Any], int, int]:
    """The call, the bytes of its operands and those of its result."""
    size = key.bits // 4  # bytes of a ciphertext
    numbers = np.arange(count)
    if operation in ("encrypt", "encrypt_owner"):
        method = key.encrypt if operation == "encrypt_owner" else key.public_key.encrypt
        return lambda: method(numbers), numbers.nbytes, count * size
    x = few[numbers % few.size]
    if operation == "decrypt":
        return lambda: key.decrypt(x), count * size, 8 * count
    if operation == "add":
        y = few[(numbers + 1) % few.size]
        return lambda: x + y, 2 * count * size, count * size
    if operation == "multiply":
        scalars = np.full(count, (1 << 62) + 12345)
        return lambda: x * scalars, count * size + scalars.nbytes, count * size
    if operation == "sum":
        return lambda: x.sum(), count * size, size
    if operation == "matmul":
        weights = np.random.default_rng(1).integers(-(1 << 31), 1 << 31, (count, _COLUMNS))
        return lambda: x @ weights, count * size + weights.nbytes, _COLUMNS * size
    bins = numbers * 7 % _BINS
    return lambda: x.segment_sum(bins, _BINS), count * size + bins.nbytes, _BINS * size


def _resident(field: str) -> int:
    """Bytes of that line of /proc/self/status."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(_measure_one(sys.argv[1], int(sys.argv[2]))))
