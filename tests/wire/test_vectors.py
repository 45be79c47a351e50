"""Kept messages of every format version: they are read for ever, and written again byte for byte."""

import hashlib
import json
from pathlib import Path

import pytest

import hepy

VECTORS = Path(__file__).parent / "vectors"
SAID = json.loads((VECTORS / "v1.json").read_text(encoding="utf-8"))
each_vector = pytest.mark.parametrize("vector", SAID["messages"], ids=lambda vector: vector["name"])


def kept(vector):
    return (VECTORS / "v1" / f"{vector['name']}.hepy").read_bytes()


def test_the_script_makes_the_kept_bytes_again(maker):
    data, said = maker["messages"]()
    assert said == SAID["messages"]
    assert data == {vector["name"]: kept(vector) for vector in SAID["messages"]}


@each_vector
def test_the_digest_is_the_kept_one(vector):
    assert hashlib.sha256(kept(vector)).hexdigest() == vector["sha256"]


@each_vector
def test_kept_messages_are_read(vector, maker):
    message, key = kept(vector), maker["private_key"](vector["key"])
    assert hepy.describe(message).kind == vector["kind"]
    assert hepy.describe(message).fingerprint == key.fingerprint
    if vector["kind"] == "paillier.public_key":
        assert hepy.loads(message) == key.public_key
        assert hepy.digest(key.public_key) == vector["sha256"]
    elif vector["kind"] == "paillier.proof":
        key.public_key.verify(hepy.loads(message), vector["context"])
        assert hepy.loads(message).digest() == vector["sha256"]
    elif "chunk" in vector:
        assert hepy.describe(message).parameters["chunk"] == vector["chunk"]
    elif vector["kind"] == "paillier.private_key":
        loaded = hepy.loads(message, password=vector.get("password"))
        assert loaded.public_key == key.public_key
        assert hepy.dumps(loaded, unencrypted=True) == hepy.dumps(key, unencrypted=True)
    else:
        loaded = hepy.loads(message, key)
        assert loaded.digest() == hepy.loads(message).digest() == vector["sha256"]
        assert list(loaded.shape) == vector["shape"]
        assert [hex(value) for value in key.decrypt(loaded, raw=True).ravel()] == vector["encodings"]


def test_kept_chunks_are_a_stream(maker):
    stream = [kept(vector) for vector in SAID["messages"] if "chunk" in vector]
    assert len(stream) > 1
    key = maker["private_key"]("djn")
    values = [value for part in hepy.load_chunks(stream, key) for value in key.decrypt(part).tolist()]
    assert values == list(range(7))
