"""Decryption: against the textbook, of what the key made and nothing else."""

import math

import numpy as np
import pytest

from hepy import options, paillier
from hepy._limbs import to_ints
from hepy.errors import EncodingOverflowError, KeyMismatchError, ParameterError
from hepy.paillier.encoding import Numbers
from hepy.random import Purpose, Stream

EACH_ENGINE = True
DECRYPTS_ON_ITS_DEVICE = True


def ciphertexts(key, residues, account=None):
    """An array of these residues, as somebody else could have made it."""
    public = key.public_key
    return paillier.CiphertextArray(public, public.modulus.array(residues), account or Numbers(0, public.n // 3))


def textbook(key, c):
    """L(c**lambda mod n**2) / lambda mod n: Paillier 1999, section 4."""
    n, secret = key.public_key.n, key._secret
    order = math.lcm(secret.p - 1, secret.q - 1)
    return (pow(c, order, n * n) - 1) // n * pow(order, -1, n) % n


def test_it_is_the_textbooks(device, any_key):
    n = any_key.public_key.n
    plain = [0, 1, -1, 12345, n // 3, -(n // 3)]
    x = ciphertexts(any_key, any_key.public_key.embed(plain)).rerandomize()
    assert any_key.decrypt(x).tolist() == plain
    assert [textbook(any_key, int(c)) for c in x.residues.to_ints()] == [v % n for v in plain]


def test_int64_comes_back_as_int64(device, any_key):
    """Its least value too; only that one's negative does not fit."""
    least = np.iinfo(np.int64).min
    x = any_key.public_key.encrypt(np.array([least, -1, 0, -(least + 1)]))
    got = any_key.decrypt(x)
    assert got.dtype == np.int64
    assert got.tolist() == [least, -1, 0, -(least + 1)]
    negative = any_key.decrypt(-x)
    assert negative.dtype == object
    assert negative.tolist() == [-least, 1, 0, least + 1]
    assert any_key.decrypt(-x[1:]).dtype == np.int64


def test_the_owner_encrypts_the_same_bits(device, any_key, seed):
    values = np.array([[1, -2, 3], [0, 5, 2**40]])
    mine = any_key.encrypt(values, seed=seed("both"))
    theirs = any_key.public_key.encrypt(values, seed=seed("both"))
    assert mine.residues.to_ints().tolist() == theirs.residues.to_ints().tolist()
    assert "seeded=True" in repr(mine)


def test_ciphertexts_are_as_defined(device, any_key, seed):
    """(1 + m n) times the obfuscator of the variant, from Python's pow."""
    public, values = any_key.public_key, [7, -9]
    n, square = public.n, public.n**2
    got = public.encrypt(values, seed=seed("defined")).residues.to_ints().tolist()
    stream = Stream(seed("defined"))
    if public.variant == "classic":
        obfuscators = [pow(r, n, square) for r in to_ints(stream.uniform_below(n, 2, Purpose.OBFUSCATOR))]
    else:
        bits = {"djn": 256, "subgroup": 128}[public.variant]
        randomizers = to_ints(stream.uniform_bits(bits, 2, Purpose.OBFUSCATOR))
        obfuscators = [pow(pow(public.h, n, square), r, square) for r in randomizers]
    assert got == [(1 + m * n) * o % square for m, o in zip(values, obfuscators, strict=True)]


def test_rerandomizing_takes_eighty_bits_more(device, any_key, seed):
    public = any_key.public_key
    n, square = public.n, public.n**2
    x = public.encrypt([3]).residues
    got = public.rerandomize(x, seed("again")).to_ints().item()
    stream = Stream(seed("again"))
    if public.variant == "classic":
        obfuscator = pow(to_ints(stream.uniform_below(n, 1, Purpose.RERANDOMIZER))[0], n, square)
    else:
        bits = {"djn": 256 + 80, "subgroup": 128 + 80}[public.variant]
        (r,) = to_ints(stream.uniform_bits(bits, 1, Purpose.RERANDOMIZER))
        obfuscator = pow(public.h, n * r, square)
    assert got == x.to_ints().item() * obfuscator % square


def test_constant_time_gives_the_same_results(any_key, seed, monkeypatch):
    values = np.arange(-4, 4)
    default = any_key.public_key.encrypt(values, seed=seed("time"))
    monkeypatch.setattr(options, "constant_time", True)
    slow = any_key.public_key.encrypt(values, seed=seed("time"))
    owner = any_key.encrypt(values, seed=seed("time"))
    expected = default.residues.to_ints().tolist()
    assert slow.residues.to_ints().tolist() == owner.residues.to_ints().tolist() == expected
    assert any_key.decrypt(default).tolist() == values.tolist()


def test_many_chunks_decrypt_in_order(device, key, count):
    values = np.arange(count(700)) - 50
    x = key.encrypt(values)
    assert np.array_equal(key.decrypt(x), values)
    assert key.decrypt(x[::-1], raw=True).tolist() == values[::-1].tolist()


def test_an_other_keys_ciphertexts_are_refused(key, other_key):
    with pytest.raises(KeyMismatchError, match="decrypt them with the private key of their own public key"):
        key.decrypt(other_key.public_key.encrypt([1]))


@pytest.mark.parametrize("what", [5, None, [1, 2], np.arange(3), "x"])
def test_what_is_no_ciphertext_is_refused(key, what):
    with pytest.raises(ParameterError, match="ciphertexts were expected, not"):
        key.decrypt(what)


def test_plaintexts_beyond_their_declared_bound_are_refused(device, key):
    x = ciphertexts(key, key.public_key.embed([5, 100, -101]), Numbers(0, 100))
    with pytest.raises(EncodingOverflowError, match=r"index \(2,\) lies outside the bound of 7 bits") as caught:
        key.decrypt(x)
    assert "101" not in str(caught.value)
    assert key.decrypt(x[:2]).tolist() == [5, 100]
    with pytest.raises(EncodingOverflowError):
        key.decrypt(x, raw=True)


def test_a_subgroup_key_rejects_what_its_subgroup_did_not_make(device, keys):
    """One error, whichever prime the obfuscator betrays itself modulo, and no index."""
    key = keys["subgroup"]
    public, secret = key.public_key, key._secret
    n, p, q = public.n, secret.p, secret.q
    good = int(public.encrypt([5]).residues.to_ints()[0])
    generic = pow(12345, n, n * n)
    at_p, at_q = pow(q, -1, p) * q, pow(p, -1, q) * p  # 1 modulo one prime, 0 modulo the other
    only_p, only_q = pow(2 * at_p + at_q, n, n * n), pow(at_p + 2 * at_q, n, n * n)
    messages = set()
    for bad in (generic, only_p, only_q, good * generic % n**2):
        for residues in ([bad], [good, good, bad]):
            with pytest.raises(ParameterError, match="not a ciphertext of this key: nothing was decrypted") as caught:
                key.decrypt(ciphertexts(key, residues))
            messages.add(str(caught.value))
    assert len(messages) == 1
    assert "index" not in messages.pop()
    assert key.decrypt(ciphertexts(key, [good])).tolist() == [5]


def test_classic_and_djn_keys_decrypt_any_obfuscator(device, keys):
    for name in ("classic", "djn"):
        key = keys[name]
        n = key.public_key.n
        c = int(key.public_key.embed(7).to_ints()) * pow(12345, n, n * n)
        assert key.decrypt(ciphertexts(key, [c])).tolist() == [7]


def test_decrypt_warns_first_of_chosen_ciphertexts():
    first = paillier.PrivateKey.decrypt.__doc__.splitlines()[0]
    assert "not secure against chosen ciphertexts" in first
