"""Rings on a device for kernel tests: words in, words out."""

import numpy as np
import pytest

from hepy import _devices, ring
from hepy.ring.kernels import kernels


class Rings:
    """The leaves of a device, given and giving arrays of the host."""

    def __init__(self, device):
        self.device = device
        self.leaves = kernels(device)

    def here(self, words):
        return self.device.asarray(np.ascontiguousarray(words))

    def call(self, name, *arguments):
        """A leaf; arrays of words go to the device, results come back."""
        moved = [self.here(x) if isinstance(x, np.ndarray) else x for x in arguments]
        return _devices.to_host(getattr(self.leaves, name)(*moved))

    def launches(self, function):
        """Kernels that the function launched, how many of each."""
        before = self.device.native.launch_counts()
        function()
        after = self.device.native.launch_counts()
        return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


@pytest.fixture
def rings(device):
    return Rings(device)


@pytest.fixture(scope="session")
def basis():
    """A function from a degree to a basis whose primes are small, next to 2**30 and next to 2**31."""

    def make(degree, small=1, main=1, special=1):
        found = ring.primes(1 << 20, degree, small) if small else ()
        found = (*found, *ring.primes(1 << 30, degree, main))
        return ring.RingBasis((*found, *ring.primes(1 << 31, degree, special)), degree)

    return make


@pytest.fixture(scope="session")
def edges():
    """A function from a basis and a batch shape to words: 0, 1 and q - 1 often, else random."""

    def make(basis, shape, seed=0):
        generator = np.random.default_rng(seed)
        q = basis.words[:, None].astype(np.int64)
        words = generator.integers(0, q, (*shape, len(basis), basis.degree))
        kind = generator.integers(0, 6, words.shape)
        return np.select(
            [kind == 0, kind == 1, kind == 2], [0 * words, 0 * words + 1, 0 * words + q - 1], words
        ).astype(np.uint32)

    return make
