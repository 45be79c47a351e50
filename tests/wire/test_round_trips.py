"""What is written is read back, and equal objects are equal bytes."""

import copy
import hashlib
import json
import pickle

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import hepy
from hepy import paillier
from hepy.wire.container import BytesSource, Container, Message, Spec

SEED = bytes(range(32))
variants = st.sampled_from(["djn", "classic", "subgroup"])
shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(variants, st.sampled_from([256, 512]), shapes, st.data())
def test_numbers_of_any_shape(keys, variant, bits, shape, data):
    key = keys(variant, bits)
    value_bits = data.draw(st.integers(2, bits - 30))
    values = np.arange(np.prod(shape, dtype=int), dtype=object).reshape(shape) % (1 << value_bits)
    scale_bits = data.draw(st.integers(0, 20))
    x = key.encrypt(values, scale_bits=scale_bits, value_bits=min(value_bits + scale_bits, bits - 8), seed=SEED)
    message = hepy.dumps(x)
    y = hepy.loads(message, data.draw(st.sampled_from([key, key.public_key])))
    assert (y.shape, y.account, y.public_key, y.fresh) == (shape, x.account, key.public_key, False)
    assert hepy.dumps(y, rerandomize=False) == message
    assert key.decrypt(y, raw=True).tolist() == key.decrypt(x, raw=True).tolist()


@given(variants, st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 9))
def test_packed_fields(keys, variant, values, count_bits, terms):
    key = keys(variant)
    p = paillier.pack(
        *([1, -1] for _ in values), field_bits=[v + 5 for v in values], value_bits=values, count_bits=count_bits + 4
    )
    x = key.encrypt(p) * terms
    y = hepy.loads(hepy.dumps(x), key)
    assert y.account == x.account
    assert [f.tolist() for f in paillier.unpack(key.decrypt(y))] == [[terms, -terms]] * len(values)


def test_public_keys(key):
    message = hepy.dumps(key.public_key)
    loaded = hepy.loads(message)
    assert (loaded.n, loaded.h, loaded.variant) == (key.public_key.n, key.public_key.h, key.variant)
    assert loaded == key.public_key
    assert hepy.dumps(loaded) == message
    assert key.decrypt(loaded.encrypt([7, -7])).tolist() == [7, -7]


def test_private_keys(key):
    message = hepy.dumps(key, unencrypted=True)
    loaded = hepy.loads(message)
    assert hepy.dumps(loaded, unencrypted=True) == message
    assert loaded.encrypt([1, 2], seed=SEED).digest() == key.encrypt([1, 2], seed=SEED).digest()
    assert loaded.decrypt(key.public_key.encrypt([5])).tolist() == [5]


