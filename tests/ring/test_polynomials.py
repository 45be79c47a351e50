"""Arrays of polynomials: arithmetic against Python integers, numpy's manners on the batch, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, random, ring
from hepy.errors import DeviceError, ParameterError
from hepy.options import options
from hepy.ring.kernels import kernels


def plain(x):
    return x.to_limbs().astype(object)


def primes_of(basis):
    return np.array(basis.primes, object)[:, None]


@pytest.mark.parametrize("degree", [8, 16, 512])
def test_arithmetic_on_words(device, degree, mixed, edges):
    basis = mixed(degree)
    a = ring.Polynomial.from_limbs(basis, edges(basis, 6, seed=1)).reshape(6, 1)
    b = ring.Polynomial.from_limbs(basis, edges(basis, 6, seed=2))
    q = primes_of(basis)
    assert (plain(a + b) == (plain(a) + plain(b)) % q).all()
    assert (plain(a - b) == (plain(a) - plain(b)) % q).all()
    assert (plain(-b) == -plain(b) % q).all()
    assert (plain(a * b) == plain(a) * plain(b) % q).all()
    assert (a + b).shape == (6, 6)


@pytest.mark.parametrize("kind", [ring.Polynomial, ring.Coefficients])
def test_products_with_integers(device, kind, mixed, edges):
    basis = mixed(16)
    x, q = kind.from_limbs(basis, edges(basis, 6)), primes_of(basis)
    for factor in (0, 1, -1, 3, -(2**100), basis.primes[0], np.int64(-7)):
        assert (plain(x * factor) == plain(x) * int(factor) % q).all()
        assert (plain(factor * x) == plain(x) * int(factor) % q).all()
    factors = np.array([[1], [-5], [2**80]], object)
    assert (plain(x * factors) == plain(x) * factors[..., None, None] % q).all()
    assert (plain(np.arange(6) * x) == plain(x) * np.arange(6).reshape(6, 1, 1) % q).all()


def test_zeros_are_told(device, mixed, edges):
    basis = mixed(8)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 4))
    one = np.zeros((len(basis), 8), np.uint32)
    one[-1, -1] = 1
    both = ring.stack([x[0], x[1], x[2], ring.Polynomial.from_limbs(basis, one)])
    assert both.is_zero().tolist() == [False, True, False, False]
    assert ring.Coefficients.zeros(basis).is_zero() and ring.Coefficients.zeros(basis, (0, 2)).is_zero().shape == (0, 2)


def test_constants(device, mixed):
    basis = mixed(8)
    values = np.array([[3, -1], [2**70, 0]], object)
    want = np.zeros((2, 2, 8), object)
    want[..., 0] = values
    assert (ring.Polynomial.from_constants(basis, values).intt().to_ints() == want).all()
    assert ring.Polynomial.from_constants(basis, 5).shape == ()


def test_powers(device, mixed, edges):
    basis = mixed(8)
    x, q = ring.Polynomial.from_limbs(basis, edges(basis, 6)), primes_of(basis)
    for exponent in (0, 1, 2, 13):
        assert (plain(x**exponent) == plain(x) ** exponent % q).all()
    for exponent in (-1, 1.0, True):
        with pytest.raises(ParameterError, match="non-negative integers"):
            x**exponent


@given(data=st.data())
def test_integers_there_and_back(device, data, mixed, centred):
    basis = mixed(8, small=data.draw(st.integers(0, 2)), main=data.draw(st.integers(1, 4)))
    half = basis.modulus // 2
    coefficient = st.one_of(st.integers(), st.integers(-half, half), st.sampled_from([half, -half, half + 1, 0]))
    values = data.draw(st.lists(coefficient, min_size=8, max_size=8))
    x = basis.coefficients(np.array(values, object))
    assert x.to_limbs().tolist() == [[value % q for value in values] for q in basis.primes]
    want = [centred(value, basis.modulus) for value in values]
    assert x.to_ints().tolist() == want
    assert x.to_floats().tolist() == [float(value) for value in want]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.int8, np.uint16, object])
def test_integers_of_every_dtype(device, dtype, mixed):
    basis, info = mixed(8), np.iinfo(np.int64 if dtype is object else dtype)
    values = np.array([[info.min, info.max, 0, 1, info.max // 2, info.max - 1, info.min + 1, 5]] * 2, dtype)
    x = basis.coefficients(values)
    assert x.shape == (2,)
    assert x.to_ints().tolist() == values.tolist()


def test_floats_are_rounded_once_half_to_even(device):
    """Around halves of the 53rd bit, with and without a bit far below; float() of an integer is correctly rounded."""
    basis = ring.RingBasis(ring.primes(2**30, 8, 8), 8)
    for size in (1, 31, 32, 33, 52, 53, 54, 63, 64, 65, 95, 96, 97, 128, 170, 238):
        top = 1 << size
        half = max(top >> 53, 0)
        values = [
            top,
            top + half,
            top + half + (half > 1),
            top + 3 * half,
            top + half - (half > 1),
            -top - half,
            0,
            top - 1,
        ]
        x = basis.coefficients(np.array(values, object))
        assert x.to_floats().tolist() == [float(value) for value in values]


@given(data=st.data())
def test_floats_modulo_two_primes(device, data, mixed, centred):
    """These take a way of their own: 62 bits at most, and both sides of half the modulus."""
    basis = mixed(8, *data.draw(st.sampled_from([(2, 0, 0), (1, 1, 0), (0, 2, 0), (0, 0, 2), (1, 0, 1)])))
    half = basis.modulus // 2
    edges = st.sampled_from([half, half + 1, half - 1, -half, 0, 1, -1, (1 << 53) + 1, (1 << 54) + 2, (1 << 54) + 6])
    values = data.draw(st.lists(st.one_of(edges, st.integers(-half, half)), min_size=8, max_size=8))
    want = [float(centred(value, basis.modulus)) for value in values]
    assert basis.coefficients(np.array([values, values[::-1]], object)).to_floats().tolist() == [want, want[::-1]]


@given(data=st.data())
def test_floats_to_the_nearest_integers(device, data, mixed):
    """By Python's round, which takes halves to even; below 2^62 and beyond."""
    basis = mixed(8)
    number = st.one_of(
        st.floats(-(2.0**59), 2.0**59),
        st.floats(-4, 4),
        st.sampled_from([0.5, 1.5, -0.5, 2.5, 2.0**52 + 0.5, -(2.0**61)]),
    )
    values = np.array(data.draw(st.lists(st.lists(number, min_size=8, max_size=8), min_size=1, max_size=2)))
    scale = data.draw(st.sampled_from([1.0, 0.5, 3.75, 2.0**40]))
    got = ring.Coefficients.from_floats(basis, values, scale)
    want = [[round(float(value) * scale) for value in row] for row in values]
    assert got.to_limbs().tolist() == [[[value % q for value in row] for q in basis.primes] for row in want]


