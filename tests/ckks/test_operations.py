"""Arithmetic on ciphertexts: exactly, on polynomials; and in bits of precision that the account promises."""

import itertools

import numpy as np
import pytest

import hepy
from hepy import ckks
from hepy.ckks.noise import Model
from hepy.ckks.rings import rings
from hepy.ring import RingBasis


def bits(context, x, want):
    """Measured precision."""
    return -np.log2(np.abs(context.decrypt(x) - want).max())


def check(context, x, want):
    """The account is right within 2 bits."""
    want = np.broadcast_to(want, x.shape)
    assert abs(bits(context, x, want) - x.precision_bits) <= 2


# Exactly: what the operations do to phases.


def test_sums_of_phases_are_exact(toy, oracle, values):
    x, y = toy.encrypt(values(32)), toy.encrypt(values(32))
    a, b = oracle.phase(toy, x), oracle.phase(toy, y)
    assert oracle.phase(toy, x + y) == [p + q for p, q in zip(a, b, strict=True)]
    assert oracle.phase(toy, x - y) == [p - q for p, q in zip(a, b, strict=True)]
    assert oracle.phase(toy, -x) == [-p for p in a]
    assert oracle.phase(toy, 3 * x) == [3 * p for p in a]
    batch = ckks.stack([x, y, x, x, y])
    assert oracle.phase(toy, batch.sum(0)) == [3 * p + 2 * q for p, q in zip(a, b, strict=True)]


def test_a_product_has_the_product_of_phases(toy, oracle, values):
    x, y = toy.encrypt(values(32)), toy.encrypt(values(32))
    with ckks.manual():
        product = x * y
    assert product.components == 3 and product.level == 3
    assert oracle.phase(toy, product) == oracle.product(oracle.phase(toy, x), oracle.phase(toy, y))


@pytest.mark.parametrize("level", range(1, 7))
def test_relinearization_changes_a_phase_by_no_more_than_its_bound(digits, oracle, values, level):
    """At every level, so with every way of merging digits."""
    model = Model(digits.parameters, worst=True)
    x, y = digits.encrypt(values(16), level=level), digits.encrypt(values(16), level=level)
    with ckks.manual():
        product = x * y
        got = oracle.phase(digits, product.relinearize())
    want = oracle.product(oracle.phase(digits, x), oracle.phase(digits, y))
    assert max(abs(g - w) for g, w in zip(got, want, strict=True)) <= model.key_switching(level)


def test_low_levels_merge_digits(digits):
    groups = [rings(digits.parameters).groups(level) for level in range(7)]
    assert len(groups[0]) == 1 and len(groups[-1]) == 3
    assert all(len(a) <= len(b) for a, b in itertools.pairwise(groups))
    assert any(len(group) > 1 for level in groups for group in level)


@pytest.mark.parametrize("step", [1, 5, -3])
@pytest.mark.parametrize("level", [0, 2, 6])
def test_rotation_is_the_automorphism_of_the_phase(digits, oracle, values, step, level):
    x = digits.encrypt(values(16), level=level)
    n, g = digits.parameters.degree, pow(5, step % 16, 64)
    want = [0] * n
    for k, coefficient in enumerate(oracle.phase(digits, x)):
        place = k * g % (2 * n)
        want[place % n] += coefficient if place < n else -coefficient
    got = oracle.phase(digits, x.rotate(step))
    bound = Model(digits.parameters, worst=True).key_switching(level)
    assert max(abs(a - b) for a, b in zip(got, want, strict=True)) <= bound


@pytest.mark.parametrize(("level", "to"), [(6, 5), (6, 0), (3, 1)])
def test_alignment_multiplies_by_an_integer_and_divides_once(digits, oracle, values, level, to):
    x = digits.encrypt(values(16), level=level)
    params, y = digits.parameters, x.to_level(to)
    ratio = params.scales[to] / params.scales[level]
    want = [phase * ratio for phase in oracle.phase(digits, x)]
    got = oracle.phase(digits, y)
    assert y.level == to and y.scale == params.scales[to]
    assert max(abs(g - w) for g, w in zip(got, want, strict=True)) <= params.degree / 2 + 2


# In bits.


