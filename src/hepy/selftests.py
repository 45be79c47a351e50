"""Checks of an installation: known answers, arithmetic against Python's integers, the same bits on every device.

Each check computes with the library as users do and compares with something that is not the library. They take
seconds; the test suite of the source tree goes further.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import resources
from typing import Any

import numpy as np

import hepy
from hepy import _devices, bigint, ckks, paillier, ring
from hepy.paillier.crt import Secret
from hepy.random import chacha20

_SEED = bytes(range(32))
# Real lengths where they take seconds. The emulator runs kernels for truth, not for speed.
_BITS = {"cpu": (2048, 3072), "cuda": (2048, 3072), "emulator": (256,)}
_VARIANTS = ("djn", "classic", "subgroup")
# RFC 8439: section 2.3.2 (key, counter, nonce as attempt and call, block); appendix A.1, test vectors 1 and 2.
_BLOCKS = (
    (_SEED, 1, 0x0900, 0x4A000000,
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
    (bytes(32), 0, 0, 0,
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"),
    (bytes(32), 1, 0, 0,
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"),
)  # fmt: skip
# SHA-256 of what seeded operations give. From the first release on it binds seeded results: another one is a change of format.
DIGEST = "66ce3da2b833f6947948a4fe9ce03670b29f3e77d777d1cb9fafe0b9ea431ae0"


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
    return [Check(title, name, work) for name in devices for title, work in _rows(_devices.resolve(name))]


def _rows(device: _devices.Device) -> list[tuple[str, Callable[[], None]]]:
    lengths = _BITS[device.kind]
    return [
        ("ChaCha20, vectors of RFC 8439", _chacha20_vectors),
        *((f"modular arithmetic, {2 * bits} bits", partial(_arithmetic, 2 * bits)) for bits in lengths),
        (f"a new key, {lengths[0]} bits", partial(_new_key, lengths[0])),
        *(
            (f"Paillier {variant}, {bits} bits", partial(_paillier, variant, bits))
            for variant in _VARIANTS
            for bits in lengths
        ),
        ("rings, N = 64", _ring_products),
        ("CKKS, N = 2**13", _ckks),
        *([("CKKS, the bits of the CPU", _ckks_bits)] if device != _devices.HOST else []),
        ("seeded results, kept digest", _kept_digest),
        ("messages there and back", _messages),
    ]


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
    leaves = chacha20.leaves(_devices.current())
    for key, counter, attempt, call, block in _BLOCKS:
        source = chacha20.Source(key, 0, call, lambda *_: None)
        words = _devices.to_host(leaves.words(source, counter, 1, attempt))
        _require(words.astype("<u4").tobytes().hex() == block, "the keystream")


def _arithmetic(bits: int) -> None:
    n = (1 << bits) - 1159  # odd, with nearly all bits set
    modulus = bigint.Modulus(n)
    a = [0, 1, 2, n - 1, n - 2, n >> 1, (1 << bits - 1) - 1]
    b = [n - 1, n - 1, n >> 1, n - 1, 3, (1 << bits - 1) - 1, 5]
    x, y = modulus.array(a), modulus.array(b)
    exponents = [0, 1, 65537, 2, 255, (1 << 40) - 1, 3]
    bins = [1, 0, 0, 1, 2, 2, 0]
    pairs = list(zip(a, b, strict=True))
    powers = [pow(i, e, n) for i, e in zip(a, exponents, strict=True)]
    for got, want, what in (
        (x * y, [i * j % n for i, j in pairs], "a product"),
        (x + y, [(i + j) % n for i, j in pairs], "a sum"),
        (x - y, [(i - j) % n for i, j in pairs], "a difference"),
        (x.square(), [i * i % n for i in a], "a square"),
        (x.power(exponents), powers, "a power"),
        (x.power_vartime(exponents), powers, "a power in variable time"),
        (modulus.fixed_base(3).power(exponents), [pow(3, e, n) for e in exponents], "a power of a fixed base"),
        (x[1:3].inverse(), [pow(i, -1, n) for i in a[1:3]], "an inverse"),
        (x.segment_product(bins, 4), [_product(a, bins, s, n) for s in range(4)], "a product of a segment"),
        (x[1:].cumprod(), [_product(a[1:], [0] * i, 0, n) for i in range(1, len(a))], "a running product"),
        (x[1:].multi_power_vartime(exponents[1:]), [_product(powers[1:], [0] * 6, 0, n)], "a product of powers"),
    ):
        _require(np.ravel(got.to_ints()).tolist() == want, what)


def _product(values: Sequence[int], bins: Sequence[int], wanted: int, n: int) -> int:
    """Of the values in the wanted bin; those beyond the bins do not count."""
    out = 1
    for value, bin in zip(values, bins, strict=False):
        out = out * value % n if bin == wanted else out
    return out


def _new_key(bits: int) -> None:
    key = paillier.generate_key(bits, insecure=True)
    key.public_key.validate()
    _require(key.public_key.bits == bits, "the length of a new key")
    _require(key.decrypt(key.public_key.encrypt([-3, 4])).tolist() == [-3, 4], "a decrypted value")


def _paillier(variant: str, bits: int) -> None:
    key = _kept_key(variant, bits) if bits >= 2048 else paillier.generate_key(bits, variant, insecure=True)
    values = np.array([-5, 0, 7, 1 << 40])
    x = key.public_key.encrypt(values, value_bits=48, seed=_SEED)
    # The owner computes obfuscators modulo the prime factors: another way, the same bits.
    owner = key.encrypt(values, value_bits=48, seed=_SEED)
    _require(owner.digest() == x.digest(), "what the owner encrypts")
    computed = {
        "a decrypted value": (x, values),
        "a sum": (3 * x - x[::-1] + 1, 3 * values - values[::-1] + 1),
        "a histogram": (x.segment_sum([0, 1, 0, 1], 2), [2, 1 << 40]),
        "a product with a vector": (x[:, None].T @ [1, -2, 3, 0], [16]),
        "a rerandomized value": (x[1:3].rerandomize(), values[1:3]),
    }
    # One call for all: a device with kernels takes a batch in the time of one.
    plain = iter(key.decrypt(paillier.concatenate([got for got, _ in computed.values()])).tolist())
    for what, (_, want) in computed.items():
        _require([next(plain) for _ in want] == [int(value) for value in want], what)


@functools.cache
def _kept_primes(bits: int) -> dict[str, int]:
    """P, Q, p, q and h of a published key; searching one of the variant subgroup takes minutes."""
    text = resources.files("hepy.benchmarks").joinpath("subgroup_keys.json").read_text()
    numbers: dict[str, str] = json.loads(text)["keys"][str(bits)]
    return {name: int(value, 16) for name, value in numbers.items()}


def _kept_key(variant: str, bits: int) -> paillier.PrivateKey:
    """P and Q of a subgroup key suit the other variants: they are 3 mod 4, and P - 1 and Q - 1 share the factor 2 only."""
    kept = _kept_primes(bits)
    secret = Secret(kept["P"], kept["Q"])
    n = secret.p * secret.q
    if variant == "subgroup":
        secret = Secret(kept["P"], kept["Q"], kept["p"], kept["q"])
    h = {"djn": n - 4, "classic": None, "subgroup": kept["h"]}[variant]  # -x^2 for x = 2
    return paillier.PrivateKey(paillier.PublicKey(n, variant, h), secret)


def _ring_products() -> None:
    degree = 64
    basis = ring.RingBasis(ring.primes(2**30, degree=degree, count=3), degree)
    a = [(-3) ** i for i in range(degree // 2)] + [1] * (degree // 2)
    b = [basis.modulus // (i + 3) for i in range(degree)]
    want = [0] * (2 * degree)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            want[i + j] += x * y
    want = [(low - high) % basis.modulus for low, high in zip(want[:degree], want[degree:], strict=True)]  # X^N = -1
    got = (basis.ntt(a) * basis.ntt(b)).intt().to_ints()
    _require([int(value) % basis.modulus for value in got.tolist()] == want, "a product of polynomials")


def _ckks() -> None:
    context = ckks.Context(ckks.Parameters(log_n=13, depth=2, scale_bits=40))
    values = np.array([0.5, -1.0, 2.0, 0.25])
    x = context.encrypt(values)
    error = np.abs(context.decrypt((x * x + 1).rotate(1)) - np.roll(values * values + 1, -1)).max()
    # Some 16 of the 40 fraction bits are noise; a wrong step of the scheme leaves none.
    _require(bool(error < 2.0**-20), "a product of encrypted vectors")


def _ckks_bits() -> None:
    """Keys, encryption, products and rotations from one seed."""

    def digests() -> list[str]:
        context = ckks.Context(ckks.Parameters(log_n=8, depth=2, scale_bits=40, security=None), seed=_SEED)
        x = context.encrypt(np.linspace(-1, 1, 96).reshape(3, 32), seed=_SEED[::-1])
        results = [x, x * x, x.rotate(5), (x * np.arange(32)).sum(0), x.to_level(0), x.rerandomize(seed=_SEED)]
        return [context.public().digest(), *(result.digest() for result in results)]

    with hepy.device(_devices.HOST):
        want = digests()
    _require(digests() == want, "a seeded result of CKKS")


def seeded_digest() -> str:
    """SHA-256 of ciphertexts that depend on every seeded operation, the same on every device and engine."""
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
