"""Words of a stream to residues on the emulator, word by word against the definitions."""

import numpy as np
import pytest

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.ring.sampling import GAUSSIAN_THRESHOLDS

TOP = 2**32 - 1


def residues(values, basis):
    return np.moveaxis(np.array([values.astype(object) % prime for prime in basis.primes], object), 0, -2)


@pytest.fixture(params=["usual", "tiny"])
def base(request, basis):
    """Also primes below the magnitudes that samplers give."""
    return basis(64) if request.param == "usual" else ring.RingBasis([17, 97, 113], 8)


def test_thresholds_that_magnitudes_would_pass(rings):
    """17 is the smallest prime: up to 33, a magnitude takes one subtraction."""
    base = ring.RingBasis([17], 8)
    words = np.full((8, 2), TOP, np.uint32)
    got = rings.call("gaussian", words, np.arange(33, dtype=np.uint64), base)
    assert (got == -33 % 17).all()
    with pytest.raises(ParameterError, match="33 thresholds at most"):
        rings.call("gaussian", words, np.arange(34, dtype=np.uint64), base)


def drawn(shape, seed):
    return np.random.default_rng(seed).integers(0, 2**32, shape, dtype=np.uint32)


def test_ternary(rings, base):
    words = np.minimum(drawn((3, base.degree), 1), np.uint32(TOP - 1))
    third = TOP // 3
    words[0, :8] = [0, third - 1, third, 2 * third - 1, 2 * third, 3 * third - 1, 1, 2]
    want = np.select([words < third, words < 2 * third], [0, 1], -1)
    assert (rings.call("ternary", words, base) == residues(want, base)).all()


def test_gaussian(rings, base):
    words = drawn((4, base.degree, 2), 2)
    edges = [t + e for t in GAUSSIAN_THRESHOLDS for e in (-1, 0)][-base.degree :]
    for place, upper in enumerate(edges[: base.degree]):
        word = 2 * upper + place % 2
        words[1, place] = word % 2**32, word >> 32
    words[2, :2] = [[0, 0], [TOP, TOP]]
    wide = words[..., 0].astype(object) + (words[..., 1].astype(object) << 32)
    reached = sum((wide >> 1) >= threshold for threshold in GAUSSIAN_THRESHOLDS)
    want = np.where(wide & 1, -reached, reached)
    thresholds = np.array(GAUSSIAN_THRESHOLDS, np.uint64)
    assert (rings.call("gaussian", words, thresholds, base) == residues(want, base)).all()


@pytest.mark.parametrize("share", [0, 1, 3, 4])
def test_sparse_ternary(rings, base, share):
    weight = base.degree * share // 4
    words = drawn((2, 2, base.degree, 4), 3)
    want = np.zeros((4, base.degree), object)
    for polynomial, row in zip(words.reshape(4, base.degree, 4).tolist(), want, strict=True):
        left = weight
        for k, (low, high, sign, _) in enumerate(polynomial):
            if ((high << 32 | low) * (base.degree - k)) >> 64 < left:
                left -= 1
                row[k] = -1 if sign & 1 else 1
        assert left == 0
    got = rings.call("sparse_ternary", words, weight, base)
    assert (got == residues(want.reshape(2, 2, -1), base)).all()


def test_a_polynomial_of_several_tiles(rings, basis, schedule):
    """More coefficients than a block has threads, in every order of threads."""
    base = basis(1024, small=0, special=0)
    words = drawn((2, 1024, 4), 4)
    host = np.asarray([_sparse(row, 1024, 300) for row in words.tolist()], object)
    assert (rings.call("sparse_ternary", words, 300, base) == residues(host, base)).all()
    flat = words[..., 0] % np.uint32(TOP)
    want = np.select([flat < TOP // 3, flat < 2 * (TOP // 3)], [0, 1], -1)
    assert (rings.call("ternary", flat, base) == residues(want, base)).all()


def _sparse(polynomial, degree, weight):
    left, out = weight, []
    for k, (low, high, sign, _) in enumerate(polynomial):
        taken = ((high << 32 | low) * (degree - k)) >> 64 < left
        left -= taken
        out.append((-1 if sign & 1 else 1) if taken else 0)
    return out


def test_launches_and_empty_batches(rings, base):
    words = rings.here(drawn((2, base.degree, 4), 5))
    assert rings.launches(lambda: rings.leaves.sparse_ternary(words, 3, base)) == {"ring.sparse_ternary": 1}
    assert rings.launches(lambda: rings.leaves.sparse_ternary(words[:0], 3, base)) == {}
    assert rings.launches(lambda: rings.leaves.ternary(words[..., 0], base)) == {"ring.ternary": 1}
    assert rings.launches(lambda: rings.leaves.ternary(words[:0, :, 0], base)) == {}


def test_what_bindings_refuse(rings, base):
    native, stream, known = rings.leaves.native, rings.device.stream, rings.leaves.of(base)
    out, words = rings.leaves.empty((2, len(base), base.degree)), rings.here(drawn((2, base.degree), 6))
    thresholds = rings.here(np.array(GAUSSIAN_THRESHOLDS, np.uint64))
    with pytest.raises(ParameterError, match="are read or written"):
        native.ternary(stream, known, out, words[:1])
    with pytest.raises(ParameterError, match="are read or written"):
        native.gaussian(stream, known, out, words, thresholds)
    with pytest.raises(ParameterError, match="are read or written"):
        native.sparse_ternary(stream, known, out, words, 3)
    with pytest.raises(ParameterError, match="was expected, not of"):
        native.ternary(stream, known, rings.leaves.empty((2, 1, base.degree)), words)
    with pytest.raises(ParameterError, match=r"in the memory of|in device memory was expected"):
        native.ternary(stream, known, out, _devices.resolve("emulator:1").asarray(drawn((2, base.degree), 6)))
