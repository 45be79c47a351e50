"""A Paillier run: one operation after the other, by sections of one key length on one core or on all."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hepy.benchmarks import teams
from hepy.benchmarks.client import WorkerError
from hepy.benchmarks.specifications import Specification
from hepy.benchmarks.teams import Results, Team, Turn
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


def run(plan: Plan, specifications: Sequence[Specification], tell: Callable[[str], None]) -> Results:
    """Measure the plan for these engines; `tell` hears of progress."""
    results = Results()
    present = teams.installed(specifications, results)
    for bits in plan.key_bits:
        for threads in plan.threads:
            with teams.teams(present, threads, results) as made:
                _section(plan, bits, threads, made, results, tell)
    return results


def _section(
    plan: Plan, bits: int, threads: str, made: list[Team], results: Results, tell: Callable[[str], None]
) -> None:
    title = f"{bits} bits, {'one core' if threads == 'one' else 'all cores'}"
    tell(f"{title}: keys")
    ready = [team for team in made if _has_key(team, bits, results)]
    for operation in plan.operations:
        tell(f"{title}: {operation}")
        turns = []
        for team in ready:
            if team.measures(operation):
                try:
                    turns.append(_keygen_turn(plan, team) if operation == "keygen" else _turn(plan, team, operation))
                except WorkerError as error:
                    results.missing(team.specification, f"{operation} at {bits} bits", error)
        teams.race(turns, f"{operation} at {bits} bits", results)
        results.rows += [_row(turn, operation, bits, threads) for turn in turns if turn.samples]


def _has_key(team: Team, bits: int, results: Results) -> bool:
    """Give the engine a key: the kept one where it makes none in the tables, else its own."""
    kept = {} if team.measures("keygen") else kept_keys().get(str(bits), {})
    try:
        team.first_key = team.ask("key", bits=bits, kept=kept)
    except WorkerError as error:
        results.missing(team.specification, f"everything at {bits} bits", error)
        return False
    return True


@functools.cache
def kept_keys() -> dict[str, dict[str, str]]:
    """Subgroup keys by length, as numbers in hexadecimal."""
    keys: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "subgroup_keys.json").read_text())["keys"]
    return keys


def _keygen_turn(plan: Plan, team: Team) -> Turn:
    """As many keys as the plan's time allows, or the one that was made to work with."""
    seconds = max(answer["wall"] for answer in team.first_key)
    if 2 * seconds > plan.keygen_seconds:
        return Turn(team, 1, 1, 0, [team.first_key])
    team.ask("prepare", operation="keygen", size=1)
    # The time of a search is luck: many keys a sample rather than many samples.
    return Turn(team, 1, max(1, round(plan.keygen_seconds / plan.rounds / seconds)), plan.rounds)


def _turn(plan: Plan, team: Team, operation: str) -> Turn:
    """After the check, a call of as many elements as fit the sample's time, repeated where they take less."""
    team.ask("check", operation=operation)
    size = _FIRST.get(operation, 8)
    team.ask("prepare", operation=operation, size=size)
    seconds = team.seconds() / size
    size = plan.sizes[operation]
    while size > 1 and size * seconds > plan.longest:
        size //= 2
    items = team.ask("prepare", operation=operation, size=size)[0]["items"]
    return Turn(team, items, max(1, math.ceil(plan.shortest / team.seconds())), plan.rounds)


def _row(turn: Turn, operation: str, bits: int, threads: str) -> dict[str, Any]:
    return teams.row(turn, operation, threads) | {
        "variant": turn.team.about["variant"],
        "timing": turn.team.about["timing"],
        "key_bits": bits,
        "security_bits": SECURITY_BITS.get(bits, 0),
    }
