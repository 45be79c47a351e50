"""Canonical limbs: non-negative integers as little-endian uint32 rows, to and from Python's own integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy.errors import ParameterError

LIMB_BITS = 32
MPZ = type(gmpy2.mpz())

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


def below(limbs: Limbs, bound: int) -> npt.NDArray[np.bool_]:
    """Which rows of uint32[B, words] stand for an integer below `bound`: bool[B]."""
    words = limbs.shape[1]
    if bound.bit_length() > LIMB_BITS * words:
        return np.ones(len(limbs), dtype=bool)
    edge = from_ints([bound], words)[0]
    # The highest limb that differs decides; where none does, the row equals the bound and is not below it.
    differs = limbs != edge
    top = words - 1 - np.argmax(differs[:, ::-1], axis=1)
    rows = np.arange(len(limbs))
    return np.asarray(differs.any(axis=1) & (limbs[rows, top] < edge[top]))


def all_below(limbs: Limbs, bound: int) -> bool:
    """Whether all rows of uint32[B, words] stand for integers below `bound`."""
    highest = int(limbs[:, -1].max(initial=0))
    # The highest limbs decide nearly always.
    return highest < bound >> LIMB_BITS * (limbs.shape[1] - 1) or bool(below(limbs, bound).all())


def from_array(values: npt.NDArray[Any]) -> tuple[Limbs, npt.NDArray[np.bool_]]:
    """Integers of any integer dtype or Python's own, as magnitudes uint32[B, words] and signs (True: negative).

    `values` is one-dimensional; `words` is what the widest needs.
    """
    if values.dtype == object:
        ints = [int(value) for value in values]
        negative = np.array([value < 0 for value in ints], dtype=bool)
        bits = max((value.bit_length() for value in ints), default=1)
        return from_ints(map(abs, ints), width(bits)), negative
    wide, negative = magnitudes(values)
    limbs = wide.view("<u4").reshape(len(values), 2)
    return np.ascontiguousarray(limbs if limbs[:, 1].any() else limbs[:, :1]), negative


def magnitudes(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Fixed-width integers as little-endian uint64 magnitudes and signs (True: negative)."""
    negative = np.asarray(values < 0)
    # Negation in uint64 also holds for -2**63, which has no positive int64.
    wide = values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
    return np.where(negative, np.uint64(0) - wide, wide).astype("<u8"), negative


def bit_length(limbs: Limbs) -> int:
    """Bits of the widest row, at least one."""
    used = np.flatnonzero(limbs.any(axis=0))
    if not len(used):
        return 1
    top = int(used[-1])
    return LIMB_BITS * top + int(limbs[:, top].max()).bit_length()
