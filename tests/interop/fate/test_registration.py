"""register() and unregister() on modules laid out as FATE's; tests/interop/oracles has FATE itself."""

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from hepy.errors import DeviceError, ParameterError
from hepy.interop import fate
from hepy.interop.fate import placement, serialization, worker_keys

PAILLIER = "fate.arch.protocol.phe.paillier"
REMOTE = "fate.arch.federation.api._serdes"
LOCAL = "fate.arch.computing.serdes._restricted_serdes"


class TableRemotePersistentUnpickler:
    __ALLOW_CLASSES: ClassVar = {"torch": {"device"}}


@pytest.fixture
def modules(monkeypatch):
    """FATE's modules, as far as register() knows them."""
    made = {name: ModuleType(name) for name in (PAILLIER, REMOTE, LOCAL)}
    made[PAILLIER].keygen, made[PAILLIER].evaluator = "their keygen", "their evaluator"
    made[REMOTE].TableRemotePersistentUnpickler = TableRemotePersistentUnpickler
    made[LOCAL].Whitelist = SimpleNamespace(deserialize_whitelist={})
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    for variable in (placement.DEVICE, worker_keys.WORKER_PASSWORD):
        monkeypatch.delenv(variable, raising=False)
    yield SimpleNamespace(
        paillier=made[PAILLIER],
        remote=TableRemotePersistentUnpickler._TableRemotePersistentUnpickler__ALLOW_CLASSES,
        local=made[LOCAL].Whitelist.deserialize_whitelist,
    )
    fate.unregister()


def test_fate_is_pointed_at_hepy_and_back(modules):
    fate.register()
    fate.register()
    assert (modules.paillier.keygen, modules.paillier.evaluator) == (fate.keygen, fate.evaluator)
    assert modules.remote == {"torch": {"device"}, **serialization.NAMES}
    assert modules.local == serialization.OWN_NAMES
    drawn = os.environ[worker_keys.WORKER_PASSWORD]
    assert worker_keys._cipher(drawn) is not None
    fate.unregister()
    assert (modules.paillier.keygen, modules.paillier.evaluator) == ("their keygen", "their evaluator")
    assert modules.remote == {"torch": {"device"}}
    assert modules.local == {}
    assert worker_keys.WORKER_PASSWORD not in os.environ
    fate.register()
    assert os.environ[worker_keys.WORKER_PASSWORD] != drawn


def test_the_partys_password_and_device_are_inherited(modules, djn):
    fate.register(device="cpu", worker_password="of the party")
    assert os.environ[worker_keys.WORKER_PASSWORD] == "of the party"
    assert os.environ[placement.DEVICE] == "cpu"
    fate.unregister()
    os.environ[worker_keys.WORKER_PASSWORD] = "set for all machines"
    fate.register()
    assert os.environ[worker_keys.WORKER_PASSWORD] == "set for all machines"


def test_ciphertexts_live_where_register_said(modules, djn, monkeypatch):
    from hepy import _devices

    _, pk, coder = djn
    monkeypatch.setenv(placement.DEVICE, "cpu")
    if "emulator" in _devices.devices():
        monkeypatch.setenv(placement.DEVICE, "emulator")
    x = pk.encrypt_encoded(coder.encode_i64_vec(np.array([1])), False)
    assert x.device == os.environ[placement.DEVICE]


def test_another_layout_is_refused(modules):
    del modules.paillier.evaluator
    with pytest.raises(ParameterError, match="laid out otherwise"):
        fate.register()
    assert modules.paillier.keygen == "their keygen"


def test_a_device_that_cannot_be_used_is_refused(modules):
    with pytest.raises((DeviceError, ParameterError)):
        fate.register(device="cuda:99")
    assert modules.paillier.keygen == "their keygen"


def test_without_fate_nothing_happens(monkeypatch):
    monkeypatch.setitem(sys.modules, "fate", None)
    monkeypatch.delenv(worker_keys.WORKER_PASSWORD, raising=False)
    with pytest.raises(ImportError):
        fate.register()
    assert worker_keys.WORKER_PASSWORD not in os.environ
