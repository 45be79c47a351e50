"""Loops of the gmpy2 engine: Montgomery arithmetic on rows of 64-bit limbs, serial and without the GIL.

Every array of elements is uint64[B, L], C-contiguous, Montgomery form x R mod n with R = 2^(64 L), canonical in
[0, n). An operand comes as (array, rows): element i of the operation is array[rows[i]]. A loop fills elements
[start, stop) of `out`; hepy's pool calls it with ranges. `modulus` is uint64[L], `inverse` = -1/n mod 2^64.

Unless a name ends in `_vartime`, the sequence of operations depends on sizes only, and addresses do too but for the
tables of powers, which secret exponents index unless `scan` is set.
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
def _reduce(out, wide, wide_at, modulus_at, length, inverse):
    """out = wide / R mod n; wide: uint64[2 L] below n R, overwritten.

    Montgomery, Math. Comp. 44 (1985), word by word. The quotient is below 2n, so one subtraction ends it; whether it
    is made is decided by a mask.
    """
    for j in range(wide.size // 2):
        wide[j] = mpn.addmul_1(wide_at + _BYTES * np.uint64(j), modulus_at, length, wide[j] * inverse)
    carry = mpn.add_n(out, wide_at + _BYTES * length, wide_at, length)
    borrow = mpn.sub_n(wide_at, out, modulus_at, length)
    mpn.cnd_sub_n(carry | (_ONE - borrow), out, out, modulus_at, length)


@_loop
def _product(out, x, y, wide, wide_at, modulus_at, length, inverse):
    mpn.mul_n(wide_at, x, y, length)
    _reduce(out, wide, wide_at, modulus_at, length, inverse)


@_loop
def _square(out, x, wide, wide_at, modulus_at, length, inverse):
    mpn.sqr(wide_at, x, length)
    _reduce(out, wide, wide_at, modulus_at, length, inverse)


@_loop
def multiply(out, a, a_rows, b, b_rows, modulus, inverse, start, stop):
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at = _address(wide), _address(modulus)
    out_at, a_at, b_at = _address(out), _address(a), _address(b)
    for i in range(start, stop):
        x, y = a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i])
        _product(out_at + step * np.uint64(i), x, y, wide, wide_at, modulus_at, length, inverse)


@_loop
def square(out, a, a_rows, modulus, inverse, start, stop):
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at, out_at, a_at = _address(wide), _address(modulus), _address(out), _address(a)
    for i in range(start, stop):
        x = a_at + step * np.uint64(a_rows[i])
        _square(out_at + step * np.uint64(i), x, wide, wide_at, modulus_at, length, inverse)


@_loop
def add(out, a, a_rows, b, b_rows, modulus, start, stop):
    length = np.uint64(modulus.size)
    step = _BYTES * length
    spare = np.empty(modulus.size, np.uint64)
    spare_at, modulus_at = _address(spare), _address(modulus)
    out_at, a_at, b_at = _address(out), _address(a), _address(b)
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        x, y = a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i])
        carry = mpn.add_n(to, x, y, length)
        borrow = mpn.sub_n(spare_at, to, modulus_at, length)
        mpn.cnd_sub_n(carry | (_ONE - borrow), to, to, modulus_at, length)


@_loop
def subtract(out, a, a_rows, b, b_rows, modulus, start, stop):
    length = np.uint64(modulus.size)
    step = _BYTES * length
    modulus_at, out_at, a_at, b_at = _address(modulus), _address(out), _address(a), _address(b)
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        x, y = a_at + step * np.uint64(a_rows[i]), b_at + step * np.uint64(b_rows[i])
        borrow = mpn.sub_n(to, x, y, length)
        mpn.cnd_add_n(borrow, to, to, modulus_at, length)


@_loop
def load(out, limbs, factors, modulus, inverse, start, stop):
    """Reduce integers of any width: limbs uint64[B, pieces L], factors[k] = R^(k+2) mod n."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    pieces = limbs.shape[1] // modulus.size
    wide, part = np.empty(2 * modulus.size, np.uint64), np.empty(modulus.size, np.uint64)
    wide_at, part_at, modulus_at = _address(wide), _address(part), _address(modulus)
    out_at, limbs_at, factors_at = _address(out), _address(limbs), _address(factors)
    for i in range(start, stop):
        to, source = out_at + step * np.uint64(i), limbs_at + step * np.uint64(i * pieces)
        # A piece is below R and a factor below n: their product is below n R, as _reduce wants it.
        _product(to, source, factors_at, wide, wide_at, modulus_at, length, inverse)
        for k in range(1, pieces):
            shift = step * np.uint64(k)
            _product(part_at, source + shift, factors_at + shift, wide, wide_at, modulus_at, length, inverse)
            carry = mpn.add_n(to, to, part_at, length)
            borrow = mpn.sub_n(wide_at, to, modulus_at, length)
            mpn.cnd_sub_n(carry | (_ONE - borrow), to, to, modulus_at, length)


