"""What a circuit will cost and how exact it will be, before any key exists.

The circuit runs on outlines: ciphertext arrays with shapes, levels, scales and accounts, but without polynomials. So
it takes the very steps that it takes on ciphertexts, and both accounts of noise are carried along.
"""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hepy._arguments import shown
from hepy.ckks import encoding
from hepy.ckks.ciphertexts import CiphertextArray
from hepy.ckks.keys import steps
from hepy.ckks.noise import DOUBLE, Account, Model, encoded
from hepy.ckks.outlines import Outline, Recorder
from hepy.ckks.parameters import Parameters, levels_needed, readable_bytes
from hepy.ckks.states import State
from hepy.errors import LevelError, ParameterError

_HERE = os.path.dirname(os.path.abspath(__file__))
_MOST_LEVELS = 120


@dataclass(frozen=True)
class Input:
    """What a circuit is given.

    Attributes:
        shape: batch axes, then the values of a ciphertext; None: all slots.
        bound: declared bound of |values|.
        is_complex, in_coefficients, level: as they are encrypted.
        symmetric: encrypted by the key's owner under the secret; otherwise by the public key, with more noise.

    An input that comes through several hands is one that each of them rerandomizes: begin the function with
    x.rerandomize() for every hand but the first.
    """

    shape: tuple[int, ...] | None = None
    bound: float = 1.0
    is_complex: bool = False
    in_coefficients: bool = False
    level: int | None = None
    symmetric: bool = False


@dataclass(frozen=True)
class Step:
    """One operation of a circuit.

    Attributes:
        name: what it does.
        where: file and line of the circuit.
        level: of its result.
        precision_bits: of its result, by the likely account.
        lost_bits: by how much that is below its operands'.
        bound: of its result's values.
    """

    name: str
    where: str
    level: int
    precision_bits: float
    lost_bits: float
    bound: float

    def __str__(self) -> str:
        return (
            f"{self.name} at {self.where}: level {self.level}, {self.precision_bits:.1f} bits ({-self.lost_bits:+.1f}), "
            f"|values| up to {self.bound:g}"
        )


@dataclass(frozen=True)
class Output:
    """One result of a circuit: its shape, level and scale, likely precision, and the bound of its error.

    Attributes:
        noise_bound: no error of a value exceeds it, for any inputs within their bounds, but for a probability of 2^-100
            over the keys and the encryptions (hepy.ckks.noise, WORST). No tightness is promised.
        bound: of the values.
        bytes: as it is sent.
    """

    shape: tuple[int, ...]
    level: int
    scale: float
    precision_bits: float
    noise_bound: float
    bound: float
    bytes: int
    in_coefficients: bool


@dataclass(frozen=True)
class Plan:
    """What ckks.plan found.

    Attributes:
        parameters, inputs, outputs: of the circuit.
        rerandomized: whether results count as they are after that.
        levels: how many it takes, from its highest input down.
        relinearization, conjugation, rotations: which keys it needs, the rotations by their steps.
        key_bytes, input_bytes, output_bytes: of what is sent: these keys without the one that encrypts, the inputs, the
            results.
        steps: the operations, in order.
    """

    parameters: Parameters
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rerandomized: bool
    levels: int
    relinearization: bool
    conjugation: bool
    rotations: tuple[int, ...]
    key_bytes: int
    input_bytes: int
    output_bytes: int
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def precision_bits(self) -> float:
        """Likely precision of the least precise result."""
        return min(output.precision_bits for output in self.outputs)

    @property
    def noise_bound(self) -> float:
        """The largest bound of an error of any result; see Output."""
        return max(output.noise_bound for output in self.outputs)

    @property
    def costliest(self) -> Step | None:
        """The operation that spends most bits of precision."""
        return max(self.steps, key=lambda step: step.lost_bits, default=None)

    @property
    def overflow(self) -> Step | None:
        """The first operation whose values could exceed the range of the parameters, by the bounds of the inputs."""
        capacity = encoding.capacity(self.parameters)
        return next((step for step in self.steps if step.bound > capacity), None)

    def __str__(self) -> str:
        keys = [f"rotations {', '.join(map(str, self.rotations))}"] if self.rotations else []
        keys += ["relinearization"] * self.relinearization + ["conjugation"] * self.conjugation
        lines = [
            f"{len(self.steps)} operations, {self.levels} of {self.parameters.depth} levels",
            f"  precision   {self.precision_bits:.1f} bits likely; no error exceeds {self.noise_bound:.3g}",
            f"  keys        {', '.join(keys) or 'none'}; {readable_bytes(self.key_bytes)}",
            f"  traffic     {readable_bytes(self.input_bytes)} in, {readable_bytes(self.output_bytes)} out",
        ]
        if self.costliest is not None:
            lines.append(f"  costliest   {self.costliest}")
        if self.overflow is not None:
            lines.append(
                f"  OVERFLOW    {self.overflow}, and the range is 2**{self.parameters.value_bits}: declare smaller bounds, "
                "or use Parameters(value_bits=...) with more"
            )
        return "\n".join(lines)


