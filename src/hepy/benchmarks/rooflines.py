"""Limits of ring kernels and of CKKS operations on a GPU, and what the compiled code adds to them.

The limit of a launch is the longer of two times: its bytes over the bandwidth of where they are, which is the L2 for
launches that touch less than it holds, and its multiplies over the rate of the multiply pipe. Launches of an operation
come one after the other, so their limits add up. Launches' own cost, latencies, copies from and to the host, and Python are
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from hepy import ckks, ring
from hepy.benchmarks.instructions import H100, Gpu
from hepy.benchmarks.launches import Launch, noting, zeros
from hepy.ckks import encoding
from hepy.ckks.keys import EncryptionKey
from hepy.ckks.rings import Rings, rings

DEPTH, SCALE_BITS = 30, 40
BATCHES = (1, 8)
ROTATIONS = 8
OPERATIONS = ("add", "ct × pt", "rescale", "multiply", "rotate", f"rotate, {ROTATIONS} steps")
WITH_NUMBERS = ("encode", "encrypt", "decrypt")  # which come from the host, or go there


def limit(launch: Launch, gpu: Gpu = H100) -> tuple[float, str]:
    """Seconds, and what sets them: "L2", "memory" or "multiply"."""
    place, bandwidth = ("L2", gpu.l2_bandwidth) if launch.moved < gpu.l2_bytes else ("memory", gpu.bandwidth)
    moving, multiplying = launch.moved / bandwidth, launch.multiplies / gpu.multiplies
    return (moving, place) if moving >= multiplying else (multiplying, "multiply")


def total(launches: Iterable[Launch], gpu: Gpu = H100) -> float:
    return sum(limit(launch, gpu)[0] for launch in launches)


class _Keys:
    """In place of a KeyStore: keys are there, and hold zeros."""

    def __init__(self, bases: Rings) -> None:
        self._rings = bases

    def get(self, element: int, device: Any) -> _Keys:
        return self

    def find(self, element: int) -> None:
        """No key has to be moved in ahead of its use."""

    def merged(self, groups: tuple[tuple[int, ...], ...], device: Any) -> ring.Polynomial:
        whole = groups == self._rings.single_digits
        basis = self._rings.keys if whole else self._rings.merged_basis(groups)
        return ring.Polynomial(basis, device, zeros((2, len(groups), len(basis), basis.degree), np.uint32))


class Operations:
    """What CKKS operations launch, on a device that takes notes."""

    def __init__(self, parameters: ckks.Parameters, device: Any, notes: list[Launch]) -> None:
        self.parameters, self._rings, self._device, self._notes = parameters, rings(parameters), device, notes
        halves: Any = SimpleNamespace(on=lambda _: self._zeros(self._rings.encryption, 2))
        keys: Any = _Keys(self._rings)
        self._context = ckks.PublicContext(parameters, "", EncryptionKey(b"", halves), keys)
        self._evaluator = self._context._evaluator

    def _zeros(self, basis: ring.RingBasis, *shape: int) -> ring.Polynomial:
        return ring.Polynomial(basis, self._device, zeros((*shape, len(basis), basis.degree), np.uint32))

    def launches(self, operation: str, level: int, batch: int) -> list[Launch]:
        """ct × pt: without rescaling. multiply: with relinearization and rescaling, in the one division that the scheme
        makes of both. encrypt: by the encryption key. decrypt: but for the look whether c1 is 0."""
        basis, evaluator = self._rings.levels[level], self._evaluator
        x, y, plaintext = self._zeros(basis, batch, 2), self._zeros(basis, batch, 2), self._zeros(basis, batch)
        secret, numbers = self._zeros(self._rings.keys), np.zeros((batch, self.parameters.slots))
        self._notes.clear()
        if operation == "add":
            evaluator.add(x, y)
        elif operation == "ct × pt":
            evaluator.multiply_plaintext(x, plaintext)
        elif operation == "rescale":
            evaluator.rescale(x, level - 1)
        elif operation == "multiply":
            evaluator.relinearize(evaluator.multiply(x, y), level, level - 1)
        elif operation == "encode":
            evaluator.encode(numbers, level, self.parameters.scale(level), False, self._device)
        elif operation == "encrypt":
            self._context.encrypt(numbers, level=level)
        elif operation == "decrypt":
            self._decrypt(x, secret, level)
        else:
            steps = range(1, 2 if operation == "rotate" else ROTATIONS + 1)
            evaluator.automorphisms(x, level, [ring.galois_element(step, basis.degree) for step in steps])
        return list(self._notes)

    def _decrypt(self, x: ring.Polynomial, secret: ring.Polynomial, level: int) -> None:
        """As Context.decrypt does, which only the owner of a secret has."""
        scale = self.parameters.scale(level)
        basis = self._rings.decryption(level, scale)
        held = x.restrict(basis)
        phase = held[..., 1] * secret.restrict(basis) + held[..., 0]
        encoding.decode_slots(phase.intt(), self.parameters.slots, scale)


def _parameters() -> ckks.Parameters:
    return ckks.Parameters(log_n=16, depth=DEPTH, scale_bits=SCALE_BITS)


def operations(batches: Sequence[int] = BATCHES, gpu: Gpu = H100) -> list[dict[str, Any]]:
    """Rows of the ledger: every operation at every level."""
    parameters, rows = _parameters(), list[dict[str, Any]]()
    with noting() as (device, notes):
        made = Operations(parameters, device, notes)
        for operation in OPERATIONS:
            for level in range(operation in ("rescale", "multiply"), DEPTH + 1):
                for batch in batches:
                    launches = made.launches(operation, level, batch)
                    rows.append(
                        {
                            "operation": operation, "level": level, "batch": batch,
                            "limbs": len(parameters.primes(level)), "launches": len(launches),
                            "bytes": sum(each.moved for each in launches),
                            "multiplies": sum(each.multiplies for each in launches), "limit": total(launches, gpu),
                        }
                    )  # fmt: skip
    return rows


def one_multiply(level: int, batch: int = 1, gpu: Gpu = H100) -> dict[str, list[dict[str, Any]]]:
    """Kernel by kernel, as the protocol's leaves one by one, and as launches are fused."""
    parameters, found = _parameters(), {}
    for name, fused in (("leaves", False), ("fused", True)):
        with noting(composites=fused) as (device, notes):
            launches = Operations(parameters, device, notes).launches("multiply", level, batch)
            found[name] = [_row(launch, gpu) for launch in launches]
    return found