@_loop
def store(out, a, a_rows, modulus, inverse, start, stop):
    """Leave Montgomery form: out uint64[B, L], canonical integers."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at, out_at, a_at = _address(wide), _address(modulus), _address(out), _address(a)
    for i in range(start, stop):
        mpn.copyi(wide_at, a_at + step * np.uint64(a_rows[i]), length)
        wide[modulus.size :] = 0
        _reduce(out_at + step * np.uint64(i), wide, wide_at, modulus_at, length, inverse)


@_loop
def count_below(limbs, modulus, start, stop):
    """How many leading integers of limbs[start:stop] (uint64[B, L]) are below the modulus."""
    length = np.uint64(modulus.size)
    spare = np.empty(modulus.size, np.uint64)
    spare_at, modulus_at, limbs_at = _address(spare), _address(modulus), _address(limbs)
    for i in range(start, stop):
        if not mpn.sub_n(spare_at, limbs_at + _BYTES * length * np.uint64(i), modulus_at, length):
            return i - start
    return stop - start


@_loop
def _window(exponents, row, position, window):
    """Bits [position, position + window) of exponents[row], uint32[E, words]."""
    word, shift = position // 32, np.uint64(position % 32)
    value = np.uint64(exponents[row, word])
    if word + 1 < exponents.shape[1]:
        value |= np.uint64(exponents[row, word + 1]) << np.uint64(32)
    return (value >> shift) & ((_ONE << np.uint64(window)) - _ONE)


@_loop
def _select(to, table_at, entries, which, length, scan):
    if scan:
        mpn.sec_tabselect(to, table_at, length, entries, which)
    else:
        mpn.copyi(to, table_at + _BYTES * length * which, length)


@_loop
def power(out, a, a_rows, exponents, per_element, bits, window, scan, one, modulus, inverse, start, stop):
    """out[i] = a[a_rows[i]] ^ exponents[i if per_element else 0]; exponents below 2^bits.

    Fixed windows from the top (Handbook of Applied Cryptography, 14.82): every window is a look-up and a product,
    also where its bits are zero.
    """
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide, chosen = np.empty(2 * modulus.size, np.uint64), np.empty(modulus.size, np.uint64)
    entries = 1 << window
    table = np.empty(entries * modulus.size, np.uint64)
    wide_at, chosen_at, table_at = _address(wide), _address(chosen), _address(table)
    modulus_at, out_at, a_at, one_at = _address(modulus), _address(out), _address(a), _address(one)
    windows = max(1, -(-bits // window))
    for i in range(start, stop):
        row = i if per_element else 0
        to, base = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
        mpn.copyi(table_at, one_at, length)
        mpn.copyi(table_at + step, base, length)
        for k in range(2, entries):
            before = table_at + step * np.uint64(k - 1)
            _product(before + step, before, base, wide, wide_at, modulus_at, length, inverse)
        which = _window(exponents, row, (windows - 1) * window, window)
        _select(to, table_at, np.uint64(entries), which, length, scan)
        for k in range(windows - 2, -1, -1):
            for _ in range(window):
                _square(to, to, wide, wide_at, modulus_at, length, inverse)
            _select(chosen_at, table_at, np.uint64(entries), _window(exponents, row, k * window, window), length, scan)
            _product(to, to, chosen_at, wide, wide_at, modulus_at, length, inverse)


@_loop
def fixed_base_table(table, first, one, modulus, inverse, start, stop):
    """table[j, d] = first[j]^d for j in [start, stop): uint64[positions, 2^window, L]."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    entries = table.shape[1]
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at, one_at = _address(wide), _address(modulus), _address(one)
    table_at, first_at = _address(table), _address(first)
    for j in range(start, stop):
        row, base = table_at + step * np.uint64(j * entries), first_at + step * np.uint64(j)
        mpn.copyi(row, one_at, length)
        for d in range(1, entries):
            entry = row + step * np.uint64(d)
            _product(entry, entry - step, base, wide, wide_at, modulus_at, length, inverse)


