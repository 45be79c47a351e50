"""EncryptedNumber and EncodedNumber: obfuscation, errors, noted results, threads and forks. Values: test_vectors.py."""

import copy
import functools
import math
import operator
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hepy import options
from hepy._limbs import MPZ
from hepy.bigint import ResidueArray
from hepy.bigint.single import Singles
from hepy.errors import EncodingOverflowError, HepyError, KeyMismatchError, ParameterError
from hepy.interop.phe import deferred, paillier
from hepy.interop.phe.arrays import EncryptedArray
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.errors import ArgumentTypeError, EncodingRangeError, NoInverseError, ProductError
from hepy.interop.phe.numbers import EncryptedNumber


@pytest.fixture
def batches(monkeypatch):
    """How many terms each multi-exponentiation had."""
    found = []
    original = ResidueArray.multi_power_vartime

    def recorded(self, exponents):
        found.append(len(exponents))
        return original(self, exponents)

    monkeypatch.setattr(ResidueArray, "multi_power_vartime", recorded)
    return found


def ciphertext(number):
    return number.ciphertext(be_secure=False)


# Obfuscation.


def test_encryptions_are_obfuscated_and_results_are_when_they_are_looked_at(public_key, private_key):
    x = public_key.encrypt(5)
    assert x.ciphertext() == x.ciphertext() == ciphertext(x) != public_key.encrypt(5).ciphertext()
    y = x - x
    assert ciphertext(y) == 1
    sent = y.ciphertext()
    assert sent != 1 and y.ciphertext() == sent == ciphertext(y)
    assert private_key.decrypt(y) == 0


def test_received_numbers_are_obfuscated_once(public_key, private_key):
    received = EncryptedNumber(public_key, public_key.raw_encrypt(7, r_value=3))
    first = received.ciphertext()
    assert first != public_key.raw_encrypt(7, r_value=3) and received.ciphertext() == first
    assert private_key.decrypt(received) == 7


def test_received_numbers_need_not_be_reduced(public_key):
    square, c = public_key.nsquare, public_key.raw_encrypt(7, r_value=3)
    for given in (c + 5 * square, c - square, np.int64(9), MPZ(c)):
        x = EncryptedNumber(public_key, given)
        assert ciphertext(x) == given and type(ciphertext(x)) is int
        for factor in (-3, -1, 0, 1, 7, 12345):
            assert ciphertext(x * factor) == pow(int(given), factor, square)
        assert ciphertext(x + x) == int(given) ** 2 % square and ciphertext(x - x) == 1


def test_fixed_obfuscators(public_key):
    n = public_key.n
    assert ciphertext(public_key.encrypt(5, r_value=7)) == (1 + 5 * n) * pow(7, n, n * n) % (n * n)
    assert public_key.raw_encrypt(n - 5, r_value=7) == (1 - 5 * n) * pow(7, n, n * n) % (n * n)
    assert public_key.encrypt(5, r_value=7).ciphertext() != ciphertext(public_key.encrypt(5, r_value=7))
    assert ciphertext(public_key.encrypt(5, r_value=0)) == 1 + 5 * n  # 0 stands for 1, as in phe
    assert public_key.encrypt(5, r_value=0).ciphertext() != 1 + 5 * n
    for wrong in ("7", 7.0, b"7", [7]):
        with pytest.raises(ArgumentTypeError, match="r_value is an integer"):
            public_key.encrypt(5, r_value=wrong)
        with pytest.raises(ArgumentTypeError, match="r_value is an integer"):
            public_key.raw_encrypt(5, r_value=wrong)


@pytest.mark.parametrize("variant", ["djn", "classic"])
def test_obfuscators_are_residues_that_nobody_gets_twice(variant, pairs):
    key, private_key = pairs["256 bits"]
    mine = paillier.PaillierPublicKey(key.n, variant=variant)
    found = [int(mine.obfuscators.one()) for _ in range(200)]
    found += mine.obfuscators.many((100,)).to_ints().tolist()
    assert len(set(found)) == 300
    assert all(private_key.raw_decrypt(value) == 0 for value in found)
    assert sum(value % 2 for value in found) in range(100, 200)


def test_equal_keys_share_obfuscators_and_draw_them_apart(public_key):
    again = paillier.PaillierPublicKey(public_key.n)
    assert again.obfuscators is public_key.obfuscators
    assert paillier.PaillierPublicKey(public_key.n, variant="classic").obfuscators is not public_key.obfuscators


def test_threads_get_obfuscators_of_their_own(public_key):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ciphertext(public_key.encrypt(0)), range(200)))
    assert len(set(found)) == 200


