"""Arrays larger than a message, or than memory: cut into a stream of messages, and read from one, piece by piece."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from hepy._arguments import check_seed, whole
from hepy.errors import KeyMismatchError, ParameterError, WireFormatError
from hepy.wire import chunks, kinds, messages
from hepy.wire.chunks import ChunkHeader
from hepy.wire.container import MAX_INTEGER, BytesSource, Message, header_bytes
from hepy.wire.locked import LockedCiphertexts

CHUNK_BYTES = 1 << 26


def dump_chunks(
    arrays: Any, *, max_bytes: int = CHUNK_BYTES, rerandomize: bool = True, seed: bytes | None = None
) -> Iterator[bytes]:
    """Ciphertexts as a stream of messages, made one at a time while they are asked for.

    Args:
        arrays: an array of ciphertexts, which is cut along its first axis; or an iterable of arrays under one key, which
            need not be in memory together, and are cut each.
        max_bytes: of each message.
        rerandomize: as for hepy.dumps.
        seed: 32 bytes, for reproducible tests only, where it rerandomizes; each chunk derives its own.

    Returns: an iterator of messages for load_chunks, in order.
    Raises:
        KeyMismatchError: the arrays belong to different keys.
        MissingKeyError: they were loaded without their key.
        ParameterError: these are no ciphertexts, there are none, or one entry of the first axis exceeds max_bytes.
    """
    max_bytes = whole("max_bytes", max_bytes, 1, of="bytes")
    check_seed(seed)
    return _dumped(_arrays(arrays), max_bytes, rerandomize, seed)


def load_chunks(stream: Iterable[Any], key: Any = None, *, max_bytes: int = CHUNK_BYTES) -> Iterator[Any]:
    """The arrays of a stream that dump_chunks made, each as soon as its message is there.

    Args:
        stream: messages in order: bytes, bytearray or contiguous memoryviews.
        key: the public or private key of the ciphertexts. Without it they can be described and kept, not used.
        max_bytes: refuse a message that is longer.

    Returns: an iterator of arrays on the current device, as hepy.loads gives them. The array that was cut is
        paillier.concatenate(list(...)), or ckks.concatenate.
    Raises:
        KeyMismatchError: the ciphertexts belong to another key.
        ParameterError: a message or `key` is of a wrong type.
        WireFormatError: a message is not canonical, one is missing, comes twice, out of order or from another stream,
            or the stream ends before its last one.
    Hazards:
        That a stream is whole is known at its end: act on what came before only when the iterator has ended without an
        error.
    """
    return _loaded(stream, key, whole("max_bytes", max_bytes, 1, of="bytes"))


def _arrays(what: Any) -> Iterator[Any]:
    if isinstance(what, LockedCiphertexts):
        raise what.missing_key("be written")
    try:
        kinds.kind_of(what)
    except ParameterError:
        if not isinstance(what, Iterable) or isinstance(what, str | bytes):
            raise
        return iter(what)
    return iter([what])


def _dumped(arrays: Iterator[Any], max_bytes: int, rerandomize: bool, seed: bytes | None) -> Iterator[bytes]:
    previous, index = chunks.START, 0
    for (kind, piece), last in _with_last(_pieces(arrays, max_bytes, rerandomize)):
        codec = kinds.codec(kind)
        own = None if seed is None else hashlib.sha256(seed + index.to_bytes(8, "little")).digest()
        prepared = codec.prepare(piece, rerandomize, own)
        header = ChunkHeader(kind, codec.header(prepared), index, previous, last)
        message = Message(kinds.metadata(chunks.KIND, header), header.specs(), codec.tensors(prepared))
        if message.size() > max_bytes:
            raise _too_small(message.size(), max_bytes)
        data = b"".join(message.chunks())
        yield data
        previous, index = hashlib.sha256(data).hexdigest(), index + 1


def _pieces(arrays: Iterator[Any], max_bytes: int, rerandomize: bool) -> Iterator[tuple[str, Any]]:
    """Kind and part of each array, of the size of a chunk at most."""
    first = None
    for array in arrays:
        if isinstance(array, LockedCiphertexts):
            raise array.missing_key("be written")
        kind = kinds.kind_of(array)
        codec = kinds.codec(kind)
        if not codec.needs_key:
            raise ParameterError(f"only ciphertexts are written in chunks, not {type(array).__name__}: use hepy.dumps")
        header: Any = codec.header(array)
        first = first or (kind, header.fingerprint)
        if (kind, header.fingerprint) != first:
            raise KeyMismatchError(
                f"a stream has ciphertexts of one key: {header.fingerprint[:16]} came after {first[1][:16]}"
            )
        rows = codec.rows(array)
        # What is rerandomized, or a part, may be written in another way than the whole: a part is asked for its header.
        part: Any = codec.header(array[:1]) if rows else header
        as_it_is = array.fresh or not rerandomize
        if not rows or _size(kind, header if as_it_is else part, header.shape) <= max_bytes:
            yield kind, array
            continue
        step = _step(kind, part, rows, max_bytes)
        yield from ((kind, array[start : start + step]) for start in range(0, rows, step))
    if first is None:
        raise ParameterError("there is nothing to write: give at least one array")


def _step(kind: str, header: Any, rows: int, max_bytes: int) -> int:
    """How many entries of the first axis a chunk holds, given the header of a part."""

    def fits(entries: int) -> bool:
        return _size(kind, header, (entries, *header.shape[1:])) <= max_bytes

    if not fits(1):
        raise _too_small(_size(kind, header, header.shape), max_bytes)
    low, high = 1, rows
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _size(kind: str, header: Any, shape: tuple[int, ...]) -> int:
    """Bytes of a chunk with an array of that shape, at most."""
    widest = ChunkHeader(kind, dataclasses.replace(header, shape=shape), MAX_INTEGER, chunks.START, False)
    return Message(kinds.metadata(chunks.KIND, widest), widest.specs(), {}).size()


def _too_small(least: int, max_bytes: int) -> ParameterError:
    return ParameterError(
        f"{least} bytes cannot be cut any further and max_bytes={max_bytes}: raise it, or ravel() arrays of several axes"
    )


def _with_last(items: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
    """Each item, and whether it is the last."""
    held = next(items)
    for item in items:
        yield held, False
        held = item
    yield held, True


def _loaded(stream: Iterable[Any], key: Any, max_bytes: int) -> Iterator[Any]:
    previous, index, first, last = chunks.START, 0, None, False
    for data in stream:
        if last:
            raise WireFormatError(f"chunk: a message follows number {index - 1}, which was the last")
        source = BytesSource(data)
        if source.size > max_bytes:
            raise WireFormatError(
                f"size: {source.size} bytes exceed max_bytes={max_bytes}: raise it if you expect such chunks"
            )
        container, kind, header = messages.opened(source)
        if not isinstance(header, ChunkHeader):
            raise WireFormatError(f"kind: a {kind} came where chunk {index} was due")
        if header.index != index:
            raise WireFormatError(
                f"chunk: number {header.index} came where {index} was due: one is missing, came twice, or out of order"
            )
        if header.previous != previous:
            raise WireFormatError(f"chunk: number {index} does not follow the one before it: it is from another stream")
        first = first or (header.kind, header.fingerprint)
        if (header.kind, header.fingerprint) != first:
            raise WireFormatError(f"chunk: number {index} belongs to another key or scheme than those before it")
        previous, index, last = hashlib.sha256(data).hexdigest(), index + 1, header.last
        if key is None:
            inner = header_bytes(kinds.metadata(header.kind, header.content), header.specs())
            plain = inner + bytes(source.read(len(container.raw_header), source.size))
            yield LockedCiphertexts(header.kind, header.content, plain)
        else:
            yield kinds.codec(header.kind).read(header.content, container, key)
    if not last:
        raise WireFormatError(f"chunk: the stream ended after {index} chunks, before its last one")
