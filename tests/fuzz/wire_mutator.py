"""Inputs for the wire parser that get far: valid messages, mutated at the level of bytes, JSON, fields and numbers.

Plain bit flips end at the first check of the header. So there are five depths: bytes; the tree of the container's
header; that of the fields; plausible messages made from scratch, with canonical headers around nasty numbers; and all
of these sealed under the password that the harness knows. Nothing here uses hepy's own writer.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ckks_messages
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VECTORS = Path(__file__).parents[1] / "wire" / "vectors"
PASSWORD = b"fuzz"

# Keys of the kept vectors: variant, p, q, subgroup's primes, h. See tests/wire/vectors/make_v1.py.
Numbers = dict[str, tuple[int, int, int | None, int | None, int | None]]


_WIDTHS = {"U8": 1, "U32": 4, "U64": 8}


class Pairs(list):  # type: ignore[type-arg]
    """A JSON object that may have a key twice."""


def quick_derive(password: bytes, salt: bytes, log2_cost: int) -> bytes:
    """In place of scrypt, so that sealed messages can be tried by the thousand."""
    return hashlib.sha256(password + salt + bytes([log2_cost])).digest()


def parse(text: bytes | str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs)


def write(value: Any) -> str:
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(str(key))}:{write(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


def container(text: str | bytes, data: bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + data


def canonical(fields: dict[str, Any], tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    said = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    header: dict[str, Any] = {"__metadata__": {"hepy": said}}
    at = 0
    order = sorted(
        tensors, key=lambda name: (-_WIDTHS[tensors[name][0]], name)
    )  # the widest first, as safetensors has it
    for name in order:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    return container(json.dumps(header, separators=(",", ":")), b"".join(tensors[name][2] for name in order))


def split(message: bytes) -> tuple[bytes, bytes]:
    """The header's text and the data, as far as there are such."""
    length = int.from_bytes(message[:8], "little")
    return message[8 : 8 + length], message[8 + length :]


def dissected(message: bytes) -> tuple[dict[str, Any], dict[str, tuple[str, list[int], bytes]]]:
    """The fields and the tensors of a valid message, as canonical() takes them."""
    text, data = split(message)
    header = json.loads(text)
    fields = json.loads(header.pop("__metadata__")["hepy"])
    return fields, {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }


