"""Fermat quotients: against Python's integers, on every device, and one launch against the composition."""

import math
import random

import numpy as np
import pytest

import hepy
from hepy import _devices, bigint, options
from hepy import _limbs as limb
from hepy.bigint import native as engine
from hepy.bigint.fermat_quotients import FermatPart, FermatQuotients
from hepy.errors import ParameterError


def quotients(*parts, multiple=1):
    """The operation for parts (m, e, s), on residues modulo a multiple of the squares."""
    return FermatQuotients(
        bigint.Modulus(multiple * math.prod(m for m, _, _ in parts) ** 2), [FermatPart(*p) for p in parts]
    )


def check(work, parts, values, limbs, exact):
    """The definition, modulo each m on its own."""
    results = limb.to_ints(_devices.to_host(limbs).reshape(-1, work.whole.words))
    whole = math.prod(m for m, _, _ in parts)
    for x, result, is_exact in zip(values, results, exact.ravel(), strict=True):
        assert result < whole
        powers = [pow(x, e, m * m) for m, e, _ in parts]
        assert is_exact == all(u % m == 1 for u, (m, _, _) in zip(powers, parts, strict=True))
        for u, (m, _, s) in zip(powers, parts, strict=True):
            assert result % m == u // m * s % m


@pytest.mark.parametrize(
    "parts",
    [
        [(3, 2, 1)], [(3, 2, 1), (5, 4, 1)], [(5, 4, 3), (3, 2, -1)], [(7, 6, 2), (9, 6, 1)], [(3, 1, 1), (11, 10, 7)],
        [(3, 2, 1), (5, 4, 1), (7, 6, 1)],
    ],
)  # fmt: skip
def test_all_residues_of_small_moduli(device, parts):
    work = quotients(*parts)
    values = list(range(work.modulus.n))[: 225 if device in ("cpu", "fake") else 40]
    check(work, parts, values, *work.of(work.modulus.array(values)))


def test_quotients_turn_products_into_sums(device):
    p, q = 2**61 - 1, 2**31 - 1
    work = quotients((p, p - 1, 1), (q, q - 1, 1))
    x, y = work.modulus.array([3, 5, 7]), work.modulus.array([2, 10**30, 11])
    (tx, _), (ty, _), (both, exact) = work.of(x), work.of(y), work.of(x * y)
    assert exact.all()
    whole = bigint.Modulus(p * q)
    assert whole.from_limbs(tx).add(whole.from_limbs(ty)).equal(whole.from_limbs(both)).all()


def test_shapes_rows_and_nothing(device):
    parts = [(101, 100, 5), (2**40 + 15, 12, 1)]
    work = quotients(*parts, multiple=9)
    x = work.modulus.array([[2, 3, 4], [5, 6, 7]]).T[::-1]
    limbs, exact = work.of(x)
    assert limbs.shape == (3, 2, work.whole.words)
    assert exact.shape == (3, 2)
    check(work, parts, [4, 7, 3, 6, 2, 5], limbs, exact)
    limbs, exact = work.of(work.modulus.array([]))
    assert limbs.shape == (0, work.whole.words)
    assert exact.shape == (0,)


@pytest.mark.parametrize("bad", [[], [(15, 2, 1), (21, 2, 1)], [(3, 2, 1), (3, 2, 1)]])
def test_moduli_that_do_not_fit_are_refused(bad):
    with pytest.raises(ParameterError, match="moduli that are prime to each other, and operands modulo a multiple"):
        quotients(*bad, multiple=9)
    with pytest.raises(ParameterError, match="prime to each other"):
        FermatQuotients(bigint.Modulus(15), [FermatPart(3, 2), FermatPart(5, 4)])


def test_operands_of_another_modulus_are_refused():
    with pytest.raises(ParameterError, match="the modulus of these, of 5 bits, is another"):
        quotients((3, 2, 1), (5, 4, 1)).of(bigint.Modulus(17).array([1]))


def test_parts_do_not_show():
    m = 2**89 - 1
    work = quotients((m, m - 1, 12345), (2**107 - 1, 3, 1))
    for thing in (work, *work.parts):
        assert len(repr(thing)) < 60
        assert str(m)[:10] not in repr(thing)


