"""Streams of randomness: ChaCha20 (RFC 8439) under a 32-byte key, the same words on every device.

The nonce is purpose (16 bits), attempt (16 bits) and call (64 bits), little-endian. The block counter of element e is
e * blocks_per_element + block, and an element takes the first words of its blocks. So what an element draws does not
depend on threads, order, or how a batch is split. An element that is rejected takes the same position of the next
attempt: numbers below a bound are uniform, and the same everywhere.

Unless a seed is given, keys come from the operating system, and a forked child draws a new one.
"""

from __future__ import annotations

import enum
import hashlib
import os
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from hepy import _devices
from hepy._arguments import SEED_BYTES, check_seed
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy.errors import ParameterError
from hepy.random import chacha20
from hepy.random.chacha20 import BLOCK_WORDS, Leaves, Source, Words, bits_below, masked

KEY_BYTES = SEED_BYTES
_COUNTERS = 1 << 32
_DENSE = 4  # elements that are drawn as one range, if they are at least one in so many


class Purpose(enum.IntEnum):
    """What a draw is for. Numbers are part of the definition of seeded results: append, never change."""

    KEY_PRIME = 1
    KEY_GENERATOR = 2
    OBFUSCATOR = 3
    RERANDOMIZER = 4
    VALIDATION = 5
    RING_UNIFORM = 6
    RING_TERNARY = 7
    RING_SPARSE_TERNARY = 8
    RING_GAUSSIAN = 9
    PUBLIC_SEED = 10
    FLOODING = 11


# For tests: called with (digest of the key, purpose, attempt, call, first counter, blocks) for every draw. Where kernels
# draw again after a rejection, only the first attempt is reported.
recorder: Callable[[str, int, int, int, int, int], None] | None = None


