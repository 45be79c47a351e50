"""Checks of an installation: known answers, arithmetic against Python's integers, the same bits on every device.

Each check computes with the library as users do and compares with something that is not the library. They take
seconds; the test suite of the source tree goes further.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import hepy
from hepy import _chacha20, _devices, bigint, paillier

_SEED = bytes(range(32))
_BITS = {"cpu": 2048, "cuda": 2048, "emulator": 512}  # the emulator runs kernels for truth, not for speed
# RFC 8439, appendix A.1, test vectors 1 and 2: the first two blocks under zeros.
_KEYSTREAM = (
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
)
# SHA-256 of what seeded operations give; tests/cli/test_selftest.py says how it is made.
DIGEST = "7389023618cbfeec55b5239a1947154148b9406084c7d69726da5770f31d013f"


@dataclass(frozen=True)
class Check:
    """One check on one device; `work` raises where something is wrong.

    Attributes:
        name: what is checked, in words.
        device: where.
    """

    name: str
    device: str
    work: Callable[[], None]


@dataclass(frozen=True)
class Result:
    """What a check found; `message` says what was wrong, or is empty."""

    name: str
    device: str
    passed: bool
    seconds: float
    message: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Wrong(Exception):
    """A result differs from the right one."""


def checks(devices: Sequence[str]) -> list[Check]:
    """All checks for these devices.

    Raises:
        DeviceError: one of them cannot be used here; says why.
        ParameterError: there is no device of that name.
    """
    out = []
    for name in devices:
        bits = _BITS[_devices.resolve(name).kind]
        rows: list[tuple[str, Callable[[], None]]] = [
            ("ChaCha20, vectors of RFC 8439", _chacha20_vectors),
            (f"modular arithmetic, {bits} bits", lambda bits=bits: _arithmetic(bits)),  # type: ignore[misc]
            *((f"Paillier {variant}, {bits} bits", _round(variant, bits)) for variant in ("djn", "classic")),
            ("Paillier subgroup, 1024 bits" if bits > 1024 else f"Paillier subgroup, {bits} bits",
             _round("subgroup", min(bits, 1024))),
            ("seeded results, kept digest", _kept_digest),
            ("messages there and back", _messages),
        ]  # fmt: skip
        out += [Check(title, name, work) for title, work in rows]
    return out


def run(check: Check) -> Result:
    """Do a check on its device; never raises what goes wrong inside it."""
    began = time.perf_counter()
    message = ""
    try:
        with hepy.device(check.device):
            check.work()
    except Exception as error:
        message = f"{type(error).__name__}: {error}" if not isinstance(error, Wrong) else str(error)
    return Result(check.name, check.device, not message, round(time.perf_counter() - began, 3), message)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(f"{what} differs from the right result")


def _chacha20_vectors() -> None:
    leaves = _chacha20.leaves(_devices.current())
    source = _chacha20.Source(bytes(32), 0, 0, lambda *_: None)
    words = _devices.to_host(leaves.words(source, 0, 2))
    _require(words.astype("<u4").tobytes().hex() == _KEYSTREAM, "the keystream")


def _arithmetic(bits: int) -> None:
    n = (1 << bits) - 1159  # odd, with nearly all bits set
    modulus = bigint.Modulus(n)
    a = [0, 1, 2, n - 1, n - 2, n >> 1, (1 << bits - 1) - 1]
    b = [n - 1, n - 1, n >> 1, n - 1, 3, (1 << bits - 1) - 1, 5]
    x, y = modulus.array(a), modulus.array(b)
    exponents = [0, 1, 65537, 2, 255, (1 << 40) - 1, 3]
    pairs = list(zip(a, b, strict=True))
    for got, want, what in (
        (x * y, [i * j % n for i, j in pairs], "a product"),
        (x + y, [(i + j) % n for i, j in pairs], "a sum"),
        (x - y, [(i - j) % n for i, j in pairs], "a difference"),
        (x.square(), [i * i % n for i in a], "a square"),
        (x.power(exponents), [pow(i, e, n) for i, e in zip(a, exponents, strict=True)], "a power"),
        (modulus.fixed_base(3).power(exponents), [pow(3, e, n) for e in exponents], "a power of a fixed base"),
        (x[1:3].inverse(), [pow(i, -1, n) for i in a[1:3]], "an inverse"),
        (x[1:].prod(), [_product(a[1:], n)], "a product of many"),
    ):
        _require(np.ravel(got.to_ints()).tolist() == want, what)


def _product(values: list[int], n: int) -> int:
    out = 1
    for value in values:
        out = out * value % n
    return out


def _round(variant: str, bits: int) -> Callable[[], None]:
    def work() -> None:
        key = paillier.generate_key(bits, variant, insecure=True)
        values = np.array([-5, 0, 7, 1 << 40])
        bins = [0, 1, 0, 1]
        # Public key and owner compute obfuscators in different ways.
        for x in (key.public_key.encrypt(values, value_bits=48), key.encrypt(values, value_bits=48)):
            _require(key.decrypt(x).tolist() == values.tolist(), "a decrypted value")
            _require(key.decrypt(3 * x - x[::-1] + 1).tolist() == (3 * values - values[::-1] + 1).tolist(), "a sum")
            _require(key.decrypt(x.segment_sum(bins, 2)).tolist() == [2, 1 << 40], "a histogram")
            _require(key.decrypt(x @ [1, -2, 3, 0]).item() == 16, "a product with a vector")
            _require(key.decrypt(x.rerandomize()).tolist() == values.tolist(), "a rerandomized value")

    return work


def seeded_digest() -> str:
    """SHA-256 of ciphertexts that depend on every seeded operation, the same on every device and for ever."""
    key = paillier.generate_key(512, seed=_SEED, insecure=True)
    x = key.public_key.encrypt([1.5, -2.25, 3.0], seed=_SEED)
    return (2 * x + x[::-1]).rerandomize(seed=_SEED[::-1]).digest()


def _kept_digest() -> None:
    _require(seeded_digest() == DIGEST, "a seeded result")


def _messages() -> None:
    key = paillier.generate_key(512, seed=_SEED, insecure=True)
    values = np.arange(6).reshape(2, 3)
    message = hepy.dumps(key.public_key.encrypt(values))
    public = hepy.loads(hepy.dumps(key.public_key))
    _require(public == key.public_key, "a public key")
    x = hepy.loads(message, key=public)
    _require(hepy.dumps(x, rerandomize=False) == message, "a message")
    sealed = hepy.loads(hepy.dumps(key, password="correct horse"), password="correct horse")
    _require(sealed.decrypt(x).tolist() == values.tolist(), "a value after the journey")
