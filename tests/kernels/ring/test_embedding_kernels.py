"""The canonical embedding on the emulator: the host's bits, which tests/ring compares with the definition."""

import numpy as np
import pytest

from hepy import _devices
from hepy.errors import ParameterError
from hepy.ring.kernels import kernels


@pytest.fixture(scope="module")
def host():
    return kernels(_devices.resolve("cpu"))


def numbers(shape, seed):
    """Complex numbers of many magnitudes: rounding in another order shows."""
    generator = np.random.default_rng(seed)
    parts = np.ldexp(generator.normal(size=(2, *shape)), generator.integers(-30, 30, (2, *shape)))
    return parts[0] + 1j * parts[1]


def same_bits(a, b):
    return (np.ascontiguousarray(a).view(np.uint64) == np.ascontiguousarray(b).view(np.uint64)).all()


@pytest.mark.parametrize("log", range(14))
def test_every_length_has_the_hosts_bits(rings, host, log):
    z = numbers((2, 1 << log), log)
    assert same_bits(rings.call("embed", z), host.embed(z))
    assert same_bits(rings.call("unembed", z), host.unembed(z))


@pytest.mark.slow
@pytest.mark.parametrize("log", [14, 15, 16])
def test_long_ones_too(rings, host, log):
    z = numbers((1 << log,), log)
    assert same_bits(rings.call("embed", z), host.embed(z))
    assert same_bits(rings.call("unembed", z), host.unembed(z))


@pytest.mark.parametrize("log", [3, 8, 11, 12])
def test_in_every_order_of_threads(rings, host, log, schedule):
    z = numbers((3, 1 << log), log)
    assert same_bits(rings.call("embed", z), host.embed(z))
    assert same_bits(rings.call("unembed", z), host.unembed(z))


def test_views_and_empty_batches(rings, host):
    z = numbers((4, 3, 16), 1)
    got = _devices.to_host(rings.leaves.embed(rings.here(z).transpose(1, 0, 2)[::-1]))
    assert same_bits(got, host.embed(z.transpose(1, 0, 2)[::-1]))
    assert rings.call("unembed", z[:0]).shape == (0, 3, 16)


def test_one_pass_up_to_2048_slots_and_two_above(rings):
    for log, passes in ((11, 1), (12, 2)):
        z = rings.here(numbers((1 << log,), 2))
        assert rings.launches(lambda z=z: rings.leaves.embed(z)) == {"ring.embed": passes}
        assert rings.launches(lambda z=z: rings.leaves.unembed(z)) == {"ring.unembed": passes}


def test_what_bindings_refuse(rings):
    native, stream = rings.leaves.native, rings.device.stream
    z, short = (rings.here(np.zeros(size)) for size in (32, 16))
    order = rings.here(np.zeros(16, np.uint32))
    for arguments in ([short, None, z, z, order, 4], [z, None, z, short, order, 4], [z, None, z, z, order[:8], 4]):
        with pytest.raises(ParameterError, match="are read or written"):
            native.embed(stream, *arguments)
    long = rings.here(np.zeros(2 << 12))
    with pytest.raises(ParameterError, match="array in device memory"):
        native.embed(stream, long, None, long, long, rings.here(np.zeros(1 << 12, np.uint32)), 12)
    with pytest.raises(ParameterError, match="2\\^16 slots"):
        native.embed(stream, z, None, z, z, order, 17)
