"""What cannot be done raises an error that says what to do, and leaves everything as it was."""

import json

import numpy as np
import pytest

import hepy
from hepy import ckks


def test_levels_that_run_out(toy, secure):
    x = secure.encrypt([0.5]).to_level(0)
    for operation in (lambda: x * x, lambda: x * 2.5, lambda: x * [0.5], lambda: x.rescale(), lambda: x**2):
        with pytest.raises(hepy.LevelError, match=r"needs 1 level.*level 0 of 2.*depth 3.*choose\(depth=3.*log_n=13"):
            operation()
    assert secure.decrypt(2 * x).round(3).tolist() == [1.0]  # integers cost nothing
    with pytest.raises(hepy.LevelError, match="levels only go down"):
        x.to_level(1)
    with pytest.raises(hepy.LevelError, match="from 0 to 3"):
        toy.encrypt([1.0], level=4)


def test_values_beyond_the_range(toy):
    with pytest.raises(hepy.EncodingOverflowError, match=r"index \(1, 0\).*range of values, 2\*\*9.*value_bits"):
        toy.encrypt([[1.0], [600.0]])
    with pytest.raises(hepy.EncodingOverflowError, match=r"index \(0,\).*declared bound of 2"):
        toy.encrypt([-2.5], bound=2)
    x = toy.encrypt([1.0])
    with pytest.raises(hepy.EncodingOverflowError, match="range of values"):
        x * 1000.0
    with pytest.raises(hepy.EncodingOverflowError, match="declared bound"):
        x.multiply([3.0], bound=2)
    with pytest.raises(hepy.EncodingOverflowError, match="factor of 11 bits"):
        x * 1025
    with pytest.raises(hepy.EncodingOverflowError, match="integer that exceeds"):
        toy.encrypt([10**400])
    for bound in (0, -1, 1000, "1", True):
        with pytest.raises(hepy.ParameterError, match="bound is a number above 0"):
            toy.encrypt([0.0], bound=bound)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.nan)])
def test_values_that_are_not_finite(toy, bad):
    with pytest.raises(hepy.ParameterError, match=r"index \(0, 1\) are not finite"):
        toy.encrypt([[0.0, bad]])
    with pytest.raises(hepy.ParameterError, match="not finite"):
        toy.encrypt([0.0]) * bad


@pytest.mark.parametrize("bad", ["text", [["a"]], [[1.0], [1.0, 2.0]], None, {}, np.array(["2026"], "datetime64[Y]")])
def test_values_that_are_no_numbers(toy, bad):
    with pytest.raises(hepy.ParameterError, match="numbers"):
        toy.encrypt(bad)
    with pytest.raises(hepy.ParameterError, match="numbers"):
        toy.encrypt([1.0]) + bad


def test_complex_values_where_real_ones_are_needed(toy):
    with pytest.raises(hepy.ParameterError, match=r"coefficients are real.*\.real"):
        toy.encrypt([1j], in_coefficients=True)


def test_too_many_values_and_none(toy):
    with pytest.raises(hepy.ParameterError, match=r"33 values and a ciphertext 1 to 32 slots: use more ciphertexts"):
        toy.encrypt(np.zeros((2, 33)))
    with pytest.raises(hepy.ParameterError, match="1 to 64 coefficients"):
        toy.encrypt(np.zeros(65), in_coefficients=True)
    with pytest.raises(hepy.ParameterError, match="at least one"):
        toy.encrypt([])
    with pytest.raises(hepy.ParameterError, match="33 values"):
        toy.encrypt([1.0]) * np.zeros(33)


def test_shapes_that_do_not_fit(toy):
    x = toy.encrypt(np.zeros((2, 5)))
    for other in (np.zeros(4), toy.encrypt(np.zeros(4)), np.zeros((3, 5)), toy.encrypt(np.zeros((3, 5)))):
        for operation in (lambda y: x + y, lambda y: x * y, lambda y: x - y):
            with pytest.raises(hepy.ParameterError, match="broadcast"):
                operation(other)
    with pytest.raises(hepy.ParameterError, match="slots are not"):
        x[:, 0]
    with pytest.raises(hepy.ParameterError, match="last axis stays"):
        x.reshape(5, 2)
    with pytest.raises(hepy.ParameterError, match=r"inner_sum\(\)"):
        x.sum(axis=1)
    with pytest.raises(hepy.ParameterError, match=r"axis 2 does not exist in an array of 2 axes"):
        x.sum(axis=2)
    with pytest.raises(hepy.ParameterError, match="nothing to sum"):
        x[:0].sum()
    with pytest.raises(hepy.ParameterError, match="at least one"):
        ckks.concatenate([])
    with pytest.raises(hepy.ParameterError, match="5 and 4"):
        ckks.stack([x[0], toy.encrypt(np.zeros(4))])
    for join, arrays, axis in (
        (ckks.concatenate, [x[0], x[1]], 0),
        (ckks.concatenate, [x, x], -1),
        (ckks.stack, [x, x], 2),
    ):
        with pytest.raises(hepy.ParameterError, match="not along the last, which is the slots"):
            join(arrays, axis=axis)
    for axis in (2, -3, None, 1.0, True):
        with pytest.raises(hepy.ParameterError, match="axis of an array of 2 axes"):
            ckks.concatenate([x, x], axis=axis)
    for arrays in ([x, np.zeros(5)], 5, [None]):
        with pytest.raises(hepy.ParameterError, match="ciphertext arrays were expected"):
            ckks.stack(arrays)
    with pytest.raises(hepy.ParameterError, match="ciphertext arrays were expected"):
        ckks.inner_sum(np.zeros(5))


