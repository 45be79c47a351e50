"""Tables as Markdown and on the terminal, and what every report says of its run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from hepy.benchmarks.targets import Verdict


@dataclasses.dataclass
class Table:
    """A title, names of columns, rows of text."""

    title: str
    columns: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def rich(self) -> RichTable:
        table = RichTable(title=self.title, title_justify="left")
        for i, name in enumerate(self.columns):
            table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table


def console() -> Console:
    """As wide as the terminal; where there is none, wide enough for the tables."""
    made = Console()
    return made if made.is_terminal else Console(width=160)


def demoted(text: str) -> str:
    """Markdown whose headings are one level lower."""
    return re.sub("^#+ ", lambda heading: "#" + heading[0], text, flags=re.MULTILINE)


def where(record: dict[str, Any], ledger_name: str) -> str:
    about, source = record["machine"], record["source"]
    state = " with changes that no commit holds" if source["dirty"] else ""
    commit = f"commit `{source['commit'][:12]}`{state}" if source["commit"] else "no commit"
    versions = sorted({f"{name} {v}" for found in record["versions"].values() for name, v in found.items()
                       if name != "python"})  # fmt: skip
    engine = f", hepy's engine `{about['engine']}`" if "engine" in about else ""  # younger than the first ledgers
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, "
        f"features {', '.join(about['features']) or 'none of note'}{engine}; Python {about['python']}; {commit}; "
        f"{record['started'][:16].replace('T', ' ')} UTC, {record['seconds'] / 60:.1f} minutes, load before "
        f"{about['load_before']:.2f}. Kept as `bench/results/{ledger_name}`.\n\nVersions: {', '.join(versions)}.\n"
    )


def verdicts(found: Sequence[Verdict], title: str = "Verdicts") -> Table:
    """What was promised, and what came of it."""
    columns = ["where", "row of hepy", "against", "promised", "got", "quartiles", "verdict"]
    rows = [
        [v.where, v.what, v.against, ("at most " if v.at_most else "") + f"{v.wanted:g}", f"{v.got.median:.2f}",
         f"{v.got.low:.2f} to {v.got.high:.2f}", str(v)]
        for v in found
    ]  # fmt: skip
    return Table(title, columns, rows)


def open_verdicts(found: Sequence[Verdict]) -> Table:
    return verdicts([v for v in found if not (v.met and v.certain)], "Promises not surely met")


def summary(found: Sequence[Verdict]) -> str:
    if not found:
        return "This run holds nothing to compare hepy with.\n"
    failed, unsure = sum(not v.met for v in found), sum(not v.certain for v in found)
    return f"{len(found) - failed} of {len(found)} promises met; {unsure} of the verdicts lie within noise.\n"


def absent(record: dict[str, Any]) -> Table:
    rows = [[a["engine"], a["what"], a["reason"].replace("|", "/").replace("\n", " ")] for a in record["absent"]]
    return Table("Engines and rows that could not be measured", ["engine", "what", "why"], rows)


def number(value: float) -> str:
    """Three or four significant digits."""
    if value >= 10_000:
        return f"{value / 1000:.0f} k" if value >= 100_000 else f"{value / 1000:.1f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
