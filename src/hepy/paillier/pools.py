"""Randomness ahead: obfuscators that were made before the values are known, each of them used once.

An obfuscator is as secret as what it will hide, and one that hides two values tells their difference. So a pool hands out
each of its elements once: to whichever thread asks first, and to no process but the one that made it. Pools that
processes share, or that outlive one, are files: pool_files.py.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from hepy import _devices
from hepy._arguments import whole
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.bigint import ResidueArray
from hepy.errors import HepyError, KeyMismatchError, ParameterError, PoolExhaustedError

if TYPE_CHECKING:
    from hepy.paillier.keys import PublicKey


class Pool(ReadOnly, ABC):
    """Obfuscators of one key; made by PublicKey.pool, opened by PublicKey.open_pool.

    Attributes:
        public_key: the key.
        count: how many there were.
        rerandomizes: whether they are long enough for rerandomize(pool=...); encrypt(pool=...) takes any.
        seeded: whether a seed made them.
    """

    __slots__ = ("__weakref__", "count", "public_key", "rerandomizes", "seeded")

    def __init__(self, public_key: PublicKey, count: int, rerandomizes: bool, seeded: bool) -> None:
        self.public_key = public_key
        self.count = count
        self.rerandomizes = rerandomizes
        self.seeded = seeded

    def __repr__(self) -> str:
        try:
            left = str(self.left)
        except (OSError, HepyError):  # its file is gone or damaged, which is no reason for a log line to fail
            left = "unknown"
        return (
            f"Pool(left={left}, count={self.count}, {self._where()}key={self.public_key.fingerprint[:16]!r}"
            + (", rerandomizes=True" if self.rerandomizes else "")
            + (", insecure=True" if self.public_key.insecure else "")
            + (", seeded=True)" if self.seeded else ")")
        )

    def __reduce__(self) -> Any:
        raise ParameterError(
            "pools are not pickled or copied: their elements would be used twice. Processes share a pool in a file, "
            "which each opens for itself: public.open_pool(path)"
        )

    def __len__(self) -> int:
        return self.left

    @property
    @abstractmethod
    def left(self) -> int:
        """How many obfuscators are left."""

    @secret_memory()
    def take(self, count: int, public_key: PublicKey, *, rerandomizing: bool = False) -> ResidueArray:
        """Obfuscators that nobody else gets, on the current device: (count,).

        Args:
            public_key: of the ciphertexts that they are for.
            rerandomizing: whether ciphertexts hide behind others already.

        Raises:
            KeyMismatchError: the pool is another key's.
            ParameterError: its obfuscators are too short for rerandomizing, or `count` is no whole number from 0 on.
            PoolExhaustedError: fewer are left; none is taken.
        """
        count = whole("count", count, of="obfuscators")  # a negative one would give back what was handed out
        if public_key != self.public_key:
            raise KeyMismatchError(
                f"the pool belongs to key {self.public_key.fingerprint[:16]} and was given to key "
                f"{public_key.fingerprint[:16]}: make one with that key's pool(...)"
            )
        if rerandomizing and not self.rerandomizes:
            raise ParameterError(
                "this pool is for encryption: rerandomizing needs longer exponents, make a pool with "
                "public.pool(count, rerandomize=True)"
            )
        return self._take(count) if count else public_key.modulus.ones(0)

    @abstractmethod
    def _take(self, count: int) -> ResidueArray: ...

    def _where(self) -> str:
        """Where it is, for repr."""
        return ""

    def _exhausted(self, asked: int, left: int) -> PoolExhaustedError:
        return PoolExhaustedError(
            f"{asked} obfuscators were asked of a pool that has {left} left of {self.count}, and none was taken: make a "
            "new one with public.pool(count), or leave pool= out and have them made on the spot"
        )


class MemoryPool(Pool):
    """A pool in memory, of the process and the device that it was made by. A forked child finds it empty."""

    __slots__ = ("_foreign", "_lock", "_residues", "_used")

    def __init__(self, public_key: PublicKey, residues: ResidueArray, rerandomizes: bool, seeded: bool) -> None:
        super().__init__(public_key, residues.size, rerandomizes, seeded)
        self._residues: ResidueArray | None = residues
        self._used = 0
        self._foreign = False
        self._lock = new_lock()
        _pools.add(self)

    @property
    def left(self) -> int:
        return 0 if self._residues is None else self.count - self._used

    def _take(self, count: int) -> ResidueArray:
        with self._lock:
            if self._foreign:
                raise PoolExhaustedError(
                    "this pool belongs to the process that forked this one: make one here, or share a pool in a file "
                    "(public.pool(count, path=...))"
                )
            residues, start = self._residues, self._used
            if residues is None or count > self.count - start:
                raise self._exhausted(count, self.left)
            self._used += count
            if self._used == self.count:
                self._residues = None
        return residues[start : start + count].to(_devices.current())

    def _forget(self) -> None:
        self._residues, self._foreign = None, True


_pools: weakref.WeakSet[MemoryPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool._forget()


os.register_at_fork(after_in_child=_after_fork)
