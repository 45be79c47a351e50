"""What a ledger says of where it was made: processor, system, and the state of the source tree."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from hepy._host import engines
from hepy.options import options

# Those that decide which kernels can run; the full list is long and says little.
_FEATURES = ("avx2", "bmi2", "adx", "avx512f", "avx512ifma", "avx512_ifma", "vaes", "sha_ni")


def describe() -> dict[str, Any]:
    """The machine and its state now."""
    model, flags = _processor()
    return {
        "processor": model,
        "features": sorted(set(flags) & set(_FEATURES)),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "engine": engines.resolve(options.engine).name,
        "load_before": os.getloadavg()[0],
    }


def source() -> dict[str, Any]:
    """Version of hepy, commit, and whether files differ from it."""
    try:
        version = metadata.version("hepy-engine")
    except metadata.PackageNotFoundError:
        version = "source tree"
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {"version": version, "commit": commit, "dirty": None if changes is None else bool(changes)}


def _processor() -> tuple[str, list[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown", []
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields.get("model name", "unknown"), fields.get("flags", "").split()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=Path(__file__).parent)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
