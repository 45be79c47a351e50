"""The header of a chunk: where in a stream a message belongs, around what a message of its kind says.

Each chunk names its number and the SHA-256 of the chunk before, and the last one says that it is the last. So a chunk
that is missing, comes twice, out of order or from another stream is found out, and so is a stream that ends early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hepy.wire import kinds
from hepy.wire.container import MAX_INTEGER, Spec
from hepy.wire.fields import FieldReader

KIND = "chunk"
START = "0" * 64  # in place of the digest of the chunk before the first


@dataclass(frozen=True)
class ChunkHeader:
    """What a chunk says in clear.

    Attributes:
        kind, content: of the part of the array that it holds, and its header.
        index: its number in the stream, from 0.
        previous: SHA-256 of the chunk before, in hexadecimal.
        last: whether none follows.
    """

    kind: str
    content: kinds.Header
    index: int
    previous: str
    last: bool

    @property
    def fingerprint(self) -> str:
        return self.content.fingerprint

    def fields(self) -> dict[str, Any]:
        return {
            "content": kinds.metadata(self.kind, self.content),
            "index": self.index,
            "last": int(self.last),
            "previous": self.previous,
        }

    def specs(self) -> dict[str, Spec]:
        return self.content.specs()

    def parameters(self) -> dict[str, Any]:
        return {**self.content.parameters(), "chunk": self.index, "last": self.last}

    def reveals(self) -> list[str]:
        return [*self.content.reveals(), "how the array was cut into chunks, and which of them this is"]


def parse(fields: FieldReader) -> ChunkHeader:
    inner = FieldReader("content", fields.object("content"))
    kind = kinds.parse(inner)
    codec = kinds.codec(kind)
    if not codec.needs_key:
        raise fields.refuse("content", f"is a {kind}, and only ciphertexts come in chunks")
    content = codec.parse(inner)
    inner.end()
    return ChunkHeader(
        kind,
        content,
        fields.integer("index", 0, MAX_INTEGER),
        fields.digest("previous"),
        bool(fields.integer("last", 0, 1)),
    )
