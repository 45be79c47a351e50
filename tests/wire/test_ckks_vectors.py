"""Kept CKKS messages of every format version: they are read for ever, and written again byte for byte."""

import hashlib
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import hepy

VECTORS = Path(__file__).parent / "vectors"
SAID = json.loads((VECTORS / "ckks_v1.json").read_text(encoding="utf-8"))
each_vector = pytest.mark.parametrize("vector", SAID["messages"], ids=lambda vector: vector["name"])


def kept(name):
    return (VECTORS / "ckks_v1" / f"{name}.hepy").read_bytes()


@pytest.fixture(scope="module")
def owner():
    return hepy.loads(kept("context"))


def apart_from_accounts(message):
    """Header and data, without the likely noise: an estimate, which may become better within a format."""
    length = int.from_bytes(message[:8], "little")
    header = json.loads(message[8 : 8 + length])
    fields = json.loads(header["__metadata__"].pop("hepy"))
    fields.pop("account", None)
    return fields, header, message[8 + length :]


def test_the_script_makes_the_kept_bytes_again():
    data, said = runpy.run_path(str(VECTORS / "make_ckks_v1.py"))["messages"]()
    assert data.keys() == {vector["name"] for vector in SAID["messages"]}
    for made, vector in zip(said, SAID["messages"], strict=True):
        name = vector["name"]
        if vector["kind"] == "ckks.ciphertexts":
            assert {**made, "sha256": vector["sha256"]} == vector
            assert apart_from_accounts(data[name]) == apart_from_accounts(kept(name))
        else:
            assert made == vector and data[name] == kept(name)


@each_vector
def test_kept_messages_are_read(vector, owner):
    message = kept(vector["name"])
    assert hashlib.sha256(message).hexdigest() == vector["sha256"]
    assert hepy.describe(message).kind == vector["kind"]
    assert hepy.describe(message).fingerprint == owner.fingerprint
    if vector["kind"] == "ckks.context":
        loaded = hepy.loads(message, password=vector.get("password"))
        assert loaded.shared_left == 5
        assert hepy.dumps(loaded, unencrypted=True) == kept("context")
    elif vector["kind"] == "ckks.public_context":
        loaded = hepy.loads(message)
        assert hepy.dumps(loaded) == message and hepy.digest(loaded) == vector["sha256"]
        x = hepy.loads(kept("seeded"), loaded)
        assert (
            np.abs(owner.decrypt(x.rotate(3)) - np.roll(np.pad(owner.decrypt(x), [(0, 0), (0, 1)]), -3, 1)).max() < 1e-8
        )
    else:
        loaded = hepy.loads(message, owner)
        assert loaded.digest() == vector["sha256"] and list(loaded.shape) == vector["shape"]
        values = np.asarray(owner.decrypt(loaded), np.complex128).ravel().tolist()
        assert [[part.hex() for part in (value.real, value.imag)] for value in values] == vector["values"]
