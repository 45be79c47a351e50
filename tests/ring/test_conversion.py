"""Exchange of primes against exact integers and fractions, at the ends of every range."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, ring
from hepy.errors import ParameterError
from hepy.random import stream
from hepy.ring.constants import lazy_products
from hepy.ring.kernels import kernels


def bases(degree, small=1, main=2, special=2):
    """Three bases without common primes: around 2**20, below 2**30, below 2**31."""
    nears = ((1 << 20, small), (1 << 30, main), (1 << 31, special))
    return [ring.RingBasis(ring.primes(near, degree, count), degree) for near, count in nears if count]


def integers_near_edges(modulus):
    """Integers of every size, and those next to multiples of modulus / 2, which rounding has to get right."""
    near = st.tuples(st.integers(-3, 3), st.integers(-50, 50)).map(lambda pair: pair[0] * modulus // 2 + pair[1])
    return st.one_of(st.integers(-modulus, modulus), near)


def polynomials(modulus, degree=8):
    return st.lists(integers_near_edges(modulus), min_size=degree, max_size=degree)


@given(data=st.data())
def test_centred_conversion(device, data, centred):
    """Exact, but within L 2**-30 Q / 2 of Q / 2, where either representative may come."""
    small, main, special = bases(8, *(data.draw(st.integers(1, 4)) for _ in range(3)))
    source, target = data.draw(st.permutations([small, main, special, main.union(special)]))[:2]
    values = data.draw(polynomials(source.modulus))
    got = ring.convert(source.coefficients(np.array(values, object)), target).to_limbs()
    q, slack = source.modulus, Fraction(len(source) * source.modulus, 1 << 31)
    for n, value in enumerate(values):
        near = centred(value, q)
        allowed = [near] + [near - q if near > 0 else near + q] * (abs(near) >= Fraction(q, 2) - slack)
        assert got[:, n].tolist() in [[one % p for p in target.primes] for one in allowed]


@given(data=st.data())
def test_approximate_conversion(device, data):
    """The least residue plus less than L times Q."""
    small, main, special = bases(8, *(data.draw(st.integers(1, 4)) for _ in range(3)))
    source, target = data.draw(st.permutations([small, main, special, main.union(small)]))[:2]
    values = data.draw(polynomials(source.modulus))
    got = ring.convert(source.coefficients(np.array(values, object)), target, centred=False).to_limbs()
    for n, value in enumerate(values):
        least = value % source.modulus
        allowed = [[(least + k * source.modulus) % p for p in target.primes] for k in range(len(source))]
        assert got[:, n].tolist() in allowed


@pytest.mark.parametrize("kind", ["main", "special"])
@pytest.mark.parametrize("centre", [True, False])
def test_sums_of_the_largest_products(device, kind, centre):
    """y_i = q_i - 1 in every limb, and more products than 64 bits hold at once: 16 for primes below 2**30, else 4."""
    near = 1 << (30 if kind == "main" else 31)
    found = ring.primes(near, 8, 48)
    source, target = ring.RingBasis(found[:40], 8), ring.RingBasis(found[40:], 8)
    # x = -sum of Q / q_i has y_i = q_i - 1 for all i: the integer behind the sum is then 40 Q - sum of Q / q_i.
    value = -sum(source.modulus // q for q in source.primes)
    got = ring.convert(source.coefficients(np.array([value] * 8, object)), target, centred=centre).to_limbs()
    want = value if centre else value + 40 * source.modulus
    assert got.tolist() == [[want % p] * 8 for p in target.primes]


def test_lazy_products():
    """As many as fit on top of a residue, and no more."""
    for a, b in itertools.product([2**30 - 35, 2**31 - 1, 2**31, 17, 2**20], repeat=2):
        most = lazy_products(a, b)
        assert most * (a - 1) * (b - 1) + b - 1 < 2**64 <= (most + 1) * (a - 1) * (b - 1) + b - 1
    assert lazy_products(2**30, 2**30) == 16
    assert lazy_products(2**31, 2**31) == 4


@given(data=st.data())
def test_rescaling_is_rounded_division(device, data):
    """Within 1/2 + L 2**-31 of x M / D, for coefficients and values alike."""
    small, main, special = bases(8, 3, 3, 3)
    pool = small.union(main, special)
    chosen = data.draw(st.lists(st.sets(st.sampled_from(pool.primes), min_size=1), min_size=2, max_size=2))
    source, target = (ring.RingBasis(sorted(primes), 8) for primes in chosen)
    values = data.draw(polynomials(source.modulus))
    x = source.coefficients(np.array(values, object))
    got = ring.rescale(x, target)
    assert (got.to_limbs() == ring.rescale(x.ntt(), target).intt().to_limbs()).all()
    gained = np.prod([q for q in target.primes if q not in source], dtype=object)
    lost = np.prod([q for q in source.primes if q not in target], dtype=object)
    gone = sum(q not in target for q in source.primes)
    for before, after in zip(values, got.to_limbs().T.tolist(), strict=True):
        exact = Fraction(before * int(gained), int(lost))
        reach = Fraction(1, 2) + Fraction(gone, 1 << 31)
        allowed = [one for one in (exact // 1, exact // 1 + 1) if abs(one - exact) <= reach]
        assert after in [[one % p for p in target.primes] for one in allowed]


def test_mod_down_divides_by_the_special_primes(device):
    _, main, special = bases(64)
    both = main.union(special)
    values = np.arange(-32, 32).astype(object) * 10**25
    got = ring.mod_down(both.coefficients(values).ntt(), special)
    assert got.basis == main
    want = [round(Fraction(int(value), special.modulus)) for value in values]
    assert got.intt().to_ints().tolist() == want


@pytest.mark.parametrize("centre", [True, False])
def test_mod_up_extends_each_digit(device, centre, centred):
    small, main, special = bases(16, 2, 5, 3)
    basis = main.union(small)
    # A partition of more primes than x has, as keys for all levels come: one digit is empty here, one is cut.
    other = ring.RingBasis(ring.primes(1 << 25, 16, 2), 16)
    digits = [main[:3].union(ring.RingBasis(ring.primes(1 << 26, 16, 1), 16)), other, main[3:].union(small)]
    x = ring.uniform(basis, (2, 3), stream(bytes(32)))
    got = ring.mod_up(x, digits, special, centred=centre)
    assert got.basis == basis.union(special)
    assert got.shape == (2, 3, 2)
    limbs = got.intt().to_limbs()
    for d, digit in enumerate([main[:3], main[3:].union(small)]):
        residues = x.intt().restrict(digit)
        want = residues.to_ints()
        assert (got[..., d].restrict(digit).to_limbs() == x.restrict(digit).to_limbs()).all()
        if centre:
            assert (limbs[..., d, :, :] == want[..., None, :] % np.array(got.basis.primes, object)[:, None]).all()
        else:
            rest = got.basis.without(digit)
            converted = ring.convert(residues, rest, centred=False)
            assert (got[..., d].restrict(rest).intt().to_limbs() == converted.to_limbs()).all()


@pytest.mark.parametrize("terms", [1, 3, 4, 5, 16, 17, 40])
def test_inner_products_are_sums_of_products(device, terms, mixed, edges):
    """q - 1 in every word of some, where reducing late would overflow; y has primes that x lacks, in another order."""
    wide = mixed(16, small=2, main=3, special=3)
    basis = ring.RingBasis([wide.primes[k] for k in (7, 3, 0, 5)], 16)
    top = np.broadcast_to(wide.words[:, None] - np.uint32(1), (terms, len(wide), 16))
    drawn = edges(wide, 2 * terms + 4, seed=terms)[4:].reshape(2, terms, len(wide), 16)
    x = ring.Polynomial.from_limbs(wide, np.stack([top, drawn[0]])).restrict(basis)
    y = ring.Polynomial.from_limbs(wide, np.stack([top, drawn[1], drawn[0]]))
    got = ring.inner_product(x[:, None], y)
    assert got.shape == (2, 3)
    a, b = x.to_limbs().astype(object), y.restrict(basis).to_limbs().astype(object)
    want = (a[:, None] * b).sum(axis=2) % np.array(basis.primes, object)[:, None]
    assert (got.to_limbs() == want).all()


@pytest.mark.parametrize("count", [1, 2])
def test_inner_products_with_a_lifted_summand(device, count, mixed, edges):
    """The summand times the primes that it lacks; those stand among the others here."""
    basis = mixed(16, small=1, main=3, special=2)
    own = ring.RingBasis([basis.primes[k] for k in (4, 1, 2)], 16)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 12, seed=1).reshape(2, 6, len(basis), 16))
    y = ring.Polynomial.from_limbs(basis, edges(basis, 12, seed=2).reshape(2, 6, len(basis), 16))
    z = ring.Polynomial.from_limbs(own, edges(own, 2 * count, seed=3).reshape(2, count, 3, 16))
    got = ring.inner_product(x[:, None], y, z)
    plain = ring.inner_product(x[:, None], y)
    missing = np.array([basis.modulus // own.modulus % p for p in own.primes], object)[:, None]
    primes = np.array(own.primes, object)[:, None]
    want = (plain[:, :count].restrict(own).to_limbs() + z.to_limbs().astype(object) * missing) % primes
    assert (got[:, :count].restrict(own).to_limbs() == want).all()
    rest = basis.without(own)
    assert got.restrict(rest).equal(plain.restrict(rest)).all()
    assert got[:, count:].equal(plain[:, count:]).all()
    every = ring.inner_product(x[:, None], y, z[:1])  # broadcast
    assert every[0].equal(got[0]).all()


def test_tensor_products(device, mixed, edges):
    basis = mixed(16)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 12).reshape(3, 1, 2, 2, len(basis), 16))
    y = ring.Polynomial.from_limbs(basis, edges(basis, 8, seed=1).reshape(2, 2, 2, len(basis), 16)[:, ::-1].copy())
    got = ring.tensor_product(x, y)
    a, b = x.to_limbs().astype(object), y.to_limbs().astype(object)
    want = [a[..., 0, :, :] * b[..., 0, :, :], a[..., 0, :, :] * b[..., 1, :, :] + a[..., 1, :, :] * b[..., 0, :, :],
            a[..., 1, :, :] * b[..., 1, :, :]]  # fmt: skip
    assert got.shape == (3, 2, 2, 3)
    assert (got.to_limbs() == np.stack(want, axis=-3) % np.array(basis.primes, object)[:, None]).all()
    assert ring.tensor_product(x, x)[..., 1].equal((x[..., 0] * x[..., 1]) * 2).all()


def test_key_switching(device):
    """s' switched to s by a key without noise: what is left is rounding, below the sum of |s|."""
    degree = 64
    _, main, special = bases(degree, 1, 4, 3)
    source = stream(bytes(32))
    full = main.union(special)
    digits = [main[:2], main[2:]]
    s, old = (ring.ternary(full, (), source).ntt() for _ in range(2))
    a = ring.uniform(full, (2,), source)
    # The gadget: P modulo a digit's primes, 0 modulo all others.
    gadget = np.zeros((2, len(full), 1), object)
    gadget[0, :2], gadget[1, 2:4] = special.modulus, special.modulus
    limbs = np.broadcast_to(gadget % np.array(full.primes, object)[:, None], (2, len(full), degree))
    b = ring.Polynomial.from_limbs(full, limbs.astype(np.uint32)) * old - a * s
    key = ring.stack([b, a])
    c = ring.uniform(main, (5,), source)
    switched = ring.mod_down(ring.inner_product(ring.mod_up(c, digits, special)[..., None, :], key), special)
    got = switched[:, 0] + switched[:, 1] * s.restrict(main)
    error = (got - c * old.restrict(main)).intt().to_ints()
    assert abs(error).max() <= degree
    assert error.any()


