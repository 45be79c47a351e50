"""Loops of the gmpy2 engine: Montgomery arithmetic on rows of 64-bit limbs, serial and without the GIL.

Every array of elements is uint64[B, L], C-contiguous, Montgomery form x R mod n with R = 2^(64 L), canonical in
[0, n). An operand comes as (array, rows): element i of the operation is array[rows[i]]. A loop fills elements
[start, stop) of `out`; hepy's pool calls it with ranges. `modulus` is uint64[L], `inverse` = -1/n mod 2^64.

The sequence of operations and of addresses depends on sizes only, unless a name ends in `_vartime`, with two
exceptions: secret exponents index the tables of powers, and GMP's products for large operands (Karatsuba, Toom)
branch on signs of differences. `secure` removes both: every table entry is read, and products are mpn_sec_mul's.
"""

import numba
import numpy as np

from hepy.bigint import mpn

_BYTES = np.uint64(8)
_ONE = np.uint64(1)

_loop = numba.njit(nogil=True, cache=True)


@_loop
def _address(array):
    return np.uint64(array.ctypes.data)


@_loop
def _ring(modulus, inverse, secure, spares):
    """What a product needs, as a tuple, and `spares` elements of scratch behind it.

    All scratch of a loop lies in one array that the tuple holds: numba frees an array after its last use by name,
    and does not see that an address still points into it.
    """
    length = np.uint64(modulus.size)
    itch = max(mpn.sec_mul_itch(length, length), mpn.sec_sqr_itch(length)) if secure else np.uint64(0)
    wide = np.empty((2 + spares) * modulus.size + int(itch), np.uint64)
    return wide, _address(wide), _address(modulus), length, inverse, secure


@_loop
def _spare(ring, index):
    _, wide_at, _, length, _, _ = ring
    return wide_at + _BYTES * length * np.uint64(2 + index)


@_loop
def _scratch(ring):
    """Where GMP's secure functions may write: behind the last spare, at the end of the array."""
    wide, wide_at, _, length, _, _ = ring
    itch = max(mpn.sec_mul_itch(length, length), mpn.sec_sqr_itch(length))
    return wide_at + _BYTES * (np.uint64(wide.size) - itch)


@_loop
def _subtract_once(to, carry, ring):
    """to -= n if carry 2^(64 L) + to is at least n; overwrites the lower half of the product."""
    _, wide_at, modulus_at, length, _, _ = ring
    borrow = mpn.sub_n(wide_at, to, modulus_at, length)
    mpn.cnd_sub_n(carry | (_ONE - borrow), to, to, modulus_at, length)


@_loop
def _reduce(to, ring):
    """to = wide / R mod n, for wide below n R.

    Montgomery, Math. Comp. 44 (1985), word by word. The quotient is below 2n, so one subtraction ends it.
    """
    wide, wide_at, modulus_at, length, inverse, _ = ring
    for j in range(length):
        wide[j] = mpn.addmul_1(wide_at + _BYTES * np.uint64(j), modulus_at, length, wide[j] * inverse)
    carry = mpn.add_n(to, wide_at + _BYTES * length, wide_at, length)
    _subtract_once(to, carry, ring)


@_loop
def _product(to, x, y, ring):
    _, wide_at, _, length, _, secure = ring
    if secure:
        mpn.sec_mul(wide_at, x, length, y, length, _scratch(ring))
    else:
        mpn.mul_n(wide_at, x, y, length)
    _reduce(to, ring)


@_loop
def _square(to, x, ring):
    _, wide_at, _, length, _, secure = ring
    if secure:
        mpn.sec_sqr(wide_at, x, length, _scratch(ring))
    else:
        mpn.sqr(wide_at, x, length)
    _reduce(to, ring)


@_loop
def multiply(out, a, a_rows, b, b_rows, modulus, inverse, start, stop):
    ring = _ring(modulus, inverse, False, 0)
    step = _BYTES * np.uint64(modulus.size)
    out_at, a_at, b_at = _address(out), _address(a), _address(b)
    for i in range(start, stop):
        x, y = a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i])
        _product(out_at + step * np.uint64(i), x, y, ring)


@_loop
def square(out, a, a_rows, modulus, inverse, start, stop):
    ring = _ring(modulus, inverse, False, 0)
    step = _BYTES * np.uint64(modulus.size)
    out_at, a_at = _address(out), _address(a)
    for i in range(start, stop):
        _square(out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i]), ring)


