"""The canonical embedding against mpmath, and bit by bit against its definition in Python floats."""

import cmath
import math
import re

import mpmath
import numba
import numpy as np
import pytest

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.ring.embedding import roots, slot_order
from hepy.ring.loops import embedding

SLOTS = [1, 2, 4, 8, 64]


def embed(coefficients, slots):
    return _devices.to_host(ring.embed(coefficients, slots))


def unembed(z, degree):
    return _devices.to_host(ring.unembed(z, degree))


def values(slots, batch=(), seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(*batch, slots)) + 1j * generator.normal(size=(*batch, slots))


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("gap", [1, 4])
def test_slots_are_values_at_the_roots(device, slots, gap):
    degree = max(2 * slots * gap, 8)
    gap = degree // (2 * slots)
    coefficients = np.zeros(degree)
    coefficients[::gap] = np.random.default_rng(1).normal(size=2 * slots)
    got = embed(coefficients, slots)
    with mpmath.workdps(40):
        for j, slot in enumerate(got):
            angle = mpmath.mpf(pow(5, j, 2 * degree)) / degree
            want = mpmath.fsum(mpmath.mpf(c) * mpmath.expjpi(angle * k) for k, c in enumerate(coefficients.tolist()))
            assert abs(want - complex(slot)) < 1e-15 * (1 + math.log2(slots)) * np.linalg.norm(coefficients)


@pytest.mark.parametrize("slots", [*SLOTS, 1 << 12])
def test_there_and_back(device, slots):
    z = values(slots, (2, 3))
    for degree in {max(8, 2 * slots), max(8, 8 * slots)}:
        coefficients = unembed(z, degree)
        assert coefficients.shape == (2, 3, degree)
        gap = degree // (2 * slots)
        assert not coefficients.reshape(2, 3, -1, gap)[..., 1:].any()
        assert abs(embed(coefficients, slots) - z).max() < 1e-14


def reversed_bits(index, count):
    bits = count.bit_length() - 1
    return int(format(index, f"0{bits}b")[::-1], 2) if bits else 0


def reference(coefficients, slots):
    """The definition, one Python float operation after the other: no fused operation can hide here."""
    gap = len(coefficients) // (2 * slots)
    x = [float(c) for c in coefficients[: slots * gap : gap]]
    y = [float(c) for c in coefficients[slots * gap :: gap]]
    cosines, sines = roots(slots).tolist()
    m, half = 1, slots // 2
    while half:
        for block in range(m):
            c, s = cosines[m + block], sines[m + block]
            for a in range(2 * half * block, 2 * half * block + half):
                b = a + half
                u = x[b] * c - y[b] * s
                v = x[b] * s + y[b] * c
                x[a], y[a], x[b], y[b] = x[a] + u, y[a] + v, x[a] - u, y[a] - v
        m, half = 2 * m, half // 2
    leaf = {(1 + 4 * reversed_bits(k, slots)) % (4 * slots): k for k in range(slots)}
    order = [leaf[pow(5, j, 4 * slots)] for j in range(slots)]
    return [complex(x[k], y[k]) for k in order]


def inverse_reference(z, degree):
    slots = len(z)
    leaf = {(1 + 4 * reversed_bits(k, slots)) % (4 * slots): k for k in range(slots)}
    x, y = [0.0] * slots, [0.0] * slots
    for j, slot in enumerate(z):
        k = leaf[pow(5, j, 4 * slots)]
        x[k], y[k] = float(slot.real), float(slot.imag)
    cosines, sines = roots(slots).tolist()
    m, half = slots // 2, 1
    while m:
        for block in range(m):
            c, s = cosines[m + block], sines[m + block]
            for a in range(2 * half * block, 2 * half * block + half):
                b = a + half
                u, v = x[a] - x[b], y[a] - y[b]
                x[a], y[a] = x[a] + x[b], y[a] + y[b]
                x[b] = u * c + v * s
                y[b] = v * c - u * s
        m, half = m // 2, 2 * half
    out, gap = [0.0] * degree, degree // (2 * slots)
    out[: slots * gap : gap], out[slots * gap :: gap] = [part / slots for part in x], [part / slots for part in y]
    return out


@pytest.mark.parametrize("slots", [1, 2, 4, 8, 32, 512])
def test_bits_are_those_of_the_definition(device, slots):
    degree = max(8, 4 * slots)
    coefficients = np.random.default_rng(2).normal(size=(3, degree)) * 2.0**40
    got = embed(coefficients, slots)
    assert [row.tolist() for row in got] == [reference(row.tolist(), slots) for row in coefficients]
    z = values(slots, (3,), seed=3)
    assert unembed(z, degree).tolist() == [inverse_reference(row, degree) for row in z]


@pytest.mark.parametrize("loop", [embedding.forward, embedding.inverse], ids=lambda loop: loop.__name__)
def test_no_instruction_is_fused(loop):
    compiled = numba.njit(nogil=True)(loop.py_func)  # code from numba's cache cannot be read
    values = np.ones((1, 32), np.complex128)
    compiled(values.copy(), values, slot_order(32), np.ones(32), np.ones(32), roots(32), 0, 1)
    code = "\n".join(compiled.inspect_asm().values())
    assert re.search(r"\bv?mul[ps]d|\bfmul", code), "the multiplications were not found"
    assert not re.search(r"\bvfn?m(add|sub)|\bfn?m(add|sub|la|ls)", code)


def test_roots_are_correctly_rounded():
    table = roots(256)
    with mpmath.workdps(50):
        for m in (1, 2, 64, 128):
            for block in range(0, m, max(1, m // 16)):
                angle = mpmath.mpf(1 + 4 * reversed_bits(block, m)) / (4 * m)
                assert table[0, m + block] == float(mpmath.cospi(angle))
                assert table[1, m + block] == float(mpmath.sinpi(angle))


def test_rotations_and_conjugation(device, mixed):
    basis = mixed(64)
    z = values(32)
    x = basis.coefficients(np.rint(unembed(z, 64) * 2.0**40).astype(np.int64))
    for step in (0, 1, 5, -3, 31, 40):
        turned = x.automorphism(ring.galois_element(step, 64)).to_floats() / 2.0**40
        assert abs(embed(turned, 32) - np.roll(z, -step)).max() < 1e-10
    conjugate = x.automorphism(-1).to_floats() / 2.0**40
    assert abs(embed(conjugate, 32) - z.conj()).max() < 1e-10


def test_constant_polynomials(device):
    assert embed([2.5] + [0.0] * 15, 8).tolist() == [2.5] * 8
    assert unembed([1j] * 4, 8).tolist() == pytest.approx([0, 0, 0, 0, 1, 0, 0, 0], abs=1e-15)
    assert cmath.isclose(embed([0.0, 1.0] + [0.0] * 6, 4)[0], cmath.exp(1j * cmath.pi / 8))


def test_sizes_that_do_not_fit(device):
    for act, said in [
        (lambda: embed(np.zeros(8), 8), "4 slots, not 8"),
        (lambda: embed(np.zeros(8), 3), "4 slots, not 3"),
        (lambda: embed(np.zeros(12), 2), "power of two, not 12"),
        (lambda: embed(1.0, 2), "not 0"),
        (lambda: unembed(np.zeros(8), 8), "4 slots, not 8"),
        (lambda: unembed(np.zeros((4, 0)), 8), "4 slots, not 0"),
    ]:
        with pytest.raises(ParameterError, match=said):
            act()
