"""Polynomials as bytes: each prime's words at its length, against Python's integers."""

import numpy as np
import pytest

from hepy import ring
from hepy.errors import ParameterError


def basis_of(degree):
    widest = next(iter(ring.primes((1 << 31) - 1, degree=degree, count=1)))
    short = next(
        q for q in range(2 * degree + 1, 1 << 20, 2 * degree) if all(q % d for d in range(3, 2000, 2) if d < q)
    )
    return ring.RingBasis([short, *ring.primes(1 << 29, degree=degree, count=1), widest], degree)


def as_one_integer(words, width):
    return sum(int(word) << width * i for i, word in enumerate(words))


@pytest.mark.parametrize("degree", [8, 16, 32, 256])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 2)])
def test_bytes_are_the_words_in_bits(degree, shape):
    basis = basis_of(degree)
    rng = np.random.default_rng(degree)
    words = (rng.integers(0, 1 << 62, (*shape, 3, degree)) % np.array(basis.primes)[:, None]).astype(np.uint32)
    if shape:
        words[..., :, 0], words[..., :, -1] = 0, np.array(basis.primes, np.uint32) - 1
    data = ring.Polynomial.from_limbs(basis, words).to_bytes()
    assert data.dtype == np.uint8 and data.shape == (*shape, basis.packed_bytes)
    expected = [
        b"".join(
            as_one_integer(row, len(f"{prime:b}")).to_bytes(degree * len(f"{prime:b}") // 8, "little")
            for prime, row in zip(basis.primes, limbs, strict=True)
        )
        for limbs in words.reshape(-1, 3, degree)
    ]
    assert [row.tobytes() for row in data.reshape(-1, basis.packed_bytes)] == expected
    assert (ring.Polynomial.from_bytes(basis, data).to_limbs() == words).all()


def test_polynomials_of_every_device_and_views_are_packed(device):
    basis = basis_of(64)
    words = (np.arange(4 * 3 * 64).reshape(4, 3, 64) % 251).astype(np.uint32)
    x = ring.Polynomial.from_limbs(basis, words)
    assert (x[::-2].to_bytes() == x.to_bytes()[::-2]).all()
    back = ring.Polynomial.from_bytes(basis, x.to_bytes()[::-2])
    assert back.device == x.device and (back.to_limbs() == words[::-2]).all()
    assert ring.Coefficients.from_bytes(basis, x.to_bytes()).domain == "coefficients"


def test_bad_bytes_are_refused():
    basis = basis_of(32)
    good = ring.Polynomial.from_limbs(basis, np.zeros((2, 3, 32), np.uint32)).to_bytes()
    with pytest.raises(ParameterError, match=r"uint8 of shape \[\.\.\., 2\d\d\], not uint8 \(2, 1\)"):
        ring.Polynomial.from_bytes(basis, good[:, :1])
    with pytest.raises(ParameterError, match="not int8"):
        ring.Polynomial.from_bytes(basis, good.astype(np.int8))
    good[1, -1] = 0xFF  # the last word's highest bits
    with pytest.raises(ParameterError, match=r"\(1, 2, 31\) is not below its prime"):
        ring.Polynomial.from_bytes(
            basis, good | (np.arange(good.size).reshape(good.shape) >= good.size - 4) * np.uint8(255)
        )
