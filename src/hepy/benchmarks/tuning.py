"""Which lanes, warps, blocks and windows are fastest on a GPU: times variants of kernels and refills the table of choices.

The modules for this are built with -DHEPY_TUNE=ON (`make tune` does so): they hold the variants of cuda/bigint/variants.inc
beside the chosen rows. All rows of a size keep integers alike, so they are timed on the same batches. A size gets the row
with the least time over all operations: each operation's time counts relative to the fastest row's, by geometric mean.
The comb's window is then timed with that row.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from hepy import _devices
from hepy import _limbs as limb
from hepy._devices import Device
from hepy.benchmarks.tables import Table
from hepy.errors import DeviceError, ParameterError

TABLE = Path("cuda/bigint/choices.inc")

Timer = Callable[[Device, Callable[[], None]], float]  # seconds that a piece of work takes, once the device is warm

_WINDOWS = range(4, 11)
_TABLE_BYTES = 64 << 20  # a comb's table at most: more than any L2, and already a burden for a key
_CLEARLY = 0.98  # a wider window, whose tables are twice as large, has to be faster than this


@dataclass(frozen=True)
class Row:
    """A row of the table; see cuda/bigint/choices.hpp."""

    architecture: int
    limbs: int
    threads: int
    warps: int
    blocks: int
    comb_window: int

    @property
    def bits(self) -> int:
        return 32 * self.limbs

    def text(self) -> str:
        numbers = f"{self.architecture}, {self.limbs}, {self.threads}, {self.warps}, {self.blocks}, {self.comb_window}"
        return f"{'{' + numbers + '},':<25}// {self.bits} bits"

    def shape(self) -> str:
        return f"{self.threads} x {self.limbs // self.threads}, {self.warps} warps, {self.blocks} blocks"


@dataclass(frozen=True)
class Load:
    """How much work is timed at once.

    Attributes:
        products: elements of a batch of products, of 1024 bits; longer ones fewer in proportion.
        powers: elements of a batch of powers, of 2048 bits or less; longer ones fewer in proportion.
        exponent_share: bits of a power's exponent for each bit of the modulus: one half is a decryption's.
    """

    products: int = 1 << 20
    powers: int = 1 << 15
    exponent_share: float = 0.5


class Rig:
    """Batches of one size on one device, and the timed operations on them.

    Results are not looked at: tests do so for every row.

    Attributes:
        products: elements of a batch of products or squares.
        powers: elements of a batch of powers, of many bases or of one.
        exponent_bits, comb_bits: of the exponents of many bases, and of one.
    """

    def __init__(self, device: Device, bits: int, load: Load) -> None:
        self._device, self._native = device, device.native.bigint
        self._words, self._bits = bits // 32, bits
        source = random.Random(bits)
        n, radix = source.getrandbits(bits) | 1 << bits - 1 | 1, 1 << bits
        minus_inverse = -pow(n, -1, 1 << 32) % (1 << 32)
        numbers = limb.from_ints([n, radix % n, radix**2 % n, minus_inverse], self._words).ravel()
        self._constants = device.asarray(numbers[: 3 * self._words + 4])
        self.products = max(1, load.products * 1024 // bits)
        self.powers = max(1, load.powers * 2048 // max(bits, 2048))
        self.exponent_bits = max(1, int(bits * load.exponent_share))
        self.comb_bits = max(1, self.exponent_bits // 2)
        largest = max(self.products, self.powers)
        self._x = self._random(source, largest)
        self._out = device.empty((largest, self._words), "uint32")
        self._exponents = self._random(source, self.powers)

    def _random(self, source: random.Random, count: int) -> Any:
        """uint32[count, words] of any bits: few of them are drawn, which no kernel notices."""
        few = limb.from_ints([source.getrandbits(self._bits) for _ in range(min(count, 64))], self._words)
        with self._device.active():
            here = self._device.asarray(few)
            return self._device.xp.tile(here, (-(-count // len(few)), 1))[:count]

    def operations(self, row: int) -> dict[str, Callable[[], None]]:
        """What is timed of a row, by name."""
        modulus = self._native.Modulus(self._device.stream, self._constants, self._words, row)
        x = self._native.Operand(self._x)
        window = self._native.power_window(self.exponent_bits)
        slots = modulus.whole_blocks(self.powers)
        tables = self._device.empty((slots, 1 << window, self._words), "uint32")
        exponents = self._native.Exponents(self._exponents, self._words, self.exponent_bits)

        def run(name: str, *arguments: Any) -> Callable[[], None]:
            return lambda: getattr(self._native, name)(self._device.stream, modulus, self._out, *arguments)

        return {
            "product": run("multiply", x, x, self.products),
            "square": run("square", x, self.products),
            "power": run("power", x, exponents, "uniform", window, tables, slots, self.powers),
            "fixed base": self.comb(row, min(_WINDOWS.stop - 1, 8)),
        }

    def comb_bytes(self, window: int) -> int:
        return int(4 * self._words << window) * -(-self.comb_bits // window)

    def comb(self, row: int, window: int) -> Callable[[], None]:
        """Powers of one base by a table of that window; what is in the table does not matter."""
        modulus = self._native.Modulus(self._device.stream, self._constants, self._words, row)
        positions = -(-self.comb_bits // window)
        table = self._random(random.Random(window), positions << window)
        exponents = self._native.Exponents(self._exponents, self._words, self.comb_bits)

        def work() -> None:
            self._native.fixed_base_power(
                self._device.stream, modulus, self._out, table, exponents, "uniform", window, self.powers
            )

        return work


@dataclass(frozen=True)
class Timing:
    """One row's times.

    Attributes:
        seconds: by operation.
        score: geometric mean of the times relative to the fastest row's; None for a row that could not run.
    """

    row: Row
    seconds: dict[str, float]
    score: float | None


def timed(device: Device, work: Callable[[], Any], *, shortest: float = 0.1, samples: int = 5) -> float:
    """Seconds of one call: the least of some samples, each of calls for at least so many seconds."""
    work()
    device.stream.synchronize()
    calls, found = 1, list[float]()
    while len(found) < samples:
        clock = time.perf_counter()
        for _ in range(calls):
            work()
        device.stream.synchronize()
        taken = time.perf_counter() - clock
        if taken < shortest and calls < 1 << 20:
            calls *= 2
        else:
            found.append(taken / calls)
    return min(found)


def rows_of(device: Device) -> list[Row]:
    """The rows that the device's module holds, in its numbering."""
    return [Row(*numbers) for numbers in device.native.bigint.rows()]


