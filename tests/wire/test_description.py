"""hepy.describe: the same for an object, its message and its file, and complete about what travels in clear."""

import json

import numpy as np
import pytest

import hepy
from hepy import paillier


@pytest.fixture
def x(djn):
    return djn.encrypt(np.ones((2, 3)), scale_bits=5, value_bits=30)


def test_objects_messages_and_files_say_the_same(x, djn, tmp_path):
    for thing in (x, djn.public_key):
        message = hepy.dumps(thing)
        (tmp_path / "thing.hepy").write_bytes(message)
        said = hepy.describe(thing)
        assert said == hepy.describe(message) == hepy.describe(tmp_path / "thing.hepy")
        assert said == hepy.describe(str(tmp_path / "thing.hepy"))
        assert said.bytes == len(message)
    assert hepy.describe(djn) == hepy.describe(hepy.dumps(djn, unencrypted=True))


def test_ciphertexts(x, djn):
    assert hepy.describe(x).as_dict() == {
        "kind": "paillier.ciphertexts",
        "fingerprint": djn.fingerprint,
        "parameters": {
            "bits": 256, "variant": "djn", "insecure": True, "shape": [2, 3], "scale_bits": 5, "bound_bits": 30,
        },
        "bytes": len(hepy.dumps(x)),
        "reveals": [
            "how many values there are, and in which shape",
            "the fraction bits and the declared bound of the values",
            "which key they belong to",
        ],
        "fresh": True,
    }  # fmt: skip


def test_packed_ciphertexts(djn):
    p = paillier.pack([1], [2.5], field_bits=(20, 30), value_bits=(8, 12), scale_bits=(0, 4))
    said = hepy.describe((djn.encrypt(p) * 3).rerandomize())
    assert said.parameters["field_bits"] == [20, 30]
    assert (said.parameters["terms"], said.parameters["count"]) == (3, 3)
    assert "the layout of the packed fields and how many terms they may hold" in said.reveals


def test_freshness_is_known_of_arrays_and_not_of_messages(x, djn):
    assert (hepy.describe(x).fresh, hepy.describe(x + x).fresh) == (True, False)
    assert "  fresh       no" in str(hepy.describe(x + x)).splitlines()
    message = hepy.dumps(x)
    for other in (message, hepy.loads(message), djn, djn.public_key):
        assert hepy.describe(other).fresh is None
        assert "fresh" not in str(hepy.describe(other))
    assert hepy.describe(hepy.loads(message, djn)).fresh is False  # it is not known, so it will be rerandomized


def test_what_is_not_fresh_is_pointed_out(x):
    assert not any("not fresh" in what for what in hepy.describe(x).reveals)
    assert any("not fresh" in what for what in hepy.describe(x + x).reveals)


def test_full_keys_are_not_insecure(keys):
    said = hepy.describe(keys("djn", 2048).public_key)
    assert said.parameters == {"bits": 2048, "variant": "djn", "insecure": False}
    assert said.reveals == ("the public key: its modulus, length and variant",)


def test_for_people_and_for_programs(x, djn):
    said = hepy.describe(x)
    lines = str(said).splitlines()
    assert lines[0] == f"paillier.ciphertexts, {said.bytes} bytes"
    assert lines[1].split() == ["key", djn.fingerprint]
    assert "scale_bits 5" in lines[2]
    assert json.loads(json.dumps(said.as_dict())) == said.as_dict()


def test_only_the_header_is_read(x):
    """Data are not: a message with broken residues is described, and then refused."""
    message = bytearray(hepy.dumps(x))
    message[-64:] = bytes(64)
    assert hepy.describe(message) == hepy.describe(x)


def test_the_header_has_to_be_canonical(x):
    message = hepy.dumps(x)
    with pytest.raises(hepy.WireFormatError, match="data"):
        hepy.describe(message + b"x")
    with pytest.raises(hepy.WireFormatError, match="header"):
        hepy.describe(b"no message")


def test_what_cannot_be_described():
    with pytest.raises(hepy.ParameterError, match="no wire form"):
        hepy.describe(5)
