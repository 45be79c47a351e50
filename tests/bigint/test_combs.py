"""Tables of fixed bases: made when needed, shared by threads, and no more of them than options.table_memory allows."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hepy import bigint, options, paillier
from hepy.bigint import combs
from hepy.bigint.combs import Tables
from hepy.errors import ParameterError

_places = itertools.count()


@pytest.fixture
def place():
    """A device that no other test has tables on."""
    return f"test:{next(_places)}"


class Maker:
    """Makes tables of so many bytes a position, and keeps a record of it."""

    def __init__(self, place, size=1000, window=lambda powers: 4):
        self.made, self.size = [], size
        self.tables = Tables(self.make, window, place)

    def make(self, window, positions):
        self.made.append((window, positions))
        return np.zeros((positions, self.size), np.uint8)

    def use(self, bits=4, count=1):
        return self.tables.take(bits, count)


def bytes_on(place):
    """What is there, from the tables themselves."""
    alive = [ref() for ref, _ in combs._shelves[place]._sizes.values()]
    return sum(table.nbytes for tables in alive if tables is not None for table in tables._tables.values())


def test_nothing_is_made_before_it_is_needed(place):
    maker = Maker(place)
    assert maker.made == []
    table, window, positions = maker.use(bits=10)
    assert (len(table), window, positions) == (3, 4, 3)
    maker.use(bits=12)
    assert maker.made == [(4, 3)]
    maker.use(bits=13)
    assert maker.made == [(4, 3), (4, 4)]


def test_a_wider_table_replaces_the_narrower(place):
    maker = Maker(place, window=lambda powers: 8 if powers > 10 else 4)
    maker.use(bits=16, count=10)
    maker.use(bits=16)
    assert maker.made == [(4, 4), (8, 2)]
    assert bytes_on(place) == 2000


def test_the_least_recently_used_go(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 3000)
    a, b, c, d = makers = [Maker(place) for _ in range(4)]
    for maker in (a, b, c, a, d):  # b is what was not used for longest
        maker.use()
    assert [len(maker.made) for maker in makers] == [1, 1, 1, 1]
    for maker in (a, c, d):
        maker.use()
    assert [len(maker.made) for maker in makers] == [1, 1, 1, 1]
    b.use()  # made again; now a goes
    assert [len(maker.made) for maker in makers] == [1, 2, 1, 1]
    a.use()
    assert [len(maker.made) for maker in makers] == [2, 2, 1, 1]
    assert bytes_on(place) == 3000


def test_what_went_has_to_prove_busy_again(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 1500)
    busy, other = Maker(place, window=lambda powers: 8 if powers > 10 else 4), Maker(place)
    busy.use(count=20)
    other.use()
    busy.use()
    assert [window for window, _ in busy.made] == [8, 4]


def test_what_is_in_use_stays_whatever_its_size(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 0)
    large, small = Maker(place, size=10_000), Maker(place)
    for _ in range(3):
        large.use()
    assert len(large.made) == 1
    small.use()
    assert bytes_on(place) == 1000


def test_devices_have_memory_of_their_own(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 1000)
    here, there = Maker(place), Maker(place + "b")
    for maker in (here, there, here, there):
        maker.use()
    assert len(here.made) == len(there.made) == 1


def test_dropped_keys_do_not_count(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 3000)
    kept = Maker(place)
    kept.use()
    for _ in range(10):
        Tables(lambda window, positions: np.zeros((positions, 1000), np.uint8), lambda powers: 4, place).take(4, 1)
    kept.use()
    assert len(kept.made) == 1
    assert len(combs._shelves[place]._sizes) <= 3


def test_threads_on_many_tables_with_room_for_few(place, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 2500)
    makers = [Maker(place) for _ in range(8)]

    def work(seed):
        rng = random.Random(seed)
        for _ in range(300):
            table, _, positions = rng.choice(makers).use(bits=rng.choice([4, 8, 12]))
            assert len(table) >= positions

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(work, seed) for seed in range(6)]:
            done.result()
    makers[0].use()
    assert bytes_on(place) <= max(2500, 3000)  # a table of three positions may be the one in use


def test_many_bases_under_a_small_limit_are_right(device, count, monkeypatch):
    monkeypatch.setattr(options, "table_memory", 50_000)
    n = 2**521 - 1
    bases = [bigint.Modulus(n).fixed_base(3 + number) for number in range(count(6))]
    exponents = [0, 1, 2**70 + 12345]
    for base in [*bases, *reversed(bases)]:
        assert base.power(exponents).to_ints().tolist() == [pow(base.base, e, n) for e in exponents]


def test_many_keys_in_many_threads(monkeypatch, seed):
    """More keys than the tables of one fit: all work, and memory stays."""
    keys = [paillier.generate_key(256, seed=seed(f"key {number}"), insecure=True) for number in range(6)]
    monkeypatch.setattr(options, "table_memory", 50_000)
    monkeypatch.setattr(options, "threads", 2)

    def work(number):
        key = keys[number % len(keys)]
        values = np.arange(20) + number
        assert np.array_equal(key.decrypt(key.encrypt(values) + key.public_key.encrypt(values)), 2 * values)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(24)))
    keys[0].public_key.encrypt([1])
    largest = max(size for _, size in combs._shelves["cpu"]._sizes.values())
    assert bytes_on("cpu") <= max(50_000, largest)


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, None])
def test_the_limit_is_a_number_of_bytes(value):
    before = options.table_memory
    with pytest.raises(ParameterError, match=r"options\.table_memory is a whole number of bytes"):
        options.table_memory = value
    assert options.table_memory == before
    assert f"table_memory={before}" in repr(options)
