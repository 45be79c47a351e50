"""Squeezed ciphertexts: decryption gives what went in, place by place, or an error says why not."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hepy
from hepy import paillier
from hepy.errors import EncodingOverflowError, KeyMismatchError, ParameterError, ScaleMismatchError
from hepy.paillier.encoding import Numbers
from hepy.paillier.packing import Fields
from hepy.paillier.squeezing import Squeezed


def restored(values, x):
    """What decryption of a squeezed array gives, in the shape of the array that was squeezed."""
    length = x.shape[-1]
    joined = values.reshape(*values.shape[:-2], -1)
    assert not joined[..., length:].any()
    return joined[..., :length]


def test_numbers_come_back_place_by_place(device, any_key):
    values = np.array([5, -255, 0, 255, -1, 77, 12])
    x = any_key.public_key.encrypt(values, value_bits=8)
    y = x.squeeze_pack(3)
    assert (y.shape, y.squeezed, y.packed, y.fresh) == ((3,), True, False, False)
    assert any_key.decrypt(y).tolist() == [[5, -255, 0], [255, -1, 77], [12, 0, 0]]


def test_the_plaintext_is_the_sum_of_lifted_places(key):
    """By the definition: (e + B) 2^(9 j), in Python's integers."""
    y = key.public_key.encrypt([5, -255, 7], value_bits=8).squeeze_pack()
    raw = key.decrypt(paillier.CiphertextArray(key.public_key, y.residues, Numbers(0, key.public_key.n // 3)))
    assert raw.tolist() == [(5 + 255) + (-255 + 255 << 9) + (7 + 255 << 18)]
    assert y.account == Squeezed(Numbers(0, 255), 3)
    assert y.account.stride == 9


def test_as_many_as_the_key_holds(key):
    x = key.public_key.encrypt(np.arange(-60, 60), value_bits=8)
    assert x.squeeze_pack().shape == (3,)  # (512 - 2) // 9 = 56 to a ciphertext
    assert x.squeeze_pack(56).account.slots == 56
    with pytest.raises(EncodingOverflowError, match="57 places of 9 bits each do not fit a key of 512 bits, which has"):
        x.squeeze_pack(57)
    assert np.array_equal(restored(key.decrypt(x.squeeze_pack()), x), np.arange(-60, 60))
    assert x[:5].squeeze_pack().account.slots == 5


@pytest.mark.parametrize("value", [255, -255])
def test_every_place_at_its_edge(key, value):
    x = key.public_key.encrypt(np.full(56, value), value_bits=8)
    assert key.decrypt(x.squeeze_pack()).tolist() == [[value] * 56]


@given(st.data())
def test_any_array_comes_back(key, data):
    bits = data.draw(st.sampled_from([1, 2, 7, 63, 64, 100, 507]))
    shape = data.draw(st.sampled_from([(1,), (5,), (2, 3), (3, 1, 2)]))
    edge = (1 << bits) - 1
    size = math.prod(shape)
    flat = data.draw(st.lists(st.integers(-edge, edge), min_size=size, max_size=size))
    values = np.array(flat, dtype=object).reshape(shape)
    x = key.public_key.encrypt(values, value_bits=bits)
    most = 510 // (bits + 1)
    slots = data.draw(st.one_of(st.none(), st.integers(1, min(most, 7))))
    y = x.squeeze_pack(slots)
    assert restored(key.decrypt(y), x).tolist() == values.tolist()
    assert restored(key.decrypt(y, raw=True), x).tolist() == values.tolist()


def test_floats_keep_their_scale(key):
    values = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]])
    x = key.public_key.encrypt(values, scale_bits=8, value_bits=20)
    y = (2 * x).squeeze_pack()
    assert y.scale_bits == 8
    assert restored(key.decrypt(y), x).tolist() == (2 * values).tolist()
    assert key.decrypt(y).dtype == np.float64


def test_packed_sums_come_back_with_their_own_counts(device, any_key):
    g, h = np.array([0.5, -0.25, 1.0, -2.0, 0.75]), np.array([1, -2, 3, 4, -5])
    p = paillier.pack(g, h, field_bits=(24, 12), scale_bits=(8, 0), value_bits=(10, 4), count_bits=8)
    sums = any_key.public_key.encrypt(p).segment_sum([0, 2, 0, 4, 4], 5)  # bins 1 and 3 are empty
    y = sums.squeeze_pack()
    assert y.account.item == sums.account
    assert y.account.stride == 24 + 12 + 3  # five biases need three bits, whatever the count field has
    plain = any_key.decrypt(y)
    assert isinstance(plain, paillier.Packed)
    parts = [restored(part, sums).tolist() for part in paillier.unpack(plain)]
    assert parts == [[1.5, 0.0, -0.25, 0.0, -1.25], [4, 0, -2, 0, -1]]
    assert any_key.decrypt(y, raw=True).shape == plain.shape == (1, 5)


