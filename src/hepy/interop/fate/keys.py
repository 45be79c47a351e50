"""SK, PK and keygen, by FATE's names, around hepy's keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy import _devices, paillier
from hepy._arguments import whole
from hepy._host.locks import new_lock
from hepy._limbs import object_array
from hepy.bigint import ResidueArray
from hepy.errors import KeyMismatchError, ParameterError
from hepy.interop.fate import worker_keys
from hepy.interop.fate.coder import Coder
from hepy.interop.fate.errors import ArgumentTypeError
from hepy.interop.fate.placement import placed
from hepy.interop.fate.scaling import known
from hepy.interop.fate.vectors import CiphertextVector, PlaintextVector, expected
from hepy.interop.insecure_keys import warn_once
from hepy.paillier import Pool, PrivateKey, PublicKey
from hepy.paillier.variants import BITS

# FATE's tables encrypt row by row, so obfuscators for few numbers are made ahead: 1, 2, 4 .. _MOST_AHEAD at a time.
_FEW, _MOST_AHEAD = 8, 64


class PK:
    """What encrypts.

    Args:
        public_key: hepy's key; it stays at `.public_key`.
        owner: its private half, where that is here: encryption is faster then. It does not travel with the object.
    """

    def __init__(self, public_key: PublicKey, owner: PrivateKey | None = None) -> None:
        _refuse_subgroup(public_key)
        self.public_key = public_key
        self._owner = owner
        self._ahead: Pool | None = None
        self._next = 1
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"PK({self.public_key!r})"

    def __reduce__(self) -> Any:
        from hepy.interop.fate.serialization import pickled_public

        return pickled_public(self)

    def encrypt_encoded(self, vec: PlaintextVector, obfuscate: bool) -> CiphertextVector:
        """Encrypt encoded numbers.

        Args:
            vec: what Coder made.
            obfuscate: False makes ciphertexts that ANYONE CAN READ, for operands of a computation. FATE's own
                encrypt_tensor says False unless it is told otherwise.
        """
        expected(PlaintextVector, vec)
        if not isinstance(obfuscate, bool | np.bool_):
            raise ArgumentTypeError(f"obfuscate is True or False, not {type(obfuscate).__name__}")
        exponents = vec.exponents
        with placed():
            if not obfuscate:
                residues, exponents = self.public_key.embed(vec.significands), known(vec.significands, exponents)
            elif 0 < len(vec) <= _FEW:
                residues = self._obfuscators(len(vec)).multiply_principal(vec.significands)
            else:
                residues = (self._owner or self.public_key).encrypt_encodings(vec.significands)
        return CiphertextVector(self.public_key, residues, exponents)

    def _obfuscators(self, count: int) -> ResidueArray:
        """Some obfuscators that were made ahead: a batch of them costs each one a fraction."""
        with self._lock:
            if self._ahead is None or self._ahead.left < count:  # as a forked child finds it, too
                self._ahead = (self._owner or self.public_key).pool(max(self._next, count))
                self._next = min(2 * self._next, _MOST_AHEAD)
            return self._ahead.take(count, self.public_key)

    def encrypt_encoded_scalar(self, val: PlaintextVector, obfuscate: bool) -> CiphertextVector:
        """As encrypt_encoded, for a vector of one."""
        return self.encrypt_encoded(val, obfuscate)


class SK:
    """What decrypts. It refuses to be pickled, but for workers of its own party: see register.

    Args:
        private_key: hepy's key.
    """

    def __init__(self, private_key: PrivateKey) -> None:
        _refuse_subgroup(private_key.public_key)
        self._private_key = private_key
        self._sealed: tuple[str, bytes] | None = None

    def __repr__(self) -> str:
        return f"SK({self._private_key!r})"

    def __reduce__(self) -> Any:
        from hepy.interop.fate.serialization import pickled_secret

        return pickled_secret(self)

    @property
    def private_key(self) -> PrivateKey:
        """hepy's key."""
        return self._private_key

    def sealed(self, password: str) -> bytes:
        """The key under a password, made once: stretching one takes some 0.4 s."""
        if self._sealed is None or self._sealed[0] != password:
            self._sealed = password, worker_keys.seal(self._private_key, password)
        return self._sealed[1]

    def decrypt_to_encoded(self, vec: CiphertextVector) -> PlaintextVector:
        """Decrypt what you asked for, from a sender you know: see hepy.paillier.PrivateKey.decrypt.

        Returns: significands in [0, n), as FATE's coder takes them.
        Raises:
            KeyMismatchError: it was encrypted under another key.
        """
        residues, _ = expected(CiphertextVector, vec).parts(self._private_key.public_key, _devices.current())
        plain = self._private_key.decrypt_encodings(residues)
        return PlaintextVector(object_array(plain, (len(plain),)), vec.exponents)


def keygen(key_size: int, variant: str = "djn", *, seed: bytes | None = None) -> tuple[SK, PK, Coder]:
    """A new key pair with its coder, as FATE's PHECipherBuilder asks for it.

    Args:
        key_size: bits of the modulus: 2048, 3072 or 4096. Less (a multiple of 16 from 256 up) gives a warning, once in
            a process; FATE's default of 1024 is such a key.
        variant: "djn" or "classic", see hepy.paillier.
        seed: 32 bytes, for reproducible tests only.

    Raises:
        ParameterError: hepy makes no such keys.
    """
    if variant == "subgroup":
        _refuse_variant()
    key_size = whole("key_size", key_size, of="bits")
    small = key_size < BITS[0]
    key = paillier.generate_key(key_size, variant, seed=seed, insecure=small)
    if small:
        warn_once(key_size)
    return of_key(key)


def of_key(key: PrivateKey) -> tuple[SK, PK, Coder]:
    """The same of a key that is here already.

    Raises:
        ArgumentTypeError: it is none of hepy.paillier's private keys (a TypeError).
        ParameterError: it is a subgroup key.
    """
    if not isinstance(key, PrivateKey):
        raise ArgumentTypeError(f"a hepy.paillier.PrivateKey was expected, not {type(key).__name__}")
    return SK(key), PK(key.public_key, owner=key), Coder(key.public_key)


def check_public(pk: PK) -> PublicKey:
    """hepy's key of an argument `pk`."""
    if not isinstance(pk, PK):
        raise ArgumentTypeError(f"hepy.interop.fate.PK was expected, not {type(pk).__name__}")
    return pk.public_key


def check_coder(coder: Any, key: PublicKey) -> Coder:
    """An argument `coder`, which may come inside FATE's PHETensorCoder.

    Raises:
        KeyMismatchError: it encodes for another key.
    """
    inner = getattr(coder, "_coder", coder)
    if not isinstance(inner, Coder):
        raise ArgumentTypeError(f"hepy.interop.fate.Coder was expected, not {type(coder).__name__}")
    if inner.public_key != key:
        raise KeyMismatchError("the coder and the public key do not belong together")
    return inner


def _refuse_subgroup(public_key: PublicKey) -> None:
    if public_key.variant == "subgroup":
        _refuse_variant()


def _refuse_variant() -> None:
    raise ParameterError(
        "subgroup keys have no place in FATE's contract: its parties add plaintexts and zeros of their own, and results "
        'would lie outside the subgroup. Use "djn" or "classic"'
    )