class Stream:
    """One key and a count of calls. Draws may come from many threads.

    Args:
        key: 32 bytes for reproducible tests; None takes them from the operating system.

    Raises:
        ParameterError: the key is not 32 bytes.
    """

    __slots__ = ("__weakref__", "_calls", "_key", "_lock", "_seeded")

    def __init__(self, key: bytes | None = None) -> None:
        check_seed(key)
        self._seeded = key is not None
        self._key = os.urandom(KEY_BYTES) if key is None else key
        self._calls = 0
        self._lock = new_lock()
        _streams.add(self)

    def __repr__(self) -> str:
        return f"Stream(seeded={self._seeded})"

    def __reduce__(self) -> Any:
        raise ParameterError("streams are not pickled or copied: what they draw would be drawn twice")

    def draw(self, purpose: Purpose, count: int, bits: int) -> Draw:
        """Reserve randomness for `count` elements of up to `bits` bits; nothing else ever draws the same.

        Raises:
            ParameterError: there is no end to count or bits that a stream could serve.
        """
        if count < 0 or not 0 < bits <= 1 << 30:
            raise ParameterError(f"cannot draw {count} elements of {bits} bits: both are at least 1")
        blocks = -(-bits // (32 * BLOCK_WORDS))
        calls = max(1, -(-count // (_COUNTERS // blocks)))
        with self._lock:
            key, first = self._key, self._calls
            self._calls += calls
        return Draw(key, purpose, first, count, bits)

    def words(self, count: int, words: int, purpose: Purpose) -> Words:
        """uint32[count, words] on the current device."""
        return self.draw(purpose, count, 32 * words).words(0, count)

    def uniform_bits(self, bits: int, count: int, purpose: Purpose) -> Words:
        """Uniform integers below 2**bits as little-endian limbs, uint32[count, ceil(bits / 32)], on the host."""
        return self.draw(purpose, count, bits).host_bits(0, count)

    def uniform_below(self, bound: int, count: int, purpose: Purpose) -> Words:
        """Uniform integers below `bound`, uint32[count, words of bound - 1], on the host."""
        return self.draw(purpose, count, bits_below(bound)).host_below(bound, 0, count)

    def _reseed(self) -> None:
        if not self._seeded:
            self._key, self._calls = os.urandom(KEY_BYTES), 0


class Draw:
    """The randomness of one library call. Elements may be asked for in any order and in pieces.

    On a device, what is drawn is in memory that is zeroed when it is dropped.
    """

    __slots__ = ("_bits", "_blocks", "_call", "_count", "_key", "_purpose")

    def __init__(self, key: bytes, purpose: Purpose, call: int, count: int, bits: int) -> None:
        self._key, self._purpose, self._call, self._count, self._bits = key, purpose, call, count, bits
        self._blocks = -(-bits // (32 * BLOCK_WORDS))

    def __reduce__(self) -> Any:
        raise ParameterError("draws are not pickled or copied: what they give would be used twice")

    def __repr__(self) -> str:
        return f"Draw({self._purpose.name}, count={self._count}, bits={self._bits})"

    @secret_memory()
    def words(self, start: int, stop: int, attempt: int = 0) -> Words:
        """The words of elements [start, stop), uint32[stop - start, ceil(bits / 32)] on the current device.

        attempt: 0, or how often what was drawn at these places has been rejected.
        """

        def piece(leaves: Leaves, source: Source, low: int, high: int) -> Any:
            drawn = leaves.words(source, low * self._blocks, (high - low) * self._blocks, attempt)
            return drawn.reshape(high - low, BLOCK_WORDS * self._blocks)[:, : -(-self._bits // 32)]

        return self._pieces(start, stop, self._bits, piece)

    @secret_memory()
    def words_at(self, elements: Words, attempt: int) -> Words:
        """The words of these elements, ascending integers on the host, as words() gives them."""
        first, last = int(elements[0]), int(elements[-1]) + 1
        if self._blocks > 1 or last > _COUNTERS or last - first <= _DENSE * len(elements):
            device = _devices.current()
            with device.active():
                return self.words(first, last, attempt)[device.asarray(elements - first)]  # type: ignore[no-any-return]
        leaves = chacha20.leaves(_devices.current())
        return leaves.words_at(self._source(self._call), elements.astype(np.uint32), attempt)[:, : -(-self._bits // 32)]

    @secret_memory()
    def words_below(self, bounds: Words, masks: Words, run: int) -> Words | None:
        """The words of all elements, masked and each below a bound: word i has bound and mask i // run % len(bounds).

        What is not below is drawn again at the same place of the next attempt. None: the current device has no such kernel,
        or the draw takes several calls.
        """
        blocks = self._count * self._blocks
        if blocks > _COUNTERS:
            return None
        return chacha20.leaves(_devices.current()).words_below(self._source(self._call), 0, blocks, bounds, masks, run)

    @secret_memory()
    def selection_words(self, run: int) -> Words | None:
        """The words of all elements, of blocks of 16, four for each place of a selection from `run` places.

        Contract: chacha20.Leaves. None: the current device has no such kernel, or the draw takes several calls.
        """
        blocks = self._count * self._blocks
        if blocks > _COUNTERS:
            return None
        return chacha20.leaves(_devices.current()).selection_words(self._source(self._call), 0, blocks, run)

    @secret_memory()
    def uniform_bits(self, start: int, stop: int) -> Words:
        """Uniform integers below 2**bits, little-endian limbs, on the current device."""
        words = self.words(start, stop)
        with _devices.current().active():
            return masked(words, self._bits)  # type: ignore[no-any-return]

    @secret_memory()
    def uniform_below(self, bound: int, start: int, stop: int) -> Words:
        """Uniform integers below `bound`, little-endian limbs of bound - 1, on the current device.

        Raises:
            ParameterError: bound - 1 has more bits than were reserved.
        """
        if bound < 1 or bits_below(bound) > self._bits:
            raise ParameterError(f"a bound of {bound.bit_length()} bits does not fit a draw of {self._bits} bits")

        def piece(leaves: Leaves, source: Source, low: int, high: int) -> Any:
            return leaves.uniform_below(source, bound, low * self._blocks, self._blocks, high - low)

        return self._pieces(start, stop, bits_below(bound), piece)

    def host_bits(self, start: int, stop: int) -> Words:
        """As uniform_bits, on the host."""
        with _devices.device("cpu"):
            return self.uniform_bits(start, stop)

    def host_below(self, bound: int, start: int, stop: int) -> Words:
        """As uniform_below, on the host."""
        with _devices.device("cpu"):
            return self.uniform_below(bound, start, stop)

    def _pieces(self, start: int, stop: int, bits: int, piece: Callable[[Leaves, Source, int, int], Any]) -> Words:
        """piece(leaves, source, low, high) for each call number that elements [start, stop) fall under, joined."""
        if not 0 <= start <= stop <= self._count:
            raise ParameterError(f"elements [{start}, {stop}) were asked of a draw of {self._count}")
        device = _devices.current()
        per_call = _COUNTERS // self._blocks
        parts = []
        for call in range(start // per_call, -(-stop // per_call)):
            low, high = max(start, call * per_call), min(stop, (call + 1) * per_call)
            source = self._source(self._call + call)
            parts.append(piece(chacha20.leaves(device), source, low - call * per_call, high - call * per_call))
        if not parts:
            return device.empty((0, -(-bits // 32)), np.uint32)  # type: ignore[no-any-return]
        if len(parts) == 1:
            return parts[0]  # type: ignore[no-any-return]
        with device.active():
            return device.xp.concatenate(parts)  # type: ignore[no-any-return]

    def _source(self, call: int) -> Source:
        listener = recorder

        def record(attempt: int, first: int, blocks: int) -> None:
            if listener is not None and blocks:
                listener(hashlib.sha256(self._key).hexdigest(), int(self._purpose), attempt, call, first, blocks)

        return Source(self._key, int(self._purpose), call, None if listener is None else record)


def stream(seed: bytes | None = None) -> Stream:
    """The process's secret stream, or for a seed a new stream that starts at call 0.

    Args:
        seed: 32 bytes, for reproducible tests only.

    Raises:
        ParameterError: the seed is not 32 bytes.
    """
    return Stream(seed) if seed is not None else _process_stream()


def _process_stream() -> Stream:
    global _process
    with _process_lock:
        if _process is None:
            _process = Stream()
        return _process


_streams: weakref.WeakSet[Stream] = weakref.WeakSet()
_process: Stream | None = None
_process_lock = new_lock()


def _after_fork() -> None:
    for one in list(_streams):
        one._reseed()


os.register_at_fork(after_in_child=_after_fork)
