"""Streams: RFC 8439's keystream on every device, and draws that depend on nothing but key, purpose, call and element."""

import copy
import itertools
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, _limbs, random
from hepy.errors import ParameterError
from hepy.random import Purpose, Stream, chacha20

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "chacha20_rfc8439.json").read_text())["vectors"]
KEY = bytes(range(32))
each_device = pytest.mark.parametrize("name", _devices.devices())


def host(array):
    return _devices.to_host(array)


def numbers(limbs):
    return _limbs.to_ints(host(limbs))


def keystream(purpose, attempt, call, first, blocks):
    """What the definition says, by OpenSSL."""
    nonce = purpose.to_bytes(2, "little") + attempt.to_bytes(2, "little") + call.to_bytes(8, "little")
    cipher = Cipher(ChaCha20(KEY, first.to_bytes(4, "little") + nonce), mode=None).encryptor()
    return cipher.update(bytes(64 * blocks))


def defined_below(bound, purpose, call, element, blocks):
    """A uniform integer below `bound` by the definition in hepy.random, one element at a time."""
    bits = max((bound - 1).bit_length(), 1)
    for attempt in range(1000):
        value = int.from_bytes(keystream(purpose, attempt, call, element * blocks, blocks), "little") % (1 << bits)
        if value < bound:
            return value
    raise AssertionError("a thousand rejections")


