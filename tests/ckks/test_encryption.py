"""Encryption and decryption, against exact integers and definitions."""

import cmath

import mpmath
import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy.ckks.noise import Model

SEED = bytes([9]) * 32


def encoded(values, parameters, scale):
    """Coefficients of the polynomial with these slots, by the inverse of the Vandermonde matrix, in mpmath."""
    n = parameters.degree
    slots = [mpmath.mpmathify(values[j % len(values)]) for j in range(n // 2)]
    with mpmath.workprec(120):
        coefficients = []
        for k in range(n):
            total = mpmath.mpf(0)
            for j, z in enumerate(slots):
                root = mpmath.expjpi(mpmath.mpf(pow(5, j, 2 * n)) / n)
                total += (z * mpmath.conj(root) ** k).real
            coefficients.append(total * 2 / n * mpmath.mpf(scale))
        return coefficients


@pytest.mark.parametrize("length", [1, 2, 3, 32])
@pytest.mark.parametrize("complex_values", [False, True])
def test_a_ciphertext_hides_the_encoding_and_a_small_error(toy, oracle, values, length, complex_values):
    vector = values(length) + (1j * values(length) if complex_values else 0)
    x = toy.encrypt(vector)
    padded = np.zeros(x.slots, vector.dtype)
    padded[:length] = vector
    want = encoded(padded.tolist(), toy.parameters, x.scale)
    got = oracle.phase(toy, x)
    assert max(abs(g - w) for g, w in zip(got, want, strict=True)) <= 30  # 29, and a half for rounding


def test_public_encryption_leaves_the_noise_of_rounding(toy, oracle, values):
    vector = values(32)
    x = toy.public().encrypt(vector)
    want = encoded(vector.tolist(), toy.parameters, x.scale)
    errors = [float(g - w) for g, w in zip(oracle.phase(toy, x), want, strict=True)]
    weight = sum(map(abs, oracle.secret(toy)))
    assert max(map(abs, errors)) <= (weight + 1) / 2 + 2
    assert np.std(errors) < 2 * np.sqrt((weight + 1) / 12)


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("level", [0, 1, None])
def test_what_is_encrypted_is_decrypted(toy, values, public, level):
    context = toy.public() if public else toy
    for vector in (values(32), values(2, 3, 5), values(1), values(4, 32) + 1j * values(4, 32), [[3, -500]], True, 2.5):
        x = context.encrypt(vector, level=level)
        want = np.atleast_1d(np.asarray(vector))
        got = toy.decrypt(x)
        assert x.shape == got.shape == want.shape
        assert got.dtype == (np.complex128 if want.dtype.kind == "c" else np.float64)
        assert np.abs(got - want).max() < 2.0**-30


def test_coefficients_multiply_as_polynomials(toy, oracle):
    a, b = np.arange(5.0) / 8, np.array([1.0, -0.5, 0.25, 0, 2])
    x, y = toy.encrypt(a, in_coefficients=True), toy.encrypt(b, in_coefficients=True)
    full = np.array(oracle.product([*a, *[0.0] * 59], [*b, *[0.0] * 59]))
    whole = toy.encrypt(np.pad(a, (0, 59)), in_coefficients=True) * toy.encrypt(
        np.pad(b, (0, 59)), in_coefficients=True
    )
    assert np.abs(toy.decrypt(whole) - full).max() < 2.0**-28
    assert np.abs(toy.decrypt(x + y) - (a + b)).max() < 2.0**-30


def test_large_scales_and_values_are_exact_to_the_bits_of_a_double():
    context = ckks.Context(ckks.Parameters(log_n=4, depth=1, scale_bits=60, security=None, value_bits=20))
    vector = np.array([1e6, -3.25, 1 / 3, 999999.125, 0, 1, 2, 3])
    assert (
        np.abs(context.decrypt(context.encrypt(vector)) / np.maximum(vector, 1) - vector / np.maximum(vector, 1)).max()
        < 2.0**-30
    )
    assert np.abs(context.decrypt(context.encrypt(vector)) - vector).max() < 1e6 * 2.0**-48


def test_rotation_is_by_powers_of_five(toy):
    # The definition: slot j is the value at the root to the power 5^j; checked on X itself.
    n = toy.parameters.degree
    x = toy.encrypt([cmath.exp(1j * cmath.pi * pow(5, j, 2 * n) / n) for j in range(n // 2)])
    coefficients = toy._phase(x).to_floats() / x.scale
    assert np.abs(coefficients - np.eye(n)[1]).max() < 2.0**-30


def test_the_same_seed_gives_the_same_bits(toy, values):
    vector, public = values(2, 32), toy.public()
    for context in (toy, public):
        first, second = (context.encrypt(vector, seed=SEED) for _ in range(2))
        assert first.digest() == second.digest() != context.encrypt(vector).digest()
        assert "seeded=True" in repr(first) and "seeded" not in repr(context.encrypt(vector))
    again = ckks.Context(toy.parameters, seed=bytes(range(32)))
    assert again.fingerprint == toy.fingerprint
    assert ckks.Context(toy.parameters).fingerprint != toy.fingerprint


def test_sparse_secrets_have_their_weight(oracle):
    params = ckks.Parameters(log_n=6, depth=1, scale_bits=40, security=None, secret="sparse")
    context = ckks.Context(params)
    assert sum(map(abs, oracle.secret(context))) == 16
    assert np.abs(context.decrypt(context.encrypt([0.5]) * 2.0) - 1).max() < 2.0**-25
    assert "sparse" in repr(params)


def test_the_noise_of_encryption_is_what_the_accounts_say(secure, values):
    slots = secure.parameters.slots
    vector = values(slots)
    for context, symmetric in ((secure, True), (secure.public(), False)):
        errors = secure.decrypt(context.encrypt(vector)) - vector
        model = Model(secure.parameters, worst=False)
        want = model.encryption(symmetric) / secure.parameters.scales[-1] * np.sqrt(slots)
        assert 0.5 * want < errors.std() < 1.5 * want


def test_nothing_secret_is_shown(toy):
    assert repr(toy._secret) == "SecretKey()"
    assert repr(toy).startswith("Context(Parameters(") and toy.fingerprint[:16] in repr(toy)
    with pytest.raises(hepy.ParameterError, match="not pickled"):
        toy.__reduce__()
    with pytest.raises(hepy.ParameterError, match="not pickled"):
        toy._secret.__reduce__()
