"""From samples to figures: rates scaled to the machine's quiet speed, medians, quartiles and ratios."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Quartiles by linear interpolation; of one value, that value three times."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def rates(samples: Sequence[Mapping[str, float]], items: float, quiet: float) -> list[float]:
    """Items a second of samples on one core, by the processor's clock, as they would be on the quiet machine.

    Args:
        samples: seconds by "cpu", and of the fixed work around them, "fixed_cpu".
        items: how many items one sample makes.
        quiet: seconds of the fixed work when nothing disturbs it. A sample next to slow fixed work took that much
            longer than it would have, and is scaled by as much.
    """
    return [items / sample["cpu"] * max(1.0, sample["fixed_cpu"] / quiet) for sample in samples]


def wall_rates(samples: Sequence[Mapping[str, float]], items: float) -> list[float]:
    """Items a second of samples on all cores, by the wall and unscaled.

    Fixed work on one core cannot tell how fast all of them are together: cores share caches, power and execution
    units, and engines of one process would be judged by a core alone, those of several by cores side by side.
    """
    return [items / sample["wall"] for sample in samples]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, pair by pair where both come from the same rounds, else by the quartiles.

    Neighbours in time saw the same machine, so pairs tell more than two medians.
    """
    if len(ours) == len(theirs) > 1:
        return spread([a / b for a, b in zip(ours, theirs, strict=True)])
    a, b = spread(ours), spread(theirs)
    return Spread(a.low / b.high, a.median / b.median, a.high / b.low)
