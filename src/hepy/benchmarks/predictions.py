"""What the instruction counter is asked: bigint's kernels at each size, and what Paillier makes of them.

Rates are items a second on one GPU, of one kernel alone, or of kernels that run one after the other, whose times add up.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from hepy.benchmarks import instructions, ledger
from hepy.benchmarks.instructions import H100, Gpu, Instances, Operation
from hepy.benchmarks.tables import Table
from hepy.errors import ParameterError

FOLDER = ledger.FOLDER / "instructions"

_CGBN_PRODUCTS = {2048: 805e6, 3072: 334e6, 4096: 206e6, 6144: 86e6}
_SIZES = (1024, 2048, 3072, 4096, 6144, 8192)
_SEGMENT = 64


def _product(bits: int) -> Operation:
    return Operation("product", bits, "multiply", "elementwise", 2, moved=3, cgbn=_CGBN_PRODUCTS.get(bits))


def _square(bits: int) -> Operation:
    return Operation("square", bits, "square", "elementwise", 1.5, moved=2)


def _sum(bits: int) -> Operation:
    return Operation("sum", bits, "add", "elementwise", 0, flag=False, moved=3)


def _load(bits: int) -> Operation:
    """From canonical limbs of the container's width."""
    return Operation("into Montgomery form", bits, "load", "conversion", 2, {"product": 1}, moved=2, by_words=True)


def _store(bits: int) -> Operation:
    return Operation("least residue", bits, "store", "conversion", 1, moved=2, by_words=True)


def _segment(bits: int) -> Operation:
    times = _SEGMENT - 1
    name = f"product of {_SEGMENT}"
    return Operation(name, bits, "segment", "products", 2 * times, {"product": times}, flag=False, moved=_SEGMENT + 1)


