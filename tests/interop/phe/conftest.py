"""The adapter's and phe's modules, keys of both, and programs that run on either."""

import importlib.util
import json
import warnings
from pathlib import Path

import pytest

from hepy.interop.insecure_keys import InsecureKeyWarning
from hepy.interop.phe import paillier

TESTS = Path(__file__).parents[2]


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def programs():
    return _load(Path(__file__).with_name("programs.py"))


@pytest.fixture(scope="session")
def vectors():
    return json.loads((TESTS / "vectors" / "phe.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def _short_keys():
    """Said once, here, so that no test meets the warning but the one that is about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyWarning)
        paillier.PaillierPublicKey(15)


@pytest.fixture(scope="session")
def pairs(vectors, programs):
    """(public key, private key) by name: "1024 bits", "256 bits"."""
    return {
        name: programs.keys(paillier, *(int(prime, 16) for prime in primes)) for name, primes in vectors["keys"].items()
    }


@pytest.fixture(scope="session")
def public_key(pairs):
    return pairs["1024 bits"][0]


@pytest.fixture(scope="session")
def private_key(pairs):
    return pairs["1024 bits"][1]


@pytest.fixture(scope="session")
def other_key():
    return paillier.PaillierPublicKey((2**521 - 1) * (2**607 - 1))
