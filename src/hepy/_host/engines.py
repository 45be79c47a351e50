"""Which engines compute big integers on the host, and which of them does.

An engine is a way to multiply that some processors have and others lack; all give the same residues. gmpy2 is always
there. The compiled ones are in hepy._cpu, which asks the processor what it can do.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass

from hepy.errors import DeviceError

AUTO = "auto"
GMPY2 = "gmpy2"


@dataclass(frozen=True, eq=False)
class Engine:
    """A way to compute big integers on the host.

    Attributes:
        name: as options.engine says it.
        about: how it multiplies.
        missing: why it cannot be used here; None where it can.
    """

    name: str
    about: str
    missing: str | None = None

    @property
    def portable(self) -> bool:
        """Whether it runs everywhere, slowly: the sources of others for tests, never chosen unless named."""
        return self.name.startswith("portable-")


@functools.cache
def engines() -> tuple[Engine, ...]:
    """All that this installation knows of, the fastest first."""
    try:
        native = importlib.import_module("hepy._cpu")
    except ImportError as error:
        compiled = [Engine("compiled", "engines of hepy._cpu", f"the module is missing ({error}): build hepy again")]
    else:
        compiled = [Engine(name, about, missing or None) for name, missing, about in native.engines()]
    everywhere = Engine(GMPY2, "rows of 64-bit limbs, GMP's functions in numba's loops")
    return (
        *(engine for engine in compiled if not engine.portable),
        everywhere,
        *(engine for engine in compiled if engine.portable),
    )


def usable() -> tuple[str, ...]:
    """Names of the engines that run here, the fastest first."""
    return tuple(engine.name for engine in engines() if engine.missing is None)


def resolve(name: str) -> Engine:
    """The engine of that name; "auto" is the fastest that runs here.

    Raises:
        DeviceError: there is no such engine, or it cannot be used here; says which can.
    """
    return _resolved(name, engines())


@functools.lru_cache(maxsize=64)  # asked for by every operation on the host
def _resolved(name: str, known: tuple[Engine, ...]) -> Engine:
    if name == AUTO:
        name = usable()[0]
    for engine in known:
        if engine.name == name:
            if engine.missing is None:
                return engine
            raise DeviceError(f"engine {name!r} cannot be used here: {engine.missing}. Usable: {', '.join(usable())}")
    raise DeviceError(f"there is no engine {name!r}: choose one of {', '.join((AUTO, *usable()))}")
