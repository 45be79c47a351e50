"""Where an array lies in memory."""

from hepy.ring.loops.modular import loop


@loop
def address(x):
    """Of the first item; a tenth of the time that numpy takes to tell it."""
    return x.ctypes.data
