"""The instruction counter on ring kernels: what a word of a result takes of each pipe, from the disassembly.

Kernels of rings walk over entries of the batch, and most have no other loop, so that instructions over words stored are
what a word takes. A transform's kernel holds two versions, for primes below 2^30 and for wider ones: the figure is their
mean. Where other loops are, their trips are those of the launch that rooflines.kernels notes. Code under a forward
branch counts as executed. What has loops over doubles or a recombination is not counted.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hepy.benchmarks import instructions, rooflines, sass
from hepy.benchmarks.instructions import H100, Gpu
from hepy.benchmarks.launches import Launch

SOURCES = ("conversion", "elementwise", "integers", "permutation", "products", "sampling", "transform", "embedding")
_CLASSES = {
    "add": "Add", "subtract": "Subtract", "negate": "Negate", "multiply": "Multiply", "scale": "Scale",
    "subtract_scaled": "SubtractScaled", "automorphism_ntt": "OfValues", "automorphism_coefficients": "OfCoefficients",
    "from_floats": "Floats", "ternary": "Ternary", "gaussian": "Gaussian",
}  # fmt: skip
_NAMED = {
    "convert": r"convert_kernelILj4E\w*ScaledE0\w*CentredE1",
    "inner_product": r"inner_product_kernelILj2E",
    "to_floats": r"recombine_kernelI\w*ToFloats",
    "embed": r"embedding_kernelILb1E",
    "unembed": r"embedding_kernelILb0E",
}
_STORED = {"STG.E.128": 4, "STG.E.64": 2, "STG.E": 1}
_COLUMN_STRIDE = 256


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A kernel as the compiler left it."""

    name: str  # mangled
    code: sass.Loop
    registers: int
    spilled_bytes: int


