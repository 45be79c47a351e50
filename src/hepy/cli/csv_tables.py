"""Tables of numbers in CSV files, read in blocks of rows: a table takes little more memory than its numbers."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.cli.cells import Place, Table, choose, floats, integers, joined, two_axes
from hepy.errors import ParameterError

_ROWS_AT_ONCE = 4096
# Python's own int() and float() also take 1_000, and digits of every script.
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
_FRACTION = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|nan|inf|infinity)", re.IGNORECASE)


def read(path: Path, columns: Sequence[str] | None, header: bool | None) -> Table:
    """The numbers of a CSV file in UTF-8.

    Args:
        columns: names of the columns to keep, in this order; None keeps all.
        header: whether the first row has names; None finds out: it has if all of its cells hold something and none
            holds a number.

    Raises:
        OSError: the file cannot be read.
        ParameterError: it is no table of numbers, or a column is not there; names the place.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = _rows(csv.reader(file, strict=True), path)
            first = next(rows, None)
            if first is None:
                raise ParameterError(f"{str(path)!r} is empty: a CSV file has at least one row")
            named = _is_header(first, path) if header is None else header
            place = choose(path, len(first), [cell.strip() for cell in first] if named else None, columns)
            return Table(_numbers(rows if named else itertools.chain([first], rows), place, len(first)), place.names)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ParameterError(f"{str(path)!r} is no CSV in UTF-8: {error}") from None


def _rows(reader: Any, path: Path) -> Iterator[list[str]]:
    """The rows; empty lines may end a file, and within one they could be a cell that is missing."""
    blank = 0
    for row in reader:
        if not row:
            blank = blank or reader.line_num
        elif blank:
            raise ParameterError(f"{str(path)!r}: line {blank} is empty, and rows follow: fill or drop it first")
        else:
            yield row


def _is_header(first: Sequence[str], path: Path) -> bool:
    numbers = [_number(cell) is not None for cell in first]
    if all(numbers):
        return False
    if any(numbers) or not all(cell.strip() for cell in first):
        raise ParameterError(
            f"{str(path)!r}: the first row has names beside numbers or empty cells: say --header if it names the "
            "columns, or --no-header if it is a row of the table"
        )
    return True


def _numbers(rows: Iterable[list[str]], place: Place, width: int) -> npt.NDArray[Any]:
    rows, start = iter(rows), 0
    parts = [np.zeros((0, len(place.chosen)), np.int64)]
    while block := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        parts.append(_block(block, start, place, width))
        start += len(block)
    return joined(parts, place)


def _block(block: list[list[str]], start: int, place: Place, width: int) -> npt.NDArray[Any]:
    values: list[Any] = []
    for row, cells in enumerate(block, start):
        if len(cells) != width:
            raise ParameterError(
                f"{str(place.path)!r}: row {row + 1} has {len(cells)} cells and the first row of the file {width}"
            )
        found = [_number(cells[k]) for k in place.chosen]
        if None in found:
            _refuse(cells, row, place)
        values += found
    shape = (len(block), len(place.chosen))
    if all(isinstance(value, int) for value in values):
        return integers(values, shape)
    return floats(np.array(values, dtype=object).reshape(shape), place, start)


def _number(cell: str) -> int | float | None:
    text = cell.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else None


def _refuse(cells: Sequence[str], row: int, place: Place) -> None:
    """Say which cells of the row are no numbers; what they hold is the owner's secret."""
    wrong = [k for k, position in enumerate(place.chosen) if _number(cells[position]) is None]
    empty = [k for k in wrong if not cells[place.chosen[k]].strip()]
    if empty:
        raise ParameterError(f"{place.cell(row, empty[0])} is empty: fill or drop it first")
    named = ", ".join(place.column(k) for k in wrong[:10])
    raise ParameterError(
        f"{str(place.path)!r}: row {row + 1} has no number in {named}: choose --columns without, or encode as numbers"
    )


def to_bytes(values: npt.NDArray[Any], names: Sequence[str] | None) -> bytes:
    """The text of a CSV file: integers in full, floats in the shortest form that reads back the same."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if names is not None:
        writer.writerow(names)
    writer.writerows([[repr(cell) for cell in row] for row in two_axes(values).tolist()])
    return text.getvalue().encode("utf-8")
