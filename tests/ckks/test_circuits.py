"""ckks.compile: replays have the bits of the function itself, and inputs of another kind are refused."""

import gc
import re
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hepy
from hepy import _devices, ckks
from hepy._devices import backends
from hepy._devices.graphs import Held, holding
from hepy.ckks import evaluator
from hepy.ring import halves

WEIGHTS = np.arange(8) / 8


def everything(x, y):
    """Each operation of the evaluator, and shapes."""
    z = (x * y + WEIGHTS).rotate(1) - 0.25 * x
    a, b = z.rotate([2, 0])
    lazy = x.multiply(y, lazy=True) + x.multiply(WEIGHTS, lazy=True) - y
    batch = ckks.concatenate([a, b])[[2, 0, 3]].reshape(3, 1, 8)
    return (
        batch.sum(0),
        -lazy.square(),
        [3 * x, 2.0 - y, y[1:], x[::-1] ** 3].pop(1),
        z.inner_sum(),
        ckks.stack([x, y], 1),
    )


@pytest.fixture
def inputs(values):
    """Two batches of two vectors, other values with each seed."""

    def make(context, seed, **options):
        generator = np.random.default_rng(seed)
        vectors = generator.uniform(-1, 1, (2, 2, 8))
        return [context.encrypt(v, seed=bytes([seed, i]) * 16, **options) for i, v in enumerate(vectors)]

    return make


def test_replays_have_the_bits_of_the_function(toy, inputs):
    circuit = ckks.compile(everything)
    assert repr(circuit) == "Circuit(everything, not recorded yet)"
    for seed in (1, 2, 3):
        x, y = inputs(toy, seed)
        got, want = circuit(x, y), everything(x, y)
        assert isinstance(got, tuple) and len(got) == len(want)
        assert [a.digest() for a in got] == [b.digest() for b in want]
        assert [a._state for a in got] == [b._state for b in want]
        assert [a.shape for a in got] == [b.shape for b in want]
        assert all(a.context is toy and not a.fresh and a._seeded for a in got)
    reserved = "0" if not _devices.current().has_graphs else "[1-9][0-9]*"
    assert re.search(rf" steps, memory_bytes={reserved}\)$", repr(circuit))


def test_merged_digits_and_levels(digits, inputs):
    def power(x):
        return x**5

    circuit = ckks.compile(power)
    for seed in (1, 2):
        x, _ = inputs(digits, seed, level=4)
        assert circuit(x).digest() == power(x).digest()
    assert circuit.__name__ == "power"


def test_accounts_follow_the_inputs(toy, inputs):
    circuit, calls = ckks.compile(lambda x: calls.append(1) or x * x + 1), []
    for bound, count in ((1, 1), (2, 2), (1, 2), (4, 3)):
        x, _ = inputs(toy, 1, bound=bound)
        assert circuit(x)._state == (x * x + 1)._state
        assert len(calls) == count


def test_plaintexts_are_encoded_once(toy, inputs, monkeypatch):
    encoded, encode = [], evaluator.Evaluator.encode
    monkeypatch.setattr(evaluator.Evaluator, "encode", lambda *given: encoded.append(1) or encode(*given))
    kept = toy.encode(WEIGHTS)
    circuit = ckks.compile(lambda x: x * WEIGHTS + x * kept + [1.0] * 8)
    encoded.clear()
    for seed in (1, 2):
        x = inputs(toy, seed)[0]
        assert toy.decrypt(circuit(x)).shape == (2, 8)
        assert len(encoded) == 3
    assert circuit(x).digest() == (x * WEIGHTS + x * kept + [1.0] * 8).digest()


