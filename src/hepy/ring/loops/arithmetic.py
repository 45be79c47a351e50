"""Elementwise arithmetic of rows of N words, and sums of products.

A row is an address; out[r] is filled for r in [start, stop) from row r of each operand. Rows come limb by limb, `batch`
of each, so that what belongs to a limb stays in the cache. Words are canonical. The shortest loops take what
addresses.apart gives, `at` and `offsets` of out and the operands.
"""

import numpy as np

from hepy._host.lanes import (
    add_product,
    add_product_with_one,
    load,
    load_one,
    load_word,
    no_sums,
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
    negate,
    negate_where,
    part,
    prime_at,
    reduce_sums,
    subtract,
)


@loop
def add_rows(at, offsets, reducers, batch, degree, start, stop):
    for row in range(start, stop):
        out, x, y = _row(at, offsets, 0, row), _row(at, offsets, 1, row), _row(at, offsets, 2, row)
        q = prime_at(reducers, np.uint64(row) // batch)[0]
        for j in range(ZERO, degree, LANES):
            store(out, j, add(load(x, j), load(y, j), q))


@loop
def subtract_rows(at, offsets, reducers, batch, degree, start, stop):
    for row in range(start, stop):
        out, x, y = _row(at, offsets, 0, row), _row(at, offsets, 1, row), _row(at, offsets, 2, row)
        q = prime_at(reducers, np.uint64(row) // batch)[0]
        for j in range(ZERO, degree, LANES):
            store(out, j, subtract(load(x, j), load(y, j), q))


@loop
def negate_rows(at, offsets, reducers, batch, degree, start, stop):
    for row in range(start, stop):
        out, x = _row(at, offsets, 0, row), _row(at, offsets, 1, row)
        q = prime_at(reducers, np.uint64(row) // batch)[0]
        for j in range(ZERO, degree, LANES):
            store(out, j, negate(load(x, j), q))


@loop
def scale_rows(at, offsets, reducers, batch, degree, start, stop):
    """out, x and factors; factors[r] is two words, a factor and its quotient."""
    for row in range(start, stop):
        out, x, factors = _row(at, offsets, 0, row), _row(at, offsets, 1, row), _row(at, offsets, 2, row)
        q = prime_at(reducers, np.uint64(row) // batch)[0]
        factor, quotient = load_one(factors, ZERO), load_one(factors, ONE)
        for j in range(ZERO, degree, LANES):
            store(out, j, multiply_constant(load(x, j), factor, quotient, q))


@loop
def multiply_rows(at, offsets, reducers, batch, degree, start, stop):
    for row in range(start, stop):
        out, x, y = _row(at, offsets, 0, row), _row(at, offsets, 1, row), _row(at, offsets, 2, row)
        prime = prime_at(reducers, np.uint64(row) // batch)
        for j in range(ZERO, degree, LANES):
            store(out, j, _product(load(x, j), load(y, j), prime))


@part
def _row(at, offsets, which, row):
    return np.uint64(at[which]) + offsets[which, row]


@loop
def subtract_scaled_rows(out, x, y, factors, reducers, batch, degree, start, stop):
    """x f - y g; factors: address of f, its quotient, g and its quotient for each limb."""
    for row in range(start, stop):
        limb = np.uint64(row) // batch
        q, at = prime_at(reducers, limb)[0], FOUR * limb
        f, f_quotient = load_one(factors, at), load_one(factors, at + ONE)
        g, g_quotient = load_one(factors, at + TWO), load_one(factors, at + TWO + ONE)
        for j in range(ZERO, degree, LANES):
            scaled = multiply_constant(load(x[row], j), f, f_quotient, q)
            store(out[row], j, subtract(scaled, multiply_constant(load(y[row], j), g, g_quotient, q), q))


@loop
def tensor_rows(out, x, y, reducers, batch, degree, start, stop):
    """x_0 y_0, x_0 y_1 + x_1 y_0 and x_1 y_1; out: addresses, uint64[R, 3], x, y: uint64[R, 2]."""
    for row in range(start, stop):
        prime = prime_at(reducers, np.uint64(row) // batch)
        for j in range(ZERO, degree, LANES):
            x_0, x_1, y_0, y_1 = load(x[row, 0], j), load(x[row, 1], j), load(y[row, 0], j), load(y[row, 1], j)
            store(out[row, 0], j, _product(x_0, y_0, prime))
            # Two products stay below 2**63.
            crossed = add_product(add_product(no_sums(), x_0, y_1), x_1, y_0)
            store(out[row, 1], j, reduce_sums(crossed, prime))
            store(out[row, 2], j, _product(x_1, y_1, prime))


@part
def _product(x, y, prime):
    return reduce_sums(add_product(no_sums(), x, y), prime)


@loop
def inner_product_rows(out, x, y, lifted, factors, lazy, reducers, batch, degree, start, stop):
    """Sum over d of x[r, d] y[r, d], plus lifted[r] times a factor where that address is not 0.

    factors: uint32[limbs]; lazy: products that 64 bits hold on top of a residue, for each limb.
    """
    terms, factors_at = x.shape[1], np.uint64(factors.ctypes.data)
    for row in range(start, stop):
        limb = np.uint64(row) // batch
        prime, most = prime_at(reducers, limb), lazy[limb]
        factor, plus = load_one(factors_at, limb), lifted[row]
        for j in range(ZERO, degree, LANES):
            sums, held = no_sums(), ZERO
            if plus:
                sums, held = add_product_with_one(sums, load(plus, j), factor), ONE
            for d in range(terms):
                if held == most:
                    sums, held = widen(reduce_sums(sums, prime)), ZERO
                sums = add_product(sums, load(x[row, d], j), load(y[row, d], j))
                held += ONE
            store(out[row], j, reduce_sums(sums, prime))


@loop
def copy_rows(out, x, degree, start, stop):
    for row in range(start, stop):
        for j in range(ZERO, degree, LANES):
            store(out[row], j, load(x[row], j))


@loop
def permute_rows(out, x, order, signs, reducers, batch, degree, start, stop):
    """out[k] = x[order[k]], negated where signs[k] is not 0; order, signs: uint32[N]; no signs where that is empty."""
    signs_at = np.uint64(signs.ctypes.data)
    for row in range(start, stop):
        for k in range(degree):
            store_word(out[row], k, load_word(x[row], np.uint64(order[k])))
        if signs.size:
            q = prime_at(reducers, np.uint64(row) // batch)[0]
            for j in range(ZERO, degree, LANES):
                store(out[row], j, negate_where(load(signs_at, j), load(out[row], j), q))
