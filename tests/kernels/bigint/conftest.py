"""Batches of integers for kernel tests: raw limbs in, Python integers out."""

from __future__ import annotations

import functools
import math
import random

import numpy as np
import pytest

from hepy import _devices, _limbs

MARK = int.from_bytes(b"\xe7" * 1024, "little")
SIZES = (1024, 2048, 3072, 4096, 6144, 8192)  # bits that the kernels are compiled for


class Batches:
    """A modulus on a device, in a container of at least so many bits.

    Raw integers are any below R, in Montgomery form: the raw integer x stands for x / R mod n. Where a root m of n is
    given, elements are pairs: the raw integer a + R b, for a, b below R, stands for (a + b m) / R mod n.
    """

    def __init__(self, device: _devices.Device, n: int, bits: int = 0, root: int | None = None) -> None:
        self.device = device
        self.native = self.device.native.bigint
        self.stream = self.device.stream
        self.n = n
        self.words = -(-max(bits, n.bit_length()) // 32)
        self.root = root
        self.limbs = self.native.limbs(device.index, self.words, root is not None)
        self.radix = 1 << 32 * self.limbs // (2 if root else 1)
        self.bound = 1 << 32 * self.limbs  # of raw integers
        minus_inverse = -pow(root or n, -1, 1 << 32) % (1 << 32)
        first = root + self.radix % root * self.radix if root else n
        rows = [first, self.raw_of(self.radix % n), self.raw_of(self.radix**2 % n)]
        tail = np.array([minus_inverse, 0, 0, 0], np.uint32)
        constants = self.device.asarray(np.concatenate([_limbs.from_ints(rows, self.limbs).ravel(), tail]))
        self.modulus = self.native.Modulus(self.stream, constants, self.words, paired=root is not None)

    def raw_of(self, x):
        """The raw integer of an element x mod n."""
        return x % self.root + x // self.root * self.radix if self.root else x

    def value_of(self, raw):
        """The element that a raw integer is, not reduced."""
        return raw % self.radix + raw // self.radix * self.root if self.root else raw

    def raw(self, values):
        """A batch that holds these limbs."""
        return self.device.asarray(_limbs.from_ints(values, self.limbs))

    def marked(self, count):
        """A batch full of a value that no kernel writes."""
        return self.raw([MARK % self.bound] * count)

    def empty(self, count, dtype=np.uint32):
        shape = (count, self.limbs) if dtype == np.uint32 else (count,)
        return self.device.empty(shape, dtype)

    def operand(self, x, rows=None, start=0, step=1):
        index = None if rows is None else self.device.asarray(np.asarray(rows, np.int64))
        return self.native.Operand(x, index, start, step)

    def call(self, kernel, *operands, count=None):
        """A new batch from an elementwise kernel over whole batches or Operands."""
        count = len(operands[0]) if count is None else count
        out = self.empty(count)
        operands = [x if isinstance(x, self.native.Operand) else self.operand(x) for x in operands]
        getattr(self.native, kernel)(self.stream, self.modulus, out, *operands, count)
        return out

    def limbs_of(self, batch):
        """The raw integers of a batch."""
        return _limbs.to_ints(_devices.to_host(batch))

    def store(self, batch):
        """Least residues, as Python integers."""
        out = self.device.empty((len(batch), self.words), np.uint32)
        self.native.store(self.stream, self.modulus, out, self.operand(batch), len(batch))
        return _limbs.to_ints(_devices.to_host(out))

    def load(self, values, words):
        out = self.empty(len(values))
        source = self.device.asarray(_limbs.from_ints(values, words))
        self.native.load(self.stream, self.modulus, out, source, words, len(values))
        return out

    def exponents(self, values, bits, rows=None, start=0, step=1):
        width = -(-max(bits, 1) // 32)
        words = self.device.asarray(_limbs.from_ints(values, width))
        index = None if rows is None else self.device.asarray(np.asarray(rows, np.int64))
        return self.native.Exponents(words, width, bits, index, start, step)

    def offsets(self, values):
        return self.device.asarray(np.asarray(values, np.int64))

    def power(self, x, exponents, count, window, timing="uniform", slots=1):
        out, slots = self.empty(count), self.modulus.whole_blocks(slots)
        tables = self.empty(slots << window)
        operand = x if isinstance(x, self.native.Operand) else self.operand(x)
        self.native.power(self.stream, self.modulus, out, operand, exponents, timing, window, tables, slots, count)
        return out

    def encode(self, values):
        """Raw integers that stand for these residues."""
        return [self.raw_of(value * self.radix % self.n) for value in values]

    def decode(self, raws):
        inverse = pow(self.radix, -1, self.n)
        return [self.value_of(raw) * inverse % self.n for raw in raws]


def moduli(bits):
    """Odd moduli for a container: full of ones, barely full, random, and far shorter."""
    source = random.Random(bits)
    full = source.getrandbits(bits) | 1 << bits - 1 | 1
    return {"ones": 2**bits - 1, "half": 2 ** (bits - 1) + 1, "full": full, "short": full >> bits // 2 | 1, "three": 3}


def edges(n, radix):
    """Raw integers where carries, subtractions and least residues have their limits."""
    source = random.Random(n)
    sparse = sum((2**32 - 1) << 32 * i for i in range(0, radix.bit_length() // 32, 2))
    chosen = [0, 1, n - 1, n, radix - 1, radix - n, sparse, radix - 2**32, 2**32 - 1, source.randrange(radix)]
    return [value % radix for value in chosen]


def pair_edges(m, radix):
    """The same of pairs: both numbers at their limits, and each beside others."""
    some = edges(m, radix)
    alike = [(0, 0), (1, 0), (0, 1), (m - 1, m - 1), (m, m), (radix - 1, radix - 1), (radix - 1, 0), (0, radix - 1)]
    mixed = [(some[i], some[(3 * i + 4) % len(some)]) for i in range(len(some))]
    return [a + b * radix for a, b in alike + mixed]


@pytest.fixture(params=SIZES)
def bits(request):
    return request.param


@pytest.fixture(params=("ones", "half", "full", "short", "three"))
def modulus_kind(request):
    return request.param


@pytest.fixture(params=("whole", "pairs"))
def form(request):
    return request.param


@pytest.fixture
def batches(device, bits, modulus_kind, form):
    if form == "whole":
        return Batches(device, moduli(bits)[modulus_kind], bits)
    root = moduli(bits // 2)[modulus_kind]
    return Batches(device, root**2, bits, root)


@pytest.fixture
def edge_values(batches):
    return pair_edges(batches.root, batches.radix) if batches.root else edges(batches.n, batches.radix)


@pytest.fixture
def make_batches(device):
    return functools.partial(Batches, device)


@pytest.fixture
def make_forms(device, form):
    """make_batches for a modulus, or in the form of pairs for the square next below it."""

    def make(n, bits=0):
        root = (math.isqrt(n) - 1) | 1
        return Batches(device, n, bits) if form == "whole" else Batches(device, root**2, bits, root)

    return make