def test_the_next_key_moves_in_before_it_is_needed(emulator, inputs, monkeypatch):
    with hepy.device("cpu"):
        context = ckks.Context(ckks.Parameters(log_n=6, depth=3, scale_bits=40, security=None), rotations=(1, 2))
        context.keys.make(relinearization=True)
    events, moved, raised = [], halves.Halves._move_in, evaluator.mod_up
    circuit = ckks.compile(lambda x: (x * x).rotate(1).rotate(2))
    x, _ = inputs(context, 1)
    circuit(x)
    context.keys.move_out()
    monkeypatch.setattr(halves.Halves, "_move_in", lambda *given: events.append("in") or moved(*given))
    monkeypatch.setattr(evaluator, "mod_up", lambda *given: events.append("mod_up") or raised(*given))
    circuit(x)
    assert events == ["mod_up", "in", "in", "mod_up", "in", "mod_up"]


def test_inputs_of_another_kind(toy, digits, inputs):
    circuit = ckks.compile(lambda x, y: x + y)
    x, y = inputs(toy, 1)
    circuit(x, y)
    other = toy.encrypt(WEIGHTS + 0j)
    for given, error, said in [
        ((x,), hepy.ParameterError, "with 2 inputs, and 1 were given"),
        ((x, WEIGHTS), hepy.ParameterError, "input 1 is a ndarray"),
        ((x, y.to_level(2)), hepy.LevelError, "input 1 is at level 2 and was recorded at level 3"),
        ((x[:1], y), hepy.ParameterError, r"input 0 has shape \(1, 8\) with 2 components .* \(2, 8\) and 2"),
        ((ckks.stack([other, other]), y), hepy.ParameterError, "input 0 is not of the kind"),
        (inputs(digits, 1), hepy.KeyMismatchError, "input 0 belongs to context"),
        ((), hepy.ParameterError, "at least one"),
    ]:
        with pytest.raises(error, match=said):
            circuit(*given)
    with ckks.manual():
        product = x * WEIGHTS
    squared = ckks.compile(lambda x: x.rescale())
    squared(product)
    with pytest.raises(hepy.ScaleMismatchError, match="input 0 has scale"):
        squared(x)
    assert circuit(x, y).digest() == (x + y).digest()


def test_functions_that_are_no_circuits(toy, inputs):
    x, y = inputs(toy, 1)
    sizes = iter(range(1, 9))
    changing = ckks.compile(lambda a: a.rotate(next(sizes)))
    changing(x)
    with pytest.raises(hepy.ParameterError, match="other operations than when it was recorded"):
        changing(inputs(toy, 1, bound=2)[0])
    for function, error, said in [
        (lambda a: a + y, hepy.ParameterError, "gets every ciphertext array that it uses as an argument"),
        (lambda a: y + a, hepy.ParameterError, "meets its like"),
        (lambda a: a.rerandomize(), hepy.ParameterError, "draws no randomness"),
        (lambda a: 1.0, hepy.ParameterError, "returns ciphertext arrays, one or a list"),
        (lambda a: [], hepy.ParameterError, "returns ciphertext arrays, one or a list"),
        (lambda a: [a, y], hepy.ParameterError, "returns ciphertexts that it computed"),
        (lambda a: a**9, hepy.LevelError, "needs depth"),
    ]:
        with pytest.raises(error, match=said):
            ckks.compile(function)(x)
    with pytest.raises(hepy.ParameterError, match="a function of ciphertexts, not int"):
        ckks.compile(3)


def test_circuits_inside_of_circuits_and_plans(toy, inputs):
    inner = ckks.compile(lambda x: x * x)
    outer = ckks.compile(lambda x: inner(x) + x)
    x, _ = inputs(toy, 1)
    assert outer(x).digest() == (x * x + x).digest()
    assert ckks.plan(inner, toy.parameters).levels == 1


def test_devices_share_a_recording(emulator, inputs):
    with hepy.device("cpu"):
        context = ckks.Context(ckks.Parameters(log_n=6, depth=3, scale_bits=40, security=None))
        x, y = inputs(context, 1)
    circuit = ckks.compile(everything)
    want = [z.digest() for z in circuit(x, y)]
    for name in ("emulator", "emulator:1"):
        got = circuit(x.to(name), y.to(name))
        assert [z.digest() for z in got] == want and {z.device for z in got} == {name}
    with pytest.raises(hepy.DeviceError, match="'emulator' and 'emulator:1'"):
        circuit(x.to("emulator"), y.to("emulator:1"))


