"""What every test shares: devices that have big integers, a fake one with another memory layout, and seeded keys."""

import faulthandler
import hashlib
import importlib.util
import json
import os
import signal
import sys
import threading
import traceback
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hepy import _devices, options, paillier
from hepy._devices.backends import BACKENDS
from hepy._host import engines
from hepy.bigint import kernels
from hepy.errors import DeviceError
from hepy.random import chacha20

# Machines are shared and numba compiles on first use: no test judges time. Devices are fixtures of one test function,
# which all of its examples may share.
settings.register_profile(
    "hepy", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("hepy")

FAKE = "fake"
FAST = {"cpu", FAKE}  # devices that do all of a test; the others take what shows that a kernel is right
SLOW_EXAMPLES = 3
VARIANTS = ("djn", "classic", "subgroup")


# The host with each engine that is not its own choice, for modules that say EACH_ENGINE = True.
OTHER_ENGINES = [
    pytest.param(("cpu", name), id=f"cpu-{name}", marks=pytest.mark.engine) for name in engines.usable()[1:]
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    gpus = {name for name in _devices.devices() if name.startswith("cuda")}
    for item in items:  # where there is a GPU, what runs on it is for make gpu-check
        call = getattr(item, "callspec", None)
        if call is not None and not gpus.isdisjoint(map(str, call.params.values())):
            item.add_marker(pytest.mark.gpu)
    left_out = [
        item for item in items if item.get_closest_marker("engine") and not getattr(item.module, "EACH_ENGINE", False)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _bigint_devices():
    """Names of the usable devices that have kernels for big integers."""
    found = []
    for name in _devices.devices():
        try:
            kernels.kernels(15, _devices.resolve(name))
        except DeviceError:
            continue
        found.append(name)
    return found


def _load_fake_engine():
    spec = importlib.util.spec_from_file_location("hepy_fake_engine", Path(__file__).parent / "fake_engine.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return spec.name


@pytest.fixture
def fake_engine():
    """Registers the fake device for one test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, FAKE, BACKENDS["cpu"])
        patch.setitem(chacha20.HOMES, FAKE, chacha20.HOMES["cpu"])
        patch.setitem(kernels.HOMES, FAKE, _load_fake_engine())
        _devices._probe.cache_clear()
        yield FAKE
    _devices._probe.cache_clear()


def _lend_few_examples(patch, test):
    """hypothesis fixes its settings when a test is defined; those of a slow device are lent to it for the call."""
    if hasattr(test, "hypothesis"):
        lent = settings(settings.get_profile("hepy"), max_examples=SLOW_EXAMPLES)
        patch.setattr(test, "_hypothesis_internal_use_settings", lent)


def _decrypt_on_the_host(patch):
    """Decryption is most of a test's time on a slow device; tests of other operations only look at results by it."""
    decrypt = paillier.PrivateKey.decrypt
    patch.setattr(paillier.PrivateKey, "decrypt", lambda key, x, **options: decrypt(key, x.to("cpu"), **options))


@pytest.fixture(params=[*_bigint_devices(), FAKE, *OTHER_ENGINES])
def device(request):
    """The name of a device that has big integers, current during the test, with one engine of the host."""
    name, engine = request.param if isinstance(request.param, tuple) else (request.param, engines.AUTO)
    if name == FAKE:
        request.getfixturevalue("fake_engine")
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(options, "engine", engine)
        if name not in FAST:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            _lend_few_examples(patch, request.function)
            if not getattr(request.module, "DECRYPTS_ON_ITS_DEVICE", False):
                _decrypt_on_the_host(patch)
        stack.enter_context(_devices.device(name))
        yield name


@pytest.fixture
def count(device):
    """Scales a number of elements to what the device does in about a second."""
    return {"cpu": lambda number: number}.get(device, lambda number: max(3, number // 16))


def seed(name):
    """32 bytes for one purpose of one test."""
    return hashlib.sha256(name.encode()).digest()


@pytest.fixture
def in_a_child():
    """Calls work() in a forked child and returns what it returned, by way of JSON; fails if it raises or hangs."""

    def call(work):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            faulthandler.dump_traceback_later(50)  # where it hangs, before it is killed
            try:
                with os.fdopen(write, "w") as pipe:
                    json.dump(work(), pipe)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(write)
        timer = threading.Timer(60, os.kill, (child, signal.SIGKILL))
        timer.start()
        try:
            with os.fdopen(read) as pipe:
                text = pipe.read()
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        finally:
            timer.cancel()
        return json.loads(text)

    return call


@pytest.fixture(scope="session", name="seed")
def seed_fixture():
    return seed


@pytest.fixture(scope="session")
def keys():
    """A private key of each variant, of 512 bits."""
    return {
        variant: paillier.generate_key(bits=512, variant=variant, seed=seed(variant), insecure=True)
        for variant in VARIANTS
    }


@pytest.fixture(scope="session")
def key(keys):
    return keys["djn"]


@pytest.fixture(scope="session")
def other_key():
    return paillier.generate_key(bits=512, seed=seed("other"), insecure=True)


@pytest.fixture(params=VARIANTS)
def any_key(request, keys):
    return keys[request.param]
