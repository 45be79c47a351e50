"""The report's plots, as SVG that stands in the page."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hepy.demos.joint_modeling.timing import WAITING

BANK, PARTNER, JOINT = "#3d5a98", "#d98324", "#12806a"
INK, FAINT = "#1f2933", "#d8dee6"
# Lightness tells steps apart for readers who see few colours.
_STEPS = ("#1f3a68", "#3d5a98", "#6d8bc4", "#12806a", "#5fb49c", "#d98324", "#f0b678", "#8e6bb0")
_GREY = "#e4e8ee"
_LIGHT = (_GREY, "#5fb49c", "#f0b678")  # text on these is dark
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": "#52606d",
    "ytick.color": "#52606d",
    "svg.fonttype": "path",
}


def lift_curve(clear: dict[str, Any], top_share: float) -> str:
    """Lift against the share of customers that is approached, bank alone and joint."""
    curve = clear["curve"]
    percent = [100 * share for share in curve["shares"]]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(percent, curve["bank"], curve["joint"], color=JOINT, alpha=0.10, linewidth=0)
        axes.axhline(1.0, color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)))
        axes.axvline(100 * top_share, color=FAINT, linewidth=1, zorder=0)
        for name, color, label in (("bank", BANK, "bank alone"), ("joint", JOINT, "bank and partner")):
            axes.plot(percent, curve[name], color=color, linewidth=2.2, label=label)
            axes.plot(100 * top_share, clear[name]["lift"], "o", color=color, markersize=7, markeredgecolor="white")
        axes.annotate(
            f"top {100 * top_share:.0f} %: {clear['bank']['lift']:.2f} and {clear['joint']['lift']:.2f}",
            (100 * top_share, clear["joint"]["lift"]), xytext=(16, 4), textcoords="offset points", va="center",
        )  # fmt: skip
        axes.annotate("random choice", (percent[-1], 1.0), xytext=(0, -12), textcoords="offset points", ha="right")
        axes.set(xlabel="customers approached, %", ylabel="lift", xlim=(0, percent[-1]), ylim=(0, None))
        axes.legend(frameon=False, loc="upper right")
        return _svg(figure, "lift")


def repetitions(clear: dict[str, Any]) -> str:
    """Lift of both models in each repetition of the cross-validation, and their means."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(3.6, 3.9), layout="constrained")
        axes = figure.subplots()
        for each in clear["repetitions"]:
            axes.plot([0, 1], [each["bank"]["lift"], each["joint"]["lift"]], color="#b8c2cc", linewidth=1.2, zorder=1)
        for place, name, color in ((0, "bank", BANK), (1, "joint", JOINT)):
            lifts = [each[name]["lift"] for each in clear["repetitions"]]
            axes.plot([place] * len(lifts), lifts, "o", color=color, alpha=0.55, markersize=5, markeredgewidth=0)
            axes.plot(place, clear[name]["lift"], "D", color=color, markersize=9, markeredgecolor="white")
        axes.set(xlim=(-0.35, 1.35), ylabel="lift in the top 5 %")
        axes.set_xticks([0, 1], ["bank alone", "joint"])
        return _svg(figure, "repetitions")


def time_by_step(sides: Sequence[tuple[str, dict[str, float]]]) -> str:
    """One bar for each party, its seconds by step; waiting is grey."""
    names = list(dict.fromkeys(name for _, seconds in sides for name in seconds))
    order = [name for name in names if name != WAITING] + [WAITING]
    colors = dict(zip(order, itertools.cycle(_STEPS), strict=False)) | {WAITING: _GREY}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10.4, 2.9), layout="constrained")
        axes = figure.subplots()
        for place, (_, seconds) in enumerate(sides):
            _stack(axes, place, [(name, seconds[name]) for name in order if name in seconds], colors)
        axes.set_yticks(range(len(sides)), [name for name, _ in sides])
        axes.invert_yaxis()
        axes.set(xlabel="seconds")
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False)
        handles = [Patch(color=colors[name], label=name) for name in order]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
        return _svg(figure, "time")


def _stack(axes: Axes, place: int, parts: Sequence[tuple[str, float]], colors: dict[str, str]) -> None:
    left, whole = 0.0, sum(seconds for _, seconds in parts)
    for name, seconds in parts:
        axes.barh(place, seconds, left=left, color=colors[name], height=0.56, edgecolor="white", linewidth=0.8)
        if seconds > 0.06 * whole:
            color = INK if colors[name] in _LIGHT else "white"
            axes.text(left + seconds / 2, place, f"{seconds:.1f} s", ha="center", va="center", color=color, fontsize=9)
        left += seconds


def _svg(figure: Figure, salt: str) -> str:
    """The figure as an <svg> element. The salt keeps the ids of several in one page apart."""
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
