"""Key pairs, keyrings and helpers."""

import copy
import math
import pickle

import gmpy2
import pytest

from hepy import paillier as hepy_paillier
from hepy.errors import HepyError, KeyMismatchError, MissingKeyError, ParameterError
from hepy.interop import insecure_keys, phe
from hepy.interop.phe import paillier, util
from hepy.interop.phe.errors import ArgumentTypeError


def test_names_are_where_users_import_them():
    for name in ("generate_paillier_keypair", "PaillierPublicKey", "PaillierPrivateKey", "PaillierPrivateKeyring"):
        assert getattr(phe, name) is getattr(paillier, name)
    assert phe.EncryptedNumber is paillier.EncryptedNumber
    assert phe.EncodedNumber is phe.encoding.EncodedNumber is paillier.EncodedNumber
    assert phe.util.powmod(3, 5, 7) == 5
    assert paillier.DEFAULT_KEYSIZE == 3072


@pytest.mark.parametrize("bits", [8, 10, 16, 62, 64, 100, 256, 514])
def test_keys_of_any_even_length(bits):
    ring = paillier.PaillierPrivateKeyring()
    public_key, private_key = paillier.generate_paillier_keypair(ring, bits)
    assert public_key.n.bit_length() == bits
    assert public_key.n == private_key.p * private_key.q and private_key.p < private_key.q
    assert gmpy2.is_prime(private_key.p) and gmpy2.is_prime(private_key.q)
    assert math.gcd(public_key.n, (private_key.p - 1) * (private_key.q - 1)) == 1
    assert ring.decrypt(public_key.encrypt(-12)) == -12  # 8 bits hold as much
    assert private_key.decrypt_array(public_key.encrypt_array([5, -7])).tolist() == [5, -7]
    assert private_key.decrypt(public_key.encrypt(3) * 4 + public_key.encrypt(1)) == 13


@pytest.mark.parametrize("bits", [0, -4, 6, 15, 1025, True, "64", 64.0])
def test_lengths_that_there_are_not(bits):
    with pytest.raises(ParameterError):
        paillier.generate_paillier_keypair(n_length=bits)


