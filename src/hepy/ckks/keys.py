"""Keys: the secret, the key that encrypts, and the keys that switch products and rotations back under the secret.

Half of every published key is uniform. It is expanded from a seed of its own, 32 bytes that were drawn for this one
key: output of the secret stream and never its key (see docs/security.md, Seeds).
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hepy import _devices, random
from hepy._arguments import shown, whole
from hepy._devices import HOST, Device
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy._immutable import ReadOnly
from hepy.ckks.parameters import sparse_weight
from hepy.ckks.rings import Rings
from hepy.errors import DeviceOutOfMemoryError, MissingKeyError, ParameterError
from hepy.random import KEY_BYTES, Purpose, Stream
from hepy.ring import (
    Coefficients,
    Halves,
    Polynomial,
    RingBasis,
    galois_element,
    gaussian,
    sparse_ternary,
    stack,
    ternary,
)
from hepy.ring import uniform as uniform_polynomials

RELINEARIZE = 0  # in place of an automorphism's element, which is odd


def public_seed(stream: Stream) -> bytes:
    """A seed that may be published, drawn for one object."""
    with _devices.device(HOST):
        return stream.words(1, KEY_BYTES // 4, Purpose.PUBLIC_SEED).astype("<u4").tobytes()


def expand(seed: bytes, basis: RingBasis, shape: tuple[int, ...]) -> Polynomial:
    """The uniform half that a public seed stands for."""
    return uniform_polynomials(basis, shape, random.stream(seed))


class SecretKey(ReadOnly):
    """The secret s, and the error of the encryption key; both are needed to make the same public half again.

    Attributes:
        secret, error: coefficients modulo one prime and those of the encryption key, as they are stored.
    """

    __slots__ = ("_copies", "error", "secret")

    @secret_memory()
    def __init__(self, secret: Coefficients, error: Coefficients) -> None:
        s = secret.ntt()
        self._copies: dict[Device, Polynomial] = {s.device: s}
        self.secret = secret.restrict(secret.basis[:1])
        self.error = error

    @secret_memory()
    def on(self, device: Device) -> Polynomial:
        """s modulo all primes, in the NTT domain, on that device."""
        found = self._copies.get(device)
        if found is None:
            found = self._copies[device] = next(iter(self._copies.values())).to(device)
        return found

    @classmethod
    @secret_memory()
    def generate(cls, rings: Rings, stream: Stream) -> SecretKey:
        """A new secret of the parameters' distribution, on the current device."""
        if rings.parameters.secret == "sparse":
            secret = sparse_ternary(rings.keys, (), sparse_weight(rings.parameters.log_n), stream)
        else:
            secret = ternary(rings.keys, (), stream)
        return cls(secret, gaussian(rings.encryption, (), stream))

    def __repr__(self) -> str:
        return "SecretKey()"

    def __reduce__(self) -> Any:
        raise ParameterError("secret keys are not pickled: use hepy.save(context, path, password=...)")


@dataclass(frozen=True)
class EncryptionKey:
    """An encryption of zero, b + a s = e, modulo the pool and one special prime.

    Attributes:
        seed: what a is expanded from.
        halves: b and a.
    """

    seed: bytes
    halves: Halves

    @property
    def b(self) -> Polynomial:
        """The half that is sent, batch shape ()."""
        return self.halves.first

    @classmethod
    @secret_memory()
    def generate(cls, rings: Rings, secret: SecretKey, seed: bytes) -> EncryptionKey:
        """The key of that secret and that public seed: the same each time, because the secret keeps its error."""
        a = expand(seed, rings.encryption, ())
        b = secret.error.to(a.device).ntt() - a * secret.on(a.device).restrict(rings.encryption)
        return cls(seed, Halves(b, _expansion(seed, rings.encryption, ()), a))

    @classmethod
    def restore(cls, rings: Rings, seed: bytes, b: Polynomial) -> EncryptionKey:
        """The key of a message, whose other half its seed expands to when it is first needed."""
        return cls(seed, Halves(b, _expansion(seed, rings.encryption, ())))


