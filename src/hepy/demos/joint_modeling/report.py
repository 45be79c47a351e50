"""The report of a run: one HTML page that needs no other file and no network."""

from __future__ import annotations

from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from hepy.demos.joint_modeling import plots
from hepy.demos.joint_modeling.timing import WAITING

_TEMPLATE = "report.html.j2"


def render(summary: dict[str, Any]) -> str:
    """The page. Whatever comes from the run is escaped; only plots go in as they are."""
    source = resources.files("hepy.demos.joint_modeling").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"size": size, "percent": percent, "integer": integer}
    first = summary["encrypted"][0]
    sides = [("bank", _total(summary, "bank_seconds")), ("partner", _total(summary, "partner_seconds"))]
    return environment.from_string(source).render(
        s=summary,
        clear=summary["clear"],
        first=first,
        kinds=_kinds(summary),
        lift_plot=Markup(plots.lift_curve(summary["clear"], first["top_share"])),
        repetitions_plot=Markup(plots.repetitions(summary["clear"])),
        bank_most=_most(sides[0][1]),
        partner_most=_most(sides[1][1]),
        time_plot=Markup(plots.time_by_step(sides)),
        messages=sum(fold["messages"] for fold in summary["encrypted"]),
        bytes=sum(fold["bytes"] for fold in summary["encrypted"]),
        encrypted_trees=sum(fold["trees"] for fold in summary["encrypted"]),
    )


def size(count: int) -> str:
    """Bytes in words, by powers of 1024."""
    amount, units = float(count), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        del units[0]
    return f"{count} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def percent(share: float | None) -> str:
    return "not defined" if share is None else f"{100 * share:+.0f} %"


def integer(value: int) -> str:
    """With a thin space between thousands."""
    return f"{value:,}".replace(",", "\u2009")


def _total(summary: dict[str, Any], name: str) -> dict[str, float]:
    """Seconds by step, over all encrypted folds."""
    out: dict[str, float] = {}
    for fold in summary["encrypted"]:
        for step, seconds in fold[name].items():
            out[step] = out.get(step, 0.0) + seconds
    return out


def _most(seconds: dict[str, float]) -> str:
    """The step that took longest, waiting aside."""
    return max((step for step in seconds if step != WAITING), key=lambda step: seconds[step])


def _kinds(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Messages by kind and direction, over all encrypted folds; the digest is of the very first."""
    out: dict[tuple[str, str], dict[str, Any]] = {}
    for fold in summary["encrypted"]:
        for row in fold["kinds"]:
            key = row["kind"], row["from"]
            if key not in out:
                out[key] = dict(row)
            else:
                out[key]["messages"] += row["messages"]
                out[key]["bytes"] += row["bytes"]
    return list(out.values())
