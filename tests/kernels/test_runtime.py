"""The runtime's subset of CUDA: what each name means, and that the emulator sees the mistakes it says it sees.

The kernels are those of runtime_kernels.cu. What is right runs on the emulator under every schedule and, marked gpu,
on a GPU, so that PTX and portable bodies answer to the same numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy.errors import DeviceError, DeviceOutOfMemoryError, ParameterError

emulated = import_module("hepy._runtime_test")

POISON = 0xCDCDCDCD
SCHEDULES = ("in-order", "reversed", "shuffled:1", "shuffled:2", "shuffled:3", "ahead:1", "ahead:2")
THREADS = emulated.THREADS


class Memory:
    """An array in the memory of an emulated device of hepy._runtime_test."""

    def __init__(self, values, device=0):
        host = np.asarray(values, np.uint32)
        self.host = np.frombuffer(emulated.Memory(device, host.nbytes), np.uint32).reshape(host.shape)
        self.host[...] = host

    @property
    def __hepy_emulator_array_interface__(self):
        return self.host.__array_interface__

    def get(self):
        return self.host.copy()


class Emulator:
    module = emulated

    def __init__(self, schedule):
        self.schedule = schedule

    def run(self, name, size, *arguments, fill=0):
        """What kernel `name` writes into `size` words."""
        before = emulated.schedule()
        emulated.set_schedule(self.schedule)
        try:
            out = Memory(np.full(size, fill, np.uint32))
            arguments = [Memory(each) if isinstance(each, np.ndarray) else each for each in arguments]
            getattr(emulated, name)(emulated.Stream(0), out, *arguments)
            return out.get()
        finally:
            emulated.set_schedule(before)


class Gpu:
    def run(self, name, size, *arguments, fill=0):
        cupy, module = import_module("cupy"), import_module("hepy._runtime_test_cuda")
        out = cupy.full(size, fill, np.uint32)
        arguments = [cupy.asarray(each) if isinstance(each, np.ndarray) else each for each in arguments]
        getattr(module, name)(module.Stream(0, cupy.cuda.get_current_stream().ptr), out, *arguments)
        return cupy.asnumpy(out)


every_order = pytest.mark.parametrize("emulator", [Emulator(each) for each in SCHEDULES], ids=SCHEDULES)
each_machine = pytest.mark.parametrize(
    "machine",
    [
        *(pytest.param(Emulator(each), id=each) for each in SCHEDULES),
        pytest.param(Gpu(), id="cuda:0", marks=pytest.mark.gpu),
    ],
)
word = st.one_of(st.sampled_from([0, 1, 2**31, 2**32 - 2, 2**32 - 1]), st.integers(0, 2**32 - 1))


def words(values):
    return np.array(values, np.uint32)


def number(limbs):
    return sum(int(limb) << 32 * i for i, limb in enumerate(limbs))


# What the names mean.


@each_machine
def test_threads_and_blocks_are_numbered_as_in_cuda(machine):
    grid, block = (3, 4, 5), (2, 3, 4)
    assert machine.run("indices", 60, grid, block).tolist() == [at + 1000 * 23 for at in range(60)]


@each_machine
def test_a_barrier_separates_writes_from_reads(machine):
    values = np.arange(THREADS, dtype=np.uint32)
    assert machine.run("reverse", THREADS, values, True).tolist() == values[::-1].tolist()


@each_machine
def test_shared_memory_begins_at_multiples_of_16(machine):
    *places, total = machine.run("shared_places", 6).tolist()
    assert [place % 16 for place in places] == [0] * 5
    assert total == 10


@each_machine
@pytest.mark.parametrize("width", [32, 8, 1])
@pytest.mark.parametrize("argument", [0, 1, 5])
def test_exchanges_between_lanes(machine, argument, width):
    threads = 64
    values = (np.arange(threads) * 7 % 101).astype(np.uint32)
    got = machine.run("exchanges", 8 * threads, values, threads, argument, width).reshape(8, threads)
    lane, base = np.arange(threads) % 32, np.arange(threads) // 32 * 32
    segment = lane // width * width
    place = lane - segment
    source = base + segment + argument % width
    up = np.where(place < argument, lane, lane - argument)
    down = np.where(place + argument >= width, lane, lane + argument)
    swapped = lane ^ argument
    across = np.where(swapped // width <= lane // width, swapped, lane)
    by_warp = values.reshape(-1, 32)
    ballot = [sum(int(v & 1) << i for i, v in enumerate(warp)) for warp in by_warp]
    assert got[0].tolist() == values[source].tolist()
    assert got[1].tolist() == values[base + up].tolist()
    assert got[2].tolist() == values[base + down].tolist()
    assert got[3].tolist() == values[base + across].tolist()
    assert got[4].tolist() == np.repeat(ballot, 32).tolist()
    assert got[5].tolist() == np.repeat((by_warp == 7).any(axis=1), 32).tolist()
    assert got[6].tolist() == np.repeat((by_warp < 100).all(axis=1), 32).tolist()
    assert got[7].tolist() == by_warp.cumsum(axis=1).ravel().tolist()


@each_machine
@given(a=st.lists(word, min_size=8, max_size=8), b=st.lists(word, min_size=8, max_size=8))
def test_carry_chains_are_long_arithmetic(machine, a, b):
    got = machine.run("carries", 27, words(a), words(b)).reshape(3, 9)
    x, y = number(a), number(b)
    assert number(got[0]) == x + y
    assert number(got[1]) == (x - y) % 2**288
    assert number(got[2]) == x * b[0] + y


@each_machine
@given(x=word, y=word, z=word, u=word, a=word, b=word)
def test_functions_of_words(machine, x, y, z, u, a, b):
    got = machine.run("words", 9, words([x, y, z, u, a, b])).tolist()
    first, second = x | y << 32, z | u << 32
    rotated = (x << 7 | x >> 25) % 2**32
    assert got[0] == a * b >> 32
    assert number(got[1:3]) == first * second >> 64
    assert number(got[3:5]) == (a * b + first) % 2**64
    assert got[5:] == [rotated, 32 - x.bit_length(), (x & -x).bit_length(), x.bit_count()]


@each_machine
def test_quads_move_four_words(machine):
    assert machine.run("quad", 8, np.arange(8, dtype=np.uint32), 4).tolist() == [4, 5, 6, 7] * 2


@each_machine
def test_additions_of_all_threads_count(machine):
    assert machine.run("count", 1, 100).tolist() == [100 * THREADS]


# What the emulator makes visible.


def test_a_missing_barrier_is_wrong_under_some_schedule():
    values = np.arange(THREADS, dtype=np.uint32)
    right = values[::-1].tolist()
    outcomes = {each: Emulator(each).run("reverse", THREADS, values, False).tolist() == right for each in SCHEDULES}
    assert outcomes == dict.fromkeys(SCHEDULES, False)


@every_order
def test_warps_meet_at_a_barrier(emulator):
    values = np.arange(THREADS, dtype=np.uint32)
    assert emulator.run("swap_warps", THREADS, values, True).tolist() == np.roll(values, -32).tolist()


def test_a_missing_barrier_between_warps_in_step_is_wrong_where_one_runs_ahead():
    values = np.arange(THREADS, dtype=np.uint32)
    got = {each: Emulator(each).run("swap_warps", THREADS, values, False).reshape(2, -1) for each in SCHEDULES}
    for schedule, warps in got.items():
        unwritten = sorted(int((warp == POISON).sum()) for warp in warps)
        assert unwritten == ([0, 32] if schedule.startswith("ahead") else [0, 0])
    leading = {schedule: warps[0, 0] == POISON for schedule, warps in got.items() if schedule.startswith("ahead")}
    assert len(set(leading.values())) == 2  # seeds let different warps lead


@every_order
def test_shared_memory_is_poisoned_for_every_block(emulator):
    assert emulator.run("shared_as_found", 10, 5).tolist() == [POISON] * 10


def test_a_lane_that_is_not_there_brings_poison():
    values = np.arange(40, dtype=np.uint32)
    got = Emulator("in-order").run("exchanges", 320, values, 40, 9, 32).reshape(8, 40)
    assert got[0, :32].tolist() == [9] * 32
    assert got[0, 32:].tolist() == [POISON] * 8  # the second warp has lanes 0 to 7


MISTAKES = [
    ("TWO_BARRIERS", "reached a barrier while others wait at tests/kernels/runtime_kernels.cu"),
    ("EARLY_EXIT", "barrier"),
    ("LATE_EXIT", "barrier"),
    ("FOREIGN_MASK", "joined an exchange whose mask leaves it out"),
    ("TWO_EXCHANGES", "while other lanes of its mask are in one at tests/kernels/runtime_kernels.cu"),
    ("MISSING_LANE", "barrier|waits for ever"),
    ("LARGE_SHARED", "more than 48 KiB of static shared memory"),
    ("UNREACHABLE", "came to where nothing comes"),
]


@every_order
@pytest.mark.parametrize(("kind", "message"), MISTAKES, ids=[kind for kind, _ in MISTAKES])
def test_mistakes_are_reported_and_the_next_launch_works(emulator, kind, message):
    with pytest.raises(DeviceError, match=rf"thread \(\d+, 0, 0\) of block \(0, 0, 0\) .*({message})"):
        emulator.run("mistake", THREADS, getattr(emulated.Mistake, kind))
    test_a_barrier_separates_writes_from_reads(emulator)


def test_misaligned_quads_are_reported():
    with pytest.raises(DeviceError, match="not a multiple of 16"):
        Emulator("in-order").run("quad", 8, np.arange(8, dtype=np.uint32), 1)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 1, 32, 0), "none is 0"),
        ((1, 65536, 32, 0), "65535"),
        ((1, 1, 0, 0), "1 to 1024"),
        ((1, 1, 1025, 0), "1 to 1024"),
        ((1, 1, 32, (227 << 10) + 1), "227 KiB"),
    ],
)
def test_sizes_that_cuda_refuses_are_refused(sizes, message):
    before = emulated.launch_counts().get("launch_sizes", 0)
    with pytest.raises(DeviceError, match=message):
        emulated.launch_sizes(emulated.Stream(0), *sizes)
    assert emulated.launch_counts().get("launch_sizes", 0) == before


def test_launches_are_counted_by_launcher():
    before = emulated.launch_counts().get("count", 0)
    for _ in range(3):
        Emulator("in-order").run("count", 1, 2)
    assert emulated.launch_counts()["count"] == before + 3


def test_launches_from_many_threads():
    def launch(blocks):
        return int(Emulator("in-order").run("count", 1, blocks)[0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(launch, range(1, 41))) == [THREADS * blocks for blocks in range(1, 41)]


# Memory of the two devices.


@pytest.fixture
def limited():
    """Device 1 with 1000 bytes."""
    before = emulated.memory_limit(1)
    emulated.set_memory_limit(1, 1000)
    yield
    emulated.set_memory_limit(1, before)


def test_memory_is_poisoned_and_counted():
    before = emulated.memory_used(1), emulated.memory_used(0)
    memory = emulated.Memory(1, 100)
    assert bytes(memory) == b"\xcd" * 100
    assert (emulated.memory_used(1), emulated.memory_used(0)) == (before[0] + 100, before[1])
    del memory
    assert emulated.memory_used(1) == before[0]


@pytest.mark.usefixtures("limited")
def test_memory_ends_at_the_limit():
    first = emulated.Memory(1, 600)
    with pytest.raises(DeviceOutOfMemoryError, match=r"500 bytes were asked of device 'emulator:1', .* 400 are free"):
        emulated.Memory(1, 500)
    with pytest.raises(ParameterError, match="600 bytes in use"):
        emulated.set_memory_limit(1, 599)
    assert emulated.free_bytes(1) == 400
    del first
    emulated.Memory(1, 1000)


def test_work_refuses_memory_of_the_other_device_and_of_the_host():
    stream, right, wrong = emulated.Stream(0), Memory(np.zeros(THREADS)), Memory(np.zeros(THREADS), device=1)
    with pytest.raises(ParameterError, match="in the memory of 'emulator:1', the work on 'emulator'"):
        emulated.reverse(stream, right, wrong, True)
    with pytest.raises(ParameterError, match=r"expected, not numpy\.ndarray"):
        emulated.reverse(stream, right, np.zeros(THREADS, np.uint32), True)
    right.host = np.zeros(THREADS, np.uint32)
    with pytest.raises(ParameterError, match="not in device memory"):
        emulated.reverse(stream, right, Memory(np.zeros(THREADS)), True)


def test_bindings_refuse_what_does_not_fit():
    def reverse(array):
        emulated.reverse(emulated.Stream(0), array, Memory(np.zeros(THREADS)), True)

    short, strided, signed, fixed = (Memory(np.zeros(2 * THREADS)) for _ in range(4))
    short.host = short.host[: THREADS - 1]
    strided.host = strided.host[::2]
    signed.host = signed.host.view(np.int32)
    fixed.host.flags.writeable = False
    for array, message in [
        (short, "63 elements was given where 64"),
        (strided, "contiguous"),
        (signed, "of <u4 was expected, not of <i4"),
        (fixed, "read-only"),
    ]:
        with pytest.raises(ParameterError, match=message):
            reverse(array)


@pytest.mark.parametrize(
    "text", ["", "random", "ahead", "ahead:", "shuffled:", "shuffled:-1", "shuffled:1e3", "shuffled:" + "9" * 19]
)
def test_schedules_have_four_forms(text):
    with pytest.raises(ParameterError, match="in-order"):
        emulated.set_schedule(text)


def test_the_environment_chooses_the_schedule():
    code = "from hepy._runtime_test import schedule; print(schedule())"
    for text in SCHEDULES:
        environment = {**os.environ, "HEPY_EMULATOR_SCHEDULE": text}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == text, done.stderr


if emulated.SANITIZED:

    def test_the_sanitizer_sees_a_write_behind_an_array():
        code = (
            "import numpy as np; from hepy import _runtime_test as m\n"
            "memory = m.Memory(0, 4 * m.THREADS)\n"
            "class Array: __hepy_emulator_array_interface__ = np.frombuffer(memory, np.uint32).__array_interface__\n"
            "m.mistake(m.Stream(0), Array(), m.Mistake.BEYOND_THE_END)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode != 0
        assert "AddressSanitizer: heap-buffer-overflow" in done.stderr
