"""Whole runs of the harness with tiny keys: what is measured, checked, refused and reported. No figure is judged."""

import ast
import dataclasses
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hepy.benchmarks import __main__ as command
from hepy.benchmarks import environments, ledger, runner
from hepy.benchmarks.client import Worker, WorkerError
from hepy.benchmarks.specifications import PEERS, Specification, engines
from hepy.benchmarks.workers.engine import OPERATIONS, Engine
from hepy.benchmarks.workers.gmpy2_engine import Gmpy2Engine
from hepy.benchmarks.workers.workload import Workload

LOOP = Specification("gmpy2", "cpu", "djn", "vartime")
TINY = runner.PRESETS["tiny"]


def quiet(text: str) -> None:
    """Hear of progress, and say nothing."""


def test_the_loop_measures_every_operation():
    results = runner.run(TINY, [LOOP], quiet)
    assert results.absent == []
    assert [row["operation"] for row in results.rows] == list(OPERATIONS)
    for row in results.rows:
        assert len(row["rates"]) == TINY.rounds and row["low"] <= row["median"] <= row["high"]
        assert (row["variant"], row["timing"], row["processes"]) == ("djn", "vartime", 1)
    assert "gmpy2" in results.versions["gmpy2 djn"]


def test_on_all_cores_the_loop_runs_once_a_core():
    cores = list(os.sched_getaffinity(0))
    plan = dataclasses.replace(TINY, threads=("all",), operations=("add",))
    (row,) = runner.run(plan, [LOOP], quiet).rows
    assert row["processes"] == len(cores)


@pytest.mark.parametrize("variant", ["djn", "classic", "subgroup"])
@pytest.mark.parametrize("timing", ["vartime", "constant_time"])
def test_the_loop_computes_what_plain_integers_give(variant, timing):
    engine = Gmpy2Engine({"variant": variant, "timing": timing})
    engine.use(engine.keygen(512))
    for operation in engine.operations():
        if operation != "keygen":
            Workload(engine).check(operation)


def test_a_wrong_result_is_no_row():
    class Wrong(Gmpy2Engine):
        def add(self, left, right):
            return left

    engine = Wrong({"variant": "djn", "timing": "vartime"})
    engine.use(engine.keygen(512))
    with pytest.raises(ArithmeticError, match="add decrypts to something else"):
        Workload(engine).check("add")


def test_hepy_measures_every_operation():
    results = runner.run(TINY, [Specification("hepy", "cpu", "djn", "vartime")], quiet)
    assert results.absent == []
    assert [row["operation"] for row in results.rows] == list(OPERATIONS)


def testkept_keys_work_in_both_engines():
    for library in ("hepy", "gmpy2"):
        worker = Worker(Specification(library, "cpu", "subgroup", "vartime"), [min(os.sched_getaffinity(0))])
        try:
            worker.ask("describe")
            worker.ask("key", bits=2048, kept=runner.kept_keys()["2048"])
            worker.ask("check", operation="encrypt")
        finally:
            worker.close()


def test_a_peer_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(environments, "unavailable", lambda name: "no wheel for this Python")
    results = runner.run(TINY, [Specification("phe")], quiet)
    assert results.rows == []
    assert results.absent == [{"engine": "phe", "what": "everything", "reason": "no wheel for this Python"}]


def test_a_worker_that_dies_is_named(monkeypatch):
    monkeypatch.setattr(environments, "unavailable", lambda name: None)
    monkeypatch.setattr(environments, "interpreter", lambda library: sys.executable)
    # This Python lacks the peer.
    results = runner.run(TINY, [Specification("ipcl")], quiet)
    assert results.rows == []
    assert "ipcl_python" in results.absent[0]["reason"]


def test_a_worker_says_what_went_wrong():
    worker = Worker(LOOP, [min(os.sched_getaffinity(0))])
    try:
        worker.ask("describe")
        with pytest.raises(WorkerError, match="ValueError"):
            worker.ask("key", bits=-8, kept={})
        worker.send("describe")
        assert worker.receive()["variant"] == "djn"
    finally:
        worker.close()


def test_every_peer_has_an_environment_and_a_worker():
    peers = {library for libraries in PEERS.values() for library in libraries}
    assert {environments.home(library) for library in peers} == set(environments.ENVIRONMENTS)
    assert {engine.library for engine in engines()} == {"hepy", "gmpy2", *PEERS["paillier"]}
    assert {engine.library for engine in engines("ckks")} == {"hepy", *PEERS["ckks"]}
    folder = Path(runner.__file__).parent / "workers"
    for path in folder.rglob("*.py"):
        # Python 3.8 runs them: no syntax of later versions.
        ast.parse(path.read_text(), feature_version=(3, 8))


def test_an_environment_that_no_python_fits_gives_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "_find_python", lambda version: None)
    heard = []
    missing = environments.setup(["heu"], heard.append, tmp_path)
    assert "needs Python 3.10" in missing["heu"]
    assert environments.unavailable("heu", tmp_path) == missing["heu"]
    assert any("not available" in text for text in heard)


def test_operations_are_those_an_engine_defines():
    class Adder(Engine):
        def add(self, left, right):
            return left + right

    assert Adder({}).operations() == ["keygen", "add"]


def test_the_command_writes_ledger_and_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "--preset", "tiny", "--engine", "gmpy2 djn", "--operation", "add"]
    done = CliRunner().invoke(command.main, arguments)
    assert done.exit_code == 0, done.output
    kept = ledger.read(ledger.newest(tmp_path / "bench" / "results"))
    assert [row["operation"] for row in kept["rows"]] == ["add"]
    done = CliRunner().invoke(command.main, ["report"])
    assert done.exit_code == 0, done.output
    assert "512 bits, one core" in (tmp_path / "docs" / "benchmarks.md").read_text()
