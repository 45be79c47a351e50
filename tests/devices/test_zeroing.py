"""Memory of secrets is zeroed before it is free again: on the emulator by looking, with CuPy by the order of calls."""

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from hepy import _devices, random
from hepy._devices import backends
from hepy._devices.zeroing import CupyAllocator, secret_memory, wanted
from hepy.random import Purpose

PATTERN = 0x5EC0DE5E


@pytest.fixture
def device():
    return _devices.resolve("emulator")


@pytest.fixture
def freed(device):
    """Calls work() and returns what was in the memory that became free meanwhile."""
    native = device.native
    gc.collect()  # what other tests left
    native.keep_freed(True)
    native.take_freed()

    def freed(work):
        work()
        gc.collect()
        return native.take_freed()

    yield freed
    native.keep_freed(False)
    native.take_freed()


def holding(device):
    return device.asarray(np.full(1000, PATTERN, np.uint32))


def found(contents):
    return PATTERN.to_bytes(4, "little") in b"".join(contents)


def test_the_search_finds_what_is_not_zeroed(device, freed):
    assert found(freed(lambda: holding(device)))


@pytest.mark.parametrize(
    "work",
    [
        lambda device, x: None,
        lambda device, x: x + 1 - 1,
        lambda device, x: device.xp.concatenate([x, x]),
        lambda device, x: x.reshape(10, 100)[3].copy(),
        lambda device, x: device.asarray(x.get()),
        lambda device, x: _devices.resolve("emulator:1").asarray(x),
    ],
    ids=["upload", "arithmetic", "join", "copy", "round trip", "other device"],
)
def test_what_is_made_in_the_block_is_zeroed(device, freed, work):
    def inside():
        with secret_memory():
            work(device, holding(device))

    contents = freed(inside)
    assert contents
    assert not any(content.strip(b"\0") for content in contents)


def test_memory_of_the_block_is_zeroed_when_it_is_dropped_later(device, freed):
    def later():
        with secret_memory():
            view = holding(device)[7:]
        assert not wanted()
        assert int(view.get()[0]) == PATTERN  # not before
        del view

    assert not found(freed(later))


def test_draws_are_secret(device, freed):
    draw = random.stream(bytes(32)).draw(Purpose.OBFUSCATOR, 4, 400)
    want = draw.words(0, 4).tobytes()

    def work():
        with _devices.device("emulator"):
            assert draw.words(0, 4).get().tobytes() == want
            draw.uniform_bits(0, 4)
            draw.uniform_below(3**250, 0, 4)

    # What is not zero is the bound, which the caller gave.
    bound = (3**250 - 1).to_bytes(52, "little")
    assert [content for content in freed(work) if content.strip(b"\0") and not content.startswith(bound)] == []


def test_blocks_nest_and_belong_to_their_thread(device):
    seen = [wanted()]
    with secret_memory():
        with secret_memory():
            seen.append(wanted())
        seen.append(wanted())
        with ThreadPoolExecutor(1) as elsewhere:
            seen.append(elsewhere.submit(wanted).result())
    assert [*seen, wanted()] == [False, True, True, False, False]


# CuPy, played by a stand-in that writes down what happens.


class Stream:
    def __init__(self, log, ptr):
        self.log, self.ptr = log, ptr

    def record(self):
        return f"event of {self.ptr}"

    def wait_event(self, event):
        self.log.append(f"stream {self.ptr} waits for {event}")


class Pointer:
    """Of a pool: writes down when it is given back."""

    def __init__(self, log, size, device_id):
        self.log, self.size, self.device_id, self.ptr = log, size, device_id, 4096

    def memset_async(self, value, size, stream):
        self.log.append(f"{size} bytes become {value} in stream {stream.ptr}")

    def __del__(self):
        self.log.append("returned")


@pytest.fixture
def cupy():
    log = []
    state = SimpleNamespace(log=log, stream=Stream(log, 0), allocator=lambda size: Pointer(log, size, 2))

    @contextmanager
    def using_allocator(allocator):
        before, state.allocator = state.allocator, allocator
        yield
        state.allocator = before

    @contextmanager
    def active(index):
        log.append(f"device {index}")
        yield

    state.cuda = SimpleNamespace(
        Device=active,
        get_current_stream=lambda: state.stream,
        get_allocator=lambda: state.allocator,
        using_allocator=using_allocator,
        UnownedMemory=lambda ptr, size, owner, device_id: SimpleNamespace(owner=owner, device_id=device_id),
        MemoryPointer=lambda memory, offset: SimpleNamespace(mem=memory),
    )
    return state


def test_cupy_s_memory_is_zeroed_and_then_returned(cupy):
    memory = CupyAllocator(cupy, cupy.allocator)(100)
    assert cupy.log == []
    del memory
    assert cupy.log == ["device 2", "100 bytes become 0 in stream 0", "returned"]


def test_zeros_wait_for_the_stream_that_used_the_memory_last(cupy):
    memory = CupyAllocator(cupy, cupy.allocator)(100)
    cupy.stream = Stream(cupy.log, 77)
    del memory
    assert cupy.log == [
        "device 2", "stream 0 waits for event of 77", "100 bytes become 0 in stream 0", "returned",
    ]  # fmt: skip


def test_nothing_is_zeroed_where_nothing_is_allocated(cupy):
    CupyAllocator(cupy, cupy.allocator)(0)
    assert cupy.log == ["returned"]


def test_a_forked_child_leaves_its_parent_s_memory_alone(cupy, monkeypatch):
    memory = CupyAllocator(cupy, cupy.allocator)(100)
    monkeypatch.setattr("os.getpid", lambda: -1)
    del memory
    assert cupy.log == ["returned"]


def test_cupy_s_allocator_is_exchanged_in_the_block_only(cupy):
    plain = cupy.allocator
    with backends._allocator(cupy):
        assert cupy.allocator is plain
    with secret_memory(), backends._allocator(cupy):
        zeroing = cupy.allocator
        assert isinstance(zeroing, CupyAllocator)
        with backends._allocator(cupy):
            assert cupy.allocator is zeroing  # memory is zeroed once
    assert cupy.allocator is plain


@pytest.mark.gpu
def test_what_a_gpu_s_pool_hands_out_again_is_zero():
    import cupy

    device = _devices.resolve("cuda:0")
    cupy.get_default_memory_pool().free_all_blocks()
    size = 1 << 20
    for secret in (False, True):
        with device.active():
            if secret:
                with secret_memory():
                    held = device.asarray(np.full(size, PATTERN, np.uint32))
            else:
                held = device.asarray(np.full(size, PATTERN, np.uint32))
            address = held.data.ptr
            del held
            again = cupy.empty(size, np.uint32)
        assert again.data.ptr == address
        assert bool((again == PATTERN).any()) is not secret