def test_a_forked_child_has_obfuscators_of_its_own(public_key, in_a_child):
    while not public_key.obfuscators._ahead:
        public_key.encrypt(0)
    theirs = in_a_child(lambda: [str(ciphertext(public_key.encrypt(0))) for _ in range(70)])
    ours = [str(ciphertext(public_key.encrypt(0))) for _ in range(70)]
    assert not set(ours) & set(theirs)


def test_pickles_and_copies(public_key, private_key):
    x = public_key.encrypt(2.5)
    y = pickle.loads(pickle.dumps(x - x))  # noqa: S301
    assert ciphertext(y) not in (1, ciphertext(x - x)) and y.obfuscated and y.public_key == public_key
    assert private_key.decrypt(y) == 0
    for same in (copy.copy(x), copy.deepcopy(x)):
        assert ciphertext(same) == ciphertext(x) and same.exponent == x.exponent and same.ciphertext() == ciphertext(x)
    assert ciphertext(copy.copy(x * 3)) == ciphertext(x * 3)


# Noted results.


def test_a_dot_product_is_one_batch(public_key, private_key, batches):
    draw = random.Random(4)
    values, weights = [draw.uniform(-1, 1) for _ in range(20)], [draw.uniform(-1, 1) for _ in range(20)]
    numbers = [public_key.encrypt(value) for value in values]
    for dot in (
        lambda: np.dot(np.array(numbers), weights),
        lambda: np.array(weights) @ np.array(numbers),
        lambda: sum(x * w for x, w in zip(numbers, weights, strict=True)),
        lambda: np.sum(np.array(numbers) * np.array(weights)) + 0,
    ):
        batches.clear()
        got = private_key.decrypt(dot())
        assert batches == [20] or batches == [21]  # a plain zero may be among the terms
        assert math.isclose(got, sum(v * w for v, w in zip(values, weights, strict=True)), rel_tol=1e-12)


def test_partial_sums_are_computed_once(public_key, private_key, batches):
    """Whatever is held is computed for itself; what depends on it starts from there, in any order of looking."""
    products = [public_key.encrypt(value) * 0.3 for value in range(1, 31)]
    sums = list(np.cumsum(np.array(products)))
    batches.clear()
    got = [private_key.decrypt(number) for number in reversed(sums)]
    assert not batches
    assert np.allclose(got, 0.3 * np.cumsum(range(1, 31))[::-1], rtol=1e-12)


def test_doubling_does_not_grow(public_key, private_key, batches):
    number = public_key.encrypt(3) * 5
    for _ in range(40):
        number = number + number
    assert private_key.decrypt(number) == 15 << 40
    assert not batches


def test_a_sum_that_is_multiplied_is_computed_first(public_key, private_key, batches):
    number = sum(public_key.encrypt(value) * (value + 0.5) for value in range(10)) * 0.1
    assert private_key.decrypt(number) == pytest.approx(30.75)
    assert batches == [10] or batches == [11]


def test_a_sum_of_few_exponents_is_multiplied_first(public_key, private_key, batches, monkeypatch):
    powers = []
    power = Singles.power
    monkeypatch.setattr(
        Singles, "power", lambda *arguments, **named: powers.append(arguments[2]) or power(*arguments, **named)
    )
    numbers = [public_key.encrypt(value) for value in (1, 0.5, 3, 0.25, -7, 2, 0.75, 0.5)]
    powers.clear()
    total = sum(number * 8 for number in numbers)
    ciphertext(total)
    assert powers == [16**14, 8] and not batches
    assert private_key.decrypt(total) == 8


def test_long_sums_are_computed_in_between(public_key, private_key, batches, monkeypatch):
    monkeypatch.setattr("hepy.interop.phe.numbers.MOST_TERMS", 16)
    number = sum(public_key.encrypt(value) * (value + 0.5) for value in range(64))
    assert number.result.terms <= 16
    assert private_key.decrypt(number) == 86352.0
    assert max(batches) <= 18 and len(batches) > 3


def test_noted_results_that_share_parts(public_key, private_key):
    x, y = public_key.encrypt(2.5), public_key.encrypt(-3)
    product = x * 0.5
    a, b = product + y, product - y
    del product
    c = (a + b) * 2 - a
    assert [private_key.decrypt(number) for number in (c, a, b)] == [6.75, -1.75, 4.25]


def test_looking_from_many_threads(public_key, private_key):
    numbers = [public_key.encrypt(value) for value in range(12)]
    result = functools.reduce(operator.add, [number * 0.5 for number in numbers])
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: ciphertext(result), range(16)))
    assert len(found) == 1
    assert private_key.decrypt(result) == 33.0


def test_many_noted_products_are_computed_together(public_key, private_key):
    products = [public_key.encrypt(value) * -0.5 for value in range(8)]
    expected = [ciphertext(copy.copy(product)) for product in products]
    again = [EncryptedNumber(public_key, ciphertext(public_key.encrypt(1))) * 3 for _ in range(8)]
    values = deferred.compute_all(public_key.modulus, [number.result for number in products + again])
    assert [int(value) for value in values[:8]] == expected
    assert private_key.decrypt_array(products).tolist() == [-0.5 * value for value in range(8)]
    assert all(not number.result.parts for number in again)


