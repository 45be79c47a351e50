"""Recording work as a graph, with CuPy played by a stand-in: what is called, in which order, with whose memory.

That a GPU captures and launches hepy's kernels is tested where there is one (tests marked gpu).
"""

import gc
from types import SimpleNamespace

import pytest

from hepy._devices import graphs
from hepy.errors import DeviceError


class Played:
    """CuPy as far as graphs use it; `log` has what happened."""

    def __init__(self):
        self.log, self.streams = [], ["caller"]
        log, streams = self.log, self.streams

        class Stream:
            def __init__(self, name="graph's", non_blocking=True):
                self.name = name

            def __enter__(self):
                streams.append(self.name)

            def __exit__(self, *_):
                streams.pop()

            def record(self):
                return f"event of {self.name}"

            def wait_event(self, event):
                log.append(f"{self.name} waits for {event if isinstance(event, str) else 'the last launch'}")

            def synchronize(self):
                log.append(f"{self.name} is waited for")

            def begin_capture(self):
                log.append("begin")

            def end_capture(self):
                log.append("end")
                return SimpleNamespace(launch=lambda stream: log.append(f"launched in {stream.name}"))

        class Pool:
            def malloc(self, size):
                return size

            def total_bytes(self):
                return 4096

        class Allocator:
            def __init__(self, allocate):
                self.pool = allocate.__self__

            def __enter__(self):
                log.append("pool of its own")

            def __exit__(self, *_):
                log.append("pool as before")

        class Event:
            def __init__(self, disable_timing):
                assert disable_timing

            def record(self, stream):
                log.append(f"done in {stream.name}")

        self.cuda = SimpleNamespace(
            Stream=Stream, MemoryPool=Pool, using_allocator=Allocator, Event=Event, Device=lambda: SimpleNamespace(id=3),
            get_current_stream=lambda: Stream(streams[-1]),
        )  # fmt: skip


@pytest.fixture
def cupy():
    return Played()


def test_work_is_done_twice_and_then_recorded(cupy):
    kept = [object(), object()]

    def work():
        cupy.log.append(f"work in {cupy.streams[-1]}")
        graphs.hold(kept[0])
        graphs.holds(lambda: kept[1])()
        return len(cupy.log)

    graph = graphs.CupyGraph(cupy, work)
    assert cupy.log == [
        "graph's waits for event of caller", "work in graph's", "pool of its own", "work in graph's",
        "graph's is waited for", "begin", "work in graph's", "end", "pool as before",
    ]  # fmt: skip
    assert graph.results == 7 and graph.nbytes == 4096 and cupy.streams == ["caller"]
    assert graph._held.things == kept * 3
    cupy.log.clear()
    assert graph.launch(lambda: cupy.log.append("fill"), lambda: cupy.log.append("drain") or 5) == 5
    assert cupy.log == ["caller waits for the last launch", "fill", "launched in caller", "drain", "done in caller"]


def test_memory_of_graphs_is_counted_while_they_live(cupy):
    before = graphs.pool_bytes(3)
    graph = graphs.CupyGraph(cupy, int)
    assert graphs.pool_bytes(3) == before + 4096 and graphs.pool_bytes(0) == 0
    del graph
    gc.collect()
    assert graphs.pool_bytes(3) == before


def test_copies_are_refused_while_work_is_recorded_only(cupy):
    """What fills caches may copy; what is launched again could not."""
    times = []

    def work():
        times.append(1)
        graphs.check_copy()

    with pytest.raises(DeviceError, match="copies from or to the host cannot be recorded"):
        graphs.CupyGraph(cupy, work)
    assert len(times) == 3 and cupy.log[-2:] == ["end", "pool as before"]
    graphs.check_copy()


def test_nothing_is_held_where_nothing_is_recorded():
    assert graphs.hold(object()) is None
