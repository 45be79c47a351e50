"""From words of a stream to small coefficients: a magnitude and a sign for each, without branches on either."""

import numpy as np

from hepy.ring.loops.modular import ONE, loop, part

_THIRD = np.uint32((2**32 - 1) // 3)
_WORD_BITS = np.uint64(32)
_NEGATIVE = np.uint32(2**32 - 1)
_BLOCK = 512  # coefficients whose words stay in the first cache


@loop
def ternary(magnitudes, masks, words, start, stop):
    """All arrays uint32[count]; words below 2**32 - 1."""
    for k in range(start, stop):
        second, third = words[k] >= _THIRD, words[k] >= np.uint32(2) * _THIRD
        magnitudes[k] = np.uint32(second)
        masks[k] = _NEGATIVE * np.uint32(third)


@loop
def gaussian(magnitudes, masks, words, thresholds, start, stop):
    """magnitudes, masks: uint32[count]; words: uint32[count, 2]; thresholds: uint64[k], below 2**63 as what they cut."""
    upper, reached = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for first in range(start, stop, _BLOCK):
        count = min(_BLOCK, stop - first)
        for k in range(count):
            word = np.uint64(words[first + k, 0]) | (np.uint64(words[first + k, 1]) << _WORD_BITS)
            upper[k] = np.int64(word >> ONE)
            reached[k] = 0
            masks[first + k] = _NEGATIVE * np.uint32(word & ONE)
        for threshold in thresholds:
            least = np.int64(threshold)
            for k in range(count):  # four comparisons an instruction
                reached[k] += upper[k] >= least
        for k in range(count):
            magnitudes[first + k] = np.uint32(reached[k])


@loop
def sparse_ternary(magnitudes, masks, words, weight, start, stop):
    """Polynomials [start, stop): magnitudes, masks: uint32[B, N]; words: uint32[B, N, 4]; weight: uint64.

    Knuth's selection sampling, TAOCP 2, section 3.4.2, algorithm S: of the s places that are left, each is taken with
    probability (what is left to take) / s.
    """
    degree = words.shape[1]
    for b in range(start, stop):
        left = np.uint64(weight)
        for k in range(degree):
            below = scaled(words[b, k, 0], words[b, k, 1], np.uint64(degree - k))
            taken = np.uint64(below < left)
            left -= taken
            magnitudes[b, k] = np.uint32(taken)
            masks[b, k] = _NEGATIVE * (words[b, k, 2] & np.uint32(1))


@part
def scaled(low, high, bound):
    """floor(word * bound / 2**64) of the 64-bit word that two make, for a bound below 2**32."""
    return (((np.uint64(low) * bound) >> _WORD_BITS) + np.uint64(high) * bound) >> _WORD_BITS
