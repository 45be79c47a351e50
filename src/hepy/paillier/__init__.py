"""The Paillier cryptosystem on batches: encrypted numbers that add, and multiply with plaintext numbers.

>>> from hepy import paillier
>>> key = paillier.generate_key(bits=512, insecure=True)
>>> x = key.public_key.encrypt([1, 2, 3])
>>> key.decrypt(2 * x - x[::-1] + 10).tolist()
[9, 12, 15]
"""

from hepy.paillier.ciphertexts import CiphertextArray as CiphertextArray
from hepy.paillier.ciphertexts import concatenate as concatenate
from hepy.paillier.ciphertexts import stack as stack
from hepy.paillier.generation import generate_key as generate_key
from hepy.paillier.keys import PrivateKey as PrivateKey
from hepy.paillier.keys import PublicKey as PublicKey
from hepy.paillier.packing import Packed as Packed
from hepy.paillier.packing import pack as pack
from hepy.paillier.packing import unpack as unpack
from hepy.paillier.pools import Pool as Pool
from hepy.paillier.proofs import Proof as Proof

__all__ = [
    "CiphertextArray", "Packed", "Pool", "PrivateKey", "Proof", "PublicKey", "concatenate", "generate_key", "pack", "stack",
    "unpack",
]  # fmt: skip