# Errors.


def test_types(public_key):
    x = public_key.encrypt(5)
    for operation in (
        lambda: x + "a",
        lambda: x * None,
        lambda: x - "a",
        lambda: public_key.encrypt("5"),
        lambda: public_key.encrypt([1, 2]),
        lambda: public_key.encrypt(np.ones(2)),
        lambda: public_key.encrypt(x),
        lambda: public_key.raw_encrypt(5.0),
        lambda: x._raw_mul(2.0),
        lambda: EncryptedNumber(public_key, "5"),
        lambda: EncryptedNumber(public_key, x),
        lambda: EncryptedNumber("key", 5),
        lambda: EncodedNumber.encode(public_key, "5"),
        lambda: paillier.PaillierPublicKey("15"),
    ):
        with pytest.raises(TypeError) as caught:
            operation()
        assert isinstance(caught.value, ArgumentTypeError)
        assert not isinstance(caught.value, ValueError)
    with pytest.raises(NotImplementedError) as caught:
        x * x
    assert isinstance(caught.value, ProductError)
    for operation in (lambda: -x, lambda: x**2, lambda: x - EncodedNumber.encode(public_key, 1)):
        with pytest.raises(TypeError):
            operation()
    with pytest.raises(ZeroDivisionError):
        x / 0


