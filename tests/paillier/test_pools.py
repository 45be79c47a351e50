"""Pools: the obfuscators that encryption would draw, each handed out once, to its own key and process."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hepy
from hepy._limbs import to_ints
from hepy.errors import KeyMismatchError, ParameterError, PoolExhaustedError
from hepy.random import Purpose, Stream

forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12's word on processes with threads


def taken(pool, count, **options):
    return pool.take(count, pool.public_key, **options).to_ints().tolist()


def test_encryption_from_a_pool_has_the_bits_of_encryption_without(device, any_key, seed):
    public, values = any_key.public_key, np.array([[1], [-2]])
    x = public.encrypt(values, pool=public.pool(2, seed=seed("pool")))
    assert x.digest() == public.encrypt(values, seed=seed("pool")).digest()
    assert (x.fresh, x.device) == (True, device)
    assert "seeded=True" in repr(x)
    assert any_key.decrypt(x).tolist() == values.tolist()


def test_the_owner_fills_pools_with_the_same_elements(any_key, seed):
    for rerandomize in (False, True):
        mine, theirs = (
            key.pool(5, rerandomize=rerandomize, seed=seed("owner")) for key in (any_key, any_key.public_key)
        )
        assert taken(mine, 5, rerandomizing=rerandomize) == taken(theirs, 5)


def test_rerandomizing_from_a_pool_has_the_bits_of_rerandomizing_without(device, any_key, seed):
    public = any_key.public_key
    x = public.encrypt([1, 2]) + 4
    pool = public.pool(2, rerandomize=True, seed=seed("again"))
    y = x.rerandomize(pool=pool)
    assert y.digest() == x.rerandomize(seed=seed("again")).digest()
    assert y.fresh
    assert any_key.decrypt(y).tolist() == [5, 6]


def test_elements_are_as_defined(key, seed):
    public = key.public_key
    for rerandomize, purpose, bits in ((False, Purpose.OBFUSCATOR, 256), (True, Purpose.RERANDOMIZER, 256 + 80)):
        randomizers = to_ints(Stream(seed("defined")).uniform_bits(bits, 4, purpose))
        pool = public.pool(4, rerandomize=rerandomize, seed=seed("defined"))
        base = pow(public.h, public.n, public.n**2)
        assert taken(pool, 4) == [pow(base, r, public.n**2) for r in randomizers]


def test_each_element_is_handed_out_once_and_in_order(key, seed):
    public = key.public_key
    every = taken(public.pool(10, seed=seed("order")), 10)
    pool = public.pool(10, seed=seed("order"))
    assert (len(pool), pool.count) == (10, 10)
    assert taken(pool, 3) == every[:3]
    assert taken(pool, 0) == []
    public.encrypt([1, 2], pool=pool)
    assert pool.left == 5
    assert taken(pool, 5) == every[5:]
    assert len(set(every)) == 10


def test_pools_without_a_seed_differ(key):
    assert not {*taken(key.public_key.pool(5), 5)} & {*taken(key.public_key.pool(5), 5)}


def test_more_than_is_left_is_refused_and_nothing_is_lost(key):
    pool = key.public_key.pool(4)
    with pytest.raises(
        PoolExhaustedError, match=r"5 obfuscators were asked of a pool that has 4 left of 4.*pool\(count\)"
    ):
        key.public_key.encrypt(np.arange(5), pool=pool)
    assert isinstance(PoolExhaustedError("x"), LookupError)
    with pytest.raises(hepy.EncodingOverflowError):
        key.public_key.encrypt([300], value_bits=8, pool=pool)
    assert pool.left == 4
    key.public_key.encrypt(np.arange(4), pool=pool)
    with pytest.raises(PoolExhaustedError, match="0 left of 4"):
        key.encrypt(1, pool=pool)
    assert key.public_key.encrypt([], pool=pool).shape == (0,)


def test_pools_belong_to_a_key(key, other_key):
    pool = other_key.public_key.pool(3)
    with pytest.raises(KeyMismatchError, match=f"belongs to key {other_key.fingerprint[:16]}"):
        key.public_key.encrypt([1], pool=pool)
    with pytest.raises(KeyMismatchError):
        key.public_key.encrypt([1]).rerandomize(pool=pool)
    assert pool.left == 3


def test_a_pool_for_encryption_is_too_short_for_rerandomizing(key):
    pool = key.public_key.pool(3)
    with pytest.raises(ParameterError, match=r"public.pool\(count, rerandomize=True\)"):
        key.public_key.encrypt([1]).rerandomize(pool=pool)
    assert key.decrypt(key.public_key.encrypt([7], pool=key.public_key.pool(1, rerandomize=True))).tolist() == [7]


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True, None])
def test_counts_that_are_none(key, count):
    with pytest.raises(ParameterError, match="whole number of elements from 1 on"):
        key.public_key.pool(count)


@pytest.mark.parametrize("count", [-1, -3, 1.0, "2", True, None])
def test_nothing_is_given_back_or_taken_by_halves(key, tmp_path, count):
    for pool in (key.public_key.pool(6), key.public_key.pool(6, tmp_path / "file.pool")):
        before = taken(pool, 3)
        with pytest.raises(ParameterError, match="count is a whole number of obfuscators from 0 on"):
            pool.take(count, key.public_key)
        assert pool.left == 3
        assert not set(before) & set(taken(pool, np.int64(3)))


def test_other_bad_arguments(key, seed):
    public = key.public_key
    pool = public.pool(2)
    with pytest.raises(ParameterError, match="exclude each other"):
        public.encrypt([1], pool=pool, seed=seed("both"))
    with pytest.raises(ParameterError, match="exclude each other"):
        public.encrypt([1]).rerandomize(pool=pool, seed=seed("both"))
    for wrong in (5, "pool", b"pool", [1]):
        with pytest.raises(ParameterError, match=r"what public.pool\(count\) returns"):
            public.encrypt([1], pool=wrong)
    with pytest.raises(ParameterError, match="a seed is 32 bytes"):
        public.pool(3, seed=b"short")


def test_pools_are_neither_copied_nor_sent(key):
    pool = key.public_key.pool(2)
    for attempt in (lambda: pickle.dumps(pool), lambda: copy.copy(pool), lambda: copy.deepcopy(pool)):
        with pytest.raises(ParameterError, match="used twice"):
            attempt()
    with pytest.raises(ParameterError, match="never sent or copied"):
        hepy.dumps(pool)
    with pytest.raises(ParameterError, match="never sent or copied"):
        hepy.digest(pool)


def test_what_is_shown(key):
    pool = key.public_key.pool(2, rerandomize=True)
    assert repr(pool) == f"Pool(left=2, count=2, key={key.fingerprint[:16]!r}, rerandomizes=True, insecure=True)"
    said = hepy.describe(pool)
    assert (said.kind, said.fingerprint, said.parameters["count"]) == ("paillier.pool", key.fingerprint, 2)
    assert not [c for c in taken(pool, 2) if str(c)[:14] in repr(pool)]


def test_an_own_generator_makes_its_own_pool(key, seed):
    own = key.public_key.with_own_generator()
    elements = taken(own.pool(3, seed=seed("own")), 3)
    assert elements != taken(key.public_key.pool(3, seed=seed("own")), 3)
    assert key.decrypt(key.public_key.encrypt([1, 2], pool=own.pool(2))).tolist() == [1, 2]


def test_threads_share_a_pool(key):
    pool = key.public_key.pool(120)

    def work(number):
        return taken(pool, 1 + number % 3)

    with ThreadPoolExecutor(8) as threads:
        made = [c for elements in threads.map(work, range(60)) for c in elements]
    assert len(made) == len(set(made)) == 120
    assert pool.left == 0


@forks
def test_a_forked_child_finds_the_pool_empty(key, in_a_child):
    pool = key.public_key.pool(5)
    pool.take(2, key.public_key)

    def child():
        with pytest.raises(PoolExhaustedError, match=r"belongs to the process that forked.*path=\.\.\."):
            key.public_key.encrypt([1], pool=pool)
        assert taken(key.public_key.pool(2), 2)  # it makes its own
        return pool.left

    assert in_a_child(child) == 0
    assert pool.left == 3
