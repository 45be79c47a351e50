"""Plausible CKKS messages from scratch: canonical headers around residues and numbers that may or may not be right.

Nothing here uses hepy's own writer: primes, names and the fingerprint are those of the kept public context and of
docs/wire.md.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import struct
from typing import Any

Tensors = dict[str, tuple[str, list[int], bytes]]
Message = tuple[dict[str, Any], Tensors]  # fields, and tensors as wire_mutator.canonical takes them


def double(value: float) -> str:
    """A float64 as headers write it."""
    return f"{int.from_bytes(struct.pack('>d', value), 'big'):x}"


class Maker:
    """Makes messages of one context.

    Args:
        fields, tensors: of the kept message of its public half, with its encryption key and some others.
        secret: fields and tensors of the message of the context itself.
    """

    def __init__(self, public: tuple[dict[str, Any], Tensors], secret: tuple[dict[str, Any], Tensors]) -> None:
        self.public, self.public_tensors = public
        self.secret, self.secret_tensors = secret
        parameters = self.public["parameters"]
        ends = list(itertools.accumulate(parameters["set_sizes"]))
        places = parameters["set_places"]
        pool = parameters["pool"]
        self.sets = [
            [pool[i] for i in places[end - size : end]] for size, end in zip(parameters["set_sizes"], ends, strict=True)
        ]
        self.degree = 1 << parameters["log_n"]
        self.primes = [*pool, *parameters["special"]]

    def make(self, rng: random.Random) -> Message:
        return rng.choice([self.ciphertexts, self.ciphertexts, self.ciphertexts, self.public_context, self.context])(
            rng
        )

    def ciphertexts(self, rng: random.Random) -> Message:
        level = rng.randrange(len(self.sets))
        primes = self.sets[level]
        batch = [rng.choice([0, 1, 2]) for _ in range(rng.choice([0, 0, 1, 1, 2, 29, 30]))]
        while math.prod(batch) > 4:
            batch = [min(axis, 1) for axis in batch]
        encoding = rng.choice(["slots", "slots", "coefficients"])
        most = self.degree if encoding == "coefficients" else self.degree // 2
        slots = most if encoding == "coefficients" else rng.choice([1, 2, most, most])
        components, seeded = rng.choice([2, 2, 3]), rng.choice([0, 0, 1])
        size, degree = math.prod(batch), self.degree
        row = sum(prime.bit_length() for prime in primes) * degree // 8
        scale = rng.choice([2.0**40, 2.0**40, 1.0, 0.5, float(math.prod(primes)), 1e300])
        fields = {
            "format": 1, "kind": "ckks.ciphertexts", "fingerprint": self.public["fingerprint"],
            "log_n": degree.bit_length() - 1, "widths": [prime.bit_length() for prime in primes], "level": level, "scale": double(scale),
            "shape": [*batch, rng.choice([1, slots, slots, slots + 1])], "slots": slots, "components": 2 if seeded else components,
            "values": rng.choice(["real", "complex"]), "encoding": encoding, "seeded": seeded,
            "account": rng.choice([{}, {"bound": double(1.0), "error": double(2.0**-30)}, {"bound": double(0.0), "error": "0"}]),
        }  # fmt: skip
        if seeded:
            body = self.residues(rng, primes, size)
            return fields, {"body": ("U8", [size, row], body), "seed": ("U8", [32], rng.randbytes(32))}
        parts = self.residues(rng, primes, size * components)
        return fields, {"parts": ("U8", [size, components, row], parts)}

    def residues(self, rng: random.Random, primes: list[int], count: int) -> bytes:
        """Rows of words below their primes; some have a word at an edge or beyond, some are zero."""
        rows = []
        for _ in range(count):
            zero = rng.random() < 0.05
            for prime in primes:
                width = prime.bit_length()
                full = (1 << width) - 1
                words = [0] * self.degree if zero else [rng.randrange(prime) for _ in range(self.degree)]
                if rng.random() < 0.1:
                    words[rng.randrange(self.degree)] = rng.choice([0, prime - 1, prime - 1, prime, full])
                packed = sum(word << width * i for i, word in enumerate(words))
                rows.append(packed.to_bytes(width * self.degree // 8, "little"))
        return b"".join(rows)

    def parameters(self, rng: random.Random) -> dict[str, Any]:
        """Those of the kept context, or near them."""
        made = json.loads(json.dumps(self.public["parameters"]))
        match rng.randrange(8):
            case 0:
                made["digits"] = rng.choice([[len(made["pool"])], [1] * len(made["pool"]), [], made["digits"][::-1]])
            case 1:
                made["special"] = made["special"][:-1] or made["special"] * 2
            case 2:
                made["value_bits"] = rng.choice([1, 8, 29, 30])
            case 3:
                other = rng.choice([*self.primes, 97, 193, (1 << 30) - 35, 3])
                made["pool"][rng.randrange(len(made["pool"]))] = other
            case 4:
                name = rng.choice(["log_n", "scale_bits", "security"])
                made[name] = rng.choice({"log_n": [3, 5, 17], "scale_bits": [25, 60], "security": [128, 256]}[name])
            case _:
                pass
        return made  # type: ignore[no-any-return]

    def public_context(self, rng: random.Random) -> Message:
        parameters = self.parameters(rng)
        tensors = dict(self.public_tensors)
        encryption = rng.choice([0, 1, 1])
        known = self.public["elements"]
        elements = sorted(rng.sample(known, rng.randrange(len(known) + 1)))
        if rng.random() < 0.2:
            elements = sorted({*elements, rng.choice([1, 2, 5, 2 * self.degree - 1, 2 * self.degree])})
        dtype, shape, keys = tensors.pop("keys_b")
        row, held = len(keys) // shape[0], rng.choice([len(elements), len(elements), shape[0]])
        seeds = tensors.pop("keys_seed")[2]
        if elements:
            keys = b"".join(keys[row * (i % shape[0]) :][:row] for i in range(held))
            seeds = b"".join(seeds[32 * (i % shape[0]) :][:32] for i in range(held))
            tensors |= {"keys_b": (dtype, [held, *shape[1:]], keys), "keys_seed": ("U8", [held, 32], seeds)}
        if not encryption:
            del tensors["encryption_b"], tensors["encryption_seed"]
        elif rng.random() < 0.2:
            tensors["encryption_seed"] = ("U8", [32], rng.randbytes(32))
        fingerprint = self.public["fingerprint"]
        if encryption and rng.random() < 0.9:
            fingerprint = self.fingerprint(parameters, tensors)
        fields = {"format": 1, "kind": "ckks.public_context", "parameters": parameters, "fingerprint": fingerprint,
                  "encryption": encryption, "elements": elements}  # fmt: skip
        return fields, tensors

    def context(self, rng: random.Random) -> Message:
        tensors, fields = dict(self.secret_tensors), dict(self.secret)
        match rng.randrange(6):
            case 0:
                tensors["secret"] = self.changed(rng, "secret", [0xFF, 0x03, 0xAA, 0])
            case 1:
                tensors["error"] = self.changed(rng, "error", [58, 59, 255])
            case 2:
                tensors["seed"] = self.changed(rng, "seed", [0])
            case 3:
                budget = rng.choice([0, 5, 1 << 40, (1 << 40) + 1, (1 << 64) - 1])
                spent = rng.choice([0, budget, budget + 1]) % (1 << 64)
                tensors["sharing"] = ("U64", [2], struct.pack("<2Q", budget, spent))
            case 4:
                tensors["sharing_secret"] = ("U8", [32], rng.randbytes(32))
            case _:
                fields["parameters"] = self.parameters(rng)
        return fields, tensors

    def changed(self, rng: random.Random, name: str, bytes_: list[int]) -> tuple[str, list[int], bytes]:
        dtype, shape, data = self.secret_tensors[name]
        at = rng.randrange(len(data))
        return dtype, shape, data[:at] + bytes([rng.choice(bytes_)]) + data[at + 1 :]

    @staticmethod
    def fingerprint(parameters: dict[str, Any], tensors: Tensors) -> str:
        """As docs/wire.md defines it."""
        said = json.dumps(parameters, sort_keys=True, separators=(",", ":")).encode()
        text = b"hepy.ckks.context\0" + said + b"\0" + tensors["encryption_seed"][2] + tensors["encryption_b"][2]
        return hashlib.sha256(text).hexdigest()
