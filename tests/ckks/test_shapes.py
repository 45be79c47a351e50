"""Shapes of batches: numpy's methods and functions that move ciphertexts, against numpy on the values."""

import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy.errors import ParameterError

VALUES = np.arange(24.0).reshape(2, 3, 4) / 8


@pytest.fixture
def x(toy):
    return toy.encrypt(VALUES)


MOVES = {
    "an index": lambda a: a[1],
    "an index of the second axis": lambda a: a[:, 0],
    "a list": lambda a: a[:, [2, 0, 2]],
    "a mask": lambda a: a[np.array([False, True])],
    "backwards": lambda a: a[::-1],
    "a new axis": lambda a: a[:, None],
    "reshape": lambda a: a.reshape(3, 2, 4),
    "reshape to one axis": lambda a: a.reshape((-1, 4)),
    "transpose": lambda a: a.transpose(1, 0, 2),
    "transpose by a tuple": lambda a: a.transpose((1, 0, -1)),
    "transpose by an array": lambda a: a.transpose(np.array([1, 0, 2])),
    "numpy.reshape": lambda a: np.reshape(a, (1, 6, 4)),
    "numpy.transpose": lambda a: np.transpose(a, (1, 0, 2)),
    "numpy.swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "numpy.moveaxis": lambda a: np.moveaxis(a, 0, 1),
    "numpy.expand_dims": lambda a: np.expand_dims(a, 1),
    "numpy.squeeze": lambda a: np.squeeze(a[:1]),
    "numpy.flip": lambda a: np.flip(a, (0, 1)),
    "numpy.flipud": np.flipud,
    "numpy.fliplr": np.fliplr,
    "numpy.roll": lambda a: np.roll(a, 2, axis=1),
    "numpy.roll by whole ciphertexts": lambda a: np.roll(a, 8),
    "numpy.rot90": np.rot90,
    "numpy.repeat": lambda a: np.repeat(a, 2, axis=0),
    "numpy.tile": lambda a: np.tile(a, (2, 1, 1)),
    "numpy.take": lambda a: np.take(a, [2, 0], axis=1),
    "numpy.broadcast_to": lambda a: np.broadcast_to(a, (2, 2, 3, 4)),
    "numpy.split": lambda a: np.split(a, 3, axis=1)[2],
    "numpy.array_split": lambda a: np.array_split(a, 2, axis=1)[0],
    "numpy.array_split into more than there are": lambda a: np.array_split(a, 3)[0],
    "numpy.vsplit": lambda a: np.vsplit(a, [1])[1],
    "numpy.hsplit": lambda a: np.hsplit(a, 3)[1],
    "numpy.concatenate": lambda a: np.concatenate([a, a], axis=1),
    "numpy.stack": lambda a: np.stack([a, a], axis=1),
    "numpy.vstack": lambda a: np.vstack([a[0], a[1]]),
    "numpy.vstack of single ciphertexts": lambda a: np.vstack([a[0, 0], a[1, 2]]),
    "numpy.hstack": lambda a: np.hstack([a, a]),
    "a sum": lambda a: a.sum(1),
    "a sum over a negative axis": lambda a: a.sum(-2),
    "a sum over two axes": lambda a: a.sum((0, 1)),
    "a sum that keeps its axis": lambda a: a.sum(1, keepdims=True),
    "a sum that keeps two axes": lambda a: a.sum((1, 0), keepdims=True),
    "numpy.sum": lambda a: np.sum(a, axis=(0, 1), keepdims=True),
    "numpy.add.reduce": lambda a: np.add.reduce(a, axis=1, keepdims=True),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_batches_move_as_numbers_do(toy, x, move):
    got, want = move(x), move(VALUES)
    assert got.shape == want.shape
    assert np.abs(toy.decrypt(got) - want).max() < 1e-6


def test_transposing_without_an_order_reverses_the_batch(toy, x):
    for got in (x.T, x.transpose(), np.transpose(x)):
        assert np.abs(toy.decrypt(got) - VALUES.transpose(1, 0, 2)).max() < 1e-6
    assert x[0, 0].T.shape == (4,)
    with pytest.raises(ParameterError, match=r"shape \(3, 4\) has one batch axis, and nothing to transpose"):
        _ = x[0].T


def test_rows_are_iterated(toy, x):
    rows = list(x)
    assert len(rows) == len(x) == 2
    assert all(np.abs(toy.decrypt(row) - want).max() < 1e-6 for row, want in zip(rows, VALUES, strict=True))


@pytest.mark.parametrize(
    "move",
    [
        lambda a: a.reshape(2, 12), lambda a: a.reshape(4, 6), lambda a: a.ravel(), np.ravel, lambda a: a.transpose(2, 0, 1),
        lambda a: a.transpose(0, 2, 1), lambda a: np.swapaxes(a, 0, -1), lambda a: np.flip(a), lambda a: np.flip(a, -1),
        lambda a: np.roll(a, 3), lambda a: np.roll(a, 1, axis=2), lambda a: np.repeat(a, 2), lambda a: np.repeat(a, 2, axis=2),
        lambda a: np.tile(a, 2), lambda a: np.expand_dims(a, -1), lambda a: np.diagonal(a), lambda a: np.take(a, [1, 2, 3, 4]),
        lambda a: np.take(a, [0, 1], axis=2), lambda a: np.take(a, 5), lambda a: np.squeeze(a[:1, :1, None])[0],
        lambda a: np.split(a, 2, axis=2), lambda a: np.concatenate([a, a], axis=2), lambda a: np.hstack([a[0], a[0]]),
        lambda a: np.rot90(a, axes=(1, 2)), lambda a: np.broadcast_to(a, (2, 3, 5)),
    ],
)  # fmt: skip
def test_slots_stay_where_they_are(x, move):
    with pytest.raises(ParameterError):
        move(x)


def test_a_square_of_slots_is_not_mistaken_for_a_batch(toy):
    """Shapes alone would not tell these from moves of whole ciphertexts."""
    square = toy.encrypt(np.eye(4))
    for move in (lambda a: np.swapaxes(a, 0, 1), np.rot90, lambda a: np.roll(a, 2), lambda a: np.take(a, [4, 5, 6, 8])):
        with pytest.raises(ParameterError, match=r"last axis stays, 4 values a ciphertext"):
            move(square)
    single = toy.encrypt([[1.0], [2.0]]).inner_sum()
    assert np.abs(toy.decrypt(np.flip(single)) - [[2.0], [1.0]]).max() < 1e-6  # one value each: nothing to tell apart


def test_what_cannot_be_split_says_so(x):
    with pytest.raises(ParameterError, match=r"shape \(2, 3, 4\) cannot be split like that"):
        np.split(x, 2, axis=1)
    with pytest.raises(ParameterError, match="has no rows to split"):
        np.vsplit(x[0, 0], 2)
    with pytest.raises(ParameterError, match="slots are not"):
        np.hsplit(x[0, 0], 2)


def test_moved_ciphertexts_are_fresh_unless_they_are_repeated(x):
    for moved in (x.T, x.reshape(6, 4), np.flip(x, 0), np.take(x, [2, 0], axis=1), *np.split(x, 3, axis=1)):
        assert moved.fresh
    for repeated in (
        np.repeat(x, 2, axis=0),
        np.broadcast_to(x, (2, 2, 3, 4)),
        x[[0, 0]],
        (x + 1).T,
        np.flip(x + 1, 0),
    ):
        assert not repeated.fresh


def test_a_seed_stays_with_the_order_that_it_expands_to(toy, x):
    """What keeps the order travels as half and a seed; what does not is sent in full. Both are read back as they were."""
    short = len(hepy.dumps(x))
    for kept in (x.reshape(6, 4), x[:], x[None], np.expand_dims(x, 1), np.squeeze(x[None])):
        assert len(hepy.dumps(kept)) < short + 64
    for moved in (x.T, np.flip(x, 0)):
        assert len(hepy.dumps(moved)) > 1.5 * short
        again = hepy.loads(hepy.dumps(moved), toy)
        assert np.array_equal(toy.decrypt(again), toy.decrypt(moved))


def squares_across(a):
    return (a.T * np.flip(a, 0).T).sum((0, 1), keepdims=True)


def test_plans_and_recorded_circuits_move_batches(toy, x):
    plan = ckks.plan(squares_across, toy.parameters, [ckks.Input(shape=VALUES.shape, bound=4)])
    assert [(output.shape, output.level) for output in plan.outputs] == [((1, 1, 4), toy.parameters.depth - 1)]
    want = (VALUES.transpose(1, 0, 2) * VALUES[::-1].transpose(1, 0, 2)).sum((0, 1), keepdims=True)
    for got in (squares_across(x), ckks.compile(squares_across)(x)):
        assert np.abs(toy.decrypt(got) - want).max() < 1e-5
