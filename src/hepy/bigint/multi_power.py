"""Plans for products of powers: which method and window, and which elements meet in a bucket.

Straus's method (Amer. Math. Monthly 71 (1964)) keeps a table for each base and shares squarings among bases; Pippenger's
(SIAM J. Comput. 9 (1980), as in Bernstein et al., eprint 2012/549, section 4) collects bases by digit. What a device
takes is the longest chain of products that depend on each other, or all products over the groups that work at once. The
host's engines plan otherwise: multi_power_host.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy.bigint.rows import Rows

_AT_ONCE = 1 << 13  # integers in work at once on a large GPU
_STRAUS_WINDOWS, _PIPPENGER_WINDOWS = range(1, 7), range(1, 13)


@dataclass(frozen=True)
class Plan:
    method: Literal["straus", "pippenger"]
    window: int
    cost: float  # products in a row


def plan(rows: int, terms: int, columns: int, bits: int) -> Plan:
    """The cheaper method for `rows` vectors of `terms` bases and `columns` vectors of exponents below 2**bits."""
    straus = [Plan("straus", w, _straus_cost(rows, terms, columns, bits, w)) for w in _STRAUS_WINDOWS]
    pippenger = [Plan("pippenger", w, _pippenger_cost(rows, terms, columns, bits, w)) for w in _PIPPENGER_WINDOWS]
    return min(straus + pippenger, key=lambda plan: plan.cost)


def _rounds(count: int) -> float:
    return max(1.0, count / _AT_ONCE)


def _straus_cost(rows: int, terms: int, columns: int, bits: int, window: int) -> float:
    tables = _rounds(rows * terms) * float(2**window)
    return tables + _rounds(rows * columns) * (bits + terms * -(-bits // window))


def _pippenger_cost(rows: int, terms: int, columns: int, bits: int, window: int) -> float:
    positions = -(-bits // window)
    collected = _rounds(rows * positions * terms) * 2 + math.log2(terms + 1)
    return columns * (collected + _rounds(rows * positions) * float(2 ** (window + 1)) + _rounds(rows) * bits)


def digits(exponents: limb.Limbs, bits: int, window: int) -> npt.NDArray[np.uint16]:
    """Windows of exponents uint32[E, words] below 2**bits, the lowest first: uint16[E, ceil(bits / window)]."""
    wide = np.concatenate([exponents, np.zeros((len(exponents), 1), np.uint32)], axis=1).astype(np.uint64)
    positions = np.arange(-(-bits // window)) * window
    word, shift = positions // limb.LIMB_BITS, (positions % limb.LIMB_BITS).astype(np.uint64)
    pairs = wide[:, word] | wide[:, word + 1] << np.uint64(limb.LIMB_BITS)
    return ((pairs >> shift) & np.uint64((1 << window) - 1)).astype(np.uint16)


def buckets(digits: npt.NDArray[np.uint16], largest: int) -> tuple[Rows, Rows]:
    """Which of K bases meet, for each position and each digit from 1 to `largest`.

    Args:
        digits: uint16[K, positions].

    Returns: bases in order, int64, and where in it each of the positions * largest buckets begins, with the end.
    """
    base, position = np.nonzero(digits)
    keys = position * largest + digits[base, position] - 1
    order = np.argsort(keys, kind="stable")
    counts = np.bincount(keys, minlength=digits.shape[1] * largest)
    return base[order].astype(np.int64), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
