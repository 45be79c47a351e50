"""CKKS on one core, one ciphertext at the top of the chain, one group a question: hepy and the peers.

    python -m hepy.benchmarks setup && pytest bench

For one operation under the loupe; the tables of docs/benchmarks.md come from `python -m hepy.benchmarks run-ckks`.
"""

import pytest

from hepy.benchmarks import ckks_runner, engines
from hepy.benchmarks.client import WorkerError

CASES = [
    pytest.param(operation, log_n, depth, engine, id=f"{operation}-{log_n}-{engine}",
                 marks=pytest.mark.benchmark(group=f"ckks {operation}, N = 2^{log_n}, depth {depth}"))
    for log_n, depth in ckks_runner.PRESETS["full"].rings
    for operation in ckks_runner.OPERATIONS
    if operation != "keygen"
    for engine in engines("ckks")
]  # fmt: skip


@pytest.mark.parametrize(("operation", "log_n", "depth", "engine"), CASES)
def test_ckks(benchmark, workers, operation, log_n, depth, engine):
    try:
        worker = workers(engine, log_n=log_n, depth=depth, scale_bits=ckks_runner.SCALE_BITS, security=128)
        if operation not in worker.about["operations"]:
            pytest.skip(f"{engine} has no {operation}")
        worker.ask("check", operation=operation, level=depth)
        worker.ask("prepare", operation=operation, level=depth, size=1)
    except WorkerError as error:
        pytest.skip(f"{engine}: {error}")
    benchmark.extra_info |= {
        "engine": str(engine),
        "log_n": log_n,
        "depth": depth,
        "versions": worker.about["versions"],
    }
    # Its answer comes when the work is done; the message takes some tenths of a millisecond.
    benchmark.pedantic(worker.ask, args=("work",), rounds=5, warmup_rounds=1)
