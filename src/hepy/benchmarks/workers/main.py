"""The worker's loop: one engine, requests as lines of JSON on stdin, answers as lines of JSON on the first stdout.

Requests: {"do": "describe"}, {"do": "key", "kept", and the case: "bits", or "log_n" and so on}, {"do": "check",
"operation", ...}, {"do": "prepare", "operation", ...}, {"do": "time", "repeats"}, {"do": "work"}; of CKKS also {"do":
"precision", "after", "seconds"} and {"do": "sizes"}. What else they say is for the scheme's workload. Answers have "ok": true, or
false with "error" and "refused" (the library says no, as opposed to failing).
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from typing import Any, Dict, List

from .clock import sample
from .engine import Unsupported

# By scheme: the workload's module, and each library's module and class.
_WORKLOADS = {"paillier": "workload", "ckks": "ckks.workload"}
_ENGINES = {
    "paillier": {
        "hepy": ("hepy_engine", "HepyEngine"),
        "gmpy2": ("gmpy2_engine", "Gmpy2Engine"),
        "phe": ("phe_engine", "PheEngine"),
        "heu": ("heu_engine", "HeuEngine"),
        "fate_utils": ("fate_engine", "FateEngine"),
        "ipcl": ("ipcl_engine", "IpclEngine"),
        "rust-paillier": ("rust_paillier_engine", "RustPaillierEngine"),
        "pypaillier": ("pypaillier_engine", "PypaillierEngine"),
    },
    "ckks": {
        "hepy": ("ckks.hepy_engine", "HepyEngine"),
        "openfhe": ("ckks.openfhe_engine", "OpenfheEngine"),
        "seal": ("ckks.seal_engine", "SealEngine"),
        "tenseal": ("ckks.tenseal_engine", "TensealEngine"),
        "fhelium": ("ckks.fhelium_engine", "FheliumEngine"),
    },
}


def main() -> None:
    """Serve until stdin ends."""
    settings = json.loads(sys.argv[2])
    # Libraries print to stdout when they please; the answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Before the library is there: thread pools count the processor's cores when they start.
    os.sched_setaffinity(0, settings["cores"])
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(len(settings["cores"]))
    worker = _Worker(settings)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = worker.answer(request)
            answer["ok"] = True
        except Unsupported as reason:
            answer = {"ok": False, "refused": True, "error": str(reason)}
        except BaseException as error:  # Rust's panics are BaseExceptions
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            answer = {"ok": False, "refused": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class _Worker:
    """One engine with its key and its prepared call."""

    def __init__(self, settings: Dict[str, Any]) -> None:
        self.settings = settings
        self.engine: Any = None
        self.workload: Any = None
        self.call: Any = None

    def answer(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return getattr(self, request.pop("do"))(**request)  # type: ignore[no-any-return]

    def describe(self) -> Dict[str, Any]:
        """Load the library and say what it is."""
        name, kind = _ENGINES[self.settings["scheme"]][self.settings["library"]]
        self.engine = getattr(_module(name), kind)(self.settings)
        engine = self.engine
        return {
            "variant": engine.variant,
            "timing": engine.timing,
            "threads": engine.threads,
            "batches": engine.batches,
            "notes": engine.notes,
            "operations": engine.operations(),
            "versions": dict(_versions(engine.packages), python=platform.python_version()),
        }

    def key(self, kept: Dict[str, str], **case: int) -> Dict[str, Any]:
        """Take a key for what follows: the kept one (numbers in hexadecimal), or else a new one, timed."""
        self.workload = _module(_WORKLOADS[self.settings["scheme"]]).Workload(self.engine, case)
        if kept:
            self.engine.use(self.engine.from_numbers({name: int(value, 16) for name, value in kept.items()}))
            return {}
        keys: List[Any] = []
        timed = sample(lambda: keys.append(self.workload.keygen()), 1)
        self.engine.use(keys[0])
        return timed

    def check(self, **what: Any) -> Dict[str, Any]:
        self.workload.check(**what)
        return {}

    def prepare(self, operation: str, **what: Any) -> Dict[str, Any]:
        """Make inputs, and run once to warm caches."""
        if operation == "keygen":
            self.call, items = self.workload.keygen, 1
        else:
            self.call, items = self.workload.prepare(operation, **what)
            self.call()
        return {"items": items}

    def precision(self, after: List[str], seconds: float) -> Dict[str, Any]:
        return {"bits": self.workload.precision(after, seconds)}

    def sizes(self) -> Dict[str, Any]:
        return {"sizes": self.workload.sizes()}

    def time(self, repeats: int) -> Dict[str, Any]:
        """One sample of the prepared call."""
        return sample(self.call, repeats)

    def work(self) -> Dict[str, Any]:
        """The prepared call, for whoever keeps time outside."""
        self.call()
        return {}


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}")


def _versions(packages: Any) -> Dict[str, str]:
    from importlib import metadata

    out = {}
    for package in packages:
        try:
            out[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            out[package] = "source tree"
    return out
