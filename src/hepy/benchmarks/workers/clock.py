"""Timing of one sample between two runs of a fixed piece of work, which tells how fast the machine was just then."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict

_BASE, _EXPONENT, _MODULUS = 3**600, (1 << 200) - 1, (1 << 1200) - 1


def sample(call: Callable[[], Any], repeats: int) -> Dict[str, float]:
    """Seconds of `repeats` calls, by the wall and by the processor, and of the fixed work around them."""
    before = _fixed_work()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall, "cpu": cpu, "fixed_cpu": (before + _fixed_work()) / 2}


def _fixed_work() -> float:
    cpu = time.process_time()
    for _ in range(4):
        pow(_BASE, _EXPONENT, _MODULUS)
    return time.process_time() - cpu
