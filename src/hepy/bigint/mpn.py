"""GMP's mpn functions as numba externals: the limb arithmetic of the gmpy2 engine.

They come from the very libgmp that gmpy2 loaded, so nothing is linked or found at build time. gmpy2's own products
hold the GIL and make an object each; these run on plain memory in `nogil` loops. Only functions that GMP documents
(manual, chapter "Low-level Functions") are used. Addresses are uint64, lengths are in 64-bit limbs.
"""

from __future__ import annotations

import ctypes

import gmpy2.gmpy2
import llvmlite.binding
from numba import types

from hepy.errors import DeviceError

_library = ctypes.CDLL(gmpy2.gmpy2.__file__)


def _external(name: str, result: types.Type, arguments: int) -> types.ExternalFunction:
    try:
        function = getattr(_library, f"__gmpn_{name}")
    except AttributeError:
        raise DeviceError(
            f"gmpy2 {gmpy2.version()} does not expose GMP's mpn_{name}, which the gmpy2 engine needs: "
            "install gmpy2 as a wheel from PyPI, or build it against a shared libgmp"
        ) from None
    # A name, not an address, is what numba can keep in its cache; it is resolved when the code is loaded.
    symbol = f"hepy_mpn_{name}"
    llvmlite.binding.add_symbol(symbol, ctypes.cast(function, ctypes.c_void_p).value)
    return types.ExternalFunction(symbol, result(*[types.uint64] * arguments))


# Names, arguments and results as in the manual; addresses are written r, a, b.
mul_n = _external("mul_n", types.void, 4)  # (r[2n], a, b, n)
sqr = _external("sqr", types.void, 3)  # (r[2n], a, n)
addmul_1 = _external("addmul_1", types.uint64, 4)  # r[n] += a[n] * word -> carry word
add_n = _external("add_n", types.uint64, 4)  # (r, a, b, n) -> carry
sub_n = _external("sub_n", types.uint64, 4)  # (r, a, b, n) -> borrow
copyi = _external("copyi", types.void, 3)  # (r, a, n)
mod_1 = _external("mod_1", types.uint64, 3)  # (a, n, word) -> a mod word
tdiv_qr = _external("tdiv_qr", types.void, 7)  # (q, r, 0, a, n, d, m): a = q d + r
# The rest promises time and addresses that depend on sizes only.
cnd_add_n = _external("cnd_add_n", types.uint64, 5)  # (condition, r, a, b, n)
cnd_sub_n = _external("cnd_sub_n", types.uint64, 5)
sec_mul = _external("sec_mul", types.void, 6)  # (r[2n], a, n, b, n, scratch)
sec_mul_itch = _external("sec_mul_itch", types.uint64, 2)  # (n, n) -> limbs of scratch
sec_sqr = _external("sec_sqr", types.void, 4)  # (r[2n], a, n, scratch)
sec_sqr_itch = _external("sec_sqr_itch", types.uint64, 1)
sec_tabselect = _external("sec_tabselect", types.void, 5)  # (r, table, n, entries, which), reads every entry
