"""Keys: made as each variant is defined, checked when received, and never shown."""

import copy
import math
import pickle

import gmpy2
import pytest

from hepy import options, paillier
from hepy._host import engines
from hepy.errors import KeyMismatchError, ParameterError
from hepy.paillier.crt import Secret
from hepy.paillier.primes import Verification, is_composite, random_prime, random_primes
from hepy.paillier.variants import BITS, variant
from hepy.random import Purpose, Stream


def prime(bits, after=0):
    """A prime of that many bits, its two highest set, that is 3 modulo 4."""
    p = gmpy2.next_prime((3 << (bits - 2)) + after)
    while p % 4 != 3:
        p = gmpy2.next_prime(p)
    return int(p)


def check_primes(secret, bits):
    p, q = secret.p, secret.q
    assert gmpy2.is_prime(p, 60)
    assert gmpy2.is_prime(q, 60)
    assert p.bit_length() == q.bit_length() == bits // 2
    assert (p * q).bit_length() == bits
    assert abs(p - q).bit_length() > bits // 2 - 100
    assert math.gcd(p * q, (p - 1) * (q - 1)) == 1


@pytest.mark.parametrize("bits", [256, 512, 768])
def test_djn_keys_are_as_defined(bits, seed):
    key = paillier.generate_key(bits, "djn", seed=seed(f"djn {bits}"), insecure=True)
    secret, h = key._secret, key.public_key.h
    check_primes(secret, bits)
    assert secret.p % 4 == secret.q % 4 == 3
    assert math.gcd(secret.p - 1, secret.q - 1) == 2
    assert gmpy2.jacobi(h, key.public_key.n) == 1
    for p in (secret.p, secret.q):  # h = -x**2: minus it is a square modulo both
        assert gmpy2.legendre(-h, p) == 1
    assert key.public_key._variant.exponent_bits(bits) == bits // 2


def test_djn_primes_share_the_factor_two_only(seed):
    """Of pairs that are 3 modulo 4 a third share more."""
    for number in range(12):
        secret = paillier.generate_key(256, "djn", seed=seed(f"pair {number}"), insecure=True)._secret
        assert math.gcd(secret.p - 1, secret.q - 1) == 2


@pytest.mark.parametrize("bits", [256, 512, 768])
def test_classic_keys_are_as_defined(bits, seed):
    key = paillier.generate_key(bits, "classic", seed=seed(f"classic {bits}"), insecure=True)
    check_primes(key._secret, bits)
    assert key.public_key.h is None
    assert key.public_key.base is None


