"""The CKKS suite: runs of the harness with toy rings, its ledger, its verdicts and its part of the page."""

import dataclasses
import os
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from hepy.benchmarks import __main__ as command
from hepy.benchmarks import ckks_report, ckks_runner, ckks_targets, cold_start, environments, ledger, report
from hepy.benchmarks.specifications import Specification
from hepy.benchmarks.workers.ckks.engine import OPERATIONS, Engine
from hepy.benchmarks.workers.ckks.hepy_engine import HepyEngine
from hepy.benchmarks.workers.ckks.workload import Workload
from hepy.errors import WireFormatError

HEPY = Specification("hepy", scheme="ckks")
TINY = ckks_runner.PRESETS["tiny"]
CASE = {"log_n": 6, "depth": 2, "scale_bits": 40, "security": 0}


def quiet(text: str) -> None:
    """Hear of progress, and say nothing."""


def test_hepy_measures_every_row():
    results = ckks_runner.run(TINY, [HEPY], quiet)
    assert results.absent == []
    found = [(row["operation"], row["level"], row["batch"]) for row in results.rows]
    assert found == [("keygen", 2, 1)] + [(o, level, b) for o in OPERATIONS[1:] for level in (2, 1) for b in (1, 2)]
    for row in results.rows:
        assert len(row["rates"]) == TINY.rounds and row["low"] <= row["median"] <= row["high"]
        assert (row["log_n"], row["depth"], row["security_bits"], row["items"]) == (6, 2, 0, row["batch"])
    assert {row["after"] for row in results.precision} == set(ckks_runner.AFTER)
    assert all(20 < bits < 40 for row in results.precision for bits in row["bits"])
    assert all(row["bytes"] > 100 for row in results.sizes) and len(results.sizes) == 6


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one core has one form")
def test_on_all_cores_one_ciphertext_has_threads_or_processes_and_a_batch_threads():
    plan = dataclasses.replace(TINY, threads=("all",), operations=("keygen", "add"))
    results = ckks_runner.run(plan, [HEPY], quiet)
    assert results.absent == []
    cores = len(os.sched_getaffinity(0))
    found = [(row["operation"], row["level"], row["batch"], row["processes"]) for row in results.rows]
    adds = [("add", level, batch, n) for level in (2, 1) for batch, n in ((1, 1), (1, cores), (2, 1))]
    assert found == [("keygen", 2, 1, 1), ("keygen", 2, 1, cores), *adds]


@pytest.mark.parametrize(
    ("threads", "batches", "forms"),
    [(True, True, ["threads"]), (True, False, ["threads", "processes"]), (False, False, ["processes"])],
)
def test_a_loop_is_measured_in_every_form_that_uses_all_cores(threads, batches, forms):
    def in_form(form, batch):
        return ckks_runner._in_its_form(
            SimpleNamespace(form=form, about={"threads": threads, "batches": batches}), batch
        )

    assert [form for form in ckks_runner.FORMS if in_form(form, 16)] == forms
    assert in_form("own", 16) and all(in_form(form, 1) for form in ckks_runner.FORMS)


def test_a_peer_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(environments, "unavailable", lambda name: "no wheel for this Python")
    results = ckks_runner.run(TINY, [Specification("openfhe", scheme="ckks")], quiet)
    assert results.rows == []
    assert results.absent == [{"engine": "openfhe", "what": "everything", "reason": "no wheel for this Python"}]


def own_engine(kind=HepyEngine):
    engine = kind({"device": "cpu", "threads": 1})
    workload = Workload(engine, CASE)
    engine.use(workload.keygen())
    return workload


def test_a_wrong_result_is_no_row():
    class Wrong(HepyEngine):
        def rotate(self, ciphertexts):
            return ciphertexts

        def encode(self, values):
            return super().encode(values * 1.01)

    workload = own_engine(Wrong)
    workload.check("multiply", 2)
    for operation in ("rotate", "encode", "scale_plain"):
        with pytest.raises(ArithmeticError, match=f"{operation} is wrong by"):
            workload.check(operation, 2)


def test_precision_is_minus_log2_of_the_largest_error():
    class Rough(HepyEngine):
        def decrypt(self, ciphertexts):
            made = super().decrypt(ciphertexts)
            made[:, 7] += 2.0**-12
            return made

    bits = own_engine(Rough).precision(["encrypt", "rotate"], 0.0)
    assert np.allclose([bits["encrypt"], bits["rotate"]], 12, atol=0.01)


def test_a_loop_gets_fewer_ciphertexts_where_it_is_long():
    class Team:
        def __init__(self, batches):
            self.about, self.asked = {"batches": batches}, []

        def ask(self, do, **what):
            self.asked.append((do, what.get("size")))
            return [{"items": what.get("size")}]

        def seconds(self):
            return 0.1

    plan = dataclasses.replace(TINY, batches=(1, 16), longest=0.25)
    assert ckks_runner._turn(plan, Team(False), "multiply", 2, 16).items == 2
    assert ckks_runner._turn(plan, Team(True), "multiply", 2, 16).items == 16


def test_operations_are_those_an_engine_defines():
    class Adder(Engine):
        def add(self, left, right):
            return left + right

    assert Adder({}).operations() == ["keygen", "add"]


def verdicts(record):
    return {(v.where.split(",")[0], v.what, v.against): v for v in ckks_targets.judge(record)}


