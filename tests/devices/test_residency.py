"""Guests of a device: who they are, and that those that are gone are forgotten. What keys and plaintexts do: tests/ckks."""

import pytest

from hepy import _devices
from hepy._devices import residency


class Guest:
    """Has one copy."""

    def __init__(self, device):
        self.asked = []
        residency.used(device, self)

    def shrink(self, device):
        self.asked.append("shrink")
        return False

    def move_out(self, device):
        self.asked.append("move_out")
        return self.asked.count("move_out") == 1


@pytest.fixture
def device():
    """With guests of its own."""
    here = _devices.resolve("emulator:1")
    before, residency._orders[here] = residency._orders.get(here, {}), {}
    yield here
    residency._orders[here] = before


def test_all_shrink_before_one_moves_out(device):
    first, second = Guest(device), Guest(device)
    residency.used(device, first)
    assert residency.make_room(device, 1)
    assert second.asked == ["shrink", "move_out"] and first.asked == ["shrink"]


def test_nobody_has_anything_left(device):
    guest = Guest(device)
    assert residency.make_room(device, 1 << 60)
    assert not residency.make_room(device, 1 << 60)
    assert guest.asked.count("move_out") == 2


def test_guests_that_are_gone_are_forgotten(device):
    """As many are made as operands that are arrays: each is gone when its operation is done."""
    staying = [Guest(device) for _ in range(residency._FEW)]
    for _ in range(10 * residency._FEW):
        Guest(device)
    assert len(residency._orders[device]) <= 2 * residency._FEW + 1
    assert residency._guests(device) == staying
