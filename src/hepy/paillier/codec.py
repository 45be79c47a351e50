"""Paillier's keys and ciphertexts on the wire: what their messages hold, and what is checked of a received one.

docs/wire.md has the fields. A public key travels as n, variant and h; h^n is always recomputed. Ciphertexts travel
as canonical residues with their account and the fingerprint of their key.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy import _limbs as limb
from hepy._shapes import index_at
from hepy.bigint import ResidueArray
from hepy.bigint.residues import from_chunks
from hepy.errors import EncodingOverflowError, KeyMismatchError, ParameterError, WireFormatError
from hepy.paillier import proofs
from hepy.paillier.ciphertexts import Account, CiphertextArray
from hepy.paillier.crt import Secret
from hepy.paillier.encoding import Numbers
from hepy.paillier.keys import PrivateKey, PublicKey
from hepy.paillier.packing import Fields
from hepy.paillier.proofs import Proof
from hepy.paillier.squeezing import Squeezed
from hepy.paillier.variants import BITS, SMALLEST_BITS, check_bits
from hepy.wire.container import Buffer, Container, Spec
from hepy.wire.fields import FieldReader

MAX_AXES = 32  # numpy 1.26 has no more
MAX_SCALE_BITS = (1 << 16) - 1
_MAX_ELEMENTS = 1 << 48
_ROWS = 2048  # ciphertexts that are converted at once
_ROUNDS = 40  # GMP: BPSW, then Miller-Rabin with 16 random bases
_VARIANTS = ("classic", "djn", "subgroup")

Tensors = Mapping[str, Callable[[], Iterable[Buffer]]]


@dataclass(frozen=True)
class KeyHeader:
    """What a key's message says in clear."""

    bits: int
    variant: str
    fingerprint: str

    def fields(self) -> dict[str, Any]:
        return {"bits": self.bits, "fingerprint": self.fingerprint, "variant": self.variant}

    def parameters(self) -> dict[str, Any]:
        return {"bits": self.bits, "variant": self.variant, "insecure": self.bits < BITS[0]}

    @property
    def has_generator(self) -> bool:
        return self.variant != "classic"


@dataclass(frozen=True)
class PublicKeyHeader(KeyHeader):
    """A public key's message: tensors n and, but for classic keys, h, as limbs."""

    def specs(self) -> dict[str, Spec]:
        number = Spec("U32", (limb.width(self.bits),))
        return {"n": number, "h": number} if self.has_generator else {"n": number}

    def reveals(self) -> list[str]:
        return ["the public key: its modulus, length and variant"]


