"""Keys, ciphertexts and plaintexts are what their constructor made them: nobody assigns an attribute later."""

import pytest

from hepy import bigint, ckks, paillier, ring

SEED = bytes(32)


def private_key():
    return paillier.generate_key(bits=256, insecure=True, seed=SEED)


def context():
    return ckks.Context(ckks.Parameters(log_n=5, depth=1, scale_bits=40, security=None), seed=SEED)


THINGS = {
    "Paillier's ciphertexts": lambda: private_key().public_key.encrypt([1, 2], seed=SEED),
    "Paillier's accounts": lambda: private_key().public_key.encrypt([1, 2], seed=SEED).account,
    "Paillier's accounts of packed fields": lambda: paillier.pack([1], field_bits=[9], value_bits=[4]).fields,
    "Paillier's packed plaintexts": lambda: paillier.pack([1], field_bits=[9], value_bits=[4]),
    "Paillier's public key": lambda: private_key().public_key,
    "Paillier's private key": private_key,
    "Paillier's pool": lambda: private_key().public_key.pool(1, seed=SEED),
    "a modulus": lambda: private_key().public_key.modulus,
    "residues": lambda: bigint.Modulus(15).array([1, 2]),
    "a fixed base": lambda: bigint.Modulus(15).fixed_base(2),
    "Fermat quotients": lambda: bigint.FermatQuotients(bigint.Modulus(225), [bigint.FermatPart(3, 2)]),
    "a part of Fermat quotients": lambda: bigint.FermatPart(3, 2),
    "a ring": lambda: ring.RingBasis([97, 113], degree=8),
    "ring elements": lambda: ring.RingBasis([97, 113], degree=8).coefficients([1, 2, 0, 0, 0, 0, 0, 0]),
    "CKKS's ciphertexts": lambda: context().encrypt([1.0], seed=SEED),
    "CKKS's plaintexts": lambda: context().encode([1.0]),
    "CKKS's parameters": lambda: context().parameters,
    "CKKS's context": context,
    "CKKS's public context": lambda: context().public(),
}


def attributes(thing):
    return sorted(
        name for name in dir(thing) if not name.startswith("_") and not callable(getattr(type(thing), name, None))
    )


@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_attributes_are_not_assigned(make):
    thing = make()
    names = attributes(thing)
    assert names
    for name in names:
        before = getattr(thing, name)
        for value in (3, before):
            with pytest.raises(AttributeError, match=name):
                setattr(thing, name, value)
        with pytest.raises(AttributeError, match=name):
            delattr(thing, name)
        after = getattr(thing, name)
        assert after is before or type(after) is type(before)


@pytest.mark.parametrize(
    "name", sorted(THINGS.keys() - {"CKKS's parameters", "a ring"})
)  # which keep what they compute
def test_attributes_are_not_invented(name):
    """A misspelt name is an error, and not an attribute that nobody reads."""
    with pytest.raises(AttributeError):
        THINGS[name]().scale_bit = 3


def test_what_a_key_consists_of_says_what_to_do():
    with pytest.raises(AttributeError, match=r"PublicKey\.n is read-only: make a new PublicKey"):
        private_key().public_key.n = 15
