"""What an object or a message is, under which key, with which parameters, and what it shows to whoever sees it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any

from hepy.wire import chunks, files, kinds, messages, sealed
from hepy.wire.container import BytesSource, Message, Source
from hepy.wire.locked import LockedCiphertexts


@dataclass(frozen=True)
class Description:
    """What hepy.describe returns; str() is for people, as_dict() for programs.

    Attributes:
        kind: the kind on the wire, such as "paillier.ciphertexts".
        fingerprint: of the key that it is, or belongs to.
        parameters: by name.
        bytes: length of the message, sealed or not.
        reveals: what its message tells whoever sees it.
        fresh: of ciphertexts in this process: whether every one was encrypted or rerandomized and nothing was
            computed since. None where there are none, or where they are a message's: it does not say. Not compared.
    """

    kind: str
    fingerprint: str
    parameters: dict[str, Any]
    bytes: int
    reveals: tuple[str, ...]
    fresh: bool | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON can say."""
        return {**dataclasses.asdict(self), "reveals": list(self.reveals)}

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        lines = [f"{self.kind}, {self.bytes} bytes", f"  key         {self.fingerprint}", f"  parameters  {said}"]
        if self.fresh is not None:
            lines.append(f"  fresh       {'yes' if self.fresh else 'no'}")
        return "\n".join(lines + [f"  reveals     {what}" for what in self.reveals])


def describe(what: Any) -> Description:
    """Describe an object, a message (bytes), or a file (a path); of messages only the header is read.

    Raises:
        OSError: the file cannot be read.
        ParameterError: it is none of these.
        WireFormatError: the header is not canonical.
    Hazards:
        What a message says is its sender's word until it has been loaded with its key.
    """
    if isinstance(what, str | os.PathLike):
        with files.opened(what) as source:
            return _of_message(source)
    if isinstance(what, bytes | bytearray | memoryview):
        return _of_message(BytesSource(what))
    if isinstance(what, LockedCiphertexts):
        return _of_message(BytesSource(what.message))
    return _of_object(what)


def _of_message(source: Source) -> Description:
    _, kind, header = messages.opened(source)
    if isinstance(header, sealed.SealedHeader | chunks.ChunkHeader):
        kind = header.kind
    return Description(kind, header.fingerprint, header.parameters(), source.size, tuple(header.reveals()))


def _of_object(obj: Any) -> Description:
    kind = kinds.kind_of(obj)
    header = kinds.codec(kind).header(obj)
    reveals = header.reveals()
    fresh: bool | None = getattr(obj, "fresh", None)
    if fresh is False:
        reveals.append("as it stands, how it was computed: it is not fresh (hepy.save and hepy.dumps rerandomize it)")
    size = Message(kinds.metadata(kind, header), header.specs(), {}).size()
    return Description(kind, header.fingerprint, header.parameters(), size, tuple(reveals), fresh)
