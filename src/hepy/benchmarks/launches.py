"""What kernels an operation on rings launches: hepy's own Python runs, and a module takes notes in place of the compiled one.

So launches, their order and the shapes of their arrays are those of a GPU, whatever the layers above make of leaves.
Nothing is computed: results are zeros that no memory holds, and what the array module would copy or compute is noted too.
What a launch moves and multiplies follows from its arrays, by the algorithm; rooflines.py makes time of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._devices.backends import BACKENDS, Cpu
from hepy.random import chacha20
from hepy.ring import kernels, native

KIND = "notes"
TWO_PASSES = 1 << 12  # a transform of more words takes two passes: kBlockLog in cuda/ring/transform.cuh
ROW_WORDS = 4  # of a row that says where a transform reads and writes: ring::Row
_WIDE = 2  # a multiply with a 64-bit result keeps the pipe as long as two with the lower half only
_PRODUCT = 2 * _WIDE + 1  # of a residue by one in Montgomery form: cuda/ring/modular.cuh
_FOLD = _WIDE  # of a 64-bit sum to one below 2^32 q
_MONTGOMERY = 1 + _WIDE  # of such a sum to a residue over 2^32


@dataclasses.dataclass(frozen=True)
class Launch:
    """One kernel, run once.

    Attributes:
        name: as launch_counts() has it, without "ring."; "copy" and "array" are the array module's.
        step: which pass of a kernel that takes several.
        read, written: bytes that it has to move.
        multiplies: 32-bit multiplies that its algorithm takes, a wide one as two.
        rows: rows of N words of the result, all entries together.
        form: which instance of its kernel runs, and how often loops do: "terms", "words" and the like.
    """

    name: str
    step: int
    read: float
    written: float
    multiplies: float
    rows: int
    form: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def moved(self) -> float:
        return self.read + self.written


def size_of(array: Any) -> int:
    """Bytes that the elements of a view take, each counted once."""
    lengths = [n if stride else min(n, 1) for n, stride in zip(array.shape, array.strides, strict=True)]
    return int(math.prod(lengths) * array.itemsize)


class Noted(np.ndarray[Any, Any]):
    """An array of the device that takes notes: operations on it are noted and not done."""

    def __setitem__(self, key: Any, value: Any) -> None:
        place = np.ndarray.__getitem__(self, key)
        _note("copy", size_of(value) if isinstance(value, np.ndarray) else 0, size_of(place))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = [x.view(np.ndarray) if isinstance(x, Noted) else x for x in inputs]
        shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
        dtype = getattr(ufunc, method)(*(x.ravel()[:1] if np.ndim(x) else x for x in arrays)).dtype
        out = zeros(shape, dtype)
        _note("array", sum(size_of(x) for x in arrays if isinstance(x, np.ndarray)), size_of(out))
        return out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.concatenate, np.stack) and kwargs.get("out") is not None:  # as the ring layer joins arrays
            _note("copy", sum(map(size_of, args[0])), size_of(kwargs["out"]))
            return kwargs["out"]
        if function is np.take and kwargs.get("out") is not None:  # as it picks limbs
            _note("copy", size_of(kwargs["out"]), size_of(kwargs["out"]))
            return kwargs["out"]
        return super().__array_function__(function, types, args, kwargs)


def zeros(shape: Any, dtype: npt.DTypeLike) -> Noted:
    return np.zeros(shape, dtype).view(Noted)


_notes: list[Launch] = []


def _note(
    name: str, read: float, written: float, multiplies: float = 0, rows: int = 0, step: int = 0, **form: int
) -> None:
    _notes.append(Launch(name, step, float(read), float(written), float(multiplies), rows, form))


@contextlib.contextmanager
def noting(*, composites: bool = True) -> Iterator[tuple[_devices.Device, list[Launch]]]:
    """A device that takes notes, current inside the block, and the list that they go to.

    composites: whether it has what RingComposites lists; without, the layers above compose it from leaves.
    """
    BACKENDS[KIND] = _Backend()
    kernels.HOMES[KIND] = "hepy.ring.native" if composites else __name__
    chacha20.HOMES[KIND] = chacha20.Native
    _devices._probe.cache_clear()
    _notes.clear()
    try:
        with _devices.device(KIND) as device:
            yield device, _notes
    finally:
        kernels.kernels.cache_clear()
        chacha20.leaves.cache_clear()
        del BACKENDS[KIND], kernels.HOMES[KIND], chacha20.HOMES[KIND]
        _devices._probe.cache_clear()


class Kernels:
    """The leaves of native.py without composites."""

    def __init__(self, device: _devices.Device) -> None:
        self._kernels = native.Kernels(device)

    def __getattr__(self, name: str) -> Any:
        if name in vars(kernels.RingComposites):
            raise AttributeError(name)
        return getattr(self._kernels, name)


class _Backend(Cpu):
    def native(self) -> Any:
        return SimpleNamespace(
            ring=_MODULE, Secret=lambda key: None, chacha20=_drawn("chacha20"), words_below=_drawn("words_below")
        )

    def stream(self, index: int) -> Any:
        return SimpleNamespace(synchronize=lambda: None)

    def empty(self, index: int, shape: Any, dtype: npt.DTypeLike) -> Any:
        return zeros(shape, dtype)

    def owner(self, array: Any) -> int | None:
        return 0 if isinstance(array, Noted) else None

    def upload(self, index: int, host: npt.NDArray[Any]) -> Any:
        return host.view(Noted)

    def free_bytes(self, index: int) -> int:
        return 80 << 30


# The module's functions: arguments as in cuda/bindings/random.cpp, ring.cpp and ring_conversion.cpp. Sizes are those of a
# result's rows.


def _drawn(name: str) -> Callable[..., None]:
    def function(_: Any, out: Any, *__: Any) -> None:
        _note(name, 0, size_of(out))  # rounds of ChaCha20 multiply nothing

    return function


def _rows(out: Any) -> int:
    return math.prod(out.shape[:-1])


def _elementwise(name: str, multiplies: int) -> Callable[..., None]:
    def function(_: Any, basis: Any, out: Any, *operands: Any) -> None:
        moved = sum(size_of(x) for x in operands if (isinstance(x, np.ndarray) and x.ndim > 2) or _is_word_row(x))
        _note(name, moved, size_of(out), multiplies * out.size, _rows(out))

    return function


def _is_word_row(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[-1] > ROW_WORDS


def _transform(name: str, inverse: bool, extra: int = 0) -> Callable[..., None]:
    """extra: rows of other arrays that the pass with the element function moves, for each of the transform's."""

    def function(_: Any, basis: Any, out: Any, x: Any, *others: Any, rows: Any = None) -> None:
        table = rows if rows is not None else next((o for o in reversed(others) if _is_table(o)), None)
        degree = out.shape[-1]
        count = basis.limbs if table is None else table.size // ROW_WORDS
        entries = math.prod(out.shape[:-2])
        words, log = entries * count * degree, degree.bit_length() - 1
        # An entry's rows are read once by all entries that share them.
        given = 4 * words * min(1.0, size_of(x) / (x.size * 4))
        passes = [(log - 8, 8), (8, log - 8)][inverse] if degree > TWO_PASSES else (log,)
        for step, stages in enumerate(passes):
            first, last = step == 0, step == len(passes) - 1
            read, written = given if first else 4 * words, 4 * words
            multiplies = _PRODUCT * words / 2 * stages
            if last and inverse:
                multiplies += _PRODUCT * words / 2  # the factor 1/N
            if (first and inverse) or (last and not inverse):
                read, written = read + 4 * words * extra * (not inverse), written + 4 * words * extra * inverse
                multiplies += _PRODUCT * words * extra * (not inverse)
            # The rows of a long transform have all roots but those of the columns' stages, which are 2^(log - 8).
            columns = len(passes) == 2 and step == int(inverse)
            roots = 4 * count * (1 << log - 8 if columns else degree)
            _note(name, read + roots, written, multiplies, entries * count, step)

    return function


