"""How long hepy takes from nothing: the import, and the first CKKS product with numba compiling and with its cache.

Each figure is that of a process of its own: what was loaded or compiled before would hide it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from hepy.benchmarks.environments import variables

_IMPORTS = 5  # of which the fastest counts: the first may read files from the disk
_SCRIPT = """
import json, time
start = time.perf_counter()
from hepy import ckks
imported = time.perf_counter()
context = ckks.Context(ckks.Parameters(log_n=13, depth=2))
x = context.encrypt([0.5, 1.5])
context.decrypt(x * x)
print(json.dumps([imported - start, time.perf_counter() - imported]))
"""


def measure(tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of the ledger: what, and seconds by the wall."""
    with tempfile.TemporaryDirectory() as cache:
        tell("cold start: compiling")
        compiling = _run(cache)[1]
        tell("cold start: with numba's cache")
        warm = [_run(cache) for _ in range(_IMPORTS)]
    return [
        {"what": "import hepy.ckks", "seconds": round(min(imported for imported, _ in warm), 3)},
        {"what": "keys, encryption, first product and decryption, numba compiling", "seconds": round(compiling, 2)},
        {"what": "the same with numba's cache", "seconds": round(min(product for _, product in warm), 3)},
    ]


def _run(cache: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env={**variables("hepy"), "NUMBA_CACHE_DIR": cache},
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds
