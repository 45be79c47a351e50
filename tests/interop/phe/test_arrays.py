"""EncryptedArray: what it computes is what numpy computes on an array of EncryptedNumbers, ciphertext for ciphertext."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepy import options
from hepy.errors import KeyMismatchError, ParameterError
from hepy.interop.phe import few
from hepy.interop.phe.arrays import EncryptedArray
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.errors import ArgumentTypeError, EncodingRangeError, NoInverseError, ProductError
from hepy.interop.phe.numbers import EncryptedNumber


@pytest.fixture(params=[0, 1 << 20], ids=["in batches", "one by one"], autouse=True, scope="module")
def _form(request):
    """However many numbers arrays have, both of the ways that they are computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few, "_BITS", request.param)
        yield


SCALARS = st.one_of(
    st.integers(-(10**9), 10**9),
    st.sampled_from([0, 1, -1, 0.0, -1.0, 0.5, 1e6, -3e-7]),
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-9),
)


def plain(shape):
    """Arrays of objects, of integers and floats in any mixture."""
    size = int(np.prod(shape))
    return st.lists(SCALARS, min_size=size, max_size=size).map(lambda values: objects(values).reshape(shape))


def objects(values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def numbers_like(values, public_key):
    """EncryptedNumbers with known obfuscators."""
    flat = [public_key.encrypt(value, r_value=at + 2) for at, value in enumerate(np.asarray(values, object).ravel())]
    return objects(flat).reshape(np.shape(values))


def facts(result):
    """Shape, ciphertexts and exponents of an array or a number."""
    if isinstance(result, EncryptedNumber):
        return (), [(result.ciphertext(be_secure=False), result.exponent)]
    flat = np.asarray(result, dtype=object).ravel().tolist()
    return np.shape(result), [(each.ciphertext(be_secure=False), each.exponent) for each in flat]


def check_same(operation, numbers):
    batched = operation(EncryptedArray.of(numbers))
    assert isinstance(batched, EncryptedArray | EncryptedNumber)
    assert facts(batched) == facts(operation(numbers))


@settings(max_examples=8)
@given(data=st.data())
def test_elementwise_operations(data, public_key):
    x = numbers_like(data.draw(plain((2, 3))), public_key)
    shape = data.draw(st.sampled_from([(2, 3), (3,), (2, 1), ()]))
    a = data.draw(plain(shape))
    for operation in (
        lambda x: x + a,
        lambda x: a + x,
        lambda x: x - a,
        lambda x: a - x,
        lambda x: x * a,
        lambda x: a * x,
        lambda x: x + x[::-1],
        lambda x: x - x[:, ::-1],
        lambda x: x / 4,
        lambda x: x[0] + x[1, 2],
        lambda x: x[1, 2] - x[0],
    ):
        check_same(operation, x)


@settings(max_examples=8)
@given(data=st.data())
def test_sums_and_products_with_matrices(data, public_key):
    x = numbers_like(data.draw(plain((2, 3))), public_key)
    a, v, w = data.draw(plain((3, 2))), data.draw(plain((3,))), data.draw(plain((2,)))
    for operation in (
        lambda x: x @ a,
        lambda x: x @ v,
        lambda x: a @ x,
        lambda x: w @ x,
        lambda x: x[0] @ v,
        lambda x: v @ x[0],
        lambda x: np.dot(x, a),
        lambda x: np.dot(v, x[1]),
        lambda x: np.inner(x[0], v),
        lambda x: np.sum(x),
        lambda x: np.sum(x, axis=0),
        lambda x: x.sum(axis=1, keepdims=True),
        lambda x: np.mean(x, axis=0),
        lambda x: np.mean(x),
    ):
        check_same(operation, x)


@settings(max_examples=8)
@given(values=plain((7,)))
def test_encryption_is_that_of_numbers(values, public_key, private_key):
    array = public_key.encrypt_array(values)
    singly = [public_key.encrypt(value) for value in values.tolist()]
    assert array.exponents.tolist() == [number.exponent for number in singly]
    assert private_key.decrypt_array(array).tolist() == [private_key.decrypt(number) for number in singly]
    assert [private_key.decrypt(number) for number in array] == values.tolist()
    assert len(set(array.ciphertexts().tolist())) == len(values)


@pytest.mark.parametrize("variant", ["djn", "classic"])
def test_variants_and_precision(variant, pairs):
    from hepy.interop.phe import paillier

    for key, private_key in pairs.values():
        mine = paillier.PaillierPublicKey(key.n, variant=variant)
        array = mine.encrypt_array([[0.25, -1.5]], precision=0.01)
        assert array.exponents.tolist() == [[-2, -2]]
        assert private_key.decrypt_array(array).tolist() == [[0.25, -1.5]]
        assert private_key.decrypt_array(array + array).tolist() == [[0.5, -3.0]]


def test_numpy_takes_it(public_key, private_key):
    x = public_key.encrypt_array([1.5, 2, -3])
    for function, expected in (
        (lambda x: np.concatenate([x, x]), [1.5, 2, -3, 1.5, 2, -3]),
        (lambda x: np.stack([x, x], axis=1), [[1.5, 1.5], [2, 2], [-3, -3]]),
        (lambda x: np.cumsum(x), [1.5, 3.5, 0.5]),
        (lambda x: np.outer(x, [1, 2]), [[1.5, 3], [2, 4], [-3, -6]]),
        (lambda x: np.flip(x), [-3, 2, 1.5]),
        (lambda x: np.transpose(x.reshape(3, 1)), [[1.5, 2, -3]]),
        (lambda x: np.ravel(x.reshape(3, 1)), [1.5, 2, -3]),
        (lambda x: np.array([1, 2, 3]) * x, [1.5, 4, -9]),
        (lambda x: np.float64(2) * x, [3, 4, -6]),
        (lambda x: np.add(x, 1), [2.5, 3, -2]),
        (lambda x: np.asarray(x), [1.5, 2, -3]),
    ):
        assert private_key.decrypt_array(function(x)).tolist() == expected
    assert np.shape(x) == (3,) and np.ndim(x) == 1 and np.size(x) == 3
    assert private_key.decrypt(sum(x)) == 0.5
    assert [private_key.decrypt(number) for number in x] == [1.5, 2, -3]
    assert [row.shape for row in x.reshape(1, 3)] == [(3,)]
    assert private_key.decrypt(np.add.reduce(x)) == 0.5


@settings(max_examples=15)
@given(data=st.data())
def test_running_sums(data, public_key):
    shape = data.draw(st.sampled_from([(1,), (7,), (2, 5), (3, 1), (2, 2, 3)]))
    numbers = numbers_like(data.draw(plain(shape)), public_key)
    x = EncryptedArray.of(numbers)
    for axis in (None, *range(-len(shape), len(shape))):
        assert facts(np.cumsum(x, axis)) == facts(np.cumsum(numbers, axis))
    assert not np.cumsum(x).obfuscated
    assert np.cumsum(x[:0], axis=0).shape == (0, *shape[1:])


def test_what_numpy_is_not_told_about_works_one_by_one(public_key, private_key):
    x = public_key.encrypt_array([[1, 2], [3, 4]])
    assert private_key.decrypt_array(np.einsum("ij,j->i", x, np.array([1, 10], dtype=object))).tolist() == [21, 43]
    assert private_key.decrypt_array(np.add(x, x, where=True)).tolist() == [[2, 4], [6, 8]]
    assert private_key.decrypt_array(np.sum(x, axis=0, initial=5)).tolist() == [9, 11]


def test_parts_of_what_was_computed(public_key, private_key):
    x = public_key.encrypt_array(np.arange(6).reshape(2, 3))
    for y in (x + x, EncryptedArray.of((x + x).numbers())):
        for part in (lambda z: z[1, 1:], lambda z: z.T, lambda z: z[[1, 0], [2, 0]], lambda z: z.reshape(3, 2)):
            assert facts(part(y)) == facts(part(y.numbers()))
            assert not part(y).obfuscated
        assert facts(y.rearranged(lambda places: np.repeat(places, 3))) == facts(np.repeat(y.numbers(), 3))
        assert private_key.decrypt(y[1, 2]) == private_key.decrypt(y[1, 2, ...]) == 10
        assert y[:0].shape == (0, 3) and private_key.decrypt_array(y[:, 1:] * 3 - 1).tolist() == [[5, 11], [23, 29]]
        with pytest.raises(ParameterError):
            y.reshape(4, 2)


def test_shapes_and_elements(public_key, private_key):
    x = public_key.encrypt_array(np.arange(6).reshape(2, 3))
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
    assert private_key.decrypt_array(x.T).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert private_key.decrypt_array(x.reshape(3, 2)[1:, [1, 0]]).tolist() == [[3, 2], [5, 4]]
    assert private_key.decrypt(x[1, 2]) == 5
    assert private_key.decrypt_array(x[1]).tolist() == [3, 4, 5]
    assert [private_key.decrypt(number) for number in itertools.chain(*x.tolist())] == list(range(6))
    assert x[0, 1].ciphertext() == x.ciphertexts()[0, 1]
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(TypeError):
        len(public_key.encrypt_array(3))


def test_nothing(public_key, private_key):
    empty = public_key.encrypt_array([])
    assert private_key.decrypt_array(empty).tolist() == private_key.decrypt_array([]).tolist() == []
    assert private_key.decrypt(empty.sum()) == 0
    with pytest.raises(ParameterError, match="no key"):
        EncryptedArray.of([])


def test_obfuscation(public_key, private_key):
    x = public_key.encrypt_array([1, 2])
    assert x.obfuscated and x[0].obfuscated and x.ciphertexts().tolist() == x.ciphertexts().tolist()
    y = x - x
    assert not y.obfuscated and not y[0].obfuscated
    assert y.ciphertexts(be_secure=False).tolist() == [1, 1]
    sent = y.ciphertexts()
    assert 1 not in sent and y.obfuscated and y.ciphertexts().tolist() == sent.tolist()
    assert private_key.decrypt_array(y).tolist() == [0, 0]
    assert not EncryptedArray.of([x[0], y[0] + 1]).obfuscated
    assert not np.concatenate([x, x + 1]).obfuscated


def test_pickles_are_obfuscated(public_key, private_key):
    x = public_key.encrypt_array([[1.5, 2]])
    y = pickle.loads(pickle.dumps(x - x))  # noqa: S301
    assert y.shape == (1, 2) and y.public_key == public_key and y.obfuscated
    assert 1 not in y.ciphertexts(be_secure=False)
    assert private_key.decrypt_array(y).tolist() == [[0, 0]]


def test_encoded_numbers_as_operands(public_key, private_key):
    x = public_key.encrypt_array([1.5, 2])
    half = EncodedNumber.encode(public_key, 0.5, precision=0.1)
    for operation in (lambda x: x * half, lambda x: x + half, lambda x: x + objects([half, 3])):
        check_same(operation, np.asarray(x))
    assert private_key.decrypt_array(x * half).tolist() == [0.75, 1]


def test_bad_operands(public_key, other_key, private_key):
    x = public_key.encrypt_array([1, 2])
    other = other_key.encrypt_array([1, 2])
    for operation in (
        lambda: x + other,
        lambda: x + other[0],
        lambda: x - other,
        lambda: x + EncodedNumber.encode(other_key, 1),
        lambda: EncryptedArray.of([x[0], other[0]]),
        lambda: np.concatenate([x, other]),
        lambda: private_key.decrypt_array(other),
    ):
        with pytest.raises(KeyMismatchError):
            operation()
    for operation in (lambda: x * x, lambda: x * x[0], lambda: x[0] * x, lambda: x @ x, lambda: x / x):
        with pytest.raises(ProductError):
            operation()
    for operation in (
        lambda: x + "a",
        lambda: x * None,
        lambda: x + np.array([1, "a"], dtype=object),
        lambda: EncryptedArray.of([1, 2]),
        lambda: EncryptedArray.of([x[0], 2]),
        lambda: private_key.decrypt_array([1]),
        lambda: np.asarray(x, dtype=float),
        lambda: public_key.encrypt_array(["a"]),
    ):
        with pytest.raises(ArgumentTypeError):
            operation()
    for operation in (
        lambda: x + np.arange(3),
        lambda: x.sum(axis=1),
        lambda: x.sum(axis=(0, 0)),
        lambda: x.sum(axis=0.5),
    ):
        with pytest.raises(ParameterError):
            operation()
    for operation in (lambda: x * 2**1024, lambda: x + 2**1024, lambda: public_key.encrypt_array([2**1024])):
        with pytest.raises(EncodingRangeError):
            operation()
    with pytest.raises(EncodingRangeError, match="aligned"):
        x + EncryptedNumber(public_key, 1, -300)


def test_devices(device, pairs):
    """The current device does the work; short keys, for slow devices."""
    key, private_key = pairs["256 bits"]
    x = key.encrypt_array([1, -2, 3])
    assert x.residues.device.name == device
    y = (x + np.array([1, 2, 3])) * 2 - x
    assert y.residues.device.name == device
    assert private_key.decrypt_array(y).tolist() == [3, 2, 9]
    assert private_key.decrypt(x @ [1, 2, 3]) == 6
    assert private_key.decrypt(x.sum()) == 2


def test_few_are_counted_by_their_bits(public_key, monkeypatch):
    monkeypatch.setattr(few, "_BITS", 4096)
    few_numbers, many = (public_key.encrypt_array([2] * count) for count in (4, 5))
    assert few_numbers.few() and not many.few() and not many[:0].few()
    assert (few_numbers + few_numbers).few() and many[:4].few()


@pytest.mark.parametrize("threads", [1, 2])
def test_long_factors_are_shared_among_threads(threads, public_key, monkeypatch):
    monkeypatch.setattr(options, "threads", threads)
    numbers = numbers_like(range(1, 9), public_key)
    factors = [0.1, -3, 2**30, 1e-9, 0, -0.7, 5, 2**-60]
    check_same(lambda x: x * np.array(factors, dtype=object), numbers)


def test_what_has_no_inverse(public_key):
    x = EncryptedArray.of([EncryptedNumber(public_key, public_key.n)] * 8)
    for operation in (lambda: x * -(2**30), lambda: x * -1, lambda: x - x, lambda: x @ ([-1] * 8)):
        with pytest.raises(NoInverseError):
            operation()


def test_either_form_is_made_of_the_other(public_key, private_key, monkeypatch):
    values = [[1, 0.5], [-3, 2.0**-20]]
    x = public_key.encrypt_array(values)
    expected = x.ciphertexts().tolist(), x.exponents.tolist()
    few_numbers = EncryptedArray.of(x.tolist())
    monkeypatch.setattr(few, "_BITS", 0)
    of_batches = EncryptedArray.of(x.tolist())
    for array in (few_numbers, of_batches):
        assert (array.ciphertexts().tolist(), array.exponents.tolist()) == expected
        assert array.residues.to_ints().tolist() == expected[0]
        assert not array.exponents.flags.writeable
        assert private_key.decrypt_array(array).tolist() == values
        array.obfuscate()
        assert array.ciphertexts().tolist() != expected[0] and array.exponents.tolist() == expected[1]
        assert private_key.decrypt_array(array).tolist() == values
