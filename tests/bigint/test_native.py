"""What is particular to devices with kernels: that kernels run, memory in pieces, two devices, long and short products."""

import math

import numpy as np
import pytest

import hepy
from hepy import _devices, bigint, options
from hepy.bigint import multi_power
from hepy.bigint import native as native_engine

MODULUS = (1 << 512) - 569
ONES = (1 << 511) - 1


@pytest.fixture(params=[name for name in hepy.devices() if name != "cpu"])
def native(request):
    """A device with kernels, current during the test."""
    with hepy.device(request.param) as here:
        yield here


@pytest.fixture
def numbers():
    state = np.random.default_rng(5)
    return [0, 1, MODULUS - 1, ONES] + [int.from_bytes(state.bytes(63), "little") for _ in range(9)]


def ints(residues):
    return np.ravel(residues.to_ints()).tolist()


def launched(device, work):
    """Which launchers `work` called, without the sizes that they were called for."""
    before = device.native.launch_counts()
    work()
    after = device.native.launch_counts()
    return {name.partition("<")[0] for name, count in after.items() if count > before.get(name, 0)}


@pytest.mark.parametrize(
    ("work", "launchers"),
    [
        (lambda x: x * x[::-1], {"multiply"}),
        (lambda x: x.square(), {"square"}),
        (lambda x: x + x, {"add"}),
        (lambda x: x - x, {"subtract"}),
        (lambda x: x.power([3, 5]), {"power"}),
        (lambda x: x.to_limbs(), {"store"}),
        (lambda x: x.equal(x), {"equal"}),
        (lambda x: x.prod(), {"segment_product"}),
        (lambda x: x.cumprod(), {"prefix_product"}),
        (lambda x: x.inverse(), {"prefix_product", "block_inverse"}),
        (lambda x: x.multi_power_vartime([[3] * 8, [5] * 8]), {"power_tables", "straus"}),
        (lambda x: x.modulus.fixed_base(3).power([1, 2]), {"fixed_base_table", "fixed_base_power"}),
    ],
)
def test_kernels_ran_and_no_fallback(native, work, launchers):
    x = bigint.Modulus(MODULUS).array([7, 11])
    assert launchers <= launched(native, lambda: work(x))


@pytest.mark.parametrize("run", [1, 7, 64, 65, 200])
def test_running_products_over_pieces(native, numbers, run):
    modulus = bigint.Modulus(MODULUS)
    values = [numbers[1 + i % 12] for i in range(2 * run)]
    got = modulus.array(values).reshape(2, run).cumprod(axis=1).to_ints()
    for row in range(2):
        product = 1
        for k, value in enumerate(values[row * run : (row + 1) * run]):
            product = product * value % MODULUS
            assert got[row, k] == product


@pytest.mark.parametrize("method", ["straus", "pippenger"])
@pytest.mark.parametrize("window", [1, 3, 5])
def test_both_methods_give_products_of_powers(native, numbers, monkeypatch, method, window):
    monkeypatch.setattr(multi_power, "plan", lambda *sizes: multi_power.Plan(method, window, 0.0))
    exponents = [[0, 1 << 20], [5, -3], [1, 0], [77, 123456]]
    x = bigint.Modulus(MODULUS).array(numbers[1:9]).reshape(2, 4)
    got = x.multi_power_vartime(exponents).to_ints()
    for row in range(2):
        for column in range(2):
            want = 1
            for k in range(4):
                want = want * pow(numbers[1 + 4 * row + k], exponents[k][column], MODULUS) % MODULUS
            assert got[row, column] == want


def test_scanned_tables_give_the_same_powers(native, numbers, monkeypatch):
    x, exponents = bigint.Modulus(MODULUS).array(numbers), [3 * i for i in range(len(numbers))]
    base = bigint.Modulus(MODULUS).fixed_base(5)
    plain = ints(x.power(exponents)), ints(base.power(exponents))
    monkeypatch.setattr(options, "constant_time", True)
    assert (ints(x.power(exponents)), ints(base.power(exponents))) == plain


def test_a_busy_base_gets_a_larger_table_and_the_same_powers(native, monkeypatch):
    base, exponents = bigint.Modulus(MODULUS).fixed_base(3), [1, 2**30 - 1]
    before = ints(base.power(exponents))
    monkeypatch.setattr(native_engine, "_BUSY", 0)
    names = launched(native, lambda: base.power(exponents))
    assert "fixed_base_table" in names
    assert ints(base.power(exponents)) == before == [3, pow(3, 2**30 - 1, MODULUS)]


