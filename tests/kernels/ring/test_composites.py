"""ModUp and rescaling in few launches, against the composition of leaves on the host."""

import numpy as np
import pytest

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.ring import conversion
from hepy.ring.polynomial import Coefficients, Polynomial


@pytest.fixture
def primes():
    """A function from a degree to some narrow primes, and some next to 2**31."""

    def make(degree):
        return ring.primes(1 << 20, degree, 2) + ring.primes(1 << 30, degree, 4), ring.primes(1 << 31, degree, 3)

    return make


def on(name, kind, basis, words):
    device = _devices.resolve(name)
    return kind(basis, device, device.asarray(words))


def composed(patch, function):
    """What conversion.py makes of leaves, on the host."""
    leaves = type(on("cpu", Polynomial, ring.RingBasis([97], 8), np.zeros((1, 8), np.uint32))._kernels)
    with patch.context() as here:
        for name in ("mod_up", "rescale"):
            here.delattr(leaves, name)
        return function("cpu")


@pytest.mark.parametrize("log", [3, 7, 12, 13])
@pytest.mark.parametrize("centred", [True, False])
def test_mod_up(device, primes, edges, monkeypatch, log, centred):
    main, special = primes(1 << log)
    base = ring.RingBasis([main[3], main[0], main[4], main[1], main[2]], 1 << log)
    digits = [ring.RingBasis(each, 1 << log) for each in ((main[0], main[3]), (main[1], main[5]), (main[2], main[4]))]
    words = edges(base, (2,) if log < 10 else (), seed=log)

    def extended(name):
        x = on(name, Polynomial, base, words)
        return conversion.mod_up(x, digits, ring.RingBasis(special, 1 << log), centred=centred).to_limbs()

    assert (extended(device.name) == composed(monkeypatch, extended)).all()


@pytest.mark.parametrize("log", [3, 8, 12, 13])
@pytest.mark.parametrize("kind", [Polynomial, Coefficients])
def test_rescale(device, primes, edges, monkeypatch, log, kind):
    main, special = primes(1 << log)
    base = ring.RingBasis((*main[:4], *special), 1 << log)
    words = edges(base, (3,) if log < 10 else (), seed=log)
    for target in (main[:4], main[1:6], (main[5], main[2], special[1], main[0]), (*main, *special), main[4:6]):
        basis = ring.RingBasis(target, 1 << log)

        def divided(name, basis=basis):
            return conversion.rescale(on(name, kind, base, words), basis).to_limbs()

        assert (divided(device.name) == composed(monkeypatch, divided)).all()


@pytest.mark.parametrize("log", [3, 8, 12, 13])
def test_an_automorphism_on_the_way_out(device, primes, edges, log):
    main, special = primes(1 << log)
    base = ring.RingBasis((*main[:4], *special), 1 << log)
    words = edges(base, (3,) if log < 10 else (), seed=log)
    for target in (main[:4], main[1:6], (*main, *special), base.primes):
        basis = ring.RingBasis(target, 1 << log)
        x, host = (on(name, Polynomial, base, words) for name in (device.name, "cpu"))
        for element in (5, -1, 1, 1 + (2 << log)):
            want = conversion.rescale(host, basis).automorphism(element)
            assert (conversion.rescale(x, basis, element).to_limbs() == want.to_limbs()).all()
    with pytest.raises(ParameterError, match="has to be odd"):
        conversion.mod_down(x, ring.RingBasis(special, 1 << log), 4)


def test_views_and_many_axes(device, primes, edges):
    main, special = primes(8)
    base = ring.RingBasis((*main, *special), 8)
    words = edges(base, (2, 1, 2, 1, 2, 2), seed=1)
    digits = [ring.RingBasis(main[:3], 8), ring.RingBasis(main[3:], 8)]
    results = []
    for name in ("cpu", device.name):
        x = on(name, Polynomial, base, words).transpose(5, 2, 4, 1, 0, 3)[::-1]
        lower = conversion.mod_down(x, ring.RingBasis(special, 8), 5)
        raised = conversion.mod_up(lower[:, 1], digits, ring.RingBasis(special, 8))
        results.append((lower.to_limbs(), raised.to_limbs()))
    for host, here in zip(*results, strict=True):
        assert (host == here).all()


@pytest.mark.parametrize("log", [5, 13])
def test_in_every_order_of_threads(device, primes, edges, log, schedule):
    main, special = primes(1 << log)
    base, special = ring.RingBasis(main[:4], 1 << log), ring.RingBasis(special, 1 << log)
    digits = [base[:2], base[2:]]
    words = edges(base, (), seed=log)
    host, here = (
        conversion.mod_down(
            conversion.mod_up(on(name, Polynomial, base, words), digits, special), special, 5
        ).to_limbs()
        for name in ("cpu", device.name)
    )
    assert (host == here).all()


@pytest.mark.parametrize(("log", "passes"), [(12, 1), (13, 2)])
def test_launches(rings, primes, edges, log, passes):
    main, special = primes(1 << log)
    base, special = ring.RingBasis(main[:3], 1 << log), ring.RingBasis(special[:2], 1 << log)
    x = on(rings.device.name, Polynomial, base, edges(base, ()))
    raised = conversion.mod_up(x, [base[:2], base[2:]], special)
    assert rings.launches(lambda: conversion.mod_up(x, [base[:2], base[2:]], special)) == {
        "ring.intt_scaled_keeping": passes,
        "ring.convert": 1,
        "ring.ntt": passes,
    }
    assert rings.launches(lambda: conversion.mod_down(raised, special)) == {
        "ring.intt_scaled": passes,
        "ring.convert": 1,
        "ring.ntt_plus_scaled": passes,
    }
    assert rings.launches(lambda: conversion.mod_down(raised, special, 5)) == {
        "ring.intt_scaled": passes,
        "ring.convert": 1,
        "ring.ntt_plus_scaled_turned": passes,
    }
