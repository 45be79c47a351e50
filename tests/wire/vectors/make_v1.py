"""Make the kept messages of format 1 in v1/, and v1.json, which says what each of them holds.

    python tests/wire/vectors/make_v1.py

The keys are written out here, so the messages do not depend on how keys are generated. Ciphertexts come from seeds.
Messages of a version are made once and stay readable for ever: a change of bytes here is a change of the format.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

import hepy
from hepy import paillier
from hepy.paillier.crt import Secret
from hepy.paillier.keys import PrivateKey, PublicKey
from hepy.wire import kinds, sealed

HERE = Path(__file__).parent
PASSWORD = "a pässword"
CONTEXT = "a cöntext"

# variant: P, Q, the subgroup's primes, h. Made by paillier.generate_key(bits, variant, seed=b"\7" * 32, insecure=True).
NUMBERS = {
    "djn": (
        0xFF7316BC4FD79C548E79B45E8261517F, 0xD45BD4D174AE64E2CD2C75C338BE330F, None, None,
        0x85D468367C490788193D2994DFB38D44B3F5C094D02783CF1586AAA35C396BC8,
    ),
    "classic": (0xD122DEE06B60B4F2A3C6B0316BF9230D59, 0xC1D75E906378112822FEE5A2CE4F7827A7, None, None, None),
    "subgroup": (
        0xC1E21A084ECC4085576EE414FA56E113A519BCE994F1BF4E0EF02C8A5B8A510B,
        0xE1DFAE850185BC7A71F63659C8ED1FFB3A730AD0B623AE827274E2712BEC1777,
        0xCCCC670636814063,
        0xC160BBA6F479F1CB,
        0xA96C07C068FC852806937839BF5ACE6389876E9991EDF167C4C9E0F5002E60516673FFBFC1B5692E74C627249A3012DD2AC0290F86FF17C40ADB6280F059CFD5,
    ),
}  # fmt: skip


def private_key(variant: str) -> PrivateKey:
    p, q, p_subgroup, q_subgroup, h = NUMBERS[variant]
    return PrivateKey(PublicKey(p * q, variant, h, insecure=True), Secret(p, q, p_subgroup, q_subgroup))


def _ciphertexts() -> dict[str, tuple[str, paillier.CiphertextArray]]:
    """By name: the variant of the key, and an array."""
    djn, classic, subgroup = (private_key(variant).public_key for variant in ("djn", "classic", "subgroup"))
    seeds = (bytes([number]) * 32 for number in range(100))
    integers = np.arange(-3, 3, dtype=np.int16).reshape(2, 3)
    floats = np.array([[0.5, -1.25], [3.0, 1e-9]])
    packed = paillier.pack(
        [3, -1], [2.5, -0.5], field_bits=(40, 60), scale_bits=(0, 8), value_bits=(8, 20), count_bits=16
    )
    made = {
        "djn-integers": djn.encrypt(integers, value_bits=8, seed=next(seeds)),
        "djn-floats": djn.encrypt(floats, scale_bits=20, value_bits=30, seed=next(seeds)),
        "djn-scalar": djn.encrypt(-(2**70), value_bits=80, seed=next(seeds)),
        "djn-empty": djn.encrypt(np.empty((0, 4)), scale_bits=40, value_bits=60, seed=next(seeds)),
        "classic-integers": classic.encrypt([2**40, -(2**40)], value_bits=50, seed=next(seeds)),
        "subgroup-packed": subgroup.encrypt(packed, seed=next(seeds)),
    }
    # A computed array, as it stands: its difference is the ciphertext 1.
    made["djn-computed"] = made["djn-integers"] - made["djn-integers"]
    made["subgroup-packed-sum"] = made["subgroup-packed"].sum()
    made["djn-squeezed"] = made["djn-integers"].squeeze_pack(2).rerandomize(seed=next(seeds))
    made["subgroup-packed-squeezed"] = made["subgroup-packed"].squeeze_pack().rerandomize(seed=next(seeds))
    return {name: (name.partition("-")[0], array) for name, array in made.items()}


def messages() -> tuple[dict[str, bytes], list[dict[str, object]]]:
    """The bytes of each message by name, and what v1.json says of them."""
    data: dict[str, bytes] = {}
    said: list[dict[str, object]] = []

    def add(name: str, message: bytes, **what: object) -> None:
        data[name] = message
        said.append({"name": name, "sha256": hashlib.sha256(message).hexdigest(), **what})

    for variant in NUMBERS:
        key = private_key(variant)
        add(f"{variant}-public-key", hepy.dumps(key.public_key), kind="paillier.public_key", key=variant)
        plain = hepy.dumps(key, unencrypted=True)
        add(f"{variant}-private-key", plain, kind="paillier.private_key", key=variant)
        inner = kinds.encode("paillier.private_key", key)
        hidden = sealed.seal(inner, PASSWORD, lambda size: bytes(range(size)))
        add(
            f"{variant}-private-key-sealed",
            b"".join(hidden.chunks()),
            kind="paillier.private_key",
            key=variant,
            password=PASSWORD,
        )
    for name, (variant, array) in _ciphertexts().items():
        raw = private_key(variant).decrypt(array, raw=True)
        add(
            name,
            hepy.dumps(array, rerandomize=False),
            kind="paillier.ciphertexts",
            key=variant,
            shape=list(array.shape),
            encodings=[hex(value) for value in raw.ravel()],
        )
    for variant in NUMBERS:
        proof = private_key(variant).prove(CONTEXT)
        add(f"{variant}-proof", hepy.dumps(proof), kind="paillier.proof", key=variant, context=CONTEXT)
    djn = private_key("djn").public_key
    stream = djn.encrypt(np.arange(7), value_bits=3, seed=b"\x77" * 32)
    for index, message in enumerate(hepy.dump_chunks(stream, max_bytes=960)):
        add(f"djn-chunk-{index}", message, kind="paillier.ciphertexts", key="djn", chunk=index)
    return data, said


def main() -> None:
    data, said = messages()
    (HERE / "v1").mkdir(exist_ok=True)
    for name, message in data.items():
        (HERE / "v1" / f"{name}.hepy").write_bytes(message)
    source = {"source": "make_v1.py beside this file, with hepy 0.1.0", "format": 1, "messages": said}
    (HERE / "v1.json").write_text(json.dumps(source, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