def tune_size(device: Device, bits: int, timer: Timer, load: Load) -> tuple[Row, list[Timing]]:
    """The best row for one size, with its comb window, and the times of all; the row has no architecture yet."""
    rig, rows = Rig(device, bits, load), rows_of(device)
    seen: dict[str, int] = {}
    for at, row in enumerate(rows):
        if row.bits == bits:
            seen.setdefault(row.shape(), at)  # a variant that equals a chosen row is timed once
    measured: dict[int, dict[str, float]] = {}
    for at in seen.values():
        try:
            measured[at] = {name: timer(device, work) for name, work in rig.operations(at).items()}
        except DeviceError:  # more registers or shared memory than this GPU has
            measured[at] = {}
    scores = _scores(measured)
    if not scores:
        raise DeviceError(f"no row of {bits} bits runs on {device.name!r}: nothing can be chosen")
    best = min(scores, key=lambda at: scores[at])
    window = _best_window(device, rig, best, timer)
    timings = [Timing(rows[at], seconds, scores.get(at)) for at, seconds in measured.items()]
    return replace(rows[best], architecture=0, comb_window=window), timings


def _scores(measured: dict[int, dict[str, float]]) -> dict[int, float]:
    """Geometric means of times relative to the fastest, of the rows that ran."""
    ran = {at: seconds for at, seconds in measured.items() if seconds}
    if not ran:
        return {}
    names = next(iter(ran.values()))
    fastest = {name: min(seconds[name] for seconds in ran.values()) for name in names}
    return {
        at: math.prod(seconds[name] / fastest[name] for name in names) ** (1 / len(names))
        for at, seconds in ran.items()
    }


