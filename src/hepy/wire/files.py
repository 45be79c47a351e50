"""Messages in files: written aside and moved into place, read piece by piece."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hepy._host.files import Path, replaced
from hepy.errors import ParameterError, WireFormatError
from hepy.wire import kinds, messages
from hepy.wire.container import Message
from hepy.wire.messages import MAX_BYTES


def save(
    obj: Any,
    path: Path,
    *,
    rerandomize: bool = True,
    password: str | bytes | None = None,
    unencrypted: bool = False,
    seed: bytes | None = None,
) -> None:
    """Write the object to a file: the bytes of hepy.dumps, with the same arguments.

    The file appears whole or not at all: it is written beside its place, synchronized, and moved. Private keys get
    mode 0600, other objects what the umask leaves.

    Raises:
        OSError: the folder is missing or not writable.
        StorageError: the disk is full; what stood under `path` is unchanged.
        and what hepy.dumps raises.
    """
    message = messages.outgoing(obj, rerandomize, password, unencrypted, seed)
    secret = kinds.codec(kinds.kind_of(obj)).secret
    write(message, path, 0o600 if secret else 0o666)


def load(path: Path, key: Any = None, password: str | bytes | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """The object in a file; arguments, result and errors as for hepy.loads.

    Ciphertexts are read and checked piece by piece, so that memory holds them once.

    Raises:
        OSError: the file is missing or not readable.
        ParameterError: `path` is no regular file.
    """
    with opened(path) as source:
        return messages.read(source, key, password, max_bytes)


class FileSource:
    """Contract: hepy.wire.container.Source. The size is that of the file when it was opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, start: int, stop: int) -> memoryview:
        data = bytearray(stop - start)
        view, at = memoryview(data), 0
        while at < len(data):
            count = os.preadv(self._descriptor, [view[at:]], start + at)
            if count == 0:
                raise WireFormatError(f"data: the file ended at byte {start + at} while it was read")
            at += count
        return view


@contextmanager
def opened(path: Path) -> Iterator[FileSource]:
    """A regular file to read from; no other can hold up whoever opens it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ParameterError(f"{os.fspath(path)!r} is no regular file: read it yourself and use hepy.loads(data)")
        yield FileSource(descriptor)
    finally:
        os.close(descriptor)


def write(message: Message, path: Path, mode: int) -> None:
    """Put a message into place at `path`, through symbolic links."""
    with replaced(path, mode) as file:
        for chunk in message.chunks():
            file.write(chunk)
