"""Blocks of ChaCha20 that do not stand side by side, eight at once: RFC 8439, section 2.3, in vectors.

Draws of residues are completed here, because what is rejected is scattered.
"""

import numba
import numpy as np

from hepy._host.lanes import LANES, exclusive_or, load, load_one, rotate_7, rotate_8, rotate_12, rotate_16, store

BLOCK_WORDS = 16
_ROUNDS = 10  # double rounds
_COUNTER = 12  # the word of the state that counts blocks
_NONCE = 13  # the first word of the nonce: purpose, and the attempt in its upper half
_ATTEMPTS = 1 << 16
_COUNTERS_AT, _NONCES_AT = np.uint64(BLOCK_WORDS * LANES), np.uint64((BLOCK_WORDS + 1) * LANES)  # in the scratch

_part = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@numba.njit(nogil=True, cache=True, no_cfunc_wrapper=True)
def blocks(out, counters, state, scratch):
    """out[i] is the block with counter counters[i].

    out: uint32[count, 16]; counters: uint32[count filled up to a multiple of 8]; state: uint32[16], constants, key, any
    counter and nonce; scratch: uint32[16, 8].
    """
    counters_at, at, words = (
        np.uint64(counters.ctypes.data),
        np.uint64(state.ctypes.data),
        np.uint64(scratch.ctypes.data),
    )
    for first in range(0, out.shape[0], LANES):
        counter = load(counters_at, np.uint64(first))
        _eight_blocks(words, at, counter, _state(at, _NONCE))
        for lane in range(min(LANES, out.shape[0] - first)):
            for word in range(BLOCK_WORDS):
                out[first + lane, word] = scratch[word, lane]


@numba.njit(nogil=True, cache=True, no_cfunc_wrapper=True)
def below(words, first, bounds, masks, run, state, scratch):
    """Mask words, and draw those that are not below their bound from further attempts until they are.

    words: uint32[16 blocks], the blocks from counter `first` on of attempt 0. Word i has bound and mask
    i // run % len(bounds), uint32 both; run is a multiple of eight. state: uint32[16], constants, key, any counter and the
    nonce of attempt 0. scratch: uint32[18, 8].

    Returns: whether all are; after 65535 further attempts there is no other.
    """
    blocks = words.shape[0] // BLOCK_WORDS
    rejected = np.zeros(blocks, np.uint8)
    for begin in range(0, words.shape[0], run):
        bound, mask = bounds[begin // run % len(bounds)], masks[begin // run % len(bounds)]
        for i in range(begin, min(begin + run, words.shape[0])):
            words[i] &= mask
            rejected[i // BLOCK_WORDS] |= words[i] >= bound
    waiting = np.flatnonzero(rejected)
    # Each lane keeps a block until all of its words are below; idle ones repeat their last.
    at, to = np.uint64(state.ctypes.data), np.uint64(scratch.ctypes.data)
    counters, nonces = scratch[BLOCK_WORDS], scratch[BLOCK_WORDS + 1]
    block, attempt = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    busy = np.zeros(LANES, np.bool_)
    taken = 0
    while True:
        for lane in range(LANES):
            if not busy[lane] and taken < len(waiting):
                block[lane], attempt[lane], busy[lane] = waiting[taken], 0, True
                taken += 1
            attempt[lane] += busy[lane]
            counters[lane] = first + block[lane]
            nonces[lane] = state[_NONCE] + (attempt[lane] << 16)
        if not busy.any():
            return True
        if attempt.max() == _ATTEMPTS:
            return False
        _eight_blocks(to, at, load(to, _COUNTERS_AT), load(to, _NONCES_AT))
        for lane in range(LANES):
            if busy[lane]:
                busy[lane] = not _complete(words, block[lane], scratch, lane, bounds, masks, run)


@_part
def _complete(words, block, scratch, lane, bounds, masks, run):
    """Take what is rejected of a block from a lane; whether all of it is below now."""
    done = True
    for half in range(0, BLOCK_WORDS, BLOCK_WORDS // 2):
        begin = block * BLOCK_WORDS + half
        bound, mask = bounds[begin // run % len(bounds)], masks[begin // run % len(bounds)]
        for word in range(BLOCK_WORDS // 2):
            if words[begin + word] >= bound:
                words[begin + word] = scratch[half + word, lane] & mask
                done = done and words[begin + word] < bound
    return done


@_part
def _eight_blocks(words, state, counter, nonce):
    s0, s1, s2, s3 = _state(state, 0), _state(state, 1), _state(state, 2), _state(state, 3)
    s4, s5, s6, s7 = _state(state, 4), _state(state, 5), _state(state, 6), _state(state, 7)
    s8, s9, s10, s11 = _state(state, 8), _state(state, 9), _state(state, 10), _state(state, 11)
    s12, s13, s14, s15 = counter, nonce, _state(state, 14), _state(state, 15)
    for _ in range(_ROUNDS):
        s0, s4, s8, s12 = _quarter_round(s0, s4, s8, s12)
        s1, s5, s9, s13 = _quarter_round(s1, s5, s9, s13)
        s2, s6, s10, s14 = _quarter_round(s2, s6, s10, s14)
        s3, s7, s11, s15 = _quarter_round(s3, s7, s11, s15)
        s0, s5, s10, s15 = _quarter_round(s0, s5, s10, s15)
        s1, s6, s11, s12 = _quarter_round(s1, s6, s11, s12)
        s2, s7, s8, s13 = _quarter_round(s2, s7, s8, s13)
        s3, s4, s9, s14 = _quarter_round(s3, s4, s9, s14)
    for word, mixed in enumerate((s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11)):
        _finish(words, state, word, mixed)
    store(words, np.uint64(LANES * _COUNTER), s12 + counter)
    store(words, np.uint64(LANES * _NONCE), s13 + nonce)
    for word, mixed in enumerate((s14, s15)):
        _finish(words, state, _NONCE + 1 + word, mixed)


@_part
def _quarter_round(a, b, c, d):
    a = a + b
    d = rotate_16(exclusive_or(d, a))
    c = c + d
    b = rotate_12(exclusive_or(b, c))
    a = a + b
    d = rotate_8(exclusive_or(d, a))
    c = c + d
    b = rotate_7(exclusive_or(b, c))
    return a, b, c, d


@_part
def _state(state, word):
    return load_one(state, np.uint64(word))


@_part
def _finish(words, state, word, mixed):
    store(words, np.uint64(LANES * word), mixed + _state(state, word))
