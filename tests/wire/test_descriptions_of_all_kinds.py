"""hepy.describe of every kind of object: what it is, under which key, and never a secret."""

import numpy as np
import pytest

import hepy
from hepy import ckks, paillier
from hepy.wire import kinds

PLAINTEXT = 123456789012345


@pytest.fixture(scope="module")
def context():
    return ckks.Context(ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None), rotations=(1,))


@pytest.fixture
def objects(djn, context, tmp_path):
    """By name: the kind, what is described, and the fingerprint of its key."""
    public, f = djn.public_key, djn.fingerprint
    x = public.encrypt([PLAINTEXT, 2], value_bits=60)
    z = context.encrypt([1.5, 2.5])
    packed = public.encrypt(paillier.pack([PLAINTEXT], field_bits=(60,), value_bits=(50,)))
    public.pool(3, tmp_path / "a.pool")
    (chunk,) = hepy.dump_chunks(x)
    return {
        "public key": ("paillier.public_key", public, f),
        "private key": ("paillier.private_key", djn, f),
        "its message": ("paillier.private_key", hepy.dumps(djn, unencrypted=True), f),
        "proof": ("paillier.proof", djn.prove("context"), f),
        "ciphertexts": ("paillier.ciphertexts", x, f),
        "computed": ("paillier.ciphertexts", x + x, f),
        "packed": ("paillier.ciphertexts", packed, f),
        "squeezed": ("paillier.ciphertexts", x.squeeze_pack(), f),
        "without their key": ("paillier.ciphertexts", hepy.loads(hepy.dumps(x)), f),
        "chunk": ("paillier.ciphertexts", chunk, f),
        "chunk without its key": ("paillier.ciphertexts", next(hepy.load_chunks([chunk])), f),
        "pool": ("paillier.pool", public.pool(3), f),
        "file of a pool": ("paillier.pool", tmp_path / "a.pool", f),
        "open pool": ("paillier.pool", public.open_pool(tmp_path / "a.pool"), f),
        "context": ("ckks.context", context, context.fingerprint),
        "public context": ("ckks.public_context", context.public(), context.fingerprint),
        "CKKS ciphertexts": ("ckks.ciphertexts", z, context.fingerprint),
        "CKKS without their key": ("ckks.ciphertexts", hepy.loads(hepy.dumps(z)), context.fingerprint),
    }


def test_every_kind_is_described(objects):
    assert {kind for kind, _, _ in objects.values()} == set(kinds._ALL)
    for name, (kind, what, fingerprint) in objects.items():
        said = hepy.describe(what)
        assert (said.kind, said.fingerprint) == (kind, fingerprint), name
        assert said.parameters, name
        assert said.reveals, name
        assert said.bytes > 100, name
        assert str(said).startswith(f"{kind}, {said.bytes} bytes"), name


def test_no_description_has_a_secret(objects, djn):
    secret = djn._secret
    numbers = [secret.p, secret.q, PLAINTEXT]
    pool = objects["pool"][1]
    numbers += [int(c) for c in pool._residues.to_ints()]
    for _, what, _ in objects.values():
        text = f"{hepy.describe(what)} {hepy.describe(what).as_dict()}"
        for number in numbers:
            assert str(number) not in text
            assert f"{number:x}" not in text
        assert len(text) < 4000


def test_chunks_say_where_they_belong(djn):
    x = djn.encrypt(np.arange(100), value_bits=8)
    stream = list(hepy.dump_chunks(x, max_bytes=4000))
    said = [hepy.describe(message).parameters for message in stream]
    assert [(one["chunk"], one["last"]) for one in said] == [(i, i == len(stream) - 1) for i in range(len(stream))]
    assert sum(one["shape"][0] for one in said) == 100