@pytest.mark.parametrize("name", ["toy", "secure"])
def test_arithmetic_has_the_precision_that_it_claims(request, device, values, name):
    context = request.getfixturevalue(name)
    n = context.parameters.slots
    a, b = values(n), values(n)
    x, y = context.encrypt(a, bound=1), context.encrypt(b, bound=1)
    check(context, x, a)
    check(context, context.public().encrypt(a), a)
    check(context, x + y, a + b)
    check(context, x - y, a - b)
    check(context, x * y, a * b)
    check(context, x.square(), a * a)
    check(context, x**2 * y, a * a * b)
    check(context, x + b, a + b)
    check(context, b - x, b - a)
    check(context, x * b, a * b)
    check(context, 2.5 * x - 1, 2.5 * a - 1)
    check(context, 7 * x, 7 * a)
    check(context, x.rotate(1), np.roll(a, -1))
    check(context, (x * y).rotate(-3), np.roll(a * b, 3))
    check(context, x * y + x, a * b + a)
    check(context, x.to_level(0), a)
    check(context, x.rerandomize(), a)
    check(context, x * (1 - 2j), a * (1 - 2j))


def test_twelve_squarings_keep_the_precision_that_is_claimed(values):
    # Squaring doubles the first error each time, so one key and one draw decide: the middle of several says more.
    params, measured = ckks.Parameters(log_n=10, depth=12, scale_bits=40, security=None), []
    for number in range(3):
        context = ckks.Context(params, seed=bytes([number]) * 32)
        signs = np.sign(values(512))
        x, want = context.encrypt(signs, bound=1, seed=bytes([number]) * 32), signs
        for _ in range(12):
            x, want = x.square(), want * want
        assert x.level == 0 and x.precision_bits > 14
        measured.append(bits(context, x, want))
    assert abs(np.median(measured) - x.precision_bits) <= 2, measured


def test_conjugation_and_complex_products(toy, values):
    a = values(32) + 1j * values(32)
    x = toy.encrypt(a)
    assert x.is_complex
    assert bits(toy, x.conjugate(), a.conj()) > 30
    assert bits(toy, x * x, a * a) > 30
    real = toy.encrypt(a.real)
    assert real.conjugate() is real
    assert (x + real).is_complex and not (real * real).is_complex


def test_many_rotations_share_their_digits_and_give_the_same_bits(toy, values):
    x = toy.encrypt(values(2, 32))
    steps = [0, 1, -1, 31, 7]
    for step, rotated in zip(steps, x.rotate(steps), strict=True):
        single = x.rotate(step)
        assert rotated._parts.equal(single._parts).all()
        assert np.abs(toy.decrypt(rotated) - np.roll(toy.decrypt(x), -step, axis=-1)).max() < 2.0**-30


def test_short_vectors_repeat_and_rotate_within_their_period(toy):
    a = np.array([1.0, 2, 3])
    x = toy.encrypt(a)
    assert (x.slots, x.shape) == (4, (3,))
    assert toy.decrypt(x.rotate(1)).round(6).tolist() == [2, 3, 0, 1]
    assert x.rotate(4).shape == (3,)
    total = x.inner_sum()
    assert total.shape == (1,)
    assert toy.decrypt(total).round(6).tolist() == [6]
    assert toy.decrypt(x * total).round(5).tolist() == [6, 12, 18]
    assert toy.decrypt(ckks.inner_sum(toy.encrypt(np.ones((2, 32))))).round(5).tolist() == [[32], [32]]


def test_batches_broadcast_as_numpy_does(toy, values):
    a, b, c = values(3, 32), values(2, 1, 32), values(32)
    x, y, z = toy.encrypt(a), toy.encrypt(b), toy.encrypt(c)
    for got, want in ((x + y, a + b), (x * y, a * b), (y - z, b - c), (x * c, a * c), (x + b, a + b), (z * a, c * a)):
        assert got.shape == want.shape
        assert np.abs(toy.decrypt(got) - want).max() < 2.0**-28
    assert bits(toy, x[1], a[1]) > 30
    assert bits(toy, x[::-1], a[::-1]) > 30
    assert bits(toy, x[[0, 2]], a[[0, 2]]) > 30
    assert x.reshape(3, 1, 32).shape == (3, 1, 32) and y.reshape(-1, 32).shape == (2, 32)
    assert len(list(x)) == 3
    assert bits(toy, ckks.concatenate([x, x * x]), np.concatenate([a, a * a])) > 28
    assert bits(toy, ckks.stack([x, x], axis=1), np.stack([a, a], axis=1)) > 30
    for axis in (-2, -3, np.int64(0)):
        want = np.stack([a, 2 * a], axis=axis)
        assert bits(toy, ckks.stack([x, 2 * x], axis=axis), want) > 30
        assert bits(toy, ckks.concatenate([ckks.stack([x, x])] * 2, axis=axis), np.concatenate([[a, a]] * 2, axis)) > 30
        assert bits(toy, ckks.stack([x, 2 * x]).sum(axis), np.stack([a, 2 * a]).sum(axis)) > 29