def test_refusals(device):
    small, main, special = bases(8)
    x = ring.Polynomial.zeros(main, (2, 3))
    other = ring.RingBasis(ring.primes(1 << 30, 16, 1), 16)
    cases = [
        (lambda: ring.convert(x.intt(), other), "degrees are 8 and 16"),
        (lambda: ring.rescale(x, other), "degrees are 8 and 16"),
        (lambda: ring.mod_up(x, [main[:1]], special), "no partition"),
        (lambda: ring.mod_up(x, [main, main[:1]], special), "no partition"),
        (lambda: ring.mod_up(x, [main], main[:1].union(special)), "overlap"),
        (lambda: ring.inner_product(x, x[0, 0]), "no last axis"),
        (lambda: ring.inner_product(x, x[..., :2]), "no last axis"),
        (lambda: ring.inner_product(x, x[[0, 1, 1]]), "do not broadcast"),
        (lambda: ring.inner_product(x, ring.Polynomial.zeros(small, (3,))), "lacks"),
        (lambda: ring.inner_product(x, x, ring.Polynomial.zeros(main, (3,))), "cannot be added"),
        (lambda: ring.inner_product(x, x, ring.Polynomial.zeros(small, (2,))), "lacks"),
        (lambda: ring.inner_product(x[:, None], x, ring.Polynomial.zeros(main, (5, 1))), "do not broadcast"),
        (lambda: ring.tensor_product(x, x), "pairs"),
        (lambda: ring.tensor_product(x[..., :2], ring.Polynomial.zeros(small, (2,))), "of different primes"),
        (lambda: ring.mod_down(x, main), "one or more distinct primes"),
    ]
    for act, said in cases:
        with pytest.raises(ParameterError, match=said):
            act()


