"""The container: safetensors bytes, in the one form that is canonical, written and read without the whole in memory.

    8 bytes       length of the header, little-endian
    the header    ASCII JSON, padded with spaces to a multiple of 8:
                  {"__metadata__":{"hepy":"<JSON>"},"<name>":{"dtype":"U32","shape":[..],"data_offsets":[a,b]},..}
    the tensors   one after the other, C order, little-endian, wider types first, then by name

This file knows nothing of what the tensors mean. Nothing that a header claims is believed before it has been
compared with the size of the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hepy.errors import ParameterError, WireFormatError

MAX_HEADER_BYTES = 1 << 18
MAX_INTEGER = (1 << 53) - 1  # what every JSON reader keeps exactly
MAX_TENSORS = 1 << 10
_MAX_TENSOR_AXES = 4
_MAX_DEPTH = 8
_DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype("u1"), "U32": np.dtype("<u4"), "U64": np.dtype("<u8")}
_METADATA = "hepy"

Buffer = bytes | memoryview


@dataclass(frozen=True)
class Spec:
    """What a tensor looks like: dtype "U8", "U32" or "U64", and shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def itemsize(self) -> int:
        return _DTYPES[self.dtype].itemsize

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.itemsize


def header_bytes(metadata: Mapping[str, Any], specs: Mapping[str, Spec]) -> bytes:
    """The length and the header of a container; `metadata` is what JSON can say."""
    header: dict[str, Any] = {"__metadata__": {_METADATA: _dump(metadata, sort=True)}}
    at = 0
    for name in order(specs):
        spec = specs[name]
        header[name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [at, at + spec.size]}
        at += spec.size
    text = _dump(header, sort=False).encode("ascii")
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise ParameterError(f"a header of {len(text)} bytes exceeds the wire format's {MAX_HEADER_BYTES}")
    return len(text).to_bytes(8, "little") + text


def order(specs: Mapping[str, Spec]) -> list[str]:
    """Names as they follow each other: wider types first, so that every tensor is aligned, then by name."""
    return sorted(specs, key=lambda name: (-specs[name].itemsize, name))


def _dump(value: Any, *, sort: bool) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort, ensure_ascii=True, allow_nan=False)


@dataclass(frozen=True)
class Message:
    """A container that is about to be written.

    Attributes:
        metadata: the header's fields.
        specs: tensors by name.
        data: for each name, a function that begins to give the tensor's bytes, piece by piece.
    """

    metadata: Mapping[str, Any]
    specs: Mapping[str, Spec]
    data: Mapping[str, Callable[[], Iterable[Buffer]]]

    def header(self) -> bytes:
        return header_bytes(self.metadata, self.specs)

    def size(self) -> int:
        """Bytes of the whole."""
        return len(self.header()) + sum(spec.size for spec in self.specs.values())

    def chunks(self) -> Iterator[Buffer]:
        yield self.header()
        for name in order(self.specs):
            yield from self.data[name]()


# How a byte of JSON changes the depth.
_NESTING = np.zeros(256, dtype=np.int8)
_NESTING[list(b"[{")], _NESTING[list(b"]}")] = 1, -1


class Source(Protocol):
    """Bytes of known number that can be read anywhere."""

    size: int

    def read(self, start: int, stop: int) -> memoryview:
        """Bytes [start, stop), which lie within the size.

        Raises:
            WireFormatError: they are not there any more.
        """


class BytesSource:
    """A message in memory.

    Raises:
        ParameterError: `data` is not bytes, bytearray or a contiguous memoryview.
    """

    def __init__(self, data: Any) -> None:
        if not isinstance(data, bytes | bytearray | memoryview) or not memoryview(data).contiguous:
            raise ParameterError(
                f"a message is bytes, bytearray or a contiguous memoryview, not {type(data).__name__}: "
                "hepy.load(path) reads files"
            )
        self._view = memoryview(data).cast("B")
        self.size = len(self._view)

    def read(self, start: int, stop: int) -> memoryview:
        return self._view[start:stop]


