"""A run: engines side by side, one operation after the other, rounds interleaved over the engines.

All engines of a section (one key length, one core or all) are alive together and take turns, A B C A B C: what
disturbs the machine disturbs them all. Whoever works on one core is pinned to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hepy.benchmarks import environments, figures
from hepy.benchmarks.client import Worker, WorkerError
from hepy.benchmarks.specifications import Specification
from hepy.benchmarks.workers.engine import OPERATIONS

# Estimated security of a modulus, NIST SP 800-57 part 1; shorter keys are for trying the harness out.
SECURITY_BITS = {2048: 112, 3072: 128, 4096: 152}


# Operations of one product take more elements than powers do: they end too soon for two cores otherwise.
_SIZES: dict[str, int] = (
    {"matmul": 8}
    | dict.fromkeys(("add", "histogram", "sum"), 1024)
    | dict.fromkeys(("encrypt", "encrypt_owner", "decrypt", "multiply"), 256)
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        key_bits: key lengths.
        threads: "one" and "all": sections on one core, on all cores.
        operations: rows.
        rounds: samples of each row.
        sizes: elements of a call where the engine is fast enough (columns for matmul, samples for histogram).
        shortest, longest: seconds of a sample: short calls are repeated, long ones get fewer elements.
        keygen_seconds: what an engine may spend on making keys; where one takes longer, it is the only sample.
    """

    key_bits: tuple[int, ...] = (2048, 3072)
    threads: tuple[str, ...] = ("one", "all")
    operations: tuple[str, ...] = OPERATIONS
    rounds: int = 5
    sizes: Mapping[str, int] = dataclasses.field(default_factory=_SIZES.copy)
    shortest: float = 0.05
    longest: float = 0.25
    keygen_seconds: float = 4.0


# Elements from which a first guess of an engine's speed is made.
_FIRST = {"matmul": 1, "histogram": 64, "sum": 64}

PRESETS = {
    "full": Plan(),
    "quick": Plan((2048,), ("one",), rounds=3, shortest=0.02, longest=0.1, keygen_seconds=0.5),
    # For tests of the harness itself: figures of such keys mean nothing.
    "tiny": Plan((512,), ("one",), rounds=2, sizes=dict.fromkeys(OPERATIONS, 32), shortest=0.001, longest=0.02,
                 keygen_seconds=0.05),
}  # fmt: skip


@dataclasses.dataclass
class Results:
    """Rows that were measured, engines that were not, and versions of what ran."""

    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    absent: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    versions: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def missing(self, engine: str, what: str, reason: str) -> None:
        """Remember, once, that an engine could not do something."""
        entry = {"engine": engine, "what": what, "reason": reason}
        if entry not in self.absent:
            self.absent.append(entry)


class _Team:
    """The workers of one engine: one process, or one a core where the library uses a single core a call."""

    def __init__(self, specification: Specification, cores: Sequence[int]) -> None:
        self.specification = specification
        self.workers = [Worker(specification, cores)]
        self.fixed: list[float] = []
        self.first_key: list[dict[str, Any]] = []
        try:
            self.about = self.ask("describe")[0]
            if len(cores) > 1 and not self.about["threads"]:
                self.close()
                self.workers = [Worker(specification, [core]) for core in cores]
                self.ask("describe")
        except WorkerError:
            self.close()
            raise

    def ask(self, do: str, **arguments: Any) -> list[dict[str, Any]]:
        """Ask all workers at once, and wait for all, also when one fails."""
        for worker in self.workers:
            worker.send(do, **arguments)
        answers: list[dict[str, Any]] = []
        failure = None
        for worker in self.workers:
            try:
                answers.append(worker.receive())
            except WorkerError as error:
                failure = error
        if failure is not None:
            raise failure
        return answers

    def measures(self, operation: str) -> bool:
        wanted = self.specification.operations
        return operation in self.about["operations"] and (wanted is None or operation in wanted)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def run(plan: Plan, specifications: Sequence[Specification], tell: Callable[[str], None]) -> Results:
    """Measure the plan for these engines; `tell` hears of progress."""
    results = Results()
    present = []
    for specification in specifications:
        reason = environments.unavailable(specification.library) if specification.peer else None
        if reason is None:
            present.append(specification)
        else:
            results.missing(str(specification), "everything", reason)
    for bits in plan.key_bits:
        for threads in plan.threads:
            with _teams(present, threads, results) as teams:
                _section(plan, bits, threads, teams, results, tell)
    return results


@contextlib.contextmanager
def _teams(specifications: Sequence[Specification], threads: str, results: Results) -> Iterator[list[_Team]]:
    cores = sorted(os.sched_getaffinity(0))[: 1 if threads == "one" else None]
    with contextlib.ExitStack() as stack:
        teams = []
        for specification in specifications:
            try:
                team = _Team(specification, cores)
            except WorkerError as error:
                results.missing(str(specification), "everything", str(error))
                continue
            stack.callback(team.close)
            results.versions[str(specification)] = team.about["versions"]
            teams.append(team)
        yield teams


