"""numpy's functions on ciphertexts, and columns of pandas and Arrow as values: what they can, and errors that help."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import hepy
from hepy import _devices, paillier
from hepy._devices.backends import BACKENDS
from hepy.errors import ParameterError

VALUES = np.array([[1, -2, 3], [4, 5, -6]])


@pytest.fixture
def x(key):
    return key.public_key.encrypt(VALUES, value_bits=8)


# numpy's functions.


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.add(a, 1), lambda a: np.add(1, a), lambda a: np.add(a, a), lambda a: np.subtract(a, VALUES),
        lambda a: np.subtract(VALUES * 2, a), lambda a: np.multiply(a, 3), lambda a: np.multiply([1, 2, 3], a),
        lambda a: np.negative(a), lambda a: np.positive(a), lambda a: np.matmul(a, VALUES.T),
        lambda a: np.matmul(VALUES.T, a), lambda a: VALUES + a, lambda a: VALUES - a, lambda a: VALUES * a,
        lambda a: VALUES.T @ a, lambda a: np.int64(3) * a, lambda a: np.int64(3) - a, lambda a: np.add.reduce(a),
        lambda a: np.add.reduce(a, axis=1), lambda a: np.add.reduce(a, axis=None), lambda a: np.add.accumulate(a, axis=1),
        lambda a: np.sum(a), lambda a: np.sum(a, axis=0), lambda a: np.sum(a, 1, keepdims=True),
        lambda a: np.cumsum(a), lambda a: np.cumsum(a, axis=1), lambda a: np.dot(a, [1, 2, 3]),
        lambda a: np.dot([1, 2], a), lambda a: np.dot(a, 2), lambda a: np.dot(2, a), lambda a: np.dot(a, VALUES.T),
        lambda a: np.concatenate([a, a]), lambda a: np.concatenate([a, a], axis=1), lambda a: np.stack([a, a], axis=1),
        lambda a: np.reshape(a, (3, 2)), lambda a: np.reshape(a, -1), lambda a: np.transpose(a),
        lambda a: np.transpose(a, (1, 0)), lambda a: np.ravel(a), lambda a: np.inner(a[0], [1, 2, 3]),
        lambda a: np.flip(a), lambda a: np.flip(a, axis=1), lambda a: np.fliplr(a), lambda a: np.flipud(a), lambda a: np.rot90(a),
        lambda a: np.roll(a, 2), lambda a: np.roll(a, (1, 2), axis=(0, 1)), lambda a: np.repeat(a, 2), lambda a: np.tile(a, (2, 1, 2)),
        lambda a: np.repeat(a, [0, 2, 1], axis=1), lambda a: np.take(a, [2, 0], axis=1), lambda a: np.take(a, 4),
        lambda a: np.expand_dims(a, 1), lambda a: np.squeeze(a[:1]), lambda a: np.squeeze(a[None], axis=0),
        lambda a: np.swapaxes(a, 0, 1), lambda a: np.moveaxis(a, 0, -1), lambda a: np.broadcast_to(a, (2, 2, 3)), lambda a: np.diagonal(a),
        lambda a: np.vstack([a, a[0]]), lambda a: np.hstack([a, a]), lambda a: np.hstack([a[0], a[1]]), lambda a: np.vstack([a[0], a[1]]),
        lambda a: np.split(a, 3, axis=1)[2], lambda a: np.array_split(a.ravel(), 4)[1], lambda a: np.hsplit(a, [1])[1], lambda a: np.vsplit(a, 2)[0],
    ],
)  # fmt: skip
def test_functions_do_what_they_do_with_numbers(x, key, function):
    got, want = function(x), function(VALUES)
    assert isinstance(got, paillier.CiphertextArray)
    assert got.shape == want.shape
    assert key.decrypt(got).tolist() == want.tolist()


def test_moved_elements_are_fresh_unless_they_are_repeated(x):
    assert all(a.fresh for a in (np.flip(x), np.roll(x, 1), np.take(x, [0, 2], axis=1), *np.split(x, 3, axis=1)))
    assert not any(
        a.fresh for a in (np.repeat(x, 2), np.broadcast_to(x, (2, 2, 3)), np.take(x, [1, 1]), np.flip(x + 1))
    )


def test_shapes_that_do_not_go_raise_as_elsewhere(x):
    places = np.zeros(2, dtype=int)
    for wrong in (
        lambda: np.broadcast_to(x, (3, 2)),
        lambda: np.flip(x, 5),
        lambda: np.squeeze(x, 0),
        lambda: np.tile(x, "a"),
    ):
        with pytest.raises(ParameterError, match="cannot take that shape"):
            wrong()
    with pytest.raises(ParameterError, match=r"shape \(2, 3\) cannot be split like that"):
        np.split(x, 2, axis=1)
    with pytest.raises(IndexError):
        np.take(x, [9])
    with pytest.raises(TypeError, match="takes less of ciphertexts"):
        np.take(x, [0, 1], out=places)
    assert not places.any()


def test_what_is_asked_of_a_shape(x):
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)


def test_floats_and_numpys_numbers(key):
    x = key.public_key.encrypt([0.5, -1.5], scale_bits=4, value_bits=12)
    assert key.decrypt(np.float64(2.5) * x).tolist() == [1.25, -3.75]
    assert key.decrypt(np.array([0.25, 0.5]) * x + np.float32(1)).tolist() == [1.125, 0.25]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: np.true_divide(a, 2), r"numpy.divide is not defined for ciphertexts: multiply by the reciprocal"),
        (lambda a: VALUES / a, "multiply by the reciprocal"),
        (lambda a: np.floor_divide(a, 2), "multiply by the reciprocal"),
        (lambda a: a / 2, r"cannot be divided like that: multiply by the reciprocal"),
        (lambda a: 2 // a, "multiply by the reciprocal"),
        (lambda a: a == 3, "nobody can compare without the key"),
        (lambda a: a > 3, "nobody can compare without the key"),
        (bool, "neither true nor false"),
        (hash, "unhashable"),
        (lambda a: a > VALUES, "nobody can compare without the key"),
        (lambda a: a == VALUES, "nobody can compare without the key"),
        (lambda a: np.maximum(a, 0), "nobody can compare without the key"),
        (lambda a: np.exp(a), r"numpy.exp is not defined for ciphertexts: they add, subtract, multiply"),
        (lambda a: np.square(a), "numpy.square is not defined"),
        (lambda a: np.add.outer(a, a), "numpy.add.outer is not defined"),
        (lambda a: np.multiply.reduce(a), "numpy.multiply.reduce is not defined"),
        (lambda a: np.add(a, 1, where=VALUES > 0), "numpy.add with where is not defined"),
        (lambda a: np.add.reduce(a, initial=5), "numpy.add.reduce with initial is not defined"),
        (lambda a: np.sort(a), r"numpy.sort is not defined for ciphertexts.*decrypt first"),
        (lambda a: np.mean(a), "numpy.mean is not defined"),
        (lambda a: np.sum(a, dtype=float), "numpy.sum takes less of ciphertexts than of numbers.*dtype"),
        (lambda a: np.concatenate([a], out=VALUES), "numpy.concatenate takes less of ciphertexts"),
        (lambda a: np.dot(a.reshape(1, 2, 3), [1, 2, 3]), "use @, which is numpy.matmul"),
        (lambda a: np.split(VALUES, a), "elements move by numbers that are not encrypted"),
        (lambda a: np.split(a, a), "elements move by numbers that are not encrypted"),
        (lambda a: np.tile(VALUES, a), "elements move by numbers that are not encrypted"),
        (lambda a: np.take(a, indices=a), "elements move by numbers that are not encrypted"),
        (lambda a: np.asarray(a), r"key.decrypt\(x\) gives numbers"),
        (lambda a: np.array(a, dtype=float), r"key.decrypt\(x\) gives numbers"),
        (lambda a: np.asarray([a, a]), r"key.decrypt\(x\) gives numbers"),
    ],
)
def test_what_cannot_be_done_raises_a_type_error_that_helps(x, function, message):
    with pytest.raises(TypeError, match=message):
        function(x)


def test_numbers_do_not_become_ciphertexts_in_place(x):
    a = VALUES.copy()
    with pytest.raises(TypeError, match=r"write a = a \+ x instead of a \+= x"):
        a += x
    assert np.array_equal(a, VALUES)


def test_products_of_ciphertexts_say_why_not(x):
    for product in (lambda: np.multiply(x, x), lambda: np.matmul(x, x.T), lambda: np.dot(x, x.T)):
        with pytest.raises(ParameterError, match="cannot multiply ciphertexts"):
            product()


def test_ciphertexts_among_values(x, key):
    with pytest.raises(ParameterError, match=r"key.decrypt\(x\) gives numbers"):
        key.public_key.encrypt([x[0, 0], 1])


def test_packed_and_squeezed_arrays_keep_their_errors(key):
    p = paillier.pack([1, 2], [3, 4], field_bits=(12, 12), value_bits=(8, 8))
    packed = key.public_key.encrypt(p)
    assert [part.tolist() for part in paillier.unpack(key.decrypt(np.add(packed, packed)))] == [[2, 4], [6, 8]]
    with pytest.raises(ParameterError, match="not defined for packed"):
        np.negative(packed)
    with pytest.raises(ParameterError, match="comes last"):
        np.add(key.public_key.encrypt([1, 2]).squeeze_pack(), 1)


# Columns.


@pytest.mark.parametrize(
    ("column", "bound_bits", "expected"),
    [
        (pd.Series([1, -2, 3]), 64, [1, -2, 3]),
        (pd.Series([1, -2, 3], dtype="int8"), 8, [1, -2, 3]),
        (pd.Series([1, 2, 3], dtype="uint16"), 16, [1, 2, 3]),
        (pd.Series([1, -2, 3], dtype="Int16"), 16, [1, -2, 3]),
        (pd.Series([True, False], dtype="boolean"), 8, [1, 0]),
        (pd.Series([0.5, 2.0], dtype="Float32"), 105, [0.5, 2.0]),
        (pd.Series([1, 2], dtype="int32[pyarrow]"), 32, [1, 2]),
        (pd.Series([0.5, 1.5], dtype="double[pyarrow]"), 105, [0.5, 1.5]),
        (pd.Series([7, 8], index=["a", "b"]), 64, [7, 8]),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}, dtype="Int16"), 16, [[1, 3], [2, 4]]),
        (pd.DataFrame({"a": pd.Series([1], dtype="Int8"), "b": pd.Series([200], dtype="uint8")}), 16, [[1, 200]]),
        (pd.DataFrame({"a": pd.Series([1], dtype="Int8"), "b": pd.Series([0.5], dtype="Float64")}), 105, [[1, 0.5]]),
        (pd.DataFrame({"a": [True], "b": [7]}), 64, [[1, 7]]),
        (pd.DataFrame({"a": [-2], "b": np.array([2**63 + 1], np.uint64), "c": [True]}), 64, [[-2, 2**63 + 1, 1]]),
        (pd.DataFrame({"a": pd.array([7], "Int64"), "b": pd.array([2**64 - 1], "UInt64")}), 64, [[7, 2**64 - 1]]),
        (pd.DataFrame({"a": [True], "b": [7], "c": [0.5]}), 105, [[1, 7, 0.5]]),
        (pd.Series([7, 8], dtype="category"), 64, [7, 8]),
        (pd.Index([1, 2]), 64, [1, 2]),
        (pd.array([1, 2], dtype="Int8"), 8, [1, 2]),
        (pa.array([1, -2, 3], pa.int16()), 16, [1, -2, 3]),
        (pa.array([1, 2], pa.uint8()), 8, [1, 2]),
        (pa.array([0.5, -0.25]), 105, [0.5, -0.25]),
        (pa.array([True, False]), 8, [1, 0]),
        (pa.chunked_array([[1, 2], [3]], pa.int32()), 32, [1, 2, 3]),
        (pa.array([], pa.int32()), 32, []),
        (pa.array([7, 8, 7]).dictionary_encode(), 64, [7, 8, 7]),
        (pa.table({"a": pa.array([1, 2], pa.int8()), "b": pa.array([3, 4], pa.int16())}), 16, [[1, 3], [2, 4]]),
        (pa.table({"a": [-2], "b": pa.array([2**63 + 1], pa.uint64())}), 64, [[-2, 2**63 + 1]]),
        (pa.record_batch({"a": [True], "b": [7]}), 64, [[1, 7]]),
    ],
    ids=lambda value: str(getattr(value, "dtype", getattr(value, "type", "")))[:20] or None,
)
def test_columns_go_in_directly_with_the_range_of_their_type(key, column, bound_bits, expected):
    x = key.public_key.encrypt(column)
    assert x.account.bound.bit_length() == bound_bits
    assert key.decrypt(x).tolist() == expected


@pytest.mark.parametrize(
    ("column", "index"),
    [
        (pd.Series([1, None, 3], dtype="Int64"), r"\(1,\)"),
        (pd.Series([1.0, 2.0, np.nan]), r"\(2,\)"),
        (pd.Series([None, 2], dtype="int64[pyarrow]"), r"\(0,\)"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, None]}), r"\(1, 1\)"),
        (pa.array([1, None, None]), r"\(1,\)"),
        (pa.chunked_array([[1.5], [None]]), r"\(1,\)"),
        (pa.array([1, None]).dictionary_encode(), r"\(1,\)"),
        (pa.table({"a": [1, 2], "b": [3, None]}), r"\(1, 1\)"),
    ],
)
def test_gaps_are_refused(key, column, index):
    with pytest.raises(
        ParameterError, match=rf"are missing, the first at index {index}, .* fill them or leave them out"
    ):
        key.public_key.encrypt(column)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [2**53 + 1], "b": [0.5]}),
        pd.DataFrame({"a": pd.array([2**53 + 1], "Int64"), "b": np.array([0.5], np.float32)}),
        pa.table({"a": [2**53 + 1], "b": [0.5]}),
    ],
)
def test_tables_do_not_round_integers_to_floats(x, key, table):
    for wrong in (lambda: key.public_key.encrypt(table), lambda: x[:1, :2] * table):
        with pytest.raises(ParameterError, match=r"floats are mixed with the integer at index \(0, 0\)"):
            wrong()


class CountsNulls:
    """A column of Polars, whose count of gaps is a method."""

    def __init__(self, values):
        self._values = values

    def null_count(self):
        return sum(value is None for value in self._values)

    def is_null(self):
        return [value is None for value in self._values]

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values)


def test_gaps_that_a_method_counts(key):
    assert key.decrypt(key.public_key.encrypt(CountsNulls([1, 2]))).tolist() == [1, 2]
    with pytest.raises(ParameterError, match=r"1 values are missing, the first at index \(1,\)"):
        key.public_key.encrypt(CountsNulls([1, None]))


@pytest.mark.parametrize(
    ("column", "index"),
    [
        (pd.Series([None, 1, 0], dtype="Int8"), r"\(0,\)"),
        (pa.array([0, None, 1]), r"\(1,\)"),
        (pd.Series([0, 1, None], dtype="category"), r"\(2,\)"),
    ],
)
def test_gaps_in_bins_and_masks_are_refused(x, column, index):
    with pytest.raises(ParameterError, match=rf"are missing, the first at index {index}"):
        x[0].segment_sum(column, 2)
    gaps = pd.array([True, None, False], dtype="boolean")
    with pytest.raises(ParameterError, match=r"are missing, the first at index \(1,\)"):
        x[0].segment_sum([0, 1, 0], 2, mask=gaps)


def test_nullable_columns_are_bins_and_masks(x, key):
    bins, mask = pd.Series([0, 1, 0], dtype="Int16"), pd.Series([True, True, False], dtype="boolean")
    assert key.decrypt(x[0].segment_sum(bins, 2, mask=mask)).tolist() == [1, -2]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", "b"]),
        pa.array(["a"]),
        pd.Series(pd.to_datetime(["2026-01-01"])),
        pd.Series(pd.to_datetime(["2026-01-01"]).tz_localize("UTC")),
        pa.table({"a": [1], "b": ["x"]}),
    ],
)
def test_columns_that_are_no_numbers(key, column):
    with pytest.raises(ParameterError, match="only integers"):
        key.public_key.encrypt(column)


def test_columns_are_operands(x, key):
    series = pd.Series([1, 2, 3])
    for got, want in (
        (x + series, VALUES + series.to_numpy()), (series + x, VALUES + series.to_numpy()),
        (series - x[0], series.to_numpy() - VALUES[0]), (series * x, VALUES * series.to_numpy()),
        (x @ series, VALUES @ series.to_numpy()), (x * pa.array([1, 2, 3]), VALUES * [1, 2, 3]),
        (x - pd.DataFrame(VALUES), 0 * VALUES),
    ):  # fmt: skip
        assert key.decrypt(got).tolist() == want.tolist()
    assert key.decrypt(x[0].segment_sum(pd.Series([0, 1, 0]), 2, mask=pd.Series([True, True, False]))).tolist() == [
        1,
        -2,
    ]


def test_columns_are_packed(key):
    p = paillier.pack(pd.Series([1, -2]), pa.array([0.5, 1.5]), field_bits=(72, 110), scale_bits=(0, 4))
    assert [part.tolist() for part in paillier.unpack(key.decrypt(key.public_key.encrypt(p)))] == [[1, -2], [0.5, 1.5]]


class OnlyDlpack:
    """What another library's array is to numpy when it speaks DLPack and nothing else."""

    def __init__(self, array, fails=None):
        self._array, self._fails = array, fails

    def __dlpack__(self, **options):
        if self._fails is not None:
            raise self._fails
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Foreign:
    """Another library's array in a device's memory, as torch's is to CuPy."""

    def __init__(self, array):
        self.__hepy_emulator_array_interface__, self.index = array.__hepy_emulator_array_interface__, array.index
        self._owner = array


