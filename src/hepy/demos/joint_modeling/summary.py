"""What a run found, as plain numbers and strings: the source of the report, the tables and summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hepy.benchmarks import machine
from hepy.demos.joint_modeling import metrics
from hepy.demos.joint_modeling.binning import MAX_BINS
from hepy.demos.joint_modeling.boosting import SCALE_BITS, Parameters, Split
from hepy.demos.joint_modeling.data import Customers
from hepy.demos.joint_modeling.encrypted import EncryptedFold
from hepy.demos.joint_modeling.evaluation import FOLDS, TOP_SHARE, Fold, Repetition
from hepy.demos.joint_modeling.messages import Kind

PUBLISHED_GAIN = 0.34  # of a bank and its partner in the top 5 %, as the story that the demo follows tells it
VIEWS = 6
CURVE = tuple(k / 100 for k in range(1, 51))  # shares of customers at which the lift curve is drawn


def summarize(
    customers: Customers,
    parameters: Parameters,
    repetitions: Sequence[Repetition],
    clear_seconds: float,
    encrypted: Sequence[EncryptedFold],
    key_bits: int,
    device: str,
    seed: int,
) -> dict[str, Any]:
    """Means are over folds, and over all repetitions' folds where nothing else is said."""
    return {
        "data": {
            "customers": len(customers.labels),
            "buyers": int(customers.labels.sum()),
            "bank_columns": len(customers.bank.names),
            "partner_columns": len(customers.partner.names),
        },
        "parameters": {
            **asdict(parameters),
            "bins": MAX_BINS,
            "scale_bits": SCALE_BITS,
            "folds": FOLDS,
            "repetitions": len(repetitions),
            "seed": seed,
            "key_bits": key_bits,
            "variant": "djn",
            "device": device,
        },
        "clear": _clear(customers, repetitions) | {"seconds": round(clear_seconds, 2)},
        "encrypted": [_encrypted(number, fold) for number, fold in enumerate(encrypted, 1)],
        "published_gain": PUBLISHED_GAIN,
        "machine": machine.describe(),
    }


def _clear(customers: Customers, repetitions: Sequence[Repetition]) -> dict[str, Any]:
    bank = [fold for repetition in repetitions for fold in repetition.bank]
    joint = [fold for repetition in repetitions for fold in repetition.joint]
    means = {"bank": _means(bank), "joint": _means(joint)}
    each = [{"bank": _means(r.bank), "joint": _means(r.joint)} for r in repetitions]
    return {
        **means,
        "lift_gain": _gain(means),
        "repetitions": [{**figures, "lift_gain": _gain(figures)} for figures in each],
        "curve": {
            "shares": list(CURVE),
            "bank": _curve(customers, bank),
            "joint": _curve(customers, joint),
        },
    }


def _means(folds: Sequence[Fold]) -> dict[str, float]:
    return {"auc": float(np.mean([f.auc for f in folds])), "lift": float(np.mean([f.lift for f in folds]))}


def _gain(means: dict[str, dict[str, float]]) -> float | None:
    """By how much the joint model's lift is above the bank's; None if the bank alone finds nobody."""
    return means["joint"]["lift"] / means["bank"]["lift"] - 1.0 if means["bank"]["lift"] else None


def _curve(customers: Customers, folds: Sequence[Fold]) -> list[float]:
    return [
        float(np.mean([metrics.lift(customers.labels[f.held_out], f.scores[f.held_out], share) for f in folds]))
        for share in CURVE
    ]


def _encrypted(number: int, run: EncryptedFold) -> dict[str, Any]:
    splits = [split for tree in run.fold.trees for split in tree.splits]
    messages = run.bank["messages"]
    return {
        "fold": number,
        "trees": len(run.fold.trees),
        "splits": len(splits),
        "partner_splits": sum(split.holder == 1 for split in splits),
        "digest": run.digest,
        "equal_to_clear": True,  # train_encrypted raises otherwise
        "auc": run.fold.auc,
        "lift": run.fold.lift,
        "top_share": TOP_SHARE,
        "seconds": round(run.seconds, 2),
        "bank_seconds": run.bank["seconds"],
        "partner_seconds": run.partner["seconds"],
        "bank_processor_seconds": run.bank["processor_seconds"],
        "partner_processor_seconds": run.partner["processor_seconds"],
        "messages": len(messages),
        "bytes": sum(message["bytes"] for message in messages),
        "views": _views(run, splits),
        "kinds": [row for kind in Kind for row in _kind(kind, messages)],
    }


def _views(run: EncryptedFold, splits: Sequence[Split]) -> list[dict[str, Any]]:
    """Some splits on the partner's columns, as each side knows them."""
    numbers = [split.bin for split in splits if split.holder == 1]
    return [{"bin": bin, **split} for bin, split in zip(numbers, run.partner["splits"], strict=True)][:VIEWS]


def _kind(kind: Kind, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each direction in which messages of this kind went; messages are as the bank saw them."""
    rows = []
    for direction, sender in (("sent", "bank"), ("received", "partner")):
        those = [m for m in messages if m["kind"] == kind.label and m["direction"] == direction]
        if those:
            rows.append(
                {
                    "kind": kind.label,
                    "from": sender,
                    "encrypted": kind.encrypted,
                    "tells": kind.tells,
                    "messages": len(those),
                    "bytes": sum(m["bytes"] for m in those),
                    "first_sha256": those[0]["sha256"],
                }
            )
    return rows
