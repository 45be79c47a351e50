"""Products of segments, running products and batched inverses, against Python's integers."""

import itertools
import math
import random

import pytest


def units(batches, count, seed=1):
    source = random.Random(seed)
    return [
        value for value in (source.randrange(1, batches.n) for _ in range(3 * count)) if math.gcd(value, batches.n) == 1
    ][:count]


def product(values, n):
    total = 1
    for value in values:
        total = total * value % n
    return total


@pytest.mark.parametrize("offsets", [[0, 7], [0, 0, 3, 3, 4, 20, 20], [5, 6, 6, 19], [*range(20)], [3, 3]])
def test_segment_product(make_forms, schedule, offsets):
    batches = make_forms(2**1024 - 105)
    values = units(batches, 20)
    x, segments = batches.raw(batches.encode(values)), len(offsets) - 1
    out = batches.empty(segments)
    batches.native.segment_product(
        batches.stream, batches.modulus, out, batches.operand(x), batches.offsets(offsets), segments, 20
    )
    assert batches.store(out) == [product(values[a:b], batches.n) for a, b in itertools.pairwise(offsets)]


def test_segment_product_of_rows(make_forms):
    batches = make_forms(2**2047 + 9)
    values, rows = units(batches, 6), [5, 5, 0, 3, 1, 1, 2, 4]
    x = batches.raw(batches.encode(values))
    out = batches.empty(2)
    batches.native.segment_product(
        batches.stream, batches.modulus, out, batches.operand(x, rows), batches.offsets([0, 3, 8]), 2, 8
    )
    picked = [values[row] for row in rows]
    assert batches.store(out) == [product(picked[:3], batches.n), product(picked[3:], batches.n)]


def test_prefix_product(make_forms, schedule):
    batches = make_forms(2**1024 - 105)
    values, offsets = units(batches, 40), [0, 1, 9, 9, 40]
    x, out = batches.raw(batches.encode(values)), batches.empty(40)
    batches.native.prefix_product(
        batches.stream, batches.modulus, out, batches.operand(x, start=39, step=-1), batches.offsets(offsets), 4, 40
    )
    reverse = values[::-1]
    want = [product(reverse[a : k + 1], batches.n) for a, b in itertools.pairwise(offsets) for k in range(a, b)]
    assert batches.store(out) == want


@pytest.mark.parametrize(("count", "block"), [(1, 1), (1, 4), (8, 4), (9, 4), (45, 1), (40, 40), (50, 16)])
def test_block_inverse(make_forms, count, block):
    batches = make_forms(2**1024 - 105)
    values = units(batches, count)
    products = [product(values[at : at + block], batches.n) for at in range(0, count, block)]
    inverses = batches.raw(batches.encode([pow(value, -1, batches.n) for value in products]))
    running = [product(values[i - i % block : i + 1], batches.n) for i in range(count)]
    x, out = batches.raw(batches.encode(values)), batches.raw(batches.encode(running))
    batches.native.block_inverse(batches.stream, batches.modulus, out, batches.operand(x), inverses, block, count)
    assert batches.store(out) == [pow(value, -1, batches.n) for value in values]


def test_segments_at_every_size(batches):
    values = [batches.n - 1, 2, batches.n // 2, 1]
    x, out = batches.raw(batches.encode(values)), batches.empty(1)
    batches.native.segment_product(
        batches.stream, batches.modulus, out, batches.operand(x), batches.offsets([0, 4]), 1, 4
    )
    assert batches.store(out) == [product(values, batches.n)]
