"""The summary of a run on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hepy.demos.joint_modeling.report import percent, size
from hepy.demos.joint_modeling.timing import WAITING


def show(summary: dict[str, Any], report: Path, console: Console) -> None:
    """Print what came out: the models, the encrypted folds, messages, seconds."""
    console.print(_models(summary))
    for fold in summary["encrypted"]:
        console.print(
            f"[bold]Fold {fold['fold']} encrypted[/]: {fold['trees']} trees, "
            f"{summary['parameters']['key_bits']}-bit key, {fold['seconds']:.1f} s. "
            f"[green]Equal to the clear trees bit for bit[/] (SHA-256 {fold['digest'][:16]}); "
            f"AUC {fold['auc']:.3f}, lift {fold['lift']:.2f}. "
            f"{fold['partner_splits']} of {fold['splits']} splits use the partner's columns."
        )
    if summary["parameters"]["key_bits"] < 2048:
        console.print(f"[yellow]A key of {summary['parameters']['key_bits']} bits protects nothing: for tries only.[/]")
    console.print(_messages(summary["encrypted"][0]))
    console.print(_seconds(summary["encrypted"][0]))
    console.print(f"All in {summary['seconds']:.0f} s. Report: {report}", soft_wrap=True)


def _models(summary: dict[str, Any]) -> Table:
    data, clear, shape = summary["data"], summary["clear"], summary["parameters"]
    table = Table(
        title=f"{data['customers']} customers, {data['buyers']} buyers; {shape['folds']} folds, "
        f"{shape['repetitions']} times; {shape['trees']} trees of depth {shape['depth']}",
        title_justify="left",
    )
    table.add_column("model")
    for name in ("columns", "AUC", "lift, top 5 %", "against the bank"):
        table.add_column(name, justify="right")
    both = data["bank_columns"] + data["partner_columns"]
    for label, name, columns, gain in (
        ("bank alone", "bank", data["bank_columns"], ""),
        ("bank and partner", "joint", both, percent(clear["lift_gain"])),
    ):
        table.add_row(label, str(columns), f"{clear[name]['auc']:.3f}", f"{clear[name]['lift']:.2f}", gain)
    return table


def _messages(fold: dict[str, Any]) -> Table:
    table = Table(title=f"Messages of fold {fold['fold']}, as recorded at the socket", title_justify="left")
    for name in ("kind", "from"):
        table.add_column(name)
    for name in ("messages", "bytes"):
        table.add_column(name, justify="right")
    table.add_column("first SHA-256")
    for row in fold["kinds"]:
        table.add_row(row["kind"], row["from"], str(row["messages"]), size(row["bytes"]), row["first_sha256"][:16])
    table.add_section()
    table.add_row("all", "", str(fold["messages"]), size(fold["bytes"]), "")
    return table


def _seconds(fold: dict[str, Any]) -> Table:
    table = Table(title=f"Seconds of fold {fold['fold']}", title_justify="left")
    table.add_column("step")
    table.add_column("bank", justify="right")
    table.add_column("partner", justify="right")
    bank, partner = fold["bank_seconds"], fold["partner_seconds"]
    for step in sorted(
        {*bank, *partner}, key=lambda name: (name == WAITING, -bank.get(name, 0) - partner.get(name, 0))
    ):
        table.add_row(step, *(f"{side[step]:.2f}" if step in side else "" for side in (bank, partner)))
    return table
