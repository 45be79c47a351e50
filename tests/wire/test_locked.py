"""Ciphertexts without their key: described, kept, forwarded, unlocked, and nothing else."""

import copy
import pickle

import numpy as np
import pytest

import hepy
from hepy import paillier
from hepy.wire import LockedCiphertexts


@pytest.fixture
def x(djn):
    return djn.encrypt(np.arange(6).reshape(2, 3), scale_bits=3, value_bits=20)


@pytest.fixture
def locked(x):
    return hepy.loads(hepy.dumps(x))


def test_what_can_be_said(x, djn, locked):
    assert isinstance(locked, LockedCiphertexts)
    assert (locked.kind, locked.shape, locked.fingerprint) == ("paillier.ciphertexts", (2, 3), djn.fingerprint)
    assert (locked.account, locked.bits, locked.variant) == (x.account, 256, "djn")
    assert locked.header.shape == (2, 3)
    assert locked.digest() == hepy.digest(locked) == x.digest()
    assert locked.message == hepy.dumps(x)
    assert hepy.describe(locked) == hepy.describe(hepy.dumps(x)) == hepy.describe(x)
    assert repr(locked) == (
        f"LockedCiphertexts('paillier.ciphertexts', shape=(2, 3), bytes={len(locked.message)}, "
        f"key='{djn.fingerprint[:16]}')"
    )


def test_unlocking(x, djn, locked, keys):
    for key in (djn, djn.public_key):
        y = locked.unlock(key)
        assert (y.digest(), y.fresh) == (x.digest(), False)
    with pytest.raises(hepy.KeyMismatchError):
        locked.unlock(keys("classic"))


uses = {
    "add": lambda x, key: x + 1,
    "add from the left": lambda x, key: 1 + x,
    "add an array from the left": lambda x, key: np.arange(3) + x,
    "subtract": lambda x, key: x - x,
    "multiply": lambda x, key: 2 * x,
    "matmul": lambda x, key: x @ [1, 2, 3],
    "matmul from the left": lambda x, key: np.ones((2, 2)) @ x,
    "negate": lambda x, key: -x,
    "index": lambda x, key: x[0],
    "length": lambda x, key: len(x),
    "iterate": lambda x, key: list(x),
    "sum": lambda x, key: x.sum(),
    "residues": lambda x, key: x.residues,
    "to an array": lambda x, key: np.asarray(x),
    "rerandomize": lambda x, key: x.rerandomize(),
    "decrypt": lambda x, key: key.decrypt(x),
    "dumps": lambda x, key: hepy.dumps(x),
    "dumps as it stands": lambda x, key: hepy.dumps(x, rerandomize=False),
    "transpose": lambda x, key: x.T,
}


@pytest.mark.parametrize("use", uses.values(), ids=uses)
def test_any_use_names_the_missing_key(locked, djn, use):
    with pytest.raises(hepy.MissingKeyError, match=f"{djn.fingerprint} to hepy.loads"):
        use(locked, djn)


def test_saving_names_the_missing_key_and_leaves_no_file(locked, tmp_path):
    with pytest.raises(hepy.MissingKeyError):
        hepy.save(locked, tmp_path / "x.hepy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301
def test_copies_stay_locked(locked, duplicate):
    again = duplicate(locked)
    assert isinstance(again, LockedCiphertexts)
    assert again.digest() == locked.digest()


def test_later_changes_of_a_buffer_do_not_show(x, djn):
    data = bytearray(hepy.dumps(x))
    locked = hepy.loads(data)
    data[:] = bytes(len(data))
    assert locked.unlock(djn).digest() == x.digest()


def test_packed(djn):
    p = paillier.pack([1], [2], field_bits=(20, 20), value_bits=(8, 8))
    x = djn.encrypt(p)
    assert hepy.loads(hepy.dumps(x)).account == x.account
