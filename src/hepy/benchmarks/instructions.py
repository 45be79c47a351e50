"""Predicted speed of bigint's kernels: compile for a GPU, count instructions by pipe, divide by measured rates.

The compiler's report is not enough to foretell speed, because it moves accumulators about on the multiply pipe, unseen
in the source. The disassembly shows it. Loops are weighted by their trips, which follow from a kernel's shape and its
operation; a loop's part is recognized by its limb products and shuffles. Not foretold: latencies that too few warps leave
open, instruction caches, and clocks under load. Needs nvcc, and nvdisasm (of CUDA, or pip's nvidia-cuda-nvdisasm).
What is counted and shown stands in predictions.py.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hepy.benchmarks import sass
from hepy.errors import ParameterError

SOURCES = Path(__file__).parents[3] / "cuda"


@dataclasses.dataclass(frozen=True)
class Gpu:
    """What a prediction needs to know.

    Multiplies and bandwidth were measured (wide multiplies on an H200, which has the same multiprocessors), the bandwidth of the L2 is of the order that others published and was not;
    the rest is NVIDIA's documentation.
    """

    name: str
    architecture: str
    multiplies: float  # IMAD a second, on all lanes; IMAD.WIDE, whose results have 64 bits, half as many
    bandwidth: float  # bytes a second of a copy, read and written ones
    multiprocessors: int
    registers: int = 65536
    shared_bytes: int = 227 << 10
    warps: int = 64
    partitions: int = 4  # of a multiprocessor, each with a scheduler and its own pipes
    l2_bytes: int = 50 << 20
    l2_bandwidth: float = 5.5e12


H100 = Gpu("H100 80GB HBM3", "sm_90", 16.1e12, 3.011e12, 132)

# Issue slots that an instruction keeps its pipe busy, by the beginning of its opcode. The multiply pipe and that for
# logic and additions and that for doubles have 16 lanes a partition (8 for products of 64 bits), that for conversions four; shared memory and shuffles move 32 words a clock for four partitions.
# Opcodes that are not here take an issue slot only.
_PIPES: dict[str, dict[str, float]] = {
    "multiply": {"IMAD": 2, "IMAD.WIDE": 4, "IMAD.HI": 4},
    "logic": dict.fromkeys(
        ("IADD3", "VIADD", "LOP3", "SEL", "FSEL", "SHF", "ISETP", "LEA", "MOV", "PRMT", "PLOP3", "IABS", "VOTE"), 2.0
    ),
    "double": dict.fromkeys(("DADD", "DMUL", "DFMA", "DSETP"), 2.0),
    "conversion": dict.fromkeys(("I2F", "F2I", "F2F", "FRND", "MUFU"), 8.0),
    "shared": {"LDS.128": 16, "STS.128": 16, "LDS.64": 8, "STS.64": 8, "LDS": 4, "STS": 4, "SHFL": 4},
}


@dataclasses.dataclass(frozen=True)
class Operation:
    """One row of the table: a kernel at one size.

    Attributes:
        kernel: its stem, and with `flag` the value of its second template argument.
        source: the file in cuda/bigint.
        products: limb products an item, by the algorithm, in units of limbs^2; of pairs the limbs of their root.
        trips: of loops around products only ("product"), around squares only ("square"), around both ("both"); where
            only some loops around products write to memory, of those ("table").
        paired: whether elements are pairs modulo the root of a square.
        moved: elements that an item reads or writes in the GPU's memory.
        by_words: whether loops move the words of an integer one by one; they take some multiplies to divide indices.
        cgbn: items a second of CGBN on the H100, where it was measured.
    """

    name: str
    bits: int
    kernel: str
    source: str
    products: float
    trips: Mapping[str, float] = dataclasses.field(default_factory=dict)
    flag: bool | None = None
    paired: bool = False
    moved: float = 0
    by_words: bool = False
    cgbn: float | None = None


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A kernel as the compiler left it."""

    code: sass.Loop
    registers: int
    spilled_bytes: int
    shared_bytes: int
    threads: int  # lanes an element
    limbs: int  # a lane
    warps: int  # a block
    paired: bool = False  # an element is a pair of numbers, and a lane has half of its limbs of each

    @property
    def total(self) -> int:
        return self.threads * self.limbs

    @property
    def part(self) -> int:
        """Limbs of a number in a lane."""
        return self.limbs // 2 if self.paired else self.limbs

    @property
    def number(self) -> int:
        """Limbs of a number: rows of its product."""
        return self.threads * self.part

    def resident_warps(self, gpu: Gpu) -> int:
        """Warps that a multiprocessor holds: by registers of each partition, shared memory, and the scheduler."""
        of_partition = gpu.registers // gpu.partitions // (32 * -(-self.registers // 8) * 8)
        by_shared = gpu.shared_bytes // (self.shared_bytes + 1024)  # each block has 1 KiB of the system's
        blocks = min(gpu.partitions * of_partition // self.warps, by_shared, gpu.warps // self.warps)
        return blocks * self.warps


class Instance(NamedTuple):
    """Which instance of a kernel's template."""

    kernel: str
    bits: int
    flag: bool | None = None
    paired: bool = False


Instances = dict[Instance, Compiled]


def compile_source(stem: str, gpu: Gpu) -> Instances:
    """All instances of the kernels of cuda/bigint/<stem>.cu.

    Raises:
        ParameterError: the sources, nvcc or nvdisasm are missing, or do not work.
    """
    code, reports = compile_file(SOURCES / "bigint" / f"{stem}.cu", gpu)
    return {_instance(name): _compiled(name, code[name], text) for name, text in reports if "Shape" in name}


def compile_file(source: Path, gpu: Gpu) -> tuple[dict[str, sass.Loop], list[tuple[str, str]]]:
    """The kernels of a file, by mangled name: their code, and what ptxas says of each.

    Raises:
        ParameterError: the sources, nvcc or nvdisasm are missing, or do not work.
    """
    if not source.exists():
        raise ParameterError(f"{source} is missing: count instructions in a clone of the repository")
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        options = ["-O3", "-std=c++17", "-fmad=false", f"-arch={gpu.architecture}", f"-I{SOURCES}", "-Xptxas", "-v"]
        report = _run([_tool("nvcc"), *options, "-cubin", "-o", str(cubin), str(source)]).stderr
        disassembly = _run([_tool("nvdisasm"), str(cubin)]).stdout
    return sass.kernels(disassembly), _reports(report)


def compiler() -> str:
    """nvcc's own word on its version."""
    return _run([_tool("nvcc"), "--version"]).stdout.strip().splitlines()[-1]


def _tool(name: str) -> str:
    if path := shutil.which(name):
        return path
    package = importlib.util.find_spec("nvidia")
    for folder in package.submodule_search_locations or [] if package else []:
        for program in sorted(Path(folder).glob(f"*/bin/{name}")):
            program.chmod(program.stat().st_mode | 0o100)  # pip installs it without the permission to run
            return str(program)
    raise ParameterError(f"{name} is missing: install CUDA, or for nvdisasm `pip install nvidia-cuda-nvdisasm`")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ParameterError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
    return done


def _reports(text: str) -> list[tuple[str, str]]:
    """Names of kernels, and what ptxas says of each."""
    parts = re.split(r"Compiling entry function '([^']+)'", text)
    return list(zip(parts[1::2], parts[2::2], strict=True))


_SHAPE = re.compile(r"ShapeILi(\d+)ELi(\d+)ELi(\d+)ELi\d+ELb([01])ELi\d+EE")


def _shape(name: str) -> tuple[int, int, int, bool]:
    """Lanes, limbs and warps of a kernel, and whether its elements are pairs."""
    shape = _SHAPE.search(name)
    assert shape is not None
    threads, limbs, warps, paired = map(int, shape.groups())
    return threads, limbs, warps, paired == 1


def _instance(name: str) -> Instance:
    stem = re.search(r"\d([a-z][a-z_]*)_kernelI", name)
    flag = re.search(r"Lb([01])E", _SHAPE.sub("", name))
    assert stem is not None
    threads, limbs, _, paired = _shape(name)
    return Instance(stem.group(1), 32 * threads * limbs, None if flag is None else flag.group(1) == "1", paired)


def _compiled(name: str, code: sass.Loop, report: str) -> Compiled:
    def number(pattern: str) -> int:
        return int(found.group(1)) if (found := re.search(pattern, report)) else 0

    spilled = number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads")
    return Compiled(code, number(r"Used (\d+) registers"), spilled, number(r"(\d+) bytes smem"), *_shape(name))


def counts(kernel: Compiled, trips: Mapping[str, float], *, by_words: bool = False) -> dict[str, float]:
    """Instructions of one thread for one item, by opcode."""

    def times(loop: sass.Loop) -> float:
        part = _part(loop, kernel)
        if part == {"rows"}:
            return kernel.number / _rows(loop, kernel)
        if part == {"blocks"}:
            return kernel.threads / 2 - 1
        if not part:
            late = loop.start > _first_product(kernel.code)
            scanning = loop.count("LDG.E.128") > 0  # of a table, which no prediction does
            if late and by_words and not scanning:  # a lane moves as many words as it holds
                return kernel.limbs / max(1, loop.count("STS") + loop.count("STG"))
            return 0 if late or loop.count("LDG") == 0 else 1
        both = {"product", "square"} <= part
        nested = any({"product", "square"} <= _part(inner, kernel) for inner in loop.inner)
        if both and nested:
            return 1  # a round of the batch
        writes = loop.count("STG") + loop.count("ST.E")  # to memory that the compiler knows as global, or does not
        if "table" in trips and part == {"product"} and writes:
            return trips["table"]
        return trips["both" if both else next(iter(part))]

    return dict(kernel.code.weighted(times))


def _rows(loop: sass.Loop, kernel: Compiled) -> int:
    """Rows that a loop has in a straight line: each number takes one q a row from the lowest lane."""
    if shuffles := loop.count("SHFL.IDX"):
        return shuffles // 2 if _is_of_pairs(loop, kernel) else shuffles
    return loop.count("SHFL.DOWN")  # a pair becomes one integer: nothing is reduced, words only move down


def _is_of_pairs(loop: sass.Loop, kernel: Compiled) -> bool:
    """Whether rows are those of pairs, and not of single numbers, which kernels for pairs know as well.

    A line has `part` rows of a product or square, twice as many of a reduction: for pairs that makes 5 or 4 part^2 limb
    products, else 2.
    """
    return kernel.paired and loop.count("IMAD.WIDE") > 3 * kernel.part**2


def _part(loop: sass.Loop, kernel: Compiled) -> set[str]:
    """What a loop does: rows of a product or reduction, pairs of a square's blocks, or whole products and squares."""
    wide = loop.count("IMAD.WIDE")
    if not loop.inner and wide:
        shuffles = max(loop.count("SHFL.IDX"), loop.count("SHFL.DOWN"))
        if shuffles > 1 and wide >= kernel.part * shuffles:
            return {"rows"}
        if wide >= kernel.part**2:
            return {"blocks"}
    # A square has half of its block's products, and more, in a straight line. Loops over memory divide indices by products.
    parts = {"square"} if not kernel.paired and wide >= kernel.limbs**2 / 4 else set()
    for inner in loop.inner:
        part = _part(inner, kernel)
        if part == {"rows"}:
            # For each limb, a row of a product has two limb products and a row of a reduction one, for pairs 5 and 2; a
            # square of pairs has rows of 4.
            least = 4.5 if _is_of_pairs(inner, kernel) else 1.5
            is_product = inner.count("IMAD.WIDE") > least * kernel.part * _rows(inner, kernel)
            part = {"product"} if is_product else {"square"}
        parts |= {"square"} if part == {"blocks"} else part
    return parts


def _first_product(loop: sass.Loop) -> int:
    """Where the first loop with limb products begins."""
    starts = [inner.start for inner in loop.inner if inner.weighted(lambda _: 1).keys() & {"IMAD.WIDE.U32.X"}]
    return min(starts, default=loop.end)


def busy(count: Mapping[str, float]) -> dict[str, float]:
    """Issue slots of a partition that each pipe is busy."""
    slots = dict.fromkeys((*_PIPES, "issue"), 0.0)
    for opcode, number in count.items():
        slots["issue"] += number
        for pipe, prefixes in _PIPES.items():
            fitting = [prefix for prefix in prefixes if opcode.startswith(prefix)]
            if fitting:
                slots[pipe] += number * prefixes[max(fitting, key=len)]
    return slots


def predict(operation: Operation, kernel: Compiled, gpu: Gpu = H100) -> dict[str, Any]:
    """A row of the ledger: counts, occupancy, and items a second if the busiest pipe, or memory, sets the pace."""
    count = counts(kernel, operation.trips, by_words=operation.by_words)
    slots = busy(count)
    busiest = max(slots, key=lambda pipe: slots[pipe])
    wide = sum(number for opcode, number in count.items() if opcode.startswith("IMAD.WIDE"))
    # gpu.multiplies lanes a second are a slot pair each: half as many slots pass for a warp's 32 lanes.
    slots_per_second = 2 * gpu.multiplies / 32
    rate = slots_per_second * (32 / kernel.threads) / slots[busiest]
    by_memory = gpu.bandwidth / (4 * kernel.total * operation.moved) if operation.moved else float("inf")
    if by_memory < rate:
        rate, busiest = by_memory, "memory"
    expected = operation.products * kernel.number**2
    limit = min(by_memory, gpu.multiplies / 2 / expected if expected else float("inf"))
    if expected and not 0.95 < wide * kernel.threads / expected < (1.15 if operation.by_words else 1.05):
        raise ParameterError(
            f"{operation.name} of {operation.bits} bits takes {expected:.0f} limb products, but {wide * kernel.threads:.0f} "
            "were counted: teach instructions.py to recognize the loops of its kernel"
        )
    return {
        "operation": operation.name, "bits": operation.bits, "kernel": operation.kernel, "paired": kernel.paired, "lanes": kernel.threads,
        "limbs_a_lane": kernel.limbs, "registers": kernel.registers, "spilled_bytes": kernel.spilled_bytes,
        "shared_bytes": kernel.shared_bytes, "warps": kernel.resident_warps(gpu), "busiest": busiest,
        "slots": {pipe: round(number, 1) for pipe, number in slots.items()},
        "limb_products_share": round(_PIPES["multiply"]["IMAD.WIDE"] * wide / slots["multiply"], 4) if expected else 0.0, "rate": rate, "limit": limit,
        "share_of_limit": round(rate / limit, 4), "cgbn": operation.cgbn,
    }  # fmt: skip
