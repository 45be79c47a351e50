"""A device's memory runs out in the middle of an operation: an error that helps, nothing lost, and a second try that works."""

import gc
import re

import numpy as np
import pytest

import hepy
from hepy import ckks, options
from hepy._devices import residency

PARAMETERS = ckks.Parameters(log_n=8, depth=2, scale_bits=40, security=None)
VALUES = np.arange(48).reshape(3, 16) / 48


def move_out(device):
    """All keys, also those of other tests."""
    while residency.make_room(device, 1 << 60):
        pass


@pytest.fixture
def owner(emulator, seed):
    return ckks.Context(PARAMETERS, rotations=(1, 2), shared_budget=10, seed=seed("keys"))


@pytest.fixture
def server(owner):
    owner.keys.make(relinearization=True)
    return hepy.loads(hepy.dumps(owner.public()))


def encrypt(owner, server, x, seed):
    return owner.encrypt(VALUES, seed=seed)


def encrypt_publicly(owner, server, x, seed):
    return server.encrypt(VALUES, seed=seed)


def multiply(owner, server, x, seed):
    return x * x


def multiply_by_a_plaintext(owner, server, x, seed):
    return x * VALUES + 1


def rotate(owner, server, x, seed):
    return ckks.stack(x.rotate([1, 2]))


def add(owner, server, x, seed):
    return (x + x[::-1]).sum(0)


def align(owner, server, x, seed):
    return x.to_level(0)


def rerandomize(owner, server, x, seed):
    return x.rerandomize(seed=seed)


def receive(owner, server, x, seed):
    return hepy.loads(hepy.dumps(x, rerandomize=False), server)


def make_a_key(owner, server, x, seed):
    return ckks.Context(PARAMETERS, rotations=(1,), seed=seed).public()


def compiled(owner, server, x, seed):
    return ckks.compile(lambda y: (y * y).rotate(1) * VALUES)(x)


OPERATIONS = [
    encrypt, encrypt_publicly, multiply, multiply_by_a_plaintext, rotate, add, align, rerandomize, receive, make_a_key, compiled
]  # fmt: skip


def place(error):
    """File and line of the allocation that failed, the innermost of rings and schemes."""
    found, trace = None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if re.search(r"hepy/(ring|ckks|random)", name) and trace.tb_frame.f_code.co_name != "empty":
            found = name, trace.tb_lineno
        trace = trace.tb_next
    return found


def attempt(work):
    """Its result, or what the error said and where it was; the error itself would hold arrays."""
    try:
        return work(), None, None
    except MemoryError as error:  # what a caller would expect
        return None, str(error), place(error)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_every_allocation_may_fail(emulator, owner, server, seed, operation):
    native, index = emulator.native, emulator.index
    x = server.encrypt(VALUES, seed=seed("x"))
    before, once = x.digest(), seed("once")
    want = operation(owner, server, x, once).digest()  # caches are filled from here on
    gc.collect()
    limit = native.memory_limit(index)
    places, succeeded = set(), False
    try:
        for free in np.geomspace(1 << 11, 1 << 20, 13):
            move_out(emulator)
            used = native.memory_used(index)
            native.set_memory_limit(index, used + int(free))
            got, said, where = attempt(lambda: operation(owner, server, x, once).digest())
            if said is None:
                assert got == want
                succeeded = True
            else:
                places.add(where)
                needed, left = map(int, re.search(r"^(\d+) bytes .*?(\d+) are free", said).groups())
                assert needed > left and re.search(r"free arrays|in smaller pieces", said)
                assert not succeeded
            native.set_memory_limit(index, limit)
            move_out(emulator)
            assert native.memory_used(index) == used
    finally:
        native.set_memory_limit(index, limit)
    assert succeeded and len(places) >= 2
    assert x.digest() == before and operation(owner, server, x, once).digest() == want


def test_decryption_may_fail(emulator, owner, server, seed):
    x = server.encrypt(VALUES, seed=seed("x"))
    want = owner.decrypt(x).tolist()
    native, limit = emulator.native, emulator.native.memory_limit(0)
    move_out(emulator)
    native.set_memory_limit(0, native.memory_used(0) + 6000)
    try:
        with pytest.raises(
            hepy.DeviceOutOfMemoryError, match=r"\d+ bytes are needed on 'emulator' and \d+ are free: free arrays"
        ):
            owner.decrypt(x)
    finally:
        native.set_memory_limit(0, limit)
    assert owner.decrypt(x).tolist() == want


def test_a_shared_decryption_that_fails_may_be_repeated(emulator, seed):
    """The budget is spent once for a ciphertext, and the noise is the same."""
    parameters = ckks.Parameters(log_n=8, depth=0, scale_bits=60, security=None)
    owner = ckks.Context(parameters, shared_budget=10, seed=seed("keys"))
    plan = ckks.plan(lambda x: x, parameters, [ckks.Input(shape=(16,), symmetric=True)])
    x = owner.encrypt(VALUES[0], seed=seed("x"))
    native, limit = emulator.native, emulator.native.memory_limit(0)
    want, left = owner.decrypt(x, shared=True, plan=plan).tolist(), owner.shared_left
    move_out(emulator)
    native.set_memory_limit(0, native.memory_used(0) + 9000)
    try:
        with pytest.raises(hepy.DeviceOutOfMemoryError):
            owner.decrypt(x, shared=True, plan=plan)
    finally:
        native.set_memory_limit(0, limit)
    assert owner.shared_left == left
    assert owner.decrypt(x, shared=True, plan=plan).tolist() == want


def test_the_setting_that_is_in_the_way_is_named(emulator, owner, server, seed, monkeypatch):
    x = server.encrypt(VALUES, seed=seed("x"))
    move_out(emulator)
    monkeypatch.setattr(options, "device_memory", emulator._backend.used_bytes(0) + 5000)
    said = r"\d+ bytes are needed on 'emulator' and options.device_memory=\d+ leaves \d+: raise it, free arrays"
    with pytest.raises(hepy.DeviceOutOfMemoryError, match=said):
        x * x
    monkeypatch.setattr(options, "device_memory", None)
    assert (x * x).level == 1
