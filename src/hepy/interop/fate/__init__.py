"""FATE 2.x's contract for Paillier, on hepy: docs/interop-fate.md.

register() points FATE itself at it. The contract can also be used alone; it takes torch's tensors, or numpy arrays.

>>> import numpy as np
>>> from hepy.interop.fate import evaluator, keygen
>>> sk, pk, coder = keygen(2048)
>>> x = pk.encrypt_encoded(coder.encode_tensor(np.array([1.5, -2.0])), obfuscate=True)
>>> y = evaluator.add_plain(x, np.array([1.0, 0.25]), pk, coder)
>>> coder.decode_tensor(sk.decrypt_to_encoded(y), np.float64).tolist()
[2.5, -1.75]
"""

from hepy.interop.fate.coder import Coder as Coder
from hepy.interop.fate.errors import ArgumentTypeError as ArgumentTypeError
from hepy.interop.fate.errors import RangeError as RangeError
from hepy.interop.fate.errors import UnsupportedTypeError as UnsupportedTypeError
from hepy.interop.fate.evaluation import evaluator as evaluator
from hepy.interop.fate.keys import PK as PK
from hepy.interop.fate.keys import SK as SK
from hepy.interop.fate.keys import keygen as keygen
from hepy.interop.fate.keys import of_key as of_key
from hepy.interop.fate.registration import register as register
from hepy.interop.fate.registration import unregister as unregister
from hepy.interop.fate.vectors import CiphertextVector as CiphertextVector
from hepy.interop.fate.vectors import PlaintextVector as PlaintextVector

__all__ = [
    "PK", "SK", "ArgumentTypeError", "CiphertextVector", "Coder", "PlaintextVector", "RangeError",
    "UnsupportedTypeError", "evaluator", "keygen", "of_key", "register", "unregister",
]  # fmt: skip
