"""Makes paillier_seeded.json: what seeds give, so that a change of any definition of randomness shows.

Run from the repository's root: python tests/vectors/make_paillier_seeded.py
"""

import hashlib
import json
from pathlib import Path

from hepy import paillier
from hepy.random import Purpose, Stream

VARIANTS = ("djn", "classic", "subgroup")
SEED = bytes(range(32))
VALUES = [0, 1, -1, 2**40, -(2**40)]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def limbs_digest(limbs):
    return sha256(limbs.astype("<u4").tobytes())


def residues_digest(ciphertexts):
    return sha256(b"".join(ciphertexts.residues.to_bytes()))


def of_streams():
    """Digests of draws from one stream."""
    stream = Stream(SEED)
    return {
        "uniform_bits(1104) x 100, OBFUSCATOR": limbs_digest(stream.uniform_bits(1104, 100, Purpose.OBFUSCATOR)),
        "uniform_below(3**300) x 100, RERANDOMIZER": limbs_digest(
            stream.uniform_below(3**300, 100, Purpose.RERANDOMIZER)
        ),
        "uniform_bits(7) x 100, VALIDATION": limbs_digest(stream.uniform_bits(7, 100, Purpose.VALIDATION)),
    }


def of_key(variant):
    """A seeded key, what it encrypts, and what rerandomizing makes of that."""
    key = paillier.generate_key(512, variant, seed=SEED, insecure=True)
    x = key.public_key.encrypt(VALUES, seed=SEED)
    return {
        "fingerprint": key.fingerprint,
        "encrypt": residues_digest(x),
        "encrypt floats": residues_digest(key.public_key.encrypt([0.5, -1 / 3, 1e10], seed=SEED)),
        "rerandomize": residues_digest(x.rerandomize(seed=SEED)),
    }


def main():
    vectors = {
        "source": "tests/vectors/make_paillier_seeded.py: SHA-256 of canonical little-endian limbs and residues",
        "seed": SEED.hex(),
        "streams": of_streams(),
        "keys of 512 bits": {variant: of_key(variant) for variant in VARIANTS},
    }
    path = Path(__file__).with_name("paillier_seeded.json")
    path.write_text(json.dumps(vectors, indent=2) + "\n")


if __name__ == "__main__":
    main()
