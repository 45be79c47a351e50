"""How keys, coders and vectors pass between processes and parties: as in hepy's wire form, never as pickled objects.

A pickle of one of them is a call of a restore_* function below with bytes, so a receiver's whitelist needs these names
and no others. Everything that they are given is checked as hepy.loads checks it: received bytes may be hostile.

Ciphertexts leave as they stand. FATE does not rerandomize what it sends, and neither does this.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import wire
from hepy._limbs import object_array
from hepy.errors import MissingKeyError, ParameterError, WireFormatError
from hepy.interop.fate.coder import Coder
from hepy.interop.fate.fixed_point import MAX_EXPONENT
from hepy.interop.fate.keys import PK, SK
from hepy.interop.fate.placement import placed
from hepy.interop.fate.scaling import NONE, Exponents, zero_exponents
from hepy.interop.fate.vectors import CiphertextVector, PlaintextVector
from hepy.interop.fate.worker_keys import WORKER_PASSWORD, unseal
from hepy.paillier import PublicKey
from hepy.paillier.codec import read_residue, read_residues, restore_key

_HERE = "hepy.interop.fate.serialization"

# What a receiver's whitelist has to let through, modules and names: of what other parties send, and of what the
# party's own tables hold beside that.
NAMES = {
    _HERE: {"restore_ciphertexts", "restore_coder", "restore_plaintexts", "restore_public", "restore_zeros"},
    "hepy.interop.fate.evaluation": {"evaluator"},
}
OWN_NAMES = {**NAMES, _HERE: NAMES[_HERE] | {"restore_secret"}}

_NO_EXPONENT = np.iinfo(np.int32).max
_MAX_ZEROS = 1 << 26  # half a gigabyte of exponents, which a sender need not have

Reduced = tuple[Any, tuple[Any, ...]]


@functools.lru_cache(maxsize=16)
def _key_bytes(key: PublicKey) -> bytes:
    return wire.dumps(key)


def pickled_public(pk: PK) -> Reduced:
    return restore_public, (_key_bytes(pk.public_key),)


def restore_public(key: bytes) -> PK:
    """A PK from the wire form of its key.

    Raises:
        WireFormatError: the bytes are no public key.
    """
    return PK(_checked_key(key))


def pickled_coder(coder: Coder) -> Reduced:
    return restore_coder, (_key_bytes(coder.public_key),)


def restore_coder(key: bytes) -> Coder:
    """A Coder from the wire form of its key; errors as restore_public."""
    return Coder(_checked_key(key))


def _checked_key(key: bytes) -> PublicKey:
    found = restore_key(key) if isinstance(key, bytes) else None
    if not isinstance(found, PublicKey):
        raise WireFormatError("key: these are not the bytes of a public key")
    return found


def pickled_ciphertexts(vector: CiphertextVector) -> Reduced:
    key = vector.public_key
    if key is None:
        return restore_zeros, (len(vector),)
    residues, exponents = vector.parts(key)
    stored = residues.to_limbs().astype("<u4", copy=False).tobytes()
    return restore_ciphertexts, (_key_bytes(key), stored, _exponent_bytes(exponents))


def restore_ciphertexts(key: bytes, residues: bytes, exponents: bytes) -> CiphertextVector:
    """A vector from the wire form of its key, canonical residues, and exponents.

    FATE's tables pickle every row apart, so residues come without a message around each; they are checked as those of a
    message are.

    Args:
        key: the public key's message.
        residues: canonical limbs of the ciphertexts, little-endian, as a message has them.
        exponents: int32 little-endian; nothing means 0 for all.

    Raises:
        WireFormatError: something is not canonical, out of range, or of another length, or has no exponent and is not 1.
    """
    public = _checked_key(key)
    words = public.modulus.words
    if not isinstance(residues, bytes) or len(residues) % (4 * words):
        raise WireFormatError(f"residues: numbers of {4 * words} bytes were expected")
    size = len(residues) // (4 * words)
    if size == 1 and not exponents:  # as rows of a table are
        with placed():
            return CiphertextVector(public, read_residue(residues, public), zero_exponents(1))
    rows = np.frombuffer(residues, dtype="<u4").reshape(size, words)
    with placed():
        array = read_residues(lambda start, stop: rows[start:stop], (size,), public)
    found = _exponents(exponents, size)
    if exponents and not _are_ones(rows[found == NONE]):
        raise WireFormatError("exponents: one is missing of a ciphertext to which something was added")
    return CiphertextVector(public, array, found)


def _are_ones(rows: npt.NDArray[np.uint32]) -> bool:
    """Whether limbs, little-endian, are those of 1."""
    return bool((rows[:, 0] == 1).all()) and not rows[:, 1:].any()


def restore_zeros(size: int) -> CiphertextVector:
    """Zeros that have met no key.

    Raises:
        WireFormatError: the size is none.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_ZEROS:
        raise WireFormatError("size: that is no number of zeros")
    return CiphertextVector.zeros(size)