@pytest.mark.parametrize("bits", [2048, 3072])
def test_keys_of_full_length(keys, bits):
    key = keys("djn", bits)
    assert hepy.loads(hepy.dumps(key.public_key)).n == key.public_key.n
    x = key.encrypt([1.5])
    assert key.decrypt(hepy.loads(hepy.dumps(x), key)).tolist() == [1.5]
    assert len(hepy.dumps(x)) - len(hepy.dumps(x[:0])) == pytest.approx(bits // 4, abs=24)


def test_order_in_memory_does_not_show(djn):
    x = djn.encrypt(np.arange(24).reshape(2, 3, 4))
    view = x[::-1, :, 1::2].T
    again = hepy.loads(hepy.dumps(view, rerandomize=False), djn)
    assert djn.decrypt(again).tolist() == djn.decrypt(view).tolist()
    assert again.digest() == view.digest()
    assert again.digest() == hepy.loads(hepy.dumps(x, rerandomize=False), djn)[::-1, :, 1::2].T.digest()


def test_as_many_axes_as_numpy_has(djn):
    x = djn.encrypt([3]).reshape((1,) * 32)
    assert hepy.loads(hepy.dumps(x), djn).shape == (1,) * 32


def test_more_than_a_chunk(djn):
    x = djn.encrypt(np.arange(5000))
    y = hepy.loads(hepy.dumps(x), djn)
    assert djn.decrypt(y).tolist() == list(range(5000))


def test_what_is_not_fresh_is_rerandomized(djn):
    x = djn.encrypt([1, 2])
    zero = x - x
    assert hepy.dumps(x) == hepy.dumps(x, rerandomize=False)
    assert hepy.dumps(zero) != hepy.dumps(zero, rerandomize=False)
    assert hepy.dumps(zero) != hepy.dumps(zero)
    assert hepy.dumps(zero, seed=SEED) == hepy.dumps(zero, seed=SEED)
    sent, kept = hepy.loads(hepy.dumps(zero), djn), hepy.loads(hepy.dumps(zero, rerandomize=False), djn)
    assert kept.residues.to_ints().tolist() == [1, 1]
    assert 1 not in sent.residues.to_ints().tolist()
    assert djn.decrypt(sent).tolist() == [0, 0]


def test_the_digest_is_that_of_the_bytes_as_they_stand(djn):
    x = djn.encrypt([1, 2])
    for y in (x, x + x):
        assert y.digest() == hepy.digest(y) == hashlib.sha256(hepy.dumps(y, rerandomize=False)).hexdigest()
    key = djn.public_key
    assert key.digest() == hashlib.sha256(hepy.dumps(key)).hexdigest()
    with pytest.raises(hepy.ParameterError, match="password"):
        hepy.digest(djn)


def test_pickles_keep_ciphertexts_as_they_stand(djn):
    def duplicate(x):
        return pickle.loads(pickle.dumps(x))  # noqa: S301

    x = djn.encrypt([[1, 2], [3, 4]], seed=SEED)
    y = duplicate(x)
    assert (y.digest(), y.public_key, y.fresh) == (x.digest(), x.public_key, False)
    assert "seeded=True" in repr(y)
    assert "seeded" not in repr(duplicate(djn.encrypt([1])))


def test_copies_are_the_array_itself(djn):
    """A copy by way of a message would forget an own generator, and lie on the device that is current."""
    own = djn.public_key.with_own_generator()
    x = own.encrypt([1, 2])
    assert copy.copy(x) is copy.deepcopy(x) is copy.deepcopy([x])[0] is x
    assert x.public_key is own


def test_pickles_hold_messages_and_no_private_key(djn):
    x = djn.encrypt([1])
    pickled = pickle.dumps(x)
    assert hepy.dumps(x, rerandomize=False) in pickled
    assert hepy.dumps(djn.public_key) in pickled
    assert pickle.loads(pickle.dumps(djn.public_key)) == djn.public_key  # noqa: S301
    with pytest.raises(hepy.ParameterError, match=r"hepy\.save"):
        pickle.dumps(djn)


@pytest.mark.parametrize("thing", [1, "text", None, [1], np.arange(3)])
def test_other_objects_do_not_travel(thing):
    with pytest.raises(hepy.ParameterError, match="no wire form"):
        hepy.dumps(thing)


def test_plaintexts_do_not_travel():
    with pytest.raises(hepy.ParameterError, match="Packed has no wire form"):
        hepy.dumps(paillier.pack([1], field_bits=[9], value_bits=[4]))


def test_scales_that_the_format_cannot_say(djn):
    x = djn.encrypt([1], scale_bits=0, value_bits=1)
    x = paillier.CiphertextArray(x.public_key, x.residues, type(x.account)(1 << 16, 1))
    with pytest.raises(hepy.ParameterError, match="65535"):
        hepy.dumps(x)


# The container itself, against safetensors' own library.


def test_safetensors_reads_what_hepy_writes(djn):
    x = djn.encrypt(np.arange(6).reshape(2, 3))
    tensors = safetensors.numpy.load(hepy.dumps(x))
    assert list(tensors) == ["residues"]
    assert (tensors["residues"].reshape(2, 3, -1) == x.residues.to_limbs()).all()


@given(
    st.dictionaries(
        st.text("abcxyz_", min_size=1, max_size=6),
        st.tuples(st.sampled_from(["U8", "U32", "U64"]), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
        max_size=5,
    ),
    st.dictionaries(st.text("abc", min_size=1), st.integers(0, 99) | st.text('abc"\\', max_size=5), max_size=4),
)
def test_hepy_writes_what_safetensors_writes(tensors, metadata):
    dtypes = {"U8": "u1", "U32": "<u4", "U64": "<u8"}
    arrays = {
        name: np.arange(np.prod(shape, dtype=int), dtype=dtypes[dtype]).reshape(shape)
        for name, (dtype, shape) in tensors.items()
    }
    message = Message(
        metadata,
        {name: Spec(*spec) for name, spec in tensors.items()},
        {name: lambda array=array: [array.tobytes()] for name, array in arrays.items()},
    )
    ours = b"".join(message.chunks())
    said = json.dumps(metadata, sort_keys=True, separators=(",", ":"))
    assert ours == safetensors.numpy.save(arrays, {"hepy": said})
    assert message.size() == len(ours)
    container = Container(BytesSource(ours))
    assert container.metadata == metadata
    container.require(metadata, message.specs)
    for name, array in arrays.items():
        assert bytes(container.read(name)) == array.tobytes()
