"""The warning about short keys, which adapters accept because their originals do."""

from __future__ import annotations

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
            stacklevel=3,
        )
