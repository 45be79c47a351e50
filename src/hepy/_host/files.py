"""Files that appear whole or not at all: written aside, synchronized, and moved into place."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from hepy.errors import StorageError

Path = str | os.PathLike[str]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def replaced(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path`, through symbolic links, when the block ends without an error.

    Args:
        mode: of the new file, less the umask.

    Raises:
        OSError: the folder is missing or not writable.
        StorageError: the disk is full; what stood under `path` is unchanged.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    aside = os.path.join(folder, f".hepy-{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(aside)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StorageError(
                error.errno,
                f"{error.strerror} while the file was written: free space there or save elsewhere. What stood under "
                "this name is unchanged, and nothing is left of the attempt",
                os.fspath(path),
            ) from None
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the move last; file systems that cannot say so are left to their ways."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
