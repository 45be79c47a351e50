"""cuda/random through its bindings: RFC 8439's vectors, OpenSSL for everything else, and what bindings refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, _limbs
from hepy.errors import ParameterError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "chacha20_rfc8439.json").read_text())["vectors"]
KEY, NONCE = bytes(range(32)), bytes(range(12))


@pytest.fixture(params=["emulator", "emulator:1", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def device(request):
    return _devices.resolve(request.param)


def chacha20(device, key, nonce, first, blocks):
    out = device.empty(16 * blocks, np.uint32)
    device.native.chacha20(device.stream, out, device.native.Secret(key), nonce, first, blocks)
    return _devices.to_host(out).astype("<u4").tobytes()


def openssl(key, nonce, first, blocks):
    return Cipher(ChaCha20(key, first.to_bytes(4, "little") + nonce), mode=None).encryptor().update(bytes(64 * blocks))


def uniform_below(device, bound, count, first=0, stride=None):
    bits = max((bound - 1).bit_length(), 1)
    stride = stride or -(-bits // 512)
    out = device.empty((count, _limbs.width(bits)), np.uint32)
    largest = device.asarray(_limbs.from_ints([bound - 1], _limbs.width(bits)))
    secret = device.native.Secret(KEY)
    device.native.uniform_below(device.stream, out, largest, secret, NONCE, first, stride, count, bits)
    return _limbs.to_ints(_devices.to_host(out))


def defined_below(bound, counter):
    """The definition, by OpenSSL: attempts count in the nonce's third and fourth byte."""
    bits = max((bound - 1).bit_length(), 1)
    start = int.from_bytes(NONCE[2:4], "little")
    for attempt in range(1000):
        nonce = NONCE[:2] + (start + attempt).to_bytes(2, "little") + NONCE[4:]
        value = int.from_bytes(openssl(KEY, nonce, counter, -(-bits // 512)), "little") % (1 << bits)
        if value < bound:
            return value
    raise AssertionError("a thousand rejections")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_blocks_are_those_of_the_rfc(device, vector):
    key, nonce = bytes.fromhex(vector["key"]), bytes.fromhex(vector["nonce"])
    assert chacha20(device, key, nonce, vector["counter"], 1).hex() == vector["keystream"]


@given(
    key=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=12, max_size=12),
    first=st.one_of(st.just(2**32 - 130), st.integers(0, 2**32 - 130)),
    blocks=st.sampled_from([1, 2, 127, 128, 129, 130]),
)
def test_blocks_are_openssl_s(device, key, nonce, first, blocks):
    assert chacha20(device, key, nonce, first, blocks) == openssl(key, nonce, first, blocks)


# 2**k + 1 rejects nearly half of all draws; the last two differ from the mask in the lowest and in the highest word only.
@pytest.mark.parametrize("bound", [1, 2, 3, 2**31 + 1, 2**32, 2**32 + 1, 2**512, 2**512 + 1, 2**1100 - 1, 2**1099 + 1])
def test_uniform_below_is_as_defined(device, bound):
    stride = -(-max((bound - 1).bit_length(), 1) // 512)
    want = [defined_below(bound, 7 + e * stride) for e in range(130)]
    assert uniform_below(device, bound, 130, first=7) == want


def test_elements_may_stand_further_apart_than_they_need(device):
    assert uniform_below(device, 1000, 3, first=5, stride=4) == [defined_below(1000, 5 + 4 * e) for e in range(3)]


def words_below(device, bounds, masks, run, blocks, first):
    out, secret = device.empty(16 * blocks, np.uint32), device.native.Secret(KEY)
    bounds, masks = (device.asarray(np.array(words, np.uint32)) for words in (bounds, masks))
    device.native.words_below(device.stream, out, bounds, masks, secret, NONCE, first, blocks, len(bounds), run)
    return _devices.to_host(out).tolist()


@pytest.mark.parametrize("run", [8, 16, 24, 64])
def test_words_below_are_as_defined(device, run):
    """Bounds that reject nothing and nearly half; runs that change within a block and within a block of threads."""
    masks = [2**32 - 1, 2**31 - 1, 2**18 - 1, 0, 2**29 - 1]
    bounds = [2**32 - 1, 2**30 + 1, 2**17 + 1, 1, 2**29 - 5]
    first, start = 2**32 - 200, int.from_bytes(NONCE[2:4], "little")
    got, attempts = words_below(device, bounds, masks, run, 150, first), 0
    for i, value in enumerate(got):
        k, attempt = i // run % len(bounds), 0
        while True:
            nonce = NONCE[:2] + (start + attempt).to_bytes(2, "little") + NONCE[4:]
            word = int.from_bytes(openssl(KEY, nonce, first + i // 16, 1)[4 * (i % 16) :][:4], "little") & masks[k]
            if word < bounds[k]:
                break
            attempt += 1
        assert value == word
        attempts = max(attempts, attempt)
    assert attempts > 5


@pytest.mark.parametrize("run", [1, 3, 16, 2**63 + 999, 2**64 - 1])
def test_selection_words_are_as_defined(device, run):
    """Runs that begin anew within a block; and of 2**63 + 999 places, for which nearly half are rejected."""
    first, start, blocks, attempts = 2**32 - 200, int.from_bytes(NONCE[2:4], "little"), 130, 0
    out, secret = device.empty(16 * blocks, np.uint32), device.native.Secret(KEY)
    device.native.selection_words(device.stream, out, secret, NONCE, first, blocks, run)
    for element, got in enumerate(_devices.to_host(out).reshape(-1, 4)):
        left, attempt = run - element % run, 0
        while True:
            nonce = NONCE[:2] + (start + attempt).to_bytes(2, "little") + NONCE[4:]
            drawn = openssl(KEY, nonce, first + element // 4, 1)[16 * (element % 4) :][:16]
            if int.from_bytes(drawn[:8], "little") * left % 2**64 >= 2**64 % left:
                break
            attempt += 1
        assert got.astype("<u4").tobytes() == drawn
        attempts = max(attempts, attempt)
    assert (attempts > 3) == (run == 2**63 + 999)


def test_launches_are_counted(device):
    before = device.native.launch_counts()
    chacha20(device, KEY, NONCE, 0, 1)
    uniform_below(device, 10, 1)
    chacha20(device, KEY, NONCE, 0, 0)  # nothing to do, nothing launched
    after = device.native.launch_counts()
    for name in ("chacha20", "uniform_below"):
        assert after[name] == before.get(name, 0) + 1


def test_bindings_refuse_what_does_not_fit(device):
    native, stream, out = device.native, device.stream, device.empty(32, np.uint32)
    with pytest.raises(ParameterError, match=r"2\*\*32 blocks"):
        native.chacha20(stream, out, native.Secret(KEY), NONCE, 2**32 - 1, 2)
    with pytest.raises(ParameterError, match="32 elements was given where 48"):
        native.chacha20(stream, out, native.Secret(KEY), NONCE, 0, 3)
    with pytest.raises(ParameterError, match="key of 32 bytes and a nonce of 12, not of 31 and 12"):
        native.chacha20(stream, out, native.Secret(KEY[1:]), NONCE, 0, 1)
    with pytest.raises(ParameterError, match="513 bits does not fit 1 blocks"):
        native.uniform_below(stream, out, out, native.Secret(KEY), NONCE, 0, 1, 1, 513)
    for first, blocks, count, run, said in [
        (2**32 - 1, 2, 1, 8, r"2\*\*32 blocks"),
        (0, 3, 1, 8, "32 elements was given where 48"),
        (0, 2, 33, 8, "32 elements was given where 33"),
        (0, 2, 0, 8, "at least one bound"),
        (0, 2, 1, 12, "a multiple of eight, not 1 for runs of 12"),
        (0, 2, 1, 0, "not 1 for runs of 0"),
    ]:
        with pytest.raises(ParameterError, match=said):
            native.words_below(stream, out, out, out, native.Secret(KEY), NONCE, first, blocks, count, run)
    for first, blocks, run, said in [
        (2**32 - 1, 2, 8, r"2\*\*32 blocks"),
        (0, 3, 8, "32 elements was given where 48"),
        (0, 2, 0, "at least one place"),
    ]:
        with pytest.raises(ParameterError, match=said):
            native.selection_words(stream, out, native.Secret(KEY), NONCE, first, blocks, run)


def test_secrets_are_not_shown(device):
    secret = device.native.Secret(b"a secret of some length")
    assert "secret of" not in repr(secret)
    with pytest.raises(ParameterError, match="made from bytes, not str") as caught:
        device.native.Secret("another secret")
    assert "another" not in str(caught.value)
    with pytest.raises(TypeError) as refused:
        device.native.chacha20(device.stream, 1, secret, NONCE, "one", 1)
    assert "a secret" not in str(refused.value)
