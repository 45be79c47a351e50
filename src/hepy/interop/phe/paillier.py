"""What `from phe import paillier` gives, on hepy: key pairs, keyrings, encrypted and encoded numbers.

>>> from hepy.interop.phe import paillier
>>> public_key, private_key = paillier.generate_paillier_keypair(n_length=2048)
>>> numbers = [public_key.encrypt(x) for x in (3.5, -1.25, 4)]
>>> private_key.decrypt(sum(numbers) * 2)
12.5

Many at once, an addition to phe's interface:

>>> array = public_key.encrypt_array([3.5, -1.25, 4])
>>> private_key.decrypt_array(array * [1, 2, 3]).tolist()
[3.5, -2.5, 12]
"""

from __future__ import annotations

from hepy.interop.insecure_keys import InsecureKeyWarning as InsecureKeyWarning
from hepy.interop.phe.arrays import EncryptedArray as EncryptedArray
from hepy.interop.phe.encoding import EncodedNumber as EncodedNumber
from hepy.interop.phe.generation import DEFAULT_KEYSIZE as DEFAULT_KEYSIZE
from hepy.interop.phe.generation import generate_paillier_keypair as generate_paillier_keypair
from hepy.interop.phe.numbers import EncryptedNumber as EncryptedNumber
from hepy.interop.phe.private import PaillierPrivateKey as PaillierPrivateKey
from hepy.interop.phe.private import PaillierPrivateKeyring as PaillierPrivateKeyring
from hepy.interop.phe.public import PaillierPublicKey as PaillierPublicKey

__all__ = [
    "DEFAULT_KEYSIZE", "EncodedNumber", "EncryptedArray", "EncryptedNumber", "InsecureKeyWarning", "PaillierPrivateKey",
    "PaillierPrivateKeyring", "PaillierPublicKey", "generate_paillier_keypair",
]  # fmt: skip
