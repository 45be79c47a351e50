"""Input that operations refuse: what was given, what was expected, what to do; and nothing is changed."""

import operator

import numpy as np
import pytest

from hepy import paillier
from hepy.errors import EncodingOverflowError, HepyError, KeyMismatchError, ParameterError


@pytest.fixture
def x(device, key):
    return key.public_key.encrypt([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x.add([1, 2]), r"shapes \(2, 3\) and \(2,\) cannot be broadcast"),
        (lambda x: x * np.ones((3, 2)), r"cannot be broadcast"),
        (lambda x: x - x[:, :2], r"cannot be broadcast"),
        (lambda x: x @ [1, 2], r"shapes \(2, 3\) @ \(2,\) do not go together"),
        (lambda x: [1, 2, 3] @ x, r"shapes \(3,\) @ \(2, 3\) do not go together"),
        (lambda x: x @ 3, r"do not go together"),
        (lambda x: 3 @ x, r"shapes \(\) @ \(2, 3\) do not go together"),
        (lambda x: x[0, 0] @ [1], r"do not go together"),
        (lambda x: x @ np.ones((2, 5, 4), int), r"do not go together"),
        (lambda x: np.ones((4, 2, 2), int) @ x.reshape(3, 1, 2), r"do not go together|broadcast"),
        (lambda x: x.sum(2), r"axis 2 does not exist in an array of 2 axes"),
        (lambda x: x.sum((0, 0)), r"names an axis twice"),
        (lambda x: x.sum(True), r"does not exist"),
        (lambda x: x.cumsum("0"), r"does not exist"),
        (lambda x: x.reshape(4, 2), r"cannot take that shape"),
        (lambda x: x.transpose(0), r"cannot take that shape"),
        (lambda x: x.segment_sum([0, 1], 2), r"bins of shape \(2,\) do not fit"),
        (lambda x: x.segment_sum(np.zeros((2, 3)), 2), r"integers were expected"),
        (lambda x: x.segment_sum(np.full((2, 3), 7), 2), r"bins go from 7 to 7, outside \[0, 2\)"),
        (lambda x: x[0].segment_sum([0, 1, 1], 2.0), r"num_segments is a whole number"),
        (lambda x: x[0].segment_sum([0, 1, 1], 2**64), r"num_segments is a whole number from 0 to 1099511627776"),
        (lambda x: x[0].segment_sum([0, 1, 1], 2, mask=[1, 1, 0]), r"a mask is boolean"),
        (lambda x: x * x, r"Paillier cannot multiply ciphertexts"),
        (lambda x: x @ x.T, r"Paillier cannot multiply ciphertexts"),
        (lambda x: x.cumsum((0, 1)), r"running sums go along one axis"),
        (lambda x: x.reshape("ab"), r"cannot take that shape"),
        (lambda x: x + "1", r"only integers"),
        (lambda x: "1" + x, r"only integers"),
        (lambda x: x * None, r"there is NoneType"),
        (lambda x: x + np.nan, r"not finite"),
        (lambda x: x * [1.0, np.inf, 2.0], r"index \(1,\) is not finite"),
        (lambda x: x @ [1.0, 2.0, -np.inf], r"index \(2,\) is not finite"),
        (lambda x: x + 1j, r"values are complex128"),
        (lambda x: x + np.ma.array([1, 2, 3], mask=[0, 0, 1]), r"masked arrays"),
        (lambda x: x * [np.ma.array([1, 2, 3], mask=[0, 0, 1])] * 2, r"masked arrays"),
        (lambda x: x[0].segment_sum(np.ma.array([0, 1, 1], mask=[0, 0, 1]), 2), r"masked arrays"),
        (lambda x: x[0].segment_sum([0, 1, 1], 2, mask=np.ma.array([True] * 3, mask=[0, 0, 1])), r"masked arrays"),
        (lambda x: x.add([[1], [2, 3]]), r"not a rectangular array"),
        (lambda x: x.add(1, scale_bits=-1), r"scale_bits is a whole number"),
        (lambda x: x.multiply(1, value_bits=0), r"value_bits is a whole number"),
        (lambda x: x.public_key.encrypt(x), r"encrypted already"),
        (lambda x: x.public_key.encrypt([1], seed=b"short"), r"a seed is 32 bytes"),
        (lambda x: x.rerandomize(seed="0" * 32), r"a seed is 32 bytes"),
    ],
)
def test_operands_that_do_not_fit(x, wrong, message):
    before = x.residues.to_ints().tolist()
    with pytest.raises(ParameterError, match=message):
        wrong(x)
    assert x.residues.to_ints().tolist() == before
    assert x.fresh


@pytest.mark.parametrize("number", [2**64, -(2**64), 2.0**70, 10**400])
@pytest.mark.parametrize(
    "operation", ["__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__matmul__"]
)
def test_huge_scalars_are_refused_by_their_declared_bound(x, number, operation):
    operand = [number] * 3 if operation == "__matmul__" else number
    with pytest.raises(EncodingOverflowError, match="declare a larger value_bits"):
        getattr(x, operation)(operand)


def test_mixed_keys_and_variants_are_refused(device, keys, other_key):
    x = keys["djn"].public_key.encrypt([1, 2])
    for other in (other_key, keys["classic"], keys["subgroup"]):
        y = other.public_key.encrypt([1, 2])
        for wrong in (lambda y=y: x + y, lambda y=y: x - y, lambda y=y: y - x, lambda y=y: paillier.stack([x, y])):
            with pytest.raises(
                KeyMismatchError, match=f"different keys: .*{other.variant}.*encrypt both under one key"
            ):
                wrong()


@pytest.mark.parametrize("index", [2, (0, 3), np.array([5]), "a", 1.5])
def test_indices_raise_as_numpys_do(x, index):
    with pytest.raises(IndexError):
        x[index]


def test_comparisons_of_ciphertexts_do_not_pretend(x):
    for compare in (operator.eq, operator.ne, operator.lt, operator.ge):
        with pytest.raises(TypeError, match="nobody can compare without the key"):
            compare(x, x[:])
    assert x in [x]  # found as the same object


def test_views_and_odd_memory_encrypt_like_copies(device, key):
    table = np.arange(24, dtype=np.int16).reshape(4, 6)
    for view in (table[::-1, ::2], table.T, np.asfortranarray(table), np.broadcast_to(table[0], (3, 6)), table[:, 2]):
        assert np.array_equal(key.decrypt(key.public_key.encrypt(view)), view)
    frozen = table.copy()
    frozen.flags.writeable = False
    assert np.array_equal(key.decrypt(key.public_key.encrypt(frozen) * frozen), frozen.astype(int) ** 2)


def test_arguments_are_not_changed(x):
    numbers, bins = np.array([2, 3, 4]), np.array([[0, 1, 0], [1, 0, 1]])
    copies = numbers.copy(), bins.copy()
    x + numbers, x * numbers, x @ numbers, x.segment_sum(bins, 2)
    assert np.array_equal(numbers, copies[0])
    assert np.array_equal(bins, copies[1])


def test_every_error_of_the_tree_is_hepys_and_a_builtin():
    from hepy import errors

    builtins = {"ParameterError": ValueError, "KeyMismatchError": ValueError, "EncodingOverflowError": OverflowError,
                "LevelError": ValueError, "ScaleMismatchError": ValueError, "MissingKeyError": LookupError,
                "WireFormatError": ValueError, "DeviceError": RuntimeError, "DeviceOutOfMemoryError": MemoryError}  # fmt: skip
    for name, builtin in builtins.items():
        assert issubclass(getattr(errors, name), HepyError)
        assert issubclass(getattr(errors, name), builtin)
