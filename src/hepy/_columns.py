"""Columns and arrays of other libraries as numpy's: pandas' and Arrow's without gaps, and what speaks DLPack.

None of these libraries is imported: each is known by the methods that its arrays have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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
    if hasattr(values, "null_count") and hasattr(values, "is_null"):  # Arrow's columns, and Polars'
        if values.null_count() if callable(values.null_count) else values.null_count:
            raise _gaps(np.asarray(values.is_null()), "fill_null(0) and drop_null() close them")
        return np.asarray(values)
    if hasattr(values, "column_names") and hasattr(values, "num_rows"):  # Arrow's tables
        gaps = np.array([np.asarray(column.is_null()) for column in values.columns], dtype=bool).T
        if gaps.any():
            raise _gaps(gaps, "pyarrow.compute.fill_null(column, 0) and table.drop_null() close them")
        return _side_by_side([np.asarray(column) for column in values.columns])
    if hasattr(values, "isna") and hasattr(values, "to_numpy"):  # pandas
        gaps = np.asarray(values.isna())
        if gaps.any():
            raise _gaps(gaps, "fillna(0) and dropna() close them")
        types = _numpys_types(values)
        if not _joined_exactly(types):
            return _side_by_side([plain(values.iloc[:, k]) for k in range(len(types))])
        return values.to_numpy(dtype=_common(types))
    placed = _devices.placed_array(values)
    if placed is not None:
        return placed
    if not hasattr(values, "__array__") and hasattr(values, "__dlpack__"):
        try:
            return np.from_dlpack(values)
        except (BufferError, RuntimeError) as error:
            raise ParameterError(f"numpy cannot read this {type(values).__name__}: {error}") from None
    return values


def _numpys_types(values: Any) -> list[Any]:
    """What numpy calls the type of pandas' column, or those of all columns of a frame; pandas' own, where it has no name.

    Without them, nullable columns and frames of several types come as objects, which lose the range of their type.
    """
    types = [values.dtype] if hasattr(values, "dtype") else list(values.dtypes)
    return [getattr(one, "numpy_dtype", one) for one in types]


def _common(types: list[Any]) -> np.dtype[Any] | None:
    """numpy's type for all of them, if it has one."""
    try:
        return np.result_type(*types)
    except (TypeError, ValueError):  # categories and other types of pandas' own; a frame without columns
        return None


def _joined_exactly(types: list[Any]) -> bool:
    """Whether an array of their common type holds what columns of these types do.

    numpy makes float64 of int64 beside uint64 or floats.
    """
    common = _common(types)
    return common is None or common.kind != "f" or not any(one.kind in "iu" and one.itemsize == 8 for one in types)


def _side_by_side(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Columns of a table as one array, of objects where no other type would do."""
    types = [column.dtype for column in columns]
    if _common(types) is None or not _joined_exactly(types):
        numbers = [column.view(np.uint8) if column.dtype == bool else column for column in columns]
        columns = [column.astype(object) for column in numbers]
    return np.stack(columns, axis=-1) if columns else np.empty((0, 0))


def _gaps(gaps: Any, how: str) -> ParameterError:
    where = first_index(gaps)
    return ParameterError(
        f"{int(gaps.sum())} values are missing, the first at index {where}, and nothing can stand for them under "
        f"encryption: fill them or leave them out ({how})"
    )
