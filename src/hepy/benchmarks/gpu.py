"""What a GPU does, beside what was predicted: rates of bigint's kernels, and of Paillier from Python; then rings and CKKS.

One run on one machine, three or four minutes: Paillier's operations from Python, with ciphertexts on the GPU and numbers from
the host, and how little work fills the GPU; then CKKS and ring kernels, which are gpu_rings.py's; then each kernel of big
integers alone. What matters most comes first, since a run that is ended (by SIGTERM) keeps what it has. Predictions come
from the newest ledger of the instruction counter.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from hepy import _devices, paillier
from hepy._devices import Device
from hepy.benchmarks import gpu_rings, ledger, predictions, tuning
from hepy.benchmarks.instructions import H100
from hepy.benchmarks.tables import Table
from hepy.benchmarks.tuning import Load, Rig, Timer
from hepy.errors import HepyError, ParameterError

FOLDER = ledger.FOLDER / "gpu"
KEY_BITS = (2048, 3072)
_SEED = bytes(range(32))  # of keys whose ciphertexts protect nothing
_BINS = 64  # elements of a histogram for each of its bins, as the prediction has it
_HALF = 0.5
Time = TypeVar("Time")


@dataclass(frozen=True)
class Rate:
    """Items a second of one operation.

    Attributes:
        bits: of the modulus for a kernel, of the key for Paillier.
        predicted: of the newest ledger of predictions; None where it has none.
    """

    operation: str
    bits: int
    items: int
    rate: float
    predicted: float | None

    def cells(self) -> list[str]:
        share = f"{self.rate / self.predicted:.0%}" if self.predicted else ""
        predicted = predictions.si(self.predicted) if self.predicted else ""
        return [self.operation, str(self.bits), f"{self.items:.3g}", predictions.si(self.rate), predicted, share]


Predicted = dict[tuple[str, int], float]


def predicted(record: dict[str, Any] | None) -> tuple[Predicted, Predicted]:
    """Rates of kernels and of Paillier's operations that a ledger foretells, by name and bits."""
    if record is None:
        return {}, {}
    kernels = {(row["operation"], row["bits"]): row["rate"] for row in record["predictions"]}
    return kernels, {(row["operation"], row["bits"]): row["rate"] for row in record["paillier"]}


def _timer(device: Device, work: Callable[[], Any]) -> float:
    """As tuning.timed, in half the time."""
    return tuning.timed(device, work, shortest=0.05, samples=3)


def kernel_rates(device: Device, timer: Timer, load: Load, foretold: Predicted) -> Iterator[Rate]:
    """Products, squares, powers and fixed bases of every size, by the chosen rows."""
    rows = tuning.rows_of(device)[: device.native.bigint.chosen]
    for at, row in enumerate(rows):
        rig = Rig(device, row.bits, load)
        work = rig.operations(at) | {"fixed base": rig.comb(at, row.comb_window)}
        for name, call in work.items():
            bits = {"power": rig.exponent_bits, "fixed base": rig.comb_bits}.get(name)
            title = name if bits is None else f"{name}, {bits}-bit exponent"
            items = rig.powers if bits else rig.products
            yield Rate(title, row.bits, items, items / timer(device, call), foretold.get((title, row.bits)))


