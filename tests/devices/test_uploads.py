"""Copies in pieces: equal results, and an order that holds whatever a GPU does first.

The stand-in for CuPy queues copies and work in streams, and runs what a stream has next only when something waits for it,
streams in a random order. What events do not order shows as wrong values.
"""

import functools
import random
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

import hepy
from hepy import _devices, bigint
from hepy._devices import backends, uploads, zeroing
from hepy.errors import DeviceOutOfMemoryError


class Gpu:
    """Streams as queues of functions that run late. A function that returns False cannot run yet."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.streams = []
        self.copies = 0

    def step(self):
        """Runs what one stream has next; False where nothing can run."""
        for stream in self.random.sample(self.streams, len(self.streams)):
            if stream.queue and stream.queue[0]() is not False:
                stream.queue.pop(0)
                return True
        return False

    def run_until(self, done):
        while not done():
            assert self.step(), "the host waits for what never comes"


class Stream:
    def __init__(self, gpu, name="copies"):
        self.gpu, self.name, self.queue = gpu, name, []
        gpu.streams.append(self)
        self.ptr = len(gpu.streams)

    def add(self, function):
        self.queue.append(function)
        if self.gpu.random.random() < 0.3:  # the GPU may be quick as well
            self.gpu.step()

    def wait_event(self, event):
        wanted = event.records
        self.add(lambda: event.reached >= wanted)

    def __enter__(self):
        self.outer, self.gpu.current = self.gpu.current, self

    def __exit__(self, *_):
        self.gpu.current = self.outer


class Event:
    def __init__(self, gpu):
        self.gpu, self.records, self.reached = gpu, 0, 0

    def record(self, stream):
        self.records += 1
        number = self.records

        def reach():
            self.reached = number

        stream.add(reach)

    def synchronize(self):
        wanted = self.records
        self.gpu.run_until(lambda: self.reached >= wanted)


class Array(np.ndarray):
    """numpy's array with CuPy's address of its memory."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


