"""The messages that two parties exchange: their kinds, how large each may be, and the small ones' contents.

A message is a header of 13 bytes (b"hepy", kind, length of the body) and a body: a hepy object in wire format for the
kinds that carry cryptography, canonical JSON for those that steer. Nothing is believed before it has been checked.
"""

from __future__ import annotations

import enum
import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.errors import WireFormatError
from hepy.wire.fields import FieldReader

HEADER = struct.Struct(">4sBQ")
MAGIC = b"hepy"
_CONTROL_BYTES = 1 << 16
_WIRE_BYTES = 1 << 26
MAX_NODE = 1 << 10


class Kind(enum.Enum):
    """What a message is. The value is its code, its largest body, and what it tells, for the report."""

    NONCE = (1, _CONTROL_BYTES, "a random number to prove acquaintance on")
    PROOF = (2, _CONTROL_BYTES, "proof of knowing the common token, without the token")
    PUBLIC_KEY = (3, 1 << 16, "the bank's public key")
    START = (4, _CONTROL_BYTES, "which rows are for training")
    LAYOUT = (5, _CONTROL_BYTES, "how many bins each nameless partner column has, and which is the fullest")
    GRADIENTS = (6, _WIRE_BYTES, "encrypted gradients of every training row")
    ASK = (7, _CONTROL_BYTES, "numbers of the nodes whose histograms are wanted")
    HISTOGRAM = (8, _WIRE_BYTES, "encrypted sums of gradients by bin, many to a ciphertext")
    SPLIT = (9, _CONTROL_BYTES, "node, and number of the partner's bin after which to split it")
    PARTITION = (10, _CONTROL_BYTES, "which rows of the node go left (a partner's column decided)")
    FOLLOW = (11, _CONTROL_BYTES, "which rows of the node go left (a bank's column decided)")
    FINISH = (12, _CONTROL_BYTES, "the end")
    KEY_PROOF = (13, 1 << 16, "proof that the bank's key is fit for Paillier")

    def __init__(self, code: int, most: int, tells: str) -> None:
        self.code = code
        self.most = most
        self.tells = tells

    @property
    def encrypted(self) -> bool:
        """Whether all that it says of customers is under the bank's key."""
        return self in (Kind.GRADIENTS, Kind.HISTOGRAM)

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", " ")


_KINDS = {kind.code: kind for kind in Kind}


def frame(kind: Kind, body: bytes) -> bytes:
    return HEADER.pack(MAGIC, kind.code, len(body))


def parse_frame(header: bytes) -> tuple[Kind, int]:
    """Kind and length of what follows.

    Raises:
        WireFormatError: it is no header of ours, or announces more than its kind may hold.
    """
    magic, code, length = HEADER.unpack(header)
    kind = _KINDS.get(code)
    if magic != MAGIC or kind is None:
        raise WireFormatError("what arrived is no message between the parties of this demo")
    if length > kind.most:
        raise WireFormatError(f"a {kind.label} message announces {length} bytes: {kind.most} are allowed")
    return kind, length


def dump_control(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def load_control(kind: Kind, body: bytes) -> FieldReader:
    """The fields of a control message.

    Raises:
        WireFormatError: it is not canonical JSON of one object.
    """
    try:
        fields = json.loads(body.decode("ascii"))
        canonical = isinstance(fields, dict) and dump_control(fields) == body
    except (ValueError, RecursionError):
        canonical = False
    if not canonical:
        raise WireFormatError(f"a {kind.label} message is not canonical JSON of one object")
    return FieldReader(f"{kind.label} message", fields)


def dump_bits(bits: npt.NDArray[np.bool_]) -> str:
    """Booleans as text: eight to a byte, lowest first, in hexadecimal."""
    return np.packbits(bits, bitorder="little").tobytes().hex()


def read_bits(fields: FieldReader, name: str, count: int) -> npt.NDArray[np.bool_]:
    """The field of that name as `count` booleans.

    Raises:
        WireFormatError: it holds another number, or bits behind the last.
    """
    packed = np.frombuffer(fields.octets(name, -(-count // 8)), dtype=np.uint8)
    bits = np.unpackbits(packed, bitorder="little").astype(bool)
    if bits[count:].any():
        raise fields.refuse(name, f"has bits behind the {count} that it stands for")
    return bits[:count]
