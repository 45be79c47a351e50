"""Keys within a device's memory: where they are, which of them give way, and that results do not depend on it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hepy
from hepy import _devices, ckks, options
from hepy._devices import residency
from hepy.ckks import evaluator
from hepy.ckks.keys import SwitchingKey
from hepy.ring import halves

PARAMETERS = ckks.Parameters(log_n=8, depth=2, scale_bits=40, security=None)
STEPS = (1, 2, 4, 8)
VALUES = np.arange(16) / 16


@pytest.fixture
def owner(emulator, seed):
    """A context of its own, made on the host, with its keys there; keys of others have left the emulator."""
    while residency.make_room(emulator, 1 << 60):
        pass
    with hepy.device("cpu"):
        return ckks.Context(PARAMETERS, rotations=STEPS, seed=seed("keys"))


@pytest.fixture
def wanted(owner, seed):
    """Digests of the rotations, computed on the host."""
    with hepy.device("cpu"):
        x = owner.encrypt(VALUES, seed=seed("x"))
        return {step: x.rotate(step).digest() for step in STEPS}


def key_bytes(context):
    """Of one expanded key."""
    return context.keys._keys[5].halves.on(_devices.HOST).nbytes


def places(context, name):
    """The form in which each rotation's key is on a device, by step."""
    found = (place for place in context.keys.places() if place.device == name and place.key.startswith("rotation"))
    return {int(place.key.split()[1]): place.form for place in found}


def test_a_key_moves_to_the_device_that_uses_it(emulator, owner, wanted, seed):
    assert places(owner, "cpu") == dict.fromkeys(STEPS, "expanded") and places(owner, "emulator") == {}
    x = owner.encrypt(VALUES, seed=seed("x"))
    assert x.device == "emulator" and x.rotate(2).digest() == wanted[2]
    assert places(owner, "emulator") == {2: "expanded"}
    (place,) = (each for each in owner.keys.places() if each.device == "emulator")
    assert place.key == "rotation 2" and place.nbytes == key_bytes(owner)
    assert owner.keys.nbytes == 5 * key_bytes(owner)


def test_loaded_keys_are_halves_until_they_are_used(emulator, owner, wanted, seed):
    server = hepy.loads(hepy.dumps(owner.public(rotations=STEPS)))
    assert places(server, "cpu") == dict.fromkeys(STEPS, "half") and places(server, "emulator") == {}
    x = hepy.loads(hepy.dumps(owner.encrypt(VALUES, seed=seed("x"))), server)
    assert x.rotate(1).digest() == wanted[1]
    assert places(server, "emulator") == {1: "expanded"} and places(server, "cpu")[1] == "half"


def test_the_least_recently_used_give_way(emulator, owner, wanted, memory, seed):
    """Room for two keys and the work of a rotation: the ones used last are there, whatever the order of use."""
    x = owner.encrypt(VALUES, seed=seed("x"))
    x.rotate(1)
    owner.keys.move_out()
    memory(int(4.3 * key_bytes(owner)))
    for step in (1, 2, 4, 8, 2, 1, 2):
        assert x.rotate(step).digest() == wanted[step]
        there = places(owner, "emulator")
        assert there[step] == "expanded" and len(there) < 4
    assert 8 not in places(owner, "emulator") or 4 not in places(owner, "emulator")
    memory(None)
    assert x.rotate(STEPS[0]).digest() == wanted[1]


