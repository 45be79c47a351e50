"""A CKKS run: sections of one ring on one core or on all; precision and bytes of each engine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hepy.benchmarks import teams
from hepy.benchmarks.client import WorkerError
from hepy.benchmarks.specifications import Specification
from hepy.benchmarks.teams import Team, Turn
from hepy.benchmarks.workers.ckks.engine import OPERATIONS

SCALE_BITS = 40
LOW = 1  # the level near the bottom: the last from which a product can be made
# On all cores each engine runs twice: one process tells how soon one ciphertext is there, one process a core how many are.
FORMS = ("threads", "processes")
AFTER = ("encrypt", "multiply", "rotate", "squarings")


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        rings: (log2 N, depth).
        security: bits; 0 for tests of the harness.
        threads: "one" and "all": sections on one core, on all cores.
        operations: rows.
        batches: ciphertexts of a call.
        rounds: samples of each row.
        shortest, longest: seconds of a sample: short calls are repeated; a library that takes a batch as a loop gets fewer
            ciphertexts where the loop is long, for its rate stays the same.
        precision_seconds: what an engine may spend under each key on ciphertexts after one operation.
    """

    rings: tuple[tuple[int, int], ...] = ((13, 2), (14, 6), (15, 12))
    security: int = 128
    threads: tuple[str, ...] = ("one", "all")
    operations: tuple[str, ...] = OPERATIONS
    batches: tuple[int, ...] = (1, 16)
    rounds: int = 5
    shortest: float = 0.03
    longest: float = 0.15
    precision_seconds: float = 0.6


PRESETS = {
    "full": Plan(),
    "quick": Plan(((13, 2),), threads=("one",), rounds=3),
    # For tests of the harness itself: such rings have no security, and their figures mean nothing.
    "tiny": Plan(((6, 2),), 0, ("one",), batches=(1, 2), rounds=2, shortest=0.001, longest=0.02, precision_seconds=0.0),
}


@dataclasses.dataclass
class Results(teams.Results):
    """Rows, and besides them precision (bits of some ciphertexts) and sizes (bytes) by engine and ring."""

    precision: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    sizes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)


def run(plan: Plan, specifications: Sequence[Specification], tell: Callable[[str], None]) -> Results:
    """Measure the plan for these engines; `tell` hears of progress."""
    results = Results()
    present = teams.installed(specifications, results)
    for ring in plan.rings:
        for threads in plan.threads:
            with teams.teams(present, threads, results, FORMS) as made:
                results.notes |= {str(team.specification): team.about["notes"] for team in made if team.about["notes"]}
                _section(plan, ring, threads, made, results, tell)
    return results


def _section(
    plan: Plan, ring: tuple[int, int], threads: str, made: list[Team], results: Results, tell: Callable[[str], None]
) -> None:
    log_n, depth = ring
    title = f"N = 2^{log_n}, {'one core' if threads == 'one' else 'all cores'}"
    tell(f"{title}: keys")
    case = {"log_n": log_n, "depth": depth, "scale_bits": SCALE_BITS, "security": plan.security}
    ready = []
    for team in made:
        try:
            team.first_key = team.ask("key", kept={}, **case)
            ready.append(team)
        except WorkerError as error:
            results.missing(team.specification, f"everything at N = 2^{log_n}", error)
    fields = {"log_n": log_n, "depth": depth, "security_bits": plan.security}
    for operation, level, batch in _rows(plan, depth):
        what = f"{operation} at N = 2^{log_n}"
        if operation != "keygen":
            tell(f"{title}: {operation} of {batch} at level {level}")
        turns = []
        for team in ready:
            if team.measures(operation) and _in_its_form(team, batch):
                try:
                    turns.append(_turn(plan, team, operation, level, batch))
                except WorkerError as error:
                    results.missing(team.specification, what, error)
        teams.race(turns, what, results)
        results.rows += [
            teams.row(turn, operation, threads) | fields | {"level": level, "batch": batch}
            for turn in turns
            if turn.samples
        ]
    if threads == plan.threads[0]:
        tell(f"{title}: precision and sizes")
        for team in ready:
            if team.form != "processes":
                _measure_objects(plan, team, fields, results)


def _rows(plan: Plan, depth: int) -> Iterator[tuple[str, int, int]]:
    """(operation, level, batch); keys are made once for all levels."""
    for operation in plan.operations:
        if operation == "keygen":
            yield operation, depth, 1
            continue
        for level in (depth, LOW):
            for batch in plan.batches:
                yield operation, level, batch


def _in_its_form(team: Team, batch: int) -> bool:
    """Whether all cores get a batch that way: hepy's is one call of one process, a loop has processes, and threads where
    they work. One ciphertext is measured in every form.
    """
    if batch == 1 or team.form == "own":
        return True
    return bool(team.about["threads"] if team.form == "threads" else not team.about["batches"])


def _turn(plan: Plan, team: Team, operation: str, level: int, batch: int) -> Turn:
    """After the check, a call of the whole batch, or of as many as fit the sample's time; repeated where it is short."""
    # Processes side by side do what the one that was checked does.
    if operation != "keygen" and batch == plan.batches[0] and team.form != "processes":
        team.ask("check", operation=operation, level=level)
    what = {} if operation == "keygen" else {"level": level}
    items = team.ask("prepare", operation=operation, size=1, **what)[0]["items"]
    seconds = team.seconds()
    if batch > 1:
        size = batch
        while not team.about["batches"] and size > 1 and size * seconds > plan.longest:
            size //= 2
        items = team.ask("prepare", operation=operation, size=size, **what)[0]["items"]
        seconds = team.seconds()
    return Turn(team, items, max(1, math.ceil(plan.shortest / seconds)), plan.rounds)


def _measure_objects(plan: Plan, team: Team, fields: dict[str, Any], results: Results) -> None:
    """Precision and bytes, by the engine's first process."""
    about = {"engine": str(team.specification), "library": team.specification.library, **fields}
    where = f"N = 2^{fields['log_n']}"
    try:
        results.sizes += [
            {**about, "object": name, "bytes": size} for name, size in team.ask("sizes")[0]["sizes"].items()
        ]
    except WorkerError as error:
        results.missing(team.specification, f"bytes at {where}", error)
    # A library without the operation has no row of it either.
    after = [name for name in AFTER if name == "squarings" or team.measures(name)]
    try:
        bits = team.ask("precision", after=after, seconds=plan.precision_seconds)[0]["bits"]
    except WorkerError as error:
        results.missing(team.specification, f"precision at {where}", error)
        return
    results.precision += [{**about, "after": name, "bits": [round(b, 3) for b in bits[name]]} for name in after]
