"""register(): FATE's PHECipherBuilder makes hepy's keys, and FATE's parties let hepy's objects through.

What it does, all of it:

1. `keygen` and `evaluator` of the module fate.arch.protocol.phe.paillier become those of this package. The builder
   imports them from there each time it makes a cipher.
2. The names in serialization.NAMES join the whitelists of FATE's two restricted unpicklers: of what other parties send
   (safety.serdes.federation), and of what the party's own tables hold (safety.serdes), where secret keys pass as well.
3. A random password for the party's worker processes is put into their environment, so that a secret key can reach
   them; and the name of the device, if one is given.

A party that only receives needs 2. alone, and register() does no harm there.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from hepy import _devices
from hepy._host.locks import new_lock
from hepy.errors import ParameterError
from hepy.interop.fate.evaluation import evaluator
from hepy.interop.fate.keys import keygen
from hepy.interop.fate.placement import DEVICE
from hepy.interop.fate.serialization import NAMES, OWN_NAMES
from hepy.interop.fate.worker_keys import WORKER_PASSWORD, drawn_password

_lock = new_lock()
_undo: list[Callable[[], None]] = []


def register(*, device: str | None = None, worker_password: str | None = None) -> None:
    """Point FATE at hepy, in this process and those that it starts from now on. Calling it again changes nothing.

    Call it at the top of the script that each party runs, before FATE's launcher or context.

    Args:
        device: where ciphertexts live, "cpu" if nothing is said elsewhere; worker processes inherit it.
        worker_password: under which secret keys travel to worker processes. By default it is drawn at random here and
            inherited by environment (HEPY_FATE_WORKER_PASSWORD). A party on several machines sets the variable on all
            of them, or gives the same password here.

    Raises:
        ImportError: FATE (pyfate and fate_utils) is not installed.
        ParameterError: a FATE was found that has other names; says which.
        DeviceError: the device cannot be used here.
    """
    if device is not None:
        _devices.resolve(device)
    with _lock:
        if _undo:
            return
        paillier = importlib.import_module("fate.arch.protocol.phe.paillier")
        remote = importlib.import_module("fate.arch.federation.api._serdes").TableRemotePersistentUnpickler
        local = importlib.import_module("fate.arch.computing.serdes._restricted_serdes").Whitelist
        try:
            sent, kept = remote._TableRemotePersistentUnpickler__ALLOW_CLASSES, local.deserialize_whitelist
            originals = {"keygen": paillier.keygen, "evaluator": paillier.evaluator}
        except AttributeError as error:
            raise ParameterError(
                f"this FATE is laid out otherwise than 2.2, for which register() is: {error}"
            ) from None
        for name, replacement in (("keygen", keygen), ("evaluator", evaluator)):
            setattr(paillier, name, replacement)
            _undo.append(lambda name=name: setattr(paillier, name, originals[name]))  # type: ignore[misc]
        _undo.append(_let_through(sent, NAMES))
        _undo.append(_let_through(kept, OWN_NAMES))
        _set(DEVICE, device)
        _set(WORKER_PASSWORD, worker_password or os.environ.get(WORKER_PASSWORD) or drawn_password())


def unregister() -> None:
    """Undo register(). Objects that were made stay what they are; processes that run keep what they inherited."""
    with _lock:
        while _undo:
            _undo.pop()()


def _let_through(whitelist: dict[str, set[str]], wanted: dict[str, set[str]]) -> Callable[[], None]:
    added = {module: names - whitelist.get(module, set()) for module, names in wanted.items()}
    for module, names in added.items():
        whitelist.setdefault(module, set()).update(names)

    def undo() -> None:
        for module, names in added.items():
            whitelist[module] -= names
            if not whitelist[module]:
                del whitelist[module]

    return undo


def _set(variable: str, value: Any) -> None:
    before = os.environ.get(variable)
    if value is None or value == before:
        return
    os.environ[variable] = value

    def undo() -> None:
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before

    _undo.append(undo)
