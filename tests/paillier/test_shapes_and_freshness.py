"""Shapes of ciphertext arrays are numpy's; an array knows whether it may leave as it stands."""

import numpy as np
import pytest

import hepy
from hepy import paillier
from hepy.errors import ParameterError

TABLE = np.arange(-12, 12).reshape(2, 3, 4)


@pytest.fixture
def x(device, key):
    return key.public_key.encrypt(TABLE)


@pytest.mark.parametrize(
    "index",
    [0, -1, (1, 2, 3), ..., None, np.s_[::-1], np.s_[:, ::2, 1:], [1, 0], TABLE > 0, np.s_[..., [0, 3]], np.s_[:0]],
    ids=repr,
)
def test_indexing_is_numpys(x, key, index):
    assert np.array_equal(key.decrypt(x[index]), TABLE[index])
    assert x[index].shape == np.shape(TABLE[index])


def test_reshaping_is_numpys(x, key):
    for got, expected in (
        (x.T, TABLE.T), (x.reshape(6, 4), TABLE.reshape(6, 4)), (x.reshape((4, -1)), TABLE.reshape(4, -1)),
        (x.ravel(), TABLE.ravel()), (x.transpose(1, 0, 2), TABLE.transpose(1, 0, 2)),
    ):  # fmt: skip
        assert np.array_equal(key.decrypt(got), expected)
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3, 4), 3, 24, 2)
    assert [key.decrypt(row).tolist() for row in x] == TABLE.tolist()


def test_a_single_number(device, key):
    x = key.public_key.encrypt(7)
    assert x.shape == ()
    assert key.decrypt(x * 2 + 1).item() == 15
    assert key.decrypt(x + np.arange(3)).tolist() == [7, 8, 9]
    with pytest.raises(TypeError, match="no length"):
        len(x)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_empty_arrays(device, key, shape):
    x = key.public_key.encrypt(np.zeros(shape))
    for made in (x, x + 1, 2 * x, -x, x.rerandomize(), x - x):
        assert key.decrypt(made).shape == shape
    assert key.decrypt(x.sum()) == 0
    assert key.decrypt(x.segment_sum(np.zeros(shape, int), 2)).tolist() == [0, 0]


def test_joining(x, key):
    y = x[:1] * 2
    joined = paillier.concatenate([x, y])
    assert np.array_equal(key.decrypt(joined), np.concatenate([TABLE, TABLE[:1] * 2]))
    assert np.array_equal(key.decrypt(paillier.concatenate([x, x], axis=-1)), np.concatenate([TABLE, TABLE], axis=-1))
    assert np.array_equal(key.decrypt(paillier.stack([x, -x], axis=1)), np.stack([TABLE, -TABLE], axis=1))


def test_joined_scales_align(x, key):
    halves = key.public_key.encrypt(TABLE / 2, scale_bits=3)
    joined = paillier.stack([x, halves])
    assert joined.scale_bits == 3
    assert np.array_equal(key.decrypt(joined), np.stack([TABLE, TABLE / 2]))
    assert joined.account.bound == max(x.account.bound << 3, halves.account.bound)


def test_what_cannot_be_joined(x, key, other_key):
    with pytest.raises(ParameterError, match="nothing to join"):
        paillier.concatenate([])
    with pytest.raises(ParameterError, match="not ndarray: encrypt it first"):
        paillier.concatenate([x, TABLE])
    with pytest.raises(ParameterError, match="cannot be joined"):
        paillier.concatenate([x, x[0]])
    with pytest.raises(hepy.KeyMismatchError, match="different keys"):
        paillier.stack([x, other_key.public_key.encrypt(TABLE)])


def test_fresh_is_what_nothing_was_computed_from(x):
    assert x.fresh
    for made in (x + 1, 2 * x, -x, x - x, x.sum(), x.cumsum(), x @ np.ones(4, int), x + x):
        assert not made.fresh
        assert made.rerandomize().fresh
    for made in (x[0], x[::-1], x.T, x.reshape(-1), x.ravel(), x[[1, 0]], +x, x.to(x.device)):
        assert made.fresh


def test_repeated_ciphertexts_are_not_fresh(x):
    assert not x[[0, 0]].fresh
    assert not x[:, [2, 1, 2]].fresh
    assert not paillier.concatenate([x, x]).fresh
    assert not paillier.concatenate([x, x[0:1]]).fresh
    assert x[[0, 0]].rerandomize().fresh


def test_repetition_is_found_through_joins_and_moves(x, key, device):
    y = key.public_key.encrypt(TABLE)
    joined = paillier.concatenate([x, y])
    assert not paillier.concatenate([joined, y[1:]]).fresh
    assert not paillier.stack([joined.T, paillier.concatenate([y, key.public_key.encrypt(TABLE)]).T]).fresh
    elsewhere = x.to("emulator" if device == "cpu" and "emulator" in hepy.devices() else device)
    assert elsewhere.fresh
    assert not paillier.concatenate([x, elsewhere.to(x.device)]).fresh
    assert paillier.concatenate([joined, key.public_key.encrypt(TABLE)]).fresh


def test_joining_keeps_what_is_fresh(x, key):
    y = key.public_key.encrypt(TABLE)
    assert paillier.concatenate([x, y]).fresh
    assert not paillier.concatenate([x, y + 1]).fresh
    assert not paillier.concatenate([x, key.public_key.encrypt(TABLE / 1, scale_bits=1)]).fresh


def test_rerandomizing_changes_every_ciphertext_and_no_plaintext(device, any_key):
    x = any_key.public_key.encrypt(np.arange(6).reshape(2, 3))
    y = x.rerandomize()
    assert y.fresh
    assert np.array_equal(any_key.decrypt(y), any_key.decrypt(x))
    assert not (x.residues.to_ints() == y.residues.to_ints()).any()
    assert y.account == x.account


def test_zero_is_plain_to_see_until_it_is_rerandomized(device, any_key):
    """Why freshness matters: differences, zero multiples and empty bins are the ciphertext 1."""
    x = any_key.public_key.encrypt([5, 6])
    for zero in (x - x, 0 * x, x.segment_sum([0, 0], 3)[1:]):
        assert zero.residues.to_ints().tolist() == [1, 1]
        assert not zero.fresh
        hidden = zero.rerandomize()
        assert not set(hidden.residues.to_ints().tolist()) & {1}
        assert any_key.decrypt(hidden).tolist() == [0, 0]


def test_two_encryptions_differ(device, any_key):
    once, again = (any_key.public_key.encrypt([1, 1, 1]).residues.to_ints().tolist() for _ in range(2))
    assert len({*once, *again}) == 6