def test_sums_of_products_wait_for_one_relinearization(toy, values):
    a, b = values(32), values(32)
    x, y = toy.encrypt(a), toy.encrypt(b)
    waiting = x.multiply(y, lazy=True) + y.square(lazy=True)
    assert waiting.components == 3
    assert bits(toy, waiting, a * b + b * b) > 30
    settled = waiting * 1.0
    assert (settled.components, settled.level) == (2, 1)
    assert bits(toy, settled, a * b + b * b) > 30
    assert bits(toy, waiting + x, a * b + b * b + a) > 30


@pytest.mark.parametrize("scale_bits", [40, 50, 60])
def test_plaintexts_are_added_to_lazy_products_at_every_scale(device, scale_bits):
    """The product's scale is a square: 2^120 times values up to 2^9 are far beyond 64 bits."""
    parameters = ckks.Parameters(log_n=5, depth=1, scale_bits=scale_bits, security=None)
    context = ckks.Context(parameters)
    x = context.encrypt([1.0, -0.5])
    for plain in ([400.0, -400.0], 3.0, [0.001, 1.0]):
        got = context.decrypt(x.multiply(x, lazy=True) + plain)
        assert np.abs(got - (np.array([1.0, 0.25]) + plain)).max() < 2.0 ** (16 - scale_bits)


def test_levels_and_scales_take_care_of_themselves(toy, values):
    a = values(32)
    x = toy.encrypt(a)
    y = ((x * x + x) * x - 0.5) * x.to_level(2) + x
    assert y.level == 0 and y.scale == toy.parameters.scales[0]
    assert bits(toy, y, ((a * a + a) * a - 0.5) * a + a) > 28
    assert (x**3).level == 1


def test_manual_mode_does_only_what_it_is_told(toy, values):
    a = values(32)
    x = toy.encrypt(a)
    with ckks.manual():
        product = x * x
        assert (product.components, product.scale) == (3, x.scale**2)
        with pytest.raises(hepy.ScaleMismatchError, match="rescale"):
            product + x
        with pytest.raises(hepy.LevelError, match="to_level"):
            x * x.to_level(1)
        with pytest.raises(hepy.ParameterError, match="relinearize"):
            product * product
        weighted = x * a
        assert weighted.scale == x.scale**2 and weighted.level == 3
        assert product.relinearize().rescale().scale == toy.parameters.scales[2]
    assert bits(toy, weighted + product, 2 * a * a) > 30
    assert bits(toy, product.rotate(1), np.roll(a * a, -1)) > 30


def test_unlike_scales_that_no_integer_joins_are_refused(toy):
    with ckks.manual():
        x = toy.encrypt([0.5]) * 2
        odd = x._with(x._parts, x._state._replace(scale=x.scale * 1.5))
    with pytest.raises(hepy.ScaleMismatchError, match="level"):
        odd.to_level(3)
    assert odd.to_level(2).level == 2


def test_plaintexts_are_encoded_once_for_each_level(toy, values):
    a, w = values(2, 32), values(32)
    x, plaintext = toy.encrypt(a), toy.encode(w, bound=1)
    once = plaintext.nbytes
    assert once == x._parts.nbytes // 4 and "encodings=1" in repr(plaintext)
    assert bits(toy, x * plaintext, a * w) > 30 and plaintext.nbytes == once
    assert bits(toy, plaintext * x, a * w) > 30
    assert bits(toy, x + plaintext, a + w) > 30 and plaintext.nbytes == once
    assert bits(toy, plaintext - x, w - a) > 30
    assert bits(toy, x - plaintext, a - w) > 30
    assert bits(toy, x * x * plaintext, a * a * w) > 30 and plaintext.nbytes > once
    assert (x * plaintext)._state.accounts[0].declared
    assert ckks.plan(lambda y: y * plaintext, toy.parameters).levels == 1
    assert bits(toy, x * plaintext, a * w) > 30
    with pytest.raises(ValueError, match="read-only"):
        plaintext.values[0] = 1
    with pytest.raises(hepy.EncodingOverflowError, match="declared bound"):
        toy.encode([2.0], bound=1)
    with pytest.raises(hepy.LevelError):
        toy.encode([1.0], level=9)


# The account of plaintexts stays at home unless it was declared.