def pickled_plaintexts(vector: PlaintextVector) -> Reduced:
    return restore_plaintexts, (vector.significands.tolist(), _exponent_bytes(vector.exponents))


def restore_plaintexts(significands: list[int], exponents: bytes) -> PlaintextVector:
    """Encoded numbers from integers and exponents.

    Raises:
        WireFormatError: something is no integer, or the exponents are of another length or out of range.
    """
    if not isinstance(significands, list) or not all(type(value) is int for value in significands):
        raise WireFormatError("significands: a list of integers was expected")
    return PlaintextVector(object_array(significands, (len(significands),)), _exponents(exponents, len(significands)))


def _exponent_bytes(exponents: Exponents) -> bytes:
    if not np.count_nonzero(exponents):
        return b""
    return np.where(exponents >= NONE, _NO_EXPONENT, exponents).astype("<i4").tobytes()


def _exponents(data: bytes, size: int) -> Exponents:
    """Exponents of a message: none at all means 0 for all."""
    if not isinstance(data, bytes) or len(data) not in (0, 4 * size):
        raise WireFormatError(f"exponents: {size} numbers of 4 bytes were expected, or nothing")
    if not data:
        return zero_exponents(size)
    exponents = np.frombuffer(data, dtype="<i4").astype(np.int64)
    there = exponents[exponents != _NO_EXPONENT]
    # A larger one would make its receiver compute powers for hours.
    if len(there) and int(np.abs(there).max()) > MAX_EXPONENT:
        raise WireFormatError(f"exponents: one is beyond {MAX_EXPONENT}")
    return np.where(exponents == _NO_EXPONENT, NONE, exponents)


def pickled_secret(sk: SK) -> Reduced:
    """The secret key for workers of its own party: sealed under their password, once for each key.

    Raises:
        ParameterError: there is no such password.
    """
    password = os.environ.get(WORKER_PASSWORD)
    if not password:
        raise ParameterError(
            "secret keys are not pickled. FATE hands them to worker processes of their own party: for that, call "
            "hepy.interop.fate.register() before those processes start, or set HEPY_FATE_WORKER_PASSWORD for all of "
            "them. To a file: hepy.save(sk.private_key, path, password=...)"
        )
    return restore_secret, (sk.sealed(password),)


def restore_secret(sealed: bytes) -> SK:
    """A secret key from its sealed wire form, in a process that knows the party's password.

    Raises:
        MissingKeyError: it does not.
        WireFormatError: the bytes are no sealed key, or it is another party's.
    """
    password = os.environ.get(WORKER_PASSWORD)
    if not password:
        raise MissingKeyError(
            "a secret key arrived in a process without HEPY_FATE_WORKER_PASSWORD: call hepy.interop.fate.register() before "
            "FATE starts its workers, or set the variable for all processes of the party"
        )
    return _opened(sealed, password)


@functools.lru_cache(maxsize=4)
def _opened(sealed: bytes, password: str) -> SK:
    return SK(unseal(sealed, password))
