"""Numbers in files: CSV, npy and Parquet, read without loss and written whole.

Columns of integers stay integers of any size; where one column has fractions, all become float64. A cell that is
no number is an error that names its row and column.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._host.files import replaced
from hepy._shapes import first_index
from hepy.cli import csv_tables
from hepy.cli.cells import Place, Table, choose, floats, integers, two_axes
from hepy.errors import ParameterError


def read(path: Path, columns: Sequence[str] | None = None, header: bool | None = None) -> Table:
    """The numbers in a .csv, .npy or .parquet file.

    Args:
        columns: names of the columns to keep, in this order; None keeps all.
        header: whether the first row of a CSV file has names; None finds out.

    Raises:
        OSError: the file cannot be read.
        ParameterError: the format is not known, a cell is no number, or a column is not there.
    """
    reader = _by_suffix(path, {".csv": csv_tables.read, ".npy": _read_npy, ".parquet": _read_parquet})
    if header is not None and path.suffix.lower() != ".csv":
        raise ParameterError(f"{str(path)!r} is no CSV file: only those have a header, or none")
    table: Table = reader(path, columns, header)
    if table.values.dtype.kind == "f":
        _check_finite(table, path)
    return table


def write(path: Path, values: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
    """Write numbers of a shape that check_shape takes to a .csv, .npy or .parquet file, whole or not at all.

    Raises:
        OSError, StorageError: the file cannot be written; what was there is unchanged.
        ParameterError: the format cannot hold such numbers; says which can.
    """
    data = _by_suffix(path, {".csv": csv_tables.to_bytes, ".npy": _npy_bytes, ".parquet": _parquet_bytes})(
        values, names
    )
    with replaced(path) as file:
        file.write(data)


def check_writable(path: Path) -> None:
    """Refuse a format that write() does not know, before any work.

    Raises:
        ParameterError: the suffix is not known, or pyarrow is missing for .parquet.
    """
    _by_suffix(path, {".csv": lambda: None, ".npy": lambda: None, ".parquet": _pyarrow})()


def check_shape(path: Path, shape: tuple[int, ...]) -> int | None:
    """How many columns values of this shape take; None in a format without columns.

    Raises:
        ParameterError: the format cannot hold that many axes.
    """
    if path.suffix.lower() == ".npy":
        return None
    if len(shape) > 2:
        raise ParameterError(f"{path.suffix} files hold tables, and the values have {len(shape)} axes: write .npy")
    return shape[1] if len(shape) == 2 else 1


def _by_suffix(path: Path, known: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    try:
        return known[path.suffix.lower()]
    except KeyError:
        raise ParameterError(f"{str(path)!r} is none of {', '.join(known)}: the suffix tells the format") from None


# npy.


def _read_npy(path: Path, columns: Sequence[str] | None, header: None) -> Table:
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


def _read_parquet(path: Path, columns: Sequence[str] | None, header: None) -> Table:
    arrow = _pyarrow()
    path.stat()  # a missing file is the system's error, not Arrow's
    try:
        file = arrow.parquet.ParquetFile(path)
        names = file.schema_arrow.names
        place = choose(path, len(names), names, columns)
        table = file.read(columns=None if columns is None else list(columns))
    except arrow.ArrowException as error:
        raise ParameterError(f"{str(path)!r} is no Parquet file: {error}") from None
    if columns is not None:
        table = table.select(list(columns))
    if not table.columns:
        raise ParameterError(f"{str(path)!r} has no columns: there is nothing to encrypt")
    bad = [field.name for field in table.schema if not _is_numeric(arrow, field.type)]
    if bad:
        raise ParameterError(
            f"{str(path)!r}: columns {', '.join(map(repr, bad))} hold no numbers: choose --columns without them"
        )
    for k, column in enumerate(table.columns):
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise ParameterError(f"{place.cell(row, k)} is empty: fill or drop it first")
    return Table(_side_by_side([column.to_numpy() for column in table.columns], table.num_rows, place), place.names)


def _side_by_side(columns: list[npt.NDArray[Any]], rows: int, place: Place) -> npt.NDArray[Any]:
    """Columns of one table: [rows, columns] of integers if all are, of float64 if one is not."""
    if any(column.dtype.kind == "f" for column in columns):
        return np.concatenate([floats(column[:, None], place, 0, k) for k, column in enumerate(columns)], axis=1)
    if any(column.dtype == np.uint64 for column in columns):
        return integers([int(cell) for row in zip(*columns, strict=True) for cell in row], (rows, len(columns)))
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


def _is_numeric(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _parquet_bytes(values: npt.NDArray[Any], names: Sequence[str] | None) -> bytes:
    arrow = _pyarrow()
    table = two_axes(values)
    if table.dtype == object:
        raise ParameterError(
            "Parquet files are written of one type of numbers, and of integers up to 64 bits: write .csv"
        )
    names = names if names is not None else [f"column_{k + 1}" for k in range(table.shape[1])]
    data = io.BytesIO()
    arrow.parquet.write_table(arrow.table([arrow.array(column) for column in table.T], names=list(names)), data)
    return data.getvalue()


# All.


def _check_finite(table: Table, path: Path) -> None:
    finite = np.isfinite(table.values)
    if finite.all():
        return
    index = first_index(~finite)
    if finite.ndim == 2:
        where = Place(path, table.names, tuple(range(finite.shape[1]))).cell(*index)
    else:
        where = f"{str(path)!r}: the element at index {index}"
    name = "not a number (NaN)" if math.isnan(float(table.values[index])) else "infinite"
    raise ParameterError(f"{where} is {name}: replace or drop it first")
