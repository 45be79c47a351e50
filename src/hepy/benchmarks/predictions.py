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


# Limb products of a product, a square and a reduction, in units of limbs^2, for pairs of limbs of their root.
_COSTS = {False: (2, 1.5, 1), True: (5, 4, 2)}


def _named(name: str, paired: bool) -> str:
    return f"{name}, pairs" if paired else name


def _product(bits: int, paired: bool = False) -> Operation:
    name, (product, _, _) = _named("product", paired), _COSTS[paired]
    cgbn = _CGBN_PRODUCTS.get(bits)
    return Operation(name, bits, "multiply", "elementwise", product, paired=paired, moved=3, cgbn=cgbn)


def _square(bits: int, paired: bool = False) -> Operation:
    name, (_, square, _) = _named("square", paired), _COSTS[paired]
    return Operation(name, bits, "square", "elementwise", square, paired=paired, moved=2)


def _sum(bits: int, paired: bool = False) -> Operation:
    return Operation(_named("sum", paired), bits, "add", "elementwise", 0, flag=False, paired=paired, moved=3)


def _load(bits: int) -> Operation:
    """From canonical limbs of the container's width."""
    return Operation("into Montgomery form", bits, "load", "conversion", 2, {"product": 1}, moved=2, by_words=True)


def _load_pairs(bits: int, pieces: int = 2) -> Operation:
    """The same into pairs, or from integers of the root's width, which are one piece."""
    name, trips = (
        _named("into Montgomery form", True) + ("" if pieces == 2 else ", half the width"),
        {"product": pieces},
    )
    moved = 1 + pieces / 2
    return Operation(name, bits, "load", "conversion", 5 * pieces, trips, paired=True, moved=moved, by_words=True)


def _store(bits: int, paired: bool = False) -> Operation:
    """A pair becomes one integer by one more product."""
    name, products = _named("least residue", paired), 2 + 1 if paired else 1
    return Operation(name, bits, "store", "conversion", products, paired=paired, moved=2, by_words=True)


def _principal(bits: int, lanes: int = 1) -> Operation:
    """A product with 1 + k m, for k as wide as the root m; or for one that fits the limbs of one of so many lanes.

    k enters by rows of its own width: the loop over its pieces runs once, and is weighted by the share of these rows.
    """
    name = _named("product with 1 + k m", True) + ("" if lanes == 1 else ", short k")
    kernel, share = "multiply_principal", 1 / lanes
    trips, moved = {"product": share}, 2 + share / 2
    return Operation(name, bits, kernel, "principal", 2 + 2 * share, trips, paired=True, moved=moved, by_words=True)


def _segment(bits: int, paired: bool = False) -> Operation:
    times, (product, _, _) = _SEGMENT - 1, _COSTS[paired]
    name, trips, moved = _named(f"product of {_SEGMENT}", paired), {"product": times}, _SEGMENT + 1
    return Operation(name, bits, "segment", "products", product * times, trips, flag=False, paired=paired, moved=moved)


