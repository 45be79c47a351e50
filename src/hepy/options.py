"""Process-wide settings, as attributes of `hepy.options`.

A setting is checked when it is set, so that a wrong one fails where it was written.
"""

from __future__ import annotations

import os

from hepy._arguments import shown, whole
from hepy._host import engines
from hepy.errors import ParameterError


class Options:
    """Settings that hold for the whole process.

    Attributes:
        threads: how many threads share the work of a call; by default the processors that this process may run on.
        progress: whether long operations of the command line and the demos show progress bars.
        device_memory: bytes that arrays on one GPU (or emulated device) may take in all, those of CuPy included; None
            leaves it to the device. Keys of CKKS move out for the sake of other arrays; work that needs more is done in
            smaller pieces, or refused.
        table_memory: bytes that tables of powers of fixed bases may take on each device, in all; 1 GiB at first. They make
            a key's encryptions fast, tens of megabytes each. Those that were not used for longest go; what is in use stays.
        engine: what computes big integers on the host: "auto", which is the fastest that runs here, or the name of one
            (`hepy info` lists them). Arrays stay with the engine that made them; where two meet, residues move.
        constant_time: scan tables that secrets index, and keep windows small. Slower; see docs/security.md, Timing.
    """

    __slots__ = ("_constant_time", "_device_memory", "_engine", "_progress", "_table_memory", "_threads")

    def __init__(self) -> None:
        self._threads = len(os.sched_getaffinity(0))
        self._progress = True
        self._device_memory: int | None = None
        self._table_memory = 1 << 30
        self._engine = engines.AUTO
        self._constant_time = False

    @property
    def threads(self) -> int:
        return self._threads

    @threads.setter
    def threads(self, value: int) -> None:
        self._threads = whole("options.threads", value, 1, 1024)

    @property
    def progress(self) -> bool:
        return self._progress

    @progress.setter
    def progress(self, value: bool) -> None:
        self._progress = _flag("progress", value)

    @property
    def device_memory(self) -> int | None:
        return self._device_memory

    @device_memory.setter
    def device_memory(self, value: int | None) -> None:
        self._device_memory = None if value is None else whole("options.device_memory", value, 1, of="bytes")

    @property
    def table_memory(self) -> int:
        return self._table_memory

    @table_memory.setter
    def table_memory(self, value: int) -> None:
        self._table_memory = whole("options.table_memory", value, of="bytes")

    @property
    def engine(self) -> str:
        return self._engine

    @engine.setter
    def engine(self, value: str) -> None:
        if not isinstance(value, str):
            raise ParameterError(f"options.engine is the name of an engine, not {type(value).__name__}")
        engines.resolve(value)
        self._engine = value

    @property
    def constant_time(self) -> bool:
        return self._constant_time

    @constant_time.setter
    def constant_time(self, value: bool) -> None:
        self._constant_time = _flag("constant_time", value)

    def __repr__(self) -> str:
        return (
            f"Options(threads={self.threads}, progress={self.progress}, device_memory={self.device_memory}, "
            f"table_memory={self.table_memory}, engine={self.engine!r}, constant_time={self.constant_time})"
        )


def _flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(f"options.{name} is True or False, not {shown(value)}")
    return value


options = Options()