@_loop
def fixed_base_power(out, table, exponents, bits, window, scan, modulus, inverse, start, stop):
    """out[i] = product over j of table[j, window j of exponents[i]], exponents uint32[B, words] below 2^bits."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    entries = np.uint64(table.shape[1])
    wide, chosen = np.empty(2 * modulus.size, np.uint64), np.empty(modulus.size, np.uint64)
    wide_at, chosen_at, modulus_at = _address(wide), _address(chosen), _address(modulus)
    out_at, table_at = _address(out), _address(table)
    positions = max(1, -(-bits // window))
    for i in range(start, stop):
        to = out_at + step * np.uint64(i)
        _select(to, table_at, entries, _window(exponents, i, 0, window), length, scan)
        for j in range(1, positions):
            row = table_at + step * entries * np.uint64(j)
            _select(chosen_at, row, entries, _window(exponents, i, j * window, window), length, scan)
            _product(to, to, chosen_at, wide, wide_at, modulus_at, length, inverse)


@_loop
def segment_product(out, a, a_rows, offsets, modulus, inverse, start, stop):
    """out[s] = product of a[a_rows[k]] for k in [offsets[s], offsets[s+1]); empty segments are left as they are."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at, out_at, a_at = _address(wide), _address(modulus), _address(out), _address(a)
    for s in range(start, stop):
        to = out_at + step * np.uint64(s)
        for k in range(offsets[s], offsets[s + 1]):
            x = a_at + step * np.uint64(a_rows[k])
            if k == offsets[s]:
                mpn.copyi(to, x, length)
            else:
                _product(to, to, x, wide, wide_at, modulus_at, length, inverse)


@_loop
def prefix_product(out, a, a_rows, run, modulus, inverse, start, stop):
    """Running products over runs of `run` elements; [start, stop) counts runs."""
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide = np.empty(2 * modulus.size, np.uint64)
    wide_at, modulus_at, out_at, a_at = _address(wide), _address(modulus), _address(out), _address(a)
    for i in range(start * run, stop * run):
        to, x = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
        if i % run == 0:
            mpn.copyi(to, x, length)
        else:
            _product(to, to - step, x, wide, wide_at, modulus_at, length, inverse)


@_loop
def block_inverse(out, a, a_rows, block, inverses, one, modulus, inverse, start, stop):
    """out[i] = 1 / a[a_rows[i]], given the inverse of the product of each block of elements.

    Montgomery's trick (Math. Comp. 48 (1987), 10.3.1); [start, stop) counts blocks.
    """
    length = np.uint64(modulus.size)
    step = _BYTES * length
    wide, rest = np.empty(2 * modulus.size, np.uint64), np.empty(modulus.size, np.uint64)
    wide_at, rest_at, modulus_at, one_at = _address(wide), _address(rest), _address(modulus), _address(one)
    out_at, a_at, inverses_at = _address(out), _address(a), _address(inverses)
    for s in range(start, stop):
        first, last = s * block, min((s + 1) * block, a_rows.size)
        mpn.copyi(out_at + step * np.uint64(first), one_at, length)
        for i in range(first + 1, last):  # out[i] = product of the elements before i
            to, x = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i - 1])
            _product(to, to - step, x, wide, wide_at, modulus_at, length, inverse)
        mpn.copyi(rest_at, inverses_at + step * np.uint64(s), length)
        for i in range(last - 1, first - 1, -1):
            to, x = out_at + step * np.uint64(i), a_at + step * np.uint64(a_rows[i])
            _product(to, to, rest_at, wide, wide_at, modulus_at, length, inverse)
            _product(rest_at, rest_at, x, wide, wide_at, modulus_at, length, inverse)