def test_keys_of_another_context(toy, digits):
    x, y = toy.encrypt([1.0]), digits.encrypt([1.0])
    with pytest.raises(hepy.KeyMismatchError, match="encrypt both under one context"):
        x + y
    with pytest.raises(hepy.KeyMismatchError, match="encrypt both under one context"):
        x * y
    with pytest.raises(hepy.KeyMismatchError, match="decrypt them with their own"):
        toy.decrypt(y)
    with pytest.raises(hepy.KeyMismatchError, match="own"):
        toy.public().add_keys(digits.public())
    with pytest.raises(hepy.KeyMismatchError, match="encrypt both under one context"):
        ckks.stack([x, y])


def test_missing_keys_are_named_and_can_be_sent_later(toy):
    server = toy.public(rotations=(1,), relinearization=False)
    x = server.encrypt([1.0, 2.0, 3.0, 4.0])
    assert toy.decrypt(x.rotate(1)).round(4).tolist() == [2, 3, 4, 1]
    with pytest.raises(hepy.MissingKeyError, match=r"rotation 2 .*public\(rotations=\(2,\)\), and add_keys"):
        x.inner_sum()
    with pytest.raises(hepy.MissingKeyError, match="relinearization=True"):
        x * x
    z = server.encrypt([1j])
    with pytest.raises(hepy.MissingKeyError, match="conjugation=True"):
        z.conjugate()
    server.add_keys(toy.public(rotations=(2,), conjugation=True, encryption=False))
    assert toy.decrypt(x.inner_sum()).round(4).tolist() == [10]
    assert toy.decrypt(z.conjugate()).round(4).tolist() == [-1j]
    assert toy.decrypt(x * x).round(4).tolist() == [1, 4, 9, 16]
    silent = toy.public(encryption=False)
    with pytest.raises(hepy.MissingKeyError, match="encryption=True"):
        silent.encrypt([1.0])
    assert not hasattr(server, "decrypt")


def test_keys_are_made_on_demand_listed_and_dropped():
    context = ckks.Context(ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None), rotations=(1, 2))
    assert context.keys.rotations == (1, 2) and len(context.keys) == 2
    x = context.encrypt([1.0, 2.0])
    x * x
    assert context.keys.names() == ("relinearization", "rotation 1", "rotation 2")
    size = context.keys.nbytes
    context.keys.make((3, -1), conjugation=True)
    assert context.keys.rotations == (1, 2, 3, 15) and context.keys.nbytes == 2 * size
    context.keys.drop((1, 3), relinearization=True, conjugation=True)
    assert context.keys.names() == ("rotation 2", "rotation 15")
    assert context.decrypt(x * x).round(4).tolist() == [1, 4]
    with pytest.raises(hepy.MissingKeyError, match="rotation 5"):
        context.public().keys.make((5,))


def test_selections_of_keys_that_are_none(toy):
    for rotations in (3, (1.5,), ("a",), (True,), None):
        for select in (toy.keys.make, toy.keys.drop, toy.keys.move_in, toy.public_bytes):
            with pytest.raises(hepy.ParameterError, match=r"rotations are a sequence|whole number"):
                select(rotations)
    with pytest.raises(hepy.ParameterError, match=r"such as \(1, 2\), not 3"):
        ckks.Context(toy.parameters, rotations=3)
    with pytest.raises(hepy.ParameterError, match=r"context\.public"):
        toy.public().add_keys(5)


def test_nothing_is_decrypted_inside_of_a_circuit(toy):
    x = toy.encrypt([1.0])
    for attempt in (
        lambda: ckks.plan(toy.decrypt, toy.parameters, [ckks.Input()]),
        lambda: ckks.compile(toy.decrypt)(x),
    ):
        with pytest.raises(hepy.ParameterError, match="decrypt its results"):
            attempt()


