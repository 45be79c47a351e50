"""RNS polynomials modulo X^N + 1: the public lower layer under lattice schemes.

>>> from hepy import ring
>>> basis = ring.RingBasis(ring.primes(2**30, degree=16, count=3), degree=16)
>>> x = basis.ntt([1, 1] + 14 * [0])
>>> (x * x).intt().to_ints()[:4].tolist()
[1, 2, 1, 0]
"""

from hepy.ring.basis import RingBasis as RingBasis
from hepy.ring.conversion import add_first as add_first
from hepy.ring.conversion import convert as convert
from hepy.ring.conversion import inner_product as inner_product
from hepy.ring.conversion import mod_down as mod_down
from hepy.ring.conversion import mod_up as mod_up
from hepy.ring.conversion import rescale as rescale
from hepy.ring.conversion import tensor_product as tensor_product
from hepy.ring.embedding import embed as embed
from hepy.ring.embedding import galois_element as galois_element
from hepy.ring.embedding import unembed as unembed
from hepy.ring.halves import Halves as Halves
from hepy.ring.polynomial import Coefficients as Coefficients
from hepy.ring.polynomial import Polynomial as Polynomial
from hepy.ring.polynomial import concatenate as concatenate
from hepy.ring.polynomial import stack as stack
from hepy.ring.primes import primes as primes
from hepy.ring.replay import Replay as Replay
from hepy.ring.sampling import gaussian as gaussian
from hepy.ring.sampling import sparse_ternary as sparse_ternary
from hepy.ring.sampling import ternary as ternary
from hepy.ring.sampling import uniform as uniform

__all__ = [
    "Coefficients",
    "Halves",
    "Polynomial",
    "Replay",
    "RingBasis",
    "add_first",
    "concatenate",
    "convert",
    "embed",
    "galois_element",
    "gaussian",
    "inner_product",
    "mod_down",
    "mod_up",
    "primes",
    "rescale",
    "sparse_ternary",
    "stack",
    "tensor_product",
    "ternary",
    "unembed",
    "uniform",
]
