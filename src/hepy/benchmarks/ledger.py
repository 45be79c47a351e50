"""The ledger: one JSON file for each run, written by this tool only and checked when read.

A file carries the SHA-256 of its own content: a figure that was changed by hand is found.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from hepy.benchmarks import machine
from hepy.errors import ParameterError, WireFormatError

FOLDER = Path("bench/results")
SCHEMA = 1

_SECTIONS: dict[str, type] = {
    "schema": int, "started": str, "seconds": float, "machine": dict, "source": dict, "parameters": dict,
    "versions": dict, "absent": list, "rows": list,
}  # fmt: skip
_ROW: dict[str, Any] = {
    "engine": str, "library": str, "device": str, "security_bits": int, "threads": str, "processes": int,
    "operation": str, "items": int, "repeats": int, "rates": list, "low": (int, float), "median": (int, float),
    "high": (int, float), "cores_used": (int, float),
}  # fmt: skip
# What a suite's records and rows have besides. Records of Paillier do not name their suite.
_OWN_SECTIONS: dict[str, dict[str, type]] = {
    "paillier": {"memory": list},
    "ckks": {"precision": list, "sizes": list, "cold_start": list, "notes": dict},
    "rings": {"kernels": list, "inventory": dict, "operations": list, "multiply": dict},
    "singles": {"singles": list},
}
_OWN_ROW: dict[str, dict[str, Any]] = {
    "paillier": {"variant": str, "timing": str, "key_bits": int},
    "ckks": {"log_n": int, "depth": int, "level": int, "batch": int},
    "rings": {},
    "singles": {},
}


class Run:
    """A run that begins now."""

    def __init__(self) -> None:
        self._started, self._clock = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), time.monotonic()
        self._machine = machine.describe()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._clock

    def record(self, **sections: Any) -> dict[str, Any]:
        """A record with these sections, and what every record says; to be asked for when they are measured."""
        return {
            "schema": SCHEMA, "started": self._started, "seconds": round(self.seconds, 1),
            "machine": self._machine, "source": machine.source(), "absent": [], "rows": [], **sections,
        }  # fmt: skip


def write(record: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Check a record and keep it; returns the file, named by the time of the run."""
    _check(record, "the record")
    folder.mkdir(parents=True, exist_ok=True)
    stem, suite = record["started"].replace(":", "").replace("-", "")[:15], _suite(record)
    path = folder / f"{stem}{_suffix(suite)}"
    if path.exists():
        raise ParameterError(f"{path} is there already: a ledger file is never written twice")
    path.write_text(json.dumps({**record, "digest": digest_of(record)}, indent=1, sort_keys=True) + "\n")
    return path


def read(path: Path) -> dict[str, Any]:
    """A kept record.

    Raises:
        WireFormatError: the file is no ledger of this version, or was changed since it was written.
    """
    try:
        record = json.loads(path.read_text())
    except ValueError as error:
        raise WireFormatError(f"{path} is not JSON: {error}") from None
    _check(record, str(path))
    digest = record.pop("digest", None)
    if digest != digest_of(record):
        raise WireFormatError(f"{path} was changed after it was written: its digest does not fit. Measure again")
    return record  # type: ignore[no-any-return]


def newest(folder: Path = FOLDER) -> Path:
    """The file of the latest Paillier run."""
    path = newest_or_none("paillier", folder)
    if path is None:
        raise ParameterError(f"there is no ledger in {folder}: run `python -m hepy.benchmarks run` first")
    return path


def newest_or_none(suite: str, folder: Path = FOLDER) -> Path | None:
    """The file of the latest run of a suite, if there is one."""
    return max((path for path in folder.glob("*.json") if path.name[15:] == _suffix(suite)), default=None)


def _suffix(suite: str) -> str:
    return ".json" if suite == "paillier" else f"-{suite}.json"


def _suite(record: dict[str, Any]) -> str:
    return str(record.get("suite", "paillier"))


def _check(record: Any, where: str) -> None:
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise WireFormatError(f"{where} is no ledger of version {SCHEMA}")
    suite = _suite(record)
    if suite not in _OWN_ROW:
        raise WireFormatError(f"{where} is of suite {suite!r}, and there are {', '.join(_OWN_ROW)}")
    for name, kind in (_SECTIONS | _OWN_SECTIONS[suite]).items():
        if not isinstance(record.get(name), kind):
            raise WireFormatError(f"{where} has no `{name}` of type {kind.__name__}")
    for i, row in enumerate(record["rows"]):
        wrong = [name for name, kind in (_ROW | _OWN_ROW[suite]).items() if not isinstance(row.get(name), kind)]
        if wrong:
            raise WireFormatError(f"row {i} of {where} lacks {', '.join(wrong)}, or has them of another type")


def digest_of(record: dict[str, Any]) -> str:
    """SHA-256 of a record's canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