@_loop
def add(out, a, a_rows, b, b_rows, modulus, inverse, start, stop):
    ring = _ring(modulus, inverse, False, 0)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    out_at, a_at, b_at = _address(out), _address(a), _address(b)
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        carry = mpn.add_n(to, a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i]), length)
        _subtract_once(to, carry, ring)


@_loop
def subtract(out, a, a_rows, b, b_rows, modulus, inverse, start, stop):
    length = np.uint64(modulus.size)
    step = _BYTES * length
    modulus_at, out_at, a_at, b_at = _address(modulus), _address(out), _address(a), _address(b)
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        borrow = mpn.sub_n(to, a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i]), length)
        mpn.cnd_add_n(borrow, to, to, modulus_at, length)


@_loop
def load(out, limbs, factors, modulus, inverse, start, stop):
    """Reduce integers of any width: limbs uint64[B, pieces L], factors[k] = R^(k+2) mod n."""
    ring = _ring(modulus, inverse, False, 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    pieces = limbs.shape[1] // modulus.size
    part = _spare(ring, 0)
    out_at, limbs_at, factors_at = _address(out), _address(limbs), _address(factors)
    for i in range(start, stop):
        to, source = out_at + step * np.uint64(i), limbs_at + step * np.uint64(i * pieces)
        # A piece is below R and a factor below n: their product is below n R, as _reduce wants it.
        _product(to, source, factors_at, ring)
        for k in range(1, pieces):
            shift = step * np.uint64(k)
            _product(part, source + shift, factors_at + shift, ring)
            carry = mpn.add_n(to, to, part, length)
            _subtract_once(to, carry, ring)


@_loop
def store(out, a, a_rows, modulus, inverse, start, stop):
    """Leave Montgomery form: out uint64[B, L], canonical integers."""
    ring = _ring(modulus, inverse, False, 0)
    wide, wide_at = ring[0], ring[1]
    length = np.uint64(modulus.size)
    step = _BYTES * length
    out_at, a_at = _address(out), _address(a)
    for i in range(start, stop):
        mpn.copyi(wide_at, a_at + step * np.uint64(a_rows[i]), length)
        wide[modulus.size : 2 * modulus.size] = 0
        _reduce(out_at + step * np.uint64(i), ring)


@_loop
def _window(exponents, row, position, window):
    """Bits [position, position + window) of exponents[row], uint32[E, words]; zero beyond its words."""
    word, shift = position // 32, np.uint64(position % 32)
    value = np.uint64(exponents[row, word])
    if word + 1 < exponents.shape[1]:
        value |= np.uint64(exponents[row, word + 1]) << np.uint64(32)
    return (value >> shift) & ((_ONE << np.uint64(window)) - _ONE)


@_loop
def _select(to, table_at, entries, which, length, secure):
    if secure:
        mpn.sec_tabselect(to, table_at, length, entries, which)
    else:
        mpn.copyi(to, table_at + _BYTES * length * which, length)


@_loop
def power(out, a, a_rows, exponents, exponent_rows, bits, window, secure, one, modulus, inverse, start, stop):
    """out[i] = a[a_rows[i]] ^ exponents[exponent_rows[i]]; exponents uint32[E, words] below 2^bits.

    Fixed windows from the top (Handbook of Applied Cryptography, 14.82): every window is a look-up and a product,
    also where its bits are zero.
    """
    entries = 1 << window
    ring = _ring(modulus, inverse, secure, entries + 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    table, chosen = _spare(ring, 0), _spare(ring, entries)
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    windows = max(1, -(-bits // window))
    for i in range(start, stop):
        row = exponent_rows[i]
        to, base = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
        mpn.copyi(table, one_at, length)
        mpn.copyi(table + step, base, length)
        for k in range(2, entries):
            entry = table + step * np.uint64(k)
            if k % 2:
                _product(entry, entry - step, base, ring)
            else:
                _square(entry, table + step * np.uint64(k // 2), ring)
        which = _window(exponents, row, (windows - 1) * window, window)
        _select(to, table, np.uint64(entries), which, length, secure)
        for k in range(windows - 2, -1, -1):
            for _ in range(window):
                _square(to, to, ring)
            _select(chosen, table, np.uint64(entries), _window(exponents, row, k * window, window), length, secure)
            _product(to, to, chosen, ring)


@_loop
def power_vartime(out, a, a_rows, exponents, exponent_rows, bits, window, one, modulus, inverse, start, stop):
    """As power, by sliding windows over odd powers (Handbook of Applied Cryptography, 14.85); skips zeros."""
    odd = 1 << (window - 1)
    ring = _ring(modulus, inverse, False, odd + 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    table, twice = _spare(ring, 0), _spare(ring, odd)
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    for i in range(start, stop):
        row = exponent_rows[i]
        to, base = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
        top = bits - 1
        while top >= 0 and not _window(exponents, row, top, 1):
            top -= 1
        if top < 0:
            mpn.copyi(to, one_at, length)
            continue
        mpn.copyi(table, base, length)
        if top > 0 and odd > 1:
            _square(twice, base, ring)
            for k in range(1, odd):
                _product(table + step * np.uint64(k), table + step * np.uint64(k - 1), twice, ring)
        begun = False
        while top >= 0:
            if not _window(exponents, row, top, 1):
                _square(to, to, ring)
                top -= 1
                continue
            low = max(top - window + 1, 0)
            while not _window(exponents, row, low, 1):
                low += 1
            entry = table + step * (_window(exponents, row, low, top - low + 1) >> _ONE)
            if begun:
                for _ in range(top - low + 1):
                    _square(to, to, ring)
                _product(to, to, entry, ring)
            else:
                mpn.copyi(to, entry, length)
                begun = True
            top = low - 1


@_loop
def repeated_squares(out, base, window, modulus, inverse):
    """out[j] = base[0]^(2^(window j))."""
    ring = _ring(modulus, inverse, False, 0)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    out_at = _address(out)
    mpn.copyi(out_at, _address(base), length)
    for j in range(1, out.shape[0]):
        to = out_at + step * np.uint64(j)
        _square(to, to - step, ring)
        for _ in range(1, window):
            _square(to, to, ring)


@_loop
def fixed_base_table(table, first, one, modulus, inverse, start, stop):
    """table[j, d] = first[j]^d for j in [start, stop): uint64[positions, 2^window, L]."""
    ring = _ring(modulus, inverse, False, 0)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    entries = table.shape[1]
    one_at, table_at, first_at = _address(one), _address(table), _address(first)
    for j in range(start, stop):
        row, base = table_at + step * np.uint64(j * entries), first_at + step * np.uint64(j)
        mpn.copyi(row, one_at, length)
        for d in range(1, entries):
            entry = row + step * np.uint64(d)
            _product(entry, entry - step, base, ring)


@_loop
def fixed_base_power(out, table, exponents, positions, window, secure, modulus, inverse, start, stop):
    """out[i] = product over j < positions of table[j, window j of exponents[i]], exponents uint32[B, words]."""
    ring = _ring(modulus, inverse, secure, 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    entries = np.uint64(table.shape[1])
    chosen = _spare(ring, 0)
    out_at, table_at = _address(out), _address(table)
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        _select(to, table_at, entries, _window(exponents, i, 0, window), length, secure)
        for j in range(1, positions):
            row = table_at + step * entries * np.uint64(j)
            _select(chosen, row, entries, _window(exponents, i, j * window, window), length, secure)
            _product(to, to, chosen, ring)


@_loop
def segment_product(out, a, a_rows, offsets, one, modulus, inverse, start, stop):
    """out[s] = product of a[a_rows[k]] for k in [offsets[s], offsets[s+1]), one where there is none."""
    ring = _ring(modulus, inverse, False, 0)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    for s in range(start, stop):
        to = out_at + step * np.uint64(s)
        if offsets[s] == offsets[s + 1]:
            mpn.copyi(to, one_at, length)
        for k in range(offsets[s], offsets[s + 1]):
            x = a_at + step * np.uint64(a_rows[k])
            if k == offsets[s]:
                mpn.copyi(to, x, length)
            else:
                _product(to, to, x, ring)


@_loop
def prefix_product(out, a, a_rows, run, modulus, inverse, start, stop):
    """Running products over runs of `run` elements; [start, stop) counts runs."""
    ring = _ring(modulus, inverse, False, 0)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    out_at, a_at = _address(out), _address(a)
    for i in range(start * run, min(stop * run, a_rows.size)):
        to, x = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
        if i % run == 0:
            mpn.copyi(to, x, length)
        else:
            _product(to, to - step, x, ring)


@_loop
def block_inverse(out, a, a_rows, block, inverses, modulus, inverse, start, stop):
    """out[i] = 1 / a[a_rows[i]], where it held the block's running product, given the inverse of each block's product.

    Montgomery's trick (Math. Comp. 48 (1987), 10.3.1); [start, stop) counts blocks.
    """
    ring = _ring(modulus, inverse, False, 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    rest = _spare(ring, 0)
    out_at, a_at, inverses_at = _address(out), _address(a), _address(inverses)
    for s in range(start, stop):
        first, last = s * block, min((s + 1) * block, a_rows.size)
        mpn.copyi(rest, inverses_at + step * np.uint64(s), length)
        for i in range(last - 1, first, -1):
            to, x = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
            _product(to, to - step, rest, ring)
            _product(rest, rest, x, ring)
        mpn.copyi(out_at + step * np.uint64(first), rest, length)


@_loop
def straus_tables(tables, a, a_rows, modulus, inverse, start, stop):
    """tables[i, d] = a[a_rows[i]]^(2 d + 1): uint64[B, 2^(window - 1), L]."""
    ring = _ring(modulus, inverse, False, 1)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    entries, twice = tables.shape[1], _spare(ring, 0)
    tables_at, a_at = _address(tables), _address(a)
    for i in range(start, stop):
        entry, base = tables_at + step * np.uint64(i * entries), a_at + step * np.uint64(a_rows[i])
        mpn.copyi(entry, base, length)
        if entries > 1:
            _square(twice, base, ring)
        for _ in range(1, entries):
            _product(entry + step, entry, twice, ring)
            entry += step


@_loop
def straus_vartime(out, tables, exponents, wanted, bits, window, spans, one, modulus, inverse, start, stop):
    """Straus's interleaved windows (Amer. Math. Monthly 71 (1964)), sliding (Moeller, SAC 2001).

    out: uint64[rows spans columns, L], of which [start, stop) counts elements; tables: straus_tables of the bases
    [rows, K]; exponents: uint32[K columns, words] below 2^bits; wanted: bool[K, columns], what takes part. K is cut into
    `spans` spans, a result for each.
    """
    length = np.uint64(modulus.size)
    step = _BYTES * length
    terms, columns = wanted.shape
    entries = tables.shape[1]
    ring = _ring(modulus, inverse, False, 0)
    out_at, tables_at, one_at = _address(out), _address(tables), _address(one)
    # Of each term the window that has begun: its lowest bit, and its digit, which is odd; 0 where none has.
    lowest, digit = np.empty(terms, np.int64), np.zeros(terms, np.uint64)
    for i in range(start, stop):
        part, m = i // columns, i % columns
        row, span = part // spans, part % spans
        first, last = terms * span // spans, terms * (span + 1) // spans
        to = out_at + step * np.uint64(i)
        begun = False
        for position in range(bits - 1, -1, -1):
            if begun:
                _square(to, to, ring)
            for k in range(first, last):
                if not wanted[k, m]:
                    continue
                e = k * columns + m
                if digit[k] == 0:
                    if _window(exponents, e, position, 1) == 0:
                        continue
                    low = max(0, position + 1 - window)
                    while _window(exponents, e, low, 1) == 0:
                        low += 1
                    lowest[k], digit[k] = low, _window(exponents, e, low, position + 1 - low)
                if lowest[k] == position:
                    entry = tables_at + step * (np.uint64((row * terms + k) * entries) + (digit[k] >> _ONE))
                    digit[k] = 0
                    if begun:
                        _product(to, to, entry, ring)
                    else:
                        mpn.copyi(to, entry, length)
                        begun = True
        if not begun:
            mpn.copyi(to, one_at, length)


@_loop
def pippenger_vartime(out, a, a_rows, exponents, wanted, bits, window, spans, one, modulus, inverse, start, stop):
    """Pippenger's buckets (SIAM J. Comput. 9 (1980); as in Bernstein et al., eprint 2012/549, section 4).

    a_rows: int64[rows, K]; other arguments as straus_vartime's. No tables: a product for each base and window, and
    2^(window+1) for the buckets.
    """
    terms, columns = wanted.shape
    entries = 1 << window
    ring = _ring(modulus, inverse, False, 1 + entries)
    length = np.uint64(modulus.size)
    step = _BYTES * length
    running, buckets = _spare(ring, 0), _spare(ring, 1)
    full = np.empty(entries, np.bool_)
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    windows = max(1, -(-bits // window))
    for i in range(start, stop):
        part, m = i // columns, i % columns
        row, span = part // spans, part % spans
        first, last = terms * span // spans, terms * (span + 1) // spans
        to = out_at + step * np.uint64(i)
        mpn.copyi(to, one_at, length)
        for position in range(windows - 1, -1, -1):
            if position < windows - 1:
                for _ in range(window):
                    _square(to, to, ring)
            full[:] = False
            for k in range(first, last):
                if not wanted[k, m]:
                    continue
                which = _window(exponents, k * columns + m, position * window, window)
                if which:
                    bucket, x = buckets + step * which, a_at + step * np.uint64(a_rows[row, k])
                    if full[which]:
                        _product(bucket, bucket, x, ring)
                    else:
                        mpn.copyi(bucket, x, length)
                        full[which] = True
            # The product of bucket[d]^d, as the product of running products from the top.
            begun = False
            for d in range(entries - 1, 0, -1):
                bucket = buckets + step * np.uint64(d)
                if full[d]:
                    if begun:
                        _product(running, running, bucket, ring)
                    else:
                        mpn.copyi(running, bucket, length)
                        begun = True
                if begun:
                    _product(to, to, running, ring)


@_loop
def trial_division(out, candidates, products, start, stop):
    """out[i] = whether candidates[i] is prime to every one of `products`, products of small primes: uint64[G].

    candidates: uint64[B, L], odd, the highest limb not 0. The time tells why a candidate was rejected.
    """
    length = np.uint64(candidates.shape[1])
    candidates_at = _address(candidates)
    for i in range(start, stop):
        out[i] = True
        for product in products:
            rest = mpn.mod_1(candidates_at + _BYTES * length * np.uint64(i), length, product)
            a, b = product, rest
            while b:
                a, b = b, a % b
            if a != _ONE:
                out[i] = False
                break


@_loop
def strong_probable_prime(out, candidates, start, stop):
    """out[i] = whether n = candidates[i] is a strong probable prime to base 2: uint64[B, L] as above, each its own modulus.

    With n - 1 = 2^s d, d odd: 2^d is 1 modulo n, or -1 after up to s - 1 squarings.
    """
    words = candidates.shape[1]
    length, step = np.uint64(words), _BYTES * np.uint64(words)
    # R, the residue 1 in Montgomery form, and a quotient: one array that lives as long as `work[0]` is read below.
    work = np.zeros(2 * words + 3, np.uint64)
    work[words] = 1
    radix_at = _address(work)
    one_at, quotient_at = radix_at + step + _BYTES, radix_at + step + step + _BYTES
    candidates_at = _address(candidates)
    for i in range(start, stop):
        modulus = candidates[i]
        ring = _ring(modulus, _minus_inverse(modulus[0]), False, 1)
        power = _spare(ring, 0)
        mpn.tdiv_qr(
            quotient_at, one_at, np.uint64(0), radix_at, length + _ONE, candidates_at + step * np.uint64(i), length
        )
        twos = 1
        while not _bit(modulus, twos):
            twos += 1
        mpn.copyi(power, one_at, length)
        for bit in range(64 * words - 1, twos - 1, -1):
            _square(power, power, ring)
            if _bit(modulus, bit):
                carry = mpn.add_n(power, power, power, length)
                _subtract_once(power, carry, ring)
        out[i] = _equal(power, one_at, ring)
        mpn.sub_n(one_at, candidates_at + step * np.uint64(i), one_at, length)  # -1
        for square in range(twos):
            if square:
                _square(power, power, ring)
            out[i] = out[i] or _equal(power, one_at, ring)
    return work[0]


@_loop
def _bit(limbs, position):
    return (limbs[position // 64] >> np.uint64(position % 64)) & _ONE


@_loop
def _equal(a, b, ring):
    """Whether two elements are the same; overwrites the lower half of the product."""
    wide, wide_at, _, length, _, _ = ring
    mpn.sub_n(wide_at, a, b, length)
    return not wide[: int(length)].any()


@_loop
def _minus_inverse(word):
    """-1 / word mod 2^64 for odd words: Newton's iteration doubles the right bits, of which a word has three."""
    inverse = word
    for _ in range(5):
        inverse *= np.uint64(2) - word * inverse
    return np.uint64(0) - inverse