@each_device
@pytest.mark.parametrize("elements", [[5], [0, 1, 2, 3], [0, 63, 64, 700, 701, 5000, 9999], list(range(0, 10000, 9))])
def test_scattered_words_are_those_of_the_whole_draw(name, elements):
    elements = elements if name == "cpu" else elements[:7]
    for bits in (512, 96, 544):  # the last of two blocks an element
        draw = Stream(KEY).draw(Purpose.RING_UNIFORM, 10_000, bits)
        with _devices.device(name):
            got = host(draw.words_at(np.array(elements), 3))
        want = [host(draw.words(e, e + 1, 3))[0] for e in elements]
        assert got.shape == (len(elements), bits // 32) and (got == np.stack(want)).all()


@each_device
def test_blocks_with_the_largest_counters(name):
    draw = Stream(KEY).draw(Purpose.RING_UNIFORM, 1 << 32, 512)
    elements = np.array([0, (1 << 31) + 1, (1 << 32) - 1])
    with _devices.device(name):
        got = host(draw.words_at(elements, 65535))
    for words, element in zip(got, elements.tolist(), strict=True):
        assert words.astype("<u4").tobytes() == keystream(Purpose.RING_UNIFORM, 65535, 0, element, 1)


@each_device
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_words_are_those_of_the_rfc(name, vector):
    device = _devices.resolve(name)
    nonce = bytes.fromhex(vector["nonce"])
    source = SimpleNamespace(key=bytes.fromhex(vector["key"]), nonce=lambda attempt, first, blocks: nonce)
    with _devices.device(device):
        words = host(chacha20.leaves(device).words(source, vector["counter"], 1))
    assert words.astype("<u4").tobytes().hex() == vector["keystream"]


@each_device
@pytest.mark.parametrize("bits", [1, 31, 32, 33, 512, 513, 1104])
def test_uniform_bits_are_the_low_bits_of_the_elements_blocks(name, bits):
    with _devices.device(name):
        stream = Stream(KEY)
        stream.draw(Purpose.VALIDATION, 1, 32)
        drawn = numbers(stream.draw(Purpose.OBFUSCATOR, 5, bits).uniform_bits(0, 5))
    blocks = -(-bits // 512)
    expected = [int.from_bytes(keystream(3, 0, 1, e * blocks, blocks), "little") % (1 << bits) for e in range(5)]
    assert drawn == expected


@each_device
@pytest.mark.parametrize("bound", [1, 2, 3, 5, 2**32, 2**32 + 1, 3 * 2**510, 2**512 + 1, 2**700 - 1])
def test_uniform_below_rejects_as_defined(name, bound):
    bits = max((bound - 1).bit_length(), 1)
    with _devices.device(name):
        drawn = numbers(Stream(KEY).draw(Purpose.RERANDOMIZER, 20, bits).uniform_below(bound, 0, 20))
    assert drawn == [defined_below(bound, 4, 0, e, -(-bits // 512)) for e in range(20)]


@given(cuts=st.lists(st.integers(0, 40), max_size=4), bound=st.integers(1, 2**600))
def test_pieces_do_not_matter(cuts, bound):
    bits = max((bound - 1).bit_length(), 1)
    draw = Stream(KEY).draw(Purpose.OBFUSCATOR, 40, bits)
    edges = [0, *sorted(cuts), 40]
    pieces = [numbers(draw.uniform_below(bound, low, high)) for low, high in itertools.pairwise(edges)]
    assert [value for piece in pieces for value in piece] == numbers(draw.uniform_below(bound, 0, 40))


def test_a_batch_beyond_the_counter_takes_several_calls(monkeypatch):
    monkeypatch.setattr(random, "_COUNTERS", 8)  # of 2 blocks each: four elements a call
    stream = Stream(KEY)
    draw = stream.draw(Purpose.OBFUSCATOR, 10, 600)
    drawn = numbers(draw.uniform_bits(0, 10))
    places = [(call, element) for call in range(3) for element in range(4)][:10]
    expected = [int.from_bytes(keystream(3, 0, c, 2 * e, 2), "little") % (1 << 600) for c, e in places]
    assert drawn == expected
    assert numbers(draw.uniform_bits(3, 9)) == expected[3:9]
    after = stream.draw(Purpose.OBFUSCATOR, 1, 32)
    assert numbers(after.uniform_bits(0, 1)) == [int.from_bytes(keystream(3, 0, 3, 0, 1)[:4], "little")]


def test_nothing_to_draw_is_an_empty_array():
    assert Stream(KEY).uniform_bits(40, 0, Purpose.OBFUSCATOR).shape == (0, 2)
    assert Stream(KEY).uniform_below(1 << 64, 0, Purpose.OBFUSCATOR).shape == (0, 2)


def test_the_process_stream_is_one_and_a_seed_starts_a_new_one():
    assert random.stream() is random.stream()
    first, second = (random.stream(KEY).uniform_bits(64, 3, Purpose.OBFUSCATOR) for _ in range(2))
    assert (first == second).all()
    assert numbers(Stream().uniform_bits(128, 1, Purpose.OBFUSCATOR)) != numbers(
        Stream().uniform_bits(128, 1, Purpose.OBFUSCATOR)
    )


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), "x" * 32, 7, bytearray(32)])
def test_a_seed_is_32_bytes(seed):
    with pytest.raises(ParameterError, match="a seed is 32 bytes"):
        Stream(seed)


@pytest.mark.parametrize(("count", "bits"), [(-1, 8), (1, 0), (1, -5), (1, 1 << 31)])
def test_impossible_draws_are_refused(count, bits):
    with pytest.raises(ParameterError, match="cannot draw"):
        Stream(KEY).draw(Purpose.OBFUSCATOR, count, bits)


def test_a_draw_serves_its_own_elements_and_bounds_only():
    draw = Stream(KEY).draw(Purpose.OBFUSCATOR, 4, 64)
    with pytest.raises(ParameterError, match="asked of a draw of 4"):
        draw.words(2, 5)
    with pytest.raises(ParameterError, match="does not fit a draw"):
        draw.uniform_below(2**64 + 1, 0, 1)
    with pytest.raises(ParameterError, match="does not fit a draw"):
        draw.uniform_below(0, 0, 1)


def test_streams_are_not_copied():
    stream = Stream(KEY)
    draw = stream.draw(Purpose.OBFUSCATOR, 2, 64)
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ParameterError, match="drawn twice"):
            copying(stream)
        with pytest.raises(ParameterError, match="used twice"):
            copying(draw)


def test_no_repr_shows_a_key():
    stream = Stream(KEY)
    draw = stream.draw(Purpose.OBFUSCATOR, 2, 64)
    assert repr(stream) == "Stream(seeded=True)"
    assert repr(draw) == "Draw(OBFUSCATOR, count=2, bits=64)"
    assert "key" not in repr(chacha20.Source(KEY, 1, 2, print))


def test_purposes_keep_their_numbers():
    """They are part of what seeds give; new ones take new numbers."""
    kept = {
        "KEY_PRIME": 1,
        "KEY_GENERATOR": 2,
        "OBFUSCATOR": 3,
        "RERANDOMIZER": 4,
        "VALIDATION": 5,
        "RING_UNIFORM": 6,
        "RING_TERNARY": 7,
        "RING_SPARSE_TERNARY": 8,
        "RING_GAUSSIAN": 9,
    }
    assert {name: int(Purpose[name]) for name in kept} == kept
    assert all(9 < purpose < 1 << 16 for purpose in Purpose if purpose.name not in kept)


@each_device
def test_words_come_as_rows_of_the_asked_width(name):
    with _devices.device(name):
        words = host(Stream(KEY).words(3, 20, Purpose.KEY_PRIME))
    whole = np.frombuffer(keystream(1, 0, 0, 0, 6), "<u4").reshape(3, 32)
    assert (words == whole[:, :20]).all()
