"""Encodings of plaintexts within a device's memory: which of them give way, and that results do not depend on it."""

import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy._devices import residency

PARAMETERS = ckks.Parameters(log_n=8, depth=2, scale_bits=40, security=None)
COUNT = 8


def move_out(device):
    """Keys, and encodings of other tests."""
    while residency.make_room(device, 1 << 60):
        pass


@pytest.fixture
def owner(emulator, seed):
    made = ckks.Context(PARAMETERS, seed=seed("keys"))
    move_out(emulator)
    return made


@pytest.fixture
def weights(owner):
    return [owner.encode(np.arange(16) + k, bound=32) for k in range(COUNT)]


def encoding_bytes():
    return 4 * 256 * len(PARAMETERS.primes(2))


def there(weights):
    """Which plaintexts have an encoding."""
    return [k for k, each in enumerate(weights) if each.nbytes]


def test_those_not_used_for_longest_go_first(emulator, owner, weights, seed):
    x = owner.encrypt(np.ones(16), seed=seed("x"))
    assert there(weights) == list(range(COUNT))
    kept = x * weights[0] + weights[2]
    free = emulator.free_bytes()
    for gone, expected in [(1, [0, 2, 3, 4, 5, 6, 7]), (3, [0, 2, 5, 6, 7])]:
        assert residency.make_room(emulator, free + gone * encoding_bytes())
        assert there(weights) == expected
        assert emulator.free_bytes() == free + gone * encoding_bytes()
    assert residency.make_room(emulator, free + 6 * encoding_bytes())
    assert there(weights) == [0, 2]
    assert np.allclose(owner.decrypt(kept), np.arange(16) + np.arange(2, 18))


def test_more_encodings_than_fit(emulator, owner, weights, memory, seed):
    x = owner.encrypt(np.ones(16), seed=seed("x"))
    with hepy.device("cpu"):
        want = [(x.to("cpu") * each).digest() for each in weights]
    move_out(emulator)
    assert all(each.nbytes == encoding_bytes() for each in weights)  # the host's
    memory(7 * encoding_bytes())
    most = 0
    for _ in range(2):
        for each, digest in zip(weights, want, strict=True):
            assert (x * each).digest() == digest
            most = max(most, sum(each.nbytes for each in weights) // encoding_bytes() - COUNT)
    assert 0 < most < COUNT


def test_one_that_is_used_stays_in_use(emulator, owner, weights, memory, seed):
    """Its encoding is dropped while the product is made, which has it until it is done."""
    x = owner.encrypt(np.ones((4, 16)), seed=seed("x"))
    want = (x * weights[3]).digest()
    memory(x._parts.nbytes + 2 * encoding_bytes())
    for _ in range(3):
        assert (x * weights[3]).digest() == want


def test_plaintexts_on_two_devices(owner, weights, seed):
    x = owner.encrypt(np.ones(16), seed=seed("x"))
    product = (x * weights[0]).digest()
    other = (x.to("emulator:1") * weights[0]).digest()
    assert other == product and weights[0].nbytes == 2 * encoding_bytes()
    with hepy.device("emulator:1") as second:
        assert weights[0].shrink(second) and not weights[0].shrink(second) and not weights[0].move_out(second)
    assert weights[0].nbytes == encoding_bytes()
    assert (x * weights[0]).digest() == product
