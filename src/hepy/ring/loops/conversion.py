"""From residues to residues modulo other primes, from and to integers of many words.

Rows are addresses of N words; work is cut along rows and along coefficients, because a batch of one is usual.
"""

import numpy as np

from hepy.ring.loops.lanes import (
    add_product,
    add_product_with_one,
    add_sums,
    high_words,
    load,
    load_one,
    load_word,
    no_sums,
    shift_right,
    splat,
    store,
    store_word,
    widen,
)
from hepy.ring.loops.modular import (
    LANES,
    ONE,
    TWO,
    ZERO,
    add,
    loop,
    multiply_constant,
    negate_where,
    part,
    prime_at,
    reduce_pair,
    reduce_sums,
    reduce_word,
    subtract,
)

BLOCK = 256  # coefficients whose words of all limbs stay in the first cache
_STRIDE = np.uint64(16)
_BYTES = np.uint64(4)
_HALF = np.uint32(1 << 31)
_WORD_BITS = np.uint64(32)
_SIGN = np.uint64(63)
_LOW_BITS = np.uint64(11)
_HIGH_BITS = np.uint64(21)
_LOW_MASK = np.uint64(2**11 - 1)
_TAIL = 2.0**43


@loop
def convert_blocks(
    out, x, blocks, scratch, factors, reciprocals, shifts, matrix, lazy, source, target, degree, start, stop
):
    """Contract: RingKernels.convert. Item i is block i % blocks of batch entry i // blocks.

    out, x: addresses, uint64[B, limbs out], uint64[B, limbs in]. scratch: address of limbs in + 1 rows of BLOCK words.
    factors: address of uint32[limbs in, 2], (q_i / Q mod q_i, quotient). matrix: address of uint32[limbs out, terms],
    Q/q_i mod p_j, then -Q mod p_j where terms is limbs in + 1: the centred conversion. reciprocals: address of
    uint32[limbs in], shifts: uint64[limbs in]. lazy: as in inner_product_rows, for each limb out.
    """
    limbs, size = x.shape[1], min(degree, np.uint64(BLOCK))
    terms = matrix.shape[1]
    matrix_at = np.uint64(matrix.ctypes.data)
    for item in range(start, stop):
        b, first = item // blocks, np.uint64(item % blocks) * size
        _divided(scratch, x[b], first, size, factors, source)
        if terms > limbs:
            _multiples(scratch, limbs, size, reciprocals, shifts)
        for j in range(out.shape[1]):
            prime, most = prime_at(target, np.uint64(j)), lazy[j]
            row = matrix_at + np.uint64(j * terms) * _BYTES
            for n in range(ZERO, size, _STRIDE):
                _combined(out[b, j], first + n, scratch, n, size, row, terms, prime, most)


@part
def _combined(out, place, scratch, n, size, row, terms, prime, most):
    """The sum over i of y_i row[i] for sixteen coefficients (in the toy ring N = 8 the second eight are never read)."""
    low, high, held = no_sums(), no_sums(), ZERO
    for i in range(terms):
        if held == most:
            low, high, held = widen(reduce_sums(low, prime)), widen(reduce_sums(high, prime)), ZERO
        at, factor = scratch + (np.uint64(i) * size + n) * _BYTES, load_one(row, np.uint64(i))
        low = add_product_with_one(low, load(at, ZERO), factor)
        high = add_product_with_one(high, load(at, LANES), factor)
        held += ONE
    store(out, place, reduce_sums(low, prime))
    if size > LANES:
        store(out, place + LANES, reduce_sums(high, prime))


@part
def _divided(scratch, x, first, size, factors, source):
    """y_i = x_i q_i / Q mod q_i into the rows of scratch."""
    for i in range(x.size):
        limb = np.uint64(i)
        q = prime_at(source, limb)[0]
        factor, quotient = load_one(factors, TWO * limb), load_one(factors, TWO * limb + ONE)
        for n in range(ZERO, size, LANES):
            y = multiply_constant(load(x[i], first + n), factor, quotient, q)
            store(scratch, limb * size + n, y)


@part
def _multiples(scratch, limbs, size, reciprocals, shifts):
    """The rounded sum of y_i / q_i, in units of 2**-32 until then, into the last row of scratch."""
    half = widen(splat(_HALF))
    for n in range(ZERO, size, LANES):
        sums = half
        for i in range(limbs):
            y = load(scratch, np.uint64(i) * size + n)
            term = shift_right(add_product(no_sums(), y, load_one(reciprocals, np.uint64(i))), shifts[i])
            sums = add_sums(sums, term)
        store(scratch, np.uint64(limbs) * size + n, high_words(sums))


