"""What CKKS leaves in a device's memory: no secret, error, mask or plaintext."""

import gc

import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy._devices import zeroing

PARAMETERS = ckks.Parameters(log_n=6, depth=2, scale_bits=40, security=None)
VALUES, WEIGHTS = np.random.default_rng(1).uniform(-1, 1, (2, 32))


@pytest.fixture
def native(emulator):
    """The emulator, which keeps copies of what becomes free."""
    gc.collect()  # what other tests left
    emulator.native.keep_freed(True)
    emulator.native.take_freed()
    yield emulator.native
    emulator.native.keep_freed(False)
    emulator.native.take_freed()


def work(seed):
    """All that secrets take part in. Returns what nobody may find, by what it is, as bytes."""
    owner = ckks.Context(PARAMETERS, rotations=(1,), seed=seed("keys"))
    x, y = owner.encrypt(VALUES, seed=seed("x")), owner.public().encrypt(VALUES, seed=seed("y"))
    owner.keys.make(relinearization=True)
    assert np.abs(owner.decrypt(x + y * WEIGHTS) - VALUES * (1 + WEIGHTS)).max() < 2.0**-20
    s = owner._secret.secret.to_limbs()[0]
    basis = owner._rings.keys
    secret = basis.coefficients(s.astype(np.int64) - basis.primes[0] * (s > 1)).ntt()
    with hepy.device("cpu"):
        message = owner._phase(x.to("cpu")).to_limbs()
    found = {
        "the secret's coefficients": s,
        "the secret's values": secret.to_limbs()[0],
        "its square": (secret * secret).to_limbs()[0],
        "errors of the encryption key": owner._secret.error.to_limbs()[0],
        "a plaintext with its error": message[0],
        "values": VALUES.astype(np.complex128),
        "weights": WEIGHTS.astype(np.complex128),
    }
    return {name: array.tobytes()[:64] for name, array in found.items()}


def found(wanted, contents):
    everything = b"".join(contents)
    return {name for name, pattern in wanted.items() if pattern in everything}


def test_dropped_memory_tells_no_secret(native, seed):
    wanted = work(seed)  # what its own oracles leave is not looked at
    gc.collect()
    native.take_freed()
    owner = ckks.Context(PARAMETERS, rotations=(1,), seed=seed("keys"))
    x, y = owner.encrypt(VALUES, seed=seed("x")), owner.public().encrypt(VALUES, seed=seed("y"))
    owner.keys.make(relinearization=True)
    owner.decrypt(x + y * WEIGHTS)
    owner.decrypt(x)
    del owner
    gc.collect()
    contents = native.take_freed()
    assert len(contents) > 50
    assert found(wanted, contents) == set()


def test_the_search_finds_secrets_that_are_not_zeroed(native, seed, monkeypatch):
    monkeypatch.setattr(zeroing, "wanted", lambda: False)
    wanted = work(seed)
    gc.collect()
    assert found(wanted, native.take_freed()) == set(wanted)