def plan(
    function: Callable[..., Any],
    parameters: Parameters,
    inputs: Sequence[Input] | None = None,
    *,
    rerandomized: bool = True,
) -> Plan:
    """Levels, precision, keys and bytes of a circuit, without keys or ciphertexts.

    Args:
        function: takes ciphertext arrays and returns one, or a sequence of them. Plaintexts in it are used as they are.
        parameters: the Parameters.
        inputs: an Input for each argument; None: one for each of the function's positional parameters, with values up
            to 1 in all slots.
        rerandomized: results are rerandomized before they are decrypted, as hepy.dumps and hepy.save do; that adds to their
            error. False for results that the owner computes, or that are sent with rerandomize=False.

    Raises:
        LevelError: levels run out: says how many the circuit needs, which operation is the first without, and which
            parameters have them.
        ParameterError: an argument is not what is described here, or the function does not return ciphertexts; and what
            its operations raise.

    >>> from hepy import ckks
    >>> params = ckks.Parameters(log_n=13, depth=2, scale_bits=40)
    >>> found = ckks.plan(lambda x, y: (x * y + x).rotate(1) ** 2, params)
    >>> found.levels, found.rotations, found.relinearization
    (2, (1,), True)
    """
    if not callable(function):
        raise ParameterError(f"a circuit is a function of ciphertexts, not {type(function).__name__}")
    if not isinstance(parameters, Parameters):
        raise ParameterError(f"a circuit is planned for Parameters, not for {type(parameters).__name__}")
    given = _default_inputs(function) if inputs is None else _checked_inputs(inputs, parameters)
    try:
        return _traced(function, parameters, given, rerandomized)
    except LevelError as error:
        raise LevelError(f"{_what_it_needs(function, parameters, given)}First without a level: {error}") from None


def _traced(
    function: Callable[..., Any], parameters: Parameters, inputs: tuple[Input, ...], rerandomized: bool = False
) -> Plan:
    tracer: Any = _Tracer(parameters)
    returned = function(*(tracer.input(given) for given in inputs))
    results = returned if isinstance(returned, list | tuple) else [returned]
    for result in results:
        if not isinstance(result, CiphertextArray) or result.context is not tracer:
            raise ParameterError(f"a circuit returns ciphertexts that it computed, not {type(result).__name__}")
    if not results:
        raise ParameterError("a circuit returns at least one ciphertext array")
    if rerandomized:
        results = [result if result.fresh else result.rerandomize() for result in results]
    elements, table = tracer.evaluator.elements, steps(parameters.degree)
    outputs = tuple(map(_output, results))
    return Plan(
        parameters=parameters,
        inputs=inputs,
        outputs=outputs,
        rerandomized=rerandomized,
        levels=tracer.highest - tracer.lowest,
        relinearization=0 in elements,
        conjugation=2 * parameters.degree - 1 in elements,
        rotations=tuple(sorted(table[element] for element in elements if element in table)),
        key_bytes=len(elements) * parameters.switching_key_bytes,
        input_bytes=sum(tracer.input_bytes),
        output_bytes=sum(output.bytes for output in outputs),
        steps=tuple(tracer.steps),
    )


def _what_it_needs(function: Callable[..., Any], parameters: Parameters, inputs: tuple[Input, ...]) -> str:
    """Of a circuit whose levels ran out; nothing if it cannot be told."""
    from_the_top = tuple(replace(given, level=None) for given in inputs)
    needed = _levels_of(function, parameters, from_the_top)
    if needed is None:
        return ""
    if needed <= parameters.depth:
        levels = ", ".join("the top" if given.level is None else str(given.level) for given in inputs)
        return f"the circuit needs {needed} levels and its inputs are at level {levels}: encrypt them at a higher one. "
    return (
        f"the circuit needs {needed} levels and the parameters have {parameters.depth}: "
        f"{levels_needed(parameters, needed)}. "
    )


