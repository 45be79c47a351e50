"""Batches of big integers modulo one odd modulus: the public lower layer under Paillier.

>>> from hepy import bigint
>>> modulus = bigint.Modulus(1009)
>>> modulus.power([2, 3, 5], 1008).to_ints().tolist()
[1, 1, 1]
"""

from hepy.bigint.fermat_quotients import FermatPart as FermatPart
from hepy.bigint.fermat_quotients import FermatQuotients as FermatQuotients
from hepy.bigint.fixed_base import FixedBase as FixedBase
from hepy.bigint.fixed_point import FixedPoint as FixedPoint
from hepy.bigint.modulus import Modulus as Modulus
from hepy.bigint.residues import ResidueArray as ResidueArray
from hepy.bigint.residues import concatenate as concatenate
from hepy.bigint.residues import stack as stack

__all__ = [
    "FermatPart",
    "FermatQuotients",
    "FixedBase",
    "FixedPoint",
    "Modulus",
    "ResidueArray",
    "concatenate",
    "stack",
]
