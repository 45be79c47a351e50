"""What a device supplies to random.py: words of ChaCha20, and uniform integers by rejection.

Every device gives the same words (tests bind them to RFC 8439's vectors and to each other).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from hepy import _limbs as limb
from hepy._devices import Device

Words = npt.NDArray[np.uint32]

BLOCK_WORDS = 16
_ATTEMPTS = 1 << 16
_ZEROS = memoryview(bytes(1 << 16))


@dataclass(frozen=True)
class Source:
    """Where words come from: a key, and a nonce but for the attempt.

    `record(attempt, first, blocks)` is told which blocks are drawn, where somebody listens.
    """

    key: bytes = field(repr=False)
    purpose: int
    call: int
    record: Callable[[int, int, int], None] | None = field(repr=False)

    def nonce(self, attempt: int, first: int, blocks: int) -> bytes:
        """The nonce under which [first, first + blocks) are about to be drawn."""
        if self.record is not None:
            self.record(attempt, first, blocks)
        return self.purpose.to_bytes(2, "little") + attempt.to_bytes(2, "little") + self.call.to_bytes(8, "little")


class Leaves(Protocol):
    """Contracts; results are on the device."""

    def words(self, source: Source, first: int, blocks: int, attempt: int = 0) -> Words:
        """The words of blocks [first, first + blocks) of that attempt, uint32[16 blocks]."""

    def words_at(self, source: Source, blocks: Words, attempt: int) -> Words:
        """The words of these blocks, uint32[count, 16]; blocks: uint32[count] on the host."""

    def words_below(
        self, source: Source, first: int, blocks: int, bounds: Words, masks: Words, run: int
    ) -> Words | None:
        """The words of blocks [first, first + blocks), each below a bound of its own: uint32[16 blocks].

        Word i belongs to bound and mask k = i // run % len(bounds), run a multiple of eight: it is masked, and if it is not
        below, the same word of the next attempt takes its place. None: the device has no such kernel.
        """

    def selection_words(self, source: Source, first: int, blocks: int, run: int) -> Words | None:
        """The words of blocks [first, first + blocks), uint32[16 blocks], four of them an element.

        Of element e the first two, low one first, make a number w. With s = run - e % run, (w s) mod 2^64 is at least
        2^64 mod s; where it is not, the same element of the next attempt takes its place. None: the device has no such
        kernel.
        """

    def uniform_below(self, source: Source, bound: int, first: int, stride: int, count: int) -> Words:
        """Uniform integers in [0, bound), uint32[count, words of bound - 1].

        Element e takes the blocks from first + e * stride on, as many as it needs; after a rejection those of the next
        attempt. bound >= 1.
        """


class Host:
    """OpenSSL's ChaCha20; for scattered blocks a loop of our own, because each call of OpenSSL takes as long as fifty blocks."""

    def words(self, source: Source, first: int, blocks: int, attempt: int = 0) -> Words:
        # OpenSSL's counter is 64 bits, of which RFC 8439 defines 32; draws never cross 2^32.
        start = first.to_bytes(4, "little") + source.nonce(attempt, first, blocks)
        cipher = Cipher(ChaCha20(source.key, start), mode=None).encryptor()
        words = np.empty(BLOCK_WORDS * blocks, "<u4")
        out = words.view(np.uint8).data
        for begin in range(0, len(out), len(_ZEROS)):
            piece = out[begin : begin + len(_ZEROS)]
            cipher.update_into(_ZEROS[: len(piece)], piece)
        return words.astype(np.uint32, copy=False)

    def words_at(self, source: Source, blocks: Words, attempt: int) -> Words:
        from hepy.random.chacha20_loops import blocks as fill

        for block in blocks.tolist() if source.record else ():
            source.nonce(attempt, block, 1)
        state = _state(source, attempt)
        counters = np.zeros(-(-len(blocks) // 8) * 8, np.uint32)
        counters[: len(blocks)] = blocks
        out, scratch = np.empty((len(blocks), BLOCK_WORDS), np.uint32), np.empty((BLOCK_WORDS, 8), np.uint32)
        fill(out, counters, state, scratch)
        state[:] = 0
        return out

    def words_below(self, source: Source, first: int, blocks: int, bounds: Words, masks: Words, run: int) -> Words:
        from hepy.random.chacha20_loops import below

        words, state = self.words(source, first, blocks), _state(source, 0)
        complete = below(words, first, bounds, masks, run, state, np.empty((BLOCK_WORDS + 2, 8), np.uint32))
        state[:] = 0
        if not complete:
            raise RuntimeError("65536 rejections in a row: the source of randomness is broken")
        return words

    def selection_words(self, source: Source, first: int, blocks: int, run: int) -> None:
        return None

    def uniform_below(self, source: Source, bound: int, first: int, stride: int, count: int) -> Words:
        bits = bits_below(bound)

        def drawn(attempt: int, low: int, high: int) -> Words:
            words = self.words(source, first + low * stride, (high - low) * stride, attempt)
            return masked(words.reshape(high - low, BLOCK_WORDS * stride), bits)  # type: ignore[no-any-return]

        limbs = drawn(0, 0, count)
        rejected = np.flatnonzero(~limb.below(limbs, bound))
        attempt = 0
        while len(rejected):
            attempt += 1
            if attempt == _ATTEMPTS:
                raise RuntimeError("65536 rejections in a row: the source of randomness is broken")
            low = int(rejected[0])
            again = drawn(attempt, low, int(rejected[-1]) + 1)[rejected - low]
            limbs[rejected] = again
            rejected = rejected[~limb.below(again, bound)]
        return limbs


def _state(source: Source, attempt: int) -> Words:
    """RFC 8439's state with the counter 0; the caller clears it after use."""
    state = b"expand 32-byte k" + source.key + bytes(4) + source.nonce(attempt, 0, 0)
    return np.frombuffer(state, dtype="<u4").astype(np.uint32)


class Native:
    """The kernels of cuda/random. They reject and draw again within one launch: `record` hears of the first attempt."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def words(self, source: Source, first: int, blocks: int, attempt: int = 0) -> Words:
        device, native = self._device, self._device.native
        out = device.empty(BLOCK_WORDS * blocks, np.uint32)
        native.chacha20(
            device.stream, out, native.Secret(source.key), source.nonce(attempt, first, blocks), first, blocks
        )
        return out  # type: ignore[no-any-return]

    def words_at(self, source: Source, blocks: Words, attempt: int) -> Words:
        with self._device.active():
            return self._device.xp.stack(  # type: ignore[no-any-return]
                [self.words(source, block, 1, attempt) for block in blocks.tolist()]
            )

    def words_below(self, source: Source, first: int, blocks: int, bounds: Words, masks: Words, run: int) -> Words:
        device, native = self._device, self._device.native
        out, key = device.empty(BLOCK_WORDS * blocks, np.uint32), native.Secret(source.key)
        nonce = source.nonce(0, first, blocks)
        native.words_below(device.stream, out, bounds, masks, key, nonce, first, blocks, len(bounds), run)
        return out  # type: ignore[no-any-return]

    def selection_words(self, source: Source, first: int, blocks: int, run: int) -> Words:
        device, native = self._device, self._device.native
        out, nonce = device.empty(BLOCK_WORDS * blocks, np.uint32), source.nonce(0, first, blocks)
        native.selection_words(device.stream, out, native.Secret(source.key), nonce, first, blocks, run)
        return out  # type: ignore[no-any-return]

    def uniform_below(self, source: Source, bound: int, first: int, stride: int, count: int) -> Words:
        device, native, bits = self._device, self._device.native, bits_below(bound)
        out = device.empty((count, limb.width(bits)), np.uint32)
        largest = device.asarray(limb.from_ints([bound - 1], limb.width(bits)))
        nonce = source.nonce(0, first, count * stride)
        native.uniform_below(device.stream, out, largest, native.Secret(source.key), nonce, first, stride, count, bits)
        return out  # type: ignore[no-any-return]


def bits_below(bound: int) -> int:
    """Bits that an integer in [0, bound) is drawn with, at least one."""
    return max((bound - 1).bit_length(), 1)


def masked(words: Any, bits: int) -> Any:
    """The first `bits` bits of each row, uint32[count, ceil(bits / 32)]: a copy of its own."""
    limbs = words[:, : limb.width(bits)].copy()
    if bits % limb.LIMB_BITS:
        limbs[:, -1] &= np.uint32((1 << bits % limb.LIMB_BITS) - 1)
    return limbs


# What makes the leaves of each kind of device. What adds a kind (a test, a benchmark) enters it here.
HOMES: dict[str, Callable[[Device], Leaves]] = {"cpu": lambda _: Host(), "emulator": Native, "cuda": Native}


@functools.cache
def leaves(device: Device) -> Leaves:
    """The leaves of that device."""
    return HOMES[device.kind](device)