def test_composites_are_their_compositions(device, monkeypatch):
    """What a device computes in one piece equals what its leaves give, for values and coefficients."""
    small, main, special = bases(64, 2, 4, 2)
    source, target = small.union(main, special), ring.RingBasis([*main.primes[1:], *ring.primes(1 << 25, 64, 1)], 64)
    x = ring.uniform(source, (3, 2), stream(bytes(32)))[::-1]
    digits, extra = [main, small.union(special)], ring.RingBasis(ring.primes(1 << 29, 64, 2), 64)

    def results():
        ups = [ring.mod_up(x, digits, extra, centred=centre) for centre in (True, False)]
        sums = [ring.inner_product(x[:, None], x, x.restrict(main)[:, :n]) for n in (1, 2)]
        floats = np.linspace(-1, 1, 192).reshape(3, 64)
        made = [*ups, *sums, ring.rescale(x, target), ring.rescale(x.intt(), target), ring.tensor_product(x, x[0]),
                ring.add_first(x, x[0, :1]), ring.add_first(x[0], x[:, 1:]), ring.add_first(x.intt(), x.intt()),
                *(ring.Coefficients.from_floats(source, floats, scale) for scale in (1.0, 12345.678, 2.0**61))]  # fmt: skip
        return [array.to_limbs() for array in made]

    fused, kind = results(), type(kernels(_devices.current()))
    for name in ("mod_up", "rescale", "inner_product_lifted", "tensor_product", "from_floats", "add_first"):
        for owner in kind.__mro__:
            if name in vars(owner):
                monkeypatch.delattr(owner, name)
    assert all((a == b).all() for a, b in zip(fused, results(), strict=True))


