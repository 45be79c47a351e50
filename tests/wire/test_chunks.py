"""Arrays in chunks: each message bounded, the stream whole and in order or refused, and nothing held but a chunk."""

import hashlib
import itertools
import json

import numpy as np
import pytest

import hepy
from hepy import ckks, paillier
from hepy.errors import KeyMismatchError, MissingKeyError, ParameterError, WireFormatError


@pytest.fixture
def x(djn):
    return djn.encrypt(np.arange(40).reshape(20, 2), value_bits=8)


@pytest.fixture
def stream(x):
    made = list(hepy.dump_chunks(x, max_bytes=1000))
    assert len(made) > 4
    return made


@pytest.fixture(scope="module")
def context():
    return ckks.Context(ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None))


def refused(messages, match, key):
    """Both with the key and without it."""
    for options in ({"key": key}, {}):
        with pytest.raises(WireFormatError, match=match):
            list(hepy.load_chunks(messages, **options))


# There and back.


@pytest.mark.parametrize("shape", [(), (1,), (7,), (0,), (0, 3), (5, 2), (3, 0), (2, 3, 4)])
@pytest.mark.parametrize("max_bytes", [1100, 2000, 1 << 20])
def test_the_array_comes_back(djn, shape, max_bytes):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    x = djn.encrypt(values, value_bits=8)
    if shape == (2, 3, 4) and max_bytes == 1100:
        with pytest.raises(ParameterError, match=r"cannot be cut any further .* ravel\(\)"):
            list(hepy.dump_chunks(x, max_bytes=max_bytes))
        return
    messages = list(hepy.dump_chunks(x, max_bytes=max_bytes))
    assert max(map(len, messages)) <= max_bytes
    parts = list(hepy.load_chunks(messages, djn))
    back = parts[0] if len(parts) == 1 else paillier.concatenate(parts)
    assert back.digest() == x.digest()
    assert djn.decrypt(back).tolist() == values.tolist()


def test_every_chunk_is_as_large_as_it_may_be(djn):
    x = djn.encrypt(np.arange(60), value_bits=8)
    messages = list(hepy.dump_chunks(x, max_bytes=1500))
    assert min(map(len, messages[:-1])) > 1500 - 64 - 24  # a residue, and what widest numbers would take


def test_equal_arrays_are_equal_streams(djn, x):
    assert list(hepy.dump_chunks(x, max_bytes=1500)) == list(hepy.dump_chunks(x, max_bytes=1500))
    again = djn.encrypt(np.arange(40).reshape(20, 2), value_bits=8)
    assert list(hepy.dump_chunks(again, max_bytes=1500)) != list(hepy.dump_chunks(x, max_bytes=1500))


def test_chunks_are_bound_as_documented(stream):
    """By the letter of docs/wire.md, without hepy's reader."""
    previous = "0" * 64
    for index, message in enumerate(stream):
        length = int.from_bytes(message[:8], "little")
        fields = json.loads(json.loads(message[8 : 8 + length])["__metadata__"]["hepy"])
        assert set(fields) == {"content", "format", "index", "kind", "last", "previous"}
        assert (fields["kind"], fields["index"], fields["previous"]) == ("chunk", index, previous)
        assert fields["last"] == int(index == len(stream) - 1)
        assert fields["content"]["kind"] == "paillier.ciphertexts"
        previous = hashlib.sha256(message).hexdigest()


def test_what_is_not_fresh_is_rerandomized_chunk_by_chunk(djn, x):
    computed = x + x
    kept = list(hepy.dump_chunks(computed, max_bytes=1500, rerandomize=False))
    assert paillier.concatenate(list(hepy.load_chunks(kept, djn))).digest() == computed.digest()
    sent = paillier.concatenate(list(hepy.load_chunks(hepy.dump_chunks(computed, max_bytes=1500), djn)))
    ours, theirs = (array.residues.to_ints().ravel().tolist() for array in (computed, sent))
    assert not set(ours) & set(theirs)
    assert djn.decrypt(sent).tolist() == (2 * np.arange(40).reshape(20, 2)).tolist()
    seeded = [list(hepy.dump_chunks(computed, max_bytes=1500, seed=bytes(32))) for _ in range(2)]
    assert seeded[0] == seeded[1]


def test_a_seed_does_not_repeat_obfuscators(djn):
    zeros = djn.encrypt(np.zeros(30, dtype=int), value_bits=8)
    zeros = zeros - zeros  # every ciphertext is 1, so what is sent are the obfuscators
    sent = hepy.load_chunks(hepy.dump_chunks(zeros, max_bytes=1500, seed=bytes(32)), djn)
    obfuscators = [int(c) for part in sent for c in part.residues.to_ints()]
    assert len(set(obfuscators)) == 30


def test_squeezed_arrays(djn):
    y = djn.encrypt(np.arange(90), value_bits=8).squeeze_pack(4).rerandomize()
    parts = list(hepy.load_chunks(hepy.dump_chunks(y, max_bytes=1500), djn))
    assert len(parts) > 1
    assert djn.decrypt(paillier.concatenate(parts)).ravel()[:90].tolist() == list(range(90))


