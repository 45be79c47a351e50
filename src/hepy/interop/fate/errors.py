"""What the adapter raises: each class is the one that FATE's users see, and hepy's own.

fate_utils panics where an index is out of range or a number does not fit; `pyo3_runtime.PanicException` is no subclass of
Exception, so nobody can catch it by accident. Here all of it is hepy's ParameterError or EncodingOverflowError, or one
of these.
"""

from hepy.errors import HepyError, ParameterError


class ArgumentTypeError(HepyError, TypeError):
    """An argument is of a type that cannot be used there."""


class UnsupportedTypeError(ParameterError, NotImplementedError):
    """A tensor's dtype has no encoding: only float64, float32, int64 and int32 have."""


class RangeError(ParameterError, RuntimeError, IndexError, OverflowError):
    """A range, an index or a size is not there: nothing was changed."""


class ShapeError(ParameterError, RuntimeError):
    """A tensor has no such shape."""
