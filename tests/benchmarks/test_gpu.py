"""Timing on a GPU, with the emulator in its place and a timer that makes times up."""

import os
import signal
from dataclasses import replace

import pytest
from click.testing import CliRunner

import hepy
from hepy import _devices
from hepy.benchmarks import gpu, gpu_report, gpu_rings, ledger, predictions, rooflines, tuning
from hepy.benchmarks.__main__ import main
from hepy.benchmarks.tuning import Load
from hepy.errors import ParameterError

LITTLE = Load(products=2, powers=2, exponent_share=1 / 256)
NAMES = [
    "encrypt",
    "encrypt, key owner",
    "decrypt",
    "ct + ct",
    "ct + 64-bit integer",
    "ct × 64-bit integer",
    "histogram",
]


@pytest.fixture
def emulator(monkeypatch):
    """With the smallest size of kernels only."""
    rows = tuning.rows_of
    monkeypatch.setattr(tuning, "rows_of", lambda device: [replace(rows(device)[0], comb_window=4)])
    with hepy.device("emulator") as here:
        yield here


def timer(seconds, ran):
    def timed(device, work):
        ran.append(work())
        return seconds

    return timed


def test_kernels_beside_their_predictions(emulator):
    before = emulator.native.launch_counts()
    foretold = {("product", 1024): 8.0, ("power, 4-bit exponent", 1024): 2.0, ("product", 2048): 1.0}
    rates = list(gpu.kernel_rates(emulator, timer(0.5, []), LITTLE, foretold))
    after = emulator.native.launch_counts()
    assert {name for name in after if after[name] > before.get(name, 0)} == {
        "multiply", "square", "power", "fixed_base_power",
    }  # fmt: skip
    found = {rate.operation: (rate.rate, rate.predicted) for rate in rates}
    assert found == {
        "product": (4.0, 8.0), "square": (4.0, None), "power, 4-bit exponent": (4.0, 2.0),
        "fixed base, 2-bit exponent": (4.0, None),
    }  # fmt: skip
    cells = [rate.cells() for rate in rates]
    assert cells[0] == ["product", "1024", "2", "4", "8", "50%"]
    assert cells[1][-2:] == ["", ""]


def test_names_of_predictions_are_those_that_are_timed():
    wanted = {each.name for each in predictions.PAILLIER}
    assert wanted == set(NAMES)
    kernels = {each.name for each in predictions.OPERATIONS}
    assert {"product", "square", "power, 1024-bit exponent", "fixed base, 512-bit exponent"} <= kernels


def test_paillier_s_operations_run_on_the_device(emulator, key):
    ran = []
    rates = list(gpu.paillier_rates(key, emulator, timer(2.0, ran), 3, {("decrypt", 512): 3.0}))
    assert [(rate.operation, rate.rate, rate.predicted) for rate in rates] == [
        (name, 1.5, 3.0 if name == "decrypt" else None) for name in NAMES
    ]
    results = {name: work() for name, work in gpu.operations(key, 3).items() if name in ("ct + ct", "histogram")}
    assert {result.device for result in results.values()} == {"emulator"}
    assert key.decrypt(results["ct + ct"].to("cpu")).tolist() == [2, 2, 2]
    assert key.decrypt(results["histogram"].to("cpu")).tolist() == [3]


def test_half_of_full_speed_is_looked_for_from_below(key, monkeypatch):
    asked = []
    monkeypatch.setattr(gpu, "operations", lambda key, items: dict.fromkeys(NAMES, items))

    def timed(device, items):
        asked.append(items)
        return 1.0 if items < 8 else items / 8

    full = [gpu.Rate("encrypt", 512, 64, 8.0, None), gpu.Rate("ct + ct", 512, 64, 8.0, None)]
    (found,) = gpu.latencies(key, None, timed, full)
    assert (found.one, found.half, asked) == (1.0, 4, [1, 2, 4])
    (found,) = gpu.latencies(key, None, lambda device, items: 1.0, [gpu.Rate("decrypt", 512, 64, 1000.0, None)])
    assert found.half is None


