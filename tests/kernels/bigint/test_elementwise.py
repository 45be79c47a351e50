"""Products, squares, sums, differences and copies, against Python's integers, at the edges of every range."""

import math
import random

import numpy as np
import pytest

from hepy.errors import ParameterError


def pairs(values):
    return [a for a in values for _ in values], [b for _ in values for b in values]


def test_multiply_is_the_montgomery_product(batches, edge_values):
    a, b = pairs(edge_values)
    got = batches.call("multiply", batches.raw(a), batches.raw(b))
    want = [x * y % batches.n for x, y in zip(batches.decode(a), batches.decode(b), strict=True)]
    assert batches.decode(batches.limbs_of(got)) == want
    assert batches.store(got) == want


def test_square_is_the_product_with_itself(batches, edge_values):
    got = batches.call("square", batches.raw(edge_values))
    want = [x * x % batches.n for x in batches.decode(edge_values)]
    assert batches.decode(batches.limbs_of(got)) == want
    assert batches.store(got) == want


@pytest.mark.parametrize("form", ["whole"], indirect=True)
def test_square_where_a_carry_meets_a_pair_of_ones(batches):
    """Within a lane's block, two products add up to 2**64 - 1 in two columns, and a carry comes from those below."""
    row = next(row for row in batches.native.rows() if row[1] == batches.limbs)
    source, values = random.Random(row[1]), []
    while len(values) < 8:
        x0, x1, x2 = (2**32 - source.randrange(1, 1 << 20, 2) for _ in range(3))
        if math.gcd(x0, x1) > 1:
            continue
        x3 = (2**64 - 1) * pow(x1, -1, x0) % x0
        x4, rest = divmod(2**64 - 1 - x1 * x3, x0)
        assert rest == 0
        below = x0 * x2 + (x0 * x1 >> 32) + ((x0 * x3 + x1 * x2) % 2**32 << 32)
        if x4 < 2**32 and below >= 2**64:
            values.append(x0 | x1 << 32 | x2 << 64 | x3 << 96 | x4 << 128)
    blocks = [sum(value << 32 * row[1] // row[2] * lane for lane in range(row[2])) for value in values]
    got = batches.call("square", batches.raw(blocks))
    assert batches.decode(batches.limbs_of(got)) == [x * x % batches.n for x in batches.decode(blocks)]


def test_add_and_subtract_reduce_what_leaves_the_container(batches, edge_values):
    a, b = pairs(edge_values)
    x, y = batches.raw(a), batches.raw(b)
    sums, differences = batches.call("add", x, y), batches.call("subtract", x, y)
    decoded = list(zip(batches.decode(a), batches.decode(b), strict=True))
    assert batches.decode(batches.limbs_of(sums)) == [(u + v) % batches.n for u, v in decoded]
    assert batches.decode(batches.limbs_of(differences)) == [(u - v) % batches.n for u, v in decoded]


@pytest.mark.parametrize("kernel", ["multiply", "add", "subtract"])
def test_operands_are_rows(make_forms, kernel):
    batches = make_forms(2**1024 - 105)
    values = [3**i for i in range(40)]
    x = batches.raw(batches.encode(values))
    rows = [39, 0, 7, 7, 20] * 3 + [1]
    got = batches.call(kernel, batches.operand(x, rows), batches.operand(x, start=33, step=-2), count=16)
    operate = {"multiply": int.__mul__, "add": int.__add__, "subtract": int.__sub__}[kernel]
    want = [operate(values[row], values[33 - 2 * i]) % batches.n for i, row in enumerate(rows)]
    assert batches.store(got) == want


def test_gather_copies_rows(batches):
    x = batches.raw(list(range(5)))
    assert batches.limbs_of(batches.call("gather", batches.operand(x, [4, 0, 2]), count=3)) == [4, 0, 2]
    assert batches.limbs_of(batches.call("gather", batches.operand(x, start=1, step=0), count=4)) == [1] * 4


@pytest.mark.parametrize("count", [0, 1, 31, 33, 65])
def test_any_count_fills_the_batch_and_nothing_else(make_forms, count):
    batches = make_forms(2**1023 + 11)
    x = batches.raw([5 + i for i in range(count)])
    out = batches.marked(count + 1)
    mark = batches.limbs_of(out)[count]
    for kernel in ("multiply", "add", "subtract"):
        getattr(batches.native, kernel)(
            batches.stream, batches.modulus, out, batches.operand(x), batches.operand(x), count
        )
        assert batches.limbs_of(out)[count] == mark
    batches.native.square(batches.stream, batches.modulus, out, batches.operand(x), count)
    assert batches.limbs_of(out)[count] == mark
    want = [value**2 % batches.n for value in batches.decode([5 + i for i in range(count)])]
    assert batches.decode(batches.limbs_of(out)[:count]) == want


def test_every_order_of_threads_gives_the_same(make_forms, schedule):
    batches = make_forms(3**2580)
    values = [7**i % batches.n for i in range(9)]
    x = batches.raw(batches.encode(values))
    assert batches.limbs == 128
    assert batches.store(batches.call("square", x)) == [v * v % batches.n for v in values]
    assert batches.store(batches.call("multiply", x, x)) == [v * v % batches.n for v in values]
    assert batches.store(batches.call("subtract", x, batches.raw([0] * 9))) == values


def test_rows_outside_a_batch_are_refused(make_batches):
    batches = make_batches(2**1023 + 11)
    x = batches.raw([1, 2])
    for start, step in ((0, 1), (2, 0), (-1, 1), (1, -1)):
        with pytest.raises(ParameterError, match=r"rows .* were asked for of an array that has 2"):
            batches.call("square", batches.operand(x, start=start, step=step), count=3)
    with pytest.raises(ParameterError, match="elements was given"):
        batches.native.square(batches.stream, batches.modulus, x, batches.operand(x, start=0, step=0), 3)
    with pytest.raises(ParameterError, match="elements was given"):
        batches.call("square", batches.operand(x, [0, 1]), count=3)


@pytest.mark.parametrize("kernel", ["square", "multiply"])
def test_addresses_that_a_gpu_would_fault_on_are_refused(make_batches, kernel):
    batches = make_batches(2**1023 + 11)
    words = batches.device.asarray(np.ones(3 * batches.limbs, np.uint32))
    aligned, shifted = words[4 : 4 + 2 * batches.limbs], words[2 : 2 + 2 * batches.limbs]
    operands = 1 if kernel == "square" else 2
    batches.call(kernel, *[batches.operand(aligned)] * operands, count=2)
    with pytest.raises(ParameterError, match="begin at a multiple of 16 bytes"):
        batches.call(kernel, *[batches.operand(shifted)] * operands, count=2)
    launch = getattr(batches.native, kernel)
    with pytest.raises(ParameterError, match="begin at a multiple of 16 bytes"):
        launch(batches.stream, batches.modulus, shifted, *[batches.operand(batches.raw([1, 2]))] * operands, 2)
    launch(batches.stream, batches.modulus, shifted, *[batches.operand(batches.raw([1, 2]))] * operands, 0)


def test_launches_count_under_the_name_of_the_kernel(make_batches):
    batches = make_batches(2**1023 + 11)
    x, names = batches.raw([1, 2]), ("multiply", "square", "add", "subtract", "gather")
    before = batches.device.native.launch_counts()
    for name in names:
        batches.call(name, *[x] * (1 if name in ("square", "gather") else 2))
    after = batches.device.native.launch_counts()
    assert [after[name] - before.get(name, 0) for name in names] == [1] * len(names)
