"""A virtual environment for each peer, made by one command, and which Python runs which engine.

A peer that cannot be installed is remembered with the reason, and named in every report.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_ROOT = Path("bench/.peers")
_STATE = "installed.json"


@dataclasses.dataclass(frozen=True)
class Environment:
    """What a peer needs.

    Attributes:
        pythons: versions that its wheels exist for, the preferred one first.
        packages: what pip installs.
        bare: packages installed without their dependencies, whose pins are dead.
        built: packages that are compiled here, with what the others bring, and without their dependencies.
        settings: for that build, as pip's --config-settings takes them.
        module: what has to import in the end.
    """

    pythons: tuple[str, ...]
    packages: tuple[str, ...]
    module: str
    bare: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def requirements(self) -> list[str]:
        return [*self.bare, *self.packages, *self.built]


_FHELIUM_NEEDS = (
    "triton-csprng<0.2", "xdsl<0.69", "safetensors", "mpmath<1.4", "click", "pydot", "psutil<8", "rich", "textual",
)  # fmt: skip
ENVIRONMENTS = {
    "phe": Environment(("3.11", "3.12", "3.10"), ("phe==1.5.0", "gmpy2==2.3.2"), "phe"),
    "fate_utils": Environment(("3.11", "3.10"), ("fate-utils==0.1.0", "numpy"), "fate_utils"),
    "rust-paillier": Environment(("3.11", "3.10"), ("rust-paillier==0.1.0", "numpy"), "rust_paillier"),
    "pypaillier": Environment(("3.11", "3.12", "3.13", "3.10"), ("pypaillier==0.8.0",), "paillier"),
    # 0.6.0b1 has no wheel for x86-64.
    "heu": Environment(("3.10",), ("sf-heu==0.6.0b0", "numpy"), "heu"),
    # Its pins (gmpy2 2.0.8, numpy 1.23.1) have no wheels any more.
    "ipcl": Environment(("3.8",), ("gmpy2<2.2", "numpy"), "ipcl_python", bare=("ipcl-python==2.0.0",)),
    "openfhe": Environment(("3.10",), ("openfhe==1.6.1.0.22.4", "numpy"), "openfhe"),
    # Its `sealapi` is SEAL itself.
    "tenseal": Environment(("3.11", "3.12", "3.10"), ("tenseal==0.3.18", "numpy"), "tenseal.sealapi"),
    # It has no wheels on PyPI, and is compiled against the torch that is there, which takes a while.
    "fhelium": Environment(
        ("3.12", "3.13"),
        ("torch==2.13.0", "numpy", *_FHELIUM_NEEDS, "scikit-build-core", "cmake", "ninja"),
        "fhelium",
        built=("fhelium==0.30.0",),
        settings=("cmake.define.FHELIUM_NATIVE_BACKENDS=CPU",),
    ),
}
_SHARED = {"seal": "tenseal"}


def setup(names: list[str], tell: Callable[[str], None], root: Path = _ROOT) -> dict[str, str]:
    """Install these peers, those that are there already excepted.

    Returns: the peers that could not be installed, with the reason.
    """
    missing = {}
    for name in names:
        if unavailable(name, root) is None:
            tell(f"{name}: ready")
            continue
        tell(f"{name}: installing {', '.join(ENVIRONMENTS[name].requirements)}")
        reason = _install(ENVIRONMENTS[name], root / name)
        (root / name).mkdir(parents=True, exist_ok=True)
        state = {"requirements": ENVIRONMENTS[name].requirements, "reason": reason}
        (root / name / _STATE).write_text(json.dumps(state))
        if reason is not None:
            missing[name] = reason
            tell(f"{name}: not available: {reason}")
    return missing


def unavailable(name: str, root: Path = _ROOT) -> str | None:
    """Why this peer cannot run, or None when it can."""
    name = home(name)
    try:
        state = json.loads((root / name / _STATE).read_text())
    except (OSError, ValueError):
        return "not installed: run `python -m hepy.benchmarks setup`"
    if state["requirements"] != ENVIRONMENTS[name].requirements:
        return "installed with other versions: run `python -m hepy.benchmarks setup`"
    return state["reason"]  # type: ignore[no-any-return]


def home(library: str) -> str:
    """The environment that a library lives in: its own, or another's."""
    return _SHARED.get(library, library)


def interpreter(library: str, root: Path = _ROOT) -> str:
    """The Python that runs this library's worker: its environment's, or this one for hepy and gmpy2."""
    name = home(library)
    return str(root / name / "bin" / "python") if name in ENVIRONMENTS else sys.executable


def variables(library: str) -> dict[str, str]:
    """The process's variables for a worker; a peer's must not name this Python's paths."""
    return _clean(dict(os.environ)) if home(library) in ENVIRONMENTS else dict(os.environ)


def _clean(environ: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def _install(environment: Environment, folder: Path) -> str | None:
    """Make the environment; the reason where that fails."""
    python = next(filter(None, map(_find_python, environment.pythons)), None)
    if python is None:
        return f"needs Python {' or '.join(environment.pythons)}, of which none was found on PATH or in pyenv"
    shutil.rmtree(folder, ignore_errors=True)
    inside = str(folder / "bin" / "python")
    pip = [inside, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    binary = [*pip, "--only-binary=:all:"]
    steps = [[python, "-m", "venv", str(folder)]]
    if environment.bare:
        steps.append([*binary, "--no-deps", *environment.bare])
    steps.append([*binary, *environment.packages])
    if environment.built:
        settings = [f"--config-settings={setting}" for setting in environment.settings]
        steps.append([*pip, "--no-deps", "--no-build-isolation", "--no-binary=:all:", *settings, *environment.built])
    steps.append([inside, "-c", f"import {environment.module}"])
    variables = _clean(dict(os.environ))
    variables["PATH"] = os.pathsep.join(
        [str(folder.absolute() / "bin"), variables.get("PATH", os.defpath)]
    )  # for cmake
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, env=variables)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return lines[-1].strip() if lines else f"`{' '.join(step)}` ended with {done.returncode}"
    return None


def _find_python(version: str) -> str | None:
    """An interpreter of that minor version: this one, on PATH, or under pyenv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    # A shim of pyenv is on PATH whether or not its version is chosen, so try before trusting.
    return next((c for c in candidates if c and _is_version(c, version)), None)


def _is_version(python: str, version: str) -> bool:
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() == version