def test_ckks(context):
    values = np.linspace(-1, 1, 6 * 16).reshape(6, 16)
    z = context.encrypt(values)
    for array in (z, z * 2):
        messages = list(hepy.dump_chunks(array, max_bytes=3000))
        assert max(map(len, messages)) <= 3000
        assert len(messages) > 1
        back = ckks.concatenate(list(hepy.load_chunks(messages, context)))
        assert np.allclose(context.decrypt(back), context.decrypt(array), atol=1e-4)
    (whole,) = hepy.dump_chunks(z)  # still with its seed, as in one message
    assert len(whole) < len(hepy.dumps(z)) + 400
    (one,) = hepy.dump_chunks(z[0])
    assert np.allclose(context.decrypt(next(hepy.load_chunks([one], context))), values[0], atol=1e-4)


def test_ckks_ciphertexts_that_lose_their_seed_keep_to_the_size(context):
    """Loaded ones are rerandomized, and then as long again."""
    values = np.linspace(-1, 1, 6 * 16).reshape(6, 16)
    loaded = hepy.loads(hepy.dumps(context.encrypt(values)), context)
    limit = len(next(hepy.dump_chunks(loaded, rerandomize=False))) + 40  # how many chunks there are takes digits
    messages = list(hepy.dump_chunks(loaded, max_bytes=limit))
    assert len(messages) > 1
    assert max(map(len, messages)) <= limit
    assert len(list(hepy.dump_chunks(loaded, max_bytes=limit, rerandomize=False))) == 1
    one = hepy.loads(hepy.dumps(context.encrypt(values[0])), context)
    limit = len(next(hepy.dump_chunks(one, rerandomize=False))) + 40
    assert len(list(hepy.dump_chunks(one, max_bytes=limit, rerandomize=False))) == 1
    with pytest.raises(ParameterError, match="cannot be cut any further"):
        list(hepy.dump_chunks(one, max_bytes=limit))


def test_without_the_key_they_can_be_kept_and_unlocked_later(djn, x, stream):
    locked = list(hepy.load_chunks(stream))
    assert {part.fingerprint for part in locked} == {djn.fingerprint}
    back = paillier.concatenate([part.unlock(djn) for part in locked])
    assert back.digest() == x.digest()
    (whole,) = hepy.load_chunks(hepy.dump_chunks(x))
    assert whole.message == hepy.dumps(x)


# Piece by piece.


def test_the_writer_holds_one_array_more_than_it_gives(djn):
    asked = []

    def arrays():
        for number in range(5):
            asked.append(number)
            yield djn.encrypt([number], value_bits=8)

    messages = hepy.dump_chunks(arrays())
    assert asked == []
    first = next(messages)
    assert asked == [0, 1]  # the second tells that the first is not the last
    values = [djn.decrypt(part).item() for part in hepy.load_chunks(itertools.chain([first], messages), djn)]
    assert values == [0, 1, 2, 3, 4]


def test_the_reader_asks_for_a_message_when_it_is_asked_for_an_array(djn, stream):
    asked = []

    def incoming():
        for message in stream:
            asked.append(len(message))
            yield message

    parts = hepy.load_chunks(incoming(), djn)
    assert asked == []
    next(parts)
    assert len(asked) == 1
    next(parts)
    assert len(asked) == 2


def test_arrays_of_different_shapes_under_one_key(djn):
    arrays = [djn.encrypt([1, 2], value_bits=8), djn.encrypt([[1.5]], scale_bits=4, value_bits=8)]
    back = list(hepy.load_chunks(hepy.dump_chunks(arrays), djn))
    assert [part.digest() for part in back] == [array.digest() for array in arrays]


# What is missing, repeated, exchanged or foreign.


def test_a_missing_chunk(djn, stream):
    for index in range(len(stream)):
        rest = stream[:index] + stream[index + 1 :]
        match = "ended after" if index == len(stream) - 1 else f"number {index + 1} came where {index} was due"
        refused(rest, match, djn)


def test_a_stream_that_ends_early(djn, stream):
    for length in range(len(stream)):
        refused(stream[:length], f"ended after {length} chunks", djn)


def test_a_repeated_chunk(djn, stream):
    for index in range(len(stream)):
        match = "follows number" if index == len(stream) - 1 else f"number {index} came where {index + 1} was due"
        refused(stream[: index + 1] + stream[index:], match, djn)


def test_chunks_in_another_order(djn, stream):
    for index in range(len(stream) - 1):
        swapped = stream.copy()
        swapped[index], swapped[index + 1] = swapped[index + 1], swapped[index]
        refused(swapped, f"number {index + 1} came where {index} was due", djn)


def test_a_chunk_of_another_stream(djn, x, stream):
    other = list(hepy.dump_chunks(djn.encrypt(np.arange(40).reshape(20, 2), value_bits=8), max_bytes=1000))
    for index in range(len(stream)):
        mixed = stream[:index] + other[index : index + 1] + stream[index + 1 :]
        number = index if index else 1
        refused(mixed, f"number {number} does not follow|ended after", djn)


