"""Overflow is foreseen from accounts, before any work and without decrypting."""

import numpy as np
import pytest

from hepy import paillier
from hepy.errors import EncodingOverflowError
from hepy.paillier.encoding import Numbers


@pytest.fixture
def n(key):
    return key.public_key.n


def test_headroom_counts_doublings(key, n):
    x = key.public_key.encrypt([1], value_bits=8)
    assert x.headroom_bits == ((n // 3) // 255).bit_length() - 1
    assert (x + x).headroom_bits == x.headroom_bits - 1
    assert (x * np.int8(1)).headroom_bits == x.headroom_bits - 7
    assert x.sum().headroom_bits == x.headroom_bits
    assert "headroom_bits=" in repr(x)


@pytest.mark.parametrize("bound", [1, 2, 255, 2**100])
def test_headroom_is_the_number_of_doublings_that_do_not_raise(n, bound):
    doublings = Numbers(0, bound).headroom_bits(n)
    Numbers(0, bound).shifted(doublings).within(n, "doubling")
    with pytest.raises(EncodingOverflowError):
        Numbers(0, bound).shifted(doublings + 1).within(n, "doubling")


def test_the_whole_promised_range_is_usable(device, key, n):
    """The largest declared bound, its extremes, and the sum that just fits a third of n."""
    bits = (n // 3).bit_length() - 1
    edge = 2**bits - 1
    x = key.public_key.encrypt([edge, -edge], value_bits=bits)
    assert x.headroom_bits == 0
    assert key.decrypt(x).tolist() == [edge, -edge]
    with pytest.raises(EncodingOverflowError, match="the sum could reach encodings of"):
        x + x


OVERFLOWS = {
    "encrypting": lambda x, _: x.public_key.encrypt([1], value_bits=511),
    "the sum": lambda x, finer: x + finer,
    "the difference": lambda x, finer: x - finer,
    "the product": lambda x, _: x * 2,
    "the product with a matrix": lambda x, _: x @ [[1], [1]],
    "the sum of 2 elements": lambda x, _: x.sum(),
    "the running sum of 2 elements": lambda x, _: x.cumsum(),
    "a segment's sum of 2 elements": lambda x, _: x.segment_sum([0, 0], 1),
    "aligning scales": lambda x, finer: paillier.concatenate([x, finer]),
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_what_could_overflow_raises_before_it_works(device, key, n, name, monkeypatch):
    x = key.public_key.encrypt([3, 4], value_bits=(n // 3).bit_length() - 1)
    finer = key.public_key.encrypt([0.5, 0.5], scale_bits=6, value_bits=8)
    before = x.residues.to_ints().tolist()
    kernels = type(x.residues._kernels)
    for leaf in ("multiply", "power", "power_vartime", "segment_product", "prefix_product", "inverse"):
        monkeypatch.setattr(kernels, leaf, lambda *arguments: pytest.fail("worked before it checked"))
    with pytest.raises(EncodingOverflowError, match=f"{name} could reach") as caught:
        OVERFLOWS[name](x, finer)
    message = str(caught.value)
    assert "value_bits=" in message
    assert "scale_bits=" in message
    assert "larger key" in message
    monkeypatch.undo()
    assert x.residues.to_ints().tolist() == before


def test_overflow_does_not_depend_on_values(key):
    with pytest.raises(EncodingOverflowError):
        key.public_key.encrypt([0], value_bits=511)
    x = key.public_key.encrypt([0.0] * 4)
    products = x * 0.0 * 0.0 * 0.0
    with pytest.raises(EncodingOverflowError, match="the product could reach encodings of 521 bits"):
        products * 0.0


def test_overflow_is_the_builtin_too(key):
    with pytest.raises(OverflowError):
        key.public_key.encrypt([1], value_bits=511)
