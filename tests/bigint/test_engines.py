"""Engines of the host: how one is chosen, what they give on edges, and what compiled code refuses."""

import itertools
import math
import sys

import numpy as np
import pytest

import hepy
from hepy import bigint, options, paillier
from hepy._host import engines
from hepy.bigint import multi_power_host
from hepy.errors import DeviceError, ParameterError

ENGINES = engines.usable()
COMPILED = [name for name in ENGINES if name != "gmpy2"]
SEED = bytes(range(32))


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    monkeypatch.setattr(options, "engine", request.param)
    return request.param


@pytest.fixture(params=COMPILED)
def compiled(request, monkeypatch):
    monkeypatch.setattr(options, "engine", request.param)
    return request.param


def edges(n):
    """Residues where carries run, quotients end and digits are all ones, for limbs of 32, 52 and 64 bits."""
    ones = [(1 << width * k) - 1 for width in (32, 52, 64) for k in (1, 2, 7, 8, 9)]
    powers = [1 << width * k for width in (52, 64) for k in (1, 4, 8)]
    alternating = int("f" * 16 + "0" * 16, 16) * ((1 << 128 * 17) // ((1 << 128) - 1))
    root = math.isqrt(n)  # of a square, residues are pairs modulo it
    pairs = [root - 1, root, root + 1, 2 * root, root * (root - 1), n - root - 1, n - root, n - root + 1]
    values = [0, 1, 2, n - 1, n - 2, n // 2, n // 2 + 1, alternating, *ones, *powers, *(n - value for value in ones)]
    values += pairs
    return sorted({value % n for value in values})


LENGTHS = (63, 64, 65, 205, 206, 207, 208, 511, 512, 513, 1024, 1040, 2048)
MODULI = [
    *((1 << bits) - 1 for bits in LENGTHS),  # all ones: no room above the modulus in rows
    *((1 << bits - 1) + 1 for bits in LENGTHS),  # few ones
    *((1 << bits) - (1 << bits // 2) - 1 for bits in LENGTHS),
    (1 << 1024) // 5 | 1,
]
ROOTS = [root for bits in (2, 63, 64, 65, 512, 513, 1024) for root in ((1 << bits) - 1, (1 << bits - 1) + 1)]
SQUARES = [*(root * root for root in ROOTS), (((1 << 1023) // 7) | 1) ** 2]


@pytest.mark.parametrize("n", [*MODULI, *SQUARES], ids=lambda n: f"{n.bit_length()} bits, {n.bit_count()} ones")
def test_products_on_edges(engine, n):
    values = edges(n)
    modulus = bigint.Modulus(n)
    x = modulus.array(values)
    left, right = x.reshape(-1, 1), x[::3].reshape(1, -1)
    assert (left * right).to_ints().tolist() == [[p * q % n for q in values[::3]] for p in values]
    assert (left - right).to_ints().tolist() == [[(p - q) % n for q in values[::3]] for p in values]
    assert (left + right).to_ints().tolist() == [[(p + q) % n for q in values[::3]] for p in values]
    assert x.square().to_ints().tolist() == [p * p % n for p in values]
    assert x.power(2**70 - 1).to_ints().tolist() == [pow(p, 2**70 - 1, n) for p in values]
    assert x.equal(x[::-1]).tolist() == [p == q for p, q in zip(values, values[::-1], strict=True)]
    wide = [value * n + value for value in values]
    assert modulus.array(np.array(wide, dtype=object)).to_ints().tolist() == values


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_of_any_length(engine, monkeypatch, count, threads):
    monkeypatch.setattr(options, "threads", threads)
    n = 2**521 - 1
    values = [pow(3, k + 700, n) for k in range(count)]
    exponents = [(k * k * 7919 + 1) ** 5 for k in range(count)]
    x = bigint.Modulus(n).array(values)
    assert (x * x[::-1]).to_ints().tolist() == [p * q % n for p, q in zip(values, values[::-1], strict=True)]
    powers = [pow(p, e, n) for p, e in zip(values, exponents, strict=True)]
    assert x.power(exponents).to_ints().tolist() == powers
    assert x.power_vartime(exponents).to_ints().tolist() == powers
    assert x.power_vartime(97).to_ints().tolist() == [pow(p, 97, n) for p in values]
    assert x.inverse().to_ints().tolist() == [pow(p, -1, n) for p in values]
    running, product = [], 1
    for value in values:
        product = product * value % n
        running.append(product)
    assert x.cumprod().to_ints().tolist() == running
    assert x.prod().to_ints().item() == product
    base = bigint.Modulus(n).fixed_base(5)
    assert base.power(exponents).to_ints().tolist() == [pow(5, e, n) for e in exponents]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("rows", "terms", "columns"), [(1, 1, 1), (1, 5, 9), (1, 70, 1), (3, 17, 3), (2, 3, 17)])
@pytest.mark.parametrize(("method", "window"), [("straus", 1), ("straus", 5), ("pippenger", 4)])
def test_products_of_powers_by_both_methods(engine, monkeypatch, method, window, rows, terms, columns, threads):
    chosen = multi_power_host.Plan(method, window, 1 << window, 30, 5)
    monkeypatch.setattr(multi_power_host, "plan", lambda *sizes: chosen)
    monkeypatch.setattr(options, "threads", threads)
    n = 2**521 - 1
    bases = [[pow(5, 900 + 7 * k + r, n) for k in range(terms)] for r in range(rows)]
    exponents = [[pow(7, k * columns + m, 2**61 - 1) % (1 << 20) for m in range(columns)] for k in range(terms)]
    exponents[0][0] = 0
    want = []
    for row in bases:
        want.append([])
        for m in range(columns):
            product = 1
            for base, exponent in zip(row, exponents, strict=True):
                product = product * pow(base, exponent[m], n) % n
            want[-1].append(product)
    x = bigint.Modulus(n).array(np.array(bases, dtype=object))
    assert x.multi_power_vartime(exponents).to_ints().tolist() == want


@pytest.mark.parametrize("n", [SQUARES[-1], (2**127 - 1) ** 2])
def test_every_operation_modulo_a_square(engine, n):
    root = math.isqrt(n)
    values = [pow(3, 500 + k, n) for k in range(9)] + [root + 1, n - root - 1]
    exponents = [(k + 1) ** 9 for k in range(11)]
    x = bigint.Modulus(n).array(values)
    powers = [pow(p, e, n) for p, e in zip(values, exponents, strict=True)]
    assert x.power(exponents).to_ints().tolist() == powers
    assert x.power_vartime(exponents).to_ints().tolist() == powers
    assert x.multi_power_vartime(exponents).to_ints().item() == math.prod(powers) % n
    assert x.inverse().to_ints().tolist() == [pow(p, -1, n) for p in values]
    assert x.prod().to_ints().item() == math.prod(values) % n
    assert x.cumprod().to_ints()[-1] == math.prod(values) % n
    assert bigint.Modulus(n).fixed_base(root + 2).power([5, 2**90]).to_ints().tolist() == [
        pow(root + 2, 5, n),
        pow(root + 2, 2**90, n),
    ]


# Roots around the lengths where limbs, digits and the bits that lanes have to spare begin, and of ones.
@pytest.mark.parametrize("bits", [3, 8, 47, 48, 52, 203, 204, 208, 511, 512, 513, 1019, 1024])
@pytest.mark.parametrize("count", [2, 9, 65])
def test_quotients_modulo_squares(engine, bits, count):
    for root in (2**bits - 1, 2 ** (bits - 1) + 1):
        n = root * root
        edges = [0, 1, root - 1, root, root + 1, n - root, n - 1]
        numbers = [(edges + [pow(5, 3 * k + bits, n) for k in range(6)])[k % 13] for k in range(count)]
        units = [unit for unit in (*edges, *(pow(7, k + bits, n) for k in range(30))) if math.gcd(unit, n) == 1]
        below = [units[k * 5 % len(units)] for k in range(count)]
        modulus = bigint.Modulus(n)
        x, y = modulus.array(numbers), modulus.array(below)
        assert x.divide(y).to_ints().tolist() == [p * pow(q, -1, n) % n for p, q in zip(numbers, below, strict=True)]
        assert y.inverse().to_ints().tolist() == [pow(q, -1, n) for q in below]
        assert x[::-1].divide(y[-1]).to_ints().tolist() == [p * pow(below[-1], -1, n) % n for p in numbers[::-1]]


def test_squares_are_found_and_only_squares(compiled):
    root = (1 << 640) - 1
    for n, square in ((root**2, True), (root**2 - 2, False), (root * (root + 2), False)):
        kernels = bigint.Modulus(n).kernels(hepy._devices.resolve("cpu"))
        assert (kernels._root == root) == square
        assert (kernels.native.piece_words < 40) == square  # R has the length of the root


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 11, 12, 19, 20, 41])
def test_long_runs_of_products_are_shared_among_threads(engine, threads, count, monkeypatch):
    monkeypatch.setattr(options, "threads", threads)
    n = (1 << 600) - 5
    values = [pow(3, k + 1, n) for k in range(count)]
    wanted = list(itertools.accumulate(values, lambda a, b: a * b % n))
    assert bigint.Modulus(n).array(values).cumprod().to_ints().tolist() == wanted


def test_arrays_of_different_engines_meet(monkeypatch):
    n = 2**607 - 1
    modulus = bigint.Modulus(n)
    base = modulus.fixed_base(3)
    made, powers = {}, {}
    for name in ENGINES:
        monkeypatch.setattr(options, "engine", name)
        made[name] = modulus.array([5, n - 2, 2**300])
        powers[name] = base.power([1, 2**40])
    for x in made.values():
        for y in made.values():
            assert (x * y).to_ints().tolist() == [25, 4, 2**600]
            assert x.equal(y).all()
            assert bigint.concatenate([x, y]).to_ints().tolist() == [5, n - 2, 2**300] * 2
    assert len({tuple(power.to_ints().tolist()) for power in powers.values()}) == 1


def test_all_engines_encrypt_to_the_same_bits(monkeypatch, any_key):
    digests = set()
    for name in ENGINES:
        monkeypatch.setattr(options, "engine", name)
        x = any_key.public_key.encrypt(np.arange(-4, 5), seed=SEED)
        digests.add((x * 3 + x[::-1]).sum().digest())
        assert any_key.decrypt(x).tolist() == list(range(-4, 5))
    assert len(digests) == 1


def test_a_key_made_before_serves_another_engine(monkeypatch):
    key = paillier.generate_key(bits=512, seed=SEED, insecure=True)
    x = key.public_key.encrypt([1, 2, 3], seed=SEED)
    for name in reversed(ENGINES):
        monkeypatch.setattr(options, "engine", name)
        assert key.decrypt(x + x).tolist() == [2, 4, 6]


def test_the_fastest_engine_is_the_default():
    assert options.engine == "auto"
    assert bigint.Modulus(15).array(1)._kernels.engine == ENGINES[0]
    portable = [name for name in ENGINES if name.startswith("portable-")]
    assert ENGINES.index("gmpy2") < min(map(ENGINES.index, portable), default=len(ENGINES))


@pytest.mark.parametrize("name", ["openssl", "", "GMPY2"])
def test_an_unknown_engine_is_refused_where_it_is_set(name):
    with pytest.raises(DeviceError, match=rf"no engine '{name}': choose one of auto, .*gmpy2"):
        options.engine = name
    assert options.engine == "auto"


def test_an_engine_is_named_by_a_string():
    with pytest.raises(ParameterError, match=r"options\.engine is the name"):
        options.engine = None


def test_an_engine_that_the_processor_lacks_says_so(monkeypatch):
    lacking = (engines.Engine("wide", "", "the processor has no wide registers"), *engines.engines())
    monkeypatch.setattr(engines, "engines", lambda: lacking)
    with pytest.raises(DeviceError, match=r"'wide' cannot be used here: the processor has no wide.*Usable: .*gmpy2"):
        options.engine = "wide"
    assert engines.resolve("auto").name == ENGINES[0]


def test_without_the_compiled_module_gmpy2_does_the_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "hepy._cpu", None)  # an import of it fails
    engines.engines.cache_clear()
    try:
        assert engines.usable() == ("gmpy2",)
        assert "hepy._cpu" in engines.engines()[0].missing
        assert bigint.Modulus(15).array([7, 8]).prod().to_ints().item() == 11
    finally:
        monkeypatch.undo()
        engines.engines.cache_clear()
    assert engines.usable() == ENGINES


class TestRefusals:
    """What compiled code checks before it touches memory."""

    @pytest.fixture
    def native(self, compiled):
        return bigint.Modulus(2**127 - 1).kernels(hepy._devices.resolve("cpu")).native

    @pytest.fixture
    def batch(self, native):
        return np.zeros((3, native.width), np.uint64)

    @pytest.mark.parametrize("rows", [[0, 3], [-1, 0], [2**40, 0]])
    def test_rows_outside_of_a_batch(self, native, batch, rows):
        with pytest.raises(ParameterError, match="batch of 3"):
            native.square(np.empty_like(batch), batch, np.array(rows), 0, 2)

    def test_too_small_an_output(self, native, batch):
        with pytest.raises(ParameterError, match="items was given"):
            native.square(batch[:1], batch, np.arange(3), 0, 3)

    def test_other_types_and_strides(self, native, batch):
        rows = np.arange(3)
        with pytest.raises(ParameterError, match="64-bit unsigned integers was expected"):
            native.square(batch.astype(np.float64), batch, rows, 0, 3)
        with pytest.raises(ParameterError, match="contiguous"):
            native.square(batch[:, ::2], batch, rows, 0, 3)
        with pytest.raises(ParameterError, match="64-bit integers was expected"):
            native.square(np.empty_like(batch), batch, rows.astype(np.int32), 0, 3)
        shifted = np.zeros(8 * batch.size + 1, np.uint8)[1:].view(np.uint64)
        with pytest.raises(ParameterError, match="between two of its items"):
            native.square(np.empty_like(batch), shifted, rows, 0, 3)
        read_only = batch.copy()
        read_only.flags.writeable = False
        with pytest.raises(ParameterError, match="to be written"):
            native.square(read_only, batch, rows, 0, 3)

    @pytest.mark.parametrize("offsets", [[0, 2, 1], [0, 4, 4], [-1, 1, 2]])
    def test_segments_outside_of_an_operand(self, native, batch, offsets):
        with pytest.raises(ParameterError, match="segments"):
            native.segment_product(np.empty_like(batch), batch, np.arange(3), np.array(offsets), 0, 2)

    def test_parts_that_are_not_there_or_do_not_fit(self, native, batch):
        rows, out = np.arange(3), np.ones((4, native.width), np.uint64)
        assert native.gather(out, 1, [(batch, rows[:1]), (batch, rows[1:])]) == 4
        assert out.any(axis=1).tolist() == [True, False, False, False]
        out[:3] = np.arange(3)[:, None]
        assert native.gather(batch, 0, [(out, rows[::-2]), (out, rows[1:2])]) == 3
        assert batch[:, 0].tolist() == [2, 0, 1]
        with pytest.raises(ParameterError, match="batch of 3"):
            native.gather(out, 0, [(batch, rows + 1)])
        with pytest.raises(ParameterError, match="items was given"):
            native.gather(out, 2, [(batch, rows)])
        with pytest.raises(ParameterError, match="a batch and rows"):
            native.gather(out, 0, [[batch, rows]])

    def test_exponents_that_are_not_there(self, native, batch):
        words, out, rows = np.ones((2, 1), np.uint32), np.empty_like(batch), np.arange(3)
        with pytest.raises(ParameterError, match="no such row"):
            native.power(out, batch, rows, words, 1, 32, rows, 4, False, 0, 3)
        with pytest.raises(ParameterError, match="do not have 33 bits"):
            native.power(out, batch, rows, words, 1, 33, rows, 4, False, 0, 1)
        with pytest.raises(ParameterError, match="1 to 16 bits"):
            native.power(out, batch, rows, words, 1, 32, rows, 17, False, 0, 1)

    def test_engines_and_moduli_that_cannot_be(self, compiled):
        module = pytest.importorskip("hepy._cpu")
        one = np.ones((1, 1), np.uint32)
        with pytest.raises(ParameterError, match="no engine 'none'"):
            module.Engine("none", one, one, 8)
        with pytest.raises(ParameterError, match="odd integer"):
            module.Engine(compiled, 2 * one, one, 2)
        missing = [name for name, missing, _ in module.engines() if missing]
        for name in missing:
            with pytest.raises(ParameterError, match="cannot run here"):
                module.Engine(name, 3 * one, one, 2)
