"""The tuner: what it times, what it chooses, how it refills the table; on the emulator, by a timer that makes times up."""

import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import hepy
from hepy import _devices
from hepy import _limbs as limb
from hepy.benchmarks import tuning
from hepy.benchmarks.__main__ import main
from hepy.benchmarks.tuning import Load, Row
from hepy.errors import DeviceError, ParameterError

CUDA = Path(__file__).parents[2] / "cuda/bigint"
LITTLE = Load(products=2, powers=2, exponent_share=1 / 256)


@pytest.fixture
def emulator():
    with hepy.device("emulator") as here:
        yield here


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "choices.inc"
    path.write_text((CUDA / "choices.inc").read_text())
    return path


def rows_in(text):
    return [Row(*map(int, numbers)) for numbers in re.findall(r"\{" + ", ".join([r"(\d+)"] * 6) + r"\}", text)]


class Clock:
    """Runs what is timed once and gives made-up seconds, in the order of the calls; the last goes on."""

    def __init__(self, *seconds):
        self.seconds, self.calls = list(seconds), 0

    def __call__(self, device, work):
        work()
        self.calls += 1
        return self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]


def test_all_operations_of_a_row_run(emulator):
    before = emulator.native.launch_counts()
    clock = Clock(1.0)
    row, timings = tuning.tune_size(emulator, 1024, clock, LITTLE)
    after = emulator.native.launch_counts()
    assert {name for name in after if after[name] > before.get(name, 0)} == {
        "multiply", "square", "power", "fixed_base_power",
    }  # fmt: skip
    assert (row.limbs, row.architecture) == (32, 0)
    assert row.comb_window == 4, "no window is faster than the smallest, whose table is the least"
    assert {timing.row.limbs for timing in timings} == {32}
    assert all(timing.score == 1.0 for timing in timings)


@pytest.fixture
def three_rows(monkeypatch):
    """A module with three rows for 1024 bits, of which the emulator has the first; the third repeats it."""
    chosen = Row(90, 32, 2, 4, 4, 8)
    rows = [
        chosen,
        Row(90, 64, 4, 4, 4, 8),
        replace(chosen, architecture=0, warps=2, blocks=8),
        replace(chosen, architecture=0),
    ]
    monkeypatch.setattr(tuning, "rows_of", lambda device: rows)
    operations = tuning.Rig.operations
    asked = []

    def of_the_first(self, row):
        asked.append(row)
        return operations(self, 0)

    comb = tuning.Rig.comb
    monkeypatch.setattr(tuning.Rig, "operations", of_the_first)
    monkeypatch.setattr(tuning.Rig, "comb", lambda self, row, window: comb(self, 0, window))
    return rows, asked


def test_the_least_mean_wins(emulator, three_rows):
    _, asked = three_rows
    # product, square, power, fixed base: the second row is twice as fast in one, and a third slower in another
    clock = Clock(4.0, 1.0, 8.0, 3.0, 4.0, 1.0, 4.0, 4.0, 1.0)
    row, timings = tuning.tune_size(emulator, 1024, clock, LITTLE)
    assert asked == [0, 2], "rows of other sizes are left out, and equal ones timed once"
    assert (row.warps, row.blocks) == (2, 8)
    assert timings[0].score == pytest.approx((1 * 1 * 2 * 1) ** 0.25)
    assert timings[1].score == pytest.approx((1 * 1 * 1 * 4 / 3) ** 0.25)
    made = tuning.table(timings, [row])
    assert [line[1].endswith("*") for line in made.rows] == [False, True]
    assert made.rows[0][2] == "4000.000"


def test_a_wider_window_has_to_pay(emulator, three_rows):
    times = {4: 10.0, 5: 8.0, 6: 7.0, 7: 6.9, 8: 6.95, 9: 6.99, 10: 6.99}
    clock = Clock(*[1.0] * 8, *times.values())
    row, _ = tuning.tune_size(emulator, 1024, clock, LITTLE)
    assert row.comb_window == 6
    assert clock.calls == 8 + len(times)


