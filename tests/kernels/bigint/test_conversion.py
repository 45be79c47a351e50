"""Loading integers of any width, least residues, and equality, against Python's integers."""

import random

import numpy as np
import pytest

from hepy import _devices
from hepy.errors import ParameterError


def test_load_reduces_and_store_gives_least_residues(batches):
    source = random.Random(batches.n)
    n, bits = batches.n, 32 * batches.words
    values = [0, 1, n - 1, n % 2**bits, 2**bits - 1, *(source.getrandbits(bits) for _ in range(2))]
    assert batches.store(batches.load(values, batches.words)) == [value % n for value in values]


@pytest.mark.parametrize("words", [1, 31, 33, 64, 65, 100])
def test_load_takes_any_width(make_forms, words):
    batches = make_forms(3**640)  # 1015 bits
    source = random.Random(words)
    values = [2 ** (32 * words) - 1, 0, *(source.getrandbits(32 * words) for _ in range(18))]
    assert batches.store(batches.load(values, words)) == [value % batches.n for value in values]


def test_store_knows_every_form_of_a_residue(batches):
    n, radix = batches.root or batches.n, batches.radix
    forms = [0, n, radix - radix % n if radix % n else 0, 2 * n, radix % n, (radix // n - 1) * n + 1]
    raws = [raw for raw in forms if raw < radix]
    if batches.root:
        raws = [a + b * radix for a in raws for b in raws]
    assert batches.store(batches.raw(raws)) == batches.decode(raws)


def test_equal_compares_residues(batches, edge_values):
    a = [x for x in edge_values for _ in edge_values]
    b = [y for _ in edge_values for y in edge_values]
    out = batches.empty(len(a), np.uint8)
    left, right = batches.operand(batches.raw(a)), batches.operand(batches.raw(b))
    batches.native.equal(batches.stream, batches.modulus, out, left, right, len(a))
    differences = [x - y for x, y in zip(batches.decode(a), batches.decode(b), strict=True)]
    assert _devices.to_host(out).tolist() == [difference == 0 for difference in differences]


def test_sizes_between_round_up(device, make_batches):
    kernels = device.native.bigint
    assert [kernels.limbs(0, words) for words in (1, 32, 33, 64, 65, 97, 129, 192, 193, 256)] == [
        32, 32, 64, 64, 96, 128, 192, 192, 256, 256,
    ]  # fmt: skip
    with pytest.raises(ParameterError, match="8224 bits is too long"):
        kernels.limbs(0, 257)
    batches = make_batches(2**2200 + 1)
    assert batches.store(batches.load([2**2300 + 5, 7], 72)) == [(2**2300 + 5) % batches.n, 7]
