"""CKKS contexts and ciphertexts on the wire: what their messages hold, and what is checked of a received one.

docs/wire.md has the fields. Uniform halves travel as the seeds that they expand from: of keys always, of ciphertexts
that were encrypted under the secret and not computed with since. The primes of the parameters are written out, so that
old messages stay readable when the search for them learns.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._devices import HOST
from hepy.ckks.ciphertexts import CiphertextArray
from hepy.ckks.context import Context, PublicContext, fingerprint, refuse_transparent
from hepy.ckks.keys import EncryptionKey, KeyStore, SecretKey, SwitchingKey, expand, steps
from hepy.ckks.level_sets import LevelSets
from hepy.ckks.noise import Account, likely
from hepy.ckks.parameters import LOG_N, SECRETS, Parameters
from hepy.ckks.rings import rings
from hepy.ckks.security import LEVELS
from hepy.ckks.sharing import MAX_BUDGET, Sharing
from hepy.ckks.states import State
from hepy.errors import KeyMismatchError, ParameterError, WireFormatError
from hepy.random import KEY_BYTES
from hepy.ring import Coefficients, Polynomial, RingBasis, concatenate, stack
from hepy.ring.packing import packed_bytes
from hepy.wire.container import Buffer, Container, Spec
from hepy.wire.fields import FieldReader

MAX_AXES = 30  # numpy 1.26 has 32, and residues have components, limbs and N where an array has values
_MAX_ELEMENTS = 1 << 40
_MAX_LEVELS, _MAX_PRIMES = 128, 256
_ROWS = 16  # ciphertexts that are checked at once
_FILLED = "filled slots"
_MAX_WIDTH = 31
_LARGEST_ERROR = 29  # of the ring's Gaussian

Tensors = Mapping[str, Callable[[], Iterable[Buffer]]]


# Parameters, which every context carries.


def _parse_parameters(fields: FieldReader) -> Parameters:
    pool = fields.integers("pool", _MAX_PRIMES, 3, 1 << 30)
    sizes = fields.integers("set_sizes", _MAX_LEVELS, 1, _MAX_PRIMES)
    places = fields.integers("set_places", _MAX_LEVELS * _MAX_PRIMES, 0, max(len(pool) - 1, 0))
    if sum(sizes) != len(places) or not sizes:
        raise fields.refuse("set_sizes", "does not divide 'set_places'")
    ends = np.cumsum(sizes).tolist()
    sets = tuple(
        tuple(pool[place] for place in places[end - size : end]) for size, end in zip(sizes, ends, strict=True)
    )
    special = fields.integers("special", _MAX_PRIMES, 3, 1 << 31)
    digits = fields.integers("digits", _MAX_PRIMES, 1, _MAX_PRIMES)
    security = fields.integer("security", 0, LEVELS[-1])
    arguments = (fields.integer("log_n", *LOG_N), fields.integer("scale_bits", 1, 64), security or None)
    secret, value_bits = fields.text("secret", SECRETS), fields.integer("value_bits", 1, 64)
    fields.end()
    try:
        return Parameters.from_level_sets(
            *arguments, secret, value_bits, LevelSets(sets, pool, special, digits, "as received")
        )
    except ParameterError as error:
        raise WireFormatError(f"parameters: {error}") from None


def _shown(parameters: Parameters) -> dict[str, Any]:
    return {
        "log_n": parameters.log_n,
        "depth": parameters.depth,
        "scale_bits": parameters.scale_bits,
        "security": parameters.security,
        "log_qp": math.ceil(parameters.log_qp),
        "insecure": parameters.security is None,
    }


@dataclass(frozen=True)
class ContextHeader:
    """What a message of a context with its secret says in clear; tensors: the secret, 4 coefficients a byte, the error of
    the encryption key, a byte a coefficient, the seed of its uniform half, the budget of results to share and what is
    spent of it, and the secret that their noise comes from."""

    parameters_: Parameters
    fingerprint: str

    def fields(self) -> dict[str, Any]:
        return {"fingerprint": self.fingerprint, "parameters": self.parameters_.fields()}

    def specs(self) -> dict[str, Spec]:
        degree = self.parameters_.degree
        return {
            "error": Spec("U8", (degree,)),
            "secret": Spec("U8", (degree // 4,)),
            "seed": Spec("U8", (KEY_BYTES,)),
            "sharing": Spec("U64", (2,)),
            "sharing_secret": Spec("U8", (KEY_BYTES,)),
        }

    def parameters(self) -> dict[str, Any]:
        return _shown(self.parameters_)

    def reveals(self) -> list[str]:
        return ["everything: whoever has these bytes can decrypt"]


@dataclass(frozen=True)
class PublicContextHeader:
    """A public context's message.

    Attributes:
        parameters_, fingerprint: of the context.
        encryption: whether its encryption key is there: tensors encryption_b and encryption_seed.
        elements: automorphisms that there are keys for, 0 for relinearization: tensors keys_b and keys_seed.
    """

    parameters_: Parameters
    fingerprint: str
    encryption: bool
    elements: tuple[int, ...]

    def fields(self) -> dict[str, Any]:
        return {
            "elements": list(self.elements),
            "encryption": int(self.encryption),
            "fingerprint": self.fingerprint,
            "parameters": self.parameters_.fields(),
        }

    def specs(self) -> dict[str, Spec]:
        made = rings(self.parameters_)
        specs: dict[str, Spec] = {}
        if self.encryption:
            specs["encryption_b"] = Spec("U8", (made.encryption.packed_bytes,))
            specs["encryption_seed"] = Spec("U8", (KEY_BYTES,))
        if self.elements:
            count = len(self.elements)
            specs["keys_b"] = Spec("U8", (count, len(made.gadget), made.keys.packed_bytes))
            specs["keys_seed"] = Spec("U8", (count, KEY_BYTES))
        return specs

    def parameters(self) -> dict[str, Any]:
        table = steps(self.parameters_.degree)
        return {
            **_shown(self.parameters_),
            "encryption_key": self.encryption,
            "relinearization_key": 0 in self.elements,
            "conjugation_key": 2 * self.parameters_.degree - 1 in self.elements,
            "rotations": sorted(table[element] for element in self.elements if element in table),
        }

    def reveals(self) -> list[str]:
        return ["the parameters", "which rotations the owner expects of others"]


@dataclass(frozen=True)
class CiphertextHeader:
    """A ciphertext array's message: a tensor `parts`, [size, components, bytes of a polynomial], or for seeded ones `body`
    and `seed`.

    Attributes:
        fingerprint: of the context.
        log_n, widths: of the residues; bits of each prime of the level.
        level, scale: of the ciphertexts.
        shape: batch axes, then the values of a ciphertext.
        slots: their period.
        components: 2 or 3.
        values: "real" or "complex".
        encoding: "slots", where those beyond the values are zero, "filled slots", where they need not be, or
            "coefficients".
        seeded: whether the uniform half travels as its seed.
        account: bound and error of the likely noise, if they follow from declarations only.
    """

    fingerprint: str
    log_n: int
    widths: tuple[int, ...]
    level: int
    scale: float
    shape: tuple[int, ...]
    slots: int
    components: int
    values: str
    encoding: str
    seeded: bool
    account: tuple[float, float] | None

    def fields(self) -> dict[str, Any]:
        account = self.account
        return {
            "account": {} if account is None else {"bound": _hex(account[0]), "error": _hex(account[1])},
            "components": self.components,
            "encoding": self.encoding,
            "fingerprint": self.fingerprint,
            "level": self.level,
            "log_n": self.log_n,
            "scale": _hex(self.scale),
            "seeded": int(self.seeded),
            "shape": list(self.shape),
            "slots": self.slots,
            "values": self.values,
            "widths": list(self.widths),
        }

    def specs(self) -> dict[str, Spec]:
        size, row = math.prod(self.shape[:-1]), packed_bytes(self.widths, 1 << self.log_n)
        if self.seeded:
            return {"body": Spec("U8", (size, row)), "seed": Spec("U8", (KEY_BYTES,))}
        return {"parts": Spec("U8", (size, self.components, row))}

    def parameters(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "log_n": self.log_n,
            "level": self.level,
            "scale_bits": round(math.log2(self.scale), 3),
            "values": self.values,
            "encoding": self.encoding,
        }

    def reveals(self) -> list[str]:
        shown = ["how many values there are, and in which shape", "how many multiplications are left"]
        if self.account is not None:
            shown.append("the declared bound, and the noise that the circuit is likely to have made")
        return [*shown, "which key they belong to"]


class _Contexts:
    secret = True
    needs_key = False

    def prepare(self, obj: Context, rerandomize: bool, seed: bytes | None) -> Context:
        return obj

    def header(self, obj: Context) -> ContextHeader:
        return ContextHeader(obj.parameters, obj.fingerprint)

    def tensors(self, obj: Context) -> Tensors:
        secret, key, sharing = obj._secret, obj._encryption_key, obj._sharing
        assert key is not None  # a context with its secret always has it
        seed = key.seed
        return {
            "error": lambda: [(_small(secret.error) + _LARGEST_ERROR).astype(np.uint8).tobytes()],
            "secret": lambda: [_packed(_small(secret.secret))],
            "seed": lambda: [seed],
            "sharing": lambda: [np.array([sharing.budget, sharing.spent], "<u8").tobytes()],
            "sharing_secret": lambda: [sharing.secret],
        }

    def parse(self, fields: FieldReader) -> ContextHeader:
        parameters = _parse_parameters(FieldReader("parameters", fields.object("parameters")))
        return ContextHeader(parameters, fields.digest("fingerprint"))

    def read(self, header: ContextHeader, container: Container, key: Any) -> Context:
        made = rings(header.parameters_)
        secret, error = _unpacked(container.read("secret")), np.frombuffer(container.read("error"), np.uint8)
        if error.max() > 2 * _LARGEST_ERROR:
            raise WireFormatError(f"error: a coefficient exceeds {_LARGEST_ERROR}")
        own = SecretKey(
            made.keys.coefficients(secret), made.encryption.coefficients(error.astype(np.int64) - _LARGEST_ERROR)
        )
        budget, spent = (int(count) for count in np.frombuffer(container.read("sharing"), "<u8"))
        if not spent <= budget <= MAX_BUDGET:
            raise WireFormatError(f"sharing: {spent} results of {budget}")
        sharing = Sharing(bytes(container.read("sharing_secret")), budget, spent)
        context = Context._restore(header.parameters_, own, sharing, bytes(container.read("seed")))
        if context.fingerprint != header.fingerprint:
            raise WireFormatError(f"fingerprint: that of the secret is {context.fingerprint[:16]}...")
        return context


class _PublicContexts:
    secret = False
    needs_key = False

    def prepare(self, obj: PublicContext, rerandomize: bool, seed: bytes | None) -> PublicContext:
        return obj

    def header(self, obj: PublicContext) -> PublicContextHeader:
        return PublicContextHeader(obj.parameters, obj.fingerprint, obj.can_encrypt, tuple(obj.keys.items()))

    def tensors(self, obj: PublicContext) -> Tensors:
        tensors: dict[str, Callable[[], Iterable[Buffer]]] = {}
        own, keys = obj._encryption_key, list(obj.keys.items().values())
        if own is not None:
            b, seed = own.b, own.seed
            tensors |= {"encryption_b": lambda: [_bytes(b)], "encryption_seed": lambda: [seed]}
        if keys:
            tensors |= {
                "keys_b": lambda: (_bytes(key.b) for key in keys),
                "keys_seed": lambda: [key.seed for key in keys],
            }
        return tensors

    def parse(self, fields: FieldReader) -> PublicContextHeader:
        parameters = _parse_parameters(FieldReader("parameters", fields.object("parameters")))
        degree = parameters.degree
        elements = fields.integers("elements", degree, 0, 2 * degree - 1)
        known = {0, 2 * degree - 1, *steps(degree)}
        if list(elements) != sorted(set(elements)) or not known.issuperset(elements):
            raise fields.refuse("elements", "is no ascending list of rotations, the conjugation and 0")
        encryption = bool(fields.integer("encryption", 0, 1))
        return PublicContextHeader(parameters, fields.digest("fingerprint"), encryption, elements)

    def read(self, header: PublicContextHeader, container: Container, key: Any) -> PublicContext:
        made = rings(header.parameters_)
        encryption = None
        if header.encryption:
            rows = np.frombuffer(container.read("encryption_b"), np.uint8)
            with _devices.device(HOST):
                b = _polynomial(made.encryption, rows, "encryption_b")
            encryption = EncryptionKey.restore(made, bytes(container.read("encryption_seed")), b)
            found = fingerprint(header.parameters_, encryption)
            if found != header.fingerprint:
                raise WireFormatError(f"fingerprint: that of the parameters and the encryption key is {found[:16]}...")
        store = KeyStore(made, None)
        for index, element in enumerate(header.elements):
            with _devices.device(HOST):  # devices get the keys that they use
                b = _polynomial(made.keys, container.rows("keys_b", index, index + 1)[0], "keys_b")
            seed = container.rows("keys_seed", index, index + 1).tobytes()
            store.put(element, SwitchingKey(made, element, seed, b))
        return PublicContext(header.parameters_, header.fingerprint, encryption, store)


class _Ciphertexts:
    secret = False
    needs_key = True

    def prepare(self, obj: CiphertextArray, rerandomize: bool, seed: bytes | None) -> CiphertextArray:
        if rerandomize and not obj.fresh:
            return obj.rerandomize(seed=seed)
        refuse_transparent(obj._parts)
        return obj

    def header(self, obj: CiphertextArray) -> CiphertextHeader:
        if obj.ndim > MAX_AXES:
            raise ParameterError(f"{obj.ndim} axes exceed the {MAX_AXES} of the wire format: reshape the array")
        account = next(iter(obj._state.accounts), None)
        if account is not None and not obj.in_coefficients:
            account = account.evenly(obj.slots, obj.is_complex)
        return CiphertextHeader(
            obj.context.fingerprint,
            obj.parameters.log_n,
            obj._parts.basis.widths,
            obj.level,
            obj.scale,
            obj.shape,
            obj.slots,
            obj.components,
            "complex" if obj.is_complex else "real",
            "coefficients" if obj.in_coefficients else _FILLED if obj._state.filled else "slots",
            obj._seed is not None,
            (account.bound, account.error) if account is not None and account.declared else None,
        )

    def rows(self, obj: CiphertextArray) -> int | None:
        return obj.shape[0] if obj.ndim > 1 else None

    def tensors(self, obj: CiphertextArray) -> Tensors:
        flat, seed = obj._parts.reshape(-1, obj.components), obj._seed
        if seed is not None:
            return {"body": lambda: _stored(flat[:, 0]), "seed": lambda: [seed]}
        return {"parts": lambda: _stored(flat)}

    def parse(self, fields: FieldReader) -> CiphertextHeader:
        log_n = fields.integer("log_n", *LOG_N)
        shape = fields.integers("shape", MAX_AXES, 0, _MAX_ELEMENTS)
        if not shape or math.prod(axis for axis in shape if axis) > _MAX_ELEMENTS:
            raise fields.refuse("shape", f"has no axis, or more than {_MAX_ELEMENTS} elements")
        encoding = fields.text("encoding", ("slots", _FILLED, "coefficients"))
        most = 1 << log_n if encoding == "coefficients" else 1 << log_n - 1
        slots = fields.integer("slots", 1, most)
        if slots & (slots - 1) or not 1 <= shape[-1] <= slots:
            raise fields.refuse("slots", "is no power of two that holds the last axis")
        if encoding == _FILLED and not 1 < shape[-1] < slots:
            raise fields.refuse("encoding", "has filled slots, and there are none beyond the values")
        if encoding == "coefficients" and slots != most:
            raise fields.refuse("slots", "is not N, though the values are coefficients")
        widths = fields.integers("widths", _MAX_PRIMES, 2, _MAX_WIDTH)
        if not widths:
            raise fields.refuse("widths", "is empty, and a level has at least one prime")
        components, seeded = fields.integer("components", 2, 3), bool(fields.integer("seeded", 0, 1))
        if seeded and components != 2:
            raise fields.refuse("seeded", "though there are three components")
        return CiphertextHeader(
            fields.digest("fingerprint"),
            log_n,
            widths,
            fields.integer("level", 0, _MAX_LEVELS),
            _float(fields, "scale"),
            shape,
            slots,
            components,
            fields.text("values", ("real", "complex")),
            encoding,
            seeded,
            _parse_account(FieldReader("account", fields.object("account"))),
        )

    def read(self, header: CiphertextHeader, container: Container, key: Any) -> CiphertextArray:
        if not isinstance(key, PublicContext):
            raise ParameterError(f"the key of CKKS ciphertexts is a Context or PublicContext, not {type(key).__name__}")
        if key.fingerprint != header.fingerprint:
            raise KeyMismatchError(
                f"the ciphertexts belong to context {header.fingerprint[:16]} and context {key.fingerprint[:16]} was given: "
                "load them with their own"
            )
        parameters = key.parameters
        if header.log_n != parameters.log_n or header.level > parameters.depth:
            raise WireFormatError(f"log_n, level: the context with this fingerprint is {parameters!r}")
        basis = rings(parameters).levels[header.level]
        if header.widths != basis.widths:
            raise WireFormatError(
                f"widths: primes of level {header.level} of this context have {list(basis.widths)} bits"
            )
        if not 1 <= header.scale < basis.modulus:
            raise WireFormatError("scale: it is below 1, or exceeds the modulus of its level")
        parts, seed = _read_parts(header, container, basis)
        try:
            refuse_transparent(parts)
        except ParameterError as error:
            raise WireFormatError(f"parts: {error}") from None
        accounts = () if header.account is None else (Account(likely(parameters), *header.account),)
        state = State(
            header.level,
            header.scale,
            header.slots,
            header.shape[-1],
            header.values == "complex",
            header.encoding == "coefficients",
            accounts,
            header.encoding == _FILLED,
        )
        return CiphertextArray(key, parts.reshape(*header.shape[:-1], header.components), state, seed=seed)


def _read_parts(header: CiphertextHeader, container: Container, basis: RingBasis) -> tuple[Polynomial, bytes | None]:
    """[size, components], and the seed of the second component where it has one."""
    name, size = "body" if header.seeded else "parts", math.prod(header.shape[:-1])
    chunks = [
        _polynomial(basis, container.rows(name, start, min(start + _ROWS, size)), name)
        for start in range(0, size, _ROWS)
    ]
    if not header.seeded:
        return concatenate(chunks) if chunks else Polynomial.zeros(basis, (0, header.components)), None
    parts = concatenate(chunks) if chunks else Polynomial.zeros(basis, 0)
    seed = bytes(container.read("seed"))
    mask = expand(seed, basis, header.shape[:-1]).reshape(size)
    return stack([parts, mask], axis=1), seed


def _parse_account(fields: FieldReader) -> tuple[float, float] | None:
    if fields.empty:
        return None
    account = _float(fields, "bound"), _float(fields, "error")
    fields.end()
    return account


def _float(fields: FieldReader, name: str) -> float:
    """A finite float64 from 0 up, from the bits of its big-endian form."""
    bits = fields.hexadecimal(name, 64)
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    if bits >> 63 or not math.isfinite(value):
        raise fields.refuse(name, "is no finite number from 0 up")
    return float(value)


def _hex(value: float) -> str:
    return f"{int.from_bytes(struct.pack('>d', value), 'big'):x}"


def _polynomial(basis: RingBasis, rows: npt.NDArray[Any], name: str) -> Polynomial:
    try:
        return Polynomial.from_bytes(basis, rows)
    except ParameterError as error:
        raise WireFormatError(f"{name}: {error}") from None


def _bytes(x: Polynomial) -> bytes:
    return x.to_bytes().tobytes()


def _stored(parts: Polynomial) -> Iterator[Buffer]:
    for start in range(0, len(parts), _ROWS):
        yield _bytes(parts[start : start + _ROWS])


def _small(x: Coefficients) -> npt.NDArray[np.int64]:
    return x.restrict(x.basis[:1]).to_floats().astype(np.int64)


def _packed(secret: npt.NDArray[np.int64]) -> bytes:
    """Coefficients -1, 0, 1 as 0, 1, 2 in two bits each, the first in the lowest."""
    codes = (secret + 1).astype(np.uint8).reshape(-1, 4)
    return bytes((codes << np.array([0, 2, 4, 6], np.uint8)).sum(axis=1, dtype=np.uint8).tobytes())


def _unpacked(data: Buffer) -> npt.NDArray[np.int64]:
    codes = np.frombuffer(data, np.uint8)[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    if codes.max() > 2:
        raise WireFormatError("secret: a coefficient is none of -1, 0 and 1")
    return codes.reshape(-1).astype(np.int64) - 1


CODECS: dict[str, Any] = {
    "ckks.ciphertexts": _Ciphertexts(),
    "ckks.context": _Contexts(),
    "ckks.public_context": _PublicContexts(),
}


def pickled(obj: CiphertextArray) -> tuple[PublicContext, bytes, bool]:
    """What pickling keeps of ciphertexts: the public half of their context, their message, whether a seed made them.

    The context is the same object for all arrays of it, so that a pickle of many has it, and its keys, once.
    """
    from hepy import wire

    return obj.context._public_half(), wire.dumps(obj, rerandomize=False), obj._seeded


def restore(context: PublicContext, message: bytes, seeded: bool = False) -> CiphertextArray:
    """Ciphertexts from what pickled returned, on the current device."""
    from hepy import wire

    loaded: CiphertextArray = wire.loads(message, context)
    loaded._seeded = seeded
    return loaded


@functools.lru_cache(maxsize=4)
def restore_context(message: bytes) -> PublicContext:
    """A public context from its wire form; few contexts serve many arrays, so the last ones are kept."""
    from hepy import wire

    loaded: PublicContext = wire.loads(message)
    return loaded