@pytest.mark.parametrize("bits", [256, 512, 768])
def test_subgroup_keys_are_as_defined(bits, seed):
    key = paillier.generate_key(bits, "subgroup", seed=seed(f"subgroup {bits}"), insecure=True)
    secret, h, n = key._secret, key.public_key.h, key.public_key.n
    check_primes(secret, bits)
    half = bits // 8
    small = {secret.p_subgroup, secret.q_subgroup}
    for whole, part in ((secret.p, secret.p_subgroup), (secret.q, secret.q_subgroup)):
        assert whole % 4 == 3
        assert part.bit_length() == half
        cofactor, rest = divmod(whole - 1, 2 * part)
        assert rest == 0
        assert gmpy2.is_prime(part)
        assert gmpy2.is_prime(cofactor)
        small.add(cofactor)
    assert len(small) == 4
    order = 2 * secret.p_subgroup * secret.q_subgroup
    assert pow(h, order, n) == 1
    for factor in (2, secret.p_subgroup, secret.q_subgroup):
        assert pow(h, order // factor, n) != 1


def test_exponents_have_the_published_lengths():
    assert [variant("djn").exponent_bits(bits) for bits in BITS] == [1024, 1536, 2048]
    assert [variant("subgroup").exponent_bits(bits) for bits in BITS] == [448, 512, 608]
    assert variant("djn").exponent_bits(257 + 16) == 137


@pytest.mark.parametrize("name", ["djn", "subgroup"])
def test_a_seed_gives_one_key_whatever_the_threads_and_engines(name, seed, monkeypatch):
    fingerprints = set()
    for engine in engines.usable():
        for threads in (1, 2, 4):
            monkeypatch.setattr(options, "threads", threads)
            monkeypatch.setattr(options, "engine", engine)
            key = paillier.generate_key(256, name, seed=seed("djn"), insecure=True)
            fingerprints.add(key.fingerprint)
            assert "seeded=True" in repr(key)
    assert len(fingerprints) == 1
    assert paillier.generate_key(256, name, insecure=True).fingerprint not in fingerprints


def test_variants_have_fingerprints_of_their_own():
    n = prime(256) * prime(256, after=1 << 200)
    classic, djn = paillier.PublicKey(n, "classic", insecure=True), paillier.PublicKey(n, "djn", 3, insecure=True)
    subgroup, other = (
        paillier.PublicKey(n, "subgroup", 3, insecure=True),
        paillier.PublicKey(n, "djn", 4, insecure=True),
    )
    assert len({key.fingerprint for key in (classic, djn, subgroup, other)}) == 4
    assert len({classic, djn, subgroup, other}) == 4
    assert djn == paillier.PublicKey(n, "djn", 3, insecure=True)
    assert djn != "key"


@pytest.mark.parametrize("bits", [0, 128, 1000, 2047, 2050, 1024.0, "2048", True, None, 8192])
def test_lengths_that_are_not_supported(bits):
    with pytest.raises(ParameterError, match=r"keys have 2048, 3072 or 4096 bits|a key's length is a whole number"):
        paillier.generate_key(bits, insecure=True)


def test_short_keys_need_a_word(keys):
    with pytest.raises(ParameterError, match="keys of 1024 bits are not secure: use 3072"):
        paillier.generate_key(1024)
    with pytest.raises(ParameterError, match="say insecure=True"):
        paillier.PublicKey(keys["classic"].public_key.n, "classic")
    assert "insecure=True" in repr(keys["djn"])
    assert "insecure=True" in repr(keys["djn"].public_key)


@pytest.mark.parametrize("name", ["", "DJN", None, 3, [], "damgard-jurik"])
def test_variants_that_do_not_exist(name):
    with pytest.raises(ParameterError, match="a Paillier variant is one of"):
        paillier.generate_key(512, name, insecure=True)


P, Q = prime(256), prime(256, after=1 << 200)
ONE_MOD_FOUR = next(value for value in range((3 << 254) + (1 << 199) + 1, 1 << 256, 4) if gmpy2.is_prime(value))


def multiple(factor):
    """A number of 512 bits whose only fault is that small factor."""
    return factor * int(gmpy2.next_prime((3 << 510) // factor))


def of_jacobi_symbol(symbol, n):
    return next(value for value in range(2, 100) if gmpy2.jacobi(value, n) == symbol)


@pytest.mark.parametrize(
    ("n", "h", "message"),
    [
        (multiple(3), 4, "has the small factor 3"),
        (multiple(8191), 4, "has the small factor 8191"),
        (prime(512), 4, "is a prime"),
        (P * P, 4, "is a perfect power"),
        (int(gmpy2.next_prime(3 << 169)) ** 3, 4, "is a perfect power"),
        (P * int(gmpy2.next_prime(P + 2**64)), 4, "so close that anyone finds them"),
        (P * ONE_MOD_FOUR, 4, "a djn key are 3 modulo 4, and their product is not"),
        (P * Q, P, "shares a factor"),
        (P * Q, P * 5, "shares a factor"),
        (P * Q, P * Q - 1, "the square of its generator h is 1"),
        (P * Q, of_jacobi_symbol(-1, P * Q), "has Jacobi symbol -1"),
    ],
)
def test_crafted_keys_are_found_out(n, h, message):
    key = paillier.PublicKey(n, "djn", h, insecure=True)
    with pytest.raises(ParameterError, match=f"this is no Paillier key: .*{message}"):
        key.validate()


def test_a_nontrivial_root_of_one_is_found_out():
    """h that is 1 modulo one factor and -1 modulo the other: of Jacobi symbol -1, as both are 3 modulo 4."""
    root = (int(gmpy2.invert(P, Q)) * P * 2 - 1) % (P * Q)
    assert root * root % (P * Q) == 1
    with pytest.raises(ParameterError, match="Jacobi symbol -1"):
        paillier.PublicKey(P * Q, "djn", root, insecure=True).validate()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_generator_that_hides_nothing_modulo_one_factor(sign):
    """h that is 1 or -1 modulo P and something else modulo Q: its square is not 1, and yet half of it is missing."""
    for other in range(2, 200):
        h = int(gmpy2.invert(P, Q)) * P * (other - sign) % (P * Q) + sign
        if gmpy2.jacobi(h, P * Q) == 1:
            break
    assert (h - sign) % P == 0
    assert h * h % (P * Q) != 1
    with pytest.raises(ParameterError, match="1 or -1 modulo one of the factors"):
        paillier.PublicKey(P * Q, "djn", h, insecure=True).validate()


def test_honest_keys_pass(any_key):
    any_key.public_key.validate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((prime(300) * prime(213), "classic"), "keys have 2048, 3072 or 4096 bits, not 513"),
        ((-P * Q, "classic"), "is positive"),
        ((0, "classic"), "is positive"),
        ((float(3), "classic"), "is an integer, not float"),
        ((P * Q + 1, "classic"), "this one is even"),
        ((P * Q, "djn"), "a djn key has a generator h"),
        ((P * Q, "classic", 4), "a classic key has no generator h"),
        ((P * Q, "djn", 1), "lies between 1 and n"),
        ((P * Q, "djn", P * Q), "lies between 1 and n"),
        ((P * Q, "djn", -4), "is positive"),
        ((P * Q, "djn", "4"), "is an integer, not str"),
    ],
)
def test_parts_that_make_no_key(arguments, message):
    with pytest.raises(ParameterError, match=message):
        paillier.PublicKey(*arguments, insecure=True)


def test_composites_are_proved_and_primes_never():
    stream = Stream(bytes(32))
    # The least strong pseudoprime to the first twelve prime bases (Sorenson and Webster, 2015), which fixed bases miss.
    pseudoprime = 318665857834031151167461
    assert all(gmpy2.is_strong_prp(pseudoprime, base) for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37))
    assert is_composite(pseudoprime, stream)
    for bits in (64, 256, 512):
        assert not is_composite(prime(bits), stream)
    assert is_composite(P * Q, stream)


