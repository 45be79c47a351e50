"""Which kinds of objects travel, and where the code is that knows each of them.

A scheme adds rows here and a codec module of its own; nothing else in this folder changes. Codecs are imported when
they are first needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from hepy.errors import ParameterError, WireFormatError
from hepy.wire.container import Buffer, Container, Message, Spec
from hepy.wire.fields import FieldReader

FORMAT = 1

# Kind on the wire: the module whose CODECS has it, and the type that it stands for.
_KINDS = {
    "ckks.ciphertexts": ("hepy.ckks.codec", "hepy.ckks.ciphertexts.CiphertextArray"),
    "ckks.context": ("hepy.ckks.codec", "hepy.ckks.context.Context"),
    "ckks.public_context": ("hepy.ckks.codec", "hepy.ckks.context.PublicContext"),
    "paillier.ciphertexts": ("hepy.paillier.codec", "hepy.paillier.ciphertexts.CiphertextArray"),
    "paillier.private_key": ("hepy.paillier.codec", "hepy.paillier.keys.PrivateKey"),
    "paillier.proof": ("hepy.paillier.codec", "hepy.paillier.proofs.Proof"),
    "paillier.public_key": ("hepy.paillier.codec", "hepy.paillier.keys.PublicKey"),
}

# Kinds of files that stay where they were made: they are described, and never sent or loaded.
_STORED = {
    "paillier.pool": ("hepy.paillier.pool_files", "hepy.paillier.pools.Pool"),
}
_ALL = _KINDS | _STORED


class Header(Protocol):
    """What a message says of its object in clear: a frozen dataclass, whose attributes are what it says."""

    @property
    def fingerprint(self) -> str: ...

    def fields(self) -> dict[str, Any]:
        """The header's fields, but for `format` and `kind`."""

    def specs(self) -> dict[str, Spec]:
        """The tensors that such a message has, and no others."""

    def parameters(self) -> dict[str, Any]:
        """What hepy.describe shows: numbers, strings and lists by name."""

    def reveals(self) -> list[str]:
        """What a message tells whoever sees it, in words."""


class Codec(Protocol):
    """One kind of object, to and from the wire. `header` and `tensors` make a message; `parse` and `read` take one.

    Attributes:
        secret: the object is a secret: it leaves under a password, or by name.
        needs_key: it is usable only with its key, which travels apart. Such objects are arrays of ciphertexts: their
            headers have a `shape`, and their codecs rows().
    """

    secret: bool
    needs_key: bool

    def prepare(self, obj: Any, rerandomize: bool, seed: bytes | None) -> Any:
        """The object as it may leave."""

    def header(self, obj: Any) -> Header: ...

    def tensors(self, obj: Any) -> Mapping[str, Callable[[], Iterable[Buffer]]]: ...

    def rows(self, obj: Any) -> int | None:
        """Entries of the first axis, along which an array may be cut; None if it is one ciphertext."""

    def parse(self, fields: FieldReader) -> Any:
        """The header of a message, as far as it can be checked by itself.

        Raises:
            WireFormatError: a field is not what it has to be.
        """

    def read(self, header: Any, container: Container, key: Any) -> Any:
        """The object of a message whose header is canonical.

        Raises:
            KeyMismatchError: it belongs to another key.
            ParameterError: `key` is no key of this scheme.
            WireFormatError: the data are not what they have to be.
        """


def codec(kind: str) -> Codec:
    made: Codec = importlib.import_module(_ALL[kind][0]).CODECS[kind]
    return made


def travels(kind: str) -> bool:
    """Whether objects of a kind are sent and loaded."""
    return kind not in _STORED


def kind_of(obj: Any) -> str:
    """The kind of an object.

    Raises:
        ParameterError: such objects do not travel; says which do.
    """
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(obj).__mro__}
    for kind, (_, name) in _ALL.items():
        if name in names:
            return kind
    raise ParameterError(
        f"{type(obj).__name__} has no wire form: what can be saved and sent are {', '.join(sorted(_KINDS))}"
    )


def metadata(kind: str, header: Header) -> dict[str, Any]:
    """All fields of a message's header."""
    return {"format": FORMAT, "kind": kind, **header.fields()}


def encode(kind: str, obj: Any) -> Message:
    """The message of an object as it stands."""
    made = codec(kind)
    header = made.header(obj)
    return Message(metadata(kind, header), header.specs(), made.tensors(obj))


def parse(fields: FieldReader, extra: tuple[str, ...] = ()) -> str:
    """The kind that a header names, after its format.

    Args:
        fields: the header's; `format` and `kind` are taken from it.
        extra: kinds that are not in the table.

    Raises:
        WireFormatError: the format is newer than this hepy, or the kind unknown.
    """
    version = fields.integer("format", 1, 1 << 31)
    if version > FORMAT:
        raise WireFormatError(
            f"format: the message has version {version} and this hepy reads up to {FORMAT}: install a newer hepy-engine"
        )
    return fields.text("kind", (*_ALL, *extra))
