"""Paillier on one core, one group a question: hepy on each device, a plain gmpy2 loop, and the peers.

    python -m hepy.benchmarks setup && pytest bench

For one operation under the loupe, with pytest-benchmark's statistics and comparisons between runs. The table of
docs/benchmarks.md, whose rounds are interleaved over the engines, comes from `python -m hepy.benchmarks run`.
"""

import pytest

from hepy.benchmarks import engines
from hepy.benchmarks.client import WorkerError

SIZES = {
    "encrypt": 64,
    "encrypt_owner": 64,
    "decrypt": 64,
    "add": 256,
    "multiply": 64,
    "matmul": 2,
    "histogram": 512,
    "sum": 1024,
}

CASES = [
    pytest.param(operation, bits, engine, id=f"{operation}-{bits}-{engine}",
                 marks=pytest.mark.benchmark(group=f"paillier {operation}, {bits} bits"))
    for bits in (2048, 3072)
    for operation in SIZES
    for engine in engines("paillier", default_only=True)
]  # fmt: skip


@pytest.mark.parametrize(("operation", "bits", "engine"), CASES)
def test_paillier(benchmark, workers, operation, bits, engine):
    try:
        worker = workers(engine, bits=bits)
        if operation not in worker.about["operations"]:
            pytest.skip(f"{engine} has no {operation}")
        worker.ask("check", operation=operation)
        items = worker.ask("prepare", operation=operation, size=SIZES[operation])["items"]
    except WorkerError as error:
        pytest.skip(f"{engine}: {error}")
    about = {name: worker.about[name] for name in ("variant", "timing", "versions")}
    benchmark.extra_info |= about | {"engine": str(engine), "key_bits": bits, "items": items}
    # Its answer comes when the work is done; the message takes some tenths of a millisecond.
    benchmark.pedantic(worker.ask, args=("work",), rounds=5, warmup_rounds=1)
