"""Encoding, decoding and packing: fate_utils' own answers, and what raises where it panics."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy.errors import EncodingOverflowError, HepyError, ParameterError
from hepy.interop.fate import ArgumentTypeError, PlaintextVector, UnsupportedTypeError, fields, fixed_point

DTYPES = ("float64", "float32", "int64", "int32")


def number(text):
    return [int(text[0], 16), text[1]]


def encoded(*pairs):
    significands = np.array([pair[0] for pair in pairs] + [None], dtype=object)[:-1]
    return PlaintextVector(significands, np.array([pair[1] for pair in pairs], dtype=np.int64))


def pairs_of(vector):
    return [[int(s), int(e)] for s, e in zip(vector.significands, vector.exponents, strict=True)]


def test_encodings_are_those_of_fate_utils(vectors, contract):
    _, _, coder = contract
    assert len(vectors["encodings"]) > 100
    for dtype, value, want in vectors["encodings"]:
        value = float.fromhex(value) if isinstance(value, str) else value
        array = np.array([value], dtype=dtype)
        assert pairs_of(coder.encode_tensor(array)) == [number(want)]
        assert pairs_of(coder.encode(array[0].item(), dtype)) == [number(want)]


def test_a_vector_is_encoded_as_its_elements_are(vectors, contract):
    _, _, coder = contract
    cases = [(float.fromhex(value), number(want)) for dtype, value, want in vectors["encodings"] if dtype == "float64"]
    array = np.array([value for value, _ in cases]).reshape(2, -1)
    assert pairs_of(coder.encode_tensor(array)) == [want for _, want in cases]


def test_decodings_are_those_of_fate_utils(vectors, contract):
    _, _, coder = contract
    panics = 0
    for case in vectors["decodings"]:
        vector = encoded(number(case["number"]))
        for dtype in DTYPES:
            if case[dtype] is None:
                with pytest.raises(HepyError):
                    coder.decode_vec(vector, dtype)
                panics += 1
                continue
            got = coder.decode_vec(vector, dtype)
            want = float.fromhex(case[dtype]) if dtype.startswith("float") else case[dtype]
            assert np.asarray(got).tolist() == [want], (case, dtype)
    assert panics > 5


def test_a_scalar_decodes_to_pythons_own_number(contract):
    _, _, coder = contract
    vector = encoded([24, -1])
    assert [coder.decode_f64(vector), coder.decode_f32(vector), coder.decode_i64(vector), coder.decode_i32(vector)] == [
        1.5,
        1.5,
        1,
        1,
    ]
    assert [type(coder.decode_f64(vector)), type(coder.decode_i32(vector))] == [float, int]


def assert_unpacked(got, case):
    """The numbers of a case, in the type that they come in: torch's default has 32 bits, numpy's 64."""
    array = np.asarray(got)
    with np.errstate(over="ignore"):
        want = np.array([float.fromhex(text) for text in case["unpacked"]]).astype(array.dtype)
    assert array.dtype.kind == "f" and array.tolist() == want.tolist()


def test_packings_are_those_of_fate_utils(vectors, contract):
    _, _, coder = contract
    for case in vectors["packings"]:
        values = [float.fromhex(text) for text in case["values"]]
        bits, count, precision = case["layout"]
        if case["packed"] is None:
            with pytest.raises(ParameterError):
                coder.pack_floats(values, bits, count, precision)
            continue
        packed = coder.pack_floats(np.array(values), bits, count, precision)
        assert pairs_of(packed) == [number(text) for text in case["packed"]]
        back = coder.unpack_floats(packed, bits, count, precision, len(values))
        assert_unpacked(back, case)


def test_floats_round_half_away_from_zero_at_every_precision():
    halves = [k / 2 for k in range(-5, 6)]
    values = [0.0, -0.0, 5e-324, 2.0**-1022, -(2.0**-60), *halves, 1 / 3, -0.1, 2.0**52 + 1, 1e15, -1e300]
    for precision in (0, 1, 10, 52, 63, 64, 1100):
        scaled = [Fraction(value) * 2**precision for value in values]
        want = [math.floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1) for x in scaled]
        assert fields.fixed(values, precision) == want
        for value, one in zip(values, want, strict=True):  # alone: not held up by another's width
            assert fields.fixed([value], precision) == [one]


@given(st.lists(st.floats(), min_size=1, max_size=4), st.integers(0, 70), st.integers(0, 70))
def test_floats_in_one_plaintext_are_those_of_many(values, bits, precision):
    got = fields.packed_floats(values, bits, precision)
    if got is None:
        assert not all(abs(value) < 2.0**900 for value in values)  # not finite, or beyond float64 with the precision
    else:
        assert [got] == fields.pack(fields.fixed(values, precision), bits, len(values), 1 << 2000)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=40, max_size=40))
def test_few_floats_are_encoded_as_many(values):
    many = fixed_point.encode_floats(np.array(values))
    few = [fixed_point.encode_floats(np.array(values[i : i + 8])) for i in range(0, 40, 8)]
    for got, *parts in zip(many, *few, strict=True):
        assert np.concatenate(parts).tolist() == got.tolist()
    for value, significand, exponent in zip(values, *(part.tolist() for part in many), strict=True):
        assert Fraction(significand) * Fraction(16) ** exponent == Fraction(value)


@pytest.mark.parametrize("values", [[[0.5]], ["a"], ["a", 1], np.zeros((2, 2))], ids=repr)
def test_only_floats_of_one_axis_pack(contract, values):
    with pytest.raises(ArgumentTypeError, match="floats"):
        contract[2].pack_floats(values, 10, 2, 4)


def test_unpackings_are_those_of_fate_utils(vectors, contract):
    _, _, coder = contract
    for case in vectors["unpackings"]:
        vector = encoded(*([int(text, 16), 0] for text in case["plaintexts"]))
        got = coder.unpack_floats(vector, *case["arguments"])
        assert_unpacked(got, case)


@given(st.data(), st.integers(0, 70), st.integers(1, 9), st.integers(0, 60))
def test_fields_are_cut_out_and_rounded_towards_zero(data, bits, count, precision):
    plaintexts = data.draw(st.lists(st.integers(-(1 << 700), 1 << 700), max_size=5))
    total = data.draw(st.integers(0, count * (len(plaintexts) + 1)))
    want = []
    for plaintext in plaintexts:
        here = min(count, total - len(want))
        want += [plaintext // 2 ** (bits * at) % 2**bits for at in reversed(range(here))]
    got = fields.unpack_floats(plaintexts, bits, count, precision, total).tolist()
    assert len(got) == len(want)
    for value, field in zip(got, want, strict=True):
        scaled = int(Fraction(value) * 2**precision)
        step = 2 ** max(0, field.bit_length() - 53)
        assert scaled == field // step * step


def test_integers_pack_and_unpack(contract):
    _, _, coder = contract
    values = np.array([1, 2**20 - 1, 0, 5, 7])
    packed = coder.pack_vec(values, 20, 3)
    assert pairs_of(packed) == [[(1 << 40) + ((2**20 - 1) << 20), 0], [(5 << 20) + 7, 0]]
    assert np.asarray(coder.unpack_vec(packed, 20, 3, 5)).tolist() == values.tolist()
    assert np.asarray(coder.unpack_vec(packed, 20, 3, 4)).tolist() == [1, 2**20 - 1, 0, 7]


@pytest.mark.parametrize("values", [[-1], [2**20]])
def test_integers_that_do_not_fit_their_field_are_refused(contract, values):
    with pytest.raises(EncodingOverflowError, match="num_shift_bit"):
        contract[2].pack_vec(np.array(values), 20, 2)


def test_fields_that_exceed_the_key_are_refused(contract):
    with pytest.raises(EncodingOverflowError, match="a key of 512 bits"):
        contract[2].pack_floats([1.0] * 20, 30, 20, 4)


def test_what_has_no_encoding_is_refused_as_fate_refuses_it(contract):
    _, _, coder = contract
    with pytest.raises(UnsupportedTypeError, match="float16") as raised:
        coder.encode_tensor(np.array([1.0], np.float16))
    assert isinstance(raised.value, NotImplementedError)
    with pytest.raises(UnsupportedTypeError):
        coder.decode_vec(encoded([1, 0]), np.int16)
    with pytest.raises(ParameterError, match="index 1"):
        coder.encode_tensor(np.array([1.0, np.nan]))
    with pytest.raises(ArgumentTypeError):
        coder.encode_f64_vec(np.array([1, 2]))
    with pytest.raises(ArgumentTypeError):
        coder.encode(1.5, "int64")
    with pytest.raises(OverflowError):
        coder.encode(2**31, "int32")
    with pytest.raises(ArgumentTypeError):
        coder.encode(np.array([1.0, 2.0]))
    with pytest.raises(ArgumentTypeError):
        coder.decode_f64_vec(np.array([1.0]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("f64", np.array([0.1, -2.5, 1e300])), ("f32", np.array([0.1, -2.5, 1e30], np.float32)),
        ("i64", np.array([7, -(2**63), 2**63 - 1])), ("i32", np.array([7, -(2**31), 2**31 - 1], np.int32)),
    ],
)  # fmt: skip
def test_each_dtype_has_names_of_its_own(contract, name, values):
    """Encoded, encrypted and decrypted under the names that say the dtype, as vectors and one by one."""
    sk, pk, coder = contract
    encode, decode = (getattr(coder, f"{way}code_{name}") for way in ("en", "de"))
    encode_vec, decode_vec = (getattr(coder, f"{way}code_{name}_vec") for way in ("en", "de"))
    back = decode_vec(sk.decrypt_to_encoded(pk.encrypt_encoded(encode_vec(values), False)))
    assert back.tolist() == values.tolist()
    assert np.asarray(back).dtype == (np.int64 if name == "i32" else values.dtype)  # as FATE makes it
    for value in values.tolist():
        one = pk.encrypt_encoded_scalar(encode(value), obfuscate=False)
        assert len(one) == 1
        assert decode(sk.decrypt_to_encoded(one)) == value


def test_numbers_of_numpy_are_encoded_by_the_dtype_that_is_given(contract):
    """As in FATE, where a tensor alone brings its own."""
    _, _, coder = contract
    assert pairs_of(coder.encode(np.float64(0.1), np.float32)) == pairs_of(coder.encode_f32(0.1))
    assert pairs_of(coder.encode(np.int64(3), np.float64)) == pairs_of(coder.encode_f64(3.0))
    assert pairs_of(coder.encode(np.int64(3))) == [[3, 0]]
    for wrong in ((np.float64(0.5), np.int64), ("1", np.float64), (1.0, int), (1.0, [])):
        with pytest.raises((ArgumentTypeError, UnsupportedTypeError)):
            coder.encode(*wrong)
    for wrong in (["1"], [None], [1j], np.array([1j]), np.array(["1"])):
        with pytest.raises(ArgumentTypeError):
            coder.pack_floats(wrong, 8, 2, 4)


def test_a_dtype_that_is_asked_for_converts(contract):
    _, _, coder = contract
    assert pairs_of(coder.encode_vec(np.array([3.0]), np.int64)) == [[3, 0]]
    # FATE's encode_tensor looks at the tensor's own dtype, whatever is asked for.
    assert pairs_of(coder.encode_tensor(np.array([3]), np.float64)) == [[3, 0]]