def _levels_of(function: Callable[..., Any], parameters: Parameters, inputs: tuple[Input, ...]) -> int | None:
    """Levels that the circuit takes in a chain that is long enough; None if no such chain is found."""
    more = 0
    while parameters.depth + more <= _MOST_LEVELS:
        try:
            deeper = Parameters(
                parameters.log_n,
                parameters.depth + more,
                parameters.scale_bits,
                security=None,
                value_bits=parameters.value_bits,
            )
            return _traced(function, deeper, inputs).levels
        except LevelError:
            more = max(1, 2 * more)
        except ParameterError:
            return None
    return None


def _default_inputs(function: Callable[..., Any]) -> tuple[Input, ...]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        found = list(inspect.signature(function).parameters.values())
    except ValueError:  # of a function in C
        found = []
    inputs = [Input() for parameter in found if parameter.kind in kinds and parameter.default is parameter.empty]
    if not inputs:
        raise ParameterError("how many ciphertexts the circuit takes does not show: give inputs=[ckks.Input(), ...]")
    return tuple(inputs)


def _checked_inputs(inputs: Any, parameters: Parameters) -> tuple[Input, ...]:
    if not isinstance(inputs, Iterable):
        raise ParameterError(f"inputs are a sequence of ckks.Input, not {type(inputs).__name__}")
    checked = tuple(inputs)
    for given in checked:
        if not isinstance(given, Input):
            raise ParameterError(f"inputs are a sequence of ckks.Input, and one is {type(given).__name__}")
        encoding.check_declared(given.bound, parameters)
        parameters.checked_level(given.level)
        shape = given.shape
        if shape is not None and (
            not isinstance(shape, tuple | list)
            or not shape
            or not all(type(axis) is int and axis >= 0 for axis in shape)
        ):
            raise ParameterError(
                f"an input's shape is batch axes and then the values of a ciphertext, not {shown(shape)}"
            )
    return checked


def _output(result: CiphertextArray) -> Output:
    likely, worst = result._state.accounts
    parameters = result.parameters
    ciphertexts = math.prod(result.shape[:-1])
    per_ciphertext = parameters.ciphertext_bytes(result.level) // 2 * result.components
    precision = result.precision_bits
    return Output(
        shape=result.shape,
        level=result.level,
        scale=result.scale,
        precision_bits=math.inf if precision is None else precision,
        noise_bound=worst.error + worst.bound * DOUBLE,
        bound=likely.bound,
        bytes=ciphertexts * per_ciphertext,
        in_coefficients=result.in_coefficients,
    )


class _Tracer:
    """In place of a context: hears of each operation."""

    fingerprint = "plan"

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.evaluator = self._evaluator = Recorder()
        self.steps: list[Step] = []
        self.input_bytes: list[int] = []
        self.highest, self.lowest = 0, parameters.depth

    def input(self, given: Input) -> CiphertextArray:
        parameters = self.parameters
        shape = (parameters.slots,) if given.shape is None else tuple(given.shape)
        most = parameters.degree if given.in_coefficients else parameters.slots
        slots = encoding.period(shape[-1], most, "coefficients" if given.in_coefficients else "slots")
        level = parameters.checked_level(given.level)
        scale = parameters.scale(level)
        self.highest, self.lowest = max(self.highest, level), min(self.lowest, level)
        accounts = []
        for model in (Model(parameters, worst=False), Model(parameters, worst=True)):
            bound = model.slot_bound(given.bound, shape[-1]) if given.in_coefficients else given.bound
            rounded = parameters.slots if given.in_coefficients else slots
            fresh = encoded(model, bound, scale, True, rounded)
            accounts.append(fresh.with_error(model.encryption(given.symmetric) / scale))
        state = State(
            level,
            scale,
            parameters.degree if given.in_coefficients else slots,
            shape[-1],
            given.is_complex,
            given.in_coefficients,
            tuple(accounts),
        )
        self.input_bytes.append(math.prod(shape[:-1]) * parameters.ciphertext_bytes(level, seeded=given.symmetric))
        return CiphertextArray(self, Outline((*shape[:-1], 2)), state)  # type: ignore[arg-type]

    def _note(self, name: str, result: CiphertextArray, operands: tuple[CiphertextArray, ...]) -> None:
        self.lowest = min(self.lowest, result.level)
        before = min(_precision(operand) for operand in operands)
        after = _precision(result)
        account: Account = result._state.accounts[0]
        self.steps.append(Step(name, _caller(), result.level, after, before - after, account.bound))

    def _zeros(self, shape: tuple[int, ...], level: int, seed: bytes | None, device: Any) -> Outline:
        return Outline((*shape, 2))


def _precision(x: CiphertextArray) -> float:
    found = x.precision_bits
    return math.inf if found is None else found


def _caller() -> str:
    """The innermost line outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == _HERE:
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
