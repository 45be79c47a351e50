"""The CKKS cryptosystem: encrypted vectors of real and complex numbers that add, multiply and rotate, approximately.

>>> from hepy import ckks
>>> context = ckks.Context(ckks.Parameters(log_n=5, depth=3, scale_bits=40, security=None))  # None: only in examples
>>> x = context.encrypt([1.0, 2.0, 3.0, 4.0])
>>> context.decrypt((x * x + 1).rotate(1)).round(6).tolist()
[5.0, 10.0, 17.0, 2.0]
"""

from hepy.ckks.ciphertexts import CiphertextArray as CiphertextArray
from hepy.ckks.ciphertexts import inner_sum as inner_sum
from hepy.ckks.ciphertexts import manual as manual
from hepy.ckks.circuits import Circuit as Circuit
from hepy.ckks.circuits import compile as compile
from hepy.ckks.context import Context as Context
from hepy.ckks.context import PublicContext as PublicContext
from hepy.ckks.joins import concatenate as concatenate
from hepy.ckks.joins import stack as stack
from hepy.ckks.parameters import Parameters as Parameters
from hepy.ckks.plaintexts import Plaintext as Plaintext
from hepy.ckks.planning import Input as Input
from hepy.ckks.planning import Plan as Plan
from hepy.ckks.planning import plan as plan

__all__ = [
    "CiphertextArray", "Circuit", "Context", "Input", "Parameters", "Plaintext", "Plan", "PublicContext", "compile",
    "concatenate", "inner_sum", "manual", "plan", "stack",
]  # fmt: skip