def cupy_of(gpu):
    memory = {}

    def empty(size, dtype):
        made = np.full(size, 0xCD, dtype).view(Array)
        memory[made.ctypes.data] = made
        return made

    def pinned(size):
        made = np.full(size, 0xAB, np.uint8)
        memory[made.ctypes.data] = made
        return made

    def memcpy_async(to, source, size, kind, stream):
        assert kind == "to the device"
        gpu.copies += 1

        def copy():
            memory[to][:size] = memory[source][:size]

        gpu.streams[stream - 1].add(copy)

    gpu.current = Stream(gpu, "work")
    return SimpleNamespace(
        empty=empty,
        cuda=SimpleNamespace(
            alloc_pinned_memory=pinned, get_current_stream=lambda: gpu.current, Stream=lambda non_blocking: Stream(gpu),
            Event=lambda disable_timing: Event(gpu),
            runtime=SimpleNamespace(memcpyAsync=memcpy_async, memcpyHostToDevice="to the device"),
        ),
    )  # fmt: skip


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(uploads, "PIECE", 64)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rows", [1, 5, 8, 9, 33])
def test_work_sees_its_piece_whatever_comes_first(small_pieces, seed, rows):
    gpu = Gpu(seed)
    cupy = cupy_of(gpu)
    copies, work = Stream(gpu), gpu.current
    host = np.random.default_rng(seed).integers(0, 1 << 32, (rows, 2), np.uint32)
    want, got = host.copy(), np.zeros_like(host)
    for at, piece in uploads.pieces(functools.partial(uploads.CupyLane, cupy, nullcontext, copies), host):
        work.add(lambda at=at, piece=piece: got.__setitem__(at, piece))  # returns None: it ran
    host[...] = 0  # the caller's to change
    gpu.run_until(lambda: not work.queue)
    assert np.array_equal(got, want)
    assert gpu.copies == -(-rows // 8)


@pytest.mark.parametrize("missing", ["wait", "used", "work waits"])
def test_the_stand_in_shows_what_is_not_ordered(small_pieces, missing):
    """The test above would fail if one of the three orders were left out."""

    class Careless(uploads.CupyLane):
        def wait(self):
            if missing != "wait":
                super().wait()

        def used(self):
            if missing != "used":
                super().used()

        def send(self, size):
            current = self._cupy.cuda.get_current_stream()
            if missing == "work waits":
                current.wait_event = lambda event: None
            super().send(size)

    wrong = 0
    for seed in range(20):
        gpu = Gpu(seed)
        cupy = cupy_of(gpu)
        copies, work = Stream(gpu), gpu.current
        host = np.arange(80, dtype=np.uint32).reshape(40, 2)
        got = np.zeros_like(host)
        make = functools.partial(Careless, cupy, nullcontext, copies)
        for at, piece in uploads.pieces(make, host):
            work.add(lambda got=got, at=at, piece=piece: got.__setitem__(at, piece))
        gpu.run_until(lambda work=work: not work.queue)
        wrong += not np.array_equal(got, host)
    assert wrong


def test_an_error_in_the_middle_gives_memory_back_in_order(small_pieces):
    gpu = Gpu(1)
    cupy, closed = cupy_of(gpu), []

    class Lane(uploads.CupyLane):
        def close(self):
            super().close()
            closed.append(self)

    def fail():
        for _ in uploads.pieces(functools.partial(Lane, cupy, nullcontext, copies), np.zeros((40, 2), np.uint32)):
            raise ZeroDivisionError

    copies = Stream(gpu)
    with pytest.raises(ZeroDivisionError):
        fail()
    gpu.run_until(lambda: not any(stream.queue for stream in gpu.streams))
    assert len(closed) == uploads.LANES


def test_page_locked_memory_keeps_no_secret(small_pieces):
    gpu = Gpu(2)
    cupy, lanes = cupy_of(gpu), []

    def lane(size):
        lanes.append(uploads.CupyLane(cupy, nullcontext, copies, size))
        return lanes[-1]

    copies, host = Stream(gpu), np.full((40, 2), 77, np.uint32)
    for _ in uploads.pieces(lane, host):
        pass
    assert all(lane.host.any() for lane in lanes)
    lanes.clear()
    with zeroing.secret_memory():
        for _ in uploads.pieces(lane, host):
            pass
    assert not any(lane.host.any() for lane in lanes)


def test_the_backend_has_one_stream_of_copies_for_a_gpu(monkeypatch):
    gpu = Gpu(0)
    cupy = cupy_of(gpu)
    backend = backends.Cuda()
    monkeypatch.setattr(backend, "_cupy", lambda: cupy)
    monkeypatch.setattr(backend, "active", lambda index: nullcontext())
    first, second, other = backend.lane(0, 8), backend.lane(0, 8), backend.lane(1, 8)
    assert first._copies is second._copies
    assert first._copies is not other._copies
    assert first.device.shape == first.host.shape == (8,)


class TestOnTheEmulator:
    @pytest.fixture
    def lanes(self, small_pieces, monkeypatch):
        """The sizes of lanes that were made."""
        sizes, make = [], backends.Emulator.lane

        def lane(self, index, size):
            sizes.append(size)
            return make(self, index, size)

        monkeypatch.setattr(backends.Emulator, "lane", lane)
        return sizes

    @pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int64])
    @pytest.mark.parametrize("shape", [(0,), (3,), (64,), (129,), (7, 5, 3), (1, 300)])
    def test_arrays_arrive(self, lanes, dtype, shape):
        host = (np.random.default_rng(1).random(shape) * 200).astype(dtype)
        got = _devices.resolve("emulator").asarray(host[..., ::-1])
        assert got.dtype == dtype
        assert np.array_equal(_devices.to_host(got), host[..., ::-1])
        assert bool(lanes) == (host.nbytes > 64)

    def test_large_batches_of_limbs_are_loaded_in_pieces(self, lanes):
        modulus = bigint.Modulus((1 << 100) - 15)
        limbs = np.random.default_rng(2).integers(0, 1 << 32, (50, 5), np.uint32)
        native = _devices.resolve("emulator").native
        before = native.launch_counts().get("load", 0)
        with hepy.device("emulator"):
            x = modulus.from_limbs(limbs.reshape(10, 5, 5))
        assert native.launch_counts()["load"] - before == -(-50 // 3)
        assert lanes[-2:] == [60, 60]  # those before are constants
        assert x.shape == (10, 5)
        assert x.to_ints().tolist() == modulus.from_limbs(limbs).to_ints().reshape(10, 5).tolist()

    def test_what_is_there_already_is_not_copied(self, lanes):
        device = _devices.resolve("emulator")
        here = device.asarray(np.zeros(4, np.uint64))
        assert [(rows, piece is here) for rows, piece in device.pieces(here)] == [(slice(0, 4), True)]
        large = np.zeros((100, 2))
        ((rows, piece),) = _devices.resolve("cpu").pieces(large)
        assert rows == slice(0, 100)
        assert piece is large
        assert not lanes

    def test_lanes_count_against_the_budget(self, lanes, monkeypatch):
        device = _devices.resolve("emulator")
        monkeypatch.setattr(hepy.options, "device_memory", 100)
        with pytest.raises(DeviceOutOfMemoryError, match="128 bytes are needed"):
            next(device.pieces(np.zeros(20)))


@pytest.mark.gpu
def test_a_large_array_arrives_on_a_gpu_beside_other_work():
    device = _devices.resolve("cuda:0")
    host = np.random.default_rng(3).integers(0, 1 << 32, (3 * uploads.PIECE // 4 + 7,), np.uint32)
    with device.active():
        work = device.xp.ones((2048, 2048))
        for _ in range(20):
            work = work @ work / 2048
        got = device.asarray(host)
    assert np.array_equal(_devices.to_host(got), host)
    modulus = bigint.Modulus((1 << 2048) - 1942289)
    limbs = host[: len(host) // 64 * 64].reshape(-1, 64)
    with hepy.device("cuda:0"):
        assert modulus.from_limbs(limbs)[-5:].to_ints().tolist() == modulus.from_limbs(limbs[-5:]).to_ints().tolist()