def test_differences_and_factors_of_packed_records(key):
    p = paillier.pack([3, -1], [7, 2], field_bits=(20, 20), value_bits=(8, 8), count_bits=8)
    x = key.public_key.encrypt(p)
    y = (5 * (x - x[::-1])).squeeze_pack()
    assert [part.tolist() for part in paillier.unpack(key.decrypt(y))] == [[[20, -20]], [[25, -25]]]


def test_the_fullest_records_do_not_meet(key):
    """Fields and counts at their very edge, in places next to each other."""
    p = paillier.pack([255, -255], [-255, 255], field_bits=(11, 11), value_bits=(8, 8), count_bits=4)
    y = (key.public_key.encrypt(p) * 4).squeeze_pack()
    assert y.account.stride == 11 + 11 + 3
    assert [part.tolist() for part in paillier.unpack(key.decrypt(y))] == [[[1020, -1020]], [[-1020, 1020]]]


def test_shapes_and_joins_are_those_of_arrays(key):
    values = np.arange(12).reshape(2, 6)
    x = key.public_key.encrypt(values, value_bits=8)
    y = x.squeeze_pack(3)
    assert y.shape == (2, 2)
    assert key.decrypt(y[1]).tolist() == [[6, 7, 8], [9, 10, 11]]
    assert key.decrypt(y.T.ravel()).tolist() == [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]]
    assert key.decrypt(paillier.concatenate([y[0], y[1, :1]])).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.raises(ScaleMismatchError, match="as many places"):
        paillier.concatenate([y.ravel(), x.ravel().squeeze_pack(2)])
    with pytest.raises(ScaleMismatchError, match="as many places"):
        paillier.concatenate([y.ravel(), x.ravel()])
    assert x[:, :0].squeeze_pack().shape == (2, 0)
    assert key.decrypt(x[:, :0].squeeze_pack()).shape == (2, 0, 1)


def test_they_travel(key):
    x = key.public_key.encrypt(np.arange(5), value_bits=8)
    packed = key.public_key.encrypt(paillier.pack([1, 2], [3, 4], field_bits=(12, 12), value_bits=(8, 8)))
    for y in (x.squeeze_pack(2), packed.squeeze_pack()):
        sent = y.rerandomize()
        assert sent.fresh
        loaded = hepy.loads(hepy.dumps(sent), key.public_key)
        assert loaded.account == y.account
        assert loaded.digest() == sent.digest()
        assert pickle.loads(pickle.dumps(y)).digest() == y.digest()  # noqa: S301
        assert key.decrypt(loaded, raw=True).tolist() == key.decrypt(y, raw=True).tolist()
        assert hepy.loads(hepy.dumps(y), key).digest() != y.digest()  # it was not fresh
        assert hepy.describe(y).parameters["slots"] == 2
        assert "how many values each may hold" in hepy.describe(y).reveals[0]


def test_nothing_is_computed_with_them(key, other_key):
    x = key.public_key.encrypt([1, 2, 3], value_bits=8)
    y = x.squeeze_pack()
    p = paillier.pack([1], field_bits=(12,), value_bits=(8,))
    for wrong in (
        lambda: y + 1, lambda: 1 - y, lambda: y + x, lambda: x + y, lambda: y - y, lambda: -y, lambda: 2 * y,
        lambda: y @ [[1]], lambda: y.sum(), lambda: y.cumsum(), lambda: y.segment_sum([0], 1), lambda: y + p,
        lambda: p - y, lambda: key.public_key.encrypt(p) - y, lambda: y - key.public_key.encrypt(p),
        lambda: y.squeeze_pack(), lambda: paillier.concatenate([x, y]),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=r"squeeze_pack\(\) comes last"):
            wrong()
    assert y.headroom_bits == 0
    assert "slots=3, scale_bits=0" in repr(y)
    with pytest.raises(KeyMismatchError):
        other_key.decrypt(y)


@pytest.mark.parametrize("slots", [0, -1, 1.5, "2", True, [2]])
def test_slots_that_are_no_number(key, slots):
    with pytest.raises(ParameterError, match="slots is a whole number from 1 on"):
        key.public_key.encrypt([1, 2]).squeeze_pack(slots)


def test_arrays_that_cannot_be_squeezed(key):
    with pytest.raises(ParameterError, match="no axis"):
        key.public_key.encrypt(5).squeeze_pack()
    with pytest.raises(EncodingOverflowError, match="has room for 0"):
        key.public_key.encrypt([5], value_bits=509).add([5], value_bits=507).squeeze_pack()


def test_a_ciphertext_that_breaks_its_account_is_found_out(key):
    public = key.public_key
    account = Squeezed(Numbers(0, 255), 3)
    fields = Squeezed(Fields((12, 12), (0, 0), (8, 8), 4, 3, 3), 2)
    for plain, claimed, message in (
        (1 << 27, account, "exceeds its 3 places"),
        (511 << 9, account, r"at index \(0, 1\) lies outside the bound of 8 bits"),
        (1 << 52, fields, "exceeds its 2 places"),
    ):
        forged = paillier.CiphertextArray(public, public.embed([plain]), claimed)
        with pytest.raises(EncodingOverflowError, match=message):
            key.decrypt(forged)