def test_tables_of_combs_have_an_end(emulator, three_rows, monkeypatch):
    monkeypatch.setattr(tuning, "_TABLE_BYTES", 4 * 32 << 5)
    clock = Clock(1.0)
    tuning.tune_size(emulator, 1024, clock, LITTLE)
    assert clock.calls == 8 + 2


def test_a_row_that_cannot_run_is_left_out(emulator, three_rows):
    def refuses(device, work):
        refuses.calls += 1
        if refuses.calls <= 1:
            raise DeviceError("too many resources requested for launch")
        return 1.0

    refuses.calls = 0
    row, timings = tuning.tune_size(emulator, 1024, refuses, LITTLE)
    assert row.warps == 2
    assert [timing.score for timing in timings] == [None, 1.0]
    assert "does not run" in tuning.table(timings, [row]).rows[0]

    def never(device, work):
        raise DeviceError("too many resources requested for launch")

    with pytest.raises(DeviceError, match="no row of 1024 bits runs on 'emulator'"):
        tuning.tune_size(emulator, 1024, never, LITTLE)


def test_the_timer_measures(emulator):
    calls = []
    assert 0 < tuning.timed(emulator, lambda: calls.append(sum(range(10000)))) < 1
    assert len(calls) > 5


def test_the_table_is_refilled(table):
    before = table.read_text()
    assert tuning.refill(before, []) == before
    new = [Row(90, 64, 8, 2, 8, 7), Row(120, 64, 4, 2, 8, 8), Row(80, 256, 16, 2, 9, 6)]
    text = tuning.refill(before, new)
    assert rows_in(text) == [new[2], *(new[0] if row.limbs == 64 else row for row in rows_in(before)), new[1]]
    assert text.startswith(before[: before.index("{")])
    assert tuning.refill(text, new) == text
    with pytest.raises(ParameterError, match="line 3 of the table is neither a row nor a comment"):
        tuning.refill("// rows\n{1, 2, 3, 4, 5, 6},\nint x;\n", [])


