"""Contexts: what encrypts and computes (PublicContext), and with the secret what also decrypts (Context)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices, random
from hepy.ckks import encoding
from hepy.ckks.ciphertexts import CiphertextArray, State
from hepy.ckks.evaluator import Evaluator
from hepy.ckks.keys import EncryptionKey, KeyStore, SecretKey, SwitchingKey, expand, public_seed, switching_source
from hepy.ckks.noise import Model, encoded
from hepy.ckks.parameters import Parameters
from hepy.ckks.rings import Rings, rings
from hepy.errors import KeyMismatchError, MissingKeyError, ParameterError
from hepy.random import Stream
from hepy.ring import Coefficients, Polynomial, gaussian, mod_down, stack, ternary


class PublicContext:
    """Encrypts and computes, and cannot decrypt. Made by Context.public(), or loaded from a message.

    Attributes:
        parameters: the Parameters.
        fingerprint: SHA-256 of the parameters and the encryption key, in hexadecimal: what ciphertexts carry.
        keys: the evaluation keys: `keys.names()`, `keys.rotations`, `keys.nbytes`, `keys.drop(...)`.
    """

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

    def __copy__(self) -> PublicContext:
        return self

    def __deepcopy__(self, memo: Any) -> PublicContext:
        return self

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
        """
        if other.fingerprint != self.fingerprint:
            raise KeyMismatchError(
                f"these keys belong to context {other.fingerprint[:16]}, and this is {self.fingerprint[:16]}: each "
                "context computes with its own"
            )
        self.keys.add(other.keys)
        if self._encryption_key is None:
            self._encryption_key = other._encryption_key

    # Encryption.

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
        parts = self._evaluator.add_plaintext(zeros, plaintext)
        return CiphertextArray(self, parts, state, fresh=True, seeded=seed is not None)

    def _encode(
        self, values: Any, bound: float | None, level: int | None, in_coefficients: bool, symmetric: bool
    ) -> tuple[Coefficients, State]:
        parameters = self.parameters
        array = encoding.numbers(values)
        level = parameters.depth if level is None else level
        scale, basis, length = parameters.scale(level), self._rings.levels[level], array.shape[-1]
        capacity = encoding.capacity(parameters)
        encoding.check_bound(
            array,
            capacity,
            f"the range of values, 2**{parameters.value_bits}: use Parameters(value_bits=...) with more",
        )
        if bound is not None:
            _check_bound(bound, capacity)
            encoding.check_bound(array, bound, f"its declared bound of {bound}: declare a larger one")
        if in_coefficients:
            slots = encoding.period(length, parameters.degree, "coefficients")
            plaintext, slots = encoding.encode_coefficients(array, scale, basis), max(slots, parameters.degree)
        else:
            slots = encoding.period(length, parameters.slots, "slots")
            plaintext = encoding.encode_slots(array, slots, scale, basis)
        declared = 1.0 if bound is None else float(bound)
        if in_coefficients:
            declared *= math.sqrt(parameters.degree)
        model = Model(parameters, worst=False)
        account = encoded(model, declared, scale, True).with_error(model.encryption(symmetric) / scale)
        is_complex = array.dtype.kind == "c"
        return plaintext, State(level, scale, slots, length, is_complex, in_coefficients, (account,))

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
            halves = stack([key.b.to(device), key.a.to(device)]).restrict(basis)
            errors = gaussian(basis, (*shape, 2), stream).ntt()
            return mod_down(mask * halves + errors, self._rings.first_special)

    def _note(self, name: str, result: CiphertextArray) -> None:
        """Hears of each operation; a plan keeps them."""