def test_undeclared_plaintexts_make_an_account_that_does_not_travel(toy, values):
    x = toy.encrypt(values(32))
    assert hepy.loads(hepy.dumps(x * values(32)), toy).precision_bits is None
    declared = x.multiply(values(32), bound=1)
    assert hepy.loads(hepy.dumps(declared, rerandomize=False), toy).precision_bits == declared.precision_bits


def test_powers_take_few_products_and_levels():
    """A square for each bit but the first, a product for each other bit that is set, and no level more than log2."""
    deep = ckks.Parameters(log_n=4, depth=7, scale_bits=40, security=None)
    for exponent, products in ((2, 1), (3, 2), (7, 4), (64, 6), (100, 8), (127, 12)):
        plan = ckks.plan(lambda x, exponent=exponent: x**exponent, deep)
        assert plan.levels == (exponent - 1).bit_length()
        assert len(plan.steps) == products


def test_seeds_survive_other_batch_shapes(toy, values):
    """What the owner encrypted is sent in half the bytes, in whatever batch shape."""
    x = toy.encrypt(values(6, 32))
    y = x.reshape(2, 3, 32)
    assert len(hepy.dumps(y)) < len(hepy.dumps(x)) + 64
    assert (toy.decrypt(hepy.loads(hepy.dumps(y), toy)) == toy.decrypt(x).reshape(2, 3, 32)).all()


@pytest.mark.parametrize("device", ["cpu"], indirect=True)
def test_bases_are_made_once(toy, values, monkeypatch):
    """A basis tests that its primes are prime, which takes as long as an addition."""

    def every_operation():
        x, y = toy.encrypt(values(32)), toy.encrypt(values(32), level=2)
        toy.decrypt((x * y + x - 1.5).rotate(1) * 0.25)

    every_operation()
    made = []
    monkeypatch.setattr(RingBasis, "__init__", lambda self, primes, degree: made.append(primes))
    every_operation()
    assert made == []


def test_sums_of_slots_count_the_values_alone(toy, values):
    """Vectors of a length that is no power of two have slots beyond their values; single values stand in all slots."""
    a, b, one = values(2, 3), values(3), values(1)
    x, y, z = toy.encrypt(a), toy.encrypt(b), toy.encrypt(one)
    mean = x.inner_sum() * (1 / 3)
    for got, want in (
        (x, a), (x + 0.5, a + 0.5), (0.5 - x, 0.5 - a), (x + z, a + one), (z - x, one - a), (z + b, one + b),
        ((x + z) * x, (a + one) * a), ((x + z) * (x - z), (a + one) * (a - one)), ((x + z) * b, (a + one) * b),
        ((x + z) * 2, (a + one) * 2), (-(x + z), -(a + one)), (ckks.stack([x, x + z]), np.stack([a, a + one])),
        ((x - mean) ** 2, (a - a.mean(-1, keepdims=True)) ** 2), (x.multiply(y, lazy=True) + z, a * b + one),
        (y * 1j + z, b * 1j + one),
    ):  # fmt: skip
        total = want.sum(-1, keepdims=True)
        assert np.abs(toy.decrypt(got.inner_sum()) - total).max() < 2.0**-24
        assert np.abs(toy.decrypt(hepy.loads(hepy.dumps(got), toy).inner_sum()) - total).max() < 2.0**-24
    assert (x + 0.5).inner_sum().level == x.level  # a plaintext is added to the values alone
    assert (x + z).inner_sum().level == x.level - 1
    assert ((x + z) * x).inner_sum().level == x.level - 1  # zero beyond the values again
    with pytest.raises(hepy.LevelError):
        (x + z).to_level(0).inner_sum()


def test_a_single_value_has_the_slots_of_what_it_meets(toy, values):
    a, b = values(32), values(4)
    total, y = toy.encrypt(a).inner_sum(), toy.encrypt(b)
    assert np.abs(toy.decrypt(total.inner_sum()) - a.sum()).max() < 2.0**-24  # the sum of one value
    for got, want in (
        (y + total, b + a.sum()),
        (total - y, a.sum() - b),
        (y * total, b * a.sum()),
        (total + b, a.sum() + b),
    ):
        assert got.slots == 4
        assert np.abs(toy.decrypt(got.rotate(1)) - np.roll(want, -1)).max() < 2.0**-24
        assert np.abs(toy.decrypt(got.inner_sum()) - want.sum()).max() < 2.0**-22
        # The four errors of a sum are one error, which may be small by chance.
        assert -3 <= bits(toy, got, want) - got.precision_bits <= 8
