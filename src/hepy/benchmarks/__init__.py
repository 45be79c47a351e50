"""The benchmark harness: hepy and its peers measured in one run, kept in a ledger, told in a report.

    python -m hepy.benchmarks setup     # an environment for each peer
    python -m hepy.benchmarks run       # measure Paillier, write the ledger, print the tables
    python -m hepy.benchmarks run-ckks  # the same of CKKS
    python -m hepy.benchmarks report    # docs/benchmarks.md from the newest ledgers
    python -m hepy.benchmarks tune      # refill the table that picks kernels (make tune builds what it times)

Linux only. Every engine works in a child process of its own (workers/), so that peers keep their Python versions and pins.
"""

from hepy.benchmarks.specifications import Specification as Specification
from hepy.benchmarks.specifications import engines as engines

__all__ = ["Specification", "engines"]
