"""Products of powers on the host, shared among threads: tables of some rows' bases first, then result after result.

Straus's method (Amer. Math. Monthly 71 (1964)) keeps a table for each base. Threads make the tables together and share
them: none repeats another's table, and results are short pieces of work, of which each thread takes more as it ends one. A
row with fewer results than there are threads is cut into spans of its terms. Pippenger's buckets, for many terms, need no
tables.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hepy import _limbs as limb
from hepy.bigint.kernels import Operand
from hepy.options import options

Batch = npt.NDArray[np.uint64]

_TABLES = 1 << 24  # bytes of tables at once: read slowly enough that they need not be in a core's own cache
_BUCKETS = 1 << 19  # bytes of a result's buckets


class Powers(NamedTuple):
    """What is raised to what, for products over terms: out[row, span, column], of one span of a row's terms each."""

    exponents: limb.Limbs  # uint32[terms columns, words], below 2**bits
    wanted: npt.NDArray[np.bool_]  # bool[terms, columns]: what takes part
    bits: int
    window: int
    spans: int


class Engine(Protocol):
    """What product() asks of an engine, beside the leaves of hepy.bigint.kernels.Kernels."""

    lanes: int  # results that a thread makes at once. One alone takes sliding windows, whose digits are odd

    def empty(self, count: int) -> Batch: ...

    def segment_product(self, x: Operand, offsets: npt.NDArray[np.int64]) -> Batch: ...

    def straus_tables(self, x: Operand, window: int, products: float) -> Batch:
        """A table for each element, of so many products: of entries() powers."""

    def straus_vartime(self, out: Batch, tables: Batch, powers: Powers, products: float) -> None:
        """Fill [rows, spans, columns] by the tables of [rows, terms]; each result takes so many products."""

    def pippenger_vartime(self, out: Batch, x: Operand, powers: Powers, products: float) -> None:
        """Fill [rows, spans, columns] by bases [rows, terms]; each result takes so many products."""


class Plan(NamedTuple):
    """A method, and its products.

    Attributes:
        table: that make the table of one base, which all results of its row share.
        fixed: of a result, however many terms it has.
        each: of a result for each of its terms that takes part.
    """

    method: Literal["straus", "pippenger"]
    window: int
    table: float
    fixed: float
    each: float


def product(engine: Engine, x: Operand, exponents: limb.Limbs, wanted: npt.NDArray[np.bool_], bits: int) -> Batch:
    """Contract: hepy.bigint.kernels.Kernels.multi_power_vartime."""
    batch, which = x[0], np.ascontiguousarray(x[1])
    terms, columns = wanted.shape
    rows = len(which) // terms
    sliding = engine.lanes == 1
    taken = int(np.count_nonzero(wanted)) if sliding else wanted.size  # lanes take a product where one of them wants it
    size = batch.itemsize * batch.shape[1]
    chosen = plan(terms, columns, bits, taken, size, sliding)
    cut = spans(rows * columns, taken / columns, chosen, engine.lanes * options.threads)
    out, products = engine.empty(rows * cut * columns), chosen.fixed + taken / columns / cut * chosen.each
    powers = Powers(np.ascontiguousarray(exponents), np.ascontiguousarray(wanted), bits, chosen.window, cut)
    if chosen.method == "pippenger":
        engine.pippenger_vartime(out, (batch, which), powers, products)
    else:
        step = max(1, _TABLES // (size * terms * entries(chosen.window, sliding)))
        for row in range(0, rows, step):
            tables = engine.straus_tables(
                (batch, which[row * terms : (row + step) * terms]), chosen.window, chosen.table
            )
            made = out[row * cut * columns : (row + step) * cut * columns]
            engine.straus_vartime(made, tables, powers, products)
    if cut == 1:
        return out
    order = np.arange(len(out)).reshape(rows, cut, columns).transpose(0, 2, 1)
    return engine.segment_product((out, np.ascontiguousarray(order).ravel()), np.arange(rows * columns + 1) * cut)


def entries(window: int, sliding: bool) -> int:
    """Powers in a base's table: of all digits, or of the odd ones."""
    return 1 << (window - sliding)


def plan(terms: int, columns: int, bits: int, taken: int, size: int, sliding: bool) -> Plan:
    """The cheaper method for one vector of bases.

    Args:
        taken: pairs of a term and a column that take part.
        size: bytes of an element.
    """
    tables, buckets = _plans(bits, sliding)
    fitting = [one for one in tables if one.window == 1 or size * terms * entries(one.window, sliding) <= _TABLES]
    fitting += [one for one in buckets if one.window == 1 or size << one.window <= _BUCKETS]
    return min(fitting, key=lambda plan: terms * plan.table + columns * plan.fixed + taken * plan.each)


@functools.lru_cache(maxsize=256)
def _plans(bits: int, sliding: bool) -> tuple[list[Plan], list[Plan]]:
    """Plans of both methods for exponents of so many bits."""
    tables, buckets = [], []
    for w in range(1, 9):
        each = bits / (w + 1) if sliding else -(-bits // w) * (1 - 2.0**-w)
        tables.append(Plan("straus", w, entries(w, sliding) if w > 1 else 0, bits, each))
    for w in range(1, 15):
        full, top = divmod(bits, w)  # the highest window may be narrow
        # The first base in a bucket is copied, which pays for the product that the bucket takes later; and one for each digit.
        digits = full * 2**w + 2**top
        each = full * (1 - 2.0**-w) + 1 - 2.0**-top
        buckets.append(Plan("pippenger", w, 0, bits + (digits if sliding else 2 * digits), each))
    return tables, buckets


def spans(results: int, terms: float, plan: Plan, workers: int) -> int:
    """Into how many spans the terms of each result are cut, so that all workers have some and end together.

    Args:
        results: of all rows.
        terms: that take part in a result, on average.
        workers: results that are made at once.
    """

    # A span takes the fixed products once more, and one that joins it to the others.
    def time(spans: int) -> float:
        return -(-results * spans // workers) * (plan.fixed + terms / spans * plan.each + 1)

    return min(range(1, max(1, min(math.ceil(terms), -(-2 * workers // results))) + 1), key=time)