def test_what_is_kept_is_ready_for_every_stream(monkeypatch):
    with hepy.device("emulator") as device:
        waited, module = [], device.native

        def settle(self):
            waited.append(module.launch_counts().get("fixed_base_table", 0))

        monkeypatch.setattr(type(device), "settle", settle)
        modulus = bigint.Modulus(MODULUS)
        modulus.kernels(device)
        assert len(waited) == 1
        base, before = modulus.fixed_base(3), module.launch_counts().get("fixed_base_table", 0)
        base.power([1, 2])
        assert waited[-2:] == [before, before + 1]
        base.power([1, 2])
        modulus.kernels(device)
        assert len(waited) == 3
        quotients = bigint.FermatQuotients(bigint.Modulus(15**2), [bigint.FermatPart(3, 2), bigint.FermatPart(5, 4)])
        x = quotients.modulus.array([1])
        assert len(waited) == 4
        quotients.of(x)
        assert len(waited) == 5


def test_what_is_free_is_asked_for_large_tables_only(monkeypatch):
    with hepy.device("emulator") as device:
        asked, free_bytes = [], type(device).free_bytes
        x = bigint.Modulus(MODULUS).array(range(2, 40))
        wanted = [pow(value, 2**40 + 3, MODULUS) for value in range(2, 40)]
        monkeypatch.setattr(type(device), "free_bytes", lambda self: asked.append(self) or free_bytes(self))
        for _ in range(5):
            assert ints(x.power(2**40 + 3)) == wanted
            assert ints(x.multi_power_vartime([3] * 38).reshape(1)) == [pow(math.prod(range(2, 40)), 3, MODULUS)]
        assert asked == []
        monkeypatch.setattr(native_engine, "_SMALL_SHARE", 1 << 40)
        assert ints(x.power(2**40 + 3)) == wanted
        assert asked == [device]


class TestMemory:
    """On the emulator, whose devices have limits and are two."""

    @pytest.fixture
    def limit(self):
        module = _devices.resolve("emulator").native
        before = module.properties(0).memory_bytes

        def set_limit(free):
            module.set_memory_limit(0, before - module.free_bytes(0) + free)

        yield set_limit
        module.set_memory_limit(0, before)

    def test_powers_take_turns_where_tables_do_not_fit(self, limit, numbers):
        with hepy.device("emulator"):
            x = bigint.Modulus(MODULUS).array(numbers * 10)
            limit(1 << 18)
            assert (
                x._kernels._memory // native_engine._SMALL_SHARE > 1 << 18
            )  # tables are tried, and fail, before fewer do
            assert ints(x.power(11)) == [pow(value, 11, MODULUS) for value in numbers * 10]

    def test_running_out_of_memory_is_an_error_that_loses_nothing(self, limit, numbers):
        with hepy.device("emulator"):
            x = bigint.Modulus(MODULUS).array(numbers * 100)
            limit(1 << 12)
            with pytest.raises(hepy.DeviceOutOfMemoryError):
                x * x
            limit(1 << 24)
            assert ints(x * x) == [value * value % MODULUS for value in numbers * 100]

    def test_arrays_move_between_devices_and_do_not_mix(self, numbers):
        with hepy.device("emulator"):
            x = bigint.Modulus(MODULUS).array(numbers)
        y = x.to("emulator:1")
        assert (x.device.name, y.device.name) == ("emulator", "emulator:1")
        assert ints(y) == numbers
        with pytest.raises(hepy.DeviceError, match=r"move one with \.to"):
            x + y
        assert ints(y.to("cpu") + x.to("cpu")) == [2 * value % MODULUS for value in numbers]

    def test_composed_work_goes_on_in_smaller_pieces(self, limit, numbers, key, seed):
        """Encryption of 40 elements where memory holds the intermediate results of a few."""
        values = np.arange(40)
        with hepy.device("emulator"):
            few = key.public_key.encrypt(values[:2], seed=seed("pieces"))  # tables are made
            want = key.public_key.encrypt(values, seed=seed("pieces"))
            limit(40 * 128 + (1 << 12))
            got = key.public_key.encrypt(values, seed=seed("pieces"))
            limit(1 << 30)
            assert got.digest() == want.digest()
            assert few.digest() == want[:2].digest()

    def test_the_budget_counts_as_a_limit(self, numbers, monkeypatch):
        with hepy.device("emulator") as here:
            x = bigint.Modulus(MODULUS).array(numbers * 100)
            monkeypatch.setattr(options, "device_memory", 1 << 12)
            assert here.free_bytes() <= 1 << 12
            with pytest.raises(hepy.DeviceOutOfMemoryError, match=r"options\.device_memory=4096 leaves"):
                x * x
            monkeypatch.setattr(options, "device_memory", None)
            assert ints(x.square()) == [value * value % MODULUS for value in numbers * 100]
