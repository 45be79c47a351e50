"""hepy: batched Paillier and CKKS homomorphic encryption, on the CPU and on GPUs.

>>> import hepy
>>> from hepy import paillier
>>> key = paillier.generate_key(bits=512, insecure=True)  # insecure: so short only in examples
>>> x = key.public_key.encrypt([1.5, 2.0])
>>> key.decrypt(2 * x + 1).tolist()
[4.0, 5.0]

What a name needs is imported when the name is first used, so `import hepy` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hepy import errors as errors
from hepy.errors import (
    DeviceError,
    DeviceOutOfMemoryError,
    EncodingOverflowError,
    HepyError,
    KeyMismatchError,
    LevelError,
    MissingKeyError,
    ParameterError,
    PoolExhaustedError,
    ScaleMismatchError,
    StorageError,
    WireFormatError,
)
from hepy.options import options

if TYPE_CHECKING:
    from hepy import bigint, ckks, paillier, ring, wire
    from hepy._devices import device, devices, stream
    from hepy.wire import describe, digest, dump_chunks, dumps, load, load_chunks, loads, save

    __version__: str

_SUBPACKAGES = {"bigint", "ckks", "paillier", "ring", "wire"}
_HOME = {
    "device": "hepy._devices",
    "devices": "hepy._devices",
    "stream": "hepy._devices",
    **dict.fromkeys(
        ("describe", "digest", "dump_chunks", "dumps", "load", "load_chunks", "loads", "save"), "hepy.wire"
    ),
}

__all__ = [
    "DeviceError", "DeviceOutOfMemoryError", "EncodingOverflowError", "HepyError", "KeyMismatchError", "LevelError",
    "MissingKeyError", "ParameterError", "PoolExhaustedError", "ScaleMismatchError", "StorageError", "WireFormatError",
    "__version__", "bigint", "ckks", "describe", "device", "devices", "digest", "dump_chunks", "dumps", "errors", "load",
    "load_chunks", "loads", "options", "paillier", "ring", "save", "stream", "wire",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        found = globals()[name] = _version()
        return found
    if name in _SUBPACKAGES:
        return importlib.import_module(f"hepy.{name}")
    if name in _HOME:
        found = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'hepy' has no attribute {name!r}")


def _version() -> str:
    from importlib import metadata  # takes a sixth of the package's import

    try:
        return metadata.version("hepy-engine")
    except metadata.PackageNotFoundError:  # a source tree on the path, not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
