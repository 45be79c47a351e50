"""The transform of every length, against evaluation by definition and against the host's."""

import numpy as np
import pytest

from hepy import _devices
from hepy.errors import ParameterError
from hepy.ring import kernels, tables


def values(words, prime):
    """The transform by definition: entry k is the value at psi**(2 brv(k) + 1)."""
    degree = len(words)
    psi, order = tables.root(prime, degree), tables.bit_reversal(degree)
    return [sum(int(c) * pow(psi, (2 * int(order[k]) + 1) * n, prime) for n, c in enumerate(words)) % prime
            for k in range(degree)]  # fmt: skip


@pytest.fixture(scope="module")
def host():
    return kernels.kernels(_devices.resolve("cpu"))


@pytest.mark.parametrize("degree", [8, 16, 64, 128])
def test_values_are_those_of_the_definition(rings, basis, edges, degree):
    base = basis(degree)
    x = edges(base, (), seed=degree)
    got = rings.call("ntt", x, base)
    for limb, prime in enumerate(base.primes):
        assert got[limb].tolist() == values(x[limb], prime)
    assert (rings.call("intt", got, base) == x).all()


@pytest.mark.parametrize("log", range(3, 15))
def test_every_length_is_the_hosts(rings, host, basis, edges, log):
    base = basis(1 << log)
    x = edges(base, (2,), seed=log)
    want = host.ntt(x, base)
    assert (rings.call("ntt", x, base) == want).all()
    assert (rings.call("intt", want, base) == x).all()


@pytest.mark.slow
@pytest.mark.parametrize("log", [15, 16, 17])
def test_long_ones_too(rings, host, basis, edges, log):
    base = basis(1 << log)
    x = edges(base, (), seed=log)
    want = host.ntt(x, base)
    assert (rings.call("ntt", x, base) == want).all()
    assert (rings.call("intt", want, base) == x).all()


@pytest.mark.parametrize("log", [3, 5, 9, 10, 11, 12, 13])
@pytest.mark.parametrize("word", ["top", "turns"])
def test_ranges_hold_at_their_edges(rings, host, basis, log, word):
    """All words q - 1, or q - 1 and 0 by turns, make sums that are as large as sums become."""
    base = basis(1 << log, small=0)
    turns = np.arange(base.degree) % 2 if word == "turns" else np.ones(base.degree, np.uint32)
    x = ((base.words[:, None] - 1) * turns).astype(np.uint32)
    assert (rings.call("ntt", x, base) == host.ntt(x, base)).all()
    assert (rings.call("intt", x, base) == host.intt(x, base)).all()


@pytest.mark.parametrize("log", [3, 6, 8, 9, 12, 13])
def test_in_every_order_of_threads(rings, host, basis, edges, log, schedule):
    base = basis(1 << log, small=0)
    x = edges(base, (3,), seed=log)[::2]
    want = host.ntt(np.ascontiguousarray(x), base)
    assert (rings.call("ntt", x, base) == want).all()
    assert (rings.call("intt", want, base) == x).all()


def test_views_are_read_where_they_lie(rings, host, basis, edges):
    base = basis(32)
    a = edges(base, (3, 4), seed=1)
    x = rings.here(a).transpose(1, 0, 2, 3)[1:, ::-1]
    want = host.ntt(np.ascontiguousarray(a.transpose(1, 0, 2, 3)[1:, ::-1]), base)
    assert (_devices.to_host(rings.leaves.ntt(x, base)) == want).all()


def test_one_pass_up_to_4096_words_and_two_above(rings, basis, edges):
    for log, passes in ((12, 1), (13, 2)):
        base = basis(1 << log, small=0, special=0)
        x = rings.here(edges(base, ()))
        assert rings.launches(lambda x=x, base=base: rings.leaves.ntt(x, base)) == {"ring.ntt": passes}
        assert rings.launches(lambda x=x, base=base: rings.leaves.intt(x, base)) == {"ring.intt": passes}


def test_what_bindings_refuse(rings, basis, edges):
    base, native, stream = basis(16), rings.leaves.native, rings.device.stream
    known, x, out = rings.leaves.of(base), rings.here(edges(base, (2,))), rings.leaves.empty((2, len(base), 16))
    rows, factors = rings.here(np.zeros((2, 4), np.uint32)), rings.here(np.zeros(2, np.uint32))
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.ntt(stream, known, out, x[:, :2])
    with pytest.raises(ParameterError, match="are read or written"):
        native.intt_scaled(stream, known, out, x, factors, rows)
    with pytest.raises(ParameterError, match="are read or written"):
        native.ntt_plus_scaled(stream, known, out, x, x, factors[:1], rows)
    with pytest.raises(ParameterError, match="the batch axes of the result"):
        native.intt_scaled_keeping(stream, known, out, x, rings.here(np.zeros((2, 2), np.uint32)), out[:1], rows)
    with pytest.raises(ParameterError, match="odd elements"):
        native.ntt_plus_scaled_turned(stream, known, out, x, x, factors, 4, rows)
    with pytest.raises(ParameterError, match="another array of the result"):
        native.ntt_plus_scaled_turned(stream, known, out, out, x, factors, 5, rows)
    with pytest.raises(ParameterError, match="are read or written"):
        native.ntt_plus_scaled_turned(stream, known, out, x[:1], x, factors, 5, rows)
    for element in (2, 0):
        with pytest.raises(ParameterError, match="odd elements"):
            native.automorphism_ntt(stream, known, out, x, element)
