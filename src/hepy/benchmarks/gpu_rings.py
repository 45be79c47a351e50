"""What a GPU does with rings, beside what limits it: ring kernels one by one, and CKKS from Python, as it is and compiled.

Three times of a call. *From Python*: of many in a row, until the last result is there. *Queueing*: what Python takes to ask
for it. *Kernels*: what the GPU takes for it when it never waits for Python: between two events, with other work queued
before the first. Where numbers come from the host or go there, only the first can be told.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import ckks
from hepy._devices import Device
from hepy.benchmarks import ckks_runner, rooflines, tuning
from hepy.benchmarks.launches import Launch, noting
from hepy.benchmarks.rooflines import LOG_N
from hepy.benchmarks.rooflines_report import microseconds
from hepy.benchmarks.tables import Table
from hepy.benchmarks.tuning import Timer

# Seconds that Python takes to queue one call, and that the device takes for it; None where it always waited for Python.
Watch = Callable[[Device, Callable[[], Any], int], tuple[float, float | None]]

_SEED = bytes(range(32))  # of keys whose ciphertexts protect nothing
_SHORTEST, _SAMPLES = 0.02, 3  # seconds of a sample, and how many
_QUEUED = 384  # launches of one sample: a driver takes some thousand before it lets Python wait
_MOST_CALLS = 16
_BALLAST_BYTES, _MOST_BALLAST = 256 << 20, 512  # of a copy before the timed work, some 0.2 ms, and of how many at most
_DRAWN = 1 << 12


@dataclass(frozen=True)
class Case:
    """CKKS of one parameter set; depth and batches: of ciphertexts."""

    log_n: int
    depth: int
    batches: tuple[int, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """The top, the middle, and the last from which a product can be made."""
        return tuple(dict.fromkeys((self.depth, self.depth // 2, 1)))


@dataclass(frozen=True)
class Plan:
    """How much is timed.

    Attributes:
        log_n: rings of the kernels.
        words: of a kernel's result.
        cases: of CKKS.
        security: of their parameters.
    """

    log_n: tuple[int, ...] = LOG_N
    words: int = rooflines.WORDS
    cases: tuple[Case, ...] = (
        Case(16, rooflines.DEPTH, rooflines.BATCHES),
        *(Case(log_n, depth, (64,)) for log_n, depth in ckks_runner.Plan().rings),
    )
    security: int | None = 128


PRESETS = {
    "full": Plan(),
    # For tests of this file: such rings have no security, and their figures mean nothing.
    "tiny": Plan((5,), 1 << 10, (Case(5, 4, (2,)),), None),
}


@dataclass(frozen=True)
class KernelTime:
    """Seconds of one ring kernel.

    Attributes:
        words: of its result.
        kernels: of the GPU; None where they could not be told from Python's.
        limit: of rooflines.py.
    """

    kernel: str
    log_n: int
    words: int
    kernels: float | None
    limit: float


@dataclass(frozen=True)
class OperationTime:
    """Seconds of one CKKS operation on a batch; see the head of this file.

    Attributes:
        compiled: by ckks.compile; `kernels` has a graph's copies of what goes in and comes out, `limit` has not.
        launches: of kernels, copies included, as rooflines.py notes them.
        limit: of rooflines.py.
    """

    operation: str
    log_n: int
    level: int
    batch: int
    compiled: bool
    launches: int
    seconds: float
    queueing: float | None
    kernels: float | None
    limit: float


def timed(device: Device, work: Callable[[], Any]) -> float:
    """As tuning.timed, in less time."""
    return tuning.timed(device, work, shortest=_SHORTEST, samples=_SAMPLES)


def watched(device: Device, work: Callable[[], Any], calls: int) -> tuple[float, float | None]:
    """A Watch: the least of some samples, each of so many calls that are queued behind copies in the GPU's memory.

    A sample counts if the copies were still under way when all calls were queued. Else there have to be more of them, and
    work for which Python itself waits comes to an end of that.
    """
    cuda = device.xp.cuda
    with device.active():
        work()
        ballast = device.empty((2, _BALLAST_BYTES), np.uint8)
        begin, end = cuda.Event(), cuda.Event()
        copies, samples = 1, list[tuple[float, float]]()
        while len(samples) < _SAMPLES:
            device.stream.synchronize()
            for _ in range(copies):
                ballast[0] = ballast[1]
            begin.record()
            clock = time.perf_counter()
            for _ in range(calls):
                work()
            queueing = (time.perf_counter() - clock) / calls
            behind = not begin.done
            end.record()
            end.synchronize()
            if behind:
                samples.append((queueing, cuda.get_elapsed_time(begin, end) * 1e-3 / calls))
            elif copies < _MOST_BALLAST:
                copies *= 2
            else:
                return queueing, None
    return min(each for each, _ in samples), min(each for _, each in samples)


def _calls(launches: Sequence[Launch]) -> int:
    return max(1, min(_MOST_CALLS, _QUEUED // max(1, len(launches))))


def filled(device: Device, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
    """Numbers below 2^29 on the device, as any type: few are drawn, which no kernel notices."""
    few = np.random.default_rng(0).integers(0, 1 << 29, _DRAWN).astype(dtype)
    count = int(np.prod(shape))
    with device.active():
        return device.xp.tile(device.asarray(few), -(-count // _DRAWN))[:count].reshape(shape)


def kernel_times(device: Device, watch: Watch, plan: Plan) -> Iterator[KernelTime]:
    """Each kernel of the rooflines' table, alone."""
    for log_n in plan.log_n:
        # Before the device is asked for kernels: noting has it forget them.
        noted = rooflines.launched(log_n, plan.words)
        calls = rooflines.calls(log_n, device, functools.partial(filled, device), plan.words)
        for name, call in calls.items():
            _, kernels = watch(device, call, _calls(noted[name]))
            yield KernelTime(name, log_n, int(noted[name][-1].written) // 4, kernels, rooflines.total(noted[name]))


Work = dict[str, tuple[Callable[..., Any], tuple[ckks.CiphertextArray, ...]]]


def works(context: ckks.Context, level: int, batch: int) -> Work:
    """Operations under the names of rooflines.py: functions, and the ciphertexts that they take, none where it is no circuit."""
    values = np.linspace(-1, 1, batch * context.parameters.slots).reshape(batch, -1)
    x, y = context.encrypt(values, level=level), context.encrypt(values[::-1], level=level)
    weights, public = context.encode(values, level=level), context.public()
    steps = list(range(1, rooflines.ROTATIONS + 1))
    return {
        "add": (lambda x, y: x + y, (x, y)),
        "ct × pt": (lambda x: x.multiply(weights, lazy=True), (x,)),
        "rescale": (lambda x: x.rescale(), (x.multiply(weights, lazy=True),)),
        "multiply": (lambda x, y: x * y, (x, y)),
        "rotate": (lambda x: x.rotate(1), (x,)),
        f"rotate, {len(steps)} steps": (lambda x: x.rotate(steps), (x,)),
        "encode": (lambda: public.encode(values, level=level), ()),
        "encrypt": (lambda: public.encrypt(values, level=level), ()),
        "decrypt": (lambda: context.decrypt(x), ()),
    }


def operation_times(
    device: Device, timer: Timer, watch: Watch, case: Case, security: int | None
) -> Iterator[OperationTime]:
    """Of CKKS from Python on the current device, at each level and batch."""
    parameters = ckks.Parameters(log_n=case.log_n, depth=case.depth, scale_bits=rooflines.SCALE_BITS, security=security)
    noted = _noted(parameters, case)
    context = ckks.Context(parameters, rotations=range(1, rooflines.ROTATIONS + 1), seed=_SEED)
    context.keys.make(relinearization=True)
    for level, batch in _places(case):
        for name, (function, inputs) in works(context, level, batch).items():
            launches = noted[name, level, batch]
            for compiled in (False, True) if inputs else (False,):
                call = functools.partial(ckks.compile(function) if compiled else function, *inputs)
                seconds = timer(device, call)
                queueing, kernels = watch(device, call, _calls(launches)) if inputs else (None, None)
                yield OperationTime(
                    name, case.log_n, level, batch, compiled, len(launches), seconds, queueing, kernels,
                    rooflines.total(launches),
                )  # fmt: skip


def _places(case: Case) -> list[tuple[int, int]]:
    return [(level, batch) for level in case.levels for batch in case.batches]


def _noted(parameters: ckks.Parameters, case: Case) -> dict[tuple[str, int, int], list[Launch]]:
    """What each operation launches at each level and batch."""
    with noting() as (device, notes):
        made = rooflines.Operations(parameters, device, notes)
        return {
            (name, level, batch): made.launches(name, level, batch)
            for name in rooflines.OPERATIONS + rooflines.WITH_NUMBERS
            for level, batch in _places(case)
        }


def kernel_table(times: Sequence[KernelTime], limits_of: str) -> Table:
    """A row a kernel, for each ring its time and how often that is the limit."""
    rings = sorted({each.log_n for each in times})
    found = {(each.kernel, each.log_n): each for each in times}
    rows = [
        [name, *(cell for log_n in rings for cell in _beside(found.get((name, log_n))))]
        for name in dict.fromkeys(each.kernel for each in times)
    ]
    columns = [column for log_n in rings for column in (f"2^{log_n}, µs", "of limit")]
    return Table(f"Ring kernels, limits of {limits_of}", ["kernel", *columns], rows)


def operation_table(times: Sequence[OperationTime], limits_of: str) -> Table:
    """A row an operation, level, batch and way of calling it; the last column is the share of the kernels' own rate."""
    columns = ["operation", "N", "level", "batch", "way", "from Python, µs", "queueing, µs", "launches", "limit, µs",
               "kernels, µs", "of limit", "of kernels' rate"]  # fmt: skip
    rows = [
        [
            x.operation, f"2^{x.log_n}", str(x.level), str(x.batch), "compiled" if x.compiled else "",
            microseconds(x.seconds), "" if x.queueing is None else microseconds(x.queueing), str(x.launches),
            microseconds(x.limit),
            *_beside(x), "" if x.kernels is None else f"{x.kernels / x.seconds:.0%}",
        ]
        for x in times
    ]  # fmt: skip
    return Table(f"CKKS from Python, limits of {limits_of}", columns, rows)


def _beside(found: KernelTime | OperationTime | None) -> list[str]:
    if found is None or found.kernels is None:
        return ["", ""]
    return [microseconds(found.kernels), f"{found.kernels / found.limit:.2f}"]
