"""Residues modulo one prime, eight at a time: the arithmetic that all loops share.

q < 2**31, so that [0, 2q) fits a word. Names that end in `_lazy` give [0, 2q), the others canonical words. `[a, b)`
in a comment is the range of each word.
"""

import numba
import numpy as np

from hepy._host.lanes import choose, high_words, load_one, low_words, minimum, multiply_high, multiply_low

# A loop is called from Python; a part is called from loops only, needs no wrapper, and is kept as part of them.
loop = numba.njit(nogil=True, cache=True, no_cfunc_wrapper=True)
part = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

ZERO, ONE, TWO, FOUR, LANES = (np.uint64(value) for value in (0, 1, 2, 4, 8))

# What a prime's row of constants holds: uint32[REDUCER_WORDS].
# q, radix = 2**32 mod q, floor(2**32 radix / q), floor(2**32 / q)
REDUCER_WORDS = 4


@part
def prime_at(reducers, limb):
    """The constants of one limb, from the address of uint32[limbs, REDUCER_WORDS]."""
    at = limb * FOUR
    return (
        load_one(reducers, at),
        load_one(reducers, at + ONE),
        load_one(reducers, at + TWO),
        load_one(reducers, at + TWO + ONE),
    )


@part
def reduce_once(x, q):
    """[0, 2q) -> [0, q)."""
    return minimum(x, x - q)  # x - q wraps above x where x < q


@part
def multiply_constant_lazy(x, factor, quotient, q):
    """x factor mod q, for any word x, factor in [0, q), quotient = floor(2**32 factor / q) -> [0, 2q).

    The estimate floor(x quotient / 2**32) of floor(x factor / q) is at most 1 short, x being below 2**32.
    Source: Harvey (2014), section 3, after Shoup.
    """
    return multiply_low(x, factor) - multiply_low(multiply_high(x, quotient), q)


@part
def multiply_constant(x, factor, quotient, q):
    return reduce_once(multiply_constant_lazy(x, factor, quotient, q), q)


@part
def reduce_word(x, prime):
    """Any word -> [0, q). Barrett: the quotient's estimate is at most 1 short, x being below 2**32."""
    q, _, _, ratio = prime
    return reduce_once(x - multiply_low(multiply_high(x, ratio), q), q)


@part
def reduce_pair(high, low, prime):
    """2**32 high + low, any words -> [0, q)."""
    q, radix, radix_quotient, _ = prime
    return reduce_once(multiply_constant(high, radix, radix_quotient, q) + reduce_word(low, prime), q)


@part
def reduce_sums(sums, prime):
    """Any 64-bit sums -> [0, q)."""
    return reduce_pair(high_words(sums), low_words(sums), prime)


@part
def negate(x, q):
    """[0, q) -> [0, q); q - 0 is q, which the reduction makes 0."""
    return reduce_once(q - x, q)


@part
def add(x, y, q):
    return reduce_once(x + y, q)  # [0, 2q)


@part
def subtract(x, y, q):
    return reduce_once(x - y + q, q)  # (0, 2q)


@part
def negate_where(mask, x, q):
    """-x mod q where the mask is not 0, else x."""
    return choose(mask, negate(x, q), x)