@dataclass(frozen=True)
class PrivateKeyHeader(KeyHeader):
    """A private key's message: tensors p < q, and h and the subgroup's primes where there are such."""

    def specs(self) -> dict[str, Spec]:
        prime = Spec("U32", (limb.width(self.bits // 2),))
        specs = {"p": prime, "q": prime}
        if self.has_generator:
            specs["h"] = Spec("U32", (limb.width(self.bits),))
        if self.variant == "subgroup":
            specs |= {"p_subgroup": prime, "q_subgroup": prime}
        return specs

    def reveals(self) -> list[str]:
        return ["everything: whoever has these bytes can decrypt"]


@dataclass(frozen=True)
class ProofHeader(KeyHeader):
    """A proof's message: one tensor, roots, uint32[rounds, words of n]."""

    def specs(self) -> dict[str, Spec]:
        return {"roots": Spec("U32", (proofs.ROUNDS, limb.width(self.bits)))}

    def reveals(self) -> list[str]:
        return ["that gcd(n, phi(n)) = 1 for the modulus of that key, and nothing of its factors"]


@dataclass(frozen=True)
class CiphertextHeader(KeyHeader):
    """A ciphertext array's message: one tensor, residues, uint32[size, words of n**2] in C order."""

    shape: tuple[int, ...]
    account: Account

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "shape": list(self.shape), "account": _account_fields(self.account)}

    def specs(self) -> dict[str, Spec]:
        return {"residues": Spec("U32", (math.prod(self.shape), limb.width(2 * self.bits)))}

    def parameters(self) -> dict[str, Any]:
        return {**super().parameters(), "shape": list(self.shape), **_account_parameters(self.account)}

    def reveals(self) -> list[str]:
        out, item = ["how many values there are, and in which shape"], self.account
        if isinstance(item, Squeezed):
            out, item = ["how many ciphertexts there are, in which shape, and how many values each may hold"], item.item
        declared = "the layout of the packed fields and how many terms they may hold"
        if isinstance(item, Numbers):
            declared = "the fraction bits and the declared bound of the values"
        return [*out, declared, "which key they belong to"]


def parse_key(fields: FieldReader) -> tuple[int, str, str]:
    """Length, variant and fingerprint of the key that a header names."""
    bits = fields.integer("bits", SMALLEST_BITS, BITS[-1])
    try:
        check_bits(bits, insecure=True)
    except ParameterError as error:
        raise fields.refuse("bits", f"is no length of a key: {error}") from None
    return bits, fields.text("variant", _VARIANTS), fields.digest("fingerprint")


def _account_fields(account: Account) -> dict[str, Any]:
    if isinstance(account, Numbers):
        return {"type": "numbers", "scale_bits": account.scale_bits, "bound": f"{account.bound:x}"}
    if isinstance(account, Squeezed):
        return {"type": "squeezed", "slots": account.slots, "item": _account_fields(account.item)}
    return {
        "type": "fields",
        "field_bits": list(account.field_bits),
        "scale_bits": list(account.scale_bits),
        "value_bits": list(account.value_bits),
        "count_bits": account.count_bits,
        "terms": f"{account.terms:x}",
        "count": f"{account.count:x}",
    }


def _account_parameters(account: Account) -> dict[str, Any]:
    if isinstance(account, Numbers):
        return {"scale_bits": account.scale_bits, "bound_bits": account.bound.bit_length()}
    if isinstance(account, Squeezed):
        return {"slots": account.slots, **_account_parameters(account.item)}
    return {
        "field_bits": list(account.field_bits),
        "scale_bits": list(account.scale_bits),
        "value_bits": list(account.value_bits),
        "count_bits": account.count_bits,
        "terms": account.terms,
        "count": account.count,
    }


def _parse_account(fields: FieldReader, bits: int) -> Account:
    kind = fields.text("type", ("numbers", "fields", "squeezed"))
    if kind != "squeezed":
        return _parse_item(kind, fields, bits)
    slots = fields.integer("slots", 1, bits)
    inner = FieldReader("account.item", fields.object("item"))
    account = Squeezed(_parse_item(inner.text("type", ("numbers", "fields")), inner, bits), slots)
    fields.end()
    if slots * account.stride > bits:
        raise fields.refuse("slots", "exceeds the key, with the bits of each place")
    return account


def _parse_item(kind: str, fields: FieldReader, bits: int) -> Numbers | Fields:
    account: Numbers | Fields
    if kind == "numbers":
        account = Numbers(fields.integer("scale_bits", 0, MAX_SCALE_BITS), fields.hexadecimal("bound", bits))
    else:
        account = Fields(
            fields.integers("field_bits", bits, 2, bits),
            fields.integers("scale_bits", bits, 0, MAX_SCALE_BITS),
            fields.integers("value_bits", bits, 1, bits),
            fields.integer("count_bits", 1, bits),
            fields.hexadecimal("terms", bits),
            fields.hexadecimal("count", bits),
        )
        widths, values = account.field_bits, account.value_bits
        if not widths or not len(widths) == len(values) == len(account.scale_bits):
            raise fields.refuse("field_bits", "has another length than scale_bits and value_bits, or none")
        if any(width <= value for width, value in zip(widths, values, strict=True)):
            raise fields.refuse("field_bits", "has a field without room for the sign of its values")
        if account.total_bits > bits:
            raise fields.refuse("field_bits", "exceeds the key in sum")
        if not account.terms or not account.count:
            raise fields.refuse("terms", "and 'count' are at least 1")
    fields.end()
    return account


class _PublicKeys:
    secret = False
    needs_key = False

    def prepare(self, obj: PublicKey, rerandomize: bool, seed: bytes | None) -> PublicKey:
        return obj

    def header(self, obj: PublicKey) -> PublicKeyHeader:
        return PublicKeyHeader(obj.bits, obj.variant, obj.fingerprint)

    def tensors(self, obj: PublicKey) -> Tensors:
        return _numbers({"n": (obj.n, obj.bits), "h": (obj.h, obj.bits)})

    def parse(self, fields: FieldReader) -> PublicKeyHeader:
        return PublicKeyHeader(*parse_key(fields))

    def read(self, header: PublicKeyHeader, container: Container, key: Any) -> PublicKey:
        n = _number(container, "n")
        return _public_key(header, n, _number(container, "h") if header.has_generator else None)


class _PrivateKeys:
    secret = True
    needs_key = False

    def prepare(self, obj: PrivateKey, rerandomize: bool, seed: bytes | None) -> PrivateKey:
        return obj

    def header(self, obj: PrivateKey) -> PrivateKeyHeader:
        return PrivateKeyHeader(obj.bits, obj.variant, obj.fingerprint)

    def tensors(self, obj: PrivateKey) -> Tensors:
        secret, half = obj._secret, obj.bits // 2
        pairs = sorted([(secret.p, secret.p_subgroup), (secret.q, secret.q_subgroup)])
        (p, p_subgroup), (q, q_subgroup) = pairs
        numbers = {"p": (p, half), "q": (q, half), "p_subgroup": (p_subgroup, half), "q_subgroup": (q_subgroup, half)}
        return _numbers({**numbers, "h": (obj.public_key.h, obj.bits)})

    def parse(self, fields: FieldReader) -> PrivateKeyHeader:
        return PrivateKeyHeader(*parse_key(fields))

    def read(self, header: PrivateKeyHeader, container: Container, key: Any) -> PrivateKey:
        subgroup = header.variant == "subgroup"
        secret = Secret(
            _number(container, "p"),
            _number(container, "q"),
            _number(container, "p_subgroup") if subgroup else None,
            _number(container, "q_subgroup") if subgroup else None,
        )
        h = _number(container, "h") if header.has_generator else None
        _check_secret(header, secret, h)
        return PrivateKey(_public_key(header, secret.p * secret.q, h), secret)


class _Proofs:
    secret = False
    needs_key = False

    def prepare(self, obj: Proof, rerandomize: bool, seed: bytes | None) -> Proof:
        return obj

    def header(self, obj: Proof) -> ProofHeader:
        return ProofHeader(obj.bits, obj.variant, obj.fingerprint)

    def tensors(self, obj: Proof) -> Tensors:
        rows = limb.from_ints(obj.roots, limb.width(obj.bits))
        return {"roots": lambda: [rows.astype("<u4", copy=False).tobytes()]}

    def parse(self, fields: FieldReader) -> ProofHeader:
        return ProofHeader(*parse_key(fields))

    def read(self, header: ProofHeader, container: Container, key: Any) -> Proof:
        roots = limb.to_ints(container.rows("roots", 0, proofs.ROUNDS))
        return Proof(header.bits, header.variant, header.fingerprint, tuple(roots))


class _Ciphertexts:
    secret = False
    needs_key = True

    def prepare(self, obj: CiphertextArray, rerandomize: bool, seed: bytes | None) -> CiphertextArray:
        return obj.rerandomize(seed=seed) if rerandomize and not obj.fresh else obj

    def header(self, obj: CiphertextArray) -> CiphertextHeader:
        key, account = obj.public_key, obj.account
        scale = account.scale_bits if isinstance(account.scale_bits, int) else max(account.scale_bits)
        if scale > MAX_SCALE_BITS:
            raise ParameterError(f"scale_bits={scale} exceeds the {MAX_SCALE_BITS} of the wire format")
        if obj.ndim > MAX_AXES:
            raise ParameterError(f"{obj.ndim} axes exceed the {MAX_AXES} of the wire format: reshape the array")
        return CiphertextHeader(key.bits, key.variant, key.fingerprint, obj.shape, account)

    def rows(self, obj: CiphertextArray) -> int | None:
        return obj.shape[0] if obj.ndim else None

    def tensors(self, obj: CiphertextArray) -> Tensors:
        return {"residues": lambda: stored_residues(obj.residues)}

    def parse(self, fields: FieldReader) -> CiphertextHeader:
        bits, variant, fingerprint = parse_key(fields)
        shape = fields.integers("shape", MAX_AXES, 0, _MAX_ELEMENTS)
        if math.prod(axis for axis in shape if axis) > _MAX_ELEMENTS:
            raise fields.refuse("shape", f"has more than {_MAX_ELEMENTS} elements")
        account = _parse_account(FieldReader("account", fields.object("account")), bits)
        return CiphertextHeader(bits, variant, fingerprint, shape, account)

    def read(self, header: CiphertextHeader, container: Container, key: Any) -> CiphertextArray:
        public = _public_half(key)
        if public.fingerprint != header.fingerprint:
            raise KeyMismatchError(
                f"the ciphertexts belong to key {header.fingerprint[:16]} and key {public.fingerprint[:16]} was given: "
                "load them with their own key"
            )
        if (header.bits, header.variant) != (public.bits, public.variant):
            raise WireFormatError(
                f"bits: the key with this fingerprint is a {public.variant} key of {public.bits} bits"
            )
        try:
            account = header.account.within(public.n, "the message")
        except EncodingOverflowError as error:
            raise WireFormatError(f"account: {error}") from None
        residues = read_residues(lambda start, stop: container.rows("residues", start, stop), header.shape, public)
        return CiphertextArray(public, residues, account)


_TOO_LARGE, _NO_UNIT = "is not below n**2", "shares a factor with n: no ciphertext does"


def read_residues(
    rows_of: Callable[[int, int], npt.NDArray[Any]], shape: tuple[int, ...], key: PublicKey
) -> ResidueArray:
    """Received ciphertexts, read piece by piece.

    Args:
        rows_of: rows_of(start, stop) gives elements [start, stop) in C order as canonical limbs, little-endian
            uint32[stop - start, words of n**2].
        shape: of the result.

    Raises:
        WireFormatError: a residue is not below n**2, or no unit; names the first such index.
    """
    if math.prod(shape) == 1:
        return read_residue(rows_of(0, 1).astype("<u4", copy=False).tobytes(), key, shape)
    modulus = key.modulus

    def part(start: int, stop: int) -> ResidueArray:
        rows = rows_of(start, stop)
        if not limb.all_below(rows, modulus.n):
            at = int(np.argmin(limb.below(rows, modulus.n)))
            raise _bad_residue(shape, start + at, _TOO_LARGE)
        residues = modulus.from_limbs(rows.astype(np.uint32, copy=False))
        if not residues.are_units():
            at = int(np.argmin(residues.is_unit()))
            raise _bad_residue(shape, start + at, _NO_UNIT)
        return residues

    return from_chunks(modulus, _devices.current(), shape, part)


def read_residue(number: bytes, key: PublicKey, shape: tuple[int, ...] = (1,)) -> ResidueArray:
    """The same of one element, by its number, little-endian: arrays would take thrice the time around it.

    Raises:
        WireFormatError: as read_residues.
    """
    singles, value = key.modulus.singles, gmpy2.mpz.from_bytes(number, "little")
    if value >= singles.n:
        raise _bad_residue(shape, 0, _TOO_LARGE)
    if not singles.is_unit(value):
        raise _bad_residue(shape, 0, _NO_UNIT)
    residues = key.modulus.from_bytes([number])
    return residues if shape == (1,) else residues.reshape(shape)


def _bad_residue(shape: tuple[int, ...], position: int, reason: str) -> WireFormatError:
    return WireFormatError(f"residues: the element at index {index_at(position, shape)} {reason}")


def stored_residues(residues: ResidueArray) -> Iterator[Buffer]:
    """Canonical limbs of ciphertexts, little-endian and in C order, piece by piece."""
    flat = residues.ravel()
    for start in range(0, flat.size, _ROWS):
        yield flat[start : start + _ROWS].to_limbs().astype("<u4", copy=False).tobytes()


def _public_half(key: Any) -> PublicKey:
    if isinstance(key, PrivateKey):
        return key.public_key
    if isinstance(key, PublicKey):
        return key
    raise ParameterError(f"the key of Paillier ciphertexts is a PublicKey or PrivateKey, not {type(key).__name__}")


def _public_key(header: KeyHeader, n: int, h: int | None) -> PublicKey:
    """The key of received numbers, checked as far as a public key can be."""
    if n.bit_length() != header.bits:
        raise WireFormatError(f"bits: {header.bits} are claimed and the modulus has {n.bit_length()}")
    try:
        key = PublicKey(n, header.variant, h, insecure=True)
        if key.fingerprint != header.fingerprint:
            raise WireFormatError(f"fingerprint: that of the modulus and generator is {key.fingerprint[:16]}...")
        key.validate()
    except ParameterError as error:
        raise WireFormatError(f"n, h: {error}") from None
    return key


def _check_secret(header: PrivateKeyHeader, secret: Secret, h: int | None) -> None:
    """That the primes are such as the variant asks for (hepy.paillier.generation makes them).

    Raised from here, where no variable is a prime: error reporters show those of every frame.
    """
    fault = _fault(header, secret, h)
    if fault is not None:
        raise WireFormatError(fault)


def _fault(header: PrivateKeyHeader, secret: Secret, h: int | None) -> str | None:
    p, q = secret.p, secret.q
    if not p < q:
        return "p, q: the smaller prime comes first"
    if p.bit_length() != header.bits // 2 or q.bit_length() != header.bits // 2:
        return f"p, q: each has half of the key's {header.bits} bits"
    if not _is_prime(p) or not _is_prime(q):
        return "p, q: they are not both prime"
    if math.gcd(p * q, (p - 1) * (q - 1)) != 1:
        return "p, q: one divides the other less one, so nothing decrypts"
    if header.variant != "classic" and not p % 4 == q % 4 == 3:
        return "p, q: the primes of this variant are 3 modulo 4"
    if header.variant == "djn" and math.gcd(p - 1, q - 1) != 2:
        return "p, q: in a djn key p - 1 and q - 1 share the factor 2 only"
    for prime, subgroup in ((p, secret.p_subgroup), (q, secret.q_subgroup)):
        if subgroup is None:
            continue
        if subgroup < 3 or (prime - 1) % (2 * subgroup) or not _is_prime(subgroup):
            return "p_subgroup, q_subgroup: each is an odd prime that divides its prime less one"
        if gmpy2.powmod(h, 2 * subgroup, prime) != 1:
            return "h: the generator is outside the subgroup"
    return None


def _is_prime(value: int) -> bool:
    return bool(gmpy2.is_prime(value, _ROUNDS))


def _numbers(numbers: Mapping[str, tuple[int | None, int]]) -> Tensors:
    """Tensors of integers: by name, the number and its bits."""

    def writer(value: int, bits: int) -> Callable[[], Iterable[Buffer]]:
        return lambda: [value.to_bytes(4 * limb.width(bits), "little")]

    return {name: writer(value, bits) for name, (value, bits) in numbers.items() if value is not None}


def _number(container: Container, name: str) -> int:
    return int.from_bytes(container.read(name), "little")


CODECS: dict[str, Any] = {
    "paillier.ciphertexts": _Ciphertexts(),
    "paillier.private_key": _PrivateKeys(),
    "paillier.proof": _Proofs(),
    "paillier.public_key": _PublicKeys(),
}


def wire_bytes(obj: CiphertextArray) -> tuple[bytes, bytes, bool]:
    """What pickling keeps of ciphertexts: their key, they themselves as they stand, and whether a seed made them."""
    from hepy import wire

    return wire.dumps(obj.public_key), wire.dumps(obj, rerandomize=False), obj._seeded


def restore(key: bytes, message: bytes, seeded: bool = False) -> CiphertextArray:
    """Ciphertexts from what wire_bytes returned, on the current device."""
    from hepy import wire

    loaded = wire.loads(message, restore_key(key))
    return CiphertextArray(loaded.public_key, loaded.residues, loaded.account, seeded=seeded)


@functools.lru_cache(maxsize=16)
def restore_key(key: bytes) -> PublicKey:
    """A public key from its wire form; few keys serve many arrays, so the last ones are kept."""
    from hepy import wire

    loaded: PublicKey = wire.loads(key)
    return loaded