@pytest.mark.parametrize("scale", [1.0, 2.0**60, 2.0**120, 1.5 * 2.0**900])
def test_floats_of_any_size_are_exact(device, scale):
    basis = ring.RingBasis(ring.primes(2**30, 8, 40), 8)
    values = np.array([[0.0, 1.0, -1.0, 511.75, -1 / 3, 2.0**-70, -(2.0**60), 1e30]])
    got = ring.Coefficients.from_floats(basis, values, scale).to_ints()
    assert got.tolist() == [[round(value) for value in row] for row in (values * scale).tolist()]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_floats_that_are_no_integers(device, bad):
    basis = ring.RingBasis(ring.primes(2**30, 8, 1), 8)
    with pytest.raises(ParameterError, match="no finite number"):
        ring.Coefficients.from_floats(basis, np.array([bad] + 7 * [0.0]), 1e200)


def test_floats_need_integers_that_have_some(device):
    basis = ring.RingBasis(ring.primes(2**31, 8, 34), 8)
    with pytest.raises(ParameterError, match="do not fit a float64"):
        ring.Coefficients.zeros(basis).to_floats()


def test_the_batch_behaves_as_in_numpy(device, mixed, edges):
    basis = mixed(8)
    words = edges(basis, 24).reshape(2, 3, 4, len(basis), 8)
    x = ring.Polynomial.from_limbs(basis, words)
    assert (x.shape, x.ndim, x.size, len(x), x.nbytes) == ((2, 3, 4), 3, 24, 2, 4 * 24 * len(basis) * 8)
    flat, places = words.reshape(24, len(basis), 8), np.arange(24).reshape(2, 3, 4)  # numpy is the oracle
    indices = [1, -1, (0, 2), (..., 3), (slice(None), 1), (None, 1), (1, ..., slice(None, None, -2)), ..., (), [1, 0]]
    indices += [(slice(None), [0, 2]), (..., [3, 0]), np.array([True, False]), ([1, 0], slice(None), [2, 3])]
    for index in indices:
        assert (x[index].to_limbs() == flat[places[index]]).all()
        assert x[index].shape == places[index].shape
    assert (x.reshape(6, 4).to_limbs() == words.reshape(6, 4, len(basis), 8)).all()
    assert (x.reshape((4, -1)).to_limbs() == words.reshape(4, 6, len(basis), 8)).all()
    assert (x.transpose().to_limbs() == words.transpose(2, 1, 0, 3, 4)).all()
    assert (x.T.to_limbs() == x.transpose((2, 1, 0)).to_limbs()).all() and x.T.shape == (4, 3, 2)
    assert (x.ravel().to_limbs() == flat).all()
    assert (x.transpose(1, 0, -1).to_limbs() == words.transpose(1, 0, 2, 3, 4)).all()
    assert (x[0, 0, 0].broadcast_to(3).to_limbs() == words[0, 0, 0]).all()
    assert x[0, 0, 0].broadcast_to((5, 2)).shape == (5, 2)
    assert [part.shape for part in x] == [(3, 4)] * 2
    for move in (
        np.flip,
        np.diagonal,
        lambda a: np.repeat(a, 2, axis=1),
        lambda a: np.take(a, [5, 5, 0]),
        lambda a: a[1, 2, 3],
    ):
        assert (x.rearranged(move).to_limbs() == flat[move(places)]).all()
    with pytest.raises(ParameterError, match=r"shape \(2, 3, 4\) cannot take that shape"):
        x.rearranged(lambda a: a.reshape(5, 5))
    with pytest.raises(IndexError):
        x[0, 0, 0, 0]
    with pytest.raises(TypeError, match="no length"):
        len(x[0, 0, 0])


