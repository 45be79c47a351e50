"""What docs/benchmarks.md says of a GPU that was timed: tables of the ledger that `python -m hepy.benchmarks gpu` keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hepy.benchmarks import gpu, gpu_rings, ledger, tables


def newest(folder: Path = gpu.FOLDER) -> tuple[dict[str, Any], str] | None:
    """The latest ledger of a GPU, and its name."""
    path = ledger.newest_or_none("paillier", folder)
    return None if path is None else (ledger.read(path), path.name)


def integers(record: dict[str, Any], name: str) -> str:
    """Kernels of big integers and Paillier, beside the predictions that were there when they were timed."""
    model = record["parameters"]["gpu"]
    shown = [
        gpu.table([gpu.Rate(**row) for row in record["paillier"]], f"Paillier (djn) from Python on {model}"),
        gpu.latency_table([gpu.Latency(**row) for row in record["latencies"]]),
        gpu.table([gpu.Rate(**row) for row in record["kernels"]], f"Kernels of big integers on {model}"),
    ]
    return "\n".join([_head(record, name), *(table.markdown() for table in shown)])


def rings(record: dict[str, Any], name: str) -> str:
    """Kernels of rings and CKKS, beside the limits of the GPU that they were computed for."""
    limits = record["parameters"]["limits"]
    shown = [
        gpu_rings.operation_table([gpu_rings.OperationTime(**row) for row in record["ckks"]], limits),
        gpu_rings.kernel_table([gpu_rings.KernelTime(**row) for row in record["ring_kernels"]], limits),
    ]
    return "\n".join([_head(record, name), _THREE_TIMES, *(table.markdown() for table in shown)])


_THREE_TIMES = """\
*From Python*: of many calls in a row, until the last result is there. *Queueing*: what Python takes to ask for one. *Kernels*:
what the GPU takes for it when it never waits for Python.
"""


def _head(record: dict[str, Any], name: str) -> str:
    return f"Timed on one {record['parameters']['gpu']}. {tables.where(record, f'gpu/{name}')}"
