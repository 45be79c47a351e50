"""Private keys under a password."""

import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

import hepy
from hepy.wire import sealed


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The least cost that readers accept."""
    monkeypatch.setattr(sealed, "LOG2_COST", 14)


@pytest.fixture
def message(djn):
    return hepy.dumps(djn, password="secret")


def test_round_trip(key):
    message = hepy.dumps(key, password="secret")
    loaded = hepy.loads(message, password="secret")
    assert hepy.dumps(loaded, unencrypted=True) == hepy.dumps(key, unencrypted=True)


def test_salts_and_nonces_are_new_each_time(djn, message, forger):
    first, second = (forger.dissect(data)[0] for data in (message, hepy.dumps(djn, password="secret")))
    assert first["salt"] != second["salt"]
    assert first["nonce"] != second["nonce"]


def test_another_implementation_opens_it(djn, message, forger):
    """By docs/wire.md: scrypt of the password, AES-256-GCM, all before the sealed tensor as associated data."""
    fields, tensors, _ = forger.dissect(message)
    hidden = tensors["sealed"][2]
    key = Scrypt(salt=bytes.fromhex(fields["salt"]), length=32, n=1 << fields["log2_cost"], r=8, p=1).derive(b"secret")
    header = message[: len(message) - len(hidden)]
    plain = AESGCM(key).decrypt(bytes.fromhex(fields["nonce"]), hidden, header)
    assert plain == hepy.dumps(djn, unencrypted=True)
    assert forger.dissect(plain)[0] == fields["content"]


def test_nothing_secret_stands_in_clear(djn, message):
    secret = djn._secret
    for number in (secret.p, secret.q):
        assert number.to_bytes(16, "little") not in message
        assert number.to_bytes(16, "big") not in message
        assert f"{number:x}".encode() not in message


def test_the_default_cost_is_the_recommended_one(djn, monkeypatch, forger):
    monkeypatch.undo()
    fields, _, _ = forger.dissect(hepy.dumps(djn, password="secret"))
    assert fields["log2_cost"] == 17


@pytest.mark.parametrize("password", ["Secret", "secret ", b"secre", "ſecret"])
def test_wrong_passwords(message, password):
    with pytest.raises(hepy.WireFormatError, match="the password is wrong, or the message was changed"):
        hepy.loads(message, password=password)


def test_text_is_composed_and_encoded(djn):
    decomposed, composed = "pa\u0308ss", "p\u00e4ss"
    message = hepy.dumps(djn, password=decomposed)
    for password in (decomposed, composed, composed.encode()):
        assert hepy.loads(message, password=password).fingerprint == djn.fingerprint


@pytest.mark.parametrize("password", ["", b"", 5, ["secret"], bytearray(b"x")])
def test_what_is_no_password(djn, message, password):
    with pytest.raises(hepy.ParameterError, match="text or bytes, and not empty"):
        hepy.dumps(djn, password=password)
    with pytest.raises(hepy.ParameterError, match="text or bytes, and not empty"):
        hepy.loads(message, password=password)


def test_a_password_is_asked_for(message, djn):
    with pytest.raises(hepy.MissingKeyError, match=f"{djn.fingerprint[:16]} is sealed: give its password"):
        hepy.loads(message)


def test_protection_is_said_and_not_guessed(djn):
    with pytest.raises(hepy.ParameterError, match=r"password=\.\.\., or with unencrypted=True"):
        hepy.dumps(djn)
    with pytest.raises(hepy.ParameterError, match="exclude each other"):
        hepy.dumps(djn, password="secret", unencrypted=True)
    with pytest.raises(hepy.ParameterError, match="seals private keys, not PublicKey"):
        hepy.dumps(djn.public_key, password="secret")
    with pytest.raises(hepy.ParameterError, match="seals private keys, not CiphertextArray"):
        hepy.dumps(djn.encrypt([1]), password="secret")


def test_an_unsealed_key_does_not_pass_for_a_sealed_one(djn):
    with pytest.raises(hepy.WireFormatError, match="whoever made this did not know it"):
        hepy.loads(hepy.dumps(djn, unencrypted=True), password="secret")


def test_every_part_is_authenticated(message, forger):
    start = len(message) - len(forger.dissect(message)[1]["sealed"][2])
    positions = {
        "salt": message.index(b"salt") + 12,
        "nonce": message.index(b"nonce") + 12,
        "fingerprint": message.index(b"fingerprint") + 20,
        "first": start,
        "last": len(message) - 1,
    }
    for name, position in positions.items():
        forged = bytearray(message)
        forged[position] = (
            forged[position] ^ 1 if name in ("first", "last") else ord("7") ^ (forged[position] == ord("7"))
        )
        with pytest.raises(hepy.WireFormatError, match="the password is wrong, or the message was changed"):
            hepy.loads(forged, password="secret")


def test_another_variant_in_the_header_is_not_believed(message, forger):
    fields, tensors, _ = forger.dissect(message)
    fields["content"]["variant"] = "classic"
    with pytest.raises(hepy.WireFormatError, match="the password is wrong, or the message was changed"):
        hepy.loads(forger.forge(fields, tensors), password="secret")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"log2_cost": 13}, "'log2_cost' is not a whole number from 14 to 18"),
        ({"log2_cost": 19}, "'log2_cost'"),
        ({"log2_cost": 1 << 40}, "'log2_cost'"),
        ({"log2_cost": -1}, "'log2_cost'"),
        ({"salt": ""}, "'salt'"),
        ({"salt": "0" * 31}, "'salt'"),
        ({"salt": "G" * 32}, "'salt'"),
        ({"nonce": "0" * 32}, "'nonce'"),
        ({"size": 15}, "'size'"),
        ({"size": 1 << 40}, "'size'"),
        ({"size": 433}, "tensor 'sealed'"),
        ({"r": 1 << 20}, "'r' is unknown"),
        ({"p": 1}, "'p' is unknown"),
        ({"kdf": "argon2"}, "'kdf' is unknown"),
        ({"content": {}}, "content: the field 'format' is missing"),
        ({"content": 5}, "'content' is not an object"),
    ],
)
def test_costs_and_fields_are_checked_before_any_work(message, forger, monkeypatch, values, match):
    def work(*arguments):
        raise AssertionError("a password was stretched")

    monkeypatch.setattr(sealed, "_derive", work)
    fields, tensors, _ = forger.dissect(message)
    with pytest.raises(hepy.WireFormatError, match=match):
        hepy.loads(forger.forge({**fields, **values}, tensors), password="secret")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"kind": "paillier.public_key"}, "only secrets are sealed"),
        ({"kind": "sealed"}, "'kind' is none of"),
        ({"format": 2}, "version 2"),
        ({"bits": 100}, "'bits'"),
        ({"extra": 5}, "'extra' is unknown"),
    ],
)
def test_what_may_be_announced(message, forger, content, match):
    fields, tensors, _ = forger.dissect(message)
    fields["content"] |= content
    with pytest.raises(hepy.WireFormatError, match=match):
        hepy.loads(forger.forge(fields, tensors), password="secret")


def test_the_content_is_what_was_announced(djn, keys):
    """Sealed by someone who knows the password, with a header that announces another key."""
    honest = hepy.wire.kinds.encode("paillier.private_key", djn)
    other = hepy.wire.kinds.encode("paillier.private_key", keys("classic"))

    class Liar(type(honest)):
        def chunks(self):
            return other.chunks()

    lie = sealed.seal(Liar(honest.metadata, honest.specs, honest.data), "secret")
    with pytest.raises(hepy.WireFormatError, match="not what the header announces"):
        hepy.loads(b"".join(lie.chunks()), password="secret")


def test_the_message_inside_is_checked_like_any_other(djn, forger):
    honest = hepy.wire.kinds.encode("paillier.private_key", djn)

    class Broken(type(honest)):
        def chunks(self):
            plain = b"".join(honest.chunks())
            return [plain[:-1] + bytes([plain[-1] ^ 1])]

    broken = sealed.seal(Broken(honest.metadata, honest.specs, honest.data), "secret")
    with pytest.raises(hepy.WireFormatError, match="p, q: "):
        hepy.loads(b"".join(broken.chunks()), password="secret")


def test_described_without_the_password(djn, message):
    said = hepy.describe(message)
    assert (said.kind, said.fingerprint, said.bytes) == ("paillier.private_key", djn.fingerprint, len(message))
    assert said.parameters["sealed"] == "scrypt (N=2**14, r=8, p=1), AES-256-GCM"
    assert "everything" not in str(said)
    assert "everything" in str(hepy.describe(hepy.dumps(djn, unencrypted=True)))
    assert json.loads(json.dumps(said.as_dict())) == said.as_dict()
