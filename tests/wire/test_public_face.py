"""`import hepy`: quick, complete, and lazy about what is heavy."""

import subprocess
import sys

import pytest

import hepy


def fresh(code):
    """What a new interpreter prints."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_importing_hepy_loads_nothing_heavy():
    heavy = "numpy", "numba", "cryptography", "hepy.paillier", "hepy.bigint", "hepy.wire"
    assert fresh(f"import sys, hepy; print(*[name for name in {heavy} if name in sys.modules])") == []


@pytest.mark.parametrize("name", hepy.__all__)
def test_every_name_is_there(name):
    assert getattr(hepy, name) is not None
    assert name in dir(hepy)


def test_each_name_works_first():
    """In an interpreter of its own, where no other name has loaded what it needs."""
    for use in ("hepy.devices()", "hepy.options.threads", "hepy.paillier.PublicKey", "hepy.wire.dumps", "hepy.dumps"):
        fresh(f"import hepy; {use}")


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hepy.nothing


def test_the_version_is_a_text():
    assert hepy.__version__[0].isdigit()