def test_rescaling_without_loss_multiplies(device):
    _, main, special = bases(8)
    values = np.array([5, -3, 2**40, 0, 1, -1, 7, 9], object)
    got = ring.rescale(main.coefficients(values), special.union(main))
    assert got.to_ints().tolist() == (values * special.modulus).tolist()
    assert ring.rescale(got, got.basis) is got


def test_values_are_not_taken_for_coefficients(device):
    """Both are words modulo the same primes: only the type tells, and a result would be wrong without a sign of it."""
    basis = ring.RingBasis(ring.primes(2**30, 8, 2), 8)
    special = ring.RingBasis(ring.primes(2**31, 8, 2), 8)
    c = basis.coefficients(np.arange(16).reshape(2, 8))
    p = c.ntt()
    for wrong in (
        lambda: ring.convert(p, special),
        lambda: ring.mod_up(c, [basis], special),
        lambda: ring.inner_product(p, c),
        lambda: ring.inner_product(c, p),
        lambda: ring.inner_product(p[None], p[None], c),
        lambda: ring.tensor_product(c, c),
        lambda: basis.intt(c),
        lambda: ring.rescale(5, special),
        lambda: ring.rescale(p, 5),
        lambda: ring.convert(c, 5),
        lambda: p.restrict(5),
        lambda: basis.union(5),
    ):
        with pytest.raises(ParameterError, match=r"expected|transformed"):
            wrong()