class Container:
    """A container that is being read: its header is parsed, its tensors stay in the source until they are asked for.

    Attributes:
        metadata: the header's fields, as JSON gives them; numbers are integers.
        specs: tensors by name, in order; their bytes fill the source exactly.
        raw_header: the length and the header as they came.

    Raises:
        WireFormatError: the source is not such a container. What a safetensors reader would overlook (duplicate
            names, gaps, overlaps, trailing bytes, unknown entries) is refused by require(), or here.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.raw_header = _raw_header(source)
        header = parse_json(self.raw_header[8:], "header")
        metadata = header.pop("__metadata__", None)
        if not isinstance(metadata, dict) or not isinstance(metadata.get(_METADATA), str):
            raise WireFormatError("header: there is no metadata under the key 'hepy': this is not a message of hepy's")
        self.metadata = parse_json(metadata[_METADATA].encode("utf-8", "replace"), "metadata")
        if len(header) > MAX_TENSORS:
            raise WireFormatError(f"header: {len(header)} tensors exceed the {MAX_TENSORS} of a message")
        self._offsets: dict[str, tuple[int, int]] = {}
        self.specs: dict[str, Spec] = {}
        at = len(self.raw_header)
        for name, entry in header.items():
            spec = _spec(name, entry)
            self.specs[name], self._offsets[name] = spec, (at, at + spec.size)
            at += spec.size
        if at != source.size:
            raise WireFormatError(f"data: the header describes {at} bytes, the message has {source.size}")

    def require(self, metadata: Mapping[str, Any], specs: Mapping[str, Spec]) -> None:
        """Check that these bytes are the canonical header of that content.

        Raises:
            WireFormatError: they are not; names the first tensor, or the first byte, that differs.
        """
        for name in specs:
            if name not in self.specs:
                raise WireFormatError(f"tensor {name!r}: it is missing")
            if self.specs[name] != specs[name]:
                have, want = self.specs[name], specs[name]
                raise WireFormatError(
                    f"tensor {name!r}: {have.dtype}{list(have.shape)} where the header's fields ask for "
                    f"{want.dtype}{list(want.shape)}"
                )
        unknown = [name for name in self.specs if name not in specs]
        if unknown:
            raise WireFormatError(f"tensor {unknown[0][:40]!r}: it does not belong to this kind of message")
        canonical = header_bytes(metadata, specs)
        if canonical != self.raw_header:
            pairs = zip(canonical, self.raw_header, strict=False)
            at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(canonical), len(self.raw_header)))
            raise WireFormatError(
                f"header: it is not in canonical form (sorted fields, tensors in order, no spaces): byte {at} differs"
            )

    def read(self, name: str) -> memoryview:
        """A whole tensor's bytes; for small ones."""
        return self._source.read(*self._offsets[name])

    def rows(self, name: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Entries [start, stop) of a tensor's first axis."""
        spec = self.specs[name]
        row = math.prod(spec.shape[1:]) * spec.itemsize
        first = self._offsets[name][0]
        data = self._source.read(first + start * row, first + stop * row)
        return np.frombuffer(data, _DTYPES[spec.dtype]).reshape(stop - start, *spec.shape[1:])

    def offset(self, name: str) -> int:
        """Where in the source a tensor's bytes begin."""
        return self._offsets[name][0]

    def data(self) -> bytes:
        """The message as it came."""
        return bytes(self._source.read(0, self._source.size))


def _raw_header(source: Source) -> bytes:
    if source.size < 8:
        raise WireFormatError(f"header: a message has at least 8 bytes, this one {source.size}")
    length = int.from_bytes(source.read(0, 8), "little")
    if length > MAX_HEADER_BYTES or length > source.size - 8:
        raise WireFormatError(
            f"header: its length of {length} bytes exceeds the message's {source.size} or the {MAX_HEADER_BYTES} that "
            "are allowed: this is no message of hepy's, or a truncated one"
        )
    return bytes(source.read(0, 8 + length))


def parse_json(text: bytes, where: str) -> dict[str, Any]:
    """A JSON object without fractions.

    Raises:
        WireFormatError: it is anything else, or has duplicate keys, floats, large integers or deep nesting.
    """
    if not text.isascii():
        raise WireFormatError(f"{where}: it is not ASCII")
    # Brackets inside strings count as well: canonical text has so few that the bound holds anyway.
    steps = _NESTING[np.frombuffer(text, np.uint8)]
    if steps.size and int(np.cumsum(steps, dtype=np.int32).max()) > _MAX_DEPTH:
        raise WireFormatError(f"{where}: it is nested deeper than {_MAX_DEPTH}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise WireFormatError(f"{where}: a key occurs twice in one object")
        return found

    def integer(digits: str) -> int:
        if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
            raise WireFormatError(f"{where}: an integer exceeds 2**53 - 1")
        return int(digits)

    def refuse(token: str) -> Any:
        raise WireFormatError(f"{where}: {token[:20]!r} is no integer, and other numbers do not occur")

    try:
        # From bytes, json would guess UTF-16 or UTF-32 where it sees zeros.
        parsed = json.loads(
            text.decode("ascii"), object_pairs_hook=unique, parse_int=integer, parse_float=refuse, parse_constant=refuse
        )
    except json.JSONDecodeError as error:
        raise WireFormatError(f"{where}: it is not JSON: {error.msg} at byte {error.pos}") from None
    if not isinstance(parsed, dict):
        raise WireFormatError(f"{where}: it is not a JSON object")
    return parsed


def _spec(name: str, entry: Any) -> Spec:
    where = f"tensor {name[:40]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WireFormatError(f"{where}: its entry has other fields than dtype, shape and data_offsets")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _DTYPES:
        raise WireFormatError(f"{where}: its dtype is none of {sorted(_DTYPES)}")
    shape = entry["shape"]
    if not isinstance(shape, list) or len(shape) > _MAX_TENSOR_AXES or not all(_natural(axis) for axis in shape):
        raise WireFormatError(f"{where}: its shape is not a list of at most {_MAX_TENSOR_AXES} whole numbers")
    return Spec(entry["dtype"], tuple(shape))


def _natural(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
