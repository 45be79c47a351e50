"""numpy's functions and Python's operators on CKKS ciphertexts: what they can, and errors that help."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import hepy
from hepy import ckks, paillier
from hepy.errors import MissingKeyError, ParameterError

VALUES = np.array([[0.5, -1.0, 2.0, 0.25], [1.5, 0.75, -0.5, 1.0]])


@pytest.fixture
def context(toy):
    return toy


@pytest.fixture
def x(context):
    return context.encrypt(VALUES)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.add(a, 1), lambda a: np.add(VALUES, a), lambda a: np.add(a, a), lambda a: np.subtract(a, VALUES[0]),
        lambda a: np.subtract(VALUES * 2, a), lambda a: np.multiply(a, 3), lambda a: np.multiply(VALUES, a),
        lambda a: np.multiply(a, a), lambda a: np.negative(a), lambda a: np.positive(a), lambda a: np.square(a),
        lambda a: np.power(a, 3), lambda a: np.conjugate(a), lambda a: np.true_divide(a, VALUES), lambda a: a / 4,
        lambda a: a / VALUES[1], lambda a: VALUES + a, lambda a: VALUES - a, lambda a: VALUES * a,
        lambda a: np.float64(3) * a, lambda a: np.int64(3) - a, lambda a: np.add.reduce(a), lambda a: np.sum(a, axis=0),
        lambda a: np.sum(a, 0), lambda a: np.concatenate([a, a]), lambda a: np.stack([a, a]),
        lambda a: np.reshape(a, (2, 1, 4)),
    ],
)  # fmt: skip
def test_functions_do_what_they_do_with_numbers(context, x, function):
    got, want = function(x), function(VALUES)
    assert isinstance(got, ckks.CiphertextArray)
    assert got.shape == want.shape
    assert np.abs(context.decrypt(got) - want).max() < 1e-6


def test_what_is_asked_of_a_shape(x):
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 4), 2, 8)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: 2 / a, r"divided like that: they are divided by numbers only, x / 3"),
        (lambda a: a / a, "divided by numbers only"),
        (lambda a: a // 2, "divided by numbers only"),
        (lambda a: a % 2, "divided by numbers only"),
        (lambda a: np.floor_divide(a, 2), "numpy.floor_divide is not defined for ciphertexts: they are divided"),
        (lambda a: np.true_divide(2, a), "divided by numbers only"),
        (lambda a: np.power(2, a), "numpy.power is not defined"),
        (lambda a: a @ np.ones((4, 2)), "numpy.matmul is not defined"),
        (lambda a: np.exp(a), r"numpy.exp is not defined.*inner_sum"),
        (lambda a: np.sum(a), r"names a batch axis.*inner_sum\(\)"),
        (lambda a: np.sum(a, axis=0, dtype=float), "numpy.sum takes less of ciphertexts than of numbers.*dtype"),
        (lambda a: np.sort(a), "numpy.sort is not defined"),
        (lambda a: a == VALUES, "nobody can compare without the key"),
        (lambda a: a > VALUES, "nobody can compare without the key"),
        (lambda a: a != a, "nobody can compare without the key"),
        (lambda a: a >= 1, "nobody can compare without the key"),
        (bool, "neither true nor false"),
        (hash, "unhashable"),
        (np.asarray, r"context.decrypt\(x\) gives numbers"),
        (lambda a: np.array([a, a]), r"context.decrypt\(x\) gives numbers"),
    ],
)
def test_what_cannot_be_done_raises_a_type_error_that_helps(x, function, message):
    with pytest.raises(TypeError, match=message):
        function(x)


def test_division_by_nothing_names_the_place(x):
    with pytest.raises(ParameterError, match=r"divisor at index \(2,\) is 0"):
        x / [1, 2, 0, 4]


def test_ciphertexts_of_the_other_scheme(context, x):
    key = paillier.generate_key(bits=512, insecure=True)
    theirs = key.public_key.encrypt([1, 2, 3, 4])
    for function in (lambda: x + theirs, lambda: theirs + x, lambda: context.encrypt([theirs])):
        with pytest.raises(ParameterError, match="ciphertexts are no numbers"):
            function()
    with pytest.raises(ParameterError, match=r"CKKS ciphertexts were expected, not .*hepy.paillier"):
        context.decrypt(theirs)
    with pytest.raises(ParameterError, match=r"Paillier ciphertexts were expected, not .*hepy.ckks"):
        key.decrypt(x)


def test_ciphertexts_without_their_context_name_it(context, x):
    locked = hepy.loads(hepy.dumps(x))
    with pytest.raises(MissingKeyError, match=context.fingerprint):
        context.decrypt(locked)


@pytest.mark.parametrize("steps", [1.5, None])
def test_rotations_are_whole_numbers(x, steps):
    with pytest.raises(ParameterError, match="step of a rotation is a whole number"):
        x.rotate(steps)


@pytest.mark.parametrize("column", [pd.Series([0.5, 2.0]), pa.array([0.5, 2.0]), pd.Series([1, 2], dtype="Int8")])
def test_columns_go_in_directly(context, column):
    assert np.abs(context.decrypt(context.encrypt(column)) - np.asarray(column, dtype=float)).max() < 1e-6


def test_gaps_in_columns_are_refused(context):
    with pytest.raises(ParameterError, match=r"are missing, the first at index \(1,\)"):
        context.encrypt(pa.array([1.0, None]))