def value(kernels, raw):
    """The number that these limbs are, or the pair."""
    return raw if kernels.root is None else raw % kernels.radix + raw // kernels.radix * kernels.root


class TestOneLaunch:
    """On devices with kernels: one launch, and the bits of the composition."""

    @pytest.fixture(params=[name for name in hepy.devices() if name != "cpu"])
    def native(self, request):
        with hepy.device(request.param) as here:
            yield here

    def same(self, native, work, x, launches=1):
        before = native.native.launch_counts()
        limbs, exact = work.of(x)
        after = native.native.launch_counts()
        assert {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)} == {
            "fermat_quotients": launches
        }
        want, want_exact = work._composed(x)
        assert np.array_equal(_devices.to_host(limbs), _devices.to_host(want))
        assert exact.tolist() == want_exact.tolist()
        return limbs, exact

    @pytest.mark.parametrize(
        ("bits", "more"),  # of each modulus, and of the operands' beyond the squares
        [(512, 0), (256, 0), (768, 0), (1024, 0), (1536, 0), (2048, 0), (700, 1000), (100, 3000)],
    )
    def test_sizes_and_edges(self, native, bits, more):
        source = random.Random(bits)
        parts = [(2**bits - 1, 5, source.getrandbits(bits)), (2**bits - 3, 6, 1)]
        work = quotients(*parts, multiple=(1 << more) - 1 if more else 1)
        n, whole = work.modulus.n, work.whole.n
        # Raw limbs of a batch, any below R: the greatest, zero, a multiple of the modulus; and residues 1 modulo both.
        kernels = work.modulus.kernels(native)
        assert (kernels.root is None) == (more > 0)
        ones = [(1 + whole * source.getrandbits(bits)) * kernels.radix % n for _ in range(2)]
        others = [2 ** (32 * kernels.limbs) - 1, 0, (kernels.root or n) % kernels.radix, source.randrange(n)]
        raws = np.concatenate([kernels.elements(ones), limb.from_ints(others, kernels.limbs)])
        x = bigint.ResidueArray(work.modulus, native, kernels, native.asarray(raws), np.arange(len(raws)))
        limbs, exact = self.same(native, work, x)
        assert exact.tolist() == [True, True, False, False, False, False]
        inverse = pow(kernels.radix, -1, n)
        check(work, parts, [value(kernels, raw) * inverse % n for raw in limb.to_ints(raws)], limbs, exact)

    def test_parts_of_unequal_length(self, native):
        work = quotients((2**61 - 1, 2**61 - 2, 3), (2**521 - 1, 77, 1))
        self.same(native, work, work.modulus.array([0, 1, 2, -1, 10**200]))

    def test_batches_above_the_slots_take_several_launches(self, native, monkeypatch):
        monkeypatch.setattr(engine, "_TABLE_SHARE", 1 << 60)
        monkeypatch.setattr(engine, "_SMALL_SHARE", 1 << 60)
        work = quotients((2**89 - 1, 7, 1), (2**107 - 1, 9, 1))
        self.same(native, work, work.modulus.array(list(range(2, 73))), launches=3)  # of 32 elements: one block

    def test_scanned_tables(self, native, monkeypatch):
        work = quotients((2**89 - 1, 2**89 - 2, 1), (2**107 - 1, 2**107 - 2, 1))
        monkeypatch.setattr(options, "constant_time", True)
        self.same(native, work, work.modulus.array([2, 3, 5]))

    @pytest.mark.parametrize("schedule", ["reversed", "shuffled:1", "shuffled:2"])
    def test_any_order_of_threads(self, schedule):
        with hepy.device("emulator") as here:
            before = here.native.schedule()
            work = quotients((2**521 - 1, 11, 1), (2**607 - 1, 12, 1))
            x = work.modulus.array([0, 1, 3**300, 5**200, 7])
            limbs = _devices.to_host(work.of(x)[0])
            here.native.set_schedule(schedule)
            try:
                again = _devices.to_host(work.of(x)[0])
            finally:
                here.native.set_schedule(before)
            assert np.array_equal(limbs, again)

    def test_three_parts_are_composed(self, native):
        work = quotients((3, 2, 1), (5, 4, 1), (7, 6, 1))
        assert work._offered(work.modulus.kernels(native)) is None