@pytest.mark.skipif("emulator" not in hepy.devices(), reason="the emulator is not built")
def test_arrays_in_a_device_s_memory_stay_there(key, monkeypatch):
    def download(self, array):
        raise AssertionError("an array came to the host")

    with hepy.device("emulator") as device:
        values = device.asarray(np.array([3, -4, 5]))
        adopted = _devices.array_of(Foreign(values))
        assert type(adopted) is type(values)
        values[0] = 7
        assert _devices.to_host(adopted).tolist() == [7, -4, 5]  # the same memory
        with monkeypatch.context() as patch:
            patch.setattr(type(BACKENDS["emulator"]), "download", download)
            x = key.public_key.encrypt(Foreign(values))
        assert key.decrypt(x).tolist() == [7, -4, 5]
        # Operands of computations may be there too; whether they travel is the operation's affair.
        assert key.decrypt(x + Foreign(values)).tolist() == [14, -8, 10]
        assert key.decrypt(x * values).tolist() == [49, 16, 25]
        assert key.decrypt(x @ Foreign(values)) == 90
        bins = device.asarray(np.array([1, 0, 1]))
        assert key.decrypt(x.segment_sum(bins, 2)).tolist() == [-4, 12]
        assert key.decrypt(
            x.segment_sum(Foreign(bins), 2, mask=device.asarray(np.array([True, True, False])))
        ).tolist() == [-4, 7]


def test_what_speaks_dlpack(key):
    assert key.decrypt(key.public_key.encrypt(OnlyDlpack(np.array([1, 2], dtype=np.int16)))).tolist() == [1, 2]
    with pytest.raises(ParameterError, match="numpy cannot read this OnlyDlpack: on a GPU"):
        key.public_key.encrypt(OnlyDlpack(np.array([1]), fails=BufferError("on a GPU")))
