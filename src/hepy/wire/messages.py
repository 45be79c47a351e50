"""Objects to bytes and back: dumps, loads and digest.

A reader accepts canonical bytes only. It parses the header into typed values, encodes these again and compares, and
only then reads data, which the codec checks down to the last residue.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from hepy._arguments import whole
from hepy.errors import MissingKeyError, ParameterError, WireFormatError
from hepy.wire import chunks, kinds, sealed
from hepy.wire.container import BytesSource, Container, Message, Source
from hepy.wire.fields import FieldReader
from hepy.wire.locked import LockedCiphertexts

MAX_BYTES = 1 << 34

# Kinds of messages that are around another: what parses their headers.
_AROUND: dict[str, Callable[[FieldReader], Any]] = {chunks.KIND: chunks.parse, sealed.KIND: sealed.parse}


def dumps(
    obj: Any,
    *,
    rerandomize: bool = True,
    password: str | bytes | None = None,
    unencrypted: bool = False,
    seed: bytes | None = None,
) -> bytes:
    """The object as one message.

    Args:
        obj: a public key, ciphertexts, or a private key.
        rerandomize: multiply ciphertexts that are not fresh by fresh obfuscators first, so that they do not tell how
            they were computed.
        password: seals a private key: scrypt and AES-256-GCM.
        unencrypted: let a private key leave without a password.
        seed: 32 bytes, for reproducible tests only, where it rerandomizes.

    Returns: canonical bytes: equal for equal objects, but for sealed ones, which have a salt of their own each time.
    Raises:
        MissingKeyError: the ciphertexts were loaded without their key.
        ParameterError: there is no wire form for such an object, or a private key has neither password nor
            unencrypted=True.
    """
    buffer = io.BytesIO()
    for chunk in outgoing(obj, rerandomize, password, unencrypted, seed).chunks():
        buffer.write(chunk)
    return buffer.getvalue()


def loads(data: Any, key: Any = None, password: str | bytes | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """The object of a message, which may come from anyone.

    Args:
        data: bytes, bytearray or a contiguous memoryview.
        key: of ciphertexts: the public or private key that they belong to. Without it they can be described and kept,
            not used.
        password: of a sealed key.
        max_bytes: refuse more than this.

    Returns: a PublicKey, a PrivateKey, ciphertexts on the current device, or LockedCiphertexts without a key.
        Ciphertexts are not `fresh`: whether the sender's were is not known.
    Raises:
        KeyMismatchError: the ciphertexts belong to another key.
        MissingKeyError: a sealed key was given without its password.
        ParameterError: `data` or `key` is of a wrong type.
        WireFormatError: the bytes are not a canonical message, or the password is wrong; names field and reason.
    Hazards:
        Who made a message, and whether it was exchanged for another on the way, is the transport's to tell.
    """
    return read(BytesSource(data), key, password, max_bytes)


def digest(obj: Any) -> str:
    """SHA-256, in hexadecimal, of the object as it stands: of the bytes that dumps(obj, rerandomize=False) gives.

    Raises:
        ParameterError: a private key; its fingerprint is what may be shown.
    """
    if isinstance(obj, LockedCiphertexts):
        return obj.digest()
    hasher = hashlib.sha256()
    for chunk in outgoing(obj, False, None, False, None).chunks():
        hasher.update(chunk)
    return hasher.hexdigest()


def outgoing(
    obj: Any, rerandomize: bool, password: str | bytes | None, unencrypted: bool, seed: bytes | None
) -> Message:
    """The message that is to leave; arguments and errors as for dumps."""
    if isinstance(obj, LockedCiphertexts):
        raise obj.missing_key("be written")
    kind = kinds.kind_of(obj)
    if not kinds.travels(kind):
        raise ParameterError(f"a {type(obj).__name__} is used where it was made, and is never sent or copied")
    codec = kinds.codec(kind)
    if codec.secret:
        _check_protection(obj, password, unencrypted)
    elif password is not None:
        raise ParameterError(f"a password seals private keys, not {type(obj).__name__}: it would protect nothing here")
    message = kinds.encode(kind, codec.prepare(obj, rerandomize, seed))
    return message if password is None else sealed.seal(message, password)


def _check_protection(obj: Any, password: str | bytes | None, unencrypted: bool) -> None:
    if password is not None and unencrypted:
        raise ParameterError("password=... and unencrypted=True exclude each other")
    if password is None and not unencrypted:
        raise ParameterError(
            f"a {type(obj).__name__} leaves the process under a password=..., or with unencrypted=True; "
            "its fingerprint and its public half need neither"
        )


def read(source: Source, key: Any, password: str | bytes | None, max_bytes: int) -> Any:
    """The object of a message; arguments and errors as for loads."""
    max_bytes = whole("max_bytes", max_bytes, of="bytes")
    if source.size > max_bytes:
        raise WireFormatError(f"size: {source.size} bytes exceed max_bytes={max_bytes}: raise it if you expect so many")
    container, kind, header = opened(source)
    if isinstance(header, chunks.ChunkHeader):
        raise WireFormatError(f"kind: this is chunk {header.index} of a stream: hepy.load_chunks reads streams")
    if isinstance(header, sealed.SealedHeader):
        if password is None:
            raise MissingKeyError(f"the {header.kind} {header.fingerprint[:16]} is sealed: give its password=...")
        inside = BytesSource(sealed.unseal(header, container, password))
        container, kind, content = opened(inside)
        if kind != header.kind or content != header.content:
            raise WireFormatError("content: what was sealed is not what the header announces")
        header = content
    elif password is not None:
        raise WireFormatError(
            f"kind: a password was given, and {kind} is not sealed: whoever made this did not know it"
        )
    if not kinds.travels(kind):
        raise WireFormatError(f"kind: a {kind} is no message: it is used where it was made")
    codec = kinds.codec(kind)
    if not codec.needs_key:
        if key is not None:
            raise WireFormatError(f"kind: a key was given, so ciphertexts were expected; this is a {kind}")
        return codec.read(header, container, None)
    if key is None:
        return LockedCiphertexts(kind, header, container.data())
    return codec.read(header, container, key)


def opened(source: Source) -> tuple[Container, str, Any]:
    """A message whose header has been read and found canonical: the container, its kind and its header."""
    container = Container(source)
    fields = FieldReader("header", container.metadata)
    kind = kinds.parse(fields, extra=tuple(_AROUND))
    header: Any = _AROUND[kind](fields) if kind in _AROUND else kinds.codec(kind).parse(fields)
    fields.end()
    container.require(kinds.metadata(kind, header), header.specs())
    return container, kind, header