def test_values(public_key, other_key):
    n, x = public_key.n, public_key.encrypt(5)
    for operation, error in (
        (lambda: x + other_key.encrypt(1), KeyMismatchError),
        (lambda: x + EncodedNumber.encode(other_key, 1), KeyMismatchError),
        (lambda: public_key.encrypt(n // 3), EncodingRangeError),
        (lambda: x * (n // 3), EncodingRangeError),
        (lambda: x + -(n // 3), EncodingRangeError),
        (lambda: x.decrease_exponent_to(-400), EncodingRangeError),
        (lambda: x.decrease_exponent_to(1), ParameterError),
        (lambda: EncodedNumber(public_key, 5, 0).decrease_exponent_to(1), ParameterError),
        (lambda: x * EncodedNumber(public_key, n, 0), ParameterError),
        (lambda: x * EncodedNumber(public_key, -1, 0), ParameterError),
        (lambda: x._raw_mul(n), ParameterError),
        (lambda: x._raw_mul(-1), ParameterError),
        (lambda: EncodedNumber(public_key, n, 0).decode(), ParameterError),
    ):
        with pytest.raises(ValueError) as caught:
            operation()
        assert isinstance(caught.value, error)
    for operation in (
        lambda: EncodedNumber(public_key, n // 2, 0).decode(),
        lambda: EncodedNumber(paillier.PaillierPublicKey(2**3001 + 1), 2**2990, -1).decode(),
    ):
        with pytest.raises(OverflowError) as caught:
            operation()
        assert isinstance(caught.value, EncodingOverflowError)


def test_infinite_and_undefined(public_key):
    for number, error in ((math.inf, OverflowError), (-math.inf, OverflowError), (math.nan, ValueError)):
        for precision in (None, 0.1):
            with pytest.raises(error) as caught:
                public_key.encrypt(number, precision)
            assert isinstance(caught.value, HepyError)
    for precision in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match="a precision is positive and finite"):
            public_key.encrypt(1, precision)
    for wrong in (
        lambda: public_key.encrypt(1, "0.1"), lambda: public_key.encrypt(None, 0.1), lambda: public_key.encrypt(1j, 0.1),
        lambda: EncodedNumber.encode(public_key, 1.5, max_exponent=math.nan), lambda: EncryptedNumber(public_key, 5, None),
        lambda: public_key.encrypt(3).decrease_exponent_to(-1.5),
        lambda: EncodedNumber.encode(public_key, 1).decrease_exponent_to(-1.5),
    ):  # fmt: skip
        with pytest.raises(ArgumentTypeError):
            wrong()


def test_exponents_that_no_key_holds_take_no_time(public_key, private_key):
    far = EncryptedNumber(public_key, public_key.raw_encrypt(3), -(10**15))
    for attempt in (lambda: public_key.encrypt(1).decrease_exponent_to(-(10**15)), lambda: public_key.encrypt(1) + far):
        with pytest.raises(EncodingRangeError, match="cannot be aligned"):
            attempt()
    encoded = EncodedNumber.encode(public_key, -5).decrease_exponent_to(-(10**15))
    assert encoded.encoding == -5 * pow(16, 10**15, public_key.n) % public_key.n


def test_a_ciphertext_that_has_no_inverse(public_key, pairs):
    p = pairs["1024 bits"][1].p
    many = functools.reduce(operator.add, [EncryptedNumber(public_key, p) * -0.5 for _ in range(10)])
    bad = [EncryptedNumber(public_key, p) * -1 for _ in range(10)]
    for look in (lambda: ciphertext(bad[0]), lambda: ciphertext(many), lambda: EncryptedArray.of(bad)):
        with pytest.raises(ZeroDivisionError) as caught:
            look()
        assert isinstance(caught.value, NoInverseError)


def test_long_chains_are_dropped_and_computed(public_key, private_key):
    """Neither recursion nor a result of its own for each step."""
    number = public_key.encrypt(1)
    for _ in range(50_000):
        number = number * 1
    del number
    number = public_key.encrypt(3)
    for _ in range(3_000):
        number = number * -1
    assert private_key.decrypt(number) == 3


def test_no_number_shows(public_key, private_key):
    """Plaintexts and ciphertexts are in no repr and no message."""
    number = public_key.encrypt(123456789) * 987654321
    shown = [repr(number), repr(private_key), repr(public_key), repr(public_key.encrypt_array([123456789]))]
    for operation in (lambda: public_key.encrypt(123456789**60), lambda: number + 123456789**60):
        with pytest.raises(HepyError) as caught:
            operation()
        shown.append(str(caught.value))
    for text in shown:
        assert not any(secret in text for secret in ("123456789", "987654321", str(private_key.p), str(private_key.q)))


# Scalars and raw ciphertexts.


def test_numpys_scalars_are_numbers(public_key, private_key):
    x = public_key.encrypt(np.int64(5))
    assert private_key.decrypt(x + np.int64(2)) == private_key.decrypt(np.int64(2) + x) == 7
    assert private_key.decrypt(x * np.float32(0.5)) == private_key.decrypt(np.float64(0.5) * x) == 2.5
    assert private_key.decrypt(public_key.encrypt(np.float16(1.5), precision=0.1)) == 1.5
    assert EncodedNumber.encode(public_key, np.int64(-5), precision=0.01).decode() == -5.0
    assert [private_key.decrypt(y) for y in x * np.array([1, 2.5])] == [5, 12.5]
    assert [private_key.decrypt(y) for y in np.array([1, 2.5]) - x] == [-4, -2.5]
    assert [private_key.decrypt(y) for y in x / np.array([2, 4])] == [2.5, 1.25]


def test_raw_ciphertexts(public_key, private_key):
    a, b = public_key.raw_encrypt(20), public_key.raw_encrypt(22)
    x = EncryptedNumber(public_key, a)
    assert private_key.raw_decrypt(x._raw_add(a, b)) == 42
    assert private_key.raw_decrypt(x._raw_mul(3)) == 60
    assert private_key.raw_decrypt(x._raw_mul(public_key.n - 3)) == public_key.n - 60
    assert type(a) is type(x._raw_add(a, b)) is type(x._raw_mul(3)) is type(private_key.raw_decrypt(a)) is int
    assert type(x.ciphertext()) is int
    with pytest.raises(TypeError):
        private_key.raw_decrypt("5")


def test_the_base_can_be_another_for_all(public_key, private_key, monkeypatch):
    monkeypatch.setattr(EncodedNumber, "BASE", 2)
    monkeypatch.setattr(EncodedNumber, "LOG2_BASE", 1.0)
    x = public_key.encrypt(0.75)
    assert x.exponent == -53
    assert private_key.decrypt(x + public_key.encrypt(3)) == 3.75
    assert private_key.decrypt(public_key.encrypt_array([0.75, 3]).sum()) == 3.75


def test_a_subclass_has_a_base_of_its_own(public_key, private_key):
    class Decimal(EncodedNumber):
        BASE = 10
        LOG2_BASE = math.log2(10)

    encoded = Decimal.encode(public_key, 2.35, precision=0.01)
    assert (encoded.encoding, encoded.exponent, type(encoded)) == (235, -2, Decimal)
    number = public_key.encrypt(encoded)
    back = private_key.decrypt_encoded(number + number, Decimal)
    assert type(back) is Decimal and back.decode() == 4.7
    assert type(encoded.decrease_exponent_to(-3)) is Decimal
    assert private_key.decrypt_array([number, number], Decimal).tolist() == [2.35, 2.35]


def test_constant_time_changes_no_result(public_key, private_key, monkeypatch):
    x = public_key.encrypt(2.5, r_value=9)
    monkeypatch.setattr(options, "constant_time", True)
    assert private_key.decrypt(x) == 2.5
    assert private_key.decrypt(public_key.encrypt(-7)) == -7
    assert private_key.decrypt_array([x * 3]).tolist() == [7.5]