def test_keys_shrink_before_they_leave(emulator, owner, wanted, seed):
    x = owner.encrypt(VALUES, seed=seed("x"))
    for step in STEPS:
        x.rotate(step)
    free = emulator.free_bytes()
    assert residency.make_room(emulator, free + key_bytes(owner) // 2)
    assert places(owner, "emulator") == {1: "half", 2: "expanded", 4: "expanded", 8: "expanded"}
    assert residency.make_room(emulator, free + 2 * key_bytes(owner))
    assert places(owner, "emulator") == dict.fromkeys(STEPS, "half")
    assert residency.make_room(emulator, free + 3 * key_bytes(owner))
    assert places(owner, "emulator") == {4: "half", 8: "half"}
    assert emulator.free_bytes() == free + 3 * key_bytes(owner)
    for step in STEPS:
        assert x.rotate(step).digest() == wanted[step]
    assert places(owner, "emulator") == dict.fromkeys(STEPS, "expanded")


def test_half_of_a_key_is_expanded_where_it_is(emulator, owner, wanted, seed, monkeypatch):
    x = owner.encrypt(VALUES, seed=seed("x"))
    x.rotate(4)
    assert owner.keys._keys[5**4 % 512].halves.shrink(emulator)
    assert places(owner, "emulator") == {4: "half"}
    copied, upload = [], emulator._backend.upload
    monkeypatch.setattr(emulator._backend, "upload", lambda i, host: copied.append(host.nbytes) or upload(i, host))
    assert x.rotate(4).digest() == wanted[4]
    assert sum(copied) < key_bytes(owner) // 4  # places of rejected words


def test_keys_that_were_made_on_a_device(emulator, memory, seed):
    """They are nowhere else until they move out; the host has their halves then."""
    made = ckks.Context(PARAMETERS, rotations=STEPS, seed=seed("keys"))
    assert places(made, "emulator") == dict.fromkeys(STEPS, "expanded") and places(made, "cpu") == {}
    with hepy.device("cpu"):
        want = ckks.Context(PARAMETERS, rotations=STEPS, seed=seed("keys")).public().digest()
    assert made.public().digest() == want
    made.keys.move_out()
    assert places(made, "emulator") == {} and places(made, "cpu") == dict.fromkeys(STEPS, "half")
    assert made.public().digest() == want
    with hepy.device("cpu"):
        made.keys.move_in((1, 2))
        made.keys.move_out()
    assert places(made, "cpu") == {1: "expanded", 2: "expanded", 4: "half", 8: "half"}
    made.keys.move_in((1,), relinearization=True)
    assert [place.key for place in made.keys.places() if place.device == "emulator"] == [
        "relinearization",
        "rotation 1",
    ]


def test_more_keys_than_memory_are_made(emulator, owner, memory, seed):
    size = key_bytes(owner)
    del owner
    memory(int(9 * size))
    made = ckks.Context(PARAMETERS, rotations=range(1, 13), seed=seed("keys"))
    assert len(places(made, "cpu")) >= 4
    with hepy.device("cpu"):
        assert (
            made.public().digest()
            == ckks.Context(PARAMETERS, rotations=range(1, 13), seed=seed("keys")).public().digest()
        )


def test_the_budget_is_kept(emulator, owner, wanted, seed, monkeypatch):
    """options.device_memory, at every allocation of the ring's leaves."""
    x = owner.encrypt(VALUES, seed=seed("x"))
    x.rotate(1)
    owner.keys.move_out()
    budget = emulator._backend.used_bytes(emulator.index) + 5 * key_bytes(owner)
    monkeypatch.setattr(options, "device_memory", budget)
    most, empty = [], _devices.Device.empty

    def watched(device, *arguments):
        made = empty(device, *arguments)
        if device == emulator:
            most.append(device._backend.used_bytes(device.index))
        return made

    monkeypatch.setattr(_devices.Device, "empty", watched)
    for step in STEPS * 2:
        assert x.rotate(step).digest() == wanted[step]
    assert max(most) <= budget
    assert len(places(owner, "emulator")) < 4 or "half" in places(owner, "emulator").values()


def test_merged_digits_are_forgotten_first(emulator, seed):
    parameters = ckks.Parameters(log_n=6, depth=6, scale_bits=40, security=None, digits=3)
    context = ckks.Context(parameters, rotations=(1,), seed=seed("keys"))
    x = context.encrypt(VALUES, level=1, seed=seed("x"))
    (whole,) = context.keys.places()
    want = x.rotate(1).digest()
    (both,) = context.keys.places()
    assert both.nbytes > whole.nbytes
    assert context.keys._keys[5].halves.shrink(emulator)
    assert context.keys.places() == (whole,)
    assert x.rotate(1).digest() == want


def test_keys_that_are_needed_next_move_in_before(emulator, owner, seed, monkeypatch):
    """Before the next rotation's work begins, of which the second half needs the key."""
    events, moved, raised = [], halves.Halves._move_in, evaluator.mod_up

    def move_in(pair, device, there):
        events.append("in")
        return moved(pair, device, there)

    def mod_up(*arguments):
        events.append("rotation")
        return raised(*arguments)

    x = owner.encrypt(VALUES, seed=seed("x"))
    monkeypatch.setattr(halves.Halves, "_move_in", move_in)
    monkeypatch.setattr(evaluator, "mod_up", mod_up)
    x.inner_sum()
    assert events == ["rotation", "in", "in", "rotation", "in", "rotation", "in", "rotation"]


def test_a_key_that_does_not_fit_ahead_of_use_is_no_error(owner, wanted, seed, monkeypatch):
    refused, on = [], halves.Halves.on

    def ahead(key, groups, device, ahead=SwitchingKey.ahead):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(halves.Halves, "on", lambda *_: refused.append(1) or fail())
            ahead(key, groups, device)

    def fail():
        raise hepy.DeviceOutOfMemoryError("no room")

    monkeypatch.setattr(SwitchingKey, "ahead", ahead)
    x = owner.encrypt(VALUES, seed=seed("x"))
    assert [y.digest() for y in x.rotate(STEPS)] == [wanted[step] for step in STEPS]
    assert len(refused) == 3 and halves.Halves.on is on


def test_threads_share_a_memory_that_is_too_small(emulator, owner, wanted, memory, seed):
    x = owner.encrypt(VALUES, seed=seed("x"))
    x.rotate(1)
    owner.keys.move_out()
    memory(int(9 * key_bytes(owner)))

    def work(step):
        with hepy.device("emulator"):
            return [x.rotate(STEPS[(step + i) % 4]).digest() for i in range(8)]

    with ThreadPoolExecutor(2) as pool:
        for start, got in zip((0, 2), pool.map(work, (0, 2)), strict=True):
            assert got == [wanted[STEPS[(start + i) % 4]] for i in range(8)]


def test_two_devices_have_keys_of_their_own(emulator, owner, wanted, seed):
    x = owner.encrypt(VALUES, seed=seed("x"))
    y = x.to("emulator:1")
    assert y.device == "emulator:1" and y.rotate(1).digest() == wanted[1]  # whichever device is current
    assert places(owner, "emulator:1") == {1: "expanded"} and places(owner, "emulator") == {}
    assert (y * y).device == "emulator:1"
    with pytest.raises(hepy.DeviceError, match="move one"):
        x + y
    assert x.rotate(1).digest() == wanted[1]
    assert places(owner, "emulator") == places(owner, "emulator:1") == {1: "expanded"}