@loop
def from_words_rows(out, words, masks, reducers, batch, degree, start, stop):
    """Contract: RingKernels.from_words. words, masks: addresses, uint64[R, count], uint64[R]; masks hold uint32[N]."""
    for row in range(start, stop):
        prime, top = prime_at(reducers, np.uint64(row) // batch), words.shape[1] - 1
        for j in range(ZERO, degree, LANES):
            residue = reduce_word(load(words[row, top], j), prime)
            for k in range(top - 1, -1, -1):
                residue = reduce_pair(residue, load(words[row, k], j), prime)
            store(out[row], j, negate_where(load(masks[row], j), residue, prime[0]))


@loop
def to_words_blocks(
    out, negative, x, blocks, digits, radices, inverses, modulus, primes, reducers, degree, start, stop
):
    """Contract: RingKernels.to_words. Item i is block i % blocks of batch entry i // blocks.

    out, x: addresses, uint64[B, words], uint64[B, limbs]; negative: uint8[B, N]. digits: address of limbs rows of
    LANES words. radices: address of uint32[limbs, limbs, 2], q_k mod q_j with its quotient at [j, k]; inverses:
    address of uint32[limbs, 2], 1 / (q_0 ... q_(j-1)) mod q_j. modulus: uint64[2, words], Q and (Q + 1) / 2.
    primes: uint64[limbs].

    Source: Garner's mixed radix, Knuth, TAOCP 2, section 4.3.2.
    """
    size = min(degree, np.uint64(BLOCK))
    for item in range(start, stop):
        b, first = item // blocks, np.uint64(item % blocks) * size
        for n in range(first, first + size, LANES):
            _mixed_radix(digits, x[b], n, radices, inverses, reducers)
            for lane in range(LANES):
                _horner(out[b], n + lane, digits, lane, primes)
                negative[b, n + lane] = _centre(out[b], n + lane, modulus)


@part
def _mixed_radix(digits, x, n, radices, inverses, reducers):
    """x = d_0 + q_0 (d_1 + q_1 (d_2 + ...)): d_j = (x - what is before it) / (q_0 ... q_(j-1)) mod q_j."""
    limbs = np.uint64(x.size)
    for j in range(limbs):
        prime = prime_at(reducers, j)
        q, before = prime[0], splat(np.uint32(0))
        for back in range(j):
            k = j - ONE - back
            at = TWO * (j * limbs + k)
            before = multiply_constant(before, load_one(radices, at), load_one(radices, at + ONE), q)
            before = add(before, reduce_word(load(digits, LANES * k), prime), q)
        rest = subtract(load(x[j], n), before, q)
        digit = multiply_constant(rest, load_one(inverses, TWO * j), load_one(inverses, TWO * j + ONE), q)
        store(digits, LANES * j, digit)


@part
def _horner(out, n, digits, lane, primes):
    """The integer that one lane's digits stand for, word by word; what is carried stays below 2**32."""
    for word in range(out.size):
        store_word(out[word], n, np.uint32(0))
    for back in range(primes.size):
        k = primes.size - 1 - back
        carry = np.uint64(load_word(digits, LANES * np.uint64(k) + lane))
        for word in range(out.size):
            total = np.uint64(load_word(out[word], n)) * primes[k] + carry
            store_word(out[word], n, np.uint32(total))
            carry = total >> _WORD_BITS


@part
def _centre(out, n, modulus):
    """Make the integer at n a magnitude; 1 where it was (Q + 1) / 2 or more, and so stands for a negative one."""
    borrow = ZERO
    for word in range(out.size):
        borrow = (np.uint64(load_word(out[word], n)) - modulus[1, word] - borrow) >> _SIGN
    negative = ONE - borrow
    borrow = ZERO
    for word in range(out.size):
        value = np.uint64(load_word(out[word], n))
        opposite = modulus[0, word] - value - borrow
        borrow = opposite >> _SIGN
        store_word(out[word], n, np.uint32(value ^ ((value ^ opposite) & (ZERO - negative))))
    return np.uint8(negative)


@loop
def to_floats_blocks(out, words, negative, powers, blocks, start, stop):
    """Magnitudes and signs, uint32[B, words, N] and uint8[B, N], to the nearest float64[B, N].

    powers[k] = 2.0**(32 (k - 2)). Item i is block i % blocks of batch entry i // blocks.
    """
    size = min(words.shape[2], BLOCK)
    for item in range(start, stop):
        b, first = item // blocks, item % blocks * size
        for n in range(first, first + size):
            magnitude = _nearest(words[b], n, powers)
            out[b, n] = -magnitude if negative[b, n] else magnitude


@part
def _nearest(words, n, powers):
    """Half to even. Everything is exact but one addition, which therefore rounds the whole integer."""
    top, middle, low, rest, power = ZERO, ZERO, ZERO, ZERO, powers[0]
    below, below_that, others = ZERO, ZERO, ZERO
    for k in range(words.shape[0]):
        word = np.uint64(words[k, n])
        if word:  # a select: the highest word that is not 0, the two below it, and what is under them
            top, middle, low, rest, power = word, below, below_that, others, powers[k]
        others |= below_that
        below_that, below = below, word
    high = (top << _HIGH_BITS) | (middle >> _LOW_BITS)  # at most 53 bits
    tail = ((middle & _LOW_MASK) << _WORD_BITS) | low | np.uint64(rest != ZERO)  # 43 bits; the last is "or lower"
    return (np.float64(high) * _TAIL + np.float64(tail)) * power
