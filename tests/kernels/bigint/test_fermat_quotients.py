"""Fermat quotients and fixed-point numbers by their launchers: what they refuse, and small work in every order of threads.

What they compute is compared with Python's integers, at all sizes, in tests/bigint.
"""

import math

import numpy as np
import pytest

import hepy
from hepy import _devices, bigint
from hepy import _limbs as limb
from hepy.bigint import FermatPart, FermatQuotients, FixedPoint
from hepy.errors import ParameterError

P, Q = 2**89 - 1, 2**107 - 1


@pytest.fixture
def here(device):
    with hepy.device(device):
        yield device


@pytest.mark.parametrize("count", [1, 5, 33])
def test_quotients(here, schedule, count):
    work = FermatQuotients(bigint.Modulus((P * Q) ** 2), [FermatPart(P, 7), FermatPart(Q, 6, 3)])
    values = [(1 + P * Q * k) ** 3 % work.modulus.n if k % 3 else k for k in range(count)]
    limbs, exact = work.of(work.modulus.array(values))
    assert exact.tolist() == [k % 3 > 0 for k in range(count)]
    for k, result in enumerate(limb.to_ints(_devices.to_host(limbs))):
        if k % 3:
            assert (result % P, result % Q) == (7 * 3 * k * Q % P, 3 * 6 * 3 * k * P % Q)


def test_numbers(here, schedule):
    values = np.array([0.5, -0.5, 1.5, 0.75, -1e-3, 5e-324, 1e300, -(2.0**60)])
    n = 2**1024 - 105
    got = FixedPoint(values, 0).residues(bigint.Modulus(n)).to_ints().tolist()
    assert got == [0, 0, 2, 1, 0, 0, int(1e300) % n, -(2**60) % n]
    got = FixedPoint(np.array([5e-324, -(2.0**-1022)]), 1074).residues(bigint.Modulus(n)).to_ints().tolist()
    assert got == [1, -(2**52) % n]
    for values in (np.array([0, 1, 2**63, 2**64 - 1], np.uint64), np.array([0, 1, -1, 2**63 - 1, -(2**63)])):
        for scale in (0, 1, 33, 63, 960):
            got = FixedPoint(values, scale).residues(bigint.Modulus(n)).to_ints().tolist()
            assert got == [(value << scale) % n for value in values.tolist()], scale


def test_numbers_that_do_not_fit_are_refused(make_batches):
    batches = make_batches(2**1023 + 11)
    words, out = batches.device.asarray(np.zeros(2, np.uint64)), batches.empty(2)
    call = batches.native.fixed_point
    call(batches.stream, batches.modulus, out, words, "signed", 65535, 2)
    with pytest.raises(ParameterError, match="fewer than 65536 fraction bits, not 65536"):
        call(batches.stream, batches.modulus, out, words, "signed", 65536, 2)
    with pytest.raises(ParameterError, match="'float', 'signed' or 'unsigned', not 'double'"):
        call(batches.stream, batches.modulus, out, words, "double", 0, 2)
    with pytest.raises(ParameterError, match="2 elements was given where 3"):
        call(batches.stream, batches.modulus, batches.empty(3), words, "float", 0, 3)
    with pytest.raises(ParameterError, match="an array of <u8 was expected"):
        call(batches.stream, batches.modulus, out, batches.device.asarray(np.zeros(2)), "float", 0, 2)


class TestRefusals:
    """A launch for three elements in the smallest container, with one argument changed."""

    COUNT, LIMBS, ROWS = 3, 32, 7

    @pytest.fixture
    def launch(self, make_batches):
        batches = make_batches(2**1023 + 11)
        device, native = batches.device, batches.native
        constants = device.asarray(np.ones((2, self.ROWS, self.LIMBS), np.uint32))
        parts = native.FermatParts(batches.stream, constants, self.LIMBS)
        slots = parts.whole_blocks(2 * self.COUNT)
        arguments = {
            "parts": parts, "out": device.empty((self.COUNT, 4), np.uint32), "exact": device.empty(self.COUNT, np.uint8),
            "x": batches.operand(batches.raw([1, 2, 3])), "e": batches.exponents([3, 5], 3), "timing": "uniform",
            "window": 1, "tables": device.empty((slots, 2, self.LIMBS), np.uint32), "slots": slots, "words": 4,
            "count": self.COUNT,
        }  # fmt: skip

        def call(**changes):
            native.fermat_quotients(batches.stream, batches.modulus, *{**arguments, **changes}.values())

        call.batches, call.slots = batches, slots
        return call

    def test_what_does_not_fit(self, launch):
        device, empty = launch.batches.device, launch.batches.empty
        launch()
        launch(count=0)
        wrong = [
            ({"slots": 3}, "3 slots are not whole blocks"), ({"slots": 0}, "0 slots are not whole blocks"),
            ({"slots": 4 * launch.slots}, "elements was given where"), ({"window": 2}, "elements was given where"),
            ({"window": 0}, "1 to 16 bits, not 0"), ({"timing": "fast"}, "timing is 'uniform'"),
            ({"words": 33}, "33 words does not fit their squares"), ({"words": 5}, "12 elements was given where 15"),
            ({"exact": device.empty(2, np.uint8)}, "2 elements was given where 3"),
            ({"exact": empty(3)}, "an array of |u1 was expected"), ({"count": 4}, "elements was given where"),
            ({"e": launch.batches.exponents([3], 3)}, "rows 0 to 1 were asked for of an array that has 1"),
            ({"x": launch.batches.operand(launch.batches.raw([1, 2]))}, "rows 0 to 2 were asked for"),
        ]  # fmt: skip
        for changes, message in wrong:
            with pytest.raises(ParameterError) as caught:
                launch(**changes)
            assert message in str(caught.value), changes

    def test_constants(self, launch):
        native, device = launch.batches.native, launch.batches.device
        few = device.asarray(np.ones(2 * self.ROWS * self.LIMBS - 1, np.uint32))
        with pytest.raises(ParameterError, match=f"where {2 * self.ROWS * self.LIMBS} are read"):
            native.FermatParts(launch.batches.stream, few, self.LIMBS)
        with pytest.raises(ParameterError, match="too long for the kernels, which end at 8192"):
            native.FermatParts(launch.batches.stream, few, 257)


def test_whole_blocks_hold_both_parts(here):
    parts = math.lcm(*(32 // row[2] * row[3] for row in here.native.bigint.rows()))
    for limbs in (32, 64, 96, 128, 192, 256):
        constants = here.asarray(np.ones((2, TestRefusals.ROWS, limbs), np.uint32))
        made = here.native.bigint.FermatParts(here.stream, constants, limbs)
        for count in (1, 2, parts, parts + 1):
            slots = made.whole_blocks(count)
            assert slots >= count
            assert slots % 2 == 0