def test_views_take_part_where_they_lie(device, mixed, edges):
    """Slices, reversals, transposes and broadcasts as operands, also with limbs left out."""
    basis = mixed(16, small=2, main=3)
    words = edges(basis, 12).reshape(3, 4, len(basis), 16)
    x = ring.Polynomial.from_limbs(basis, words)
    part = ring.RingBasis([basis.primes[k] for k in (4, 0, 2)], 16)
    q = primes_of(part)
    left, right = x.transpose()[::-1].restrict(part), x[1, 2].broadcast_to((4, 3)).restrict(part)
    a = words.transpose(1, 0, 2, 3)[::-1][..., [4, 0, 2], :].astype(object)
    b = words[1, 2][[4, 0, 2]].astype(object)
    assert (plain(left * right) == a * b % q).all()
    assert (plain(left + right) == (a + b) % q).all()
    assert (plain(left.intt().ntt()) == a).all()
    listed = x[1, 2].broadcast_to((4, 3))[:, [2, 0]]
    assert (plain(listed + listed) == 2 * words[1, 2].astype(object) % primes_of(basis)).all()
    assert x.restrict(basis) is x
    assert (plain(x.restrict(basis[1:3])) == words[..., 1:3, :]).all()


def test_joining(device, mixed, edges):
    basis = mixed(8)
    words = edges(basis, 6)
    x = ring.Coefficients.from_limbs(basis, words)
    assert (ring.concatenate([x, x[:2]]).to_limbs() == np.concatenate([words, words[:2]])).all()
    assert (ring.stack([x[:3], x[3:]], axis=-1).to_limbs() == np.stack([words[:3], words[3:]], axis=1)).all()
    assert ring.stack([x[0], x[1]]).shape == (2,)
    with pytest.raises(ParameterError, match="no polynomials"):
        ring.stack([])
    with pytest.raises(ParameterError, match="along axis 1"):
        ring.concatenate([x, x], axis=1)
    with pytest.raises(ParameterError, match="shapes"):
        ring.stack([x, x[:2]])
    with pytest.raises(ParameterError, match="meets its like"):
        ring.concatenate([x, x.ntt()])


