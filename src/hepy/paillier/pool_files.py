"""Pools of obfuscators in files, which processes share and which outlive them. docs/wire.md has the format.

A file is a container as messages are, with one tensor that changes: `state` says how many elements were used. Taking
some is done under the file's lock and in this order: read them, write the new count, wait until it is on the disk, erase
them, hand them out. A process that dies in between loses elements; none is ever used twice. What could be: a copy of a
file is told by its inode and its time of birth and refused, also one that came back to the same place from a backup; but
a disk that is restored as a whole, or a machine that is cloned, is not.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._host.files import Path, replaced
from hepy.bigint import ResidueArray
from hepy.bigint.residues import chunks
from hepy.errors import KeyMismatchError, ParameterError, WireFormatError
from hepy.paillier.codec import KeyHeader, parse_key
from hepy.paillier.keys import Part, PublicKey
from hepy.paillier.pools import Pool
from hepy.wire import kinds
from hepy.wire.container import Container, Spec, header_bytes
from hepy.wire.fields import FieldReader
from hepy.wire.files import FileSource
from hepy.wire.messages import opened

KIND = "paillier.pool"
MAX_COUNT = 1 << 32
_WORD = (1 << 64) - 1
_MODE = 0o600
_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800  # of linux/fcntl.h and linux/stat.h


@dataclass(frozen=True)
class PoolHeader(KeyHeader):
    """What a pool's file says besides its elements."""

    count: int
    rerandomizes: bool
    seeded: bool

    def fields(self) -> dict[str, Any]:
        flags = {"rerandomizes": int(self.rerandomizes), "seeded": int(self.seeded)}
        return {**super().fields(), "count": self.count, **flags}

    def specs(self) -> dict[str, Spec]:
        return {
            "state": Spec("U64", (3,)),
            "checks": Spec("U32", (self.count,)),
            "obfuscators": Spec("U32", (self.count, limb.width(2 * self.bits))),
        }

    def parameters(self) -> dict[str, Any]:
        return {**super().parameters(), "count": self.count, "rerandomizes": self.rerandomizes, "seeded": self.seeded}

    def reveals(self) -> list[str]:
        return ["whatever is encrypted with it: obfuscators are as secret as plaintexts"]


class PoolCodec:
    """Contract: hepy.wire.kinds.Codec, as far as a kind that is never sent needs it."""

    secret = False
    needs_key = False

    def header(self, obj: Pool) -> PoolHeader:
        key = obj.public_key
        return PoolHeader(key.bits, key.variant, key.fingerprint, obj.count, obj.rerandomizes, obj.seeded)

    def parse(self, fields: FieldReader) -> PoolHeader:
        bits, variant, fingerprint = parse_key(fields)
        return PoolHeader(
            bits,
            variant,
            fingerprint,
            fields.integer("count", 1, MAX_COUNT),
            bool(fields.integer("rerandomizes", 0, 1)),
            bool(fields.integer("seeded", 0, 1)),
        )


CODECS: dict[str, Any] = {KIND: PoolCodec()}


class FilePool(Pool):
    """A pool in a file."""

    __slots__ = ("_header", "path")

    def __init__(self, public_key: PublicKey, path: Path) -> None:
        self.path = os.path.abspath(path)
        with _locked(self.path, fcntl.LOCK_SH) as (_, _, header):
            pass
        if header.fingerprint != public_key.fingerprint:
            raise KeyMismatchError(
                f"the pool in {self.path!r} belongs to key {header.fingerprint[:16]} and key "
                f"{public_key.fingerprint[:16]} was to open it"
            )
        super().__init__(public_key, header.count, header.rerandomizes, header.seeded)
        self._header = header

    def _where(self) -> str:
        return f"path={self.path!r}, "

    @property
    def left(self) -> int:
        with _locked(self.path, fcntl.LOCK_SH) as (_, container, header):
            self._check(header)
            return self.count - _used(container, header)

    def _take(self, count: int) -> ResidueArray:
        with _locked(self.path, fcntl.LOCK_EX) as (descriptor, container, header):
            self._check(header)
            used = _used(container, header)
            if count > self.count - used:
                raise self._exhausted(count, self.count - used)
            rows = container.rows("obfuscators", used, used + count)
            _check_rows(rows, container.rows("checks", used, used + count), used, self.public_key)
            _write(descriptor, container.offset("state") + 8, _state_words(used + count))
            os.fsync(descriptor)
            # From here on they are used, whatever happens. What is erased is not there to be found later.
            row = rows.nbytes // max(count, 1)
            _write(descriptor, container.offset("obfuscators") + used * row, bytes(count * row))
        return self.public_key.modulus.from_limbs(rows.astype(np.uint32, copy=False))

    def _check(self, header: PoolHeader) -> None:
        if header != self._header:
            raise ParameterError(f"{self.path!r} is another pool than was opened: open it again")


