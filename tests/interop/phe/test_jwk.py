"""Key files as phe's command line writes them: what is written is read again, and what is crafted is refused."""

import json
import os
import stat

import pytest

from hepy.errors import WireFormatError
from hepy.interop.phe import jwk


def test_what_is_written_is_read(public_key, private_key, tmp_path):
    for key in (public_key, private_key):
        jwk.save(key, tmp_path / "key", comment="a name")
        assert jwk.load(tmp_path / "key") == key
        assert json.loads((tmp_path / "key").read_text())["kid"] == "a name"
    assert "Paillier public key" in jwk.to_jwk(public_key)["kid"]


def test_the_fields_are_those_of_the_command_line(private_key, vectors):
    theirs = json.loads(vectors["files"]["private"])
    ours = jwk.to_jwk(private_key)
    assert list(ours) == list(theirs) and list(ours["pub"]) == list(theirs["pub"])
    for name in ("kty", "key_ops"):
        assert ours[name] == theirs[name] and ours["pub"][name] == theirs["pub"][name]
    again = jwk.to_jwk(jwk.from_jwk(theirs))
    assert [again[name] for name in "pq"] == [theirs[name] for name in "pq"]
    assert again["pub"]["n"] == theirs["pub"]["n"] and again["pub"]["alg"] == theirs["pub"]["alg"]


def test_private_files_are_for_their_owner(public_key, private_key, tmp_path):
    old = os.umask(0o022)
    try:
        jwk.save(private_key, tmp_path / "private")
        jwk.save(public_key, tmp_path / "public")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("private", "public")]
    assert modes == [0o600, 0o644]


def test_variants(public_key):
    assert jwk.from_jwk(jwk.to_jwk(public_key), variant="classic").variant == "classic"
    with pytest.raises(ValueError, match="subgroup"):
        jwk.from_jwk(jwk.to_jwk(public_key), variant="subgroup")


def test_numbers(public_key, private_key):
    x = public_key.encrypt(2.5)
    text = jwk.number_to_json(x - x)
    assert json.loads(text)["v"] != "1"
    again = jwk.number_from_json(public_key, jwk.number_to_json(x))
    assert private_key.decrypt(again) == 2.5 and again.exponent == x.exponent


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kty": "RSA"}, "kty"),
        ({"kty": None}, "kty"),
        ({"alg": "PAI-G"}, "alg"),
        ({"n": 5}, "n"),
        ({"n": "*"}, "n"),
        ({"n": ""}, "n"),
        ({"n": "Ag"}, "n"),
        ({"n": "_" * 6000}, "n"),
        ({"n": None}, "n"),
    ],
)
def test_public_keys_that_are_none(change, field, public_key):
    with pytest.raises(WireFormatError, match=field):
        jwk.from_jwk(jwk.to_jwk(public_key) | change)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"p": "Aw"}, "p, q"),
        ({"q": None}, "q"),
        ({"pub": {}}, "kty"),
        ({"pub": []}, "JSON object"),
        ({"kty": "oct"}, "kty"),
    ],
)
def test_private_keys_that_are_none(change, field, private_key):
    with pytest.raises(WireFormatError, match=field) as caught:
        jwk.from_jwk(jwk.to_jwk(private_key) | change)
    assert str(private_key.q) not in str(caught.value)


def test_a_private_key_in_a_private_key(private_key):
    with pytest.raises(WireFormatError, match="pub"):
        jwk.from_jwk(jwk.to_jwk(private_key) | {"pub": jwk.to_jwk(private_key)})


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "5", '{"v": 5, "e": 0}', '{"v": "5"}', '{"v": "5", "e": 0.5}', '{"v": "-5", "e": 0}',
             '{"v": "٣", "e": 0}', '{"v": "5", "e": true}', '{"v": "1e9", "e": 0}', '{"v": "5", "e": -1000000000000}', "[" * 50000, " " * 70000],
)  # fmt: skip
def test_numbers_that_are_none(text, public_key):
    with pytest.raises(WireFormatError):
        jwk.number_from_json(public_key, text)


def test_numbers_beyond_the_key(public_key):
    for value in (public_key.nsquare, 10**20000):
        with pytest.raises(WireFormatError, match="below"):
            jwk.number_from_json(public_key, json.dumps({"v": format_decimal(value), "e": 0}))


def format_decimal(value):
    """str() of long integers is limited."""
    import gmpy2

    return gmpy2.mpz(value).digits(10)


def test_files_that_are_none(tmp_path):
    (tmp_path / "long").write_bytes(b" " * (jwk.MAX_BYTES + 1))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "nested").write_bytes(b'{"pub":' * 9000)
    for name in ("long", "empty", "nested"):
        with pytest.raises(WireFormatError):
            jwk.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        jwk.load(tmp_path / "missing")