def test_primes_are_drawn_from_the_stream_with_both_top_bits_set():
    drawn = {random_primes(64, Stream(bytes([i]) * 32), three_mod_four=True).next()[0] for i in range(20)}
    assert len(drawn) == 20
    assert random_prime(64, Stream(bytes(32))) >> 62 == 3
    for p in drawn:
        assert gmpy2.is_prime(p)
        assert p % 4 == 3
        assert p >> 62 == 3


def test_candidates_are_taken_in_the_order_of_the_stream():
    """The first that is prime, of the elements of one draw, found by a walk through all of them."""
    seed = bytes(range(32))
    search = random_primes(64, Stream(seed), three_mod_four=True)
    found = [search.next()[0] for _ in range(20)]
    drawn = Stream(seed).draw(Purpose.KEY_PRIME, 1 << 20, 64).uniform_bits(0, 2000)
    walked = [int.from_bytes(row.tobytes(), "little") | 3 << 62 | 3 for row in drawn]
    assert found == [value for value in walked if gmpy2.is_prime(value)][:20]


def test_what_is_taken_for_a_prime_passes_gmpy2_and_random_bases(monkeypatch):
    stream = Stream(bytes(32))
    assert Verification(P, stream).run()
    # 2047 passes to base 2, and to one base in five.
    assert not Verification(2047, stream).run()
    monkeypatch.setattr(gmpy2, "is_prime", lambda value, rounds: False)
    assert not Verification(P, stream).run()


