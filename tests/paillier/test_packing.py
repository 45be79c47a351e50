"""Packed fields: values come back exactly through sums, subsets, factors and differences, or an error says why not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import paillier
from hepy.errors import EncodingOverflowError, KeyMismatchError, ParameterError, ScaleMismatchError
from hepy.paillier.packing import Fields

G = np.array([0.5, -0.25, 0.125, -1.0, 0.75])
H = np.array([1, -2, 3, 4, -5])
LAYOUT = {"field_bits": (40, 30), "scale_bits": (16, 0), "value_bits": (18, 8)}


def packed(g=G, h=H):
    return paillier.pack(g, h, **LAYOUT)


def unpacked(key, x):
    return [part.tolist() for part in paillier.unpack(key.decrypt(x))]


@pytest.fixture
def x(device, key):
    return key.public_key.encrypt(packed())


def test_fields_come_back(x, key):
    g, h = paillier.unpack(key.decrypt(x))
    assert (g.tolist(), h.tolist()) == (G.tolist(), H.tolist())
    assert (g.dtype, h.dtype) == (np.float64, np.int64)
    assert x.packed
    assert x.account.scale_bits == (16, 0)
    assert key.decrypt(x, raw=True).tolist() == packed().encodings.tolist()


@given(st.data())
def test_pack_and_unpack_are_inverse(data):
    fields = data.draw(st.integers(1, 5))
    bits = data.draw(st.lists(st.integers(1, 80), min_size=fields, max_size=fields))
    spare = data.draw(st.lists(st.integers(1, 9), min_size=fields, max_size=fields))
    values = [
        np.array(data.draw(st.lists(st.integers(-(2**b) + 1, 2**b - 1), min_size=3, max_size=3)), dtype=object)
        for b in bits
    ]
    widths = [b + s for b, s in zip(bits, spare, strict=True)]
    p = paillier.pack(*values, field_bits=widths, value_bits=bits)
    assert [part.tolist() for part in paillier.unpack(p)] == [v.tolist() for v in values]


@given(st.data())
def test_any_expression_within_its_account_decodes_exactly(key, data):
    """A random chain of sums, differences, factors and subsets, beside the same chain on the plain fields."""
    layout = {"field_bits": (60, 60), "value_bits": (8, 8)}
    a, b = (np.array(data.draw(st.lists(st.integers(-255, 255), min_size=3, max_size=3))) for _ in range(2))
    p = paillier.pack(a, b, **layout)
    x, plain = key.public_key.encrypt(p), np.stack([a, b])
    start = np.stack([a, b])
    for step in data.draw(st.lists(st.sampled_from("+-*rpq"), max_size=6)):
        if step == "+":
            x, plain = x + key.public_key.encrypt(p), plain + start
        elif step == "-":
            x, plain = x - key.public_key.encrypt(p), plain - start
        elif step == "*":
            x, plain = x * 5, plain * 5
        elif step == "r":
            x, plain = p - x, start - plain
        elif step == "p":
            x, plain = p + x, plain + start
        else:
            x, plain = x - p, plain - start
    assert unpacked(key, x) == plain.tolist()
    assert unpacked(key, x.sum()) == plain.sum(axis=1).tolist()


def test_sums_of_any_subset(x, key):
    assert unpacked(key, x.sum()) == [G.sum(), H.sum()]
    assert unpacked(key, x.cumsum()) == [G.cumsum().tolist(), H.cumsum().tolist()]
    got = unpacked(key, x.segment_sum([[0, 1, 0, 1, 2], [1, 1, 1, 1, 1]], 3, mask=[True, True, True, True, False]))
    assert got[0] == [[0.625, -1.25, 0.0], [0.0, -0.625, 0.0]]
    assert got[1] == [[4, 2, 0], [0, 6, 0]]


def test_arithmetic_of_packed_records(x, key):
    assert unpacked(key, x + x) == [(2 * G).tolist(), (2 * H).tolist()]
    assert unpacked(key, x - x[::-1]) == [(G - G[::-1]).tolist(), (H - H[::-1]).tolist()]
    assert unpacked(key, x + packed()) == unpacked(key, packed() + x) == [(2 * G).tolist(), (2 * H).tolist()]
    assert unpacked(key, packed(G * 0.5, H) - x) == [(-0.5 * G).tolist(), (0 * H).tolist()]
    assert unpacked(key, x - packed(G * 0.5, H)) == [(0.5 * G).tolist(), (0 * H).tolist()]
    for factor in (0, 1, 7, np.int64(7), np.uint8(7)):
        assert unpacked(key, x * factor) == [(int(factor) * G).tolist(), (int(factor) * H).tolist()]
    assert unpacked(key, (x - x) * 3 + x) == [G.tolist(), H.tolist()]
    assert unpacked(key, x.rerandomize().reshape(5, 1).T)[1] == [H.tolist()]


def test_joined_records(x, key):
    joined = paillier.concatenate([x, x + x])
    assert unpacked(key, joined)[1] == [*H.tolist(), *(2 * H).tolist()]
    assert joined.account.terms == 2
    with pytest.raises(ScaleMismatchError, match="pack both with the same arguments"):
        paillier.concatenate([x, key.public_key.encrypt(paillier.pack(H, H, field_bits=(40, 31), value_bits=(18, 8)))])
    with pytest.raises(ParameterError, match="packed and unpacked"):
        paillier.concatenate([x, key.public_key.encrypt([1])])


def test_headroom_is_what_fields_and_count_leave(key):
    p = paillier.pack([1], [2], field_bits=(12, 20), value_bits=(8, 8), count_bits=10)
    x = key.public_key.encrypt(p)
    assert x.headroom_bits == 3  # 2**(12 - 8 - 1) terms
    assert (x * 8).headroom_bits == 0
    with pytest.raises(EncodingOverflowError, match="could sum 9 terms in fields that hold 8"):
        x * 9
    counted = key.public_key.encrypt(paillier.pack([1], field_bits=(60,), value_bits=(8,), count_bits=2))
    assert counted.headroom_bits == 1
    with pytest.raises(EncodingOverflowError, match=r"count field: 3\): pack with field_bits"):
        counted * 4


def test_the_fullest_fields_still_decode(device, key):
    """Every field at its extreme for as many terms as it holds: one more would spill into the next."""
    p = paillier.pack([255, -255], [-255, 255], field_bits=(11, 11), value_bits=(8, 8), count_bits=4)
    x = key.public_key.encrypt(p)
    assert unpacked(key, x * 4) == [[1020, -1020], [-1020, 1020]]
    with pytest.raises(EncodingOverflowError):
        x * 5


@pytest.mark.parametrize("other", [-1, 0.5, 2.5, [1, 2, 3, 4, 5], True, np.array([2]), "2", None])
def test_packed_factors_are_one_common_integer(x, other):
    with pytest.raises(ParameterError, match="one common integer of at least 0"):
        x * other


def test_what_packed_records_do_not_do(x, key):
    plain = key.public_key.encrypt([1, 2, 3, 4, 5])
    for wrong in (lambda: -x, lambda: x @ np.ones(5, int), lambda: np.ones((2, 5), int) @ x, lambda: 1 - x):
        with pytest.raises(ParameterError, match="not defined for packed"):
            wrong()
    for wrong in (lambda: x + 1, lambda: 1 + x):
        with pytest.raises(ParameterError, match="add to packed ciphertexts and to"):
            wrong()
    with pytest.raises(ParameterError, match=r"only packed ciphertexts and paillier.pack\(...\) subtract"):
        x - 1
    for wrong in (lambda: x + plain, lambda: plain + x, lambda: plain - x, lambda: x - plain, lambda: plain + packed(),
                  lambda: plain - packed(), lambda: packed() - plain):  # fmt: skip
        with pytest.raises(ParameterError, match="packed"):
            wrong()
    with pytest.raises(ParameterError, match="masked arrays"):
        x * np.ma.array(3, mask=True)
    with pytest.raises(ParameterError, match="packed values are no factors"):
        plain * packed()
    with pytest.raises(ParameterError, match="cannot multiply ciphertexts"):
        x * x


def test_layouts_have_to_agree(x, key, other_key):
    other = key.public_key.encrypt(paillier.pack(G, H, field_bits=(41, 30), scale_bits=(16, 0), value_bits=(18, 8)))
    for wrong in (lambda: x + other, lambda: x - other):
        with pytest.raises(ScaleMismatchError, match="do not add"):
            wrong()
    with pytest.raises(KeyMismatchError):
        x + other_key.public_key.encrypt(packed())


@pytest.mark.parametrize(
    ("arrays", "options", "error", "message"),
    [
        ((), {"field_bits": ()}, ParameterError, "nothing to pack"),
        (([1], [2]), {"field_bits": (70,)}, ParameterError, "for each of the 2 arrays"),
        (([1], [2]), {"field_bits": (70, 70), "value_bits": (8,)}, ParameterError, "for each of the 2 arrays"),
        (([1], [2, 3]), {"field_bits": (70, 70)}, ParameterError, "one shape"),
        (([1],), {"field_bits": (64,)}, EncodingOverflowError, "at least 65 bits"),
        (([1],), {"field_bits": (8,), "value_bits": (8,)}, EncodingOverflowError, "at least 9 bits"),
        (([300],), {"field_bits": (20,), "value_bits": (8,)}, EncodingOverflowError, "exceeds its declared bound"),
        (([1],), {"field_bits": (70,), "count_bits": 0}, ParameterError, "count_bits is a whole number"),
        (([1],), {"field_bits": (70,), "count_bits": True}, ParameterError, "count_bits is a whole number"),
        (([np.nan],), {"field_bits": (200,)}, ParameterError, "not finite"),
    ],
)
def test_bad_arguments_of_pack(arrays, options, error, message):
    with pytest.raises(error, match=message):
        paillier.pack(*arrays, **options)


def test_fields_have_to_fit_the_key(key):
    wide = paillier.pack([1], [2], field_bits=(300, 300))
    with pytest.raises(EncodingOverflowError, match=r"632 bits in all .* do not fit a key of 512 bits: pack fewer"):
        key.public_key.encrypt(wide)
    with pytest.raises(ParameterError, match="give them to"):
        key.public_key.encrypt(packed(), scale_bits=3)
    with pytest.raises(ParameterError, match="unpack takes what decrypting"):
        paillier.unpack([1, 2])


def test_packed_plaintexts_are_indexed_like_arrays():
    p = packed()
    assert (p.shape, len(p)) == ((5,), 5)
    assert [part.tolist() for part in paillier.unpack(p[1:3])] == [G[1:3].tolist(), H[1:3].tolist()]
    assert repr(p) == "Packed(shape=(5,), field_bits=(40, 30), scale_bits=(16, 0))"


@pytest.mark.parametrize("width", [20, 90])
def test_a_field_beyond_its_terms_is_refused(key, width):
    """Of a sender who keeps no account: the count is right, and a field holds more than two values of 8 bits can be."""
    fields = Fields((width, 20), (0, 0), (8, 8), 8, terms=2, count=2)
    honest = fields.biases(2) + 5
    residues = key.encrypt_encodings(np.array([honest, honest + (1 << width - 1)], object))
    received = key.decrypt(paillier.CiphertextArray(key.public_key, residues, fields))
    assert [part.tolist() for part in paillier.unpack(received[:1])] == [[5], [0]]
    with pytest.raises(EncodingOverflowError, match=r"index \(1,\) lies outside the bound of 11 bits"):
        paillier.unpack(received)


def test_a_plaintext_beyond_its_account_is_refused():
    fields = Fields((20,), (0,), (8,), 8, terms=2, count=2)
    value = 3 << 20
    with pytest.raises(EncodingOverflowError, match="flat index 4 of shape"):
        fields.decode([value], 2**64, (2, 3), 4)
    assert fields.decode([value], 2**64, (2, 3), raw=True).tolist() == [value]
