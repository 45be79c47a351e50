"""The number-theoretic transform modulo X^N + 1, forward and inverse, of rows of N words.

Forward: decimation in time, Cooley-Tukey; inverse: decimation in frequency, Gentleman-Sande; the twist by psi is
merged into the roots (Longa and Naehrig, eprint 2016/504, algorithms 1 and 2). Stage m has m blocks of N/m words.
Two stages share a pass over memory, and the four stages with partners at distances 8, 4, 2 and 1 share one pass, in
registers. Passes run block by block as soon as a block fits the first cache.

Words between stages are lazy as in Harvey (2014), section 3, for narrow primes, those below 2**30: [0, 4q) forward,
[0, 2q) back. For wider ones, up to 2**31, that would not fit: [0, 2q) and [0, q), one more reduction a butterfly. The
compiler hoists the choice out of the loops.

`roots` is the address of a prime's tables (tables.py).
"""

import numpy as np

from hepy._host.lanes import (
    even_words,
    high_halves,
    high_quarters,
    load,
    load_each_four_times,
    load_each_twice,
    load_one,
    load_word,
    low_halves,
    low_quarters,
    minimum,
    odd_words,
    store,
)
from hepy.ring.loops.modular import (
    FOUR,
    LANES,
    ONE,
    TWO,
    ZERO,
    loop,
    multiply_constant,
    multiply_constant_lazy,
    part,
    prime_at,
    reduce_once,
)

_SIXTEEN = np.uint64(16)
_BYTES = np.uint64(4)
_NARROW = np.uint32(1 << 30)
_CACHED = np.uint64(1 << 12)  # words that stay in the first cache beside their roots


@loop
def forward(out, x, roots, reducers, batch, degree, start, stop):
    """Rows [start, stop): out[r], x[r] are addresses of N words, which may be the same; row r is of limb r // batch."""
    for row in range(start, stop):
        limb = np.uint64(row) // batch
        _forward_row(out[row], x[row], degree, roots[limb], _bounds(reducers, limb))


@loop
def inverse(out, x, roots, reducers, batch, degree, start, stop):
    """As forward."""
    for row in range(start, stop):
        limb = np.uint64(row) // batch
        table = roots[limb] + TWO * degree * _BYTES
        _inverse_row(out[row], x[row], degree, table, _bounds(reducers, limb))


@part
def _forward_row(out, x, degree, roots, bounds):
    quotients = roots + degree * _BYTES
    if degree < _SIXTEEN:
        _forward_eight(out, x, roots, quotients, bounds)
        return
    last = degree // _SIXTEEN  # the stage at which the pass in registers begins
    m = ONE
    if _log2(last) % TWO == ONE:
        _forward_radix_2(out, x, degree, roots, quotients, bounds)
        x, m = out, TWO
    while m < last and degree > m * _CACHED:
        _forward_radix_4(out, x, degree, m, ZERO, m, roots, quotients, bounds)
        x, m = out, FOUR * m
    for block in range(m):
        source, stage, low, high = x, m, block, block + ONE
        while stage < last:
            _forward_radix_4(out, source, degree, stage, low, high, roots, quotients, bounds)
            source, stage, low, high = out, FOUR * stage, FOUR * low, FOUR * high
        _forward_sixteens(out, source, degree, low, high, roots, quotients, bounds)


@part
def _inverse_row(out, x, degree, roots, bounds):
    quotients = roots + degree * _BYTES
    if degree < _SIXTEEN:
        _inverse_eight(out, x, roots, quotients, bounds)
        return
    last = degree // _SIXTEEN
    m = TWO if _log2(last) % TWO == ONE else ONE
    while m < last and degree > m * _CACHED:
        m *= FOUR
    for block in range(m):
        ratio = last // m
        _inverse_sixteens(out, x, degree, block * ratio, (block + ONE) * ratio, roots, quotients, bounds)
        stage = last
        while stage > m:
            stage //= FOUR
            ratio = stage // m
            _inverse_radix_4(out, degree, stage, block * ratio, (block + ONE) * ratio, roots, quotients, bounds)
    while m > TWO:
        m //= FOUR
        _inverse_radix_4(out, degree, m, ZERO, m, roots, quotients, bounds)
    if m == TWO:
        _inverse_radix_2(out, degree, roots, quotients, bounds)


@part
def _bounds(reducers, limb):
    """q, the bound of what butterflies add to, and whether the prime is narrow, below 2**30."""
    q, narrow = prime_at(reducers, limb)[0], load_word(reducers, FOUR * limb) < _NARROW
    return q, q + q if narrow else q, narrow


@part
def _log2(power):
    bits = ZERO
    while power > ONE:
        power >>= ONE
        bits += ONE
    return bits


@part
def _forward_butterfly(x, y, root, quotient, bounds):
    """x + root y and x - root y. Narrow primes: [0, 4q) -> [0, 4q), bound = 2q; wide: [0, 2q) -> [0, 2q), bound = q."""
    q, bound, narrow = bounds
    x = minimum(x, x - bound)  # [0, bound)
    y = multiply_constant_lazy(y, root, quotient, q)  # [0, 2q)
    if not narrow:
        y = reduce_once(y, q)  # [0, q)
    return x + y, x - y + bound


