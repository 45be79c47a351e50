"""What hepy raises: one tree, each class also the built-in that a caller would expect.

A message says what was given, what was expected and what to do. Sizes, shapes, devices, levels and fingerprints
belong in it; plaintexts, keys, seeds and whole arrays never do.
"""


class HepyError(Exception):
    """Base of everything that hepy raises on purpose."""


class ParameterError(HepyError, ValueError):
    """An argument is of the wrong kind, shape or range."""


class KeyMismatchError(HepyError, ValueError):
    """Two objects, or an object and a key, belong to different keys."""


class EncodingOverflowError(HepyError, OverflowError):
    """A value, or what an operation could make of it, does not fit the plaintext space or its declared bound."""


class LevelError(HepyError, ValueError):
    """A circuit needs more multiplications than its parameters leave."""


class ScaleMismatchError(HepyError, ValueError):
    """Operands carry scales that cannot be aligned."""


class MissingKeyError(HepyError, LookupError):
    """An operation needs a key that is not at hand."""


class PoolExhaustedError(HepyError, LookupError):
    """A pool of randomness made ahead has less left than an operation needs."""


class WireFormatError(HepyError, ValueError):
    """Bytes are not what the wire format says: names the field and the reason."""


class StorageError(HepyError, OSError):
    """A file could not be written for want of room: what was there is unchanged."""


class DeviceError(HepyError, RuntimeError):
    """A device or an engine cannot be used here: says why, and what can."""


class DeviceOutOfMemoryError(DeviceError, MemoryError):
    """A device has less free memory than an operation needs: names both, and the setting that helps."""