def _power(bits: int, exponent: int, window: int, cgbn: float | None = None, *, paired: bool = False) -> Operation:
    windows, entries, (product, square, _) = -(-exponent // window), 2**window, _COSTS[paired]
    trips = {"product": entries - 2, "square": window, "both": windows - 1}
    products = product * (entries - 2 + windows - 1) + square * window * (windows - 1)
    name, moved = _named(f"power, {exponent}-bit exponent", paired), 2 + 2 * entries + windows
    return Operation(name, bits, "power", "power", products, trips, paired=paired, moved=moved, cgbn=cgbn)


def _fermat_quotient(bits: int, exponent: int, window: int) -> Operation:
    """One part of a decryption: a pair of numbers of the part's width is reduced, raised, divided and joined to the other's."""
    windows, entries, pieces, (product, square, reduction) = -(-exponent // window), 2**window, 4, _COSTS[True]
    trips = {"product": pieces, "table": entries - 2, "square": window, "both": windows - 1}
    products = product * (pieces + entries - 2 + windows - 1) + square * window * (windows - 1) + reduction
    products += 2 * 2 + 2 * 1 + 1  # the join: products and reductions of single numbers, and a pair that becomes one
    name, moved = _named(f"Fermat quotient, {exponent}-bit exponent", True), 2 + 2 * entries + windows
    kernel = "fermat_quotients"
    return Operation(name, bits, kernel, kernel, products, trips, paired=True, moved=moved, by_words=True)


def _fixed_base(bits: int, exponent: int, window: int, paired: bool = False) -> Operation:
    """Its table stays in the L2, as far as the choice of the window goes."""
    times, (product, _, _) = -(-exponent // window) - 1, _COSTS[paired]
    name, kernel = _named(f"fixed base, {exponent}-bit exponent", paired), "fixed_base_power"
    return Operation(name, bits, kernel, "fixed_base", product * times, {"product": times}, paired=paired, moved=1)


_CGBN_POWERS = {
    (2048, 1024, 5): 633e3, (2048, 2048, 6): 320e3, (3072, 1536, 5): 177e3, (4096, 64, 3): 1.95e6, (4096, 1024, 5): 162e3,
    (4096, 2048, 6): 81.6e3, (6144, 3072, 6): 23.1e3,
}  # fmt: skip
_FIXED_BASES = ((2048, 512, 8), (4096, 1024, 8), (6144, 1536, 6))


def _operations(paired: bool) -> Iterable[Operation]:
    for each in (_product, _square, _segment, _sum):
        yield from (each(bits, paired) for bits in _SIZES)
    yield from map(_load_pairs if paired else _load, _SIZES)
    yield from (_store(bits, paired) for bits in _SIZES)
    yield from (_power(*each, cgbn, paired=paired) for each, cgbn in _CGBN_POWERS.items())
    yield from (_fixed_base(*each, paired) for each in _FIXED_BASES)


OPERATIONS = (
    *_operations(False),
    *_operations(True),
    *map(_principal, _SIZES),
    _principal(4096, 4),
    _principal(6144, 8),
    _fermat_quotient(2048, 1024, 5),
    _fermat_quotient(3072, 1536, 5),
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


def _paillier(
    bits: int, lanes: int, comb: int, owner_comb: int, window: int, wanted: dict[str, float]
) -> Iterable[Composite]:
    """Of djn keys. n^2 has 2 bits' width and so many lanes, squares of primes have bits. comb, owner_comb: windows of both tables.

    All moduli are squares, so residues are pairs. Plaintexts, and residues modulo a prime's square, are as wide as n.
    """
    square, half = 2 * bits, bits // 2
    product = (_product(square, True), 1)
    embed = (_principal(square), 1)  # times 1 + m n
    # Both sides' obfuscators, and Garner's recombination: two least residues, three numbers to load, sums, products.
    owner = (
        (_fixed_base(bits, half, owner_comb, True), 2), (_store(bits, True), 2), (_load_pairs(bits), 1),
        (_sum(bits, True), 1), (_product(bits, True), 1), (_load_pairs(square, 1), 2), product, (_sum(square, True), 1),
    )  # fmt: skip

    def composite(name: str, *parts: tuple[Operation, float]) -> Composite:
        return Composite(name, bits, parts, wanted.get(name))

    yield composite("encrypt", (_fixed_base(square, half, comb, True), 1), embed)
    yield composite("encrypt, key owner", *owner, embed)
    yield composite("decrypt", (_fermat_quotient(bits, half, 5), 2))
    yield composite("ct + ct", product)
    yield composite("ct + 64-bit integer", (_principal(square, lanes), 1))
    yield composite("ct × 64-bit integer", (_power(square, 64, window, paired=True), 1))
    yield composite("histogram", (_segment(square, True), (1 + 1 / _SEGMENT) / _SEGMENT))


PAILLIER = (
    *_paillier(
        2048, 4, 8, 8, 3,
        {
            "encrypt": 2.8e6, "encrypt, key owner": 5e6, "decrypt": 600e3, "ct + ct": 350e6, "ct × 64-bit integer": 4e6,
            "histogram": 0.8 * 390e6,
        },
    ),
    *_paillier(3072, 8, 6, 8, 3, {}),
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
    each = instructions.Instance(operation.kernel, operation.bits, operation.flag, operation.paired)
    if each not in instances:
        form = " for pairs" if each.paired else ""
        raise ParameterError(f"no kernel `{each.kernel}` of {each.bits} bits{form} was compiled")
    return instances[each]


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
            **each._asdict(), "registers": kernel.registers,
            "spilled_bytes": kernel.spilled_bytes, "shared_bytes": kernel.shared_bytes, "warps": kernel.resident_warps(gpu),
        }
        for each, kernel in sorted(instances.items(), key=lambda item: tuple(map(str, item[0])))
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
        row["operation"], str(row["bits"]), _lanes(row), str(row["registers"]),
        str(row["spilled_bytes"]), str(row["warps"]), products, si(row["rate"]),
        si(row["limit"]), f"{row['share_of_limit']:.0%}", f"{row['rate'] / row['cgbn']:.2f}" if row["cgbn"] else "",
    ]  # fmt: skip


def _lanes(row: dict[str, Any]) -> str:
    """Lanes and what each holds: limbs of an integer, or so many of both numbers of a pair."""
    limbs = row["limbs_a_lane"]
    return f"{row['lanes']} x {limbs}" if not row["paired"] else f"{row['lanes']} x 2 x {limbs // 2}"


def _composite_cells(row: dict[str, Any]) -> list[str]:
    name, bits, share = max(row["shares"], key=lambda each: each[2])
    most = f"{name}, {bits} bits: {share:.0%}" if share < 1 else f"{name}, {bits} bits"
    return [row["operation"], str(row["bits"]), si(row["rate"]), si(row["wanted"]) if row["wanted"] else "", most]


def _inventory_table(kernels: list[dict[str, Any]]) -> Table:
    """Registers by size; what spills is marked with its bytes."""
    names = sorted({(row["paired"], row["kernel"], row["flag"]) for row in kernels}, key=str)
    cells = {(row["paired"], row["kernel"], row["flag"], row["bits"]): _registers(row) for row in kernels}
    rows = [
        [_named(_called(*each), paired), *(cells.get((paired, *each, bits), "") for bits in _SIZES)]
        for paired, *each in names
    ]
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
