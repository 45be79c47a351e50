"""Secrets do not show: not in reprs, not in errors, not in tracebacks' messages, not in logs, not in pickles."""

import logging
import pickle

import numpy as np
import pytest

from hepy import paillier
from hepy.errors import HepyError

PLAINTEXT = 123456789012345


def shown(number):
    """The ways a number could be printed, in pieces long enough not to appear by chance."""
    texts = {
        str(number),
        f"{number:x}",
        f"{number:X}",
        str(number.to_bytes(-(-number.bit_length() // 8), "little").hex()),
    }
    return {text[:14] for text in texts} | {text[-14:] for text in texts}


def secrets(key):
    secret = key._secret
    numbers = [secret.p, secret.q, secret.p_subgroup, secret.q_subgroup, secret.p**2, secret.q**2]
    return {text for number in numbers if number is not None for text in shown(number)}


def objects(key):
    """Everything that hangs together with a key and could be printed."""
    crt = key.crt
    sides = [crt._p, crt._q]
    return [
        key, key._secret, crt, *sides, *(getattr(side, name) for side in sides for name in vars(side)),
        *(getattr(crt, name) for name in vars(crt)), key.public_key, key.public_key.modulus,
    ]  # fmt: skip


def test_reprs(any_key):
    any_key.encrypt([1])
    found = [repr(thing) for thing in objects(any_key) if not isinstance(thing, int)]
    for text in found:
        assert not [secret for secret in secrets(any_key) if secret in text]
        assert len(text) < 300, "a repr this long shows whole arrays"


def test_errors_about_keys_and_ciphertexts(any_key, other_key):
    public = any_key.public_key
    x = public.encrypt([PLAINTEXT])
    attempts = [
        lambda: any_key.decrypt(other_key.public_key.encrypt([1])), lambda: paillier.PrivateKey(other_key.public_key, any_key._secret),
        lambda: pickle.dumps(any_key), lambda: public.encrypt([PLAINTEXT], value_bits=8), lambda: x + float("nan"),
        lambda: x.add(PLAINTEXT, value_bits=20), lambda: public.encrypt([PLAINTEXT, "x"]),
        lambda: x * (PLAINTEXT * 10**20), lambda: paillier.pack([PLAINTEXT], field_bits=(20,), value_bits=(8,)),
        lambda: any_key.crt._p.square.array([1.5]), lambda: any_key.crt._p.prime.array([any_key._secret.p]).inverse(),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(HepyError) as caught:
            attempt()
        messages, error = [], caught.value
        while error is not None:  # what is chained is printed as well
            messages.append(f"{error!r} {error}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        for secret in secrets(any_key) | shown(PLAINTEXT):
            assert secret not in " ".join(messages)


def test_nothing_is_logged_or_printed(any_key, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        x = any_key.public_key.encrypt(np.arange(5))
        any_key.decrypt((x * 3).rerandomize())
        paillier.generate_key(256, insecure=True)
    assert not [record for record in caplog.records if record.name.startswith("hepy")]
    assert capfd.readouterr() == ("", "")


def test_ciphertexts_show_their_account_and_no_residue(any_key):
    x = any_key.public_key.encrypt(np.arange(50))
    text = repr(x)
    assert len(text) < 300
    assert f"key={any_key.fingerprint[:16]!r}" in text
    assert not [c for c in x.residues.to_ints() if str(c)[:14] in text]
    assert "seeded" not in text
    assert "seeded=True" in repr(any_key.public_key.encrypt([1], seed=bytes(32)) + 1)
    assert "insecure=True" in text