class SwitchingKey(ReadOnly):
    """What takes a ciphertext component from another secret to s: one encryption under s for each digit.

    In memory the key of an automorphism is held under the inverse automorphism. So digits are multiplied as they are,
    and two polynomials of the result are permuted in place of all digits.

    Attributes:
        seed: what the uniform halves are expanded from.
        halves: [dnum] each, modulo the pool and the special primes, under the inverse automorphism.
    """

    __slots__ = ("_element", "_rings", "halves", "seed")

    def __init__(self, rings: Rings, element: int, seed: bytes, b: Polynomial, a: Polynomial | None = None) -> None:
        self._rings, self._element, self.seed = rings, element, seed
        inverse = 1 if element == RELINEARIZE else pow(element, -1, 2 * rings.parameters.degree)
        made = None if a is None else _turned(a, inverse)
        self.halves = Halves(_turned(b, inverse), _expansion(seed, rings.keys, b.shape, inverse), made)

    @classmethod
    @secret_memory()
    def generate(cls, rings: Rings, element: int, secret: SecretKey, stream: Stream) -> SwitchingKey:
        """A key to s from its square, for the element RELINEARIZE, or from s under an automorphism; on the current device."""
        seed, shape = public_seed(stream), (len(rings.gadget),)
        s = secret.on(_devices.current())
        source = switching_source(s, element)
        errors, a = gaussian(rings.keys, shape, stream).ntt(), expand(seed, rings.keys, shape)
        b = errors - a * s + source * np.array(rings.gadget, object)
        return cls(rings, element, seed, b, a)

    @property
    def b(self) -> Polynomial:
        """The half that is sent, [dnum], wherever the key is."""
        return _turned(self.halves.first, self._element or 1)

    def merged(self, groups: tuple[tuple[int, ...], ...], device: Device) -> Polynomial:
        """[2, groups] on a device: the key for digits that are taken together is the sum of theirs."""
        if groups == self._rings.single_digits:
            return self.halves.on(device)

        def make(halves: Polynomial) -> Polynomial:
            halves = halves.restrict(self._rings.merged_basis(groups))
            columns = [functools.reduce(operator.add, (halves[:, d] for d in group)) for group in groups]
            return stack(columns, axis=-1)

        return self.halves.derived(device, groups, make)

    def ahead(self, groups: tuple[tuple[int, ...], ...], device: Device) -> None:
        """See to it that merged() finds the key there, if there is room for it."""
        with contextlib.suppress(DeviceOutOfMemoryError):
            self.merged(groups, device)


def _turned(x: Polynomial, element: int) -> Polynomial:
    return x if element == 1 else x.automorphism(element)


def _expansion(seed: bytes, basis: RingBasis, shape: tuple[int, ...], element: int = 1) -> Callable[[], Polynomial]:
    """What makes the uniform half of a key on the current device."""
    return lambda: _turned(expand(seed, basis, shape), element)


class KeyPlace(NamedTuple):
    """Where a key is; a key may be in several places.

    Attributes:
        key: "relinearization", "conjugation", "rotation 3".
        device: the name of the device whose memory it takes.
        form: "expanded", as operations read it, or "half": without the half that its seed gives.
        nbytes: bytes there.
    """

    key: str
    device: str
    form: str
    nbytes: int


