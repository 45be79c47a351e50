"""Where the adapter's ciphertexts live: on the current device, or on the one that register(device=...) named.

FATE's work runs in processes of its own, which know no `with hepy.device(...)`. So the choice stands in an environment
variable, which they inherit.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from hepy import _devices

DEVICE = "HEPY_FATE_DEVICE"
_ANYWHERE = nullcontext()


def placed() -> AbstractContextManager[object]:
    """What is made inside the block is made there."""
    name = os.environ.get(DEVICE)
    return _devices.device(name) if name else _ANYWHERE