@part
def _inverse_butterfly(x, y, root, quotient, bounds):
    """x + y and root (x - y). Narrow primes: [0, 2q) -> [0, 2q); wide: [0, q) -> [0, q)."""
    q, bound, narrow = bounds
    total = x + y
    y = multiply_constant_lazy(x - y + bound, root, quotient, q)  # [0, 2q)
    if not narrow:
        y = reduce_once(y, q)  # [0, q)
    return minimum(total, total - bound), y


@part
def _canonical(x, bounds):
    """What forward butterflies leave -> [0, q)."""
    q, bound, _ = bounds
    return reduce_once(minimum(x, x - bound), q)


@part
def _forward_radix_2(out, x, degree, roots, quotients, bounds):
    """The first stage alone, where the number of stages is odd."""
    half = degree // TWO
    root, quotient = load_one(roots, ONE), load_one(quotients, ONE)
    for j in range(ZERO, half, LANES):
        a, b = _forward_butterfly(load(x, j), load(x, j + half), root, quotient, bounds)
        store(out, j, a)
        store(out, j + half, b)


@part
def _inverse_radix_2(out, degree, roots, quotients, bounds):
    """The last stage alone, where the number of stages is odd."""
    half = degree // TWO
    root, quotient = load_one(roots, ONE), load_one(quotients, ONE)
    for j in range(ZERO, half, LANES):
        a, b = _inverse_butterfly(load(out, j), load(out, j + half), root, quotient, bounds)
        store(out, j, reduce_once(a, bounds[0]))
        store(out, j + half, reduce_once(b, bounds[0]))


@part
def _forward_radix_4(out, x, degree, m, low, high, roots, quotients, bounds):
    """Stages m and 2m of blocks [low, high) of stage m."""
    step = degree // (FOUR * m)
    for block in range(low, high):
        k = m + block
        root_0, quotient_0 = load_one(roots, k), load_one(quotients, k)
        k += k
        root_1, quotient_1 = load_one(roots, k), load_one(quotients, k)
        root_2, quotient_2 = load_one(roots, k + ONE), load_one(quotients, k + ONE)
        first = FOUR * step * block
        for j in range(first, first + step, LANES):
            a, b = load(x, j), load(x, j + step)
            c, d = load(x, j + TWO * step), load(x, j + (TWO + ONE) * step)
            a, c = _forward_butterfly(a, c, root_0, quotient_0, bounds)
            b, d = _forward_butterfly(b, d, root_0, quotient_0, bounds)
            a, b = _forward_butterfly(a, b, root_1, quotient_1, bounds)
            c, d = _forward_butterfly(c, d, root_2, quotient_2, bounds)
            store(out, j, a)
            store(out, j + step, b)
            store(out, j + TWO * step, c)
            store(out, j + (TWO + ONE) * step, d)


@part
def _inverse_radix_4(out, degree, m, low, high, roots, quotients, bounds):
    """Stages 2m and m of blocks [low, high) of stage m."""
    q, step = bounds[0], degree // (FOUR * m)
    for block in range(low, high):
        k = m + block
        root_0, quotient_0 = load_one(roots, k), load_one(quotients, k)
        k += k
        root_1, quotient_1 = load_one(roots, k), load_one(quotients, k)
        root_2, quotient_2 = load_one(roots, k + ONE), load_one(quotients, k + ONE)
        first = FOUR * step * block
        for j in range(first, first + step, LANES):
            a, b = load(out, j), load(out, j + step)
            c, d = load(out, j + TWO * step), load(out, j + (TWO + ONE) * step)
            a, b = _inverse_butterfly(a, b, root_1, quotient_1, bounds)
            c, d = _inverse_butterfly(c, d, root_2, quotient_2, bounds)
            a, c = _inverse_butterfly(a, c, root_0, quotient_0, bounds)
            b, d = _inverse_butterfly(b, d, root_0, quotient_0, bounds)
            if m == ONE:  # the last pass
                a, b, c, d = reduce_once(a, q), reduce_once(b, q), reduce_once(c, q), reduce_once(d, q)
            store(out, j, a)
            store(out, j + step, b)
            store(out, j + TWO * step, c)
            store(out, j + (TWO + ONE) * step, d)


