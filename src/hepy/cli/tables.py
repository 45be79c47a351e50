"""Numbers in files: CSV, npy and Parquet, read without loss and written whole.

Columns of integers stay integers of any size; where one column has fractions, all become float64. A cell that is
no number is an error that names its row and column, counted from 1, the header not counted.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._files import replaced
from hepy._limbs import object_array
from hepy.errors import ParameterError

_INT64 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True)
class Table:
    """Numbers with the names of their columns, where the file has names.

    Attributes:
        values: int64, float64 or objects that are Python ints; tables are two-dimensional.
        names: of the columns, or None.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] | None


def read(path: Path, columns: Sequence[str] | None = None) -> Table:
    """The numbers in a .csv, .npy or .parquet file.

    Args:
        columns: names of the columns to keep, in this order; None keeps all.

    Raises:
        OSError: the file cannot be read.
        ParameterError: the format is not known, a cell is no number, or a column is not there.
    """
    table: Table = _by_suffix(path, {".csv": _read_csv, ".npy": _read_npy, ".parquet": _read_parquet})(path, columns)
    if table.values.dtype.kind == "f":
        _check_finite(table, path)
    return table


def write(path: Path, values: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
    """Write numbers to a .csv, .npy or .parquet file, whole or not at all.

    Raises:
        OSError, StorageError: the file cannot be written; what was there is unchanged.
        ParameterError: the format cannot hold such numbers; says which can.
    """
    data = _by_suffix(path, {".csv": _csv_bytes, ".npy": _npy_bytes, ".parquet": _parquet_bytes})(values, names)
    with replaced(path) as file:
        file.write(data)


def check_writable(path: Path) -> None:
    """Refuse a format that write() does not know, before any work.

    Raises:
        ParameterError: the suffix is not known, or pyarrow is missing for .parquet.
    """
    _by_suffix(path, {".csv": lambda: None, ".npy": lambda: None, ".parquet": _pyarrow})()


def _by_suffix(path: Path, known: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    try:
        return known[path.suffix.lower()]
    except KeyError:
        raise ParameterError(f"{str(path)!r} is none of {', '.join(known)}: the suffix tells the format") from None


# CSV.


def _read_csv(path: Path, columns: Sequence[str] | None) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ParameterError(f"{str(path)!r} is no CSV in UTF-8: {error}") from None
    if not rows:
        raise ParameterError(f"{str(path)!r} is empty: a CSV file has at least one row of numbers")
    names = None if all(_is_number(cell) for cell in rows[0]) else tuple(name.strip() for name in rows.pop(0))
    width = len(names) if names is not None else len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ParameterError(f"{str(path)!r}: row {number} has {len(row)} cells and the first one {width}")
    kept, names = _selected(names, width, columns, path)
    values = [[_number(row[k], number, names, k, path) for k in kept] for number, row in enumerate(rows, 1)]
    return Table(_array(values, (len(rows), len(kept))), None if names is None else tuple(names[k] for k in kept))


def _selected(
    names: tuple[str, ...] | None, width: int, columns: Sequence[str] | None, path: Path
) -> tuple[list[int], tuple[str, ...] | None]:
    if columns is None:
        return list(range(width)), names
    if names is None:
        raise ParameterError(f"{str(path)!r} has no header, so columns cannot be chosen by name: add a row of names")
    _check_names(columns, names, path)
    return [names.index(name) for name in columns], names


def _check_names(columns: Sequence[str], names: Sequence[str], path: Path) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        raise ParameterError(f"{str(path)!r} has no column {missing[0]!r}: it has {', '.join(names[:50])}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, row: int, names: tuple[str, ...] | None, column: int, path: Path) -> int | float:
    text = cell.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        where = f"{str(path)!r}: row {row}, {_column(names, column)}"
        if not text:
            raise ParameterError(f"{where} is empty: fill or drop it first") from None
        raise ParameterError(
            f"{where} is {text[:40]!r}, which is no number: choose other --columns, or encode it"
        ) from None


def _column(names: tuple[str, ...] | None, column: int) -> str:
    return f"column {names[column]!r}" if names is not None else f"column {column + 1}"


def _array(values: list[list[int | float]], shape: tuple[int, int]) -> npt.NDArray[Any]:
    flat = [value for row in values for value in row]
    if any(isinstance(value, float) for value in flat):
        return np.array(flat, dtype=np.float64).reshape(shape)
    if all(value in _INT64 for value in flat):
        return np.array(flat, dtype=np.int64).reshape(shape)
    return object_array([int(value) for value in flat], shape)


def narrowed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects that are integers of 64 bits, as int64; other arrays as they are."""
    if values.dtype != object or not all(isinstance(value, int) and value in _INT64 for value in values.flat):
        return values
    return values.astype(np.int64)


def _csv_bytes(values: npt.NDArray[Any], names: Sequence[str] | None) -> bytes:
    table = _two_axes(values, "CSV")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if names is not None:
        writer.writerow(names)
    writer.writerows([[repr(cell) for cell in row] for row in table.tolist()])
    return text.getvalue().encode("utf-8")


# npy.


def _read_npy(path: Path, columns: Sequence[str] | None) -> Table:
    if columns is not None:
        raise ParameterError(f"{str(path)!r} has no names, so columns cannot be chosen: slice the array first")
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ParameterError(f"{str(path)!r} is no npy file of numbers: {error}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iufb":
        raise ParameterError(
            f"{str(path)!r} holds {getattr(values, 'dtype', 'several arrays')}: integers or floats are needed"
        )
    return Table(values, None)


def _npy_bytes(values: npt.NDArray[Any], names: Sequence[str] | None) -> bytes:
    if values.dtype == object:
        raise ParameterError("an npy file holds one type of numbers, and integers up to 64 bits: write .csv")
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    return data.getvalue()


# Parquet.


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ParameterError("Parquet files need pyarrow: pip install 'hepy-engine[parquet]'") from None
    return pyarrow


def _read_parquet(path: Path, columns: Sequence[str] | None) -> Table:
    arrow = _pyarrow()
    path.stat()  # a missing file is the system's error, not Arrow's
    try:
        file = arrow.parquet.ParquetFile(path)
        if columns is not None:
            _check_names(columns, file.schema_arrow.names, path)
        table = file.read(columns=None if columns is None else list(columns))
    except arrow.ArrowException as error:
        raise ParameterError(f"{str(path)!r} is no Parquet file: {error}") from None
    if columns is not None:
        table = table.select(list(columns))
    bad = [field.name for field in table.schema if not _is_numeric(arrow, field.type)]
    if bad:
        raise ParameterError(
            f"{str(path)!r}: columns {', '.join(map(repr, bad))} hold no numbers: choose --columns without them"
        )
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            row = column.is_null().to_pylist().index(True) + 1
            raise ParameterError(f"{str(path)!r}: row {row}, column {name!r} is empty: fill or drop it first")
    arrays = [column.to_numpy() for column in table.columns]
    if any(array.dtype.kind == "f" for array in arrays):
        values = np.stack([array.astype(np.float64) for array in arrays], axis=1)
    else:
        rows: list[list[int | float]] = [[int(cell) for cell in row] for row in zip(*arrays, strict=True)]
        values = _array(rows, (table.num_rows, len(arrays)))
    return Table(values, tuple(table.column_names))


def _is_numeric(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _parquet_bytes(values: npt.NDArray[Any], names: Sequence[str] | None) -> bytes:
    arrow = _pyarrow()
    table = _two_axes(values, "Parquet")
    if table.dtype == object:
        raise ParameterError(
            "Parquet files are written of one type of numbers, and of integers up to 64 bits: write .csv"
        )
    names = names if names is not None else [f"column_{k + 1}" for k in range(table.shape[1])]
    data = io.BytesIO()
    arrow.parquet.write_table(arrow.table([arrow.array(column) for column in table.T], names=list(names)), data)
    return data.getvalue()


# Both.


def _two_axes(values: npt.NDArray[Any], format: str) -> npt.NDArray[Any]:
    if values.ndim > 2:
        raise ParameterError(f"{format} holds tables, and the values have {values.ndim} axes: write .npy")
    return values.reshape(-1, 1) if values.ndim < 2 else values


def _check_finite(table: Table, path: Path) -> None:
    finite = np.isfinite(table.values)
    if finite.all():
        return
    index = np.unravel_index(int(np.argmin(finite)), finite.shape)
    if finite.ndim == 2:
        where = f"row {int(index[0]) + 1}, {_column(table.names, int(index[1]))}"
    else:
        where = f"the element at index {tuple(int(i) for i in index)}"
    value = float(table.values[index])
    name = "not a number (NaN)" if math.isnan(value) else "infinite"
    raise ParameterError(f"{str(path)!r}: {where} is {name}: replace or drop it first")
