"""The proof that gcd(n, phi(n)) = 1: honest keys have one, bound to key and context; crafted moduli have none."""

import dataclasses
import hashlib
import itertools
import math

import gmpy2
import pytest

import hepy
from hepy import paillier
from hepy.errors import KeyMismatchError, ParameterError, WireFormatError
from hepy.paillier import proofs

CONTEXT = "a test"


def expected_challenges(n, context, count=proofs.ROUNDS):
    """As docs/wire.md defines them, written anew."""
    size = -(-n.bit_length() // 8)
    text = context.encode()
    units, number = [], 0
    while len(units) < count:
        data = b"hepy.paillier.proof\x00" + size.to_bytes(8, "little") + n.to_bytes(size, "little")
        data += len(text).to_bytes(8, "little") + text + number.to_bytes(8, "little")
        value = int.from_bytes(hashlib.shake_256(data).digest(size), "little") % 2 ** n.bit_length()
        if value < n and math.gcd(value, n) == 1:
            units.append(value)
        number += 1
    return units


def test_roots_are_those_of_the_challenges(device, any_key):
    n, proof = any_key.public_key.n, any_key.prove(CONTEXT)
    assert [pow(root, n, n) for root in proof.roots] == expected_challenges(n, CONTEXT)
    any_key.public_key.verify(proof, CONTEXT)
    assert any_key.prove(CONTEXT) == proof


def test_the_bound_for_a_cheating_prover():
    smallest = gmpy2.next_prime(max(hepy.bigint.primality.small_primes()))
    assert proofs.ROUNDS * math.log2(smallest) >= 128


def test_proofs_travel(key):
    proof = key.prove(CONTEXT)
    message = hepy.dumps(proof)
    loaded = hepy.loads(message)
    assert loaded == proof
    assert loaded.digest() == hashlib.sha256(message).hexdigest()
    key.public_key.verify(loaded, CONTEXT)
    said = hepy.describe(proof)
    assert said == hepy.describe(message)
    assert (said.kind, said.fingerprint) == ("paillier.proof", key.fingerprint)
    with pytest.raises(WireFormatError, match="ciphertexts were expected"):
        hepy.loads(message, key)


@pytest.mark.parametrize("context", ["", "a tes", "a test ", "another"])
def test_another_context(key, context):
    with pytest.raises(ParameterError, match="used another context, or the modulus is not fit"):
        key.public_key.verify(key.prove(CONTEXT), context)


def test_contexts_cannot_run_into_the_modulus(key):
    first = next(proofs.challenges(key.public_key.n, ""))
    assert len({first, *(next(proofs.challenges(key.public_key.n, context)) for context in ("\0", "\0\0", "é"))}) == 4


def test_another_key(key, other_key, keys):
    with pytest.raises(KeyMismatchError, match=f"about key {key.fingerprint[:16]}, this is key"):
        other_key.public_key.verify(key.prove(CONTEXT), CONTEXT)
    forged = dataclasses.replace(key.prove(CONTEXT), fingerprint=other_key.fingerprint)
    with pytest.raises(ParameterError, match="does not hold"):
        other_key.public_key.verify(forged, CONTEXT)


def test_every_root_counts(key):
    n, proof = key.public_key.n, key.prove(CONTEXT)
    for number in range(proofs.ROUNDS):
        for value in (1, n - 1, proof.roots[number] ^ 1, n - proof.roots[number], 0, n, proof.roots[number] + n):
            roots = list(proof.roots)
            roots[number] = value
            with pytest.raises(ParameterError, match="the proof does not hold"):
                key.public_key.verify(dataclasses.replace(proof, roots=tuple(roots)), CONTEXT)
    for wrong in ({"bits": 256}, {"variant": "classic"}):
        with pytest.raises(ParameterError, match="it is for a key of another length or variant"):
            key.public_key.verify(dataclasses.replace(proof, **wrong), CONTEXT)
    for roots in (proof.roots[:-1], proof.roots[::-1], (), (*proof.roots, proof.roots[0])):
        with pytest.raises(ParameterError, match="the proof does not hold"):
            key.public_key.verify(dataclasses.replace(proof, roots=roots), CONTEXT)


@pytest.mark.parametrize("proof", [None, 5, b"proof", (1, 2)])
def test_what_is_no_proof(key, proof):
    with pytest.raises(ParameterError, match=r"what key.prove\(context\) returns"):
        key.public_key.verify(proof, CONTEXT)


@pytest.mark.parametrize("context", [None, 5, b"context"])
def test_what_is_no_context(key, context):
    with pytest.raises(ParameterError, match="a context is a text"):
        key.prove(context)


def test_secrets_stay(key):
    proof = key.prove(CONTEXT)
    assert repr(proof) == f"Proof(bits=512, variant='djn', key={key.fingerprint[:16]!r})"


# Moduli that are not fit, and the best that their makers can do.


def prime_with(bits, divisor):
    """A prime of exactly that many bits, its top three set, that is 1 modulo `divisor`."""
    step = 2 * divisor
    start = (7 << bits - 3) // step * step + 1
    return next(int(q) for q in itertools.count(start, step) if q >> bits - 3 == 7 and gmpy2.is_prime(q))


def prime(bits):
    return int(gmpy2.next_prime(7 << bits - 3))


def bad_modulus(name):
    """Prime factors of a modulus of 256 bits without small factors."""
    match name:
        case "a repeated prime":
            p = prime(80)
            return [p, p, prime(96)]
        case "p divides q - 1":
            p = prime(120)
            return [p, prime_with(136, p)]
        case "the least such p":
            return [8209, prime_with(243, 8209)]
        case "three factors, one divides another less one":
            p = prime(70)
            return [p, prime(90), prime_with(96, p)]


def root_of(x, factors):
    """An n-th root of x modulo n, or None if there is none; by one who knows the factors."""
    n, residues = math.prod(factors), []
    for p in sorted(set(factors)):
        power = p ** factors.count(p)
        order = power // p * (p - 1)
        shared, rest = 1, order
        while (common := math.gcd(n, rest)) > 1:  # order = shared * rest, and n is prime to rest
            shared, rest = shared * common, rest // common
        # x is an n-th power if it has no part whose order divides `shared`, up to what the n-th power leaves of it.
        candidate = pow(x, shared * pow(shared, -1, rest) * pow(n, -1, rest) % order, power)
        if pow(candidate, n, power) != x % power:
            return None
        residues.append((candidate, power))
    total = 0
    for residue, power in residues:
        other = n // power
        total += residue * other * pow(other, -1, power)
    return total % n


@pytest.mark.parametrize(
    "name", ["a repeated prime", "p divides q - 1", "the least such p", "three factors, one divides another less one"]
)
def test_moduli_that_are_not_fit_are_found_out(name):
    factors = bad_modulus(name)
    n = math.prod(factors)
    assert n.bit_length() == 256
    public = paillier.PublicKey(n, "classic", insecure=True)
    public.validate()  # from the key alone, nothing is to be seen
    roots = [root_of(x, factors) for x in expected_challenges(n, CONTEXT)]
    assert None in roots
    proof = paillier.Proof(256, "classic", public.fingerprint, tuple(root or 1 for root in roots))
    with pytest.raises(ParameterError, match="the modulus is not fit for Paillier"):
        public.verify(proof, CONTEXT)


def test_the_cheat_works_on_fit_moduli():
    """The prover above is as good as it can be: it finds all roots where there are any."""
    factors = [prime(120), prime(136)]
    n = math.prod(factors)
    public = paillier.PublicKey(n, "classic", insecure=True)
    roots = tuple(root_of(x, factors) for x in expected_challenges(n, CONTEXT))
    public.verify(paillier.Proof(256, "classic", public.fingerprint, roots), CONTEXT)


def test_one_root_alone_can_be_cheated(monkeypatch):
    """With p = 8209 one challenge in 8209 has a root, and who may try contexts finds one: ten rounds are not for show."""
    factors = bad_modulus("the least such p")
    n, context = math.prod(factors), "30434"  # the first number whose one challenge has a root
    root = root_of(*expected_challenges(n, context, count=1), factors)
    assert root is not None
    public = paillier.PublicKey(n, "classic", insecure=True)
    proof = paillier.Proof(256, "classic", public.fingerprint, (root,))
    monkeypatch.setattr(proofs, "ROUNDS", 1)
    public.verify(proof, context)
    monkeypatch.setattr(proofs, "ROUNDS", 10)
    with pytest.raises(ParameterError, match="it has 1 roots, not 10"):
        public.verify(proof, context)


@pytest.mark.parametrize("factor", [3, 8191])
def test_small_factors_are_ruled_out_by_division(factor):
    n = factor * int(gmpy2.next_prime((3 << 254) // factor))
    public = paillier.PublicKey(n, "classic", insecure=True)
    with pytest.raises(ParameterError, match=f"has the small factor {factor}"):
        public.verify(paillier.Proof(256, "classic", public.fingerprint, (1,) * proofs.ROUNDS), CONTEXT)
