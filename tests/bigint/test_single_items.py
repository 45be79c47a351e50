"""Arrays of one element, which engines may compute with in one call: the same as elements of a batch."""

import itertools

import numpy as np
import pytest

import hepy
from hepy import bigint, options
from hepy._host import engines
from hepy.errors import DeviceError, ParameterError

N = (2**127 - 1) ** 2
MODULI = [N, 2**521 - 1, 15]
SHAPES = [(), (1,), (1, 1), (1, 1, 1)]


@pytest.mark.parametrize("n", MODULI, ids=lambda n: f"{n.bit_length()} bits")
def test_products_of_all_shapes(device, n):
    values = [0, 1, 2, n - 1, n // 2, pow(5, 300, n)]
    x = bigint.Modulus(n).array(values)
    for a, b in itertools.product(range(len(values)), repeat=2):
        assert (x[a] * x[b]).to_ints().item() == values[a] * values[b] % n
    for left, right in itertools.product(SHAPES, repeat=2):
        product = x[5].reshape(left) * x[4:5].reshape(right)
        assert product.shape == np.broadcast_shapes(left, right)
        assert product.to_ints().item() == values[5] * values[4] % n
    assert x[5].square().to_ints().item() == values[5] ** 2 % n
    assert x[3:4].square().to_ints().tolist() == [1 % n]


@pytest.mark.parametrize("n", MODULI, ids=lambda n: f"{n.bit_length()} bits")
def test_powers(device, n):
    value = pow(7, 200, n)
    x = bigint.Modulus(n).array([3, value])
    for exponent in (0, 1, 2, 3, 63, 64, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 3**90):
        for sign in (1, -1):
            assert x[1].power_vartime(sign * exponent).to_ints().item() == pow(value, sign * exponent, n)
            assert x[1:].power_vartime(sign * exponent).to_ints().tolist() == [pow(value, sign * exponent, n)]
    assert x[:1].reshape(1, 1).power_vartime(5).shape == (1, 1)
    zero = bigint.Modulus(n).array(0)
    assert zero.power_vartime(0).to_ints().item() == 1
    assert zero.power_vartime(9).to_ints().item() == 0


@pytest.mark.parametrize("n", MODULI, ids=lambda n: f"{n.bit_length()} bits")
def test_inverses(device, n):
    values = [1, 2, n - 1, n - 2, pow(7, 200, n)]
    x = bigint.Modulus(n).array(values)
    for at, value in enumerate(values):
        assert x[at].inverse().to_ints().item() == pow(value, -1, n)
        assert x[at : at + 1].divide(x[4]).to_ints().tolist() == [value * pow(values[4], -1, n) % n]


@pytest.mark.parametrize("n", [N, 15])
def test_what_is_no_unit_has_no_inverse(device, n):
    root = 2**127 - 1 if n == N else 3
    x = bigint.Modulus(n).array([0, root, 1])
    for at in (0, 1):
        for work in (lambda: x[at].inverse(), lambda: x[2].divide(x[at]), lambda: x[at].power_vartime(-1)):  # noqa: B023
            with pytest.raises(ParameterError, match=r"index \(\) has no inverse"):
                work()
    with pytest.raises(ParameterError, match=r"index \(0, 0\) has no inverse"):
        x[:1].reshape(1, 1).inverse()


def test_operands_of_other_moduli_engines_and_devices(monkeypatch):
    x = bigint.Modulus(N).array(5)
    with pytest.raises(ParameterError):
        x * bigint.Modulus(15).array(5)
    assert (x * bigint.Modulus(N).array(7)).to_ints().item() == 35  # an equal modulus, with kernels of its own
    with hepy.device("emulator"):
        there = bigint.Modulus(N).array(5)
    with pytest.raises(DeviceError):
        x * there
    for name in engines.usable():
        monkeypatch.setattr(options, "engine", name)
        assert (x * x.modulus.array(7)).to_ints().item() == 35


COMPILED = [name for name in engines.usable() if name != "gmpy2"]


@pytest.fixture(params=COMPILED)
def compiled(request, monkeypatch):
    """Kernels of a compiled engine, and a batch of three with the rows of its second."""
    monkeypatch.setattr(options, "engine", request.param)
    x = bigint.Modulus(N).array([3, 5, 7])
    return x._kernels, x._batch, np.array(1)


def test_compiled_code_looks_at_what_it_is_given(compiled):
    kernels, batch, row = compiled
    beyond, none = np.array(3), np.empty(0, np.int64)
    native = kernels.native
    for rows in (beyond, -row, none, row.astype(np.int32), np.array(1.0)):
        for call in (
            lambda: native.multiply_single(batch, rows, batch, row),  # noqa: B023
            lambda: native.multiply_single(batch, row, batch, rows),  # noqa: B023
            lambda: native.multiply_principal_single(batch, rows, 1),  # noqa: B023
            lambda: native.power_vartime_single(batch, rows, 3, 2),  # noqa: B023
            lambda: native.store_raw_single(batch, rows),  # noqa: B023
        ):
            with pytest.raises(ParameterError):
                call()
    with pytest.raises(ParameterError, match="at least 0"):
        native.power_vartime_single(batch, row, -3, 2)
    with pytest.raises(ParameterError, match="1 to 16 bits"):
        native.power_vartime_single(batch, row, 3, 17)
    with pytest.raises(ParameterError, match="another length"):
        native.load_single(bytes(4), np.zeros(64, np.uint32))
    number = bytes(4 * native.result_words)
    for power in (native.number_power, native.number_power_vartime):
        with pytest.raises(ParameterError, match="another length"):
            power(number[1:], kernels._load_factors(2, 1), 3, 2, False)
        with pytest.raises(ParameterError, match="items was given"):
            power(number, np.zeros(1, np.uint32), 3, 2, False)
        with pytest.raises(ParameterError, match="at least 0"):
            power(number, kernels._load_factors(2, 1), -3, 2, False)
    with pytest.raises(ParameterError, match="items was given"):
        native.load_single(native.store_raw_single(batch, row), np.zeros(1, np.uint32))
    for wrong in (1.0, None, "1"):
        with pytest.raises(TypeError):
            native.multiply_principal_single(batch, row, wrong)


def test_compiled_code_joins_arrays_of_one_and_no_others(compiled):
    kernels, _, _ = compiled
    x = bigint.Modulus(N).array([3, 5, 7])
    ones = [x[2:], x[:1], x[2:], x[1:2]]
    kernels = x._kernels
    assert x._made(kernels.join_singles(ones), (4,)).to_ints().tolist() == [7, 3, 7, 5]
    other_kernels = bigint.Modulus(N).array([3])
    for others in (
        [], [x[:2]], [x[0]], [x[:1].reshape(1, 1)], [x[:0]], [*ones, x], [*ones, None], [*ones, x._batch], [*ones, other_kernels],
        [other_kernels],
    ):  # fmt: skip
        assert kernels.join_singles(others) is None
    with pytest.raises(AttributeError):
        kernels.join_singles([3])
    with pytest.raises(ParameterError, match="batch of 3"):
        kernels.join_singles([x._with(np.array([3]))])


def test_arrays_of_one_are_joined(monkeypatch):
    modulus = bigint.Modulus(N)
    for name in engines.usable():
        monkeypatch.setattr(options, "engine", name)
        x = modulus.array([3, 5, 7])
        strangers = [modulus.array([11]), bigint.Modulus(N).array([13])]
        for arrays, want in (
            ([x[1:2], x[1:2], x[:1]], [5, 5, 3]),
            ([x[2:], *strangers], [7, 11, 13]),
            ([x[2:], x, x[:0], x[::-2]], [7, 3, 5, 7, 7, 3]),
            (list(x.reshape(-1, 1)), [3, 5, 7]),
            ([x[:1]], [3]),
        ):
            assert bigint.concatenate(arrays).to_ints().tolist() == want
            assert bigint.concatenate(arrays, axis=-1).to_ints().tolist() == want
            with pytest.raises(ParameterError):
                bigint.concatenate(arrays, axis=1)
        for wrong in ([x[:1], 3], [3, x[:1]], [x[:1], x[0]], [x[:1], x[:1].reshape(1, 1)]):
            with pytest.raises(ParameterError):
                bigint.concatenate(wrong)
        with pytest.raises(ParameterError):
            bigint.concatenate([x[:1], bigint.Modulus(15).array([1])])


def test_one_canonical_residue_is_read_from_bytes(compiled):
    kernels, _, _ = compiled
    x = bigint.Modulus(N).array([N - 1])
    for value in (0, 1, N - 1, N, 2 ** (32 * x.modulus.words) - 1):
        data = value.to_bytes(4 * x.modulus.words, "little")
        assert x._made(kernels.load_bytes(data), (1,)).to_ints().tolist() == [value % N]
        assert x.modulus.from_bytes([data]).to_ints().tolist() == [value % N]
    for wrong in (b"", data[1:], data + b"\0"):
        with pytest.raises(ParameterError, match="another length"):
            kernels.load_bytes(wrong)
    with pytest.raises(ParameterError, match="items was given"):
        kernels.native.load_bytes(data, np.zeros(1, np.uint32))


def test_compiled_code_has_principal_units_of_squares_only(compiled):
    kernels, batch, row = compiled
    signs, one, rows = np.zeros(1, bool), np.ones((1, 1), np.uint32), np.zeros(1, np.int64)
    out = kernels.empty(1)
    call = kernels.native.multiply_principal
    with pytest.raises(ParameterError, match="no such row"):
        call(out, batch, rows, one, 1, rows + 1, signs, 0, 1)
    with pytest.raises(ParameterError, match="items was given"):
        call(out, batch, rows, one, 1, rows, signs[:0], 0, 1)
    with pytest.raises(ParameterError, match="do not have"):
        call(out, batch, rows, one, 0, rows, signs, 0, 1)
    prime = bigint.Modulus(2**521 - 1).array([3])
    assert prime._kernels.engine == kernels.engine
    with pytest.raises(ParameterError, match="modulo a square"):
        prime._kernels.native.multiply_principal(out, prime._batch, rows, one, 1, rows, signs, 0, 1)
    with pytest.raises(ParameterError, match="modulo a square"):
        prime._kernels.native.multiply_principal_single(prime._batch, row - 1, 1)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("bits", [128, 192, 255, 513])
def test_quotients_that_are_estimated_one_short(monkeypatch, name, bits):
    """a k is just above a multiple of m = 2^bits - 1, so its estimate is one short, and b + a k - (q - 1) m beyond 2m."""
    monkeypatch.setattr(options, "engine", name)
    m, size = 2**bits - 1, 4 * ((bits + 31) // 32)
    kernels = bigint.Modulus(m * m).array(1)._kernels
    radix, row = kernels._plain([kernels._radix % (m * m)]), np.zeros(1, np.int64)
    for shift, times, b in itertools.product((10, 52, 63), (1, 3, 2**40), (0, m - 2, m - 1)):
        a, k = 1 << (bits - shift), times << shift
        pair = a.to_bytes(size, "little") + b.to_bytes(size, "little")
        x = kernels.native.load_single(pair, radix)  # that very pair, as R / R is 1
        assert kernels.native.store_raw_single(x, row) == pair
        for factor in (k, -k):
            made = kernels.native.multiply_principal_single(x, row, factor)
            want = a.to_bytes(size, "little") + ((b + a * factor) % m).to_bytes(size, "little")
            assert kernels.native.store_raw_single(made, row) == want
