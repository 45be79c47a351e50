"""The instruction counter on ring kernels: what a word of a result takes of each pipe, from the disassembly.

Kernels of rings walk over entries of the batch, and what they do for an entry over the words that it stores is what a word
takes. A transform's kernel holds two versions, for primes below 2^30 and for wider ones: the figure is their mean. How often
other loops run follows from the launch (rooflines.kernels, rooflines.variants): a loop is recognized by what it loads, stores
and multiplies. Code under a forward branch counts as executed, what a loop that was unrolled leaves over among it.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hepy.benchmarks import instructions, rooflines, sass
from hepy.benchmarks.instructions import H100, Gpu
from hepy.benchmarks.launches import Launch
from hepy.errors import ParameterError

SOURCES = ("conversion", "elementwise", "integers", "permutation", "products", "sampling", "transform", "embedding")
_CLASSES = {
    "add": "Add", "subtract": "Subtract", "negate": "Negate", "multiply": "Multiply", "scale": "Scale",
    "subtract_scaled": "SubtractScaled", "automorphism_ntt": "OfValues", "automorphism_coefficients": "OfCoefficients",
    "from_words": "Magnitudes", "from_floats": "Floats", "to_words": "ToWords", "to_floats": "ToFloats", "ternary": "Ternary", "gaussian": "Gaussian",
}  # fmt: skip
_STORED = {"STG.E.128": 4, "STG.E.64": 2, "STG.E": 1}
# Of tiles: cuda/ring/transform.cuh. Of the embedding's and of conversions' blocks: embedding.cu, conversion.cu.
_ROW_LOG, _BLOCK_LOG = 8, 12
_LOG_TILE, _EMBEDDING_THREADS = 11, 256
_FEW = 3, 3  # limbs and words of a recombination that is in registers: cuda/ring/integers.cu
_CONVERT_THREADS, _SPARSE_THREADS = 64, 256


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


# ---- Which kernel a launch runs ----


def instance(launch: Launch, log_n: int, kernels: Iterable[Compiled]) -> Compiled:
    """The kernel of a launch that rooflines.kernels or rooflines.variants noted, in a ring of that degree.

    Raises:
        ParameterError: there is none of its name and form.
    """
    pattern = re.compile(_pattern(launch, log_n))
    found = [kernel for kernel in kernels if pattern.search(kernel.name)]
    if len(found) != 1:
        raise ParameterError(
            f"{len(found)} kernels are called {pattern.pattern!r}, not one: teach ring_instructions.py the name of "
            f"{launch.name}'s"
        )
    return found[0]


def _pattern(launch: Launch, log_n: int) -> str:
    """Of the kernel's mangled name."""
    name, form = launch.name, launch.form
    if name in _TRANSFORMS:
        return _pass(launch, log_n)
    if name == "convert":
        return f"convert_kernelILj{form['products']}E\\w*ScaledE{form['scaled']}\\w*CentredE{form['centred']}"
    if name in ("to_words", "to_floats"):
        few = (form["limbs"], form["words"]) == _FEW
        return rf"recombine_kernelI\w*?\d{_CLASSES[name]}ELb{int(few)}E"
    if name == "inner_product":
        return f"inner_product_kernelILj{form['columns']}E"
    if name in ("embed", "unembed"):
        return f"embedding_kernelILb{int(name == 'embed')}E"
    if name in _CLASSES:
        return rf"_kernelI\w*?\d{_CLASSES[name]}E"
    return rf"\d{name}_kernel"


# Launches of a transform: source of the first pass, and what the last one gives its words to.
_TRANSFORMS = {
    "ntt": ("FromOperand", "Plain"), "ntt_plus_scaled": ("FromOperand", "PlusScaled"),
    "ntt_plus_scaled_turned": ("FromResult", "PlusScaledTurned"), "intt": ("FromOperand", ""),
    "intt_scaled": ("FromOperand", ""), "intt_scaled_keeping": ("FromOperandKept", ""),
}  # fmt: skip


def _pass(launch: Launch, log_n: int) -> str:
    """Columns come first going forward, rows going back; a pass reads what the one before has left."""
    first, sink = _TRANSFORMS[launch.name]
    forward = launch.name.startswith("ntt")
    one = log_n <= _BLOCK_LOG
    columns = not one and launch.step == (0 if forward else 1)
    if columns:
        tile = rf"ILj{log_n - _ROW_LOG}ELj\d+ELj256E"
    else:
        tile = f"ILj{log_n}ELj1ELj1E" if one else f"ILj{_ROW_LOG}ELj8ELj1E"
    source = first if launch.step == 0 else "FromResult"
    if launch.name == "ntt_plus_scaled_turned" and (one or launch.step == 1):
        source = "FromOperand"  # which it does not overwrite
    last = one or launch.step == 1
    if forward:
        sink = sink if last else "Plain"
        return rf"forward_kernelINS\w*?Tile{tile}\w*?\d{source}E\w*?\d{sink}E"
    return rf"inverse_kernelINS\w*?Tile{tile}\w*?ELb{int(last)}E\w*?\d{source}E"


