"""What the wire parser may do with any input, and how far an input came.

python tests/fuzz/wire_harness.py COUNT [SEED]     try so many inputs of wire_mutator.py and print what came of them
python tests/fuzz/wire_harness.py collect          choose the corpus anew: one input for each distinct outcome
"""

from __future__ import annotations

import collections
import hashlib
import re
import runpy
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import wire_mutator

import hepy
from hepy.wire import container, messages, sealed

CORPUS = Path(__file__).parent / "corpus" / "wire"
SECONDS, EXTRA_BYTES = 1.0, 64 << 20

_MAKER = runpy.run_path(str(wire_mutator.VECTORS / "make_v1.py"))
KEYS = {variant: _MAKER["private_key"](variant) for variant in _MAKER["NUMBERS"]}
SEEDS = [
    path.read_bytes() for folder in ("v1", "ckks_v1") for path in sorted((wire_mutator.VECTORS / folder).glob("*.hepy"))
]
CONTEXT = hepy.loads((wire_mutator.VECTORS / "ckks_v1" / "context.hepy").read_bytes())

# How far an input came: refused as a container, by its fields or as not canonical, by its data, or read.
DEPTHS = ("container", "header", "data", "read")


def mutator(seed: int) -> wire_mutator.Mutator:
    return wire_mutator.Mutator(SEEDS, _MAKER["NUMBERS"], seed)


def examine(data: bytes) -> tuple[str, str]:
    """Try an input in every way, and return its depth and outcome.

    Raises: whatever the parser must not raise; AssertionError if it read what it would write otherwise.
    """
    depth, kind = _depth(data)
    try:
        hepy.describe(data)
    except hepy.WireFormatError:
        assert depth in ("container", "header")
    else:
        assert depth == "data"
    outcome = _load(data)
    if kind == "paillier.ciphertexts":
        outcome = _with_key(data)
    elif kind == "ckks.ciphertexts":
        outcome = _load(data, CONTEXT)
    elif kind == "sealed":
        outcome = _load(data, password=wire_mutator.PASSWORD)
    elif kind == "chunk":
        outcome = _stream(data)
    return ("read" if outcome.startswith("read") else depth), outcome


def _depth(data: bytes) -> tuple[str, str]:
    try:
        container.Container(container.BytesSource(data))
    except hepy.WireFormatError:
        return "container", ""
    try:
        return "data", messages.opened(container.BytesSource(data))[1]
    except hepy.WireFormatError:
        return "header", ""


def _with_key(data: bytes) -> str:
    fingerprint = hepy.loads(data).fingerprint
    key = next((key for key in KEYS.values() if key.fingerprint == fingerprint), KEYS["djn"])
    return _load(data, key)


def _load(data: bytes, key: Any = None, password: bytes | None = None) -> str:
    try:
        loaded = hepy.loads(data, key, password)
    except (hepy.WireFormatError, hepy.KeyMismatchError, hepy.MissingKeyError) as error:
        return re.sub(r"[0-9a-f]{16,}|\d+|'.*?'", "_", f"{type(error).__name__}: {error}")
    if isinstance(loaded, hepy.wire.LockedCiphertexts):
        assert loaded.message == data
    elif password is None:
        secret = isinstance(loaded, hepy.paillier.PrivateKey | hepy.ckks.Context)
        assert hepy.dumps(loaded, rerandomize=False, unencrypted=secret) == data, "read what it would not write"
    scheme = type(loaded).__module__.split(".")[1]
    return f"read {scheme} {type(loaded).__name__}" + (" under a password" if password else "")


def _stream(data: bytes) -> str:
    """As a stream of one chunk."""
    key = next((key for key in KEYS.values() if key.fingerprint == hepy.describe(data).fingerprint), KEYS["djn"])
    try:
        (locked,), loaded = hepy.load_chunks([data]), list(hepy.load_chunks([data], key))
    except (hepy.WireFormatError, hepy.KeyMismatchError) as error:
        return re.sub(r"[0-9a-f]{16,}|\d+|'.*?'", "_", f"{type(error).__name__}: {error}")
    assert list(hepy.dump_chunks(loaded, rerandomize=False)) == [data], "read what it would not write"
    assert locked.digest() == loaded[0].digest()
    return "read a stream"


def bounded(data: bytes) -> tuple[str, str]:
    """examine(), with the time and the memory that it took within their bounds."""
    tracemalloc.start()
    start = time.process_time()
    try:
        outcome = examine(data)
        used, took = tracemalloc.get_traced_memory()[1], time.process_time() - start
    finally:
        tracemalloc.stop()
    assert used < len(data) + EXTRA_BYTES, f"{used} bytes for an input of {len(data)}"
    assert took < SECONDS, f"{took} s for an input of {len(data)} bytes"
    return outcome


class QuickPasswords:
    """Within it, passwords are stretched by one hash."""

    def __enter__(self) -> None:
        self._derive, sealed._derive = sealed._derive, wire_mutator.quick_derive

    def __exit__(self, *error: object) -> None:
        sealed._derive = self._derive


def run(count: int, seed: int, *, measured: int = 50) -> collections.Counter[tuple[str, str]]:
    """Try `count` inputs, every `measured`-th of them with its time and memory, and count what came of them.

    An input that breaks a rule is named by an exception with the whole of it.
    """
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    made = mutator(seed)
    with QuickPasswords():
        for number in range(count):
            data = made.next()
            try:
                found[bounded(data) if number % measured == 0 else examine(data)] += 1
            except Exception as error:
                raise AssertionError(f"input {number} of seed {seed} broke the parser: {data.hex()}") from error
    return found


def collect(count: int = 60_000, seed: int = 0) -> None:
    """Keep the shortest input of each outcome."""
    best: dict[tuple[str, str], bytes] = {}
    made = mutator(seed)
    with QuickPasswords():
        for data in (*SEEDS, *(made.next() for _ in range(count))):
            outcome = examine(data)
            if outcome not in best or len(data) < len(best[outcome]):
                best[outcome] = data
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    for data in best.values():
        (CORPUS / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["collect"]:
        collect()
        return
    count, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1
    found = run(count, seed)
    for (depth, outcome), times in sorted(found.items(), key=lambda item: (DEPTHS.index(item[0][0]), -item[1])):
        print(f"{times:9}  {depth:9}  {outcome[:150]}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