def test_equality(device, mixed, edges):
    basis = mixed(8)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 6))
    other = x + ring.Polynomial.from_limbs(basis, np.eye(len(basis), 8, dtype=np.uint32))
    assert x.equal(x).tolist() == [True] * 6
    assert x.equal(other).tolist() == [False] * 6
    assert x.equal(x[3]).tolist() == [k == 3 for k in range(6)]
    assert x[0].equal(x[0]).shape == ()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(device, threads, mixed, edges, monkeypatch):
    basis = mixed(1024)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 9))
    want = ((x[::-1] * x).intt().to_limbs(), x.intt().to_ints(), (x - x[2]).to_limbs())
    monkeypatch.setattr(options, "threads", threads)
    got = ((x[::-1] * x).intt().to_limbs(), x.intt().to_ints(), (x - x[2]).to_limbs())
    assert all((a == b).all() for a, b in zip(want, got, strict=True))


def test_empty_batches(device, mixed):
    basis = mixed(8)
    x = ring.Polynomial.zeros(basis, (0, 3))
    assert (x * x + x).intt().shape == (0, 3)
    assert x.intt().to_ints().shape == (0, 3, 8)
    assert basis.coefficients(np.empty((0, 8), np.int64)).shape == (0,)


def test_results_are_no_views(device, mixed):
    """Words handed out or taken in are copies: arrays of polynomials never change."""
    basis = mixed(8)
    words = np.zeros((len(basis), 8), np.uint32)
    x = ring.Polynomial.from_limbs(basis, words)
    words[0, 0] = 1
    x.to_limbs()[0, 0] = 1
    assert not x.to_limbs().any()


def test_refusals_name_what_was_given(device, mixed):
    basis, other = mixed(8), mixed(8, main=3)
    x = ring.Polynomial.zeros(basis, (2,))
    cases = [
        (lambda: x + x.intt(), ParameterError, "a Polynomial meets its like, not a Coefficients: bring both"),
        (lambda: x.intt() * x.intt(), ParameterError, r"integers \(or polynomials\), not Coefficients"),
        (lambda: x + 1, ParameterError, "not a int"),
        (lambda: x * 1.5, ParameterError, "not float"),
        (lambda: x * ring.Polynomial.zeros(other), ParameterError, "different primes"),
        (lambda: x + ring.Polynomial.zeros(basis, (3,)), ParameterError, r"\(2,\) and \(3,\) do not broadcast"),
        (lambda: x * np.arange(3), ParameterError, "do not broadcast"),
        (lambda: x.automorphism(4), ParameterError, "has to be odd"),
        (lambda: x.restrict(other), ParameterError, "lacks"),
        (lambda: basis.coefficients([1.0] * 8), ParameterError, "coefficients are integers"),
        (lambda: basis.coefficients([1] * 7), ParameterError, r"shape \[..., 8\]"),
        (lambda: ring.Polynomial.from_limbs(basis, np.zeros((2, 8), np.uint32)), ParameterError, "limbs are integers"),
    ]
    for act, error, said in cases:
        with pytest.raises(error, match=said):
            act()
    words = np.zeros((3, len(basis), 8), np.int64)
    words[1, 2, 5] = basis.primes[2]
    with pytest.raises(ParameterError, match=r"index \(1, 2, 5\) is not below its prime"):
        ring.Polynomial.from_limbs(basis, words)
    words[1, 2, 5] = -1
    with pytest.raises(ParameterError, match=r"index \(1, 2, 5\)"):
        ring.Polynomial.from_limbs(basis, words)


