"""Contexts: what encrypts and computes (PublicContext), and with the secret what also decrypts (Context)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices, random
from hepy._arguments import whole
from hepy._devices import HOST, Device
from hepy._devices.zeroing import secret_memory
from hepy._immutable import Immutable, ReadOnly
from hepy._shapes import first_index
from hepy.ckks import encoding
from hepy.ckks.ciphertexts import CiphertextArray, encode_plaintext
from hepy.ckks.evaluator import Evaluator
from hepy.ckks.keys import EncryptionKey, KeyStore, SecretKey, SwitchingKey, expand, public_seed
from hepy.ckks.noise import encoded, largest_of, likely
from hepy.ckks.parameters import SCALE_BITS, Parameters
from hepy.ckks.plaintexts import Plaintext
from hepy.ckks.planning import Output, Plan
from hepy.ckks.rings import Rings, rings
from hepy.ckks.sharing import STATISTICAL_BITS, Sharing, ciphertext_digest, deviation, multipliers, noise
from hepy.ckks.states import State
from hepy.errors import DeviceOutOfMemoryError, KeyMismatchError, MissingKeyError, ParameterError
from hepy.random import KEY_BYTES, Purpose, Stream
from hepy.ring import Coefficients, Polynomial, RingBasis, gaussian, mod_down, stack, ternary

_TAIL_OF_FLOODING = 16  # standard deviations that the flooding noise stays within, but for 2^-184


class PublicContext(Immutable, ReadOnly):
    """Encrypts and computes, and cannot decrypt. Made by Context.public(), or loaded from a message.

    Attributes:
        parameters: the Parameters.
        fingerprint: SHA-256 of the parameters and the encryption key, in hexadecimal: what ciphertexts carry.
        keys: the evaluation keys: `keys.names()`, `keys.rotations`, `keys.nbytes`, `keys.places()`, `keys.drop(...)`.
    """

    __slots__ = (
        "__weakref__",
        "_encryption_key",
        "_evaluator",
        "_rings",
        "_seeded",
        "fingerprint",
        "keys",
        "parameters",
    )

    def __init__(
        self, parameters: Parameters, fingerprint: str, encryption_key: EncryptionKey | None, keys: KeyStore
    ) -> None:
        self.parameters = parameters
        self.fingerprint = fingerprint
        self.keys = keys
        self._encryption_key = encryption_key
        self._rings: Rings = rings(parameters)
        self._evaluator: Any = Evaluator(self._rings, keys)
        self._seeded = False

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.parameters!r}, keys={list(self.keys.names())}, "
            f"fingerprint={self.fingerprint[:16]!r}{', seeded=True' if self._seeded else ''})"
        )

    def __reduce__(self) -> Any:
        from hepy.ckks.codec import restore_context
        from hepy.wire import dumps

        return restore_context, (dumps(self),)

    @property
    def can_encrypt(self) -> bool:
        """Whether the encryption key is here."""
        return self._encryption_key is not None

    def digest(self) -> str:
        """SHA-256 of the wire form, in hexadecimal."""
        from hepy import wire

        return wire.digest(self)

    def add_keys(self, other: PublicContext) -> None:
        """Take over evaluation keys that were sent later, or apart.

        Raises:
            KeyMismatchError: they belong to another context.
            ParameterError: it is no context.
        """
        if not isinstance(other, PublicContext):
            raise ParameterError(f"keys come with a context, of context.public(...), not with {type(other).__name__}")
        if other.fingerprint != self.fingerprint:
            raise KeyMismatchError(
                f"these keys belong to context {other.fingerprint[:16]}, and this is {self.fingerprint[:16]}: each "
                "context computes with its own"
            )
        self.keys.add(other.keys)
        if self._encryption_key is None:
            self._encryption_key = other._encryption_key

    # Encryption.

    @secret_memory()
    def encrypt(
        self,
        values: Any,
        *,
        bound: float | None = None,
        level: int | None = None,
        in_coefficients: bool = False,
        seed: bytes | None = None,
    ) -> CiphertextArray:
        """Encrypt vectors of real or complex numbers, each in one ciphertext.

        Args:
            values: [B..., n]: batch axes, then up to N / 2 values of a ciphertext (N in coefficients). A single number
                is a vector of one.
            bound: declared bound of |values|, by which the accounts of noise go. None declares nothing: values are
                then expected to be about 1, and have to fit the range of the parameters.
            level: a level below the top, for circuits that need fewer.
            in_coefficients: put values into the polynomial's coefficients: products are negacyclic convolutions.
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Returns: ciphertexts of shape [B..., n] on the current device.
        Raises:
            EncodingOverflowError: a value exceeds its bound or the parameters' range; names the first such index.
            LevelError: there is no such level.
            MissingKeyError: the context has no encryption key.
            ParameterError: a value is not finite, or complex in coefficients; too many values; `seed` is not 32 bytes.
        Hazards:
            `bound` may travel in clear: choose it from the declared range, never from the values.
            Ciphertexts made twice from one `seed` share their masks: their difference tells that of the values.
        Source: Cheon, Kim, Kim, Song, ASIACRYPT 2017 (eprint 2016/421), section 3.4, with the public key modulo one more
            prime, by which the encryption is divided: its noise is then that of rounding.
        """
        plaintext, state = self._encode(values, bound, level, in_coefficients, symmetric=False)
        zeros = self._zeros(plaintext.shape, state.level, seed, _devices.current())
        parts = self._evaluator.add_plaintext(zeros, plaintext.ntt())
        return CiphertextArray(self, parts, state, fresh=True, seeded=seed is not None)

    def encode(self, values: Any, *, bound: float | None = None, level: int | None = None) -> Plaintext:
        """Numbers to use many times beside ciphertexts, encoded now for products at a level (by default the top one).

        Encodings for other levels and scales are made when they are needed, and kept.

        Args:
            values: as for encrypt.
            bound: declared bound of |values|; None takes what they are, as products with arrays do.

        Raises:
            EncodingOverflowError: a value exceeds its bound or the parameters' range.
            LevelError: there is no such level.
            ParameterError: a value is not finite, or there are too many.
        """
        made = Plaintext(encoding.numbers(values), bound)
        encoding.check_range(made.values, made.largest, bound, self.parameters)
        level = self.parameters.checked_level(level)
        encode_plaintext(self, made, level, self.parameters.scale(level), False, _devices.current())
        return made

    def _encode(
        self, values: Any, bound: float | None, level: int | None, in_coefficients: bool, symmetric: bool
    ) -> tuple[Coefficients, State]:
        parameters = self.parameters
        array = encoding.numbers(values)
        level = parameters.checked_level(level)
        scale, basis, length = parameters.scale(level), self._rings.levels[level], array.shape[-1]
        encoding.check_range(array, encoding.largest(array), bound, parameters)
        if in_coefficients:
            slots = encoding.period(length, parameters.degree, "coefficients")
            plaintext, slots = encoding.encode_coefficients(array, scale, basis), max(slots, parameters.degree)
        else:
            slots = encoding.period(length, parameters.slots, "slots")
            plaintext = encoding.encode_slots(array, slots, scale, basis)
        model, declared = likely(parameters), 1.0 if bound is None else float(bound)
        if in_coefficients:
            declared = model.slot_bound(declared, length)
        account = encoded(model, declared, scale, True, min(slots, parameters.slots))
        account = account.with_error(model.encryption(symmetric) / scale)
        is_complex = array.dtype.kind == "c"
        return plaintext, State(level, scale, slots, length, is_complex, in_coefficients, (account,))

    @secret_memory()
    def _zeros(self, shape: tuple[int, ...], level: int, seed: bytes | None, device: Any) -> Polynomial:
        """Encryptions of zero by the encryption key, [shape..., 2]."""
        key = self._encryption_key
        if key is None:
            raise MissingKeyError(
                "this context was sent without its encryption key: the owner sends it by context.public(encryption=True), "
                "and add_keys takes it over. hepy.dumps(x, rerandomize=False) needs none"
            )
        stream = random.stream(seed)
        basis = self._rings.levels[level].union(self._rings.first_special)
        with _devices.device(device):
            mask = ternary(basis, shape, stream).ntt()[..., None]
            halves = key.halves.on(device).restrict(basis)
            errors = gaussian(basis, (*shape, 2), stream).ntt()
            return mod_down(mask * halves + errors, self._rings.first_special)

    def _public_half(self) -> PublicContext:
        """What pickles of ciphertexts hold."""
        return self

    def _note(self, name: str, result: CiphertextArray, operands: tuple[CiphertextArray, ...]) -> None:
        """Hears of each operation; a plan keeps them."""


class Context(PublicContext):
    """Owns a secret key: encrypts, computes, decrypts, and makes the keys that others need.

    Evaluation keys are made when they are first needed, or ahead by `rotations` and `keys.make(...)`.
    It refuses to be pickled: hepy.save(context, path, password=...) is the one way out of the process.

    Args:
        parameters: the Parameters.
        rotations: steps whose keys are made at once.
        shared_budget: how many ciphertexts will at most be decrypted for others; more make each of them noisier.
        seed: 32 bytes, for reproducible tests only. None draws from the operating system.

    >>> from hepy import ckks
    >>> context = ckks.Context(ckks.Parameters(log_n=5, depth=3, scale_bits=40, security=None))
    >>> x = context.encrypt([0.5, -1.0, 2.0])
    >>> context.decrypt(x * x + 1).round(4).tolist()
    [1.25, 2.0, 5.0]
    """

    __slots__ = ("_kept_half", "_secret", "_sharing")

    def __init__(
        self,
        parameters: Parameters,
        rotations: Iterable[int] = (),
        *,
        shared_budget: int = 0,
        seed: bytes | None = None,
    ) -> None:
        if not isinstance(parameters, Parameters):
            raise ParameterError(f"a context is made from Parameters, not from {type(parameters).__name__}")
        stream = random.stream(seed)
        secret = SecretKey.generate(rings(parameters), stream)
        with _devices.device(HOST):
            sharing = Sharing(stream.words(1, KEY_BYTES // 4, Purpose.FLOODING).tobytes(), shared_budget)
        self._own(parameters, secret, sharing, public_seed(stream), stream)
        self._seeded = seed is not None
        self.keys.make(rotations)

    def _own(self, parameters: Parameters, secret: SecretKey, sharing: Sharing, seed: bytes, stream: Stream) -> None:
        """Become the context of that secret; keys made later come from `stream`."""
        bases = rings(parameters)
        key = EncryptionKey.generate(bases, secret, seed)

        def make(element: int) -> SwitchingKey:
            return SwitchingKey.generate(bases, element, secret, stream)

        super().__init__(parameters, fingerprint(parameters, key), key, KeyStore(bases, make))
        self._secret = secret
        self._sharing = sharing
        # For pickles, and the names of its keys, by which it is known to be up to date.
        self._kept_half: tuple[PublicContext | None, tuple[str, ...]] = (None, ())

    @classmethod
    def _restore(cls, parameters: Parameters, secret: SecretKey, sharing: Sharing, seed: bytes) -> Context:
        """The context of a stored secret. Its stream starts anew: no draw that it made before can come again."""
        made = cls.__new__(cls)
        made._own(parameters, secret, sharing, seed, Stream())
        return made

    def __reduce__(self) -> Any:
        raise ParameterError(
            "contexts with their secret are not pickled: use hepy.save(context, path, password=...), or "
            "context.public() for others"
        )

    def public(
        self,
        rotations: Iterable[int] | None = None,
        *,
        relinearization: bool = True,
        conjugation: bool = False,
        encryption: bool = True,
    ) -> PublicContext:
        """What others need to encrypt and to compute, without the secret.

        Args:
            rotations: steps whose keys go along; None takes those that are here.
            relinearization, conjugation, encryption: whether these keys go along. public_bytes says what a selection
                weighs before any key is made.
        """
        steps = self.keys.rotations if rotations is None else rotations
        elements = self.keys.elements(steps, relinearization, conjugation)
        store = KeyStore(self._rings, None)
        for element in elements:
            store.put(element, self.keys.get(element, _devices.current()))
        made = PublicContext(self.parameters, self.fingerprint, self._encryption_key if encryption else None, store)
        made._seeded = self._seeded
        return made

    def _public_half(self) -> PublicContext:
        kept, names = self._kept_half
        if kept is None or names != self.keys.names():
            kept = self.public()
            self._kept_half = kept, self.keys.names()
        return kept

    def public_bytes(
        self,
        rotations: Iterable[int] = (),
        *,
        relinearization: bool = True,
        conjugation: bool = False,
        encryption: bool = True,
    ) -> int:
        """Bytes of the keys of public(...) with the same arguments, on the wire and without headers; makes no key."""
        count = len(self.keys.elements(rotations, relinearization, conjugation))
        key = self.parameters.encryption_key_bytes if encryption else 0
        return key + count * self.parameters.switching_key_bytes

    @secret_memory()
    def encrypt(
        self,
        values: Any,
        *,
        bound: float | None = None,
        level: int | None = None,
        in_coefficients: bool = False,
        seed: bytes | None = None,
    ) -> CiphertextArray:
        """As PublicContext.encrypt, under the secret: less noise, and half of what is sent is a seed of 32 bytes.

        The uniform half is expanded from a seed that is drawn for this array and published with it.
        """
        plaintext, state = self._encode(values, bound, level, in_coefficients, symmetric=True)
        stream = random.stream(seed)
        basis, shape = self._rings.levels[state.level], plaintext.shape
        mask_seed = public_seed(stream)
        mask = expand(mask_seed, basis, shape)
        body = (plaintext + gaussian(basis, shape, stream)).ntt() - mask * self._s(basis, mask.device)
        parts = stack([body, mask], axis=-1)
        return CiphertextArray(self, parts, state, seed=mask_seed, fresh=True, seeded=seed is not None)

    @property
    def shared_left(self) -> int:
        """How many ciphertexts may still be decrypted for others. Save the context after such decryptions."""
        return self._sharing.budget - self._sharing.spent

    @secret_memory()
    def decrypt(
        self,
        ciphertexts: CiphertextArray,
        *,
        shared: bool = False,
        plan: Plan | None = None,
        bits: int = 8,
        statistical_bits: int = 40,
    ) -> npt.NDArray[Any]:
        """Decrypt for your own eyes what you asked for, from a sender you know; `shared=True` before others see it.

        Whoever sees what your key makes of ciphertexts of his choosing holds a decryption oracle, flooded or not; and in
        CKKS the result itself tells about the key, because its error depends on the secret. So decrypt only results of a
        computation that you asked for, and do not report errors of this function to the party that supplied the
        ciphertexts.

        Args:
            ciphertexts: of any level, relinearized or not.
            shared: add noise that hides the error (see hepy.ckks.sharing), each ciphertext taking one from the
                context's budget.
            plan: of the agreed circuit, with the declared bounds of its inputs, computed here by ckks.plan.
            bits: with `shared`: the precision that has to remain.
            statistical_bits: with `shared`: s, the statistical security of the results of the whole budget.

        Returns: float64 or complex128, of the array's shape.
        Raises:
            KeyMismatchError: they were encrypted under another key.
            ParameterError: they are no ciphertexts, or one has c1 = 0: it is readable by anyone, and no encryption. With
                `shared`: the plan is missing or is not that of these ciphertexts, the budget is spent, or fewer bits would
                remain; says which scale would do.
        Hazards:
            Sharing promises nothing for other circuits than the plan's, nor for inputs beyond their declared bounds. No
            circuit privacy is promised. A context restored from an older copy has forgotten what was spent since.
        """
        if not shared:
            if plan is not None:
                raise ParameterError("a plan was given and shared is False: say decrypt(x, shared=True, plan=plan)")
            return self._decode(ciphertexts, self._phase(ciphertexts))
        return self._decrypt_shared(ciphertexts, plan, bits, statistical_bits)

    def _decrypt_shared(
        self, ciphertexts: CiphertextArray, plan: Plan | None, bits: int, statistical_bits: int
    ) -> npt.NDArray[Any]:
        output = self._planned(ciphertexts, plan)
        statistical_bits = whole("statistical_bits", statistical_bits, *STATISTICAL_BITS)
        bits = whole("bits", bits, 1, 64)
        budget, degree = self._sharing.budget, self.parameters.degree
        if budget == 0:
            raise ParameterError(
                "this context has no budget of shared decryptions: make it with Context(..., shared_budget=...)"
            )
        sigma = deviation(degree, budget, output.noise_bound * output.scale, statistical_bits)
        self._check_remaining(ciphertexts, output, sigma, bits)
        factors = multipliers(sigma)
        phase = self._phase(ciphertexts, noise=_TAIL_OF_FLOODING * sigma)
        residues = ciphertexts._parts.reshape(-1, ciphertexts.components)
        self._sharing.spend(len(residues))
        try:
            digests = [
                ciphertext_digest(self.fingerprint, ciphertexts.level, residues[i].to_limbs().astype("<u4").tobytes())
                for i in range(len(residues))
            ]
            with _devices.device(phase.device):
                floods = stack([noise(self._sharing.secret, digest, factors, phase.basis) for digest in digests])
            return self._decode(ciphertexts, phase + floods.reshape(phase.shape))
        except DeviceOutOfMemoryError:
            self._sharing.give_back(len(residues))  # nobody has seen anything
            raise

    def _planned(self, ciphertexts: CiphertextArray, plan: Plan | None) -> Output:
        """What the plan says of such a result."""
        if not isinstance(plan, Plan):
            raise ParameterError(
                "results to share need the plan of the agreed circuit: decrypt(x, shared=True, plan=ckks.plan(function, "
                "parameters, inputs))"
            )
        if plan.parameters != self.parameters:
            raise ParameterError(f"the plan is for {plan.parameters!r}, and the context has {self.parameters!r}")
        if plan.overflow is not None:
            raise ParameterError(f"values could leave their range, where no bound holds: {plan.overflow}")
        alike = [
            output
            for output in plan.outputs
            if (output.shape, output.level, output.scale, output.in_coefficients)
            == (ciphertexts.shape, ciphertexts.level, ciphertexts.scale, ciphertexts.in_coefficients)
        ]
        if not alike:
            raise ParameterError(
                f"the plan has no result of shape {ciphertexts.shape} at level {ciphertexts.level}: it is the plan of another "
                "circuit, or its inputs were declared with other shapes or levels"
            )
        return max(alike, key=lambda output: output.noise_bound)

    def _check_remaining(self, ciphertexts: CiphertextArray, output: Output, sigma: float, bits: int) -> None:
        """Raise unless that many bits remain."""
        count = self.parameters.degree if ciphertexts.in_coefficients else ciphertexts.slots
        spread = 1.0 if ciphertexts.in_coefficients else math.sqrt(ciphertexts.slots)
        error = output.noise_bound + largest_of(count) * spread * sigma / output.scale
        remaining = -math.log2(error)
        if remaining >= bits:
            return
        wanted = self.parameters.scale_bits + bits - remaining
        fitting = [scale for scale in SCALE_BITS if scale >= wanted]
        cure = (
            f"scale_bits={fitting[0]} would do"
            if fitting
            else f"a scale of 2**{math.ceil(wanted)} would, and is not offered"
        )
        raise ParameterError(
            f"only {remaining:.1f} bits remain of the {bits} asked for when the worst-case error of 2**"
            f"{math.log2(output.noise_bound):.1f} is hidden: {cure}; else a smaller budget, fewer operations, inputs encrypted "
            "by the owner (Input(symmetric=True)), results that nobody rerandomizes (ckks.plan(..., rerandomized=False)), or "
            "fewer statistical_bits"
        )

    def _phase(self, ciphertexts: Any, *, noise: float = 0.0) -> Coefficients:
        """Message and error, modulo as few primes as hold them and further noise of that size."""
        if not isinstance(ciphertexts, CiphertextArray):
            from hepy.wire.locked import LockedCiphertexts  # whoever has one has imported it

            if isinstance(ciphertexts, LockedCiphertexts):
                raise ciphertexts.missing_key("be decrypted")
            raise ParameterError(
                f"CKKS ciphertexts were expected, not {type(ciphertexts).__name__} "
                f"({type(ciphertexts).__module__}): encrypt(...) makes them"
            )
        if not isinstance(ciphertexts.context, PublicContext):
            raise ParameterError(
                "nothing is decrypted inside of a circuit that is planned or recorded: decrypt its results"
            )
        if ciphertexts.context.fingerprint != self.fingerprint:
            raise KeyMismatchError(
                f"ciphertexts of context {ciphertexts.context.fingerprint[:16]} were given to context "
                f"{self.fingerprint[:16]}: decrypt them with their own"
            )
        refuse_transparent(ciphertexts._parts)
        basis = self._rings.decryption(ciphertexts.level, max(ciphertexts.scale, noise))
        parts = ciphertexts._parts.restrict(basis)
        s = self._s(basis, parts.device)
        total = parts[..., ciphertexts.components - 1]
        for component in range(ciphertexts.components - 2, -1, -1):
            total = total * s + parts[..., component]
        return total.intt()  # type: ignore[no-any-return]

    def _decode(self, ciphertexts: CiphertextArray, coefficients: Coefficients) -> npt.NDArray[Any]:
        length = ciphertexts.shape[-1]
        if ciphertexts.in_coefficients:
            return encoding.decode_coefficients(coefficients, ciphertexts.scale)[..., :length]
        slots = encoding.decode_slots(coefficients, ciphertexts.slots, ciphertexts.scale)[..., :length]
        return slots if ciphertexts.is_complex else np.ascontiguousarray(slots.real)

    def _s(self, basis: RingBasis, device: Device) -> Polynomial:
        return self._secret.on(device).restrict(basis)


def fingerprint(parameters: Parameters, key: EncryptionKey) -> str:
    """SHA-256 of everything that defines a context for others, in hexadecimal."""
    hasher = hashlib.sha256(b"hepy.ckks.context\0")
    hasher.update(json.dumps(parameters.fields(), sort_keys=True, separators=(",", ":")).encode() + b"\0")
    hasher.update(key.seed)
    hasher.update(key.b.to_bytes().tobytes())
    return hasher.hexdigest()


def refuse_transparent(parts: Polynomial) -> None:
    """Raise for ciphertexts whose components but the first are all zero.

    Raises:
        ParameterError: there is one; names the first such index.
    """
    if not parts[..., 1:].restrict(parts.basis[:1]).is_zero().all(axis=-1).any():
        return
    zero = parts[..., 1:].is_zero().all(axis=-1)
    if zero.any():
        raise ParameterError(
            f"the ciphertext at index {first_index(np.asarray(zero))} has c1 = 0, so it hides nothing (x - x, or 0 * x): rerandomize() it"
        )