def compiled(gpu: Gpu = H100) -> list[Compiled]:
    """All kernels of cuda/ring."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(
            lambda stem: instructions.compile_file(instructions.SOURCES / "ring" / f"{stem}.cu", gpu), SOURCES
        )
    return [
        Compiled(name, code[name], _number(r"Used (\d+) registers", text), _spilled(text))
        for code, reports in found
        for name, text in reports
    ]


def _number(pattern: str, text: str) -> int:
    return int(match.group(1)) if (match := re.search(pattern, text)) else 0


def _spilled(text: str) -> int:
    return _number(r"(\d+) bytes spill stores", text) + _number(r"(\d+) bytes spill loads", text)


def instance(launch: Launch, log_n: int, kernels: list[Compiled]) -> Compiled | None:
    """The kernel of a launch that rooflines.kernels noted; None where it is not counted."""
    if launch.name in ("ntt", "intt"):
        wanted = _is_pass(launch, log_n)
    elif launch.name in _NAMED:
        wanted = lambda name: re.search(_NAMED[launch.name], name) is not None  # noqa: E731
    elif launch.name in _CLASSES:
        stem = re.compile(rf"_kernelI\w*?\d{_CLASSES[launch.name]}E")
        wanted = lambda name: stem.search(name) is not None  # noqa: E731
    else:
        wanted = lambda name: f"{len(launch.name) + 7}{launch.name}_kernel" in name  # noqa: E731
    return next((kernel for kernel in kernels if wanted(kernel.name)), None)


def _is_pass(launch: Launch, log_n: int) -> Any:
    """Columns come first going forward, rows going back; FromResult reads what the pass before has left."""
    forward = launch.name == "ntt"
    columns = launch.step == (0 if forward else 1)
    log, stride = (log_n - 8, _COLUMN_STRIDE) if columns else (8, 1)
    source = "FromOperand" if launch.step == 0 else "FromResult"
    kernel = "forward_kernel" if forward else "inverse_kernel"

    def wanted(name: str) -> bool:
        tile = re.search(r"TileILj(\d+)ELj\d+ELj(\d+)E", name)
        found = tile is not None and (int(tile.group(1)), int(tile.group(2))) == (log, stride)
        ends = "Plain" in name if forward else f"Lb{int(columns)}E" in name
        return found and kernel in name and f"{len(source)}{source}E" in name and ends

    return wanted


def per_word(kernel: Compiled, launch: Launch) -> dict[str, float] | None:
    """Instructions of one thread for a word of the result, by opcode; None where the trips of loops are not known."""
    if launch.name in _UNCOUNTED:
        return None
    trips = _TRIPS.get(launch.name, _entry_trips)
    count = kernel.code.weighted(trips)
    words = sum(_STORED[opcode] * number for opcode, number in count.items() if opcode in _STORED)
    return {opcode: number / words for opcode, number in count.items()} if words else None


def _wide(loop: sass.Loop) -> int:
    return sum(number for opcode, number in loop.weighted(lambda _: 1).items() if opcode.startswith("IMAD.WIDE"))


def _stores(loop: sass.Loop) -> int:
    return sum(_STORED.get(opcode, 0) * number for opcode, number in loop.weighted(lambda _: 1).items())


def _entry_trips(loop: sass.Loop) -> float:
    """Loops over entries: what a pass of them stores is what it is divided by."""
    return 1 if _stores(loop) else 0


def _small_trips(loop: sass.Loop) -> float:
    """Of integers that a thread finds: the innermost loop that stores walks over limbs, one beside it over thresholds."""
    if _stores(loop):
        return 1 if any(map(_stores, loop.inner)) else rooflines.LIMBS / _stores(loop)
    thresholds = loop.count("LDG.E.64")
    return rooflines.THRESHOLDS / thresholds if thresholds > 1 else 0


def _inner_product_trips(loop: sass.Loop) -> float:
    """A loop over terms has eight products a term; of its unrolled form and what is left over, the latter serves."""
    if _stores(loop):
        return 1
    return rooflines.DIGITS if _wide(loop) <= 2 * 8 else 0


def _convert_trips(loop: sass.Loop) -> float:
    """From the limbs of `special` to those of `main`; see cuda/ring/conversion.cu."""
    terms, pairs = rooflines.SPECIAL + 1, rooflines.LIMBS // 8
    if loop.inner or _stores(loop):
        return pairs if _wide(loop) < 400 and _stores(loop) == 32 else 1
    if _wide(loop) == 128:
        return terms // 4
    if _wide(loop) == 64:
        return 0  # of an odd tile, which these limbs have not
    unrolled = loop.count("STS.128")
    if _wide(loop) and unrolled:  # numerators: four at a time, and what is left over
        return rooflines.SPECIAL // 4 if unrolled == 4 else rooflines.SPECIAL % 4 / unrolled
    return 0


_UNCOUNTED = ("to_floats", "embed", "unembed")
_TRIPS = {
    "convert": _convert_trips, "inner_product": _inner_product_trips,
    "from_floats": _small_trips, "ternary": _small_trips, "gaussian": _small_trips,
}  # fmt: skip


def predict(log_n: int, kernels: list[Compiled], gpu: Gpu = H100) -> list[dict[str, Any]]:
    """Rows of the ledger: each kernel of rooflines.kernels, and seconds by memory, by the L2, by multiplies and by pipes."""
    rows = []
    for launch in rooflines.kernels(log_n):
        words = launch.written / 4
        row: dict[str, Any] = {
            "kernel": launch.name, "step": launch.step, "log_n": log_n, "words": words, "bytes": launch.moved,
            "multiplies": launch.multiplies, "memory": launch.moved / gpu.bandwidth,
            "l2": launch.moved / gpu.l2_bandwidth, "multiplying": launch.multiplies / gpu.multiplies,
        }  # fmt: skip
        kernel = instance(launch, log_n, kernels)
        if kernel is not None:
            row |= {"registers": kernel.registers, "spilled_bytes": kernel.spilled_bytes}
            count = per_word(kernel, launch)
            if count is not None:
                row |= _pipes(count, words, gpu)
        rows.append(row)
    return rows


def _pipes(count: dict[str, float], words: float, gpu: Gpu) -> dict[str, Any]:
    slots = instructions.busy(count)
    busiest = max(slots, key=lambda pipe: slots[pipe])
    # gpu.multiplies lanes a second are a slot pair each: half as many slots pass for a warp's 32 lanes.
    seconds = words / 32 * slots[busiest] / (2 * gpu.multiplies / 32)
    multiplies = words * sum(number for opcode, number in count.items() if opcode.startswith("IMAD"))
    rounded = {pipe: round(number, 2) for pipe, number in slots.items()}
    return {"slots": rounded, "busiest": busiest, "pipes": seconds, "multiplies_counted": multiplies}


def inventory(kernels: list[Compiled]) -> dict[str, Any]:
    """How many kernels there are, and which spill."""
    spilling = Counter({kernel.name: kernel.spilled_bytes for kernel in kernels if kernel.spilled_bytes})
    return {"kernels": len(kernels), "most_registers": max(k.registers for k in kernels), "spilling": dict(spilling)}
