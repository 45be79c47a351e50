"""The same seed gives the same bytes on every device, computed by that device's kernels."""

import functools

import numpy as np
import pytest

import hepy
from hepy import _devices, ckks

SEED = bytes(range(32))
VALUES = np.linspace(-1, 1, 24).reshape(3, 8)
PARAMETERS = {
    "toy": ckks.Parameters(log_n=5, depth=3, scale_bits=40, security=None),
    "sparse": ckks.Parameters(log_n=6, depth=2, scale_bits=30, security=None, secret="sparse"),
    "wide": ckks.Parameters(log_n=6, depth=2, scale_bits=60, security=None, digits=2),
}


def seed(number):
    return bytes([number]) * 32


@functools.cache
def messages(name, kind):
    """Every message that a session of two parties sends, by what it is, all made on one device."""
    with _devices.device(name):
        owner = ckks.Context(PARAMETERS[kind], rotations=(1, 3), shared_budget=4, seed=SEED)
        owner.keys.make(relinearization=True, conjugation=True)
        sent = {"context": hepy.dumps(owner.public(conjugation=True))}
        server = hepy.loads(sent["context"])
        sent["owner's"] = hepy.dumps(owner.encrypt(VALUES, seed=seed(1)))
        sent["server's"] = hepy.dumps(server.encrypt(VALUES * 1j, seed=seed(2)))
        x, y = hepy.loads(sent["owner's"], server), hepy.loads(sent["server's"], server)
        computed = {
            "product": x * y,
            "square": (x + y[::-1]).square(),
            "plaintexts": VALUES * x - 1.5 * y + 2,
            "integer": 7 * x,
            "rotations": ckks.stack(y.rotate([1, 3])),
            "conjugate": y.conjugate(),
            "sum": x.sum(0),
            "lower": x.to_level(0),
            "lazy": x.multiply(y, lazy=True),
            "coefficients": server.encrypt(VALUES, in_coefficients=True, seed=seed(3)) * np.ones(8),
        }
        for what, z in computed.items():
            assert z.device == name
            sent[what] = hepy.dumps(z, rerandomize=False)
            sent[what + ", rerandomized"] = hepy.dumps(z, seed=seed(4))
        sent["decrypted"] = owner.decrypt(hepy.loads(sent["product"], owner)).tobytes()
        plan = ckks.plan(lambda a: a, PARAMETERS[kind], [ckks.Input((8,), symmetric=True)])
        if kind == "wide":
            fresh = owner.encrypt(VALUES[0], seed=seed(5))
            sent["shared"] = owner.decrypt(fresh, shared=True, plan=plan, bits=1, statistical_bits=20).tobytes()
        return sent


@pytest.mark.parametrize("kind", PARAMETERS)
def test_messages_are_the_same_bytes(device, kind):
    got, want = messages(device, kind), messages("cpu", kind)
    assert {what for what in want if got[what] != want[what]} == set()
    assert got.keys() == want.keys() and len(want) > 20


@pytest.fixture
def launches(with_kernels):
    """Calls work and returns how often which kernel was launched."""
    here = with_kernels

    def count(work):
        before = here.native.launch_counts()
        work()
        after = here.native.launch_counts()
        changed = (name for name in after if after[name] != before.get(name, 0))
        return {name.removeprefix("ring."): after[name] - before.get(name, 0) for name in changed}

    return count


def test_operations_are_a_few_launches(launches, values):
    """What computed was the device's kernels, and no more of them than the composites have."""
    toy = ckks.Context(ckks.Parameters(log_n=6, depth=3, scale_bits=40, security=None), seed=SEED)
    x = toy.encrypt(values(4, 32))
    (x * x).rotate(1)  # tables and keys are there
    assert launches(lambda: x + x) == {"add": 1}
    product = launches(lambda: x * x)
    assert product["tensor_product"] == product["inner_product"] == 1 and sum(product.values()) <= 9
    assert product.keys() >= {"intt_scaled_keeping", "convert", "ntt", "intt_scaled", "ntt_plus_scaled"}
    turned = launches(lambda: x.rotate(1))
    assert turned["ntt_plus_scaled_turned"] == 1 and "automorphism_ntt" not in turned
    hoisted = launches(lambda: x.rotate([1, 2, 4]))
    assert hoisted["intt_scaled_keeping"] == 1 and hoisted["inner_product"] == 3
    assert launches(lambda: x.to_level(0)).keys() == {"scale", "intt_scaled", "convert", "ntt_plus_scaled"}


def test_objects_keep_their_device(toy, emulator, values):
    """Whichever device is current; a result is where its operands are."""
    x = toy.encrypt(values(2, 8))
    with hepy.device("cpu"):
        y = (x * x + values(8)).rotate(1)
        assert y.device == x.rerandomize().device == x[[1, 0]].device == "emulator"
        assert toy.encrypt(values(8)).device == "cpu"
        assert toy.decrypt(x).shape == (2, 8)
        assert y.to("cpu").digest() == y.digest()
