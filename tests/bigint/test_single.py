"""One residue at a time: the engine that a power goes to, and Python's pow as the oracle."""

import gmpy2
import pytest

from hepy import bigint, options
from hepy._host import engines
from hepy._limbs import MPZ
from hepy.bigint import single

PRIME = 2**521 - 1
MODULI = [3, 15, 2**89 - 1, PRIME, PRIME**2, ((1 << 600) // 7 | 1) ** 2, (1 << 1040) - 1]
EXPONENTS = [*range(10), 65537, 2**64 - 1, 3**200]


@pytest.fixture(params=engines.usable())
def engine(request, monkeypatch):
    monkeypatch.setattr(options, "engine", request.param)
    return request.param


@pytest.mark.parametrize("worth", [0, float("inf")], ids=["by an engine", "by GMP"])
@pytest.mark.parametrize("constant_time", [False, True])
@pytest.mark.parametrize("vartime", [False, True])
@pytest.mark.parametrize("n", MODULI, ids=lambda n: f"{n.bit_length()} bits")
def test_powers(engine, monkeypatch, n, worth, constant_time, vartime):
    monkeypatch.setattr(single, "_WORTH", worth)
    monkeypatch.setattr(options, "constant_time", constant_time)
    singles = bigint.Modulus(n).singles
    for value in (0, 1, 2, n - 1, n // 3, 5**400):
        for exponent in EXPONENTS:
            got = singles.power(value, exponent, vartime=vartime)
            assert got == pow(value, exponent, n)
            assert isinstance(got, MPZ)


@pytest.mark.parametrize("n", MODULI, ids=lambda n: f"{n.bit_length()} bits")
def test_inverses(n):
    singles = single.Singles(n)
    for value in (1, 2, n - 1, gmpy2.mpz(n // 2 + 1), 7**300):
        if gmpy2.gcd(value, n) == 1:
            assert singles.inverse(value) == pow(int(value), -1, n)


@pytest.mark.parametrize("n", [15, PRIME, PRIME**2])
def test_what_is_no_unit_has_no_inverse(n):
    with pytest.raises(ZeroDivisionError):
        single.Singles(n).inverse(5 if n == 15 else PRIME)


def test_long_powers_go_to_an_engine_of_one_integer_and_short_ones_to_gmp(monkeypatch):
    singles, made = single.Singles(PRIME**2), []
    compiled = set(engines.usable()) - {"gmpy2"}
    if compiled:
        from hepy.bigint.cpu_compiled import Kernels

        monkeypatch.setattr(Kernels, "number_power", lambda self, *_: made.append(self.lanes))
    for name in engines.usable():
        monkeypatch.setattr(options, "engine", name)
        assert singles.power(3, 2**16) == pow(3, 2**16, PRIME**2)
        assert singles.power(3, 2**1000) == (None if name in compiled else pow(3, 2**1000, PRIME**2))
    assert made == [1] * len(compiled)


def test_a_secret_modulus_is_not_shown():
    assert repr(single.Singles(PRIME)) == "Singles(<521 bits>)"