@part
def _forward_sixteens(out, x, degree, low, high, roots, quotients, bounds):
    """The last four stages of blocks [low, high) of sixteen words. Comments name the words that a, b hold."""
    for block in range(low, high):
        j, k = _SIXTEEN * block, degree // _SIXTEEN + block
        a, b = load(x, j), load(x, j + LANES)  # 0..7, 8..15
        a, b = _forward_butterfly(a, b, load_one(roots, k), load_one(quotients, k), bounds)
        k += k
        a, b = low_halves(a, b), high_halves(a, b)  # 0..3 8..11, 4..7 12..15
        a, b = _forward_butterfly(a, b, load_each_four_times(roots, k), load_each_four_times(quotients, k), bounds)
        k += k
        a, b = low_quarters(a, b), high_quarters(a, b)  # 0 1 4 5 8 9 12 13, 2 3 6 7 10 11 14 15
        a, b = _forward_butterfly(a, b, load_each_twice(roots, k), load_each_twice(quotients, k), bounds)
        k += k
        a, b = even_words(a, b), odd_words(a, b)  # 0 2 4 .. 14, 1 3 5 .. 15
        a, b = _forward_butterfly(a, b, load(roots, k), load(quotients, k), bounds)
        _store_interleaved(out, j, _canonical(a, bounds), _canonical(b, bounds))


@part
def _inverse_sixteens(out, x, degree, low, high, roots, quotients, bounds):
    """The first four stages of blocks [low, high) of sixteen words, and the factor 1/N."""
    scale, scale_quotient = load_one(roots, ZERO), load_one(quotients, ZERO)
    for block in range(low, high):
        j, k = _SIXTEEN * block, degree // TWO + LANES * block
        a, b = _load_interleaved(x, j)  # 0 2 4 .. 14, 1 3 5 .. 15
        a, b = _inverse_butterfly(a, b, load(roots, k), load(quotients, k), bounds)
        k //= TWO
        a, b = even_words(a, b), odd_words(a, b)  # 0 1 4 5 8 9 12 13, 2 3 6 7 10 11 14 15
        a, b = _inverse_butterfly(a, b, load_each_twice(roots, k), load_each_twice(quotients, k), bounds)
        k //= TWO
        a, b = low_quarters(a, b), high_quarters(a, b)  # 0..3 8..11, 4..7 12..15
        a, b = _inverse_butterfly(a, b, load_each_four_times(roots, k), load_each_four_times(quotients, k), bounds)
        k //= TWO
        a, b = low_halves(a, b), high_halves(a, b)  # 0..7, 8..15
        a, b = _inverse_butterfly(a, b, load_one(roots, k), load_one(quotients, k), bounds)
        store(out, j, multiply_constant(a, scale, scale_quotient, bounds[0]))  # b has the factor from its root
        store(out, j + LANES, reduce_once(b, bounds[0]))


@part
def _store_interleaved(out, j, even, odd):
    """Words 0 2 4 .. 14 and 1 3 5 .. 15 of a block, in order."""
    a, b = even_words(even, odd), odd_words(even, odd)
    a, b = low_quarters(a, b), high_quarters(a, b)
    store(out, j, low_halves(a, b))
    store(out, j + LANES, high_halves(a, b))


@part
def _load_interleaved(x, j):
    return _interleaved(load(x, j), load(x, j + LANES))


@part
def _interleaved(a, b):
    a, b = low_halves(a, b), high_halves(a, b)
    a, b = low_quarters(a, b), high_quarters(a, b)
    return even_words(a, b), odd_words(a, b)


@part
def _roots_of_eight(address):
    """For the three stages of N = 8, each root as often as words wait for it; halves are alike."""
    all_roots, twice = load(address, ZERO), load_each_twice(address, TWO)
    return load_one(address, ONE), low_halves(twice, twice), high_halves(all_roots, all_roots)


@part
def _forward_eight(out, x, roots, quotients, bounds):
    """All stages of the toy ring N = 8, twice in one register."""
    root, quotient = _roots_of_eight(roots), _roots_of_eight(quotients)
    words = load(x, ZERO)
    a, b = low_halves(words, words), high_halves(words, words)
    a, b = _forward_butterfly(a, b, root[0], quotient[0], bounds)
    a, b = low_quarters(a, b), high_quarters(a, b)
    a, b = _forward_butterfly(a, b, root[1], quotient[1], bounds)
    a, b = even_words(a, b), odd_words(a, b)
    a, b = _forward_butterfly(a, b, root[2], quotient[2], bounds)
    a, b = even_words(a, b), odd_words(a, b)
    a, b = low_quarters(a, b), high_quarters(a, b)
    store(out, ZERO, _canonical(low_halves(a, b), bounds))


@part
def _inverse_eight(out, x, roots, quotients, bounds):
    root, quotient = _roots_of_eight(roots), _roots_of_eight(quotients)
    words = load(x, ZERO)
    a, b = _interleaved(words, words)
    a, b = _inverse_butterfly(a, b, root[2], quotient[2], bounds)
    a, b = even_words(a, b), odd_words(a, b)
    a, b = _inverse_butterfly(a, b, root[1], quotient[1], bounds)
    a, b = low_quarters(a, b), high_quarters(a, b)
    a, b = _inverse_butterfly(a, b, root[0], quotient[0], bounds)
    scale, scale_quotient = load_one(roots, ZERO), load_one(quotients, ZERO)
    store(out, ZERO, multiply_constant(low_halves(a, b), scale, scale_quotient, bounds[0]))
