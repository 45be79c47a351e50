"""Powers of many bases and of one, against Python's pow."""

import random

import numpy as np
import pytest

from hepy.errors import ParameterError

TIMINGS = ("uniform", "scanning", "variable")


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize(("bits", "window"), [(1, 1), (7, 3), (9, 4), (33, 5), (64, 6)])
def test_powers_of_each_by_its_own_exponent(make_forms, timing, bits, window):
    batches = make_forms(2**1024 - 105)
    source = random.Random(bits)
    bases = [0, 0, 1, batches.n - 1, *(source.randrange(batches.n) for _ in range(7))]
    exponents = [0, 2**bits - 1, 1, 2**bits - 1, 0, 1 << bits - 1, *(source.getrandbits(bits) for _ in range(5))]
    x = batches.raw(batches.encode(bases))
    got = batches.power(x, batches.exponents(exponents, bits), 11, window, timing)
    assert batches.store(got) == [pow(a, e, batches.n) for a, e in zip(bases, exponents, strict=True)]


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096, 6144, 8192])
def test_powers_at_every_size(make_forms, bits):
    batches = make_forms(2**bits - 1, bits)
    bases = [batches.n - 2, 3, batches.radix // 3]
    got = batches.power(batches.raw(bases), batches.exponents([0b1011, 0b0100, 0b1111], 4), 3, 2)
    want = [pow(a, e, batches.n) for a, e in zip(batches.decode(bases), [11, 4, 15], strict=True)]
    assert batches.store(got) == want


@pytest.mark.parametrize("timing", TIMINGS)
def test_one_exponent_for_all(make_forms, timing):
    batches = make_forms(2**1023 + 11)
    bases, exponent = list(range(2, 8)), 0x9E3779B97F4A7C15F39CC060
    x = batches.raw(batches.encode(bases))
    got = batches.power(x, batches.exponents([exponent], 96, step=0), 6, 5, timing)
    assert batches.store(got) == [pow(a, exponent, batches.n) for a in bases]


def test_exponents_and_bases_are_rows(make_forms):
    batches = make_forms(2**1023 + 11)
    x = batches.raw(batches.encode(list(range(10))))
    exponents = batches.exponents([5, 6, 7], 3, rows=[2, 0, 1, 2])
    got = batches.power(batches.operand(x, start=9, step=-3), exponents, 4, 2)
    assert batches.store(got) == [9**7, 6**5, 3**6, 0]


def test_batches_above_the_slots_go_in_rounds(make_forms, schedule):
    batches = make_forms(2**2047 + 9)  # 32 slots are one block
    bases = list(range(1, 71))
    x = batches.raw(batches.encode(bases))
    got = batches.power(x, batches.exponents(list(range(70)), 7), 70, 3, slots=20)
    assert batches.store(got) == [pow(a, e, batches.n) for e, a in enumerate(bases)]


@pytest.mark.slow
def test_a_whole_power_of_decryption_size(make_forms):
    source = random.Random(5)
    batches = make_forms(source.getrandbits(2048) | 1 << 2047 | 1)
    bases, exponent = [source.randrange(batches.n) for _ in range(8)], source.getrandbits(1024)
    x = batches.raw(batches.encode(bases))
    got = batches.power(x, batches.exponents([exponent], 1024, step=0), 8, 5)
    assert batches.store(got) == [pow(a, exponent, batches.n) for a in bases]


def test_windows_are_the_cheapest(device):
    window = device.native.bigint.power_window
    assert [window(bits) for bits in (1, 16, 64, 256, 1024, 2048, 4096)] == [1, 2, 3, 4, 5, 6, 6]
    assert window(4096, 4) == 4


@pytest.mark.parametrize("timing", ["uniform", "scanning"])
@pytest.mark.parametrize("window", [1, 4])
def test_fixed_base(make_forms, timing, window):
    batches = make_forms(2**1023 + 11)
    base, bits = batches.n - 5, 41
    positions = -(-bits // window)
    table = batches.empty(positions << window)
    x = batches.raw(batches.encode([7, base]))
    batches.native.fixed_base_table(
        batches.stream, batches.modulus, table, batches.operand(x, start=1), window, positions
    )
    values = batches.store(table)
    assert values == [pow(base, d << window * p, batches.n) for p in range(positions) for d in range(1 << window)]
    exponents = [0, 1, 2**bits - 1, 2 ** (bits - 1), *(random.Random(6).getrandbits(bits) for _ in range(40))]
    out = batches.empty(len(exponents))
    batches.native.fixed_base_power(
        batches.stream, batches.modulus, out, table, batches.exponents(exponents, bits), timing, window, len(exponents)
    )
    assert batches.store(out) == [pow(base, e, batches.n) for e in exponents]


def test_fixed_base_with_fewer_bits_than_its_table(make_forms):
    batches = make_forms(2**1023 + 11)
    table, out = batches.empty(4 << 4), batches.empty(2)
    base = batches.operand(batches.raw(batches.encode([3])))
    batches.native.fixed_base_table(batches.stream, batches.modulus, table, base, 4, 4)
    for bits in (1, 4, 7):
        exponents = batches.exponents([0, 2**bits - 1], bits)
        batches.native.fixed_base_power(batches.stream, batches.modulus, out, table, exponents, "uniform", 4, 2)
        assert batches.store(out) == [1, pow(3, 2**bits - 1, batches.n)]


def test_what_does_not_fit_is_refused(make_forms):
    batches = make_forms(2**1023 + 11)
    x, words = batches.raw([1, 2]), batches.exponents([1, 1], 8)
    with pytest.raises(ParameterError, match="1 to 16 bits, not 17"):
        batches.native.fixed_base_table(batches.stream, batches.modulus, x, batches.operand(x), 17, 1)
    with pytest.raises(ParameterError, match="timing is 'uniform'"):
        batches.power(x, words, 2, 1, timing="fast")
    with pytest.raises(ParameterError, match="do not have 40 bits"):
        batches.power(x, batches.native.Exponents(batches.raw([1]), 1, 40), 2, 1)
    with pytest.raises(ParameterError, match="whole blocks"):
        batches.native.power(batches.stream, batches.modulus, x, batches.operand(x), words, "uniform", 1, x, 3, 2)
    slots = batches.modulus.whole_blocks(1)
    with pytest.raises(ParameterError, match="elements was given"):
        batches.native.power(
            batches.stream, batches.modulus, x, batches.operand(x), words, "uniform", 1, batches.empty(slots), slots, 2
        )


def test_tables_of_powers(make_forms):
    batches = make_forms(2**1023 + 11)
    bases = [0, 5, batches.n - 1]
    tables = batches.empty(3 << 3)
    x = batches.operand(batches.raw(batches.encode(bases)))
    batches.native.power_tables(batches.stream, batches.modulus, tables, x, 3, 3)
    assert batches.store(tables) == [pow(a, d, batches.n) for a in bases for d in range(8)]


def matrix(batches, values, bits):
    return batches.exponents([value for row in values for value in row], bits)


@pytest.mark.parametrize(("rows", "terms", "columns"), [(1, 1, 1), (3, 5, 2), (1, 4, 17), (20, 2, 1)])
def test_straus(make_forms, rows, terms, columns):
    batches = make_forms(2**1024 - 105)
    source, window, bits = random.Random(rows), 3, 11
    bases = [source.randrange(batches.n) for _ in range(rows * terms)]
    exponents = [[source.choice([0, 0, source.getrandbits(bits)]) for _ in range(columns)] for _ in range(terms)]
    tables, out = batches.empty(rows * terms << window), batches.empty(rows * columns)
    x = batches.operand(batches.raw(batches.encode(bases)))
    batches.native.power_tables(batches.stream, batches.modulus, tables, x, window, rows * terms)
    batches.native.straus(
        batches.stream, batches.modulus, out, tables, matrix(batches, exponents, bits), window, rows, terms, columns
    )
    want = [
        np.prod([pow(bases[r * terms + k], exponents[k][m], batches.n) for k in range(terms)], dtype=object) % batches.n
        for r in range(rows)
        for m in range(columns)
    ]
    assert batches.store(out) == want


def test_the_steps_of_pippenger(make_forms, schedule):
    batches = make_forms(2**1024 - 105)
    source, digits, count = random.Random(8), 7, 5
    buckets = [source.randrange(batches.n) for _ in range(count * digits)]
    out = batches.empty(count)
    batches.native.bucket_product(
        batches.stream, batches.modulus, out, batches.raw(batches.encode(buckets)), digits, count
    )
    want = [1] * count
    for i in range(count):
        for d in range(1, digits + 1):
            want[i] = want[i] * pow(buckets[i * digits + d - 1], d, batches.n) % batches.n
    assert batches.store(out) == want
    whole = batches.empty(1)
    batches.native.horner(batches.stream, batches.modulus, whole, out, 3, count, 1)
    expected = 1
    for p, part in enumerate(want):
        expected = expected * pow(part, 1 << 3 * p, batches.n) % batches.n
    assert batches.store(whole) == [expected]