class Mutator:
    """Makes inputs, reproducibly from a seed.

    Args:
        seeds: valid messages.
        numbers: of the keys that the harness knows.
        seed: of the sequence.
    """

    def __init__(self, seeds: list[bytes], numbers: Numbers, seed: int) -> None:
        self.seeds, self.numbers, self.rng = seeds, numbers, random.Random(seed)
        richest = sorted(map(dissected, seeds), key=lambda message: len(message[1]))
        by_kind = {fields["kind"]: (fields, tensors) for fields, tensors in richest}
        self.ckks = ckks_messages.Maker(by_kind["ckks.public_context"], by_kind["ckks.context"])

    def next(self) -> bytes:
        """An input from scratch."""
        made = self.mutate(self.rng.choice(self.seeds)) if self.rng.random() < 0.6 else self.plausible()
        return self.sealed(made) if self.rng.random() < 0.1 else made

    def mutate(self, message: bytes) -> bytes:
        """The message with one to three changes, at one of the depths."""
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            change: Callable[[bytes], bytes] = self.rng.choice([self.bytewise, self.header, self.fields, self.fields])
            try:
                message = change(message)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # no such tree to change
                message = self.bytewise(message)
        return message

    # Bytes.

    def bytewise(self, message: bytes) -> bytes:
        rng, data = self.rng, bytearray(message)
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                del data[at : at + rng.choice([1, 4, 8, 64])]
            case 3:
                data[at:at] = rng.randbytes(rng.choice([1, 4, 8, 64]))
            case 4:
                other = rng.choice(self.seeds)
                data[at:] = other[rng.randrange(len(other)) :]
            case 5:
                data[:8] = self.length(len(data)).to_bytes(8, "little")
            case _:
                data += rng.choice([b"\0", b" " * 8, bytes(64), bytes(data)])
        return bytes(data)

    def length(self, size: int) -> int:
        return self.rng.choice([0, 1, size - 8, size - 7, size, 1 << 18, (1 << 18) + 1, 1 << 32, (1 << 64) - 1]) % (
            1 << 64
        )

    # JSON.

    def header(self, message: bytes) -> bytes:
        text, data = split(message)
        tree = parse(text)
        self.change(tree)
        made = write(tree)
        if self.rng.random() < 0.1:
            made = self.rng.choice([made + " ", json.dumps(json.loads(made)), made.replace('"U32"', '"\\u005532"')])
        return container(made, data)

    def fields(self, message: bytes) -> bytes:
        """Change the fields; the rest of the header is left as it is, so it is canonical as often as they are."""
        text, data = split(message)
        tree = parse(text)
        metadata = dict(tree)["__metadata__"]
        inner = parse(dict(metadata)["hepy"])
        self.change(inner)
        if self.rng.random() < 0.8:
            inner = Pairs(sorted(inner, key=lambda pair: pair[0]))
        metadata[:] = [("hepy", write(inner))]
        return container(write(tree), data)

    def change(self, tree: Any) -> None:
        """One change somewhere in a tree."""
        rng = self.rng
        places = list(_places(tree))
        parent, index = rng.choice(places)
        key, value = parent[index] if isinstance(parent, Pairs) else (None, parent[index])
        match rng.randrange(6):
            case 0:
                del parent[index]
            case 1:
                parent.insert(rng.randrange(len(parent) + 1), parent[index])
            case 2 if key is not None:
                parent[index] = (rng.choice(["", "x", key + "x", "format", "shape", "hepy", "é", "\ud800"]), value)
            case 3:
                rng.shuffle(parent)
            case _:
                changed = self.value(value)
                parent[index] = changed if key is None else (key, changed)

    def value(self, old: Any) -> Any:
        """A value for the place of another: near it, or of another kind altogether."""
        rng = self.rng
        if isinstance(old, int) and not isinstance(old, bool) and rng.random() < 0.7:
            return rng.choice(
                [old - 1, old + 1, -old, old * 2, 0, 1, old ^ (1 << rng.randrange(64)), 2**53, 2**63, 10**30]
            )
        if isinstance(old, str) and rng.random() < 0.7:
            at = rng.randrange(len(old) + 1)
            near = [
                old[:at] + rng.choice('0123456789abcdefg\n"\\{[') + old[at + 1 :],
                old[:at],
                old + "0",
                "0" + old,
                old.upper(),
            ]
            return rng.choice(
                [*near, "numbers", "fields", "squeezed", "djn", "classic", "subgroup", "paillier.public_key", "sealed"]
            )
        if isinstance(old, list) and not isinstance(old, Pairs) and rng.random() < 0.7:
            return rng.choice([old * 2, old[:-1], [*old, 0], [*old, 1], [[*old]], [0, 1 << 48], [1] * 33, [2] * 5000])
        deep: Any = 0
        for _ in range(rng.choice([1, 3, 9])):
            deep = [deep]
        return rng.choice([None, True, 0, -1, 1.5, "", "f" * 1000, [], Pairs(), Pairs([("a", 1)]), deep])

    # Messages from scratch.

    def plausible(self) -> bytes:
        """A message with a canonical header; its numbers may or may not be right."""
        if self.rng.random() < 0.4:
            return canonical(*self.ckks.make(self.rng))
        variant = self.rng.choice(list(self.numbers))
        make = self.rng.choice(
            [self.ciphertexts, self.ciphertexts, self.public_key, self.private_key, self.chunk, self.proof]
        )
        return make(variant)

    def nasty(self, numbers: tuple[int, ...], bits: int) -> int:
        """A number below 2**bits, often one of these or near it."""
        rng = self.rng
        near = rng.choice([*numbers, 0, 1, (1 << bits) - 1, 1 << (bits - 1), rng.getrandbits(bits)])
        return abs(near + rng.choice([0, 0, 0, 0, 0, -2, -1, 1, 2])) % (1 << bits)

    def _key(self, variant: str) -> tuple[int, int, int, int, int | None, dict[str, Any]]:
        p, q, _, _, h = self.numbers[variant]
        n = p * q
        bits = n.bit_length()
        fingerprint = _fingerprint(variant, n, h)
        return n, p, q, bits, h, {"format": 1, "bits": bits, "variant": variant, "fingerprint": fingerprint}

    def ciphertexts(self, variant: str) -> bytes:
        rng = self.rng
        n, p, q, bits, _, fields = self._key(variant)
        shape = [rng.choice([0, 1, 2, 3]) for _ in range(rng.choice([0, 1, 1, 2, 4, 32, 33]))]
        while math.prod(shape) > 8:
            shape = [min(axis, 1) for axis in shape]
        good = [1, 2, n - 1, n + 1, n * n - 1]
        bad = [0, n, p, q * q, n * n, n * n + 1, (1 << 2 * bits) - 1]
        residues = [rng.choice(good if rng.random() < 0.9 else bad) for _ in range(math.prod(shape))]
        size = 4 * (bits // 16)
        data = b"".join(value.to_bytes(size, "little") for value in residues)
        fields |= {"kind": "paillier.ciphertexts", "shape": shape, "account": self.account(n)}
        return canonical(fields, {"residues": ("U32", [len(residues), size // 4], data)})

    def chunk(self, variant: str) -> bytes:
        """A message as a chunk, the first and last of its stream or not."""
        rng = self.rng
        inner = self.ciphertexts(variant) if rng.random() < 0.9 else self.public_key(variant)
        text, data = split(inner)
        header = json.loads(text)
        content = json.loads(header.pop("__metadata__")["hepy"])
        tensors = {
            name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()
        }
        fields = {"format": 1, "kind": "chunk", "content": content, "index": rng.choice([0, 0, 0, 0, 1, -1, 2**53])}
        fields |= {"previous": rng.choice(["0", "0", "0", "f", "F"]) * 64, "last": rng.choice([0, 1, 1, 1, 2])}
        return canonical(fields, tensors)

    def proof(self, variant: str) -> bytes:
        n, p, _, bits, _, fields = self._key(variant)
        rows = self.rng.choice([10, 10, 10, 9, 11, 0])
        data = b"".join(self.limbs(self.nasty((n, p, 1), bits), bits)[2] for _ in range(rows))
        return canonical(fields | {"kind": "paillier.proof"}, {"roots": ("U32", [rows, -(-bits // 32)], data)})

    def account(self, n: int, *, inner: bool = False) -> dict[str, Any]:
        rng, bits = self.rng, n.bit_length()
        if not inner and rng.random() < 0.2:
            slots = rng.choice([0, 1, 2, 3, bits // 9, bits])
            return {"type": "squeezed", "slots": slots, "item": self.account(n, inner=rng.random() < 0.9)}
        if rng.random() < 0.6:
            bound = self.nasty((n, n // 3, n // 3 + 1, 255), bits)
            return {"type": "numbers", "scale_bits": rng.choice([0, 1, 40, 65535, 65536]), "bound": f"{bound:x}"}
        fields = rng.choice([0, 1, 2, 2, 3, bits // 2])
        values = [rng.choice([1, 2, 8, bits // 4]) for _ in range(fields)]
        widths = [value + rng.choice([0, 1, 1, 5, 9]) for value in values]
        return {
            "type": "fields", "field_bits": widths, "value_bits": values, "scale_bits": [rng.choice([0, 40, 65536])] * fields,
            "count_bits": rng.choice([0, 1, 8, 64, bits]), "terms": rng.choice(["0", "1", "10", "f" * 64]),
            "count": rng.choice(["0", "1", "ff", "f" * 64]),
        }  # fmt: skip

    def public_key(self, variant: str) -> bytes:
        n, p, _, bits, h, fields = self._key(variant)
        n = n if self.rng.random() < 0.7 else self.nasty((n, p * p, 3 * p, (1 << 256) - 189), bits)
        base = None if h is None else h if self.rng.random() < 0.6 else self.nasty((h, n - 1, p, n), bits)
        fields |= {"kind": "paillier.public_key", "fingerprint": _fingerprint(variant, n, base)}
        tensors = {"n": self.limbs(n, bits)}
        if base is not None:
            tensors["h"] = self.limbs(base, bits)
        return canonical(fields, tensors)

    def private_key(self, variant: str) -> bytes:
        n, _, _, bits, h, fields = self._key(variant)
        p, q, p_small, q_small, _ = self.numbers[variant]
        pairs = sorted([(p, p_small), (q, q_small)])
        values = {"p": pairs[0][0], "q": pairs[1][0], "p_subgroup": pairs[0][1], "q_subgroup": pairs[1][1]}
        if self.rng.random() < 0.6:
            name = self.rng.choice([name for name, value in values.items() if value is not None])
            values[name] = self.nasty((p, q, 3, *filter(None, (p_small, q_small))), bits // 2)
        fields |= {"kind": "paillier.private_key"}
        tensors = {name: self.limbs(value, bits // 2) for name, value in values.items() if value is not None}
        if h is not None:
            tensors["h"] = self.limbs(h if self.rng.random() < 0.8 else self.nasty((h, n, 1), bits), bits)
        return canonical(fields, tensors)

    def limbs(self, value: int, bits: int) -> tuple[str, list[int], bytes]:
        words = -(-bits // 32)
        return "U32", [words], value.to_bytes(4 * words, "little")

    def sealed(self, inner: bytes) -> bytes:
        """The message, good or bad, under the password that the harness knows; some headers announce another key."""
        announced = inner if self.rng.random() < 0.8 else self.private_key(self.rng.choice(list(self.numbers)))
        try:
            content = json.loads(json.loads(split(announced)[0])["__metadata__"]["hepy"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            content = {}
        salt, nonce = self.rng.randbytes(16), self.rng.randbytes(12)
        cost, size = self.rng.choice([14, 17, 18, 18, 19]), len(inner) + 16
        fields = {"format": 1, "kind": "sealed", "content": content, "log2_cost": cost}
        fields |= {"salt": salt.hex(), "nonce": nonce.hex(), "size": size}
        header = canonical(fields, {"sealed": ("U8", [size], bytes(size))})[:-size]
        return header + AESGCM(quick_derive(PASSWORD, salt, cost)).encrypt(nonce, inner, header)


def _places(tree: Any) -> Any:
    """(list, index) of everything in a tree."""
    for index, item in enumerate(tree):
        yield tree, index
        value = item[1] if isinstance(tree, Pairs) else item
        if isinstance(value, list):
            yield from _places(value)


def _fingerprint(variant: str, n: int, h: int | None) -> str:
    """As docs/wire.md defines it."""
    size = -(-n.bit_length() // 8)
    text = b"hepy.paillier.public_key\0" + variant.encode() + b"\0" + n.to_bytes(size, "little")
    return hashlib.sha256(text + (h or 0).to_bytes(max(size, -(-(h or 0).bit_length() // 8)), "little")).hexdigest()
