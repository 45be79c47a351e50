"""Words of primes as bits without gaps, and back: what polynomials take outside of memory.

Units are what bits are written in: uint32, or uint8 for rings of so few coefficients that 32 would not divide the bits
of a limb.
"""

import numpy as np

from hepy.ring.loops.modular import loop

_ZERO = np.uint64(0)


@loop
def pack_rows(out, rows, widths, places, unit, start, stop):
    """out[batch, units], of `unit` bits each; rows[batch * limbs, N]; limb l has words of widths[l] bits from places[l] on."""
    limbs = len(widths)
    for row in range(start, stop):
        entry, limb = divmod(row, limbs)
        width, at = widths[limb], places[limb]
        held, count = _ZERO, _ZERO
        for i in range(rows.shape[1]):
            held |= np.uint64(rows[row, i]) << count
            count += width
            while count >= unit:
                out[entry, at] = held
                at += 1
                held >>= unit
                count -= unit


@loop
def unpack_rows(x, rows, widths, places, unit, start, stop):
    """The inverse of pack_rows: fills rows from x[batch, units]."""
    limbs = len(widths)
    for row in range(start, stop):
        entry, limb = divmod(row, limbs)
        width, at = widths[limb], places[limb]
        mask = (np.uint64(1) << width) - np.uint64(1)
        held, count = _ZERO, _ZERO
        for i in range(rows.shape[1]):
            while count < width:
                held |= np.uint64(x[entry, at]) << count
                at += 1
                count += unit
            rows[row, i] = held & mask
            held >>= width
            count -= width
