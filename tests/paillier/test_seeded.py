"""A seed gives the same keys and ciphertexts on every device and in every version: vectors that are kept."""

import importlib.util
import json
from pathlib import Path

import pytest

from hepy import _devices, options

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "paillier_seeded.json").read_text())

EACH_ENGINE = True
DECRYPTS_ON_ITS_DEVICE = True


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_paillier_seeded", FOLDER / "make_paillier_seeded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_streams(maker):
    assert maker.of_streams() == VECTORS["streams"]


@pytest.mark.parametrize("variant", VECTORS["keys of 512 bits"])
def test_keys_and_ciphertexts(device, maker, variant):
    assert maker.of_key(variant) == VECTORS["keys of 512 bits"][variant]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_timing_modes_change_nothing(maker, threads, monkeypatch):
    monkeypatch.setattr(options, "threads", threads)
    monkeypatch.setattr(options, "constant_time", threads == 1)
    assert maker.of_key("djn") == VECTORS["keys of 512 bits"]["djn"]


def test_a_seeded_array_moves_between_devices_unchanged(fake_engine, key):
    x = key.public_key.encrypt([1, 2, 3], seed=bytes(32))
    with _devices.device(fake_engine):
        y = key.public_key.encrypt([1, 2, 3], seed=bytes(32))
    assert x.residues.to_bytes() == y.residues.to_bytes() == x.to(fake_engine).residues.to_bytes()


def test_each_seed_gives_other_ciphertexts(key):
    first, second = (key.public_key.encrypt([1], seed=bytes([i]) * 32).residues.to_ints().item() for i in (1, 2))
    assert first != second