class KeyStore:
    """The evaluation keys of a context: made on demand where the secret is at hand, else those that were received.

    Args:
        rings: the bases.
        make: from the automorphism's element (0 for relinearization) a new key; None without the secret.
    """

    def __init__(self, rings: Rings, make: Callable[[int], SwitchingKey] | None) -> None:
        self._rings = rings
        self._make = make
        self._keys: dict[int, SwitchingKey] = {}  # by automorphism element; 0: relinearization
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"KeyStore({', '.join(self.names()) or 'empty'}; {self.nbytes} bytes)"

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def nbytes(self) -> int:
        """Bytes that the keys take in the memory of the host and of devices."""
        return sum(place.nbytes for place in self.places())

    def places(self) -> tuple[KeyPlace, ...]:
        """Where the keys are, in the order of names()."""
        with self._lock:
            keys = [(self._name(element), self._keys[element]) for element in self._ordered()]
        return tuple(KeyPlace(name, *place) for name, key in keys for place in key.halves.places)

    def move_in(
        self, rotations: Iterable[int] = (), *, relinearization: bool = False, conjugation: bool = False
    ) -> None:
        """Have keys on the current device before they are needed; makes those that are missing.

        Operations move keys in by themselves. Others may move out for these.

        Raises:
            DeviceOutOfMemoryError: one of them does not fit beside the arrays that are there.
            MissingKeyError: a key is not here and cannot be made.
        """
        device = _devices.current()
        for element in self.elements(rotations, relinearization, conjugation):
            self.get(element, device).halves.on(device)

    def move_out(self) -> None:
        """Free the memory that the keys take on the current device; the host keeps them. On the host nothing happens."""
        device = _devices.current()
        for key in self.items().values():
            key.halves.move_out(device)

    def names(self) -> tuple[str, ...]:
        """What is here: "relinearization", "conjugation", "rotation 3"."""
        with self._lock:
            return tuple(map(self._name, self._ordered()))

    def _ordered(self) -> list[int]:
        return sorted(self._keys, key=lambda element: (element != RELINEARIZE, self._step(element)))

    @property
    def rotations(self) -> tuple[int, ...]:
        """The steps that there are keys for, from 1 to N / 2 - 1."""
        with self._lock:
            steps = (self._step(element) for element in self._keys)
            return tuple(sorted(step for step in steps if step))

    def make(self, rotations: Iterable[int] = (), *, relinearization: bool = False, conjugation: bool = False) -> None:
        """Make the keys that are missing on the current device, before they are needed.

        Raises:
            MissingKeyError: the secret is not here.
        """
        for element in self.elements(rotations, relinearization, conjugation):
            self.get(element, _devices.current())

    def drop(self, rotations: Iterable[int] = (), *, relinearization: bool = False, conjugation: bool = False) -> None:
        """Forget keys; those that are not here are ignored."""
        with self._lock:
            for element in self.elements(rotations, relinearization, conjugation):
                self._keys.pop(element, None)

    def add(self, other: KeyStore) -> None:
        """Take over the keys of another store, which belongs to the same context."""
        received = other.items()
        with self._lock:
            self._keys |= received

    def items(self) -> dict[int, SwitchingKey]:
        """The keys by automorphism element, 0 for relinearization."""
        with self._lock:
            return dict(sorted(self._keys.items()))

    def put(self, element: int, key: SwitchingKey) -> None:
        """Keep a key by its element, in place of one that is here."""
        with self._lock:
            self._keys[element] = key

    def find(self, element: int) -> SwitchingKey | None:
        """A key by its element, if it is here."""
        with self._lock:
            return self._keys.get(element)

    def get(self, element: int, device: Device) -> SwitchingKey:
        """A key by its element, 0 for relinearization, made on that device if it is to be made.

        Raises:
            MissingKeyError: it is not here and cannot be made; names it.
        """
        key = self.find(element)
        if key is not None:
            return key
        if self._make is None:
            raise MissingKeyError(self._missing(element))
        with _devices.device(device):
            made = self._make(element)
        with self._lock:
            return self._keys.setdefault(element, made)

    def elements(self, rotations: Iterable[int], relinearization: bool, conjugation: bool) -> list[int]:
        """The elements of a selection, without the rotation by 0, which needs no key."""
        degree = self._rings.parameters.degree
        chosen = [RELINEARIZE] if relinearization else []
        chosen += [2 * degree - 1] if conjugation else []
        chosen += [galois_element(step, degree) for step in _checked(rotations)]
        return [element for element in dict.fromkeys(chosen) if element != 1]

    def _missing(self, element: int) -> str:
        name = self._name(element)
        if element == RELINEARIZE:
            how = "relinearization=True"
        elif name == "conjugation":
            how = "conjugation=True"
        else:
            how = f"rotations=({self._step(element)},)"
        have = ", ".join(self.names()) or "none"
        return (
            f"this context has no key for {name} and no secret to make it from (it has: {have}): the owner sends it by "
            f"context.public({how}), and add_keys takes it over here"
        )

    def _name(self, element: int) -> str:
        if element == RELINEARIZE:
            return "relinearization"
        step = self._step(element)
        return "conjugation" if step == 0 else f"rotation {step}"

    def _step(self, element: int) -> int:
        """The rotation that belongs to an element, 0 for the others."""
        return steps(self._rings.parameters.degree).get(element, 0)


def _checked(rotations: Any) -> tuple[int, ...]:
    """Steps of rotations as Python's integers.

    Raises:
        ParameterError: they are no sequence, or one is no whole number.
    """
    if not isinstance(rotations, Iterable):
        raise ParameterError(f"rotations are a sequence of steps, such as (1, 2), not {shown(rotations)}")
    return tuple(map(whole_step, rotations))


def whole_step(step: Any) -> int:
    """The step of a rotation, of either sign, as Python's integer.

    Raises:
        ParameterError: it is none.
    """
    return whole("the step of a rotation", step, None)


@functools.cache
def steps(degree: int) -> dict[int, int]:
    """The step of each automorphism that rotates, from 1 to N / 2 - 1, by the automorphism's element."""
    return {pow(5, step, 2 * degree): step for step in range(1, degree // 2)}


def switching_source(s: Polynomial, element: int) -> Polynomial:
    """The secret that a key switches from: s^2 for 0, else s under the automorphism."""
    return s * s if element == RELINEARIZE else s.automorphism(element)
