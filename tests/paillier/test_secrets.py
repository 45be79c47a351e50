"""Secrets do not show: not in reprs, not in errors, not in tracebacks' messages, not in logs, not in pickles."""

import copy
import logging
import pickle
import traceback
from pathlib import Path

import numpy as np
import pytest

import hepy
from hepy import _devices, options, paillier
from hepy._host import engines
from hepy.errors import HepyError, ParameterError

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
    sides = [key.crt._p, key.crt._q]
    parts = [getattr(each, name) for each in (key.crt, *sides) for name in each.__slots__]
    return [key, key._secret, key.crt, *parts, key.public_key, key.public_key.modulus]


def test_reprs(any_key):
    any_key.encrypt([1])
    found = [repr(thing) for thing in objects(any_key) if not isinstance(thing, int)]
    for text in found:
        assert not [secret for secret in secrets(any_key) if secret in text]
        assert len(text) < 300, "a repr this long shows whole arrays"


def test_nothing_lists_the_attributes_of_secrets(any_key):
    """What error reporters and debuggers print of an object is its __dict__."""
    any_key.encrypt([1])
    for each in objects(any_key):
        assert not hasattr(each, "__dict__"), type(each)


@pytest.mark.parametrize("engine", engines.usable())
def test_no_part_of_a_key_is_pickled_or_copied(any_key, engine, monkeypatch):
    monkeypatch.setattr(options, "engine", engine)
    crt = any_key.crt
    for part in (any_key, any_key._secret, crt, crt._p, crt._p.prime, crt._p.square, crt._p.part, crt._plaintexts):
        with pytest.raises(ParameterError, match="not pickled"):
            pickle.dumps(part)
    with pytest.raises((ParameterError, TypeError), match=r"not pickled|cannot pickle"):
        pickle.dumps(crt._p.prime.kernels(_devices.current()))
    for part in (any_key, crt, crt._p):
        assert copy.deepcopy(part) is copy.copy(part) is part
    with pytest.raises(ParameterError, match="not pickled or copied"):
        copy.deepcopy(any_key._secret)


def test_what_comes_to_the_wrong_place_is_not_shown():
    seed = bytes(range(1, 33))
    for attempt in (
        lambda: paillier.generate_key(seed), lambda: paillier.generate_key(512, seed, insecure=True),
        lambda: paillier.generate_key(512, insecure=True, seed=seed[:-1]),
        lambda: paillier.pack([1], field_bits=[[PLAINTEXT, 2]]), lambda: paillier.pack([1], field_bits=seed),
    ):  # fmt: skip
        with pytest.raises(ParameterError) as caught:
            attempt()
        assert not [text for text in (repr(seed)[2:14], str(PLAINTEXT)) if text in str(caught.value)]


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


def test_frames_of_errors_about_a_key_show_no_part_of_it(any_key, other_key, tmp_path):
    """What error reporters collect: the variables of every frame, here of hepy's."""
    path = tmp_path / "key"
    hepy.save(any_key, path, unencrypted=True)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[-4 if any_key.variant == "subgroup" else -8] ^= 1
    attempts = [lambda: paillier.PrivateKey(other_key.public_key, any_key._secret), lambda: pickle.dumps(any_key)]
    for data in (bytes(damaged), whole.replace(any_key.fingerprint.encode(), b"0" * 64)):
        changed = tmp_path / str(len(attempts))
        changed.write_bytes(data)
        attempts.append(lambda changed=changed: hepy.load(changed))
    for attempt in attempts:
        with pytest.raises(HepyError) as caught:
            attempt()
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
        own = [frame for frame in frames if Path(hepy.__file__).parent in Path(frame.filename).parents]
        assert own
        text = " ".join(value for frame in own for value in (frame.locals or {}).values())
        assert not [secret for secret in secrets(any_key) if secret in text]


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
