"""Secrets do not show: not in reprs, not where debuggers look, not in errors, not in pickles, not in logs."""

import copy
import logging
import pickle

import numpy as np
import pytest

import hepy
from hepy import ckks

PARAMETERS = ckks.Parameters(log_n=5, depth=2, scale_bits=40, security=None)


@pytest.fixture
def owner():
    return ckks.Context(PARAMETERS, rotations=(1,), shared_budget=8)


def parts(context):
    """What a context is made of, as far as attributes lead: what a debugger would walk through."""
    found, waiting = [], [context]
    while waiting:
        each = waiting.pop()
        if any(each is known for known in found) or not type(each).__module__.startswith("hepy"):
            continue
        found.append(each)
        names = [name for cls in type(each).__mro__ for name in getattr(cls, "__slots__", ())]
        held = [getattr(each, name) for name in names if hasattr(each, name)] + list(
            getattr(each, "__dict__", {}).values()
        )
        waiting += held + [value for values in held if isinstance(values, dict) for value in values.values()]
    return found


def words(array):
    """Runs of residues as lists and as arrays print them, too long to appear by chance."""
    rows = array.to_limbs().reshape(-1, 32)[:, :12].tolist()
    return [between.join(map(str, row)) for row in rows for between in (", ", " ")]


def test_reprs_show_no_secret(owner):
    secret, sharing = owner._secret, owner._sharing
    hidden = [repr(sharing.secret)[2:14], sharing.secret.hex()[:12], str(list(sharing.secret))[1:20]]
    for polynomials in (secret.secret, secret.error, secret.on(secret.secret.device)):
        hidden += words(polynomials)
    found = parts(owner)
    assert {type(each).__name__ for each in found} >= {
        "Context",
        "SecretKey",
        "Sharing",
        "KeyStore",
        "SwitchingKey",
        "Coefficients",
    }
    for each in found:
        text = repr(each) + repr(getattr(each, "__dict__", ""))
        assert not [piece for piece in hidden if piece in text], type(each)


def test_nothing_lists_the_attributes_of_secrets(owner):
    for each in (owner._secret, owner._sharing, owner._secret.secret):
        assert not hasattr(each, "__dict__"), type(each)


def test_no_part_of_a_context_is_pickled_or_copied(owner):
    for part in (owner, owner._secret, owner._sharing):
        with pytest.raises(hepy.ParameterError, match="not pickled"):
            pickle.dumps(part)
    for part in (owner._secret, owner._sharing):
        with pytest.raises(hepy.ParameterError, match="not pickled"):
            copy.deepcopy(part)
    assert copy.deepcopy(owner) is owner


def test_nothing_is_logged_or_printed(owner, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        x = owner.encrypt(np.linspace(-1, 1, 16))
        owner.decrypt(((x * x).rotate(1) + 1).rerandomize())
        hepy.loads(hepy.dumps(owner, password="correct horse"), password="correct horse")
    assert not [record for record in caplog.records if record.name.startswith("hepy")]
    assert capfd.readouterr() == ("", "")


def test_ciphertexts_show_their_account_and_no_residue(owner):
    x = owner.encrypt(np.linspace(-1, 1, 16))
    text = repr(x)
    assert len(text) < 300 and f"key={owner.fingerprint[:16]!r}" in text and "security=None" in text
    assert "seeded" not in text
    seeded = owner.encrypt([1.0], seed=bytes(32))
    assert all("seeded=True" in repr(y) for y in (seeded, seeded + 1, x + seeded, seeded.rotate(1)))
    made = ckks.Context(PARAMETERS, seed=bytes(32))
    assert "seeded=True" in repr(made) and "seeded=True" in repr(made.public()) and "seeded" not in repr(owner.public())