def create(public_key: PublicKey, path: Path, count: int, part: Part, *, rerandomizes: bool, seeded: bool) -> FilePool:
    """Write a pool's file and open it.

    Args:
        part: part(start, stop) makes the obfuscators [start, stop).

    Raises:
        OSError: the folder is missing or not writable.
        ParameterError: there is a file already.
        StorageError: the disk is full; nothing is left of the attempt.
    """
    if count > MAX_COUNT:
        raise ParameterError(f"a pool in a file has at most {MAX_COUNT} elements, not {count}")
    if os.path.lexists(path):
        raise ParameterError(
            f"{os.fspath(path)!r} is there already: public.open_pool(path) goes on using a pool, and one that is used up "
            "can be deleted"
        )
    header = PoolHeader(public_key.bits, public_key.variant, public_key.fingerprint, count, rerandomizes, seeded)
    checks = np.zeros(count, dtype="<u4")
    with replaced(path, _MODE) as file:
        os.fchmod(file.fileno(), _MODE)  # the umask may have taken more
        file.write(header_bytes(kinds.metadata(KIND, header), header.specs()))
        file.write(_identity(file.fileno()).to_bytes(8, "little") + _state_words(0))
        at = file.tell()
        file.write(checks.tobytes())
        for start, stop in chunks(public_key.modulus, _devices.current(), count):
            rows = part(start, stop).to_limbs()
            checks[start:stop] = _checks(rows, start)
            file.write(rows.astype("<u4", copy=False).tobytes())
        file.seek(at)
        file.write(checks.tobytes())
    return FilePool(public_key, path)


@contextmanager
def _locked(path: str, lock: int) -> Iterator[tuple[int, Container, PoolHeader]]:
    """The file's descriptor, container and header, while nobody else changes it.

    Each time the file is opened anew: locks belong to what one call of open() made, which threads and forked children
    would share. For the same reason the lock is given back explicitly: a child that was forked meanwhile has it too.

    Raises:
        OSError: the file is missing, or not readable and writable.
        ParameterError: it is another user's, others than its owner may read it, or it is a copy.
        WireFormatError: it is no pool.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check_file(path, descriptor)
        fcntl.flock(descriptor, lock)
        try:
            container, kind, header = opened(FileSource(descriptor))
            if kind != KIND or not isinstance(header, PoolHeader):
                raise WireFormatError(f"kind: {path!r} holds a {kind}, not a pool")
            if int(container.rows("state", 0, 1)[0]) != _identity(descriptor):
                raise ParameterError(
                    f"{path!r} is a copy of a pool, whose elements the original may use as well: delete it and make a "
                    "pool of its own with public.pool(count, path=...)"
                )
            yield descriptor, container, header
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _identity(descriptor: int) -> int:
    """What a file keeps when it is moved and its copy has not: of its inode, and of the time of its birth where it is told.

    Numbers of inodes are handed out again: a copy in place of a file that was deleted often has its number.
    """
    inode, birth = os.fstat(descriptor).st_ino, _birth(descriptor)
    digest = hashlib.sha256(b"hepy pool file" + b"".join(word.to_bytes(8, "little") for word in (inode, *birth)))
    return int.from_bytes(digest.digest()[:8], "little")


def _birth(descriptor: int) -> tuple[int, int]:
    """Seconds and nanoseconds, from statx(2), which Python does not have yet; zeros where nobody tells."""
    statx, buffer = _statx(), ctypes.create_string_buffer(256)
    if statx is None or statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer) != 0:
        return 0, 0
    filled = struct.unpack_from("=I", buffer, 0)[0]  # stx_mask
    seconds, nanoseconds = struct.unpack_from("=QI", buffer, 80)  # stx_btime
    return (seconds, nanoseconds) if filled & _STATX_BTIME else (0, 0)


@functools.cache
def _statx() -> Any:
    return getattr(ctypes.CDLL(None), "statx", None)


def _check_file(path: str, descriptor: int) -> None:
    status = os.fstat(descriptor)
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        raise ParameterError(f"{path!r} is no regular file")
    if status.st_uid != os.geteuid():  # of root, who may read what is another's
        raise ParameterError(
            f"{path!r} belongs to another user, who can read what is encrypted with it: make a pool of your own"
        )
    if mode & 0o077:
        raise ParameterError(
            f"others than its owner may read or write {path!r} (mode {stat.S_IMODE(mode):04o}): whoever read it can read "
            "what is encrypted with it. Delete it and make a new pool"
        )


def _used(container: Container, header: PoolHeader) -> int:
    _, used, complement = (int(word) for word in container.rows("state", 0, 3))
    if used ^ complement != _WORD or used > header.count:
        raise WireFormatError("state: the count of used elements is damaged, so none may be used: delete this pool")
    return used


def _state_words(used: int) -> bytes:
    """The count, and its complement: a half-written one is found out."""
    return used.to_bytes(8, "little") + (used ^ _WORD).to_bytes(8, "little")


def _checks(rows: limb.Limbs, start: int) -> npt.NDArray[np.uint32]:
    """CRC-32 of each row after its number: uint32[B]. Against accidents; whoever may write the file is trusted."""
    data = np.ascontiguousarray(rows, dtype="<u4")
    sums = [zlib.crc32(row.data, zlib.crc32((start + i).to_bytes(8, "little"))) for i, row in enumerate(data)]
    return np.array(sums, dtype=np.uint32)


def _check_rows(rows: limb.Limbs, checks: npt.NDArray[np.uint32], start: int, key: PublicKey) -> None:
    right = (_checks(rows, start) == checks) & limb.below(rows, key.modulus.n)
    if not right.all():
        raise WireFormatError(
            f"obfuscators: element {start + int(np.argmin(right))} is damaged, and would spoil what it hides: delete "
            "this pool and make a new one"
        )


def _write(descriptor: int, at: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, at)
        view, at = view[count:], at + count