def test_a_chunk_under_another_key(djn, keys, stream):
    other = keys("djn", 512)
    foreign = list(hepy.dump_chunks(other.encrypt(np.arange(40), value_bits=8), max_bytes=2500))
    with pytest.raises(KeyMismatchError):
        list(hepy.load_chunks(foreign, djn))


def test_a_chunk_that_says_it_follows_under_another_key(djn, keys, stream, forger):
    """Whoever knows the chunk before can name its digest; the key has to be the same all the same."""
    other = hepy.dump_chunks(keys("djn", 512).encrypt([1], value_bits=8))
    fields, tensors, _ = forger.dissect(next(other))
    fields |= {"index": 1, "previous": hashlib.sha256(stream[0]).hexdigest()}
    with pytest.raises(WireFormatError, match="number 1 belongs to another key"):
        list(hepy.load_chunks([stream[0], forger.forge(fields, tensors)]))


def test_every_flipped_byte_is_found_by_the_chunk_or_by_the_next(djn, stream):
    for position in range(0, len(stream[0]), 7):
        forged = bytearray(stream[0])
        forged[position] ^= 1 << position % 8
        with pytest.raises((WireFormatError, KeyMismatchError)):
            list(hepy.load_chunks([bytes(forged), *stream[1:]], djn))


def test_other_messages_in_a_stream(djn, x, stream):
    for other in (hepy.dumps(x), hepy.dumps(djn.public_key), hepy.dumps(djn.prove())):
        refused([other], "came where chunk 0 was due", djn)
        refused([stream[0], other], "came where chunk 1 was due", djn)
    refused([b"no message"], "header: ", djn)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"index": -1}, "'index'"),
        ({"index": True}, "'index'"),
        ({"previous": "0" * 63}, "'previous'"),
        ({"previous": "0" * 63 + "G"}, "'previous'"),
        ({"last": 2}, "'last'"),
        ({"last": True}, "'last'"),
        ({"content": 5}, "'content'"),
        ({"content": {}}, "content: the field 'format' is missing"),
        ({"count": 7}, "'count' is unknown"),
    ],
)
def test_fields_of_a_chunk(djn, stream, forger, values, match):
    fields, tensors, _ = forger.dissect(stream[0])
    refused([forger.forge(fields | values, tensors)], match, djn)


def test_what_comes_in_no_chunks(djn, forger, stream):
    fields, tensors, _ = forger.dissect(stream[0])
    for kind in ("paillier.public_key", "paillier.pool", "chunk", "sealed"):
        content = {**fields["content"], "kind": kind}
        refused([forger.forge({**fields, "content": content}, tensors)], "content: |'content' is a", djn)
    for thing in (djn, djn.public_key, djn.prove()):
        with pytest.raises(ParameterError, match="only ciphertexts are written in chunks"):
            list(hepy.dump_chunks(thing))
    for thing in (5, None, "text", b"bytes", [1, 2]):
        with pytest.raises(ParameterError, match="has no wire form"):
            list(hepy.dump_chunks(thing))
    with pytest.raises(ParameterError, match="there is nothing to write"):
        list(hepy.dump_chunks([]))


def test_one_chunk_is_no_message(djn, stream, tmp_path):
    (tmp_path / "chunk").write_bytes(stream[2])
    for load in (
        lambda: hepy.loads(stream[2], djn),
        lambda: hepy.loads(stream[2]),
        lambda: hepy.load(tmp_path / "chunk"),
    ):
        with pytest.raises(WireFormatError, match=r"this is chunk 2 of a stream: .*load_chunks"):
            load()


def test_sizes(djn, x, stream):
    with pytest.raises(WireFormatError, match="exceed max_bytes=800"):
        list(hepy.load_chunks(stream, djn, max_bytes=800))
    assert len(list(hepy.load_chunks(stream, djn, max_bytes=1000))) == len(stream)
    for wrong in (0, -1, 1.5, True, "1", None):
        with pytest.raises(ParameterError, match="max_bytes is a whole number"):
            hepy.dump_chunks(x, max_bytes=wrong)
        with pytest.raises(ParameterError, match="max_bytes is a whole number"):
            hepy.load_chunks(stream, max_bytes=wrong)
    with pytest.raises(ParameterError, match="cannot be cut any further and max_bytes=600"):
        list(hepy.dump_chunks(x, max_bytes=600))
    with pytest.raises(ParameterError, match="cannot be cut any further"):
        list(hepy.dump_chunks(x[0, 0], max_bytes=100))
    with pytest.raises(ParameterError, match="a seed is 32 bytes"):
        hepy.dump_chunks(x, seed=b"short")


def test_arrays_without_or_of_different_keys(djn, keys, x):
    locked = hepy.loads(hepy.dumps(x))
    for arrays in (locked, [locked], [x, locked]):
        with pytest.raises(MissingKeyError):
            list(hepy.dump_chunks(arrays))
    with pytest.raises(KeyMismatchError, match="a stream has ciphertexts of one key"):
        list(hepy.dump_chunks([x, keys("djn", 512).encrypt([1])]))