def test_a_device_without_rings_says_so():
    with pytest.raises(DeviceError, match="no kernels for device 'abacus' yet"):
        kernels(_devices.Device("abacus"))


def test_repr_shows_no_words(device, mixed, edges):
    basis = mixed(8)
    x = ring.Polynomial.from_limbs(basis, edges(basis, 5))
    assert repr(x) == f"Polynomial(shape=(5,), basis=RingBasis(5 primes, 143 bits, degree=8), device='{device}')"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_adding_to_the_first_leaves_the_others(device, mixed, count):
    basis = mixed(16)
    x, y = (
        ring.uniform(basis, (4, 3), random.stream(bytes(32))),
        ring.uniform(basis, (count,), random.stream(bytes(32))),
    )
    got = ring.add_first(x, y)
    assert got.shape == (4, 3)
    assert got[:, :count].equal(x[:, :count] + y).all()
    assert got[:, count:].equal(x[:, count:]).all()
    with pytest.raises(ParameterError, match="cannot be added to the last axis"):
        ring.add_first(y, ring.uniform(basis, (count + 1,), random.stream(bytes(32))))
    with pytest.raises(ParameterError, match="do not broadcast"):
        ring.add_first(x, ring.uniform(basis, (3, 1), random.stream(bytes(32))))
    with pytest.raises(ParameterError, match="meets its like"):
        ring.add_first(x, y.intt())


def test_shapes_and_numbers_that_do_not_fit(device):
    basis = ring.RingBasis(ring.primes(2**30, 8, 2), 8)
    x = basis.ntt(np.arange(16).reshape(2, 8))
    for wrong in (
        lambda: x.reshape(5), lambda: x.reshape("a"), lambda: x.transpose(1), lambda: x[None].transpose(0, 0),
        lambda: x.transpose("a"), lambda: x.broadcast_to((3, 5)), lambda: x.broadcast_to("a"), lambda: x.broadcast_to((-1, 2)),
        lambda: ring.Polynomial.zeros(basis, (-1,)), lambda: ring.Polynomial.zeros(basis, 1.5),
        lambda: x.automorphism(1.5), lambda: x.automorphism("a"), lambda: ring.stack(5), lambda: ring.stack([5, 5]),
        lambda: ring.uniform(basis, (2.5,), random.stream(bytes(32))), lambda: ring.galois_element(1.5, 8),
        lambda: basis.coefficients([None] * 8), lambda: basis.coefficients([[1] * 8, [1] * 7]),
        lambda: basis.coefficients(np.array([1.5] * 8, object)), lambda: ring.Coefficients.from_floats(basis, np.zeros(7)),
        lambda: ring.RingBasis(97, 8), lambda: ring.RingBasis([97.5], 8), lambda: ring.RingBasis(["97"], 8),
        lambda: ring.primes("a", 8, 3), lambda: ring.primes(2**30, 8, 3.5),
    ):  # fmt: skip
        with pytest.raises(ParameterError):
            wrong()
    with pytest.raises(IndexError):  # by which Python knows the end of a sequence
        x[2]
    n = np.int64
    assert ring.RingBasis(ring.primes(n(2**30), n(8), n(2)), n(8)) == basis
    assert ring.Polynomial.zeros(basis, n(2)).shape == x.broadcast_to((n(2),)).shape == (2,)
    assert type(ring.galois_element(n(1), n(8))) is int
