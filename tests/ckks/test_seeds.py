"""What may be known from the wire: every draw that can be rebuilt from bytes that are sent, and no secret among them."""

import hashlib
import json

import numpy as np
import pytest

import hepy
from hepy import ckks, random, ring
from hepy.random import Purpose


@pytest.fixture
def draws():
    """Records (key digest, purpose, attempt, call, counter) of every block that is drawn."""
    seen = []
    random.recorder = lambda key, purpose, attempt, call, first, blocks: seen.append(
        (key, purpose, attempt, call, first, blocks)
    )
    yield seen
    random.recorder = None


def tensors(message):
    length = int.from_bytes(message[:8], "little")
    header = json.loads(message[8 : 8 + length])
    header.pop("__metadata__")
    data = message[8 + length :]
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}


def test_no_secret_can_be_drawn_again_from_the_wire(draws):
    """Every 32 bytes of every message are tried as a stream's key: none is one that secrets were drawn from."""
    context = ckks.Context(ckks.Parameters(log_n=4, depth=2, scale_bits=40, security=None), rotations=(1,))
    x = context.encrypt([[1.0, 2.0], [3.0, 4.0]])
    public = context.public()
    y = public.encrypt([0.5]) * 0.5
    sent = [hepy.dumps(thing) for thing in (public, x, y, x * x)]
    secret_purposes = {Purpose.RING_TERNARY, Purpose.RING_SPARSE_TERNARY, Purpose.RING_GAUSSIAN, Purpose.PUBLIC_SEED}
    secret = {key for key, purpose, *_ in draws if purpose in secret_purposes}
    expanded = {key for key, purpose, *_ in draws if purpose == Purpose.RING_UNIFORM}
    assert secret and expanded and not secret & expanded
    found = set()
    for message in sent:
        windows = {message[i : i + 32] for i in range(len(message) - 31)}
        found |= {hashlib.sha256(window).hexdigest() for window in windows}
    assert not found & secret
    assert expanded <= found  # the halves that are sent as seeds are there: the search does find what there is


def test_each_public_seed_serves_one_object_and_nothing_else(draws):
    context = ckks.Context(ckks.Parameters(log_n=4, depth=2, scale_bits=40, security=None), rotations=(1, 2))
    context.keys.make(relinearization=True, conjugation=True)
    messages = [tensors(hepy.dumps(context.encrypt([1.0]))) for _ in range(3)]
    public = tensors(hepy.dumps(context.public(conjugation=True)))
    seeds = [message["seed"] for message in messages]
    seeds += [public["encryption_seed"]]
    seeds += [public["keys_seed"][32 * i : 32 * i + 32] for i in range(4)]
    assert len(set(seeds)) == 8
    for seed in seeds:
        used = [(purpose, call) for key, purpose, _, call, *_ in draws if key == hashlib.sha256(seed).hexdigest()]
        assert set(used) == {(Purpose.RING_UNIFORM, 0)}


def test_nothing_is_drawn_twice_from_a_secret_stream(draws):
    context = ckks.Context(ckks.Parameters(log_n=4, depth=2, scale_bits=40, security=None), rotations=(1, 2))
    public, x = context.public(), context.encrypt([1.0, 2.0])
    for _ in range(3):
        y = public.encrypt([[1.0], [2.0]]).rerandomize()
        y = y * y + context.encrypt([3.0]).inner_sum() + x.inner_sum()
        hepy.dumps(y)
    loaded = hepy.loads(hepy.dumps(context, unencrypted=True))
    loaded.keys.make((1, 2), relinearization=True)
    loaded.encrypt([1.0])
    blocks = [
        (key, purpose, attempt, call, first + i)
        for key, purpose, attempt, call, first, count in draws
        if purpose != Purpose.RING_UNIFORM
        for i in range(count)
    ]
    assert len(blocks) == len(set(blocks)) > 100


def test_a_seeded_half_is_the_expansion_of_its_seed(toy):
    x = toy.encrypt(np.zeros((2, 3)))
    seed = tensors(hepy.dumps(x))["seed"]
    basis = x._parts.basis
    assert ring.uniform(basis, (2,), random.stream(seed)).equal(x._parts[..., 1]).all()
