"""From residues to residues modulo other primes, from and to integers of many words.

Rows are addresses of N words; work is cut along rows and along coefficients, because a batch of one is usual.
"""

import numpy as np

from hepy._host.lanes import (
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
    FOUR,
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
    out,
    x,
    ends,
    blocks,
    scratch,
    factors,
    reciprocals,
    shifts,
    matrix,
    centred,
    lazy,
    source,
    target,
    degree,
    start,
    stop,
):
    """Contract: RingKernels.convert, of one or several digits side by side. Item i is block i % blocks of entry i // blocks.

    out, x: addresses, uint64[B, limbs out], uint64[B, limbs in], digit by digit. ends: int64[D + 1, 2], where digits begin
    and the last one ends in x and in out. scratch: address of as many rows of BLOCK words as the longest digit has limbs, and
    one. factors: address of uint32[limbs in, 2], (q_i / Q mod q_i, quotient), Q that of the digit. matrix: uint32[limbs out,
    width], Q/q_i mod p_j for the limbs of the digit, then -Q mod p_j, which centred conversions use. reciprocals: address
    of uint32[limbs in], shifts: uint64[limbs in]. lazy: as in inner_product_rows, for each limb out.
    """
    size, width = min(degree, np.uint64(BLOCK)), np.uint64(matrix.shape[1])
    matrix_at = np.uint64(matrix.ctypes.data)
    for item in range(start, stop):
        b, first = item // blocks, np.uint64(item % blocks) * size
        for d in range(ends.shape[0] - 1):
            low, high = np.uint64(ends[d, 0]), np.uint64(ends[d + 1, 0])
            _divided(scratch, x[b], low, high, first, size, factors, source)
            terms = high - low
            if centred:
                _multiples(scratch, low, high, size, reciprocals, shifts)
                terms += ONE
            for j in range(ends[d, 1], ends[d + 1, 1]):
                limb = np.uint64(j)
                prime, most, row = prime_at(target, limb), lazy[limb], matrix_at + limb * width * _BYTES
                for n in range(ZERO, size, _STRIDE):
                    _combined(out[b, limb], first + n, scratch, n, size, row, terms, prime, most)


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
def _divided(scratch, x, low, high, first, size, factors, source):
    """y_i = x_i q_i / Q mod q_i of limbs [low, high) into the rows of scratch."""
    for limb in range(low, high):
        q = prime_at(source, limb)[0]
        factor, quotient = load_one(factors, TWO * limb), load_one(factors, TWO * limb + ONE)
        for n in range(ZERO, size, LANES):
            y = multiply_constant(load(x[limb], first + n), factor, quotient, q)
            store(scratch, (limb - low) * size + n, y)


@part
def _multiples(scratch, low, high, size, reciprocals, shifts):
    """The rounded sum of y_i / q_i, in units of 2**-32 until then, into the row behind them."""
    half = widen(splat(_HALF))
    for n in range(ZERO, size, LANES):
        sums = half
        for limb in range(low, high):
            y = load(scratch, (limb - low) * size + n)
            term = shift_right(add_product(no_sums(), y, load_one(reciprocals, limb)), shifts[limb])
            sums = add_sums(sums, term)
        store(scratch, (high - low) * size + n, high_words(sums))


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
def to_short_floats_rows(out, x, scratch, inverse, reducers, degree, start, stop):
    """RingKernels.to_floats modulo two primes; out: float64[B, N], x: addresses, uint64[B, 2].

    scratch: address of N words. inverse: address of 1 / q_0 mod q_1 and its quotient. The integers stay below 2**62, so
    that one conversion makes them the nearest double, half to even.
    """
    second = prime_at(reducers, ONE)
    q_0, factor, quotient = np.int64(load_word(reducers, ZERO)), load_one(inverse, ZERO), load_one(inverse, ONE)
    modulus = q_0 * np.int64(load_word(reducers, FOUR))
    for b in range(start, stop):
        for j in range(ZERO, degree, LANES):  # x = x_0 + q_0 d, d = (x_1 - x_0) / q_0 mod q_1
            rest = subtract(load(x[b, 1], j), reduce_word(load(x[b, 0], j), second), second[0])
            store(scratch, j, multiply_constant(rest, factor, quotient, second[0]))
        for j in range(degree):
            value = np.int64(load_word(x[b, 0], j)) + q_0 * np.int64(load_word(scratch, j))
            centred = value - modulus
            out[b, j] = np.float64(centred if value + centred > 0 else value)


@loop
def split_floats(magnitudes, masks, x, scale, start, stop):
    """round(scale x), half to even, below 2**63, as RingKernels.from_words takes integers.

    x: float64[B, N]; magnitudes: uint32[B, 2, N]; masks: uint32[B, N].
    """
    for b in range(start, stop):
        for k in range(x.shape[1]):
            whole = np.rint(x[b, k] * scale)
            magnitude = np.uint64(np.int64(abs(whole)))
            magnitudes[b, 0, k] = np.uint32(magnitude)
            magnitudes[b, 1, k] = np.uint32(magnitude >> _WORD_BITS)
            masks[b, k] = np.uint32(whole < 0.0)


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
