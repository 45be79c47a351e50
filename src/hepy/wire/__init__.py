"""The wire format: objects as canonical bytes, in messages and files. docs/wire.md specifies it.

>>> import hepy
>>> from hepy import paillier
>>> key = paillier.generate_key(bits=512, insecure=True)
>>> message = hepy.dumps(key.public_key.encrypt([1, 2, 3]))
>>> hepy.loads(message).shape
(3,)
>>> key.decrypt(hepy.loads(message, key)).tolist()
[1, 2, 3]
"""

from hepy.wire.description import Description as Description
from hepy.wire.description import describe as describe
from hepy.wire.files import load as load
from hepy.wire.files import save as save
from hepy.wire.locked import LockedCiphertexts as LockedCiphertexts
from hepy.wire.messages import MAX_BYTES as MAX_BYTES
from hepy.wire.messages import digest as digest
from hepy.wire.messages import dumps as dumps
from hepy.wire.messages import loads as loads
from hepy.wire.streams import CHUNK_BYTES as CHUNK_BYTES
from hepy.wire.streams import dump_chunks as dump_chunks
from hepy.wire.streams import load_chunks as load_chunks

__all__ = [
    "CHUNK_BYTES", "MAX_BYTES", "Description", "LockedCiphertexts", "describe", "digest", "dump_chunks", "dumps", "load",
    "load_chunks", "loads", "save",
]  # fmt: skip
