"""The parent's end of a worker: start it, ask it, and say clearly how it failed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hepy.benchmarks import environments
from hepy.benchmarks.specifications import Specification
from hepy.errors import HepyError

_FOLDER = Path(__file__).parent
# The folder goes last on the path: it must hide no module of a peer.
_START = "import sys; sys.path.append(sys.argv[1]); from workers.main import main; main()"


class WorkerError(HepyError):
    """An engine could not do what it was asked. `refused`: the library says no, rather than failing."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Worker:
    """A child process with one engine, on some of the processor's cores."""

    def __init__(self, specification: Specification, cores: Sequence[int], root: Path | None = None) -> None:
        settings = {
            "scheme": specification.scheme,
            "library": specification.library,
            "device": specification.device,
            "variant": specification.variant,
            "timing": specification.timing,
            "threads": len(cores),
            "cores": list(cores),
        }
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        place = () if root is None else (root,)
        self._process = subprocess.Popen(
            [environments.interpreter(specification.library, *place), "-c", _START, str(_FOLDER), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environments.variables(specification.library),
        )

    def send(self, do: str, **arguments: Any) -> None:
        """Ask without waiting, so that several workers can work at once."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None

    def receive(self, timeout: float = 300.0) -> dict[str, Any]:
        """The answer to what was sent.

        Raises:
            WorkerError: the library refused or failed, the process died, or the time is over.
        """
        assert self._process.stdout is not None
        descriptor, line, end = self._process.stdout.fileno(), b"", time.monotonic() + timeout
        while not line.endswith(b"\n"):
            if not select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
                self.close()
                raise WorkerError(f"gave no answer within {timeout:.0f} s and was ended")
            part = os.read(descriptor, 1 << 16)
            if not part:
                raise WorkerError(self._last_words())
            line += part
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise WorkerError(answer["error"], answer["refused"])
        return answer

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send, then receive."""
        self.send(do, **arguments)
        return self.receive()

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with {code}: {lines[-1] if lines else 'no message'}"