class Context(PublicContext):
    """Owns a secret key: encrypts, computes, decrypts, and makes the keys that others need.

    Evaluation keys are made when they are first needed, or ahead by `rotations` and `keys.make(...)`.
    It refuses to be pickled: hepy.save(context, path, password=...) is the one way out of the process.

    Args:
        parameters: the Parameters.
        rotations: steps whose keys are made at once.
        seed: 32 bytes, for reproducible tests only. None draws from the operating system.

    >>> from hepy import ckks
    >>> context = ckks.Context(ckks.Parameters(log_n=5, depth=3, scale_bits=40, security=None))
    >>> x = context.encrypt([0.5, -1.0, 2.0])
    >>> context.decrypt(x * x + 1).round(4).tolist()
    [1.25, 2.0, 5.0]
    """

    def __init__(self, parameters: Parameters, rotations: Iterable[int] = (), *, seed: bytes | None = None) -> None:
        if not isinstance(parameters, Parameters):
            raise ParameterError(f"a context is made from Parameters, not from {type(parameters).__name__}")
        stream = random.stream(seed)
        secret = SecretKey.generate(rings(parameters), stream)
        self._own(parameters, secret, public_seed(stream), stream)
        self._seeded = seed is not None
        self.keys.make(_steps(rotations))

    def _own(self, parameters: Parameters, secret: SecretKey, seed: bytes, stream: Stream) -> None:
        """Become the context of that secret; keys made later come from `stream`."""
        bases = rings(parameters)
        key = EncryptionKey.generate(bases, secret, seed)

        def make(element: int) -> SwitchingKey:
            return SwitchingKey.generate(bases, switching_source(secret, element), secret, stream)

        super().__init__(parameters, fingerprint(parameters, key), key, KeyStore(bases, make))
        self._secret = secret

    @classmethod
    def _restore(cls, parameters: Parameters, secret: SecretKey, seed: bytes) -> Context:
        """The context of a stored secret. Its stream starts anew: no draw that it made before can come again."""
        made = cls.__new__(cls)
        made._own(parameters, secret, seed, Stream())
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
        steps = self.keys.rotations if rotations is None else _steps(rotations)
        elements = self.keys.elements(steps, relinearization, conjugation)
        store = KeyStore(self._rings, None)
        for element in elements:
            store.put(element, self.keys.get(element))
        return PublicContext(self.parameters, self.fingerprint, self._encryption_key if encryption else None, store)

    def public_bytes(
        self,
        rotations: Iterable[int] = (),
        *,
        relinearization: bool = True,
        conjugation: bool = False,
        encryption: bool = True,
    ) -> int:
        """Bytes of the keys of public(...) with the same arguments, on the wire and without headers; makes no key."""
        count = len(self.keys.elements(_steps(rotations), relinearization, conjugation))
        key = self.parameters.encryption_key_bytes if encryption else 0
        return key + count * self.parameters.switching_key_bytes

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
        body = (plaintext + gaussian(basis, shape, stream)).ntt() - mask * self._s(basis)
        parts = stack([body, mask], axis=-1)
        return CiphertextArray(self, parts, state, seed=mask_seed, fresh=True, seeded=seed is not None)

    def decrypt(self, ciphertexts: CiphertextArray) -> npt.NDArray[Any]:
        """Decrypt for your own eyes what you asked for, from a sender you know.

        Whoever sees what your key makes of ciphertexts of his choosing holds a decryption oracle, and in CKKS the
        result itself tells about the key: its error depends on the secret. Do not share results, and do not report
        errors of this function to the party that supplied the ciphertexts.

        Args:
            ciphertexts: of any level, relinearized or not.

        Returns: float64 or complex128, of the array's shape.
        Raises:
            KeyMismatchError: they were encrypted under another key.
            ParameterError: they are no ciphertexts, or one has c1 = 0: it is readable by anyone, and no encryption.
        """
        coefficients = self._phase(ciphertexts)
        return self._decode(ciphertexts, coefficients.to_floats())

    def _phase(self, ciphertexts: CiphertextArray) -> Coefficients:
        """Message and error, modulo as few primes as hold them."""
        if not isinstance(ciphertexts, CiphertextArray):
            raise ParameterError(
                f"ciphertexts were expected, not {type(ciphertexts).__name__}: encrypt(...) makes them"
            )
        if ciphertexts.context.fingerprint != self.fingerprint:
            raise KeyMismatchError(
                f"ciphertexts of context {ciphertexts.context.fingerprint[:16]} were given to context "
                f"{self.fingerprint[:16]}: decrypt them with their own"
            )
        refuse_transparent(ciphertexts._parts)
        basis = self._rings.decryption(ciphertexts.level, ciphertexts.scale)
        parts = ciphertexts._parts.restrict(basis)
        s = self._s(basis).to(parts.device)
        total = parts[..., ciphertexts.components - 1]
        for component in range(ciphertexts.components - 2, -1, -1):
            total = total * s + parts[..., component]
        return total.intt()  # type: ignore[no-any-return]

    def _decode(self, ciphertexts: CiphertextArray, coefficients: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        length = ciphertexts.shape[-1]
        if ciphertexts.in_coefficients:
            return np.asarray(coefficients[..., :length] / ciphertexts.scale)
        slots = encoding.decode_slots(coefficients, ciphertexts.slots, ciphertexts.scale)[..., :length]
        return slots if ciphertexts.is_complex else np.ascontiguousarray(slots.real)

    def _s(self, basis: Any) -> Polynomial:
        return self._secret.s.restrict(basis)


def fingerprint(parameters: Parameters, key: EncryptionKey) -> str:
    """SHA-256 of everything that defines a context for others, in hexadecimal."""
    hasher = hashlib.sha256(b"hepy.ckks.context\0")
    hasher.update(repr(parameters._identity).encode())
    hasher.update(key.seed)
    hasher.update(key.b.to_limbs().astype("<u4", copy=False).tobytes())
    return hasher.hexdigest()


def refuse_transparent(parts: Polynomial) -> None:
    """Raise for ciphertexts whose components but the first are all zero.

    Raises:
        ParameterError: there is one; names the first such index.
    """
    first = parts[..., 1:].restrict(parts.basis[:1])
    if not _all_zero(first).any():
        return
    zero = _all_zero(parts[..., 1:])
    if zero.any():
        index = tuple(int(i) for i in np.argwhere(zero)[0])
        raise ParameterError(
            f"the ciphertext at index {index} has c1 = 0, so it hides nothing (x - x, or 0 * x): rerandomize() it"
        )


def _all_zero(components: Polynomial) -> npt.NDArray[np.bool_]:
    return np.asarray(components.equal(components * 0).all(axis=-1))


def _steps(rotations: Iterable[int]) -> tuple[int, ...]:
    steps = tuple(rotations)
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, int | np.integer):
            raise ParameterError(f"rotations are whole numbers of slots, not {step!r}")
    return tuple(int(step) for step in steps)


def _check_bound(bound: Any, capacity: float) -> None:
    if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or not 0 < bound <= capacity:
        raise ParameterError(f"bound is a number above 0 and up to the range of values, {capacity:g}, not {bound!r}")