def readable(name: str) -> str:
    """A mangled name as it stands in the sources, tiles by their own names."""
    kernel = re.search(r"\d([a-z][a-z_]*_kernel)", name)
    assert kernel is not None
    template = name[kernel.end() :].split("EEEv")[0] + "E"
    if not template.startswith("I"):
        return kernel.group(1)
    arguments = [_tile(*map(int, tile)) for tile in _TILE.findall(template)]
    arguments += [_argument(match) for match in _ARGUMENT.finditer(_TILE.sub("", template))]
    return f"{kernel.group(1)}<{', '.join(arguments)}>"


_TILE = re.compile(r"\d+TileILj(\d+)ELj(\d+)ELj(\d+)ELj(\d+)EE")
_ARGUMENT = re.compile(
    r"Lj(?P<number>\d+)E|Lb(?P<flag>[01])E|\d(?P<kind>Scaled|Centred)E(?P<value>[01])E|\d(?P<type>[A-Z]\w*?)(?=E|$)"
)


def _argument(match: re.Match[str]) -> str:
    """Of a kernel's template."""
    found = {key: value for key, value in match.groupdict().items() if value is not None}
    if "kind" in found:
        return f"{found['kind']}::{('kNo', 'kYes')[int(found['value'])]}"
    if "flag" in found:
        return ("false", "true")[int(found["flag"])]
    return found.get("number") or found["type"]


def _tile(log: int, lines: int, stride: int, line_stride: int) -> str:
    if stride > 1:
        return f"Columns<{log}>"
    return "Rows256" if line_stride else f"Whole<{log}>"


# ---- How often its loops run ----

Trips = Callable[[sass.Loop], float]


def per_word(kernel: Compiled, launch: Launch, log_n: int) -> dict[str, float]:
    """Instructions of one thread for a word of the result, by opcode."""
    trips = _TRIPS[launch.name](launch, log_n) if launch.name in _TRIPS else _of_entries
    count = kernel.code.weighted(trips)
    words = sum(_STORED[opcode] * number for opcode, number in count.items() if opcode in _STORED)
    # NOPs fill a kernel's end, behind what runs.
    return {opcode: number / words for opcode, number in count.items() if opcode != "NOP"}


def _once(loop: sass.Loop) -> Counter[str]:
    return loop.weighted(lambda _: 1)


def _wide(loop: sass.Loop) -> int:
    return sum(number for opcode, number in _once(loop).items() if opcode.startswith("IMAD.WIDE"))


def _stores(loop: sass.Loop) -> int:
    return sum(_STORED.get(opcode, 0) * number for opcode, number in _once(loop).items())


def _of_entries(loop: sass.Loop) -> float:
    """Loops over entries: what a pass of them stores is what it is divided by."""
    return 1 if _stores(loop) else 0


def _transform_trips(launch: Launch, log_n: int) -> Trips:
    """Of a thread's sixteen words, some sinks have a few at once in work."""
    held = min(16, 1 << log_n)

    def trips(loop: sass.Loop) -> float:
        if any(map(_stores, loop.inner)):
            return 1
        return max(1, held / _stores(loop)) if _stores(loop) else 0

    return trips


def _small_trips(launch: Launch, log_n: int) -> Trips:
    """Of integers that a thread finds: the innermost loop that stores walks over limbs, those beside it over thresholds,
    those in it over words."""

    def trips(loop: sass.Loop) -> float:
        if _stores(loop):
            return 1 if any(map(_stores, loop.inner)) else launch.form["limbs"] / (_stores(loop) / 4)
        thresholds, planes = loop.count("LDG.E.64"), loop.count("LDG.E.128")
        if planes:
            return (launch.form["words"] - 1) // planes
        return launch.form["thresholds"] // thresholds if thresholds > 1 else 0

    return trips


def _sparse_trips(launch: Launch, log_n: int) -> Trips:
    """Tiles of a row, places of a tile, limbs: what the first thread does alone counts for all, who wait for it."""

    def trips(loop: sass.Loop) -> float:
        if _stores(loop):
            inner = any(map(_stores, loop.inner))
            return 1 if inner else launch.form["limbs"] // _stores(loop)
        places = 4 * loop.count("LDS.128")
        return _SPARSE_THREADS // places if places > 4 else 0

    return trips


def _inner_product_trips(launch: Launch, log_n: int) -> Trips:
    """Columns of a thread in one go; terms, each of which loads as many words of y as there are columns, and one of x."""

    def trips(loop: sass.Loop) -> float:
        if _stores(loop):
            return 1
        unrolled = loop.count("LDG.E.128") / (launch.form["columns"] + 1)
        return launch.form["terms"] / unrolled if unrolled else 0

    return trips