def test_rows_are_held_against_the_fastest_peer(ckks_record):
    found = verdicts(ckks_record)
    product = found["N = 2^13", "multiply of 1", "openfhe"]
    assert product.wanted == 1 and product.got.median == pytest.approx(210 / 180) and product.met
    assert not found["N = 2^13", "add of 1", "seal"].met
    rotation = found["N = 2^15", "rotate of 16", "openfhe"]
    assert rotation.wanted == 1.5 and rotation.got.median == pytest.approx(1.2) and not rotation.met


def test_one_ciphertext_on_all_cores_is_held_against_its_like(ckks_record, make_ckks_row):
    ckks_record["rows"] = [
        make_ckks_row(engine, "add", [rate] * 3, threads="all", batch=batch, processes=processes)
        for engine, rate, batch, processes in [
            ("hepy cpu", 300.0, 1, 1), ("hepy cpu", 500.0, 1, 2), ("hepy cpu", 600.0, 16, 1),
            ("seal", 200.0, 1, 1), ("seal", 400.0, 1, 2), ("seal", 380.0, 16, 2), ("openfhe", 250.0, 1, 1),
            ("openfhe", 300.0, 16, 1), ("openfhe", 450.0, 16, 2),
        ]
    ]  # fmt: skip
    found = [(v.what, v.against, round(v.got.median, 2)) for v in ckks_targets._speed(ckks_record["rows"])]
    assert found == [
        ("add of 1", "openfhe", 1.2),
        ("add of 1 ×2", "seal ×2", 1.25),
        ("add of 16", "openfhe ×2", 1.33),
    ]
    lines = [line[:3] for table in ckks_report._overviews(ckks_record) for line in table.rows]
    assert lines == [
        ["hepy cpu", "1", "3.33"], ["seal", "1", "5"], ["openfhe", "1", "4"], ["hepy / best peer, by rate", "1", "1.20"],
        ["hepy cpu ×2", "1", "2"], ["seal ×2", "1", "2.5"], ["hepy ×2 / best peer, by rate", "1", "1.25"],
        ["hepy cpu", "16", "1.67"], ["seal ×2", "16", "2.63"], ["openfhe", "16", "3.33"], ["openfhe ×2", "16", "2.22"],
        ["hepy / best peer, by rate", "16", "1.33"],
    ]  # fmt: skip


def test_precision_bytes_and_start_are_held_against_the_best(ckks_record):
    found = verdicts(ckks_record)
    assert found["N = 2^13", "bits after rotate, more than", "seal"].got.median == 4
    assert found["N = 2^13", "bits after rotate, more than", "seal"].met
    assert not found["N = 2^13", "bytes: ciphertext", "seal"].met
    assert found["start", "import hepy.ckks", "seconds"].met


def test_a_record_comes_back_and_is_told_from_paillier(record, ckks_record, tmp_path):
    path = ledger.write(ckks_record, tmp_path)
    assert path.name.endswith("-ckks.json") and ledger.read(path) == ckks_record
    assert ledger.newest_or_none("paillier", tmp_path) is None
    other = ledger.write(record, tmp_path)
    assert ledger.newest(tmp_path) == other and ledger.newest_or_none("ckks", tmp_path) == path
    del ckks_record["rows"][0]["batch"]
    ckks_record["started"] = "2026-01-03T03:04:05+00:00"
    with pytest.raises(WireFormatError, match="lacks batch"):
        ledger.write(ckks_record, tmp_path)
    with pytest.raises(WireFormatError, match="suite 'bfv'"):
        ledger.write(ckks_record | {"suite": "bfv"}, tmp_path)


def test_the_page_has_both_schemes(record, ckks_record):
    page = report.page(record, "a.json", (ckks_record, "b-ckks.json"))
    for text in ("## Paillier", "## CKKS", "#### Milliseconds a ciphertext, N = 2^13, depth 2, one core, level 2", "b-ckks.json",
                 "| hepy / best peer, by rate | 1 | 0.90 | 1.17 |", "`seal`: first prime of 60 bits", "26.5", "2.00"):  # fmt: skip
        assert text in page, text
    lengths = None
    for line in page.splitlines():
        if not line.startswith("|"):
            lengths = None
        elif lengths is None:
            lengths = line.count("|")
        else:
            assert line.count("|") == lengths, line


def test_show_prints_figures_and_verdicts(ckks_record, capsys):
    ckks_report.show(ckks_record)
    out = capsys.readouterr().out
    assert "Milliseconds a ciphertext" in out and "not met" in out and "Cold start" in out


def test_the_commands_write_ledger_and_page(tmp_path, monkeypatch, record):
    monkeypatch.chdir(tmp_path)
    ledger.write(record)
    arguments = ["run-ckks", "--preset", "tiny", "--engine", "hepy", "--operation", "add", "--no-cold-start"]
    done = CliRunner().invoke(command.main, arguments)
    assert done.exit_code == 0, done.output
    kept = ledger.read(ledger.newest_or_none("ckks"))
    assert {row["operation"] for row in kept["rows"]} == {"add"} and kept["cold_start"] == []
    done = CliRunner().invoke(command.main, ["report"])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "2048 bits, one core" in page and "N = 2^6, depth 2, one core" in page


@pytest.mark.slow
def test_cold_start_is_measured_in_processes_of_its_own():
    rows = cold_start.measure(quiet)
    seconds = {row["what"]: row["seconds"] for row in rows}
    assert len(seconds) == 3 and all(value > 0 for value in seconds.values())
    assert rows[1]["seconds"] > rows[2]["seconds"]  # compiling takes longer than its cache
