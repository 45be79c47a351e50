"""Integers and doubles to residues and back on the emulator, against Python's integers and its own rounding."""

import numpy as np
import pytest

from hepy import _devices, _limbs, ring
from hepy.errors import ParameterError

BATCH = (2, 3)


def planes(values, words):
    """Magnitudes uint32[..., words, N] and signs of an object array [..., N]."""
    magnitudes = _limbs.from_ints([abs(int(v)) for v in values.ravel()], words)
    return (
        np.ascontiguousarray(np.moveaxis(magnitudes.reshape(*values.shape, words), -1, -2)),
        np.array(values < 0, np.bool_),
    )


def near_edges(modulus, count, seed=0):
    """Integers in (-Q/2, Q/2): those next to 0, to the ends and to powers of 2^32, and random ones of every size."""
    generator = np.random.default_rng(seed)
    half = (modulus - 1) // 2
    found = [0, 1, -1, half, -half, half - 1, 1 - half]
    for k in range(1, modulus.bit_length() // 32 + 1):
        found += [s * ((1 << 32 * k) + e) for e in (-1, 0, 1) for s in (1, -1)]
    while len(found) < count:
        bits = int(generator.integers(1, modulus.bit_length()))
        found.append(int.from_bytes(generator.bytes(bits // 8 + 1)) % (1 << bits) * int(generator.choice([1, -1])))
    kept = [value for value in found if -half <= value <= half]
    generator.shuffle(kept)
    return [kept[i % len(kept)] for i in range(count)]


def residues(values, basis):
    return np.moveaxis(np.array([values % prime for prime in basis.primes], object), 0, -2)


def integers(basis, seed=0):
    shape = (*BATCH, basis.degree)
    return np.array(near_edges(basis.modulus, int(np.prod(shape)), seed), object).reshape(shape)


BASES = [(0, 1, 0), (1, 1, 1), (0, 2, 0), (0, 0, 2), (2, 3, 2), (1, 14, 4), (0, 32, 0)]


@pytest.mark.parametrize("kinds", BASES, ids=str)
def test_words_there_and_back(rings, kinds):
    basis = ring.RingBasis(
        (
            *(ring.primes(1 << 20, 16, kinds[0]) if kinds[0] else ()),
            *(ring.primes(1 << 30, 16, kinds[1]) if kinds[1] else ()),
            *(ring.primes(1 << 31, 16, kinds[2]) if kinds[2] else ()),
        ),
        16,
    )
    values = integers(basis, seed=sum(kinds))
    words, negative = planes(values, _limbs.width(basis.modulus.bit_length()))
    got = rings.call("from_words", words, negative, basis)
    assert (got == residues(values, basis)).all()
    back, signs = rings.leaves.to_words(rings.here(got), basis)
    assert (_devices.to_host(back) == words).all()
    assert (_devices.to_host(signs) == negative).all()
    assert signs.dtype == np.bool_


def test_words_longer_than_the_modulus(rings, basis):
    base = basis(8)
    values = np.array([(-1) ** k * ((1 << 320) - 1 - k) for k in range(8)], object)
    got = rings.call("from_words", *planes(values, 10), base)
    assert (got == residues(values, base)).all()


def test_small_primes(rings):
    """Words far above the prime, and bases in which the multiple of Q is as large as it becomes."""
    basis = ring.RingBasis([17, 97, 113, 193, 241], 8)
    values = np.array([k * basis.modulus // 7 + k for k in range(-4, 4)], object)
    words, negative = planes(values, 2)
    got = rings.call("from_words", words, negative, basis)
    assert (got == residues(values, basis)).all()
    centred = [(int(v) + basis.modulus // 2) % basis.modulus - basis.modulus // 2 for v in values]
    back, signs = rings.leaves.to_words(rings.here(got), basis)
    back, signs = _devices.to_host(back), _devices.to_host(signs)
    assert [-v if s else v for v, s in zip(_limbs.to_ints(back.T), signs, strict=True)] == centred


@pytest.mark.parametrize("limbs", [1, 2, 3, 7, 33])
def test_floats_are_the_nearest(rings, limbs):
    basis = ring.RingBasis(ring.primes(1 << 31, 64, limbs), 64)
    values = integers(basis, seed=limbs)
    # Halves between doubles, and what lies next to them, in every binade that the modulus has.
    flat = values.ravel()
    for i in range(0, flat.size, 3):
        exponent = i % max(1, basis.modulus.bit_length() - 56)
        odd = (1 << 53) + 2 * (i % 5) + 1
        candidate = (odd << exponent) + (i % 3 - 1) * (exponent > 1)
        if 2 * candidate < basis.modulus:
            flat[i] = candidate * (-1) ** i
    words = residues(values, basis).astype(np.uint32)
    got = rings.call("to_floats", words, basis)
    assert got.tolist() == values.astype(float).tolist()  # Python rounds integers half to even


def test_floats_to_residues(rings, basis):
    base = basis(64)
    generator = np.random.default_rng(3)
    x = np.ldexp(generator.normal(size=(3, 64)), generator.integers(-40, 58, (3, 64)))
    x[0, :8] = [0.0, -0.0, 0.5, 1.5, -0.5, -2.5, 2.0**61 + 1024, -(2.0**61)]
    for scale in (1.0, 2.0, 0.1):
        want = np.array([[round(value * scale) for value in row] for row in x.tolist()], object)
        assert (rings.call("from_floats", x, scale, base) == residues(want, base)).all()


def test_in_every_order_of_threads(rings, basis, schedule):
    base = basis(128)
    values = integers(base, seed=9)
    words, negative = planes(values, _limbs.width(base.modulus.bit_length()))
    got = rings.call("from_words", words, negative, base)
    assert (got == residues(values, base)).all()
    assert (_devices.to_host(rings.leaves.to_words(rings.here(got), base)[0]) == words).all()
    assert rings.call("to_floats", got, base).tolist() == values.astype(float).tolist()


def test_operands_are_read_where_they_lie(rings, basis):
    base = basis(16)
    values = integers(base, seed=4)
    x = rings.here(residues(values, base).astype(np.uint32)).transpose(1, 0, 2, 3)[::-1]
    want = values.transpose(1, 0, 2)[::-1].astype(float).tolist()
    assert _devices.to_host(rings.leaves.to_floats(x, base)).tolist() == want
    words, negative = planes(values, 3)
    shown = rings.device.xp.broadcast_to(rings.here(words[0, 0]), (4, 3, 16))
    signs = rings.device.xp.broadcast_to(rings.here(negative[0, 0]), (4, 16))
    got = _devices.to_host(rings.leaves.from_words(shown, signs, base))
    assert (got == residues(values[0, 0], base)).all()


def test_launches(rings, basis):
    """One each; two primes take the short way."""
    base = basis(16, small=0)
    x = rings.here(np.zeros((2, 2, 16), np.uint32))
    assert rings.launches(lambda: rings.leaves.to_floats(x, base)) == {"ring.to_floats": 1}
    assert rings.launches(lambda: rings.leaves.to_words(x, base)) == {"ring.to_words": 1}
    assert rings.launches(lambda: rings.leaves.to_floats(x[:0], base)) == {}
    assert rings.launches(lambda: rings.leaves.from_floats(rings.here(np.zeros((2, 16))), 2.0, base)) == {
        "ring.from_floats": 1
    }


def test_what_bindings_refuse(rings, basis):
    base, native, stream, leaves = basis(16), rings.leaves.native, rings.device.stream, rings.leaves
    out, signs = leaves.empty((2, len(base), 16)), rings.here(np.zeros((2, 16), np.uint8))
    words = rings.here(np.zeros((2, 2, 16), np.uint32))
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.from_words(stream, leaves.of(base), out, words, signs, 3)
    with pytest.raises(ParameterError, match="16 elements was given where 32"):
        native.from_words(stream, leaves.of(base), out, words, signs[:1], 2)
    with pytest.raises(ParameterError, match="array of <f8 was expected"):
        native.from_floats(stream, leaves.of(base), out, words, 1.0)
    with pytest.raises(ParameterError, match="two primes"):
        native.to_floats_of_two(stream, leaves.of(base), rings.here(np.zeros((2, 16))), words, 1)
    with pytest.raises(ParameterError, match="multiple of 4"):
        native.Recombination(stream, *(rings.here(np.zeros(n, np.uint32)) for n in (16, 24, 6)), 2, 16)


def test_more_axes_than_kernels_take(rings, basis):
    base = basis(8)
    values = np.arange(2**6 * 8).reshape(2, 2, 2, 2, 2, 2, 8).astype(object) - 100
    words, negative = planes(values, 1)
    x = rings.here(words).transpose(5, 4, 3, 2, 1, 0, 6, 7)
    signs = rings.here(negative).transpose(5, 4, 3, 2, 1, 0, 6)
    want = values.transpose(5, 4, 3, 2, 1, 0, 6)
    got = rings.leaves.from_words(x, signs, base)
    assert (_devices.to_host(got) == residues(want, base)).all()
    assert (_devices.to_host(rings.leaves.to_floats(got.transpose(1, 0, 3, 2, 5, 4, 6, 7), base)).ravel().tolist()
            == want.transpose(1, 0, 3, 2, 5, 4, 6).ravel().tolist())  # fmt: skip