def _convert_trips(launch: Launch, log_n: int) -> Trips:
    """See cuda/ring/conversion.cu: the matrix is copied, numerators are made, pairs of tiles of four limbs are walked over."""
    form = launch.form
    columns = (form["incoming"] + 2) // 2 * 2
    terms = columns if form["centred"] else (form["incoming"] + 1) // 2 * 2
    tiles = -(-form["outgoing"] // 4)

    def trips(loop: sass.Loop) -> float:
        if loop.inner or _stores(loop):
            return tiles // 2 if _stores(loop) == 32 else 1
        loaded, kept = loop.count("LDG.E.128.CONSTANT"), loop.count("STS.128")
        if _wide(loop) == 32 * form["products"]:
            return terms // form["products"]
        if not loaded or not kept:
            return 0  # an odd tile's, or zeros behind the numerators
        if loop.count("LDG.E") > loaded:  # with constants of the limb that it comes from
            return form["incoming"] // kept
        return (tiles * columns if not _wide(loop) else 4 * tiles) / _CONVERT_THREADS / kept

    return trips


def _recombine_trips(launch: Launch, log_n: int) -> Trips:
    """See cuda/ring/integers.cu: numerators, then words, two at a time, each a sum over terms, then Q is added or
    subtracted."""
    limbs, words = launch.form["limbs"], launch.form["words"]

    def trips(loop: sass.Loop) -> float:
        if loop.count("STG.E.64") or loop.count("STG.E.U8"):
            return 1  # of entries
        if loop.inner:
            return words // 2 + 1
        if matrix := loop.count("LDG.E.128.CONSTANT"):
            return (limbs + 4) // 4 // (matrix / 2)
        if loop.count("LDG.E.128"):
            return limbs // loop.count("STS")
        return words // loop.count("LDS") if loop.count("LDG.E.CONSTANT") else 0

    return trips


def _embedding_trips(launch: Launch, log_n: int) -> Trips:
    """See cuda/ring/embedding.cu: a tile is read, goes through stages two at a time and perhaps a first one alone, and is
    written by one of two loops, by how its numbers lie."""
    slots = log_n - 1
    first = slots if slots <= _LOG_TILE else slots // 2
    stages = first if launch.step == (0 if launch.name == "embed" or first == slots else 1) else slots - first
    tile = 1 << stages + min(_LOG_TILE - stages, slots - stages)
    threads = min(max(tile // 4, 32), _EMBEDDING_THREADS)
    written: list[int] = []

    def trips(loop: sass.Loop) -> float:
        butterflies, stored = loop.count("DMUL") // 4, loop.count("STG.E.128")
        if stored and not loop.inner:
            written.append(loop.start)
            return tile / threads / stored if loop.start == written[0] else 0
        if _stores(loop):
            return 1  # of entries
        if loop.inner:
            return stages // 2
        if not butterflies:
            return tile / threads / loop.count("STS.128")
        alone = stages % 2 if butterflies == 1 else 1
        return alone * tile / 2 / threads / (butterflies if butterflies == 1 else butterflies / 2)

    return trips


_TRIPS: dict[str, Callable[[Launch, int], Trips]] = {
    "convert": _convert_trips, "inner_product": _inner_product_trips, "from_words": _small_trips,
    "from_floats": _small_trips, "ternary": _small_trips, "gaussian": _small_trips, "sparse_ternary": _sparse_trips,
    **dict.fromkeys(_TRANSFORMS, _transform_trips), "to_words": _recombine_trips, "to_floats": _recombine_trips, "embed": _embedding_trips, "unembed": _embedding_trips,
}  # fmt: skip


# ---- Rows of the ledger ----


def predict(launches: Iterable[Launch], log_n: int, kernels: list[Compiled], gpu: Gpu = H100) -> list[dict[str, Any]]:
    """A row for each launch: which kernel runs, and seconds by memory, by the L2, by multiplies and by pipes."""
    rows = []
    for launch in launches:
        words, kernel = launch.written / 4, instance(launch, log_n, kernels)
        rows.append(
            {
                "kernel": launch.name, "step": launch.step, "log_n": log_n, "words": words, "bytes": launch.moved,
                "multiplies": launch.multiplies, "memory": launch.moved / gpu.bandwidth,
                "l2": launch.moved / gpu.l2_bandwidth, "multiplying": launch.multiplies / gpu.multiplies,
                "instance": readable(kernel.name), "registers": kernel.registers, "spilled_bytes": kernel.spilled_bytes,
                **_pipes(per_word(kernel, launch, log_n), words, gpu),
            }
        )  # fmt: skip
    return rows


def every_instance(kernels: list[Compiled], gpu: Gpu = H100) -> list[dict[str, Any]]:
    """A row for each kernel, of one of the launches that run it.

    Raises:
        ParameterError: no launch that is noted runs some kernel; names it.
    """
    found: dict[str, dict[str, Any]] = {}
    for log_n in (*rooflines.LOG_N, *rooflines.OTHER_LOG_N):
        launches = rooflines.variants(log_n)
        if log_n in rooflines.LOG_N:
            launches = rooflines.kernels(log_n) + launches
        else:
            launches = [each for each in (*rooflines.kernels(log_n), *launches) if each.name in _TRANSFORMS]
        for row in predict(launches, log_n, kernels, gpu):
            found.setdefault(row["instance"], row)
    missing = sorted({readable(kernel.name) for kernel in kernels} - found.keys())
    if missing:
        raise ParameterError(
            f"no launch of rooflines.calls or rooflines.variants runs {', '.join(missing)}: add one, so that each has a row"
        )
    return [found[name] for name in sorted(found)]


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
