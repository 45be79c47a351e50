"""Canonical limbs: non-negative integers as little-endian uint32 rows, to and from Python's own integers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from hepy.errors import ParameterError

LIMB_BITS = 32

Limbs = npt.NDArray[np.uint32]


def width(bits: int) -> int:
    """Limbs that hold `bits` bits, at least one."""
    return max(1, -(-bits // LIMB_BITS))


def from_ints(values: Iterable[int], words: int) -> Limbs:
    """Integers in [0, 2**(32 words)) as uint32[B, words].

    Raises:
        ParameterError: a value is negative or wider; names its position, not the value.
    """
    size = 4 * words
    rows = []
    try:
        for value in values:
            rows.append(int(value).to_bytes(size, "little"))
    except OverflowError:
        raise ParameterError(
            f"the integer at position {len(rows)} is negative or has more than {32 * words} bits: reduce it first"
        ) from None
    return np.frombuffer(b"".join(rows), dtype="<u4").reshape(len(rows), words)


def to_ints(limbs: Limbs) -> list[int]:
    """uint32[B, words] as Python integers."""
    size = 4 * limbs.shape[1]
    data = memoryview(np.ascontiguousarray(limbs, dtype="<u4").tobytes())
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def object_array(values: list[int], shape: tuple[int, ...]) -> npt.NDArray[np.object_]:
    """Python integers as an object array of that shape; numpy alone would look into sequences and pick a dtype."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out.reshape(shape)