def operations(key: Any, items: int) -> dict[str, Callable[[], Any]]:
    """Paillier's operations on so many items, on the current device, under the names of the predictions."""
    numbers = np.arange(items, dtype=np.int64)
    x, y = key.public_key.encrypt(numbers), key.public_key.encrypt(numbers[::-1])
    factors = np.full(items, (1 << 62) + 1, np.int64)
    bins = numbers % max(1, items // _BINS)
    return {
        "encrypt": lambda: key.public_key.encrypt(numbers),
        "encrypt, key owner": lambda: key.encrypt(numbers),
        "decrypt": lambda: key.decrypt(x),
        "ct + ct": lambda: x + y,
        "ct + 64-bit integer": lambda: x + factors,
        "ct × 64-bit integer": lambda: x * factors,
        "histogram": lambda: x.segment_sum(bins, int(bins.max()) + 1),
    }


def paillier_rates(key: Any, device: Device, timer: Timer, items: int, foretold: Predicted) -> Iterator[Rate]:
    bits = key.public_key.n.bit_length()
    for name, call in operations(key, items).items():
        yield Rate(name, bits, items, items / timer(device, call), foretold.get((name, bits)))


@dataclass(frozen=True)
class Latency:
    """How small batches fare: seconds of one item, and the smallest batch that reaches half of the full speed."""

    operation: str
    bits: int
    one: float
    half: int | None  # None: not below the full batch


def latencies(key: Any, device: Device, timer: Timer, full: Sequence[Rate]) -> Iterator[Latency]:
    """Of encryption and decryption, by powers of two."""
    for rate in full:
        if rate.operation not in ("encrypt", "decrypt"):
            continue
        one, half, items = 0.0, None, 1
        while items < rate.items and half is None:
            seconds = timer(device, operations(key, items)[rate.operation])
            one = one or seconds
            half = items if items / seconds >= _HALF * rate.rate else None
            items *= 2
        yield Latency(rate.operation, rate.bits, one, half)


def table(rates: Sequence[Rate], title: str) -> Table:
    columns = ["operation", "bits", "items", "items a second", "predicted", "of prediction"]
    return Table(title, columns, [rate.cells() for rate in rates])


def latency_table(found: Sequence[Latency]) -> Table:
    rows = [
        [each.operation, str(each.bits), f"{each.one * 1e3:.2f} ms", "" if each.half is None else str(each.half)]
        for each in found
    ]
    return Table("Small batches", ["operation", "key bits", "one item", "half of full speed from"], rows)


class _CutOff(Exception):
    """The process was asked to end."""


class Measuring:
    """What is measured one after the other, each as far as it goes.

    Attributes:
        absent: what is missing from the ledger, and why.
    """

    def __init__(self) -> None:
        self.absent: list[dict[str, str]] = []
        self._ended = False

    def __call__(self, what: str, times: Iterator[Time]) -> list[Time]:
        """The times up to an error or the end, which take nothing from what was measured before."""
        found, reason = list[Time](), "there was no time left"
        if not self._ended:
            try:
                for each in times:
                    found.append(each)
                return found
            except HepyError as error:
                reason = str(error)
            except _CutOff:
                self._ended = True
        click.echo(f"{what}: {reason}", err=True)
        self.absent.append({"engine": "hepy", "what": what, "reason": reason})
        return found


@contextmanager
def _keeping_what_was_measured() -> Iterator[None]:
    """SIGTERM, as timeout sends it, ends the measurement and not the process."""

    def end(*_: Any) -> None:
        raise _CutOff

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command("gpu")
@click.option("--device", "name", default="cuda:0", show_default=True, help="The GPU at hand.")
@click.option("--items", default=1 << 20, show_default=True, help="Items of Paillier's operations.")
@click.option("--bits", type=int, multiple=True, help="Key lengths, in place of 2048 and 3072.")
@click.option(
    "--rings", type=click.Choice(sorted(gpu_rings.PRESETS)), default="full", help="How much of rings and CKKS."
)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="For the ledger.")
def command(name: str, items: int, bits: tuple[int, ...], rings: str, folder: Path) -> None:
    """Time kernels, Paillier and CKKS on a GPU, beside predictions and limits, and keep the figures."""
    from rich.console import Console

    device = _devices.resolve(name)
    if device.properties().compute_capability is None:
        raise ParameterError(f"{name!r} is no GPU: its times say nothing of one")
    run = ledger.Run()
    found = predictions.newest()
    of_kernels, of_paillier = predicted(None if found is None else found[0])
    console, model, measured = Console(width=160), device.properties().name, Measuring()
    plan, timer = gpu_rings.PRESETS[rings], _timer
    rates, small, of_operations = list[Rate](), list[Latency](), list[gpu_rings.OperationTime]()
    with _devices.device(device), _keeping_what_was_measured():
        for length in bits or KEY_BITS:
            key = paillier.generate_key(bits=length, seed=_SEED, insecure=length < 2048)
            made = paillier_rates(key, device, timer, items, of_paillier)
            rates += (now := measured(f"Paillier, {length} bits", made))
            small += measured(f"small batches, {length} bits", latencies(key, device, timer, now))
        console.print(table(rates, f"Paillier (djn) from Python on {model}").rich())
        console.print(latency_table(small).rich())
        for case in plan.cases:
            times = gpu_rings.operation_times(device, gpu_rings.timed, gpu_rings.watched, case, plan.security)
            of_operations += (ran := measured(f"CKKS, N = 2^{case.log_n}", times))
            console.print(gpu_rings.operation_table(ran, H100.name).rich())
        of_rings = measured("ring kernels", gpu_rings.kernel_times(device, gpu_rings.watched, plan))
        console.print(gpu_rings.kernel_table(of_rings, H100.name).rich())
        kernels = measured("kernels of big integers", kernel_rates(device, timer, Load(), of_kernels))
        console.print(table(kernels, f"Kernels on {model}").rich())
    native = device.native
    record = run.record(
        parameters={
            "gpu": model, "predictions": None if found is None else found[1], "limits": H100.name,
        },
        versions={"cuda": {"toolkit": str(native.toolkit_version), "driver": str(native.driver_version())}},
        absent=measured.absent, memory=[], kernels=[vars(rate) for rate in kernels],
        paillier=[vars(rate) for rate in rates], latencies=[vars(each) for each in small],
        ring_kernels=[vars(each) for each in of_rings], ckks=[vars(each) for each in of_operations],
    )  # fmt: skip
    click.echo(f"kept in {ledger.write(record, folder)}")
