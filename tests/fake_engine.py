"""A slow bigint engine whose batches look like nothing that hepy's own engines have.

A batch is a dictionary from row to big-endian bytes of (x + n // 3) mod n: neither an array, nor canonical, nor
in order. Whatever reads a batch above the protocol of leaves breaks here.
"""

import itertools
import math

import numpy as np

from hepy import _limbs as limb
from hepy.bigint.kernels import NotAUnit


class Batch:
    def __init__(self, kernels, residues):
        n, self._size = kernels.n, -(-kernels.n.bit_length() // 8)
        residues = list(residues)
        order = list(range(len(residues)))[::-1]
        self._rows = {row: ((residues[row] + n // 3) % n).to_bytes(self._size, "big") for row in order}

    def private(self, row):
        return int.from_bytes(self._rows[int(row)], "big")


class Kernels:
    """Contract: hepy.bigint.kernels.Kernels."""

    engine = "fake"
    chunk = 5  # an odd one, so that chunks end in the middle of everything

    def __init__(self, n, device=None):
        self.n = n
        self.words = limb.width(n.bit_length())

    def _ints(self, x):
        batch, rows = x
        return [(batch.private(row) - self.n // 3) % self.n for row in rows]

    def _made(self, values):
        return Batch(self, [value % self.n for value in values])

    def load(self, limbs):
        return self._made(limb.to_ints(np.asarray(limbs)))

    def store(self, x):
        return limb.from_ints(self._ints(x), self.words)

    def equal(self, x, y):
        return np.array([a == b for a, b in zip(self._ints(x), self._ints(y), strict=True)], dtype=bool)

    def gather(self, parts, count):
        made = [value for part in parts for value in self._ints(part)]
        assert len(made) == count
        return self._made(made)

    def multiply(self, x, y):
        return self._made(a * b for a, b in zip(self._ints(x), self._ints(y), strict=True))

    def square(self, x):
        return self._made(a * a for a in self._ints(x))

    def add(self, x, y):
        return self._made(a + b for a, b in zip(self._ints(x), self._ints(y), strict=True))

    def subtract(self, x, y):
        return self._made(a - b for a, b in zip(self._ints(x), self._ints(y), strict=True))

    def power(self, x, exponents, exponent_rows, bits):
        exponents = limb.to_ints(np.asarray(exponents))
        assert all(value >> bits == 0 for value in exponents)
        return self._made(pow(a, exponents[row], self.n) for a, row in zip(self._ints(x), exponent_rows, strict=True))

    power_vartime = power

    def fixed_base(self, base):
        return FixedBase(self, self._ints(base)[0])

    def inverse(self, x):
        values = self._ints(x)
        bad = [i for i, value in enumerate(values) if math.gcd(value, self.n) != 1]
        if bad:
            raise NotAUnit(bad)
        return self._made(pow(value, -1, self.n) for value in values)

    def segment_product(self, x, offsets):
        values = self._ints(x)
        pairs = itertools.pairwise(offsets)
        return self._made(math.prod(values[low:high]) for low, high in pairs)

    def prefix_product(self, x, run):
        out = []
        for i, value in enumerate(self._ints(x)):
            out.append(value if i % run == 0 else out[-1] * value % self.n)
        return self._made(out)

    def multi_power_vartime(self, x, exponents, wanted, bits):
        terms, columns = wanted.shape
        values = self._ints(x)
        exponents = limb.to_ints(np.asarray(exponents))
        out = []
        for row in range(len(values) // terms):
            for m in range(columns):
                powers = [
                    pow(values[row * terms + k], exponents[k * columns + m], self.n)
                    for k in range(terms)
                    if wanted[k, m]
                ]
                out.append(math.prod(powers))
        return self._made(out)


class FixedBase:
    def __init__(self, kernels, base):
        self._kernels, self._base = kernels, base

    def power(self, exponents, bits):
        numbers = limb.to_ints(np.asarray(exponents))
        assert all(value >> bits == 0 for value in numbers)
        return self._kernels._made(pow(self._base, value, self._kernels.n) for value in numbers)