def test_transparent_ciphertexts_are_refused(toy):
    x = toy.encrypt([[1.0], [2.0]])
    for transparent in (x - x, x * 0, ckks.stack([x[0], x[0] - x[0]])):
        with pytest.raises(hepy.ParameterError, match=r"index \([01],\) has c1 = 0.*rerandomize"):
            toy.decrypt(transparent)
        with pytest.raises(hepy.ParameterError, match="c1 = 0"):
            hepy.dumps(transparent, rerandomize=False)
        assert toy.decrypt(hepy.loads(hepy.dumps(transparent), toy)).shape == (2, 1)


@pytest.mark.parametrize("step", [1.0, "1", None, True])
def test_steps_that_are_no_integers(toy, step):
    with pytest.raises(hepy.ParameterError, match="whole number"):
        toy.encrypt([1.0, 2.0]).rotate(step)
    with pytest.raises(hepy.ParameterError, match="whole number"):
        toy.public(rotations=(step,))


def test_coefficients_have_no_slots(toy):
    x = toy.encrypt([1.0, 2.0], in_coefficients=True)
    for operation in (lambda: x.rotate(1), lambda: x.inner_sum(), lambda: x.conjugate()):
        with pytest.raises(hepy.ParameterError, match="coefficients"):
            operation()
    with pytest.raises(hepy.ParameterError, match="encrypt both alike"):
        x + toy.encrypt([1.0, 2.0])


@pytest.mark.parametrize("exponent", [0, -1, 0.5, True])
def test_powers_are_positive_integers(toy, exponent):
    with pytest.raises(hepy.ParameterError, match="whole number from 1 on"):
        toy.encrypt([1.0]) ** exponent


def test_contexts_and_seeds_of_wrong_types(toy):
    with pytest.raises(hepy.ParameterError, match="Parameters"):
        ckks.Context({"log_n": 13})
    with pytest.raises(hepy.ParameterError, match="32 bytes"):
        ckks.Context(toy.parameters, seed=b"short")
    with pytest.raises(hepy.ParameterError, match="32 bytes"):
        toy.encrypt([1.0], seed=b"short")
    with pytest.raises(hepy.ParameterError, match="ciphertexts were expected"):
        toy.decrypt([1.0])


def test_whole_numbers_may_be_those_of_numpy(toy):
    """They come out as Python's: in messages, in keys of caches, in shifts."""
    n = np.int64
    made = ckks.Parameters(log_n=n(5), depth=n(2), scale_bits=n(40), security=None, digits=n(1), value_bits=n(9))
    plain = ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None, digits=1, value_bits=9)
    assert made == plain and repr(made) == repr(plain) and json.dumps(made.fields()) == json.dumps(plain.fields())
    chosen = ckks.Parameters.choose(depth=n(2), security=n(128), slots=n(8))
    assert json.dumps(chosen.fields()) == json.dumps(ckks.Parameters.choose(depth=2).fields())
    x = toy.encrypt([1.0, 2.0], level=n(2))
    for y in (x, x.to_level(n(2)), x.rotate(n(2)), x.rotate(np.array(2)), x.rotate(np.arange(2))[0], x ** n(1)):
        assert type(y.level) is int
        assert toy.decrypt(hepy.loads(hepy.dumps(y), toy)).round(5).tolist() == [1, 2]


def test_messages_of_errors_hold_no_values(toy):
    """What came to the wrong place may be plaintexts or a seed."""
    secret = np.array([0.123456789])
    x = toy.encrypt([1.0])
    for attempt in (
        lambda: toy.encrypt([1.0], bound=secret),
        lambda: toy.encrypt([1.0], level=secret),
        lambda: toy.encrypt([1.0], level=b"0.123456789"),
        lambda: toy.encrypt([secret, 600 + secret]),
        lambda: x.multiply(2.0, bound=secret),
        lambda: x.rotate("0.123456789"),
        lambda: x.to_level("0.123456789"),
        lambda: x.sum("0.123456789"),
        lambda: x ** "0.123456789",
        lambda: x.multiply(600.123456789),
        lambda: toy.public(rotations="0.123456789"),
        lambda: ckks.plan(lambda x: x, toy.parameters, [ckks.Input(shape=secret)]),
        lambda: ckks.Parameters(log_n=secret, depth=1),
        lambda: ckks.Parameters(log_n=13, depth=1, security=secret),
        lambda: ckks.Parameters(log_n=13, depth=1, secret=secret),
        lambda: ckks.Context(toy.parameters, shared_budget=secret),
        lambda: ckks.Context(toy.parameters, seed=secret),
    ):
        with pytest.raises(hepy.HepyError) as refusal:
            attempt()
        assert "123456789" not in str(refusal.value)
