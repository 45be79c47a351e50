"""Eight 32-bit words at once: the vector types that numba's loops for the `cpu` device are written in.

LLVM vectorizes plain loops over contiguous words by itself, but not the last stages of a transform, where partners
stand next to each other. Here a `Words` is LLVM's own <8 x i32>: the code says which words meet, LLVM chooses the
instructions of the machine (one AVX2 register, two of SSE). The degree of a ring is a multiple of eight, so no loop
has a tail. Words wrap modulo 2**32; `Sums` are eight 64-bit sums of products and wrap modulo 2**64.

Addresses are uint64 bytes, offsets count words.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8

_WORD = ir.IntType(32)
_WORDS = ir.VectorType(_WORD, LANES)
_HALF = ir.VectorType(ir.IntType(64), LANES // 2)
_SUMS = ir.VectorType(ir.IntType(64), LANES)


class _VectorType(types.Type):
    def __init__(self, name, llvm):
        self.llvm = llvm
        super().__init__(name=name)


class _WordsType(_VectorType):
    pass


class _SumsType(_VectorType):
    pass


Words = _WordsType("Words", _WORDS)
Sums = _SumsType("Sums", _SUMS)


@register_model(_WordsType)
@register_model(_SumsType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, kind.llvm)


def _instruction(arguments, result, emit):
    """An intrinsic of that signature; `emit(builder, *values)` writes its instructions."""

    def generate(context, builder, signature, values):
        return emit(builder, *values)

    made = (result(*arguments), generate)
    by_count = (
        lambda typing: made,
        lambda typing, a: made,
        lambda typing, a, b: made,
        lambda typing, a, b, c: made,
    )
    return intrinsic(by_count[len(arguments)])


def _pointer(builder, address, offset, kind):
    words = builder.inttoptr(address, _WORD.as_pointer())
    return builder.bitcast(builder.gep(words, [offset]), kind.as_pointer())


def _pick(builder, a, b, order):
    """Elements of a (0 to 7) and of b (8 to 15) in that order."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_WORD, len(order)), list(order)))


def _picker(order):
    return lambda builder, a, b: _pick(builder, a, b, order)


def _loader(count):
    """Read `count` words, each repeated until eight are there."""
    kind = ir.VectorType(_WORD, count)
    order = [i for i in range(count) for _ in range(LANES // count)]

    def emit(builder, address, offset):
        value = builder.load(_pointer(builder, address, offset, kind), align=4)
        return value if count == LANES else _pick(builder, value, value, order)

    return emit


def _load_word(builder, address, offset):
    return builder.load(_pointer(builder, address, offset, _WORD), align=4)


def _store_word(builder, address, offset, value):
    builder.store(value, _pointer(builder, address, offset, _WORD), align=4)
    return ir.Constant(ir.IntType(8).as_pointer(), None)


def _store(builder, address, offset, value):
    builder.store(value, _pointer(builder, address, offset, _WORDS), align=4)
    return ir.Constant(ir.IntType(8).as_pointer(), None)


def _splat(builder, word):
    first = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), word, ir.Constant(_WORD, 0))
    return _pick(builder, first, first, [0] * LANES)


def _minimum(builder, a, b):
    return builder.select(builder.icmp_unsigned("<", a, b), a, b)


def _choose(builder, mask, a, b):
    return builder.select(builder.icmp_unsigned("!=", mask, ir.Constant(_WORDS, [0] * LANES)), a, b)


