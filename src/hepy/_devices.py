"""Where arrays live and work runs: `cpu`, `cuda:N` or `emulator`, chosen by name and kept in a context.

A device is usable when what it needs is here; unavailable() says what the others lack. Above this file and the
arithmetic layers, nothing branches on a device.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from hepy.errors import DeviceError, ParameterError


@dataclass(frozen=True)
class Device:
    """One place where arrays live.

    Attributes:
        kind: "cpu", "emulator" or "cuda".
        index: which GPU; 0 elsewhere.
    """

    kind: str
    index: int = 0

    @property
    def name(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind

    @property
    def xp(self) -> Any:
        """The array module: numpy, or cupy for a GPU."""
        return importlib.import_module("cupy") if self.kind == "cuda" else np

    @property
    def native(self) -> ModuleType:
        """The compiled kernels of this device.

        Raises:
            DeviceError: the device has none.
        """
        if self.kind not in _MODULES:
            raise DeviceError(f"device {self.name!r} has no compiled kernels: use 'emulator' or a GPU")
        return importlib.import_module(_MODULES[self.kind])


_CPU = Device("cpu")
_MODULES = {"emulator": "hepy._emulator", "cuda": "hepy._cuda"}
_current: contextvars.ContextVar[Device] = contextvars.ContextVar("hepy_device", default=_CPU)


def current() -> Device:
    """The device on which things are made here."""
    return _current.get()


def devices() -> tuple[str, ...]:
    """Names of the devices that can be used here and now."""
    return tuple(device.name for device in _probe()[0])


def unavailable() -> dict[str, str]:
    """Kinds of devices that cannot be used here, each with the reason."""
    return dict(_probe()[1])


def resolve(device: str | Device) -> Device:
    """The usable device of that name; "cuda" alone means "cuda:0".

    Raises:
        DeviceError: it cannot be used here; says why, and what can.
        ParameterError: there is no such device.
    """
    name = device.name if isinstance(device, Device) else device
    if not isinstance(name, str):
        raise ParameterError(f"a device is a name such as 'cpu' or 'cuda:0', not {type(name).__name__}")
    name = "cuda:0" if name == "cuda" else name
    usable, missing = _probe()
    for candidate in usable:
        if candidate.name == name:
            return candidate
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "emulator", "cuda") or (index and not index.isdecimal()):
        raise ParameterError(f"there is no device {name!r}: names are 'cpu', 'emulator' and 'cuda:N'")
    why = missing.get(kind, f"there is no {kind} device with this number")
    raise DeviceError(f"device {name!r} cannot be used here: {why}. Usable: {', '.join(d.name for d in usable)}")


@contextmanager
def device(name: str | Device) -> Iterator[Device]:
    """Make that device the one on which things are made inside the block; safe in threads and coroutines.

    >>> import hepy
    >>> with hepy.device("cpu") as here:
    ...     here.name
    'cpu'
    """
    token = _current.set(resolve(name))
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@functools.cache
def _probe() -> tuple[tuple[Device, ...], dict[str, str]]:
    usable, missing = [_CPU], {}
    for probe in (_probe_emulator, _probe_cuda):
        found, reason = probe()
        usable += found
        missing.update(reason)
    return tuple(usable), missing


def _probe_emulator() -> tuple[list[Device], dict[str, str]]:
    try:
        importlib.import_module(_MODULES["emulator"])
    except ImportError as error:
        return [], {"emulator": f"the module of emulated kernels is missing ({error}): install hepy with a C++ compiler"}
    return [Device("emulator")], {}


def _probe_cuda() -> tuple[list[Device], dict[str, str]]:
    try:
        importlib.import_module(_MODULES["cuda"])
    except ImportError as error:
        return [], {"cuda": f"the module of CUDA kernels is missing ({error}): build hepy where nvcc is found"}
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        return [], {"cuda": f"CuPy is missing ({error}): install hepy-engine[cuda12] or hepy-engine[cuda13]"}
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return [], {"cuda": f"the CUDA driver finds no GPU ({error})"}
    return [Device("cuda", index) for index in range(count)], {}