def _power(bits: int, exponent: int, window: int, cgbn: float | None = None) -> Operation:
    windows, entries = -(-exponent // window), 2**window
    trips = {"product": entries - 2, "square": window, "both": windows - 1}
    products = 2 * (entries - 2 + windows - 1) + 1.5 * window * (windows - 1)
    name = f"power, {exponent}-bit exponent"
    return Operation(name, bits, "power", "power", products, trips, moved=2 + 2 * entries + windows, cgbn=cgbn)


def _fermat_quotient(bits: int, exponent: int, window: int) -> Operation:
    """One part of a decryption: a number of twice the width is reduced, raised, divided and weighed."""
    windows, entries, pieces = -(-exponent // window), 2**window, 2
    trips = {"product": pieces, "table": entries - 2, "square": window, "both": windows - 1}
    products = 2 * (pieces + entries - 2 + windows - 1 + 2) + 1.5 * window * (windows - 1) + 4  # four reductions
    moved = 2 + 2 * entries + windows
    name = f"Fermat quotient, {exponent}-bit exponent"
    return Operation(name, bits, "fermat_quotients", "fermat_quotients", products, trips, moved=moved, by_words=True)


def _fixed_base(bits: int, exponent: int, window: int) -> Operation:
    """Its table stays in the L2, as far as the choice of the window goes."""
    times = -(-exponent // window) - 1
    name = f"fixed base, {exponent}-bit exponent"
    return Operation(name, bits, "fixed_base_power", "fixed_base", 2 * times, {"product": times}, moved=1)


OPERATIONS = (
    *map(_product, _SIZES),
    *map(_square, _SIZES),
    *map(_segment, _SIZES),
    *map(_sum, _SIZES),
    *map(_load, _SIZES),
    *map(_store, _SIZES),
    _power(2048, 1024, 5, 633e3),
    _power(2048, 2048, 6, 320e3),
    _power(3072, 1536, 5, 177e3),
    _power(4096, 64, 3, 1.95e6),
    _power(4096, 1024, 5, 162e3),
    _power(4096, 2048, 6, 81.6e3),
    _power(6144, 3072, 6, 23.1e3),
    _fermat_quotient(2048, 1024, 5),
    _fermat_quotient(3072, 1536, 5),
    _fixed_base(2048, 512, 8),
    _fixed_base(4096, 1024, 8),
    _fixed_base(6144, 1536, 6),
)


@dataclasses.dataclass(frozen=True)
class Composite:
    """What Paillier does for one item, as kernels one after the other.

    Attributes:
        bits: of the key.
        parts: kernels, and how often each runs for an item.
        wanted: items a second that the project aims at, where it names a figure.
    """

    name: str
    bits: int
    parts: tuple[tuple[Operation, float], ...]
    wanted: float | None = None


def _paillier(bits: int, comb: int, owner_comb: int, window: int, wanted: dict[str, float]) -> Iterable[Composite]:
    """Of djn keys. n^2 has 2 bits' width, squares of primes have bits. comb, owner_comb: windows of both tables."""
    square, half = 2 * bits, bits // 2
    embed = ((_load(square), 1), (_product(square), 1), (_sum(square), 1))  # 1 + m n
    # Both sides' obfuscators, and Garner's recombination: two least residues, three numbers to load, sums, products.
    owner = (
        (_fixed_base(bits, half, owner_comb), 2), (_store(bits), 2), (_load(bits), 1), (_sum(bits), 1),
        (_product(bits), 1), (_load(square), 2), (_product(square), 1), (_sum(square), 1),
    )  # fmt: skip

    def composite(name: str, *parts: tuple[Operation, float]) -> Composite:
        return Composite(name, bits, parts, wanted.get(name))

    yield composite("encrypt", (_fixed_base(square, half, comb), 1), *embed, (_product(square), 1))
    yield composite("encrypt, key owner", *owner, *embed, (_product(square), 1))
    yield composite("decrypt", (_fermat_quotient(bits, half, 5), 2))
    yield composite("ct + ct", (_product(square), 1))
    yield composite("ct × 64-bit integer", (_power(square, 64, window), 1))
    yield composite("histogram", (_segment(square), (1 + 1 / _SEGMENT) / _SEGMENT))


PAILLIER = (
    *_paillier(
        2048, 8, 8, 3,
        {
            "encrypt": 2.8e6, "encrypt, key owner": 5e6, "decrypt": 600e3, "ct + ct": 350e6, "ct × 64-bit integer": 4e6,
            "histogram": 0.8 * 390e6,
        },
    ),
    *_paillier(3072, 6, 8, 3, {}),
)  # fmt: skip


def compiled(sources: Iterable[str], gpu: Gpu = H100) -> Instances:
    """The kernels of these files of cuda/bigint, side by side on all cores."""
    instances: Instances = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for made in pool.map(lambda source: instructions.compile_source(source, gpu), sorted(set(sources))):
            instances |= made
    return instances


def measure(operations: Iterable[Operation], instances: Instances, gpu: Gpu = H100) -> list[dict[str, Any]]:
    """Predictions for these operations."""
    return [instructions.predict(each, _kernel(each, instances), gpu) for each in operations]


def _kernel(operation: Operation, instances: Instances) -> instructions.Compiled:
    kernel = instances.get((operation.kernel, operation.bits, operation.flag))
    if kernel is None:
        raise ParameterError(f"no kernel `{operation.kernel}` of {operation.bits} bits was compiled")
    return kernel


def compose(composites: Iterable[Composite], instances: Instances, gpu: Gpu = H100) -> list[dict[str, Any]]:
    """Predictions for operations of several kernels: rates, and the share of each kernel in the time."""
    rows = []
    for each in composites:
        times = [
            (operation, count / instructions.predict(operation, _kernel(operation, instances), gpu)["rate"])
            for operation, count in each.parts
        ]
        total = sum(seconds for _, seconds in times)
        shares = [[operation.name, operation.bits, round(seconds / total, 4)] for operation, seconds in times]
        rows.append(
            {"operation": each.name, "bits": each.bits, "rate": 1 / total, "wanted": each.wanted, "shares": shares}
        )
    return rows  # fmt: skip


def inventory(instances: Instances, gpu: Gpu = H100) -> list[dict[str, Any]]:
    """What the compiler made of every kernel: registers, spills, occupancy."""
    return [
        {
            "kernel": name, "bits": bits, "flag": flag, "registers": kernel.registers,
            "spilled_bytes": kernel.spilled_bytes, "shared_bytes": kernel.shared_bytes, "warps": kernel.resident_warps(gpu),
        }
        for (name, bits, flag), kernel in sorted(instances.items(), key=lambda item: (item[0][0], item[0][1], str(item[0][2])))
    ]  # fmt: skip


_ABOUT = """\
Rates are predicted from the instructions that nvcc compiles the kernels to, and from two measured figures, of multiplies and of
a copy; latencies, instruction fetches, launches and Python are left out. [bigint-kernels.md](bigint-kernels.md) has every
kernel, and how it is counted. The section before this one, if there is one, says what a GPU did.

Open: the choice of lanes, blocks and windows (`make tune`), which rests on counts so far; a comparison with CGBN, and with
peers, in one run on one machine.
"""


def newest(folder: Path = FOLDER) -> tuple[dict[str, Any], str] | None:
    """The latest ledger that has predictions of Paillier, and its name."""
    path = ledger.newest_or_none("paillier", folder)
    record = None if path is None else ledger.read(path)
    return None if path is None or record is None or "paillier" not in record else (record, path.name)


def section(record: dict[str, Any], ledger_name: str) -> str:
    """What docs/benchmarks.md says of GPUs."""
    kept = f"{record['versions']['nvcc']}, commit `{record['source']['commit'][:12]}`, {record['started'][:10]}. "
    kept += f"Kept as `bench/results/instructions/{ledger_name}`.\n"
    return "\n".join([_ABOUT, kept, _paillier_table(record).markdown()])


def tables(record: dict[str, Any]) -> list[Table]:
    """The figures of a ledger for people."""
    gpu = record["parameters"]["name"]
    columns = [
        "operation", "bits", "lanes x limbs", "registers", "spilled", "warps", "limb products", "predicted", "limit",
        "of limit", "x CGBN",
    ]  # fmt: skip
    kernels = Table(f"Predicted for {gpu}, items a second", columns, [_cells(row) for row in record["predictions"]])
    return [kernels, _paillier_table(record), _inventory_table(record["kernels"])]


def _paillier_table(record: dict[str, Any]) -> Table:
    return Table(
        f"Paillier (djn), predicted for {record['parameters']['name']}, items a second",
        ["operation", "key bits", "predicted", "aim", "most of the time"],
        [_composite_cells(row) for row in record["paillier"]],
    )


def _cells(row: dict[str, Any]) -> list[str]:
    products = f"{row['limb_products_share']:.0%}" if row["limb_products_share"] else "none"
    return [
        row["operation"], str(row["bits"]), f"{row['lanes']} x {row['limbs_a_lane']}", str(row["registers"]),
        str(row["spilled_bytes"]), str(row["warps"]), products, si(row["rate"]),
        si(row["limit"]), f"{row['share_of_limit']:.0%}", f"{row['rate'] / row['cgbn']:.2f}" if row["cgbn"] else "",
    ]  # fmt: skip


def _composite_cells(row: dict[str, Any]) -> list[str]:
    name, bits, share = max(row["shares"], key=lambda each: each[2])
    most = f"{name}, {bits} bits: {share:.0%}" if share < 1 else f"{name}, {bits} bits"
    return [row["operation"], str(row["bits"]), si(row["rate"]), si(row["wanted"]) if row["wanted"] else "", most]


def _inventory_table(kernels: list[dict[str, Any]]) -> Table:
    """Registers by size; what spills is marked with its bytes."""
    names = sorted({(row["kernel"], row["flag"]) for row in kernels}, key=str)
    cells = {(row["kernel"], row["flag"], row["bits"]): _registers(row) for row in kernels}
    rows = [[_called(*name), *(cells.get((*name, bits), "") for bits in _SIZES)] for name in names]
    return Table("Registers of every kernel (bytes spilled)", ["kernel", *map(str, _SIZES)], rows)


def _called(kernel: str, flag: bool | None) -> str:
    """A kernel's name; the two instances that a flag tells apart are named after what they do."""
    return {"add": ("add", "subtract"), "segment": ("segment_product", "prefix_product")}.get(kernel, (kernel, kernel))[
        bool(flag)
    ]


def _registers(row: dict[str, Any]) -> str:
    return f"{row['registers']} ({row['spilled_bytes']})" if row["spilled_bytes"] else str(row["registers"])


def si(rate: float) -> str:
    """A rate for people, with three digits."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if rate >= scale:
            return f"{rate / scale:.3g} {unit}"
    return f"{rate:.3g}"


@click.command("instructions")
@click.option("--keep/--no-keep", default=True, help="Write the ledger.")
@click.option("--markdown", is_flag=True, help="Print the tables as docs/bigint-kernels.md has them.")
def command(keep: bool, markdown: bool) -> None:
    """Count the instructions of bigint's kernels for an H100 and predict their speed."""
    from rich.console import Console

    run = ledger.Run()
    instances = compiled(path.stem for path in (instructions.SOURCES / "bigint").glob("*.cu"))
    record = run.record(
        parameters=dataclasses.asdict(H100),
        versions={"nvcc": instructions.compiler()},
        memory=[],
        predictions=measure(OPERATIONS, instances),
        paillier=compose(PAILLIER, instances),
        kernels=inventory(instances),
    )
    if keep:
        click.echo(f"kept in {ledger.write(record, FOLDER)}")
    for table in tables(record):
        if markdown:
            click.echo(table.markdown())
        else:
            Console(width=160).print(table.rich())
