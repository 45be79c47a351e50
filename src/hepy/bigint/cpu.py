"""The leaves on the host, by the engine that options.engine names."""

from __future__ import annotations

import importlib

from hepy._devices import Device
from hepy._host import engines
from hepy.bigint import kernels
from hepy.options import options

_COMPILED = "hepy.bigint.cpu_compiled"
_HOME = {engines.GMPY2: "hepy.bigint.cpu_gmpy2"}


def Kernels(n: int, device: Device) -> kernels.Kernels:
    """Contract: hepy.bigint.kernels.Kernels; called as the classes of that name are."""
    name = engines.resolve(options.engine).name
    made: kernels.Kernels = importlib.import_module(_HOME.get(name, _COMPILED)).Kernels(n, device, name)
    return made
