"""Shapes of residue arrays follow numpy's, and what does not fit is refused by name."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepy import _devices, bigint
from hepy.errors import DeviceError, ParameterError

EACH_ENGINE = True
N = 2**89 - 1
MODULUS = bigint.Modulus(N)
TABLE = np.arange(24).reshape(2, 3, 4)


@pytest.fixture
def x(device):
    return MODULUS.array(TABLE)


INDICES = [
    0, -1, (1, 2), (1, 2, 3), ..., None, slice(None), slice(None, None, -1), (slice(1), ..., slice(None, None, 2)),
    [1, 0, 1], (0, [2, 2, 0]), np.array([[0, 1], [1, 0]]), TABLE > 11, (slice(None), None, 1), np.int64(1),
    (slice(None), slice(5, 1)), np.zeros(0, int),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_is_numpys(x, index):
    got, expected = x[index], TABLE[index]
    assert got.shape == np.shape(expected)
    assert got.to_ints().tolist() == expected.tolist()


@given(st.lists(st.sampled_from(["reverse", "transpose", "half", "flat", "swap", "again"]), max_size=5))
def test_views_of_views(device, steps):
    x, table = MODULUS.array(TABLE), TABLE
    for step in steps:
        if step == "reverse":
            x, table = x[::-1], table[::-1]
        elif step == "transpose":
            x, table = x.T, table.T
        elif step == "half":
            x, table = x[: (len(table) + 1) // 2], table[: (len(table) + 1) // 2]
        elif step == "flat":
            x, table = x.ravel(), table.ravel()
        elif step == "swap":
            order = (*range(1, table.ndim), 0)
            x, table = x.transpose(*order), table.transpose(*order)
        else:
            x, table = x[[0, -1]], table[[0, -1]]
    assert x.to_ints().tolist() == table.tolist()
    assert (x + x).to_ints().tolist() == (table + table).tolist()
    assert x.distinct() == (len(np.unique(table)) == table.size)


def test_shapes_and_sizes(x):
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3, 4), 3, 24, 2)
    assert x.reshape(4, -1).shape == x.reshape((4, 6)).shape == (4, 6)
    assert x.T.shape == (4, 3, 2)
    assert x[0, 0, 0].broadcast_to((5, 2)).to_ints().tolist() == [[0, 0]] * 5
    assert MODULUS.ones((2, 2)).to_ints().tolist() == [[1, 1], [1, 1]]
    assert MODULUS.array([]).shape == (0,)
    assert MODULUS.array(7).shape == ()


@pytest.mark.parametrize(
    ("left", "right"), [((3, 1), (4,)), ((2, 3, 4), (3, 1)), ((), (3,)), ((0,), (1,)), ((2, 1), (1, 0))]
)
def test_broadcasting_is_numpys(device, left, right):
    a = np.arange(np.prod(left, dtype=int)).reshape(left) + 1
    b = np.arange(np.prod(right, dtype=int)).reshape(right) + 5
    x, y = MODULUS.array(a), MODULUS.array(b)
    for got, expected in ((x * y, a * b), (x + b, a + b), (b - x, b - a), (a - y, a - b)):
        assert got.shape == expected.shape
        assert got.to_ints().tolist() == (expected.astype(object) % N).tolist()


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[:, ::2], np.s_[..., 0], np.s_[1], np.s_[:, :, [3, 0]]], ids=repr)
def test_views_give_the_operands_that_they_show(x, index):
    part, table = x[index], TABLE[index]
    assert (part * part).to_ints().tolist() == (table**2).tolist()
    assert part.power(3).to_ints().tolist() == (table**3).tolist()
    assert part.prod().to_ints().item() == int(np.multiply.reduce(table.astype(object), axis=None)) % N


def test_joining(x):
    y = x[:, :1] * 2
    assert (
        bigint.concatenate([x, y], axis=1).to_ints().tolist()
        == np.concatenate([TABLE, TABLE[:, :1] * 2], axis=1).tolist()
    )
    assert bigint.stack([x, x * 3], axis=-1).to_ints().tolist() == np.stack([TABLE, TABLE * 3], axis=-1).tolist()
    assert bigint.concatenate([x[:, 0], x[:0, 0]]).shape == (2, 4)
    with pytest.raises(ParameterError, match="cannot be joined"):
        bigint.concatenate([x, x[0]])
    with pytest.raises(ParameterError, match="one shape"):
        bigint.stack([x, x[0]])
    with pytest.raises(ParameterError, match="cannot take that shape"):
        bigint.stack([x, x], axis=9)
    for nothing in ([], [x, TABLE]):
        with pytest.raises(ParameterError, match="nothing to join"):
            bigint.concatenate(nothing)


PIECES = {
    "of one array": [(0, slice(4, 6)), (0, slice(0, 3)), (0, slice(23, None))],
    "of small arrays": [(i % 6, [i % 2, 1, 0]) for i in range(12)],
    "of few arrays": [(6 + i % 2, slice(i, i + 2)) for i in range(12)],
    "a few of large arrays": [(6 + i, slice(3, 4)) for i in range(6)],
    "none": [(0, slice(0)), (7, slice(0)), (6, slice(0))],
}


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
def test_many_pieces_are_joined_in_order(device, pieces):
    tables = [100 * k + np.arange(24 if k in (0, 6, 7) else 30 if k > 7 else 2) for k in range(12)]
    arrays = [MODULUS.array(table) for table in tables]
    got = bigint.concatenate([arrays[k][part] for k, part in pieces])
    want = np.concatenate([tables[k][part] for k, part in pieces])
    assert (got * got).to_ints().tolist() == (want * want).tolist()


def test_equality_is_elementwise_and_numpy_takes_no_residues_unasked(x):
    assert (x == x[:, :, ::-1]).tolist() == (TABLE[:, :, ::-1] == TABLE).tolist()
    assert (x != x[0, 0, 0]).tolist() == (TABLE[0, 0, 0] != TABLE).tolist()
    with pytest.raises(TypeError, match="to_ints"):
        np.asarray(x)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


def test_copies_are_the_array_itself_and_pickles_are_refused(x):
    assert copy.copy(x) is copy.deepcopy([x])[0] is x
    assert copy.deepcopy(x.modulus) is x.modulus
    for each in (x, x.modulus, x.modulus.fixed_base(3)):
        with pytest.raises(ParameterError, match=r"not pickled.*to_limbs"):
            pickle.dumps(each)
    assert x.modulus.from_limbs(pickle.loads(pickle.dumps(x.to_limbs()))).equal(x).all()  # noqa: S301


def test_rows_are_elements_of_an_iteration(x):
    for got, want in zip(x, TABLE, strict=True):
        assert got.to_ints().tolist() == want.tolist()
    assert [one.to_ints().item() for one in x[0, 1]] == TABLE[0, 1].tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x.reshape(5, 5),
        lambda x: x.transpose(0, 0, 1),
        lambda x: x.broadcast_to((3, 3)),
    ],
)
def test_shapes_that_do_not_fit(x, wrong):
    with pytest.raises(ParameterError, match=r"shape \(2, 3, 4\) cannot take that shape"):
        wrong(x)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x + x[:, :2], "cannot be broadcast together"),
        (lambda x: x.power(np.ones((2, 2), int)), "cannot be broadcast together"),
        (lambda x: x.prod(3), "does not fit an array"),
        (lambda x: x.cumprod(3), "axis of an array of 3 axes is a whole number from -3 to 2"),
        (lambda x: bigint.Modulus(7).array([x[0, 0, 0]]), "to_ints"),
        (lambda x: x.multi_power_vartime([1, 2]), r"exponents of shape \(2,\) do not fit"),
        (lambda x: x.multi_power_vartime(3), "do not fit"),
        (lambda x: x.segment_product([0, 1], 2), r"bins of shape \(2,\) do not fit"),
        (lambda x: x[0, 0].segment_product([0, 1, 2, 3], 3), r"bins go from 0 to 3, outside \[0, 3\)"),
        (lambda x: x[0, 0].segment_product([0, -1, 2, 1], 3), "bins go from -1 to 2"),
        (lambda x: x[0, 0].segment_product([0, 1, 2, 2**70], 3), "more than 63 bits"),
        (lambda x: x[0, 0].segment_product([0.5, 1, 2, 3], 3), "integers were expected"),
        (lambda x: x[0, 0].segment_product([0, 1, 1, 0], -1), "whole number from 0 on"),
        (lambda x: x[0, 0].segment_product([0, 1, 1, 0], 2, mask=[1, 0, 0, 1]), "a mask is boolean"),
        (lambda x: x[0, 0].segment_product([0, 1, 1, 0], 2, mask=[True, False]), "does not fit bins"),
        (lambda x: x * 1.5, "there is float"),
        (lambda x: x * True, "there is bool"),
        (lambda x: x + "7", "there is str"),
        (lambda x: x * [[1], [2, 3]], "rectangular"),
        (lambda x: x * bigint.Modulus(1009).array(3), "residues modulo a number of 10 bits"),
    ],
)
def test_operands_that_do_not_fit(x, wrong, message):
    before = x.to_ints().tolist()
    with pytest.raises(ParameterError, match=message):
        wrong(x)
    assert x.to_ints().tolist() == before


def test_an_index_out_of_range_is_an_index_error(x):
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(TypeError):
        len(x[0, 0, 0])


def test_masked_elements_need_no_bin(x):
    bins = np.array([0, -1, 99, 1])
    got = x[1, 2].segment_product(bins, 2, mask=[True, False, False, True])
    assert got.to_ints().tolist() == [20, 23]


def test_devices_do_not_mix(fake_engine):
    x = MODULUS.array([1, 2])
    y = x.to(fake_engine)
    assert y.device.name == fake_engine
    assert (y * 3).device.name == fake_engine
    assert (y * 3).to("cpu").to_ints().tolist() == [3, 6]
    assert x.to("cpu") is x
    with pytest.raises(DeviceError, match=r"operands are on 'cpu' and 'fake': move one with .to\('cpu'\)"):
        x * y
    with _devices.device(fake_engine):
        assert MODULUS.array(5).device.name == fake_engine
        assert (x + 1).device.name == "cpu"


def test_repr_shows_sizes_only(x):
    assert repr(x) == f"ResidueArray(shape=(2, 3, 4), modulus=Modulus(<89 bits>), device={x.device.name!r})"
    assert repr(MODULUS.fixed_base(5)) == "FixedBase(Modulus(<89 bits>))"