@_loop
def straus_vartime(out, a, a_rows, exponents, wanted, bits, window, spans, one, modulus, inverse, start, stop):
    """Straus's interleaved windows (Amer. Math. Monthly 71 (1964)), for rows of bases and columns of exponents.

    out: uint64[rows spans, columns, L]; a_rows: int64[rows, K]; exponents: uint32[K, columns, words] below 2^bits;
    wanted: bool[K, columns], what takes part. K is cut into `spans` spans, a result for each; [start, stop) counts
    (row, span). Tables of a span's bases are made in blocks that fit the cache, and serve every column.
    """
    length = np.uint64(modulus.size)
    step = _BYTES * length
    terms, columns = wanted.shape
    entries = 1 << window
    block = max(1, (1 << 17) // (entries * modulus.size))  # tables of 1 MiB
    wide = np.empty(2 * modulus.size, np.uint64)
    table = np.empty(block * entries * modulus.size, np.uint64)
    total = np.empty(modulus.size, np.uint64)
    wide_at, table_at, total_at, modulus_at = _address(wide), _address(table), _address(total), _address(modulus)
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    windows = max(1, -(-bits // window))
    for part in range(start, stop):
        row, span = part // spans, part % spans
        first, last = terms * span // spans, terms * (span + 1) // spans
        for m in range(columns):
            mpn.copyi(out_at + step * np.uint64(part * columns + m), one_at, length)
        for low in range(first, last, block):
            high = min(low + block, last)
            for k in range(low, high):
                base = a_at + step * np.uint64(a_rows[row, k])
                entry = table_at + step * np.uint64((k - low) * entries + 1)
                mpn.copyi(entry, base, length)
                for _ in range(2, entries):
                    _product(entry + step, entry, base, wide, wide_at, modulus_at, length, inverse)
                    entry += step
            for m in range(columns):
                begun = False
                for position in range(windows - 1, -1, -1):
                    if begun:
                        for _ in range(window):
                            _square(total_at, total_at, wide, wide_at, modulus_at, length, inverse)
                    for k in range(low, high):
                        if not wanted[k, m]:
                            continue
                        which = _window(exponents[k], m, position * window, window)
                        if which:
                            entry = table_at + step * (np.uint64((k - low) * entries) + which)
                            if begun:
                                _product(total_at, total_at, entry, wide, wide_at, modulus_at, length, inverse)
                            else:
                                mpn.copyi(total_at, entry, length)
                                begun = True
                if begun:
                    to = out_at + step * np.uint64(part * columns + m)
                    _product(to, to, total_at, wide, wide_at, modulus_at, length, inverse)


@_loop
def pippenger_vartime(out, a, a_rows, exponents, wanted, bits, window, spans, one, modulus, inverse, start, stop):
    """Pippenger's buckets (SIAM J. Comput. 9 (1980); as in Bernstein et al., eprint 2012/549, section 4).

    Arguments as straus_vartime's. No tables: a product for each base and window, and 2^(window+1) for the buckets.
    """
    length = np.uint64(modulus.size)
    step = _BYTES * length
    terms, columns = wanted.shape
    entries = 1 << window
    wide = np.empty(2 * modulus.size, np.uint64)
    buckets, full = np.empty(entries * modulus.size, np.uint64), np.empty(entries, np.bool_)
    running = np.empty(modulus.size, np.uint64)
    wide_at, buckets_at, running_at, modulus_at = _address(wide), _address(buckets), _address(running), _address(modulus)
    out_at, a_at, one_at = _address(out), _address(a), _address(one)
    windows = max(1, -(-bits // window))
    for part in range(start, stop):
        row, span = part // spans, part % spans
        first, last = terms * span // spans, terms * (span + 1) // spans
        for m in range(columns):
            to = out_at + step * np.uint64(part * columns + m)
            mpn.copyi(to, one_at, length)
            for position in range(windows - 1, -1, -1):
                if position < windows - 1:
                    for _ in range(window):
                        _square(to, to, wide, wide_at, modulus_at, length, inverse)
                full[:] = False
                for k in range(first, last):
                    if not wanted[k, m]:
                        continue
                    which = _window(exponents[k], m, position * window, window)
                    if which:
                        bucket, x = buckets_at + step * which, a_at + step * np.uint64(a_rows[row, k])
                        if full[which]:
                            _product(bucket, bucket, x, wide, wide_at, modulus_at, length, inverse)
                        else:
                            mpn.copyi(bucket, x, length)
                            full[which] = True
                # The product of bucket[d]^d, as the product of running products from the top.
                begun = False
                for d in range(entries - 1, 0, -1):
                    bucket = buckets_at + step * np.uint64(d)
                    if full[d]:
                        if begun:
                            _product(running_at, running_at, bucket, wide, wide_at, modulus_at, length, inverse)
                        else:
                            mpn.copyi(running_at, bucket, length)
                            begun = True
                    if begun:
                        _product(to, to, running_at, wide, wide_at, modulus_at, length, inverse)
