"""One party as a process of its own.

It reads its own folder only, and talks to the other party through a Channel. With the process that started it, it
speaks JSON lines: the token (and, for the bank, the port) come over standard input, events leave over standard
output. When standard input ends, whoever started it is gone, and it ends too.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import hepy
from hepy.demos.joint_modeling import bank, boosting, channel, partner
from hepy.demos.joint_modeling.timing import WAITING, Timer
from hepy.errors import HepyError

ROLES = (b"bank", b"partner")
CONFIGURATION = "party.json"
RESULT = "result.json"
LOG = "log.txt"
COLUMNS, LABELS, TRAIN, SCORES = "columns.npy", "labels.npy", "train.npy", "scores.npy"
KEPT = "messages"
_LINE_BYTES = 1 << 12


@dataclass(frozen=True)
class Configuration:
    """What a party is told before it starts, in its folder.

    Attributes:
        device: where its ciphertexts live.
        keep_messages: write the body of every message into the folder.
        names: of the partner's columns.
        seed: draws the partner's order of columns.
        key_bits: length of the bank's key.
        parameters: the model's shape, which the bank decides.
    """

    device: str
    keep_messages: bool
    names: tuple[str, ...] = ()
    seed: int | None = None
    key_bits: int | None = None
    parameters: boosting.Parameters | None = None

    def write(self, folder: Path) -> None:
        (folder / CONFIGURATION).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Configuration:
        fields = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        parameters = fields.pop("parameters")
        fields["names"] = tuple(fields["names"])
        return cls(**fields, parameters=None if parameters is None else boosting.Parameters(**parameters))


def main(role: str, folder: Path) -> int:
    """Run the "bank" or the "partner" to the end.

    Returns: the exit status: 0, or 1 after an event that says what went wrong.
    """
    try:
        secrets = json.loads(_first_line())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        with hepy.device(Configuration.read(folder).device):
            _RUN[role](folder, bytes.fromhex(secrets["token"]), secrets)
    except HepyError as error:
        _tell(error=str(error), peer=isinstance(error, channel.PeerError))
        return 1
    except Exception as error:
        traceback.print_exc()  # into the log in this party's folder
        _tell(error=f"{type(error).__name__}: see {folder / LOG}", peer=False)
        return 1
    return 0


def _bank(folder: Path, token: bytes, secrets: dict[str, Any]) -> None:
    told = Configuration.read(folder)
    assert told.parameters is not None
    assert told.key_bits is not None
    timer = Timer()
    link = channel.connect(secrets["port"], token, *ROLES, keep=_kept(told, folder))
    try:
        trees, scores = bank.run(
            link, _load(folder, LABELS), _load(folder, COLUMNS), _load(folder, TRAIN),
            told.parameters, told.key_bits, timer, lambda grown: _tell(trees=grown),
        )  # fmt: skip
    finally:
        link.close()
    np.save(folder / SCORES, scores, allow_pickle=False)
    _finish(folder, link, timer, trees=[asdict(tree) for tree in trees], digest=boosting.digest(trees))


def _partner(folder: Path, token: bytes, secrets: dict[str, Any]) -> None:
    told = Configuration.read(folder)
    assert told.seed is not None
    timer = Timer()
    with channel.listen() as listener:
        _tell(port=listener.getsockname()[1])
        link = channel.accept(listener, token, ROLES[1], ROLES[0], _kept(told, folder))
    try:
        splits = partner.run(link, list(told.names), _load(folder, COLUMNS), told.seed, timer)
    finally:
        link.close()
    _finish(folder, link, timer, splits=[asdict(split) for split in splits])


_RUN: dict[str, Callable[[Path, bytes, dict[str, Any]], None]] = {"bank": _bank, "partner": _partner}


def _finish(folder: Path, link: channel.Channel, timer: Timer, **fields: Any) -> None:
    """Leave the record of messages, the seconds by step, and what this party found out."""
    result = {
        "messages": [message.as_json() for message in link.log],
        "seconds": {**timer.seconds, WAITING: link.waited},
        "processor_seconds": time.process_time(),
        **fields,
    }
    (folder / RESULT).write_text(json.dumps(result, indent=1), encoding="utf-8")
    _tell(done=True)


def _kept(told: Configuration, folder: Path) -> Path | None:
    if not told.keep_messages:
        return None
    (folder / KEPT).mkdir()
    return folder / KEPT


def _load(folder: Path, name: str) -> npt.NDArray[Any]:
    return np.asarray(np.load(folder / name, allow_pickle=False))


def _tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _first_line() -> bytes:
    """One line of standard input, without a buffer that the watching thread would have to share."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte or len(line) == _LINE_BYTES:
            raise HepyError("a party is started by the demo, which tells it the token: run `hepy demo`")
        line += byte
    return bytes(line)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(2)