def test_attributes(public_key, private_key):
    n = public_key.n
    assert (public_key.g, public_key.nsquare, public_key.max_int) == (n + 1, n * n, n // 3 - 1)
    p, q = private_key.p, private_key.q
    assert (private_key.psquare, private_key.qsquare) == (p * p, q * q)
    assert private_key.p_inverse == pow(p, -1, q)
    for h, x in ((private_key.hp, p), (private_key.hq, q)):
        power = pow(n + 1, x - 1, x * x)
        assert h == pow((power - 1) // x, -1, x) == private_key.h_function(x, x * x)
    assert private_key.l_function(11, 5) == 2
    joined = private_key.crt(3, 5)
    assert (joined % p, joined % q) == (3, 5)
    assert all(1 <= public_key.get_random_lt_n() < n for _ in range(20))


def test_equality(public_key, private_key, other_key):
    again = paillier.PaillierPublicKey(public_key.n)
    assert again == public_key and hash(again) == hash(public_key) and public_key != other_key
    swapped = paillier.PaillierPrivateKey(again, private_key.q, private_key.p)
    assert swapped == private_key and hash(swapped) == hash(private_key)
    assert (swapped.p, swapped.q) == (private_key.p, private_key.q)
    assert public_key != public_key.n and private_key != public_key


def test_private_keys_that_do_not_fit(public_key, private_key):
    p, q = private_key.p, private_key.q
    with pytest.raises(KeyMismatchError):
        paillier.PaillierPrivateKey(public_key, p, q + 2)
    with pytest.raises(ParameterError):
        paillier.PaillierPrivateKey(paillier.PaillierPublicKey(p * p), p, p)
    assert paillier.PaillierPrivateKey.from_totient(public_key, (p - 1) * (q - 1)) == private_key
    for totient in (0, 7, (p - 1) * (q - 1) + 2, public_key.n, -5):
        with pytest.raises(ValueError):
            paillier.PaillierPrivateKey.from_totient(public_key, totient)
    for totient in (None, 1.5, "7"):
        with pytest.raises(ArgumentTypeError, match="a totient is an integer"):
            paillier.PaillierPrivateKey.from_totient(public_key, totient)
    for n in (0, -15, 10, 1):
        with pytest.raises(ParameterError):
            paillier.PaillierPublicKey(n)


def test_decrypting_what_does_not_belong(private_key, other_key):
    number = other_key.encrypt(5)
    for decrypt in (private_key.decrypt, private_key.decrypt_encoded):
        with pytest.raises(ValueError) as caught:
            decrypt(number)
        assert isinstance(caught.value, KeyMismatchError)
        with pytest.raises(TypeError) as caught:
            decrypt(5)
        assert isinstance(caught.value, ArgumentTypeError)


def test_keyring(public_key, private_key, other_key):
    ring = paillier.PaillierPrivateKeyring([private_key])
    ring.add(private_key)
    assert len(ring) == 1 and list(ring) == [public_key] and ring[public_key] is private_key
    assert public_key in ring and other_key not in ring and ring.get(other_key) is None
    assert ring.decrypt(public_key.encrypt(5)) == 5
    assert ring == paillier.PaillierPrivateKeyring([private_key])
    for missing in (
        lambda: ring[other_key],
        lambda: ring.decrypt(other_key.encrypt(1)),
        lambda: ring.__delitem__(other_key),
    ):
        with pytest.raises(KeyError) as caught:
            missing()
        assert isinstance(caught.value, MissingKeyError)
        assert str(caught.value).startswith("this keyring")
    with pytest.raises(TypeError):
        ring.add(public_key)
    del ring[public_key]
    assert not len(ring)


def test_subgroup_keys_are_refused():
    for make in (
        lambda: paillier.PaillierPublicKey(15, variant="subgroup"),
        lambda: paillier.generate_paillier_keypair(n_length=64, variant="subgroup"),
    ):
        with pytest.raises(ParameterError, match="subgroup"):
            make()
    with pytest.raises(ParameterError, match="nothing"):
        paillier.PaillierPublicKey(15, variant="nothing")


def test_from_hepy(keys):
    for variant in ("djn", "classic"):
        key = keys[variant]
        private_key = phe.from_hepy(key)
        assert private_key.public_key == phe.from_hepy(key.public_key)
        assert private_key.public_key.variant == variant
        x = key.public_key.encrypt([[1.5, -2], [3, 0.25]], scale_bits=6)
        numbers = phe.from_hepy(x)
        assert numbers.exponents.tolist() == [[-2, -2], [-2, -2]]
        assert private_key.decrypt_array(numbers * 2).tolist() == [[3, -4], [6, 0.5]]
        assert private_key.decrypt_array(phe.from_hepy(key.public_key.encrypt([7, -7]))).tolist() == [7, -7]
    for made in (keys["subgroup"], keys["subgroup"].public_key, keys["subgroup"].public_key.encrypt([1])):
        with pytest.raises(ParameterError, match="subgroup"):
            phe.from_hepy(made)
    packed = keys["djn"].public_key.encrypt(hepy_paillier.pack([1], [2], field_bits=(20, 20), value_bits=(8, 8)))
    with pytest.raises(ParameterError, match="packed"):
        phe.from_hepy(packed)
    with pytest.raises(ParameterError, match="squeezed"):
        phe.from_hepy(keys["djn"].public_key.encrypt([1, 2], value_bits=8).squeeze_pack())
    with pytest.raises(ArgumentTypeError):
        phe.from_hepy(5)


def test_pickles(public_key, private_key):
    again = pickle.loads(pickle.dumps(paillier.PaillierPublicKey(public_key.n, variant="classic")))  # noqa: S301
    assert again == public_key and again.variant == "classic"
    assert copy.deepcopy(private_key) is copy.copy(private_key) is private_key
    with pytest.raises(HepyError, match="jwk"):
        pickle.dumps(private_key)
    with pytest.raises(HepyError, match="jwk"):
        pickle.dumps(paillier.PaillierPrivateKeyring([private_key]))


def test_short_keys_are_warned_of_once(monkeypatch):
    monkeypatch.setattr(insecure_keys, "_warned", False)
    paillier.PaillierPublicKey((1 << 2047) + 1)
    with pytest.warns(paillier.InsecureKeyWarning, match="of 64 bits is not secure") as told:
        pairs = [paillier.generate_paillier_keypair(n_length=64) for _ in range(2)]
    assert len(set(pairs)) == 2
    assert [warning.filename for warning in told] == [__file__]  # the line that asked for the key


def test_helpers():
    assert util.powmod(3, -1, 7) == util.invert(3, 7) == 5
    assert util.mulmod(-3, 5, 7) == 6
    for modulus in (2**30 - 35, 2**30 + 3, 2**384 - 317, 2**384 + 231):  # on either side of what is left to Python
        a, b = modulus - 2, modulus - 3
        assert util.powmod(a, 63, modulus) == a**63 % modulus and util.powmod(a, 64, modulus) == a**64 % modulus
        assert util.mulmod(a, b, modulus) == a * b % modulus == 6
    with pytest.raises(ZeroDivisionError):
        util.invert(3, 9)
    for a, b in ((12, 18), (240, 46), (0, 5), (-12, 18)):
        r, s, t = util.extended_euclidean_algorithm(a, b)
        assert r == math.gcd(a, b) == s * a + t * b
    assert util.isqrt(10**100) == util.improved_i_sqrt(10**100) == 10**50
    assert [n for n in range(-3, 30) if util.is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    assert util.miller_rabin(2**127 - 1, 10) and not util.miller_rabin(561, 10)
    assert (len(util.first_primes), util.first_primes[0], util.first_primes[-1]) == (2048, 2, 17863)
    for bits in (2, 3, 4, 8, 31, 32, 64, 1024):
        for prime in [util.getprimeover(bits) for _ in range(1 if bits == 1024 else 20)]:
            assert prime.bit_length() == bits and gmpy2.is_prime(prime)
            assert bits < 32 or prime >> (bits - 2) == 3
    assert util.base64url_decode(util.base64url_encode(b"ab?>")) == util.base64url_decode("YWI_Pg==") == b"ab?>"
    for text in ("", "A", "D*J", "YWI/Pg"):
        with pytest.raises(ValueError):
            util.base64_to_int(text)
    for number in (0, -1):
        with pytest.raises(ParameterError):
            util.int_to_base64(number)
    with pytest.raises(ParameterError):
        util.getprimeover(1)