def _best_window(device: Device, rig: Rig, row: int, timer: Timer) -> int:
    best, least = _WINDOWS.start, math.inf
    for window in _WINDOWS:
        if rig.comb_bytes(window) > _TABLE_BYTES and window > _WINDOWS.start:
            break
        seconds = timer(device, rig.comb(row, window))
        if seconds < least * _CLEARLY:
            best, least = window, seconds
    return best


def refill(text: str, rows: Sequence[Row]) -> str:
    """The table's file with these rows in place of those of the same architecture and size; the rest as it was, in order.

    Raises:
        ParameterError: the file holds what is neither a comment nor a row.
    """
    kept: dict[tuple[int, int], Row] = {}
    head = []
    for number, line in enumerate(text.splitlines(), 1):
        row = re.fullmatch(r"\{(\d+), (\d+), (\d+), (\d+), (\d+), (\d+)\},\s*(?://.*)?", line.strip())
        if row:
            found = Row(*map(int, row.groups()))
            kept[found.architecture, found.limbs] = found
        elif not line.strip() or line.startswith("//"):
            head.append(line)
        else:
            raise ParameterError(f"line {number} of the table is neither a row nor a comment: {line!r}")
    kept.update({(row.architecture, row.limbs): row for row in rows})
    return "\n".join([*head, *(kept[key].text() for key in sorted(kept))]) + "\n"


def table(timings: list[Timing], chosen: Sequence[Row]) -> Table:
    """All times, for people; the chosen row of a size is marked."""
    marks = {(row.limbs, row.shape()) for row in chosen}
    names = list(next(timing.seconds for timing in timings if timing.seconds))
    lines = [
        [
            str(timing.row.bits),
            timing.row.shape() + (" *" if (timing.row.limbs, timing.row.shape()) in marks else ""),
            *(f"{timing.seconds[name] * 1e3:.3f}" if timing.seconds else "does not run" for name in names),
            "" if timing.score is None else f"{timing.score:.3f}",
        ]
        for timing in timings
    ]
    return Table("Milliseconds a launch, and the mean relative to the fastest", ["bits", "row", *names, "mean"], lines)


@click.command("tune")
@click.option("--device", "name", default="cuda:0", show_default=True, help="The GPU at hand.")
@click.option("--bits", type=int, multiple=True, help="Sizes, in place of all.")
@click.option("--table", "path", type=click.Path(path_type=Path), default=TABLE, show_default=True, help="To refill.")
def command(name: str, bits: tuple[int, ...], path: Path) -> None:
    """Time variants of bigint's kernels on the GPU at hand, and refill the table that picks them."""
    from rich.console import Console

    try:
        device = _devices.resolve(name)
        capability = device.properties().compute_capability
        if capability is None:
            raise DeviceError(f"{device.name!r} is no GPU: its times say nothing of one")
        sizes = _sizes(device, bits)
    except (DeviceError, ParameterError) as error:
        raise type(error)(f"nothing was tuned, and {path} is as it was: {error}") from None
    text = path.read_text()
    refill(text, [])  # what cannot be refilled is better known before
    chosen, timings = [], []
    for size in sizes:
        click.echo(f"{size} bits", err=True)
        with _devices.device(device):
            row, times = tune_size(device, size, timed, Load())
        chosen.append(replace(row, architecture=10 * capability[0] + capability[1]))
        timings += times
    Console(width=160).print(table(timings, chosen).rich())
    path.write_text(refill(text, chosen))
    click.echo(f"{path} has new rows for {device.properties().name}: build again, run `make gpu-check`, and keep it")


def _sizes(device: Device, bits: tuple[int, ...]) -> list[int]:
    """The sizes to tune, if the module was built for it."""
    rows = rows_of(device)
    if len(rows) == device.native.bigint.chosen:
        raise ParameterError("these kernels were built without variants: use `make tune`, or build with -DHEPY_TUNE=ON")
    known = sorted({row.bits for row in rows})
    unknown = sorted(set(bits) - set(known))
    if unknown:
        raise ParameterError(f"there are no kernels for {unknown} bits: the sizes are {known}")
    return list(bits) or known
