"""Messages under a password: scrypt (RFC 7914) and AES-256-GCM, through `cryptography`.

What is sealed is a whole message of its own. The outer header shows the inner one, in clear and authenticated: it is
the associated data. Parameters of scrypt are capped before any work is done, for a file says how hard it is to open.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from hepy.errors import ParameterError, WireFormatError
from hepy.wire import kinds
from hepy.wire.container import Container, Message, Spec, header_bytes
from hepy.wire.fields import FieldReader

KIND = "sealed"
LOG2_COST = 17  # 128 MiB and some 0.4 s; OWASP's recommendation for r = 8, p = 1
_LOG2_COSTS = (14, 18)
_BLOCK_SIZE, _PARALLEL = 8, 1
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES, _KEY_BYTES = 16, 12, 16, 32
_MAX_SEALED = 1 << 30  # AES-GCM of `cryptography` ends at 2**31


@dataclass(frozen=True)
class SealedHeader:
    """What a sealed message says in clear.

    Attributes:
        kind, content: of the message inside, and its header.
        log2_cost: of scrypt, log2 of N; r = 8 and p = 1 always.
        salt, nonce: 16 and 12 bytes, new for every message.
        size: bytes of the sealed tensor.
    """

    kind: str
    content: kinds.Header
    log2_cost: int
    salt: bytes
    nonce: bytes
    size: int

    @property
    def fingerprint(self) -> str:
        return self.content.fingerprint

    def fields(self) -> dict[str, Any]:
        return {
            "content": kinds.metadata(self.kind, self.content),
            "log2_cost": self.log2_cost,
            "nonce": self.nonce.hex(),
            "salt": self.salt.hex(),
            "size": self.size,
        }

    def specs(self) -> dict[str, Spec]:
        return {"sealed": Spec("U8", (self.size,))}

    def parameters(self) -> dict[str, Any]:
        return {**self.content.parameters(), "sealed": f"scrypt (N=2**{self.log2_cost}, r=8, p=1), AES-256-GCM"}

    def reveals(self) -> list[str]:
        return ["which key is inside: its kind, length, variant and fingerprint", "how the password is stretched"]


def parse(fields: FieldReader) -> SealedHeader:
    inner = FieldReader("content", fields.object("content"))
    kind = kinds.parse(inner)
    codec = kinds.codec(kind)
    if not codec.secret:
        raise fields.refuse("content", f"is a {kind}, and only secrets are sealed")
    content = codec.parse(inner)
    inner.end()
    return SealedHeader(
        kind,
        content,
        fields.integer("log2_cost", *_LOG2_COSTS),
        fields.octets("salt", _SALT_BYTES),
        fields.octets("nonce", _NONCE_BYTES),
        fields.integer("size", _TAG_BYTES, _MAX_SEALED),
    )


def seal(message: Message, password: str | bytes, entropy: Callable[[int], bytes] = os.urandom) -> Message:
    """A message that holds another, for whoever knows the password.

    Args:
        entropy: gives that many random bytes; tests make vectors with their own.

    Raises:
        ParameterError: the password is empty or no text.
    """
    stretched = _password_bytes(password)
    plain = b"".join(message.chunks())
    inner = FieldReader("content", dict(message.metadata))
    kind = kinds.parse(inner)
    salt, nonce = entropy(_SALT_BYTES), entropy(_NONCE_BYTES)
    header = SealedHeader(kind, kinds.codec(kind).parse(inner), LOG2_COST, salt, nonce, len(plain) + _TAG_BYTES)
    metadata = kinds.metadata(KIND, header)
    cipher = AESGCM(_derive(stretched, salt, LOG2_COST))
    hidden = cipher.encrypt(nonce, plain, header_bytes(metadata, header.specs()))
    return Message(metadata, header.specs(), {"sealed": lambda: [hidden]})


def unseal(header: SealedHeader, container: Container, password: str | bytes) -> bytes:
    """The message inside.

    Raises:
        ParameterError: the password is empty or no text.
        WireFormatError: it is not the password, or a byte was changed: the two cannot be told apart.
    """
    cipher = AESGCM(_derive(_password_bytes(password), header.salt, header.log2_cost))
    try:
        return cipher.decrypt(header.nonce, bytes(container.read("sealed")), container.raw_header)
    except InvalidTag:
        raise WireFormatError("sealed: the password is wrong, or the message was changed") from None


def _derive(password: bytes, salt: bytes, log2_cost: int) -> bytes:
    return Scrypt(salt=salt, length=_KEY_BYTES, n=1 << log2_cost, r=_BLOCK_SIZE, p=_PARALLEL).derive(password)


def _password_bytes(password: str | bytes) -> bytes:
    """UTF-8 of the composed form (NFC): keyboards differ in how they spell an accent."""
    if isinstance(password, str):
        password = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    if not isinstance(password, bytes) or not password:
        raise ParameterError("a password is text or bytes, and not empty")
    return password