def test_threads_replay_at_once(toy, inputs):
    circuit = ckks.compile(everything)
    cases = [inputs(toy, seed) for seed in range(1, 5)]
    want = [[z.digest() for z in everything(*case)] for case in cases]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda case: [z.digest() for z in circuit(*case)], cases)) == want


class Repeated:
    """In place of a graph: work that is done again on each launch, into the places of the first results."""

    nbytes = 1000

    def __init__(self, work):
        self._work, self._held = work, Held()
        with holding(self._held):
            work()
            self._held.recording = True  # nothing may be copied from or to the host
            self.results = work()
            self._held.recording = False

    def launch(self, fill, drain):
        fill()
        for place, made in zip(self.results, self._work(), strict=True):
            place._words[...] = made._words
        return drain()


@pytest.fixture
def graphs(emulator, monkeypatch):
    """The emulator as a device that records graphs; returns those that were made."""
    made = []

    def graph(backend, index, work):
        made.append(Repeated(work))
        return made[-1]

    monkeypatch.setattr(backends.Emulator, "has_graphs", True)
    monkeypatch.setattr(backends.Emulator, "graph", graph)
    return made


def test_a_graph_gets_inputs_and_gives_results_of_their_own(graphs, toy_on_emulator, inputs):
    circuit = ckks.compile(everything)
    first = inputs(toy_on_emulator, 1)
    kept, want = circuit(*first), [z.digest() for z in everything(*first)]
    second = inputs(toy_on_emulator, 2)
    assert [z.digest() for z in circuit(*second)] == [z.digest() for z in everything(*second)]
    assert [z.digest() for z in kept] == want  # not overwritten by the second launch
    assert len(graphs) == 1
    assert circuit.memory_bytes == 1000 + sum(x.nbytes for x in first)


def test_keys_stay_where_a_graph_reads_them(graphs, toy_on_emulator, emulator, inputs):
    circuit = ckks.compile(lambda x: x.rotate(3))
    x, _ = inputs(toy_on_emulator, 1)
    want = circuit(x).digest()
    key = toy_on_emulator.keys._keys[5**3 % 128].halves
    assert not key.shrink(emulator) and not key.move_out(emulator)
    assert circuit(x).digest() == want
    alive = weakref.ref(graphs[0]._held)
    del circuit
    graphs.clear()
    gc.collect()
    assert alive() is None
    assert key.shrink(emulator) and key.move_out(emulator)


@pytest.fixture
def toy_on_emulator(emulator):
    return ckks.Context(ckks.Parameters(log_n=6, depth=3, scale_bits=40, security=None), seed=bytes(32))


@pytest.mark.gpu
def test_a_gpu_launches_a_circuit_as_one_graph(inputs):
    import cupy

    with hepy.device("cuda:0"):
        context = ckks.Context(ckks.Parameters(log_n=13, depth=3, scale_bits=40), seed=bytes(32))
        circuit = ckks.compile(everything)
        for seed in (1, 2, 3):
            x, y = inputs(context, seed)
            assert [z.digest() for z in circuit(x, y)] == [z.digest() for z in everything(x, y)]
        assert circuit.memory_bytes > 0
        streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
        cases = [inputs(context, seed) for seed in (4, 5)]
        cupy.cuda.Device(0).synchronize()
        got = []
        for stream, case in zip(streams * 2, cases * 2, strict=True):
            with hepy.stream(stream):
                got.append(circuit(*case))
        cupy.cuda.Device(0).synchronize()
        for made, case in zip(got, cases * 2, strict=True):
            assert [z.digest() for z in made] == [z.digest() for z in everything(*case)]


def test_devices_without_graphs_say_so():
    for name in ("cpu", "emulator"):
        with pytest.raises(hepy.DeviceError, match="use a GPU"):
            _devices.resolve(name).graph(list)
