"""Engines side by side: their worker processes, their turns, and what the samples of a row come to.

All engines of a section are alive together and take turns, A B C A B C: what disturbs the machine disturbs them all.
Whoever works on one core is pinned to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from hepy.benchmarks import environments, figures
from hepy.benchmarks.client import Worker, WorkerError
from hepy.benchmarks.specifications import Specification


@dataclasses.dataclass
class Results:
    """Rows that were measured, engines that were not, and versions of what ran."""

    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    absent: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    versions: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def missing(self, engine: Specification, what: str, reason: object) -> None:
        """Remember, once, that an engine could not do something."""
        entry = {"engine": str(engine), "what": what, "reason": str(reason)}
        if entry not in self.absent:
            self.absent.append(entry)


class Team:
    """The workers of one engine.

    Attributes:
        form: "threads": one process on all cores, whether or not its calls use them; "processes": one a core, of one
            thread; "own": threads where the library has any, and else processes.
    """

    def __init__(self, specification: Specification, cores: Sequence[int], form: str = "own") -> None:
        self.specification, self.form = specification, form
        together, apart = [list(cores)], [[core] for core in cores]
        self.workers = self._started(apart if form == "processes" else together)
        self.fixed: list[float] = []
        self.first_key: list[dict[str, Any]] = []
        try:
            self.about = self.ask("describe")[0]
            if form == "own" and len(cores) > 1 and not self.about["threads"]:
                self.close()
                self.workers = self._started(apart)
                self.ask("describe")
        except WorkerError:
            self.close()
            raise

    def _started(self, places: Sequence[Sequence[int]]) -> list[Worker]:
        """A worker for each set of cores."""
        return [Worker(self.specification, cores) for cores in places]

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

    def seconds(self) -> float:
        """Of one call of what was prepared."""
        return statistics.fmean(answer["wall"] for answer in self.ask("time", repeats=1))

    def measures(self, operation: str) -> bool:
        wanted = self.specification.operations
        return operation in self.about["operations"] and (wanted is None or operation in wanted)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def installed(specifications: Sequence[Specification], results: Results) -> list[Specification]:
    """Those that can run here; the others are named in the results."""
    present = []
    for specification in specifications:
        reason = environments.unavailable(specification.library) if specification.peer else None
        if reason is None:
            present.append(specification)
        else:
            results.missing(specification, "everything", reason)
    return present


@contextlib.contextmanager
def teams(
    specifications: Sequence[Specification], threads: str, results: Results, forms: Sequence[str] = ("own",)
) -> Iterator[list[Team]]:
    """The engines' processes, on one core or on all and there in each of these forms, until the block ends."""
    cores = sorted(os.sched_getaffinity(0))[: 1 if threads == "one" else None]
    if len(cores) == 1:
        forms = ("own",)
    with contextlib.ExitStack() as stack:
        made = []
        for specification, form in itertools.product(specifications, forms):
            try:
                team = Team(specification, cores, form)
            except WorkerError as error:
                results.missing(specification, "everything", error)
                continue
            stack.callback(team.close)
            results.versions[str(specification)] = team.about["versions"]
            made.append(team)
        yield made


@dataclasses.dataclass
class Turn:
    """What an engine does in its turns, and its samples: one answer a worker."""

    team: Team
    items: int
    repeats: int
    rounds: int
    samples: list[list[dict[str, Any]]] = dataclasses.field(default_factory=list)


def race(turns: list[Turn], what: str, results: Results) -> None:
    """The rounds, interleaved; an engine that fails on the way drops out and is named."""
    for round_ in range(max((turn.rounds for turn in turns), default=0)):
        for turn in list(turns):
            if round_ < turn.rounds:
                try:
                    turn.samples.append(turn.team.ask("time", repeats=turn.repeats))
                except WorkerError as error:
                    results.missing(turn.team.specification, what, error)
                    turns.remove(turn)


def row(turn: Turn, operation: str, threads: str) -> dict[str, Any]:
    """What every row of the ledger says."""
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
