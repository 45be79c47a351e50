"""Timing of rings and CKKS, with the emulator in a GPU's place and times that are made up."""

from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy.benchmarks import gpu_rings, rooflines
from hepy.benchmarks.gpu_rings import KernelTime, OperationTime
from hepy.benchmarks.instructions import H100

PLAN = gpu_rings.PRESETS["tiny"]
(CASE,) = PLAN.cases


@pytest.fixture
def emulator():
    with hepy.device("emulator") as here:
        yield here


def timer(device, work):
    work()
    return 1.0


def watch(device, work, calls):
    work()
    return 0.5, 0.25


def test_each_kernel_of_the_table_runs(emulator):
    before = emulator.native.launch_counts()
    times = list(gpu_rings.kernel_times(emulator, watch, PLAN))
    after = emulator.native.launch_counts()
    ran = {name.removeprefix("ring.") for name in after if after[name] > before.get(name, 0)}
    assert ran == {each.kernel.removesuffix("_of_two") for each in times}
    assert [each.kernel for each in times] == list(rooflines.launched(5, PLAN.words))
    # A sum reads twice as many words as it writes, of four bytes.
    assert times[0] == KernelTime("add", 5, 1024, 0.25, 3 * 4 * 1024 / H100.l2_bandwidth)


def test_operations_run_as_they_are_and_compiled(emulator):
    times = list(gpu_rings.operation_times(emulator, timer, watch, CASE, PLAN.security))
    assert Counter((each.operation, each.level, each.compiled) for each in times) == Counter(
        (name, level, compiled)
        for level in (4, 2, 1)
        for compiled in (False, True)
        for name in rooflines.OPERATIONS + (() if compiled else rooflines.WITH_NUMBERS)
    )
    limbs = len(ckks.Parameters(log_n=5, depth=4, scale_bits=40, security=None).primes(4))
    moved = 3 * 2 * 2 * limbs * 32 * 4  # two ciphertexts of two components, of two operands and the result
    assert times[0] == OperationTime("add", 5, 4, 2, False, 1, 1.0, 0.5, 0.25, moved / H100.l2_bandwidth)
    alone = [each for each in times if each.kernels is None]
    assert {each.operation for each in alone} == set(rooflines.WITH_NUMBERS)
    assert all(each.queueing is None and each.limit > 0 for each in alone)


def test_what_is_timed_does_what_its_name_says(emulator):
    context = ckks.Context(ckks.Parameters(log_n=5, depth=4, scale_bits=40, security=None), range(1, 9), seed=bytes(32))
    x = np.linspace(-1, 1, 32).reshape(2, 16)
    want = {
        "add": x + x[::-1], "ct × pt": x * x, "rescale": x * x, "multiply": x * x[::-1], "rotate": np.roll(x, -1, 1),
        "rotate, 8 steps": np.roll(x, -8, 1), "encode": x, "encrypt": x, "decrypt": x,
    }  # fmt: skip
    for name, (function, inputs) in gpu_rings.works(context, 2, 2).items():
        made = function(*inputs)
        made = made[-1] if isinstance(made, list) else made
        if isinstance(made, ckks.Plaintext):
            made = made.values
        elif isinstance(made, ckks.CiphertextArray):
            assert made.device == "emulator"
            made = context.decrypt(made)
        assert np.abs(made - want.pop(name)).max() < 2**-20
    assert want == {}


class MadeUpGpu:
    """Does in order what is queued, by a clock of its own; stands in for a Device. A copy takes a second."""

    def __init__(self):
        self.now, self.idle_from = 0.0, 0.0
        gpu = self

        class Event:
            def record(self):
                self.at = max(gpu.now, gpu.idle_from)

            @property
            def done(self):
                return gpu.now >= self.at

            def synchronize(self):
                gpu.now = max(gpu.now, self.at)

        def elapsed(begin, end):
            return 1e3 * (end.at - begin.at)

        self.xp = SimpleNamespace(cuda=SimpleNamespace(Event=Event, get_elapsed_time=elapsed))
        self.stream, self.active = self, nullcontext

    def queue(self, seconds):
        self.idle_from = max(self.now, self.idle_from) + seconds

    def synchronize(self):
        self.now = max(self.now, self.idle_from)

    def empty(self, shape, dtype):
        return self

    def __getitem__(self, place):
        return None

    def __setitem__(self, place, value):
        self.queue(1.0)


@pytest.fixture
def gpu(monkeypatch):
    made = MadeUpGpu()
    monkeypatch.setattr(gpu_rings, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


@pytest.mark.parametrize("python", [0.0, 0.5, 8.0])
def test_kernels_time_has_no_gaps_that_python_leaves(gpu, python):
    def work():
        gpu.now += python
        gpu.queue(0.25)

    assert gpu_rings.watched(gpu, work, 4) == (python, 0.25)


def test_work_that_waits_for_the_gpu_has_no_time_of_kernels(gpu):
    def work():
        gpu.queue(0.25)
        gpu.synchronize()

    assert gpu_rings.watched(gpu, work, 4)[1] is None
