"""What fate_utils answered, and its key as hepy's."""

import json
import warnings
from pathlib import Path

import pytest

from hepy import paillier
from hepy.interop import fate
from hepy.paillier.crt import Secret

VECTORS = Path(__file__).parents[2] / "vectors" / "fate_contract.json"


@pytest.fixture(scope="session")
def vectors():
    return json.loads(VECTORS.read_text())


@pytest.fixture(scope="session")
def contract(vectors):
    """(sk, pk, coder) of the key that fate_utils used."""
    p, q = (int(vectors["key"][name], 16) for name in "pq")
    public = paillier.PublicKey(p * q, "classic", insecure=True)
    return fate.of_key(paillier.PrivateKey(public, Secret(p, q)))


@pytest.fixture(scope="session")
def djn():
    """(sk, pk, coder) of a key as keygen makes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fate.keygen(512, seed=bytes(32))
