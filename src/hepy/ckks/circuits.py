"""Circuits that are recorded once and replayed: ckks.compile.

Recording runs the circuit on outlines, as planning.py does, and writes down what it asks of the evaluator. A replay does
just that: levels, scales, shapes and accounts were settled once, plaintexts were encoded once, and it is known which key
is needed next.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hepy.ckks.ciphertexts import CiphertextArray
from hepy.ckks.context import PublicContext
from hepy.ckks.evaluator import Evaluator
from hepy.ckks.keys import RELINEARIZE
from hepy.ckks.outlines import Outline, Recorder
from hepy.ckks.states import State
from hepy.errors import DeviceError, KeyMismatchError, LevelError, ParameterError, ScaleMismatchError
from hepy.ring import Polynomial, Replay

_ACCOUNTS = 64  # accounts of noise of inputs for which those of the results are kept


def compile(function: Callable[..., Any]) -> Circuit:
    """A circuit that is recorded on its first call and replayed on all others.

    Replays skip what depends on levels, scales and shapes only, and encode no plaintext again. On a GPU all of a circuit's
    kernels are one launch (a CUDA graph), whose memory is reserved when it is recorded.

    Args:
        function: takes ciphertext arrays and returns one, or a list or tuple of them. It does the same for all inputs of
            the same shapes and levels: numbers and plaintexts in it are those of the first call. All ciphertexts that it
            uses are its arguments.

    >>> from hepy import ckks
    >>> context = ckks.Context(ckks.Parameters(log_n=5, depth=3, scale_bits=40, security=None))
    >>> circuit = ckks.compile(lambda x, y: (x * y + 1).rotate(1))
    >>> for a in (1.0, 2.0):
    ...     x, y = context.encrypt([a, 2.0]), context.encrypt([3.0, 4.0])
    ...     print(context.decrypt(circuit(x, y)).round(4).tolist())
    [9.0, 4.0]
    [9.0, 7.0]
    """
    return Circuit(function)


class Circuit:
    """A recorded circuit. Made by ckks.compile; safe to call from many threads."""

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise ParameterError(f"a circuit is a function of ciphertexts, not {type(function).__name__}")
        functools.update_wrapper(self, function)
        self._function = function
        self._lock = threading.RLock()
        self._recording: _Recording | None = None

    def __repr__(self) -> str:
        name = getattr(self._function, "__name__", "function")
        recording = self._recording
        if recording is None:
            return f"Circuit({name}, not recorded yet)"
        return f"Circuit({name}, {len(recording.program.steps)} steps, memory_bytes={self.memory_bytes})"

    @property
    def memory_bytes(self) -> int:
        """Bytes that replaying keeps reserved on devices that replay it as one launch; elsewhere it takes what it uses."""
        recording = self._recording
        return 0 if recording is None else sum(replay.nbytes for replay in list(recording.replays.values()))

    def __call__(self, *inputs: CiphertextArray) -> Any:
        """The circuit on other ciphertexts of the same kind.

        Raises:
            DeviceError: inputs are on different devices.
            KeyMismatchError: inputs belong to another key than those it was recorded with.
            LevelError, ScaleMismatchError: one has another level or scale than that recorded.
            ParameterError: their number or one's shape differs, or the function is no circuit; and what its operations
                raise.
        """
        _check_ciphertexts(inputs)
        if not all(isinstance(x.context, PublicContext) for x in inputs):  # inside of another circuit, or of a plan
            return self._function(*inputs)
        with self._lock:
            if self._recording is None:
                self._recording = _record(self._function, inputs)
        recording = self._recording
        recording.check(inputs)
        parts = [x._parts for x in inputs]
        device = parts[0].device
        with self._lock:
            replay = recording.replays.get(device)
            if replay is None:
                replay = recording.replays[device] = Replay(recording.work(device), parts)
            states = recording.states_for(self._function, inputs)
        seeded = any(x._seeded for x in inputs)
        results = [
            CiphertextArray(recording.context, part, state, seeded=seeded)
            for part, state in zip(replay(parts), states, strict=True)
        ]
        return results[0] if recording.single else recording.kind(results)


class _Value(NamedTuple):
    """An operand that a step before made, or an input."""

    number: int


class _Encoding(NamedTuple):
    """An operand that is a plaintext, by its place among the constants."""

    number: int


class _Places(NamedTuple):
    """An index that is a list."""

    places: tuple[int, ...]


class _Kept(NamedTuple):
    """What a device keeps of a program: its plaintexts, and its indices by their steps."""

    encodings: list[Polynomial]
    indices: dict[int, Any]


@dataclass
class _Step:
    """One call: of the evaluator's method of that name, or "index" or "reshape" of an array.

    Attributes:
        results: numbers of the values that it makes; several for a list.
        dropped: values that no later step needs.
    """

    name: str
    arguments: tuple[Any, ...]
    results: tuple[int, ...]
    listed: bool
    dropped: tuple[int, ...] = ()

    @property
    def first_key(self) -> int | None:
        """The element of the first key that it needs."""
        if self.name == "relinearize":
            return RELINEARIZE
        elements = self.arguments[2] if self.name == "automorphisms" else ()
        return next((element for element in elements if element != 1), None)


@dataclass
class _Program:
    """What a circuit asks of the evaluator.

    Attributes:
        inputs: how many.
        steps: in order.
        constants: plaintexts, as what encode() takes but the device, and their places.
        outputs: numbers of the results.
        ahead: for steps that need keys, by their places, the level and the first key of the next such step.
    """

    inputs: int = 0
    steps: list[_Step] = field(default_factory=list)
    constants: dict[_Constant, int] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    ahead: dict[int, tuple[int, int]] = field(default_factory=dict)
    values: int = 0

    def value(self, shape: tuple[int, ...]) -> _Traced:
        self.values += 1
        return _Traced(self, self.values - 1, shape)

    def call(self, name: str, arguments: Sequence[Any], outlines: Any) -> Any:
        """Note a call whose results have these outlines."""
        named = tuple(map(self._named, arguments))
        listed = isinstance(outlines, list)
        made = [self.value(outline.shape) for outline in (outlines if listed else [outlines])]
        self.steps.append(_Step(name, named, tuple(x.number for x in made), listed))
        return made if listed else made[0]

    def _named(self, argument: Any) -> Any:
        if isinstance(argument, _Traced):
            return _Value(argument.number)
        if isinstance(argument, _Constant):
            return _Encoding(self.constants.setdefault(argument, len(self.constants)))
        if isinstance(argument, list) and any(isinstance(part, Outline | Polynomial) for part in argument):
            return [self._named(part) for part in argument]
        if isinstance(argument, Outline | Polynomial):
            raise ParameterError("a circuit that is compiled gets every ciphertext array that it uses as an argument")
        return argument

    def end(self, outputs: Sequence[_Traced]) -> None:
        self.outputs = tuple(x.number for x in outputs)
        needed = set(self.outputs)
        for step in reversed(self.steps):
            used = {number for argument in step.arguments for number in _numbers(argument)} | set(step.results)
            step.dropped = tuple(sorted(used - needed))
            needed |= used
        keyed = [(place, step, key) for place, step in enumerate(self.steps) if (key := step.first_key) is not None]
        self.ahead = {place: (later.arguments[1], key) for (place, _, _), (_, later, key) in itertools.pairwise(keyed)}

    def kept(self, evaluator: Evaluator, device: Any) -> _Kept:
        """What replays on a device need of the program there."""
        encodings = [evaluator.encode(*constant.arguments, device) for constant in self.constants]
        indices = {place: _index_on(device, step) for place, step in enumerate(self.steps) if step.name == "index"}
        return _Kept(encodings, indices)

    def run(self, evaluator: Evaluator, inputs: Sequence[Polynomial], kept: _Kept) -> list[Polynomial]:
        values: dict[int, Any] = dict(enumerate(inputs))
        for number, step in enumerate(self.steps):
            arguments = [_filled(argument, values, kept.encodings) for argument in step.arguments]
            if step.name == "index":
                made = arguments[0][kept.indices[number]]
            elif step.name == "reshape":
                made = arguments[0].reshape(*arguments[1])
            else:
                made = getattr(evaluator, step.name)(*arguments)
            for place, value in zip(step.results, made if step.listed else [made], strict=True):
                values[place] = value
            if number in self.ahead:
                level, element = self.ahead[number]
                evaluator.ahead(values[step.results[0]], level, [element])
            for place in step.dropped:
                del values[place]
        return [values[number] for number in self.outputs]


def _numbers(argument: Any) -> list[int]:
    if isinstance(argument, _Value):
        return [argument.number]
    return [number for part in argument for number in _numbers(part)] if type(argument) is list else []


def _filled(argument: Any, values: dict[int, Any], encodings: list[Polynomial]) -> Any:
    if isinstance(argument, _Value):
        return values[argument.number]
    if isinstance(argument, _Encoding):
        return encodings[argument.number]
    return [_filled(part, values, encodings) for part in argument] if type(argument) is list else argument


class _Traced(Outline):
    """In place of polynomials that a program will make."""

    class device:
        name = "circuit"  # no device's: kept encodings of plaintexts are told apart by it

    def __init__(self, program: _Program, number: int, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self._program, self.number = program, number

    def __getitem__(self, index: Any) -> Any:
        outline = super().__getitem__(index)
        parts = index if isinstance(index, tuple) else (index,)
        written = tuple(_Places(tuple(part.tolist())) if isinstance(part, np.ndarray) else part for part in parts)
        return self._program.call("index", (self, written), outline)

    def reshape(self, *shape: Any) -> Any:
        outline = super().reshape(*shape)
        return self._program.call("reshape", (self, outline.shape), outline)


class _Constant(Outline):
    """A plaintext operand: what the evaluator is to encode."""

    def __init__(self, values: Any, level: int, scale: float, in_coefficients: bool) -> None:
        super().__init__(values.shape[:-1])
        self.arguments = values, level, scale, in_coefficients


class _Recorder(Recorder):
    """In place of an Evaluator: shapes of results, and a program that makes them."""

    def __init__(self, program: _Program) -> None:
        super().__init__()
        self._program = program

    def encode(self, values: Any, level: int, scale: float, in_coefficients: bool, device: Any) -> Outline:
        return _Constant(values, level, scale, in_coefficients)


def _recorded(name: str) -> Callable[..., Any]:
    outline = getattr(Recorder, name)

    def call(self: _Recorder, *arguments: Any) -> Any:
        return self._program.call(name, arguments, outline(self, *arguments))

    return call


for _name in Recorder.OPERATIONS:
    setattr(_Recorder, _name, _recorded(_name))


class _Context:
    """In place of a context while a circuit is recorded."""

    def __init__(self, context: PublicContext, program: _Program) -> None:
        self.parameters, self.fingerprint = context.parameters, context.fingerprint
        self._evaluator = _Recorder(program)

    def _note(self, name: str, result: Any, operands: Any) -> None:
        pass

    def _zeros(self, *_: Any) -> Any:
        raise ParameterError(
            "a circuit that is compiled draws no randomness, which every call would draw again: rerandomize() its results"
        )


@dataclass
class _Recording:
    """A program, what its inputs have to be, and what is kept for its replays."""

    context: PublicContext
    program: _Program
    inputs: tuple[tuple[State, tuple[int, ...]], ...]
    single: bool
    kind: Callable[[list[Any]], Any]
    states: dict[Any, list[State]]
    replays: dict[Any, Replay] = field(default_factory=dict)

    def check(self, inputs: Sequence[CiphertextArray]) -> None:
        """Raise unless these are such inputs."""
        if len(inputs) != len(self.inputs):
            raise ParameterError(
                f"the circuit was recorded with {len(self.inputs)} inputs, and {len(inputs)} were given"
            )
        for place, (x, (state, shape)) in enumerate(zip(inputs, self.inputs, strict=True)):
            if x.context is not self.context and x.context.fingerprint != self.context.fingerprint:
                raise KeyMismatchError(
                    f"input {place} belongs to context {x.context.fingerprint[:16]}, and the circuit was recorded with "
                    f"{self.context.fingerprint[:16]}: compile the function again for other keys"
                )
            if x._parts.device != inputs[0]._parts.device:
                raise DeviceError(
                    f"inputs are on {inputs[0].device!r} and {x.device!r}: move one with .to({x.device!r})"
                )
            _check_input(place, x, state, shape)

    def states_for(self, function: Callable[..., Any], inputs: Sequence[CiphertextArray]) -> list[State]:
        """What is known of the results for the accounts of these inputs."""
        accounts = _accounts(inputs)
        found = self.states.get(accounts)
        if found is None:
            again = _record(function, inputs)
            if again.program.steps != self.program.steps or again.program.outputs != self.program.outputs:
                raise ParameterError(
                    "the function did other operations than when it was recorded: a circuit that is compiled does the same "
                    "for all inputs of the same shapes and levels"
                )
            (found,) = again.states.values()
            if len(self.states) >= _ACCOUNTS:
                self.states.pop(next(iter(self.states)))
            self.states[accounts] = found
        return found

    def work(self, device: Any) -> Callable[[Sequence[Polynomial]], list[Polynomial]]:
        """The program on polynomials of a device."""
        program, evaluator = self.program, self.context._evaluator
        kept = program.kept(evaluator, device)
        return lambda inputs: program.run(evaluator, inputs, kept)


def _index_on(device: Any, step: _Step) -> Any:
    """The index of an "index" step, with its lists on the device."""
    parts = step.arguments[1]
    return tuple(device.asarray(np.array(part.places)) if isinstance(part, _Places) else part for part in parts)


def _check_ciphertexts(inputs: Sequence[Any]) -> None:
    if not inputs:
        raise ParameterError("a circuit takes at least one ciphertext array, and none was given")
    for place, x in enumerate(inputs):
        if not isinstance(x, CiphertextArray):
            raise ParameterError(
                f"input {place} is a {type(x).__name__}: a circuit takes ciphertext arrays, and its plaintexts stand in the "
                "function"
            )


def _check_input(place: int, x: CiphertextArray, state: State, shape: tuple[int, ...]) -> None:
    again = "bring it there, or compile the function again"
    if x.level != state.level:
        raise LevelError(f"input {place} is at level {x.level} and was recorded at level {state.level}: {again}")
    if x.scale != state.scale:
        raise ScaleMismatchError(f"input {place} has scale {x.scale} and was recorded with {state.scale}: {again}")
    if (x._parts.shape, x.shape[-1]) != (shape, state.length):
        raise ParameterError(
            f"input {place} has shape {x.shape} with {x.components} components and was recorded with "
            f"{(*shape[:-1], state.length)} and {shape[-1]}: compile the function again for other shapes"
        )
    if x._state._replace(accounts=()) != state._replace(accounts=()):
        raise ParameterError(
            f"input {place} is not of the kind that was recorded (complex or real, slots or coefficients, their period): "
            "compile the function again"
        )


def _accounts(inputs: Sequence[CiphertextArray]) -> Any:
    return tuple(x._state.accounts for x in inputs)


def _record(function: Callable[..., Any], inputs: Sequence[CiphertextArray]) -> _Recording:
    program = _Program(inputs=len(inputs))
    context = inputs[0].context
    traced: Any = _Context(context, program)
    arguments = []
    for x in inputs:
        if x.context.fingerprint != context.fingerprint:
            raise KeyMismatchError(
                f"inputs belong to contexts {context.fingerprint[:16]} and {x.context.fingerprint[:16]}: encrypt both under "
                "one"
            )
        arguments.append(CiphertextArray(traced, program.value(x._parts.shape), x._state))
    returned = function(*arguments)
    single = isinstance(returned, CiphertextArray)
    results = [returned] if single else returned
    if not isinstance(results, list | tuple) or not results:
        raise ParameterError(
            f"a circuit returns ciphertext arrays, one or a list or tuple, not {type(returned).__name__}"
        )
    for result in results:
        if not isinstance(result, CiphertextArray) or result.context is not traced:
            raise ParameterError(f"a circuit returns ciphertexts that it computed, not {type(result).__name__}")
    program.end([result._parts for result in results])
    return _Recording(
        context,
        program,
        tuple((x._state, x._parts.shape) for x in inputs),
        single,
        tuple if isinstance(results, tuple) else list,
        {_accounts(inputs): [result._state for result in results]},
    )
