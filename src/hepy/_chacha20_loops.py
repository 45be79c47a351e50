"""Blocks of ChaCha20 that do not stand side by side, eight at once: RFC 8439, section 2.3, in vectors."""

import numba
import numpy as np

from hepy._lanes import LANES, exclusive_or, load, load_one, rotate_7, rotate_8, rotate_12, rotate_16, store

BLOCK_WORDS = 16
_ROUNDS = 10  # double rounds
_COUNTER = 12  # the word of the state that counts blocks

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
        _eight_blocks(words, at, counter)
        for lane in range(min(LANES, out.shape[0] - first)):
            for word in range(BLOCK_WORDS):
                out[first + lane, word] = scratch[word, lane]


@_part
def _eight_blocks(words, state, counter):
    s0, s1, s2, s3 = _state(state, 0), _state(state, 1), _state(state, 2), _state(state, 3)
    s4, s5, s6, s7 = _state(state, 4), _state(state, 5), _state(state, 6), _state(state, 7)
    s8, s9, s10, s11 = _state(state, 8), _state(state, 9), _state(state, 10), _state(state, 11)
    s12, s13, s14, s15 = counter, _state(state, 13), _state(state, 14), _state(state, 15)
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
    for word, mixed in enumerate((s13, s14, s15)):
        _finish(words, state, _COUNTER + 1 + word, mixed)


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