def test_a_number_that_only_looked_like_a_prime_gives_way_to_the_next(monkeypatch, seed):
    """p refused once, then q: the key has what comes next in the order of the stream."""
    plain = paillier.generate_key(512, "classic", seed=seed("next"), insecure=True)._secret
    verdicts = []
    run = Verification.run

    def doubting(self):
        verdicts.append(self)
        self.passed = run(self) and len(verdicts) not in (1, 3)
        return self.passed

    monkeypatch.setattr(Verification, "run", doubting)
    other = paillier.generate_key(512, "classic", seed=seed("next"), insecure=True)._secret
    assert len(verdicts) == 4
    check_primes(other, 512)
    assert not {other.p, other.q} & {plain.p, plain.q}


def test_the_secret_has_to_match(keys):
    djn, subgroup = keys["djn"], keys["subgroup"]
    with pytest.raises(KeyMismatchError, match="do not belong together"):
        paillier.PrivateKey(djn.public_key, Secret(P, Q))
    with pytest.raises(KeyMismatchError, match="needs the primes"):
        paillier.PrivateKey(subgroup.public_key, Secret(subgroup._secret.p, subgroup._secret.q))
    with pytest.raises(KeyMismatchError, match="has no use for the primes"):
        paillier.PrivateKey(djn.public_key, Secret(djn._secret.p, djn._secret.q, 3, 5))


def test_an_own_generator_fits_the_key_and_hides_by_itself(key, seed):
    public = key.public_key
    own = public.with_own_generator()
    assert own == public
    assert own.h == public.h
    assert key.decrypt(own.encrypt([1, 2]) + public.encrypt([3, 4])).tolist() == [4, 6]
    assert own._generator not in (public.h, public.with_own_generator()._generator)
    for p in (key._secret.p, key._secret.q):
        assert gmpy2.legendre(-own._generator, p) == 1
    # The obfuscator is a power of the own generator's n-th power and of nothing else.
    x = own.encrypt([0], seed=seed("own"))
    exponent = Stream(seed("own")).uniform_bits(256, 1, paillier.keys.Purpose.OBFUSCATOR)
    r = int.from_bytes(exponent.tobytes(), "little")
    assert x.residues.to_ints().tolist() == [pow(own._generator, public.n * r, public.n**2)]


@pytest.mark.parametrize("name", ["classic", "subgroup"])
def test_an_own_generator_is_for_djn_keys(keys, name):
    with pytest.raises(ParameterError, match="only djn keys"):
        keys[name].public_key.with_own_generator()


def test_private_keys_are_not_pickled_and_copies_are_the_key(any_key):
    with pytest.raises(ParameterError, match=r"use hepy.save\(key, path, password=...\)"):
        pickle.dumps(any_key)
    assert copy.copy(any_key) is any_key
    assert copy.deepcopy(any_key) is any_key
    public = any_key.public_key
    assert copy.copy(public) is copy.deepcopy(public) is public


def test_primes_for_other_libraries(any_key):
    """The textbook decrypts with them: Paillier, EUROCRYPT '99, section 4."""
    p, q = any_key.export_primes()
    n = any_key.public_key.n
    assert type(p) is type(q) is int and p * q == n
    lam = math.lcm(p - 1, q - 1)
    c = any_key.public_key.encrypt(1234).residues.to_ints().item()
    assert (pow(c, lam, n * n) - 1) // n * pow(lam, -1, n) % n == 1234


def test_a_private_key_shows_what_its_public_half_shows(any_key):
    public = any_key.public_key
    assert (any_key.bits, any_key.variant, any_key.fingerprint) == (public.bits, public.variant, public.fingerprint)
    assert repr(any_key).startswith(f"PrivateKey(bits=512, variant={public.variant!r}")
