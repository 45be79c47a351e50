"""Where kernel tests run: on the emulator, in several orders of threads, and marked gpu on a GPU."""

import pytest

from hepy import _devices

SCHEDULES = ("in-order", "reversed", "shuffled:1", "shuffled:2", "ahead:1")


@pytest.fixture(params=["emulator", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def device(request):
    return _devices.resolve(request.param)


def pytest_collection_modifyitems(items):
    """A GPU has an order of its own: one of the emulator's is enough for it."""
    items[:] = [item for item in items if not _is_repeated(getattr(item, "callspec", None))]


def _is_repeated(call):
    return (
        call is not None
        and call.params.get("device") == "cuda:0"
        and call.params.get("schedule", SCHEDULES[0]) != SCHEDULES[0]
    )


@pytest.fixture(params=SCHEDULES)
def schedule(device, request):
    if device.kind != "emulator":
        yield "its own"
        return
    before = device.native.schedule()
    device.native.set_schedule(request.param)
    yield request.param
    device.native.set_schedule(before)