def test_the_table_in_the_repository_is_what_was_built(emulator):
    rows = tuning.rows_of(emulator)
    assert rows[: emulator.native.bigint.chosen] == rows_in((CUDA / "choices.inc").read_text())
    variants = rows_in((CUDA / "variants.inc").read_text())
    assert rows[emulator.native.bigint.chosen :] in ([], variants)
    for row in variants:
        assert row.limbs % row.threads == 0
        assert row.limbs // row.threads % 8 == 0
        # four integers a group and the modulus: what a block may have without asking for more
        assert 4 * 32 * (row.limbs // row.threads + 4) * 4 * row.warps + 4 * 36 * row.threads < 48 << 10
    assert {row.limbs for row in variants} == {row.limbs for row in rows}


@pytest.mark.parametrize("operation", ["multiply", "square", "power", "fixed_base_power"])
def test_every_row_gives_the_same_residues(emulator, operation):
    native, source = emulator.native.bigint, random.Random(1)
    for at, row in enumerate(tuning.rows_of(emulator)):
        n, radix = (1 << row.bits) - 1, 1 << row.bits
        minus_inverse = -pow(n, -1, 1 << 32) % (1 << 32)
        numbers = limb.from_ints([n, radix % n, radix**2 % n, minus_inverse], row.limbs).ravel()
        modulus = native.Modulus(emulator.stream, emulator.asarray(numbers[: 3 * row.limbs + 4]), row.limbs, at)
        values, powers = [source.getrandbits(row.bits) for _ in range(3)], [5, 0, 7]
        raw = emulator.asarray(limb.from_ints(values, row.limbs))
        x, out = native.Operand(raw), emulator.empty((3, row.limbs), np.uint32)
        exponents = native.Exponents(emulator.asarray(np.array([[e] for e in powers], np.uint32)), 1, 3)
        slots = modulus.whole_blocks(3)
        tables = emulator.empty((slots, 4, row.limbs), np.uint32)
        work = {
            "multiply": (x, x, 3), "square": (x, 3), "power": (x, exponents, "uniform", 2, tables, slots, 3),
            "fixed_base_power": (raw, exponents, "uniform", 1, 3),  # a table of base^0 = 1, ...: any numbers serve
        }[operation]  # fmt: skip
        if operation == "fixed_base_power":
            raw = emulator.asarray(limb.from_ints([radix % n, *values, radix % n, values[0]], row.limbs))
            work = (raw, *work[1:])
        getattr(native, operation)(emulator.stream, modulus, out, *work)
        got = [value % n for value in limb.to_ints(_devices.to_host(out))]
        over = pow(radix, -1, n)
        if operation in ("multiply", "square"):
            want = [value * value * over % n for value in values]
        elif operation == "power":
            want = [pow(value * over, e, n) * radix % n for value, e in zip(values, powers, strict=True)]
        else:
            entries = [1, values[0] * over, values[1] * over, values[2] * over, 1, values[0] * over]
            want = [
                np.prod([entries[2 * p + (e >> p & 1)] for p in range(3)], dtype=object) * radix % n for e in powers
            ]
        assert got == want, row


def run(*arguments):
    result = CliRunner().invoke(main, ["tune", *arguments])
    return result.exception


def test_without_a_gpu_it_says_so_and_changes_nothing(table):
    before = table.read_text()
    error = run("--device", "emulator", "--table", str(table))
    assert isinstance(error, DeviceError)
    assert re.search(r"nothing was tuned, and .*choices\.inc is as it was: 'emulator' is no GPU", str(error))
    if "cuda:0" not in hepy.devices():
        error = run("--table", str(table))
        assert isinstance(error, DeviceError)
        assert re.search(r"nothing was tuned, .* device 'cuda:0' cannot be used here: .*", str(error))
    assert table.read_text() == before


class TestOnAGpu:
    """The whole command, with the emulator in a GPU's place."""

    @pytest.fixture(autouse=True)
    def as_a_gpu(self, emulator, monkeypatch):
        properties = replace(emulator.properties(), name="Example", compute_capability=(8, 6))
        monkeypatch.setattr(_devices.Device, "properties", lambda self: properties)
        monkeypatch.setattr(tuning, "timed", Clock(1.0))
        monkeypatch.setattr(tuning, "Load", lambda: LITTLE)

    def test_a_build_without_variants_is_refused(self, emulator, table):
        if emulator.native.bigint.chosen < len(emulator.native.bigint.rows()):
            pytest.skip("this build has variants")
        error = run("--device", "emulator", "--table", str(table))
        assert isinstance(error, ParameterError)
        assert "built without variants: use `make tune`" in str(error)

    def test_sizes_are_those_that_there_are(self, table, monkeypatch):
        monkeypatch.setattr(tuning, "rows_of", lambda device: [Row(90, 32, 2, 4, 4, 8)] * 9)
        error = run("--device", "emulator", "--table", str(table), "--bits", "1000")
        assert isinstance(error, ParameterError)
        assert "there are no kernels for [1000] bits: the sizes are [1024]" in str(error)

    def test_rows_of_the_gpu_join_the_table(self, emulator, table, monkeypatch):
        before, chosen = rows_in(table.read_text()), emulator.native.bigint.chosen
        rows = [*tuning.rows_of(emulator)[:chosen], Row(0, 32, 2, 2, 8, 8)]
        monkeypatch.setattr(tuning, "rows_of", lambda device: rows)
        operations = tuning.Rig.operations
        monkeypatch.setattr(tuning.Rig, "operations", lambda self, row: operations(self, row % chosen))
        assert run("--device", "emulator", "--table", str(table), "--bits", "1024", "--bits", "2048") is None
        after = rows_in(table.read_text())
        assert after == [Row(86, 32, 2, 4, 4, 4), Row(86, 64, 4, 4, 4, 4), *before]
