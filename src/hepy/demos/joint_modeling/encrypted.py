"""A fold trained by two processes under encryption, and held against the same fold in the clear."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy.demos.joint_modeling import boosting, parties, party
from hepy.demos.joint_modeling.data import Columns, Customers
from hepy.demos.joint_modeling.evaluation import Fold, evaluated, train_fold
from hepy.errors import HepyError, ParameterError


@dataclass(frozen=True)
class EncryptedFold:
    """What came of an encrypted run.

    Attributes:
        fold: the model, equal to the clear one bit for bit.
        digest: SHA-256 of its trees, which both runs have.
        seconds: from start to end.
        bank, partner: each party's own account: messages, seconds by step.
    """

    fold: Fold
    digest: str
    seconds: float
    bank: dict[str, Any]
    partner: dict[str, Any]


def train_encrypted(
    customers: Customers,
    train_rows: npt.NDArray[np.bool_],
    parameters: boosting.Parameters,
    folder: Path,
    *,
    seed: int,
    key_bits: int,
    device: str,
    keep_messages: bool = False,
    after_tree: Callable[[int], None] = lambda trees: None,
) -> EncryptedFold:
    """Train one fold in two processes.

    Args:
        folder: gets bank/ and partner/, all that each party has.
        seed: the partner's.

    Raises:
        HepyError: a party failed, the trees differ from the clear ones, or the records of messages differ.
    """
    bank, partner = folder / parties.BANK, folder / parties.PARTNER
    told = party.Configuration(device, keep_messages)
    _prepare(partner, customers.partner, replace(told, names=customers.partner.names, seed=seed))
    _prepare(bank, customers.bank, replace(told, key_bits=key_bits, parameters=parameters))
    np.save(bank / party.LABELS, customers.labels, allow_pickle=False)
    np.save(bank / party.TRAIN, train_rows, allow_pickle=False)
    began = time.perf_counter()
    parties.run(bank, partner, after_tree)
    seconds = time.perf_counter() - began
    clear = train_fold(customers, train_rows, parameters, joint_seed=seed)
    scores = np.load(bank / party.SCORES, allow_pickle=False)
    bank_result, partner_result = _result(bank), _result(partner)
    _check_trees(bank_result, scores, clear)
    _check_records(bank_result, partner_result)
    fold = evaluated(customers.labels, ~train_rows, clear.trees, scores)
    return EncryptedFold(fold, bank_result["digest"], seconds, bank_result, partner_result)


def _prepare(folder: Path, columns: Columns, told: party.Configuration) -> None:
    if folder.exists():
        if not (folder / party.CONFIGURATION).is_file():
            raise ParameterError(f"{folder} is there already and is not an earlier run's: choose another output folder")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    np.save(folder / party.COLUMNS, columns.values, allow_pickle=False)
    told.write(folder)


def _result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / party.RESULT).read_text(encoding="utf-8")))


def _check_trees(bank: dict[str, Any], scores: npt.NDArray[np.float64], clear: Fold) -> None:
    expected = boosting.digest(clear.trees)
    if bank["digest"] != expected or not np.array_equal(scores, clear.scores):
        raise HepyError(
            f"the trees of the encrypted run (SHA-256 {bank['digest'][:16]}) differ from those of the clear run "
            f"({expected[:16]}): this is a defect of hepy or of this machine; please report it"
        )


def _check_records(bank: dict[str, Any], partner: dict[str, Any]) -> None:
    """What one side sent is what the other received: same kinds, sizes and digests, in order."""
    for sender, receiver in ((bank, partner), (partner, bank)):
        sent = [_content(m) for m in sender["messages"] if m["direction"] == "sent"]
        received = [_content(m) for m in receiver["messages"] if m["direction"] == "received"]
        if sent != received:
            raise HepyError("the two parties' records of their messages differ: this is a defect; please report it")


def _content(message: dict[str, Any]) -> tuple[Any, ...]:
    return message["kind"], message["bytes"], message["sha256"]
