"""The warning about short keys, which adapters accept because their originals do."""

from __future__ import annotations

import sys
import warnings


class InsecureKeyWarning(UserWarning):
    """A key is shorter than 2048 bits."""


_warned = False


def warn_once(bits: int) -> None:
    """Warn of a key that is too short, the first time in this process."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"a Paillier key of {bits} bits is not secure: use 3072 bits, or 2048 at least. No more is said of short keys "
            "in this process",
            InsecureKeyWarning,
            stacklevel=_frames_of_hepy() + 1,
        )


def _frames_of_hepy() -> int:
    """How many callers are hepy's own, from warn_once up: a warning names the line of the program that asked for the key."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hepy."):
        frame, count = frame.f_back, count + 1
    return count - 1
