"""Where the adapter's ciphertexts live: on the current device, or on the one that register(device=...) named.

FATE's work runs in processes of its own, which know no `with hepy.device(...)`. So the choice stands in an environment
variable, which they inherit.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from hepy import _devices

DEVICE = "HEPY_FATE_DEVICE"


def placed() -> AbstractContextManager[object]:
    """What is made inside the block is made there."""
    return _devices.device(os.environ.get(DEVICE) or _devices.current())