def test_what_is_no_gpu_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["gpu", "--device", "emulator", "--folder", str(tmp_path)])
    assert isinstance(result.exception, ParameterError)
    assert list(tmp_path.iterdir()) == []


def test_an_error_takes_nothing_from_what_was_measured_before():
    def times():
        yield from (1.0, 2.0)
        raise ParameterError("no room")

    measured = gpu.Measuring()
    assert measured("CKKS", times()) == [1.0, 2.0] and measured("rings", iter([3.0])) == [3.0]
    assert measured.absent == [{"engine": "hepy", "what": "CKKS", "reason": "no room"}]


def test_a_run_that_is_ended_keeps_what_it_has():
    def times():
        yield 1.0
        os.kill(os.getpid(), signal.SIGTERM)
        yield 2.0

    measured, before = gpu.Measuring(), signal.getsignal(signal.SIGTERM)
    with gpu._keeping_what_was_measured():
        assert measured("CKKS", times()) == [1.0] and measured("rings", iter([3.0])) == []
    assert [each["what"] for each in measured.absent] == ["CKKS", "rings"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_whole_command_keeps_a_ledger(emulator, key, tmp_path, monkeypatch):
    properties = replace(emulator.properties(), name="Example", compute_capability=(9, 0))
    monkeypatch.setattr(_devices.Device, "properties", lambda self: properties)
    monkeypatch.setattr(gpu, "_timer", timer(1.0, []))
    monkeypatch.setattr(gpu, "Load", lambda: LITTLE)
    monkeypatch.setattr(gpu, "operations", lambda key, items: dict.fromkeys(NAMES, lambda: None))
    monkeypatch.setattr(gpu.paillier, "generate_key", lambda **_: key)
    monkeypatch.setattr(gpu_rings, "timed", timer(2e-6, []))
    monkeypatch.setattr(gpu_rings, "watched", lambda device, work, calls: (work(), (3e-6, 1e-6))[1])
    options = {"--device": "emulator", "--bits": 512, "--items": 4, "--rings": "tiny", "--folder": tmp_path}
    arguments = ["gpu", *(str(word) for option in options.items() for word in option)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    record = ledger.read(next(tmp_path.iterdir()))
    assert record["parameters"]["gpu"] == "Example"
    assert [row["operation"] for row in record["paillier"]] == NAMES
    assert len(record["kernels"]) == 4
    assert [(each["operation"], each["one"], each["half"]) for each in record["latencies"]] == [
        ("encrypt", 1.0, 2), ("decrypt", 1.0, 2),
    ]  # fmt: skip
    assert [row["kernel"] for row in record["ring_kernels"]] == list(rooflines.launched(5, 1 << 10))
    row = next(row for row in record["ckks"] if row["operation"] == "multiply" and row["compiled"])
    assert (row["level"], row["seconds"], row["queueing"], row["kernels"]) == (4, 2e-6, 3e-6, 1e-6)
    shown = next(line for line in result.output.splitlines() if "multiply" in line and "compiled" in line)
    cells = [cell.strip() for cell in shown.split("│")[1:-1]]
    assert cells[:7] == ["multiply", "2^5", "4", "2", "compiled", "2", "3"]
    assert cells[9:] == ["1", f"{1e-6 / row['limit']:.2f}", "50%"]

    found, name = gpu_report.newest(tmp_path)
    assert found == record
    for text, lines in (
        (gpu_report.integers(found, name), ["Timed on one Example.", "| encrypt | 512 | 4 | 4 |", f"gpu/{name}"]),
        (gpu_report.rings(found, name), ["| multiply | 2^5 | 4 | 2 | compiled | 2 | 3 |", "| ntt | 1 |"]),
    ):
        assert all(line in text for line in lines), text