def _products(builder, a, b):
    """64-bit products of the even and of the odd words, each <4 x i64>: the form that LLVM takes for pmuludq."""

    def constant(value):
        return ir.Constant(_HALF, [value] * (LANES // 2))

    low, shift = constant(2**32 - 1), constant(32)
    a, b = builder.bitcast(a, _HALF), builder.bitcast(b, _HALF)
    even = builder.mul(builder.and_(a, low), builder.and_(b, low))
    return even, builder.mul(builder.lshr(a, shift), builder.lshr(b, shift))


def _multiply_high(builder, a, b):
    even, odd = (builder.bitcast(product, _WORDS) for product in _products(builder, a, b))
    return _pick(builder, even, odd, [1, 9, 3, 11, 5, 13, 7, 15])


def _add_product(builder, sums, a, b):
    return builder.add(sums, _pick(builder, *_products(builder, a, b), range(LANES)))


def _add_product_with_one(builder, sums, a, b):
    # All words of b are alike: those at even places serve the odd ones too, and need no shift.
    a, b = builder.bitcast(a, _HALF), builder.bitcast(b, _HALF)
    low, shift = ir.Constant(_HALF, [2**32 - 1] * 4), ir.Constant(_HALF, [32] * 4)
    b = builder.and_(b, low)
    even, odd = builder.mul(builder.and_(a, low), b), builder.mul(builder.lshr(a, shift), b)
    return builder.add(sums, _pick(builder, even, odd, range(LANES)))


def _widen(builder, words):
    """Even words, then odd words: the order in which products come."""
    zero = ir.Constant(_WORDS, [0] * LANES)
    return builder.bitcast(_pick(builder, words, zero, [0, 8, 2, 8, 4, 8, 6, 8, 1, 8, 3, 8, 5, 8, 7, 8]), _SUMS)


def _shift_right(builder, sums, bits):
    first = builder.insert_element(ir.Constant(_SUMS, ir.Undefined), bits, ir.Constant(_WORD, 0))
    return builder.lshr(sums, _pick(builder, first, first, [0] * LANES))


def _rotator(bits):
    def emit(builder, words):
        left, right = ir.Constant(_WORDS, [bits] * LANES), ir.Constant(_WORDS, [32 - bits] * LANES)
        return builder.or_(builder.shl(words, left), builder.lshr(words, right))

    return emit


def _half_of(parity):
    order = [place for i in range(0, LANES, 2) for place in (i + parity, LANES + i + parity)]

    def emit(builder, sums):
        words = builder.bitcast(sums, ir.VectorType(_WORD, 2 * LANES))
        even = _pick(builder, words, words, range(LANES))
        odd = _pick(builder, words, words, range(LANES, 2 * LANES))
        return _pick(builder, even, odd, order)

    return emit


_AT = (types.uint64, types.uint64)
_TWO = (Words, Words)

load = _instruction(_AT, Words, _loader(8))  # (address, offset)
load_each_twice = _instruction(_AT, Words, _loader(4))  # words 0 0 1 1 2 2 3 3
load_each_four_times = _instruction(_AT, Words, _loader(2))  # words 0 0 0 0 1 1 1 1
load_one = _instruction(_AT, Words, _loader(1))  # eight times the same
store = _instruction((*_AT, Words), types.void, _store)  # (address, offset, words)

load_word = _instruction(_AT, types.uint32, _load_word)  # one
store_word = _instruction((*_AT, types.uint32), types.void, _store_word)

splat = _instruction((types.uint32,), Words, _splat)
minimum = _instruction(_TWO, Words, _minimum)
choose = _instruction((Words, *_TWO), Words, _choose)  # (mask, a, b): a where the mask is not 0, else b
exclusive_or = _instruction(_TWO, Words, lambda builder, a, b: builder.xor(a, b))
rotate_7, rotate_8, rotate_12, rotate_16 = (
    _instruction((Words,), Words, _rotator(bits)) for bits in (7, 8, 12, 16)
)  # left
multiply_low = _instruction(_TWO, Words, lambda builder, a, b: builder.mul(a, b))
multiply_high = _instruction(_TWO, Words, _multiply_high)

no_sums = _instruction((), Sums, lambda builder: ir.Constant(_SUMS, [0] * LANES))
widen = _instruction((Words,), Sums, _widen)
add_product = _instruction((Sums, *_TWO), Sums, _add_product)  # (sums, a, b): sums + a b
add_sums = _instruction((Sums, Sums), Sums, lambda builder, a, b: builder.add(a, b))
shift_right = _instruction((Sums, types.uint64), Sums, _shift_right)  # (sums, bits)
add_product_with_one = _instruction((Sums, *_TWO), Sums, _add_product_with_one)  # the same, all words of b alike
low_words = _instruction((Sums,), Words, _half_of(0))
high_words = _instruction((Sums,), Words, _half_of(1))

# Shuffles of two operands: a is words 0 to 7, b is words 8 to 15.
low_halves = _instruction(_TWO, Words, _picker([0, 1, 2, 3, 8, 9, 10, 11]))
high_halves = _instruction(_TWO, Words, _picker([4, 5, 6, 7, 12, 13, 14, 15]))
low_quarters = _instruction(_TWO, Words, _picker([0, 1, 8, 9, 4, 5, 12, 13]))
high_quarters = _instruction(_TWO, Words, _picker([2, 3, 10, 11, 6, 7, 14, 15]))
even_words = _instruction(_TWO, Words, _picker([0, 8, 2, 10, 4, 12, 6, 14]))
odd_words = _instruction(_TWO, Words, _picker([1, 9, 3, 11, 5, 13, 7, 15]))


@infer_global(operator.add)
@infer_global(operator.sub)
class _Arithmetic(ConcreteTemplate):
    cases = (signature(Words, Words, Words),)


@lower_builtin(operator.add, Words, Words)
def _add(context, builder, signature, values):
    return builder.add(*values)


@lower_builtin(operator.sub, Words, Words)
def _subtract(context, builder, signature, values):
    return builder.sub(*values)
