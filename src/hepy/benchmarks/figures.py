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


def rates(samples: Sequence[Mapping[str, float]], items: float, clock: str, quiet: float | None = None) -> list[float]:
    """Items a second of each sample, as they would be on the quiet machine.

    Args:
        samples: seconds by "wall" and "cpu", and of the fixed work around them, "fixed_wall" and "fixed_cpu".
        items: how many items one sample makes.
        clock: "cpu" or "wall".
        quiet: seconds of the fixed work when nothing disturbs it; the least of these samples by default. A sample
            next to slow fixed work took that much longer than it would have, and is scaled by as much.
    """
    if quiet is None:
        quiet = min(sample[f"fixed_{clock}"] for sample in samples)
    return [items / sample[clock] * max(1.0, sample[f"fixed_{clock}"] / quiet) for sample in samples]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, pair by pair where both come from the same rounds, else by the quartiles.

    Neighbours in time saw the same machine, so pairs tell more than two medians.
    """
    if len(ours) == len(theirs) > 1:
        return spread([a / b for a, b in zip(ours, theirs, strict=True)])
    a, b = spread(ours), spread(theirs)
    return Spread(a.low / b.high, a.median / b.median, a.high / b.low)
