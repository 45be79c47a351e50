"""Where the adapters' benchmarks keep what they saw: bench/results/interop, one file for each run, named by its time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hepy
from hepy.benchmarks import ledger, machine

FOLDER = Path(__file__).parent / "results" / "interop"


def about(**more: Any) -> dict[str, Any]:
    """When, where and with what a run is made; call it before the run."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(),
        "source": machine.source(), "threads": hepy.options.threads, **more,
    }  # fmt: skip


def keep(name: str, run: dict[str, Any], rows: list[dict[str, Any]], folder: Path = FOLDER) -> Path:
    """Write rows with what they are about, and the SHA-256 of both; returns the file."""
    record: dict[str, Any] = {"about": run, "rows": rows}
    record["digest"] = ledger.digest_of(record)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = run["started"].replace(":", "").replace("-", "")[:15]
    path = folder / f"{stamp}-{name}.json"
    with path.open("x") as file:
        file.write(json.dumps(record, indent=1, sort_keys=True) + "\n")
    return path
