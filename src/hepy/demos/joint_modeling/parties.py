"""Starts the two parties, each with a folder and a token, and waits for both or ends both."""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hepy.demos.joint_modeling.channel import HANDSHAKE_SECONDS, TOKEN_BYTES
from hepy.demos.joint_modeling.party import LOG
from hepy.errors import HepyError

BANK, PARTNER = "bank", "partner"
GRACE_SECONDS = 20.0  # for a party to notice that the other is gone, and for ends to end
_EVENT_BYTES = 1 << 14


class PartyError(HepyError, RuntimeError):
    """A party ended before its work was done."""


@dataclass(frozen=True)
class Event:
    """A line that a party wrote; None stands for the end of its output."""

    role: str
    fields: dict[str, Any] | None


class Party:
    """A running party. Use it in `with`: the process is gone when the block ends, however it ends."""

    def __init__(self, role: str, folder: Path, events: queue.Queue[Event]) -> None:
        self.role = role
        self.folder = folder
        with (folder / LOG).open("wb") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends the parties in order.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hepy.demos.joint_modeling", role, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input: IO[bytes] = self.process.stdin
        self._reader = threading.Thread(target=_read, args=(role, self.process.stdout, events), daemon=True)
        self._reader.start()

    def __enter__(self) -> Party:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def tell(self, **fields: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # it ended already; its last event says why
            self._input.write(json.dumps(fields).encode() + b"\n")
            self._input.flush()

    def end(self) -> None:
        """Let it end by itself for a moment if it is about to, then make it, and take its exit status."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        for stop in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(timeout=2.0)
                break
            except subprocess.TimeoutExpired:
                stop()
        self.process.wait()
        self._reader.join()


def run(bank_folder: Path, partner_folder: Path, after_tree: Callable[[int], None] = lambda trees: None) -> None:
    """Run both parties to their ends; their results lie in their folders.

    Raises:
        PartyError: one failed; says which and why. Both are gone then.
    """
    events: queue.Queue[Event] = queue.Queue()
    token = secrets.token_bytes(TOKEN_BYTES).hex()
    with Party(PARTNER, partner_folder, events) as partner, Party(BANK, bank_folder, events) as bank:
        partner.tell(token=token)
        _Watch(bank, partner, events, token, after_tree).until_done()


class _Watch:
    """Follows the events of both parties."""

    def __init__(
        self, bank: Party, partner: Party, events: queue.Queue[Event], token: str, after_tree: Callable[[int], None]
    ) -> None:
        self._bank = bank
        self._events = events
        self._token = token
        self._after_tree = after_tree
        self._open = {bank.role: bank, partner.role: partner}
        self._done: set[str] = set()
        self._errors: list[tuple[bool, str]] = []
        self._connected = False
        self._until: float | None = time.monotonic() + HANDSHAKE_SECONDS  # for the partner's port to come

    def until_done(self) -> None:
        while self._open:
            left = None if self._until is None else max(0.0, self._until - time.monotonic())
            try:
                event = self._events.get(timeout=left)
            except queue.Empty:
                if not self._errors:
                    self._errors.append((True, f"the {' and the '.join(self._open)} did not answer in time"))
                break
            self._take(event)
        if self._errors or len(self._done) < 2:
            # What a party says about the other comes after what went wrong at home.
            messages = [text for _, text in sorted(self._errors, key=lambda error: error[0])]
            raise PartyError("; ".join(messages) or "the parties ended without a result")

    def _take(self, event: Event) -> None:
        fields = event.fields
        if fields is None:
            self._ended(event.role)
        elif "port" in fields:
            self._until, self._connected = None, True
            self._bank.tell(token=self._token, port=fields["port"])
        elif "trees" in fields:
            self._after_tree(int(fields["trees"]))
        elif "error" in fields:
            self._errors.append((bool(fields["peer"]), f"the {event.role} reports: {fields['error']}"))
        elif "done" in fields:
            self._done.add(event.role)

    def _ended(self, role: str) -> None:
        party = self._open.pop(role)
        status = party.process.wait()
        if role not in self._done and not any(text.startswith(f"the {role}") for _, text in self._errors):
            self._errors.append((False, f"the {role}'s process ended with status {status}: see {party.folder / LOG}"))
        if role not in self._done:
            # Whoever has a connection will notice; whoever has none yet waits for what does not come.
            self._until = time.monotonic() + (GRACE_SECONDS if self._connected else 0.0)


def _read(role: str, output: IO[bytes], events: queue.Queue[Event]) -> None:
    with output:
        for line in iter(lambda: output.readline(_EVENT_BYTES), b""):
            try:
                events.put(Event(role, dict(json.loads(line))))
            except (ValueError, TypeError):
                events.put(Event(role, {"error": "it wrote something that is no event", "peer": False}))
    events.put(Event(role, None))
