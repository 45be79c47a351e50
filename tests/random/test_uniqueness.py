"""No block of any stream is ever drawn twice: not across threads, devices, operations, or a fork."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hepy
from hepy import _devices, ckks, paillier, random, ring
from hepy.random import Purpose


@pytest.fixture
def record(monkeypatch):
    """Every draw of the test, as (key's digest, purpose, attempt, call, first block, blocks)."""
    drawn, lock = [], threading.Lock()

    def listen(*draw):
        with lock:
            drawn.append(draw)

    monkeypatch.setattr(random, "recorder", listen)
    return drawn


def overlaps(draws):
    """Pairs of draws of the same stream, purpose, attempt and call whose blocks meet."""
    by_nonce = {}
    for *nonce, first, blocks in draws:
        by_nonce.setdefault(tuple(nonce), []).append((first, first + blocks))
    found = []
    for nonce, spans in by_nonce.items():
        spans.sort()
        found += [(nonce, a, b) for a, b in itertools.pairwise(spans) if b[0] < a[1]]
    return found


def everything(key):
    """Every operation that draws."""
    public = key.public_key
    x = public.encrypt(np.arange(300))
    key.encrypt([1.5, 2.5])
    (x[:20] + 1).rerandomize()
    x[:5].sum().rerandomize()
    public.encrypt(np.arange(3), pool=public.pool(5))
    x[:2].rerandomize(pool=key.pool(2, rerandomize=True))
    public.validate()
    if key.variant == "djn":
        public.with_own_generator().encrypt([1, 2, 3])
    basis = ring.RingBasis(ring.primes(100, degree=8, count=3), degree=8)
    for sampler in (ring.uniform, ring.ternary, ring.gaussian):
        sampler(basis, 3, random.stream())
    ring.sparse_ternary(basis, 3, 2, random.stream())


def test_overlaps_are_found():
    assert overlaps([("k", 1, 0, 0, 0, 4), ("k", 1, 0, 0, 3, 1)])
    assert overlaps([("k", 1, 0, 0, 5, 1), ("k", 1, 0, 0, 5, 1)])
    assert not overlaps([("k", 1, 0, 0, 0, 4), ("k", 1, 0, 0, 4, 4), ("k", 1, 0, 1, 0, 4), ("k", 2, 0, 0, 0, 4)])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 says so of any process with threads
def test_a_mixed_workload_draws_nothing_twice(record, keys, in_a_child):
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(everything, key) for key in keys.values() for _ in range(2)]:
            done.result()
    for name in _devices.devices():
        with _devices.device(name):
            random.stream().words(9, 20, Purpose.OBFUSCATOR)
            random.stream().uniform_below(1000, 50, Purpose.OBFUSCATOR)
    paillier.generate_key(bits=256, insecure=True)
    before = len(record)

    def child():
        record.clear()
        everything(keys["djn"])
        return record

    drawn = [*record, *(tuple(draw) for draw in in_a_child(child))]
    assert len(drawn) > before
    everything(keys["djn"])
    drawn += record[before:]
    for purpose in ("KEY_PRIME", "KEY_GENERATOR", "OBFUSCATOR", "RERANDOMIZER", "VALIDATION"):
        assert Purpose[purpose] in {draw[1] for draw in drawn}, "the workload should draw for every purpose of Paillier"
    assert overlaps(drawn) == []
    assert len({draw[0] for draw in drawn}) == 2, "parent and child have a stream each"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_draws_from_another_key_and_seeds_go_on(in_a_child):
    secret, seeded = random.stream(), random.Stream(bytes(32))

    def next_words():
        return [stream.words(2, 4, Purpose.OBFUSCATOR).tolist() for stream in (secret, seeded)]

    theirs, ours = in_a_child(next_words), next_words()
    assert theirs[0] != ours[0]
    assert theirs[1] == ours[1]


def test_threads_share_a_stream_without_sharing_calls(record):
    stream = random.Stream(bytes(32))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: stream.words(1, 4, Purpose.OBFUSCATOR), range(400)))
    assert sorted(draw[3] for draw in record) == list(range(400))


# CKKS. Uniform halves are expanded from public seeds, again and again by design; all else is drawn once.

SECRET = {
    Purpose.RING_TERNARY,
    Purpose.RING_SPARSE_TERNARY,
    Purpose.RING_GAUSSIAN,
    Purpose.PUBLIC_SEED,
    Purpose.FLOODING,
}


def everything_of_ckks(secret="ternary"):
    """Every operation of CKKS that draws, but shared decryption, whose stream belongs to one ciphertext."""
    params = ckks.Parameters(log_n=4, depth=2, scale_bits=40, security=None, secret=secret)
    context = ckks.Context(params, rotations=(1,), shared_budget=2)
    context.keys.make((2,), relinearization=True, conjugation=True)
    public = context.public(conjugation=True)
    for _ in range(2):
        x, y = context.encrypt([[1.0, 2.0], [3.0, 4.0]]), public.encrypt([0.5])
        (x * y).rotate(1).rerandomize()
        hepy.dumps(x + x)
    loaded = hepy.loads(hepy.dumps(context, unencrypted=True))
    loaded.keys.make((3,))
    loaded.encrypt([1.0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_ckks_draws_nothing_twice_across_threads_and_a_fork(record, in_a_child):
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(everything_of_ckks, secret) for secret in ("ternary", "sparse") for _ in range(3)]:
            done.result()

    def child():
        record.clear()
        everything_of_ckks()
        return record

    theirs = [tuple(draw) for draw in in_a_child(child)]
    everything_of_ckks()
    drawn = [*record, *theirs]
    secret_keys = {draw[0] for draw in drawn if draw[1] in SECRET}
    assert {Purpose(draw[1]) for draw in drawn if draw[0] in secret_keys} == SECRET
    assert overlaps([draw for draw in drawn if draw[0] in secret_keys]) == []
    assert secret_keys.isdisjoint(draw[0] for draw in drawn if draw[1] == Purpose.RING_UNIFORM)
    # Each seed that is published was drawn for one object: as many streams as draws, and each begins with call 0.
    expanded = {(draw[0], draw[3]) for draw in drawn if draw[1] == Purpose.RING_UNIFORM}
    assert len(expanded) == sum(draw[1] == Purpose.PUBLIC_SEED for draw in drawn)
    assert {call for _, call in expanded} == {0}
    # The process's stream, a child's, and a new one of each context that was restored.
    assert len(secret_keys) == 2 + 6 + 1 + 1


def test_a_result_that_is_shared_again_is_drawn_again_and_another_is_not(record):
    params = ckks.Parameters(log_n=4, depth=1, scale_bits=60, security=None)
    owner = ckks.Context(params, shared_budget=3)
    plan = ckks.plan(lambda x: x + 1, params, [ckks.Input(shape=(8,), symmetric=True)])
    x, y = (owner.encrypt([0.5] * 8) + 1 for _ in range(2))
    floods = []
    for ciphertext in (x, x, y):
        record.clear()
        owner.decrypt(ciphertext, shared=True, plan=plan)
        floods.append(sorted(record))
    assert floods[0] == floods[1] and {draw[0] for draw in floods[0]}.isdisjoint(draw[0] for draw in floods[2])
    assert {draw[1] for draw in floods[0]} == {Purpose.RING_GAUSSIAN} and overlaps(floods[0]) == []
