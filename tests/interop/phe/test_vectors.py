"""What phe makes of numbers, programs and key files, kept in tests/vectors/phe.json: the adapter makes the same."""

import builtins
import math

import pytest

from hepy.interop.phe import jwk, paillier, util
from hepy.interop.phe.encoding import EncodedNumber

KEYS = ("1024 bits", "256 bits")


def test_encodings(vectors, programs, public_key):
    kinds = {}
    for base, text, precision, most, encoding, exponent in vectors["encodings"]:
        kind = kinds.setdefault(base, type("Encoded", (EncodedNumber,), {"BASE": base, "LOG2_BASE": math.log2(base)}))
        scalar = programs.as_scalar(text)
        if encoding is None:
            with pytest.raises(getattr(builtins, exponent)):
                kind.encode(public_key, scalar, precision, most)
        else:
            made = kind.encode(public_key, scalar, precision, most)
            assert (made.encoding, made.exponent) == (int(encoding, 16) % public_key.n, exponent)


@pytest.mark.parametrize("name", KEYS)
def test_programs(name, pairs, programs, vectors):
    """Step by step: the same exponent and ciphertext, bit for bit, the same number, or the same error."""
    for case in vectors["programs"][name]:
        told = programs.run(paillier, *pairs[name], case["program"])
        for step, ours, theirs in zip(case["program"], told, case["outcomes"], strict=True):
            for what in ("raised", "decryption raised"):
                assert (what in ours) == (what in theirs), step
                if what in theirs and theirs[what] != "Missing":
                    assert issubclass(ours[what], getattr(builtins, theirs[what])), step
            if "ciphertext" in theirs:
                assert programs.digest(ours["ciphertext"]) == theirs["ciphertext"], step
            assert ours.get("exponent") == theirs.get("exponent"), step
            assert ours.get("decrypted") == theirs.get("decrypted"), step


@pytest.mark.parametrize("name", KEYS)
def test_raw_ciphertexts(name, pairs, programs, vectors):
    key, private_key = pairs[name]
    for plaintext, r, digest in vectors[f"raw {name}"]:
        ciphertext = key.raw_encrypt(plaintext, r)
        assert programs.digest(ciphertext) == digest
        assert private_key.raw_decrypt(ciphertext) == plaintext


def test_files_of_the_command_line(vectors, programs, tmp_path):
    for name in ("private", "public"):
        (tmp_path / name).write_text(vectors["files"][name])
    private_key, public_key = jwk.load(tmp_path / "private"), jwk.load(tmp_path / "public")
    assert private_key.public_key == public_key
    number = jwk.number_from_json(public_key, vectors["files"]["number"])
    assert programs.as_text(private_key.decrypt(number)) == vectors["files"]["decrypted"]


def test_base64(vectors):
    for number, text in vectors["base64"]:
        assert util.int_to_base64(int(number)) == text
        assert util.base64_to_int(text) == int(number)