def _row(launch: Launch, gpu: Gpu) -> dict[str, Any]:
    seconds, by = limit(launch, gpu)
    return {**dataclasses.asdict(launch), "limit": seconds, "by": by}


# Kernels one by one.

WORDS = 1 << 24  # of a result, 64 MiB: beyond the L2
LOG_N, OTHER_LOG_N = (13, 14, 15, 16), (*range(3, 13), 17)  # others: for transforms, which have kernels of their own
LIMBS, SPECIAL, DIGITS, THRESHOLDS, PLANES = 32, 17, 3, 29, 2


def kernels(log_n: int) -> list[Launch]:
    """Each kernel once, in a ring of that degree: batches such that results have WORDS words, or about as many."""
    return [launch for launches in launched(log_n).values() for launch in launches]


def variants(log_n: int) -> list[Launch]:
    """Launches of what composites and other operands run of kernels that take element functions or have several forms."""
    with noting() as (device, notes):
        degree = 1 << log_n
        main = ring.RingBasis(ring.primes(1 << 30, degree, LIMBS), degree)
        wide = ring.primes(1 << 31, degree, SPECIAL + LIMBS)
        special, other = ring.RingBasis(wide[:SPECIAL], degree), ring.RingBasis(wide[SPECIAL:], degree)
        union = main.union(special)
        leaves: Any = ring.kernels.kernels(device)
        batch = max(1, WORDS // (LIMBS * degree))

        def residues(basis: ring.RingBasis, *shape: int) -> Any:
            return zeros((*shape, len(basis), degree), np.uint32)

        leaves.mod_up(residues(main, batch), [main], main, union, True)
        leaves.mod_up(residues(special, batch), [special], special, special.union(other), False)
        leaves.mod_up(residues(special, batch), [special], special, special.union(other), True)
        leaves.mod_up(residues(special, batch), [special], special, union, False)
        leaves.rescale(residues(union, batch), union, main, True)
        leaves.rescale_automorphism(residues(union, batch), union, main, 5)
        leaves.convert(residues(special, batch), special, main, False)
        for centred in (False, True):
            leaves.convert(residues(special, batch), special, other, centred)
        leaves.to_floats(residues(main, batch), main)
        leaves.to_words(residues(main, batch), main)
        leaves.inner_product(residues(main, batch, 1, DIGITS), residues(main, 1, DIGITS), main, tuple(range(LIMBS)))
        return list(notes)


def launched(log_n: int, words: int = WORDS) -> dict[str, list[Launch]]:
    """What each of the calls launches."""
    with noting() as (device, notes):
        found = {}
        for name, call in calls(log_n, device, zeros, words).items():
            notes.clear()
            call()
            found[name] = list(notes)
        return found


def calls(
    log_n: int, device: Any, array: Callable[[tuple[int, ...], Any], Any], words: int = WORDS
) -> dict[str, Callable[[], Any]]:
    """Calls of each kernel on one device, under the kernels' names.

    array: array(shape, dtype) makes an operand there; residues are below 2^29.
    words: of a result.
    """
    degree = 1 << log_n
    main = ring.RingBasis(ring.primes(1 << 30, degree, LIMBS), degree)
    special = ring.RingBasis(ring.primes(1 << 31, degree, SPECIAL), degree)
    batch, half = max(1, words // (LIMBS * degree)), degree // 2
    leaves: Any = ring.kernels.kernels(device)

    def residues(basis: ring.RingBasis, *shape: int) -> Any:
        return array((*shape, len(basis), degree), np.uint32)

    x, y, other = residues(main, batch), residues(main, batch), residues(special, batch)
    pairs = [residues(main, max(1, batch // 3), 2) for _ in range(2)]
    digits, key = residues(main, max(1, batch // 2), 1, DIGITS), residues(main.union(special), 2, DIGITS)
    factor, factors = array((1, LIMBS), np.uint32), array((2, LIMBS), np.uint32)
    floats, slots = array((batch, degree), np.float64), array((batch * LIMBS // 4, half), np.complex128)
    drawn, drawn_pairs = array((batch, degree), np.uint32), array((batch, degree, 2), np.uint32)
    thresholds, drawn_quads = array((THRESHOLDS,), np.uint64), array((batch, degree, 4), np.uint32)
    planes, signs = array((batch, PLANES, degree), np.uint32), array((batch, degree), np.bool_)
    few, more = residues(main[:2], batch * LIMBS), residues(main[:3], batch * LIMBS)
    return {
        "add": lambda: leaves.add(x, y, main),
        "subtract": lambda: leaves.subtract(x, y, main),
        "negate": lambda: leaves.negate(x, main),
        "multiply": lambda: leaves.multiply(x, y, main),
        "scale": lambda: leaves.scale(x, factor, main),
        "subtract_scaled": lambda: leaves.subtract_scaled(x, y, factors, main),
        "automorphism_ntt": lambda: leaves.automorphism_ntt(x, 5, main),
        "automorphism_coefficients": lambda: leaves.automorphism_coefficients(x, 5, main),
        "ntt": lambda: leaves.ntt(x, main),
        "intt": lambda: leaves.intt(x, main),
        "tensor_product": lambda: leaves.tensor_product(*pairs, main),
        "inner_product": lambda: leaves.inner_product(digits, key, main, tuple(range(LIMBS))),
        "convert": lambda: leaves.convert(other, special, main, True),
        "from_words": lambda: leaves.from_words(planes, signs, main),
        "from_floats": lambda: leaves.from_floats(floats, 1.0, main),
        "ternary": lambda: leaves.ternary(drawn, main),
        "gaussian": lambda: leaves.gaussian(drawn_pairs, thresholds, main),
        "sparse_ternary": lambda: leaves.sparse_ternary(drawn_quads, degree // 2, main),
        "to_words": lambda: leaves.to_words(more, main[:3]),
        "to_floats_of_two": lambda: leaves.to_floats(few, main[:2]),
        "to_floats": lambda: leaves.to_floats(more, main[:3]),
        "embed": lambda: leaves.embed(slots),
        "unembed": lambda: leaves.unembed(slots),
    }