def _is_table(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[-1] == ROW_WORDS


def _inner_product(_: Any, basis: Any, out: Any, x: Any, y: Any, y_limbs: Any, *lifted: Any) -> None:
    terms, limbs = x.shape[-3], basis.limbs
    read = size_of(x) + size_of(y) * limbs / y.shape[-2]
    multiplies = out.size * (_WIDE * terms + _FOLD + _MONTGOMERY + _PRODUCT)
    if lifted and lifted[0] is not None:
        read += size_of(lifted[0])
        multiplies += _WIDE * lifted[0].size
    both = out.shape[-3] % 2 == 0 and (x.ndim < 4 or x.shape[-4] == 1)
    _note("inner_product", read, size_of(out), multiplies, _rows(out), terms=terms, columns=1 + both)


def _tensor_product(_: Any, basis: Any, out: Any, x: Any, y: Any) -> None:
    words = out.size // 3
    multiplies = words * (4 * _WIDE + 3 * (_MONTGOMERY + _PRODUCT))
    _note("tensor_product", size_of(x) + size_of(y), size_of(out), multiplies, _rows(out))


class _Basis:
    def __init__(self, _: Any, constants: Any, tables: Any, degree: int) -> None:
        self.limbs, self.degree = len(tables), degree


class _Conversion:
    """As bound: what the digits are follows from the table of digits."""

    def __init__(
        self,
        _: Any,
        digits: Any,
        incoming: Any,
        outgoing: Any,
        matrices: Any,
        most: Any,
        rows: Any,
        products: int,
        *__: Any,
    ) -> None:
        table = digits.view(np.ndarray).reshape(-1, 8)
        self.digits = [(int(row[1]), int(row[3])) for row in table]
        self.products = products


def _convert(_: Any, conversion: _Conversion, out: Any, x: Any, scaled: bool, centred: bool) -> None:
    entries, degree = math.prod(out.shape[:-2]), out.shape[-1]
    limbs_in, limbs_out = (sum(column) for column in zip(*conversion.digits, strict=True))
    multiplies = sum(_WIDE * (i + centred) * o + _MONTGOMERY * o for i, o in conversion.digits)
    multiplies += limbs_in * ((not scaled) * _PRODUCT + _WIDE * centred)
    words = entries * degree
    _note(
        "convert", 4 * words * limbs_in, 4 * words * limbs_out, words * multiplies, entries * limbs_out,
        products=conversion.products, scaled=int(scaled), centred=int(centred), incoming=conversion.digits[0][0],
        outgoing=conversion.digits[0][1],
    )  # fmt: skip


class _Recombination:
    def __init__(self, _: Any, incoming: Any, matrix: Any, modulus: Any, terms: int, degree: int) -> None:
        self.limbs, self.words = incoming.size // 8, modulus.size // 3


def _recombine(name: str) -> Callable[..., None]:
    def function(_: Any, r: _Recombination, out: Any, *arrays: Any) -> None:
        x = arrays[-1]
        each = r.limbs * (_PRODUCT + _WIDE) + _WIDE * (r.limbs + 1) * (r.words + 1)
        entries = math.prod(x.shape[:-2]) * x.shape[-1]
        written = size_of(out) + sum(map(size_of, arrays[:-1]))
        _note(name, size_of(x), written, entries * each, limbs=r.limbs, words=r.words)

    return function


def _to_residues(name: str, words: int | None = 0) -> Callable[..., None]:
    """words: of an integer, None where the last argument says it; 0 where it is below twice every prime."""

    def function(_: Any, basis: Any, out: Any, *arrays: Any) -> None:
        moved = sum(size_of(x) for x in arrays if isinstance(x, np.ndarray) and x.ndim > 1)
        planes = int(arrays[-1]) if words is None else words
        each = _PRODUCT + (planes - 1) * (2 * _WIDE + _MONTGOMERY) if planes else 0
        least = sum(x.size for x in arrays if isinstance(x, np.ndarray) and x.ndim == 1)
        _note(
            name, moved, size_of(out), out.size * each, _rows(out), limbs=out.shape[-2], thresholds=least, words=planes
        )

    return function


def _embedding(name: str) -> Callable[..., None]:
    def function(_: Any, out: Any, scratch: Any, x: Any, *__: Any) -> None:
        for step in range(1 if scratch is None else 2):
            _note(name, size_of(x), size_of(out), step=step)

    return function


def _to_floats_of_two(_: Any, basis: Any, out: Any, x: Any, inverse: int) -> None:
    _note("to_floats_of_two", size_of(x), size_of(out), out.size * (2 * _WIDE + _MONTGOMERY + _PRODUCT + _WIDE))


_MODULE = SimpleNamespace(
    Basis=_Basis, Conversion=_Conversion, Recombination=_Recombination, address=lambda *_: 0,
    add=_elementwise("add", 0), subtract=_elementwise("subtract", 0), negate=_elementwise("negate", 0),
    multiply=_elementwise("multiply", _WIDE + _MONTGOMERY + _PRODUCT), scale=_elementwise("scale", _PRODUCT),
    subtract_scaled=_elementwise("subtract_scaled", 2 * _PRODUCT),
    automorphism_ntt=_elementwise("automorphism_ntt", 0),
    automorphism_coefficients=_elementwise("automorphism_coefficients", 0),
    ntt=_transform("ntt", False), intt=_transform("intt", True), intt_scaled=_transform("intt_scaled", True),
    ntt_plus_scaled=_transform("ntt_plus_scaled", False, 1),
    ntt_plus_scaled_turned=_transform("ntt_plus_scaled_turned", False, 1),
    intt_scaled_keeping=_transform("intt_scaled_keeping", True, 1),
    inner_product=_inner_product, tensor_product=_tensor_product, convert=_convert,
    to_words=_recombine("to_words"), to_floats=_recombine("to_floats"), to_floats_of_two=_to_floats_of_two,
    from_words=_to_residues("from_words", None), from_floats=_to_residues("from_floats", 2),
    ternary=_to_residues("ternary"), gaussian=_to_residues("gaussian"), sparse_ternary=_to_residues("sparse_ternary"),
    embed=_embedding("embed"), unembed=_embedding("unembed"), embedding_scratch=lambda log_slots: log_slots > 11,
)  # fmt: skip
