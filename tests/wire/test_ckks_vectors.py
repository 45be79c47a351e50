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


def test_the_script_makes_the_kept_bytes_again():
    data, said = runpy.run_path(str(VECTORS / "make_ckks_v1.py"))["messages"]()
    assert said == SAID["messages"]
    assert data == {vector["name"]: kept(vector["name"]) for vector in SAID["messages"]}


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
