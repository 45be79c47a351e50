"""Cells of a table: where they stand, in words, and how they become one array of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._limbs import object_array
from hepy.errors import ParameterError

_INT64 = range(-(1 << 63), 1 << 63)
_EXACT = 1 << 53  # float64 holds every integer up to here


@dataclass(frozen=True)
class Table:
    """Numbers with the names of their columns, where the file has names.

    Attributes:
        values: int64, float64 or objects that are Python ints; tables are two-dimensional.
        names: of the columns, or None.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] | None


@dataclass(frozen=True)
class Place:
    """Names cells for errors: rows are counted from 1, a header is not counted.

    Attributes:
        path: of the file.
        names: of the columns that were chosen, or None.
        chosen: their positions in the file.
    """

    path: Path
    names: tuple[str, ...] | None
    chosen: tuple[int, ...]

    def column(self, k: int) -> str:
        return f"column {self.names[k]!r}" if self.names is not None else f"column {self.chosen[k] + 1}"

    def cell(self, row: int, k: int) -> str:
        return f"{str(self.path)!r}: row {row + 1}, {self.column(k)}"


def choose(path: Path, width: int, names: Sequence[str] | None, columns: Sequence[str] | None) -> Place:
    """The chosen columns of a file, in the order asked for; None chooses all.

    Raises:
        ParameterError: there are no names, or a name is not there, or not once only.
    """
    if columns is None:
        return Place(path, None if names is None else tuple(names), tuple(range(width)))
    if names is None:
        raise ParameterError(f"{str(path)!r} has no header, so columns cannot be chosen by name: add a row of names")
    for name in columns:
        if name not in names:
            raise ParameterError(f"{str(path)!r} has no column {name!r}: it has {', '.join(names[:50])}")
        if list(names).count(name) > 1:
            raise ParameterError(f"{str(path)!r} has several columns {name!r}: give each a name of its own")
    return Place(path, tuple(columns), tuple(list(names).index(name) for name in columns))


def integers(values: Sequence[int], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Integers of any size: int64 where that holds all of them, or objects."""
    if all(value in _INT64 for value in values):
        return np.array(values, dtype=np.int64).reshape(shape)
    return object_array(list(values), shape)


def floats(values: npt.NDArray[Any], place: Place, row: int = 0, column: int = 0) -> npt.NDArray[np.float64]:
    """The same numbers as float64.

    Args:
        values: [rows, columns] of any dtype of numbers, or objects that are Python ints and floats.
        row, column: where values[0, 0] stands in the table.

    Raises:
        ParameterError: float64 does not hold an integer exactly; names its cell.
    """
    whole = values.dtype.kind in "iu" and (values.size == 0 or max(abs(int(values.min())), int(values.max())) <= _EXACT)
    if values.dtype.kind not in "fb" and not whole:
        for (i, k), value in np.ndenumerate(values):
            if not _is_exact(value):
                raise ParameterError(
                    f"{place.cell(row + i, column + k)} is an integer that float64 does not hold exactly, in a table "
                    "with fractions: encrypt its column by itself with --columns"
                )
    return values.astype(np.float64)


def _is_exact(value: Any) -> bool:
    if isinstance(value, float):
        return True
    try:
        return float(value) == int(value)
    except OverflowError:
        return False


def joined(parts: Sequence[npt.NDArray[Any]], place: Place) -> npt.NDArray[Any]:
    """Consecutive rows of a table in one array: integers if all parts are, float64 if one is not.

    Raises:
        ParameterError: as floats does.
    """
    if all(part.dtype.kind != "f" for part in parts):
        return np.concatenate(parts)  # int64 and objects make objects
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    return np.concatenate([floats(part, place, start) for part, start in zip(parts, starts, strict=False)])


def narrowed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects that are integers of 64 bits, as int64; other arrays as they are."""
    if values.dtype != object or not all(isinstance(value, int) and value in _INT64 for value in values.flat):
        return values
    return values.astype(np.int64)


def two_axes(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers of up to two axes as a table; one axis becomes one column."""
    return values.reshape(-1, 1) if values.ndim < 2 else values
