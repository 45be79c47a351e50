"""Limits of ring kernels and of CKKS operations on a GPU, and what the compiled code adds to them.

The limit of a launch is the longer of two times: its bytes over the bandwidth of where they are, which is the L2 for
launches that touch less than it holds, and its multiplies over the rate of the multiply pipe. Launches of an operation
come one after the other, so their limits add up. Launches' own cost, latencies and Python are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hepy import ckks, ring
from hepy.benchmarks.instructions import H100, Gpu
from hepy.benchmarks.launches import Launch, noting, zeros
from hepy.ckks.evaluator import Evaluator
from hepy.ckks.rings import Rings, rings

DEPTH = 30
BATCHES = (1, 8)
ROTATIONS = 8
OPERATIONS = ("add", "ct × pt", "rescale", "multiply", "rotate", f"rotate, {ROTATIONS} steps")


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
        self._evaluator = Evaluator(self._rings, _Keys(self._rings))  # type: ignore[arg-type]

    def launches(self, operation: str, level: int, batch: int) -> list[Launch]:
        """ct × pt: without rescaling. multiply: with relinearization and rescaling, in the one division that the scheme
        makes of both."""
        basis, evaluator = self._rings.levels[level], self._evaluator

        def array(*shape: int) -> ring.Polynomial:
            return ring.Polynomial(basis, self._device, zeros((*shape, len(basis), basis.degree), np.uint32))

        x, y, plaintext = array(batch, 2), array(batch, 2), array(batch)
        self._notes.clear()
        if operation == "add":
            evaluator.add(x, y)
        elif operation == "ct × pt":
            evaluator.multiply_plaintext(x, plaintext)
        elif operation == "rescale":
            evaluator.rescale(x, level - 1)
        elif operation == "multiply":
            evaluator.relinearize(evaluator.multiply(x, y), level, level - 1)
        else:
            steps = range(1, 2 if operation == "rotate" else ROTATIONS + 1)
            evaluator.automorphisms(x, level, [ring.galois_element(step, basis.degree) for step in steps])
        return list(self._notes)


def _parameters() -> ckks.Parameters:
    return ckks.Parameters(log_n=16, depth=DEPTH, scale_bits=40)


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
LIMBS, SPECIAL, DIGITS, THRESHOLDS = 32, 17, 3, 29


def kernels(log_n: int) -> list[Launch]:
    """Each kernel once, in a ring of that degree: batches such that results have WORDS words, or about as many."""
    degree = 1 << log_n
    main = ring.RingBasis(ring.primes(1 << 30, degree, LIMBS), degree)
    special = ring.RingBasis(ring.primes(1 << 31, degree, SPECIAL), degree)
    batch = WORDS // (LIMBS * degree)
    with noting() as (device, notes):
        leaves: Any = ring.kernels.kernels(device)

        def words(basis: ring.RingBasis, *shape: int) -> Any:
            return zeros((*shape, len(basis), degree), np.uint32)

        x, y, factors = words(main, batch), words(main, batch), zeros((1, LIMBS), np.uint32)
        floats = zeros((batch, degree), np.float64)
        notes.clear()
        leaves.add(x, y, main)
        leaves.multiply(x, y, main)
        leaves.scale(x, factors, main)
        leaves.subtract_scaled(x, y, zeros((2, LIMBS), np.uint32), main)
        leaves.automorphism_ntt(x, 5, main)
        leaves.automorphism_coefficients(x, 5, main)
        leaves.ntt(x, main)
        leaves.intt(x, main)
        pairs = words(main, max(1, batch // 3), 2)
        leaves.tensor_product(pairs, pairs.copy(), main)
        key = words(main.union(special), 2, DIGITS)
        leaves.inner_product(words(main, max(1, batch // 2), 1, DIGITS), key, main, tuple(range(LIMBS)))
        leaves.convert(words(special, batch), special, main, True)
        leaves.from_floats(floats, 1.0, main)
        leaves.ternary(zeros((batch, degree), np.uint32), main)
        leaves.gaussian(zeros((batch, degree, 2), np.uint32), zeros(THRESHOLDS, np.uint64), main)
        leaves.to_floats(words(main[:2], batch * LIMBS), main[:2])
        leaves.to_floats(words(main[:3], batch * LIMBS), main[:3])
        leaves.embed(zeros((batch * LIMBS // 4, degree // 2), np.complex128))
        leaves.unembed(zeros((batch * LIMBS // 4, degree // 2), np.complex128))
        return list(notes)
