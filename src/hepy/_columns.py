"""Columns and arrays of other libraries as numpy's: pandas' and Arrow's without gaps, and what speaks DLPack.

None of these libraries is imported: each is known by the methods that its arrays have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hepy import _devices
from hepy._shapes import first_index
from hepy.errors import ParameterError


def plain(values: Any) -> Any:
    """What another library's array holds, as a numpy array of its own dtype, or a device's; anything else as it is.

    Raises:
        ParameterError: there are gaps, and says where the first is; or the array is on a device that numpy cannot read.
    """
    if isinstance(values, np.ndarray | np.generic | int | float | list | tuple):
        return values
    if hasattr(values, "null_count") and hasattr(values, "is_null"):  # Arrow
        if values.null_count:
            raise _gaps(np.asarray(values.is_null()), "fill_null(0) and drop_null() close them")
        return np.asarray(values)
    if hasattr(values, "isna") and hasattr(values, "to_numpy"):  # pandas
        gaps = np.asarray(values.isna())
        if gaps.any():
            raise _gaps(gaps, "fillna(0) and dropna() close them")
        return values.to_numpy(dtype=_numpys_dtype(values))
    placed = _devices.placed_array(values)
    if placed is not None:
        return placed
    if not hasattr(values, "__array__") and hasattr(values, "__dlpack__"):
        try:
            return np.from_dlpack(values)
        except (BufferError, RuntimeError) as error:
            raise ParameterError(f"numpy cannot read this {type(values).__name__}: {error}") from None
    return values


def _numpys_dtype(values: Any) -> np.dtype[Any] | None:
    """What numpy calls the type of pandas' column, or of all columns of a frame; None where it has no name for it.

    Without it, nullable columns and frames of several types come as objects, which lose the range of their type.
    """
    types = [values.dtype] if hasattr(values, "dtype") else list(values.dtypes)
    try:
        return np.result_type(*(getattr(one, "numpy_dtype", one) for one in types))
    except (TypeError, ValueError):  # categories and other types of pandas' own; a frame without columns
        return None


def _gaps(gaps: Any, how: str) -> ParameterError:
    where = first_index(gaps)
    return ParameterError(
        f"{int(gaps.sum())} values are missing, the first at index {where}, and nothing can stand for them under "
        f"encryption: fill them or leave them out ({how})"
    )
