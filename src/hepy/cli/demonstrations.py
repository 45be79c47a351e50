"""The command demo."""

from __future__ import annotations

import click
from rich.console import Console

from hepy.cli.output import Output, with_output
from hepy.options import options


@click.command()
@click.option("--output", "folder", type=click.Path(file_okay=False), default="hepy-demo", show_default=True,
              help="Folder for the report and for all that each party has.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="Where ciphertexts live.")
@click.option("--key-bits", type=int, default=3072, show_default=True, help="Below 2048 it protects nothing.")
@click.option("--trees", type=int, help="Trees to train encrypted in a fold.")
@click.option("--samples", type=int, help="Keep that many customers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the cut into folds.")
@click.option("--full", is_flag=True, help="Train all folds encrypted, with all trees.")
@click.option("--keep-messages", is_flag=True, help="Keep the body of every message in the parties' folders.")
@with_output
def demo(
    folder: str, device: str, key_bits: int, trees: int | None, samples: int | None, seed: int, full: bool,
    keep_messages: bool, output: Output,
) -> None:  # fmt: skip
    """A bank and a partner train one model without showing each other a row, on real customers' data."""
    from hepy.demos import joint_modeling

    silent = output.as_json or output.quiet or not options.progress
    outcome = joint_modeling.run(
        output=folder, device=device, key_bits=key_bits, trees=trees, samples=samples, seed=seed, full=full,
        keep_messages=keep_messages, console=None if silent else Console(),
    )  # fmt: skip
    fields = {"report": str(outcome.report), **outcome.summary}
    output.text(fields, f"report: {outcome.report}")