def _section(
    plan: Plan, bits: int, threads: str, teams: list[_Team], results: Results, tell: Callable[[str], None]
) -> None:
    title = f"{bits} bits, {'one core' if threads == 'one' else 'all cores'}"
    tell(f"{title}: keys")
    ready = [team for team in teams if _has_key(team, bits, results)]
    for operation in plan.operations:
        tell(f"{title}: {operation}")
        turns = []
        for team in ready:
            if team.measures(operation):
                try:
                    turns.append(_keygen_turn(plan, team) if operation == "keygen" else _turn(plan, team, operation))
                except WorkerError as error:
                    results.missing(str(team.specification), f"{operation} at {bits} bits", str(error))
        _race(plan, turns, operation, bits, results)
        results.rows += [_row(turn, operation, bits, threads) for turn in turns if turn.samples]


def _has_key(team: _Team, bits: int, results: Results) -> bool:
    """Give the engine a key: the kept one where it makes none in the tables, else its own."""
    kept = {} if team.measures("keygen") else kept_keys().get(str(bits), {})
    try:
        team.first_key = team.ask("key", bits=bits, kept=kept)
    except WorkerError as error:
        results.missing(str(team.specification), f"everything at {bits} bits", str(error))
        return False
    return True


@functools.cache
def kept_keys() -> dict[str, dict[str, str]]:
    """Subgroup keys by length, as numbers in hexadecimal."""
    keys: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "subgroup_keys.json").read_text())["keys"]
    return keys


@dataclasses.dataclass
class _Turn:
    """What an engine does in its turns, and its samples: one answer a worker."""

    team: _Team
    items: int
    repeats: int
    rounds: int
    samples: list[list[dict[str, Any]]] = dataclasses.field(default_factory=list)


def _keygen_turn(plan: Plan, team: _Team) -> _Turn:
    """As many keys as the plan's time allows, or the one that was made to work with."""
    seconds = max(answer["wall"] for answer in team.first_key)
    if 2 * seconds > plan.keygen_seconds:
        return _Turn(team, 1, 1, 0, [team.first_key])
    team.ask("prepare", operation="keygen", size=1)
    # The time of a search is luck: many keys a sample rather than many samples.
    return _Turn(team, 1, max(1, round(plan.keygen_seconds / plan.rounds / seconds)), plan.rounds)


def _turn(plan: Plan, team: _Team, operation: str) -> _Turn:
    """After the check, a call of as many elements as fit the sample's time, repeated where they take less."""
    team.ask("check", operation=operation)
    size = _FIRST.get(operation, 8)
    team.ask("prepare", operation=operation, size=size)
    seconds = _seconds(team) / size
    size = plan.sizes[operation]
    while size > 1 and size * seconds > plan.longest:
        size //= 2
    items = team.ask("prepare", operation=operation, size=size)[0]["items"]
    return _Turn(team, items, max(1, math.ceil(plan.shortest / _seconds(team))), plan.rounds)


def _seconds(team: _Team) -> float:
    return statistics.fmean(answer["wall"] for answer in team.ask("time", repeats=1))


def _race(plan: Plan, turns: list[_Turn], operation: str, bits: int, results: Results) -> None:
    """The rounds, interleaved; an engine that fails on the way drops out and is named."""
    for round_ in range(plan.rounds):
        for turn in list(turns):
            if round_ < turn.rounds:
                try:
                    turn.samples.append(turn.team.ask("time", repeats=turn.repeats))
                except WorkerError as error:
                    results.missing(str(turn.team.specification), f"{operation} at {bits} bits", str(error))
                    turns.remove(turn)


def _row(turn: _Turn, operation: str, bits: int, threads: str) -> dict[str, Any]:
    team = turn.team
    team.fixed += [answer["fixed_cpu"] for answers in turn.samples for answer in answers]

    def of_worker(worker: int) -> list[float]:
        samples, items = [answers[worker] for answers in turn.samples], turn.items * turn.repeats
        if threads == "one":
            return figures.rates(samples, items, min(team.fixed))
        return figures.wall_rates(samples, items)

    # Processes side by side: their rates add.
    by_worker = [of_worker(worker) for worker in range(len(team.workers))]
    rates = [sum(round_) for round_ in zip(*by_worker, strict=True)]
    quartiles = figures.spread(rates)
    wall = sum(answer["wall"] for answers in turn.samples for answer in answers) / len(team.workers)
    cpu = sum(answer["cpu"] for answers in turn.samples for answer in answers)
    specification = team.specification
    return {
        "engine": str(specification),
        "library": specification.library,
        "device": specification.device,
        "variant": team.about["variant"],
        "timing": team.about["timing"],
        "key_bits": bits,
        "security_bits": SECURITY_BITS.get(bits, 0),
        "threads": threads,
        "processes": len(team.workers),
        "operation": operation,
        "items": turn.items,
        "repeats": turn.repeats,
        "rates": [_digits(rate) for rate in rates],
        "low": _digits(quartiles.low),
        "median": _digits(quartiles.median),
        "high": _digits(quartiles.high),
        "cores_used": round(cpu / wall, 2),
    }


def _digits(value: float) -> float:
    """Five significant digits: more would claim a precision that no sample has."""
    return float(f"{value:.5g}")
