"""Engines for the suites: each in its worker, started once a session, with a key of the parameters asked for."""

import os

import pytest

from hepy.benchmarks import environments
from hepy.benchmarks.client import Worker


@pytest.fixture(scope="session")
def workers():
    """A function that gives the worker of an engine with a key of a case; it starts what is not there yet."""
    running = {}
    core = min(os.sched_getaffinity(0))

    def worker(engine, **case):
        reason = environments.unavailable(engine.library) if engine.peer else None
        if reason is not None:
            pytest.skip(f"{engine}: {reason}")
        place = engine, *case.values()
        if place not in running:
            started = Worker(engine, [core])
            started.about = started.ask("describe")
            started.ask("key", kept={}, **case)
            running[place] = started
        return running[place]

    yield worker
    for started in running.values():
        started.close()
