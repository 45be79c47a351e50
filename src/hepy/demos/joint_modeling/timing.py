"""Seconds spent in each step of a party's work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

WAITING = "wait for the other side"


class Timer:
    """Adds up wall-clock seconds by step, in the order in which steps first ran.

    Attributes:
        seconds: by step.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
