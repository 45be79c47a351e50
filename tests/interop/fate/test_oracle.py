"""Beside FATE itself: the same calls of its contract and of its tensors, on fate_utils and on hepy, decrypt to the same.

Needs pyfate, fate_utils and torch: make test-interop.
"""

import importlib
import io
import pickle
import random

import pytest

from hepy.interop import fate as ours

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]

BITS = 1024
FLOATS, ALL = ("float64", "float32"), ("float64", "float32", "int64", "int32")


class Side:
    """A contract with a key of its own."""

    def __init__(self, contract):
        self.sk, self.pk, self.coder = contract.keygen(BITS)
        self.ev = contract.evaluator

    def enc(self, tensor):
        return self.pk.encrypt_encoded(self.coder.encode_tensor(tensor), True)

    def dec(self, vector, dtype):
        return self.coder.decode_vec(self.sk.decrypt_to_encoded(vector), dtype)


@pytest.fixture(scope="module")
def sides():
    from fate.arch.protocol.phe import paillier as theirs

    return Side(theirs), Side(ours)


@pytest.fixture(params=range(2))
def torch(request):
    module = importlib.import_module("torch")
    module.manual_seed(request.param)
    return module


def tensor(torch, name, *shape, positive=False):
    dtype = getattr(torch, name)
    if name in FLOATS:
        values = torch.randn(*shape, dtype=torch.float64) * 10.0 ** torch.randint(-3, 4, shape)
        return (values.abs() if positive else values).to(dtype)
    return torch.randint(0 if positive else -(2**20), 2**20, shape, dtype=dtype)


PROGRAMS = {
    "add": lambda s, x, y, t: s.ev.add(s.enc(x), s.enc(y), s.pk),
    "sub": lambda s, x, y, t: s.ev.sub(s.enc(x), s.enc(y), s.pk),
    "rsub": lambda s, x, y, t: s.ev.rsub(s.enc(x), s.enc(y), s.pk),
    "add_plain": lambda s, x, y, t: s.ev.add_plain(s.enc(x), y, s.pk, s.coder, t),
    "sub_plain": lambda s, x, y, t: s.ev.sub_plain(s.enc(x), y, s.pk, s.coder, t),
    "rsub_plain": lambda s, x, y, t: s.ev.rsub_plain(s.enc(x), y, s.pk, s.coder, t),
    "mul_plain": lambda s, x, y, t: s.ev.mul_plain(s.enc(x), y, s.pk, s.coder, t),
    "add_plain_scalar": lambda s, x, y, t: s.ev.add_plain_scalar(s.enc(x), y[0].item(), s.pk, s.coder, t),
    "sub_plain_scalar": lambda s, x, y, t: s.ev.sub_plain_scalar(s.enc(x), y[0].item(), s.pk, s.coder, t),
    "rsub_plain_scalar": lambda s, x, y, t: s.ev.rsub_plain_scalar(s.enc(x), y[0].item(), s.pk, s.coder, t),
    "mul_plain_scalar": lambda s, x, y, t: s.ev.mul_plain_scalar(s.enc(x), y[0].item(), s.pk, s.coder, t),
    "matmul": lambda s, x, y, t: s.ev.matmul(s.enc(x), y, [3, 4], [4, 3], s.pk, s.coder, t),
    "rmatmul": lambda s, x, y, t: s.ev.rmatmul(s.enc(x), y, [3, 4], [4, 3], s.pk, s.coder, t),
    "slice": lambda s, x, y, t: s.ev.slice(s.enc(x), 3, 5),
    "intervals_slice": lambda s, x, y, t: s.ev.intervals_slice(s.enc(x), [(0, 2), (5, 9), (1, 3)]),
    "cat": lambda s, x, y, t: s.ev.cat([s.enc(x), s.enc(y)]),
    "zeros": lambda s, x, y, t: s.ev.add(s.ev.zeros(12, t), s.enc(x), s.pk),
}


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", PROGRAMS)
def test_methods_agree(sides, torch, name, dtype):
    x, y = tensor(torch, dtype, 12), tensor(torch, dtype, 12)
    kind = getattr(torch, dtype)
    theirs, mine = (side.dec(PROGRAMS[name](side, x, y, kind), kind) for side in sides)
    assert theirs.dtype == mine.dtype
    assert torch.equal(theirs, mine)


def order(size, seed=1):
    return random.Random(seed).sample(range(size), size)


POSITIONS = [[0, 3], [1, 4], [2, 5], [0, 0], [2, 3], [5, 1]]
MASKS = [True, False, True, True, False, False, True, False, True, False, True, False]

CHANGES = {
    "i_add": lambda s, a, b: s.ev.i_add(s.pk, a, b, 2, 3, 6),
    "i_add whole": lambda s, a, b: s.ev.i_add(s.pk, a, b),
    "i_add itself": lambda s, a, b: s.ev.i_add(s.pk, a, a),
    "i_sub": lambda s, a, b: s.ev.i_sub(s.pk, a, b, 4, 0),
    "i_sub itself": lambda s, a, b: s.ev.i_sub(s.pk, a, a),
    "i_update": lambda s, a, b: s.ev.i_update(s.pk, a, b, POSITIONS, 2),
    "i_update one": lambda s, a, b: s.ev.i_update(s.pk, a, b, [[0, 11]] * 12, 1),
    "i_update_with_masks": lambda s, a, b: s.ev.i_update_with_masks(s.pk, a, b, POSITIONS, MASKS, 1),
    "i_shuffle": lambda s, a, b: s.ev.i_shuffle(s.pk, a, order(12)),
    "chunking_cumsum_with_step": lambda s, a, b: s.ev.chunking_cumsum_with_step(s.pk, a, [4, 2, 6], 2),
}


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", CHANGES)
def test_methods_that_change_agree(sides, torch, name, dtype):
    x, y = tensor(torch, dtype, 12), tensor(torch, dtype, 12)
    kind, results = getattr(torch, dtype), []
    for side in sides:
        a = side.enc(x)
        assert CHANGES[name](side, a, side.enc(y)) is None
        results.append(side.dec(a, kind))
    assert torch.equal(*results)


def test_shuffles_agree(sides, torch):
    x, indices = tensor(torch, "float64", 12), order(12, 3)
    theirs, mine = (side.dec(side.ev.shuffle(side.pk, side.enc(x), indices), torch.float64) for side in sides)
    assert torch.equal(theirs, mine)
    assert torch.equal(mine, x[indices])


@pytest.mark.parametrize(("bits", "count", "precision", "size"), [(60, 2, 40, 7), (53, 8, 20, 16), (200, 3, 52, 5)])
def test_packing_agrees(sides, torch, bits, count, precision, size):
    x = tensor(torch, "float64", size, positive=True)
    results = []
    for side in sides:
        vector = side.pk.encrypt_encoded(side.coder.pack_floats(x, bits, count, precision), True)
        doubled = side.ev.add(vector, vector, side.pk)
        results.append(side.coder.unpack_floats(side.sk.decrypt_to_encoded(doubled), bits, count, precision, size))
    assert results[0].dtype == results[1].dtype
    assert torch.equal(*results)
    assert results[1].tolist() == pytest.approx((2 * x).tolist(), rel=1e-6, abs=2.0 ** (2 - precision))  # float32


def test_squeezed_gradients_agree(sides, torch):
    g = tensor(torch, "float64", 10, positive=True)
    results = []
    for side in sides:
        vector = side.pk.encrypt_encoded(side.coder.pack_floats(g, 60, 2, 40), True)
        squeezed = side.sk.decrypt_to_encoded(side.ev.pack_squeeze(vector, 3, 120, side.pk))
        results.append(side.coder.unpack_floats(squeezed, 60, 6, 40, 10))
    assert torch.equal(*results)


@pytest.mark.parametrize("dtype", ALL)
def test_scalars_and_tensors_encode_and_decode_alike(sides, torch, dtype):
    kind = getattr(torch, dtype)
    x = tensor(torch, dtype, 3, 4)
    encoded = [side.coder.encode_tensor(x, kind) for side in sides]
    decoded = [side.coder.decode_tensor(e, kind, x.shape) for side, e in zip(sides, encoded, strict=True)]
    assert torch.equal(*decoded)
    assert decoded[1].dtype == decoded[0].dtype
    short = {"float64": "f64", "float32": "f32", "int64": "i64", "int32": "i32"}[dtype]
    value = x[0, 0]
    one, other = (getattr(side.coder, f"decode_{short}")(side.coder.encode(value)) for side in sides)
    assert one == other
    assert type(one) is type(other)


# FATE's tensors, on either cipher.


@pytest.fixture(scope="module")
def ciphers(sides):
    from fate.arch.tensor.phe import PHETensorCipher

    return [PHETensorCipher.from_raw_cipher(side.pk, side.coder, side.sk, side.ev) for side in sides]


TENSORS = {
    "x + y": lambda torch, x, y, t: x + y,
    "x - y": lambda torch, x, y, t: x - y,
    "x + t": lambda torch, x, y, t: x + t,
    "t - x": lambda torch, x, y, t: torch.rsub(x, t),
    "x * t": lambda torch, x, y, t: x * t,
    "x * 0.5": lambda torch, x, y, t: x * 0.5,
    "2 - x": lambda torch, x, y, t: 2 - x,
    "x @ t": lambda torch, x, y, t: torch.matmul(x, t.T),
    "t @ x": lambda torch, x, y, t: torch.matmul(t.T, x),
    "x[1]": lambda torch, x, y, t: x[1],
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", TENSORS)
def test_fates_tensors_agree(ciphers, torch, name, dtype):
    x, y, t = (tensor(torch, dtype, 3, 4) for _ in range(3))
    results = []
    for cipher in ciphers:
        encrypted = [cipher.pk.encrypt_tensor(value, obfuscate=True) for value in (x, y)]
        results.append(cipher.sk.decrypt_tensor(TENSORS[name](torch, *encrypted, t)))
    assert results[0].shape == results[1].shape
    assert torch.equal(*results)


def test_integers_wrap_as_secret_shares_do(ciphers, torch):
    """FATE's SSHE protocols compute in Z / 2**64 and subtract random shares: int64 decodes modulo 2**64."""
    x = torch.randint(-(2**62), 2**62, (2, 3), dtype=torch.int64)
    mask = torch.randint(-(2**62), 2**62, (2, 3), dtype=torch.int64)
    results = []
    for cipher in ciphers:
        encrypted = cipher.pk.encrypt_tensor(x, obfuscate=True)
        results.append(cipher.sk.decrypt_tensor(encrypted * mask - mask))
    assert torch.equal(*results)
    assert torch.equal(results[1], x * mask - mask)


# register().


@pytest.fixture
def registered():
    ours.register()
    yield
    ours.unregister()


def built():
    from fate.arch.context._cipher import PHECipherBuilder

    return PHECipherBuilder(None, "paillier", BITS).setup()


def test_the_builder_makes_hepys_keys_and_fates_again(registered):
    from fate.arch.protocol.phe import paillier as theirs

    kit = built()
    assert isinstance(kit.pk, ours.PK)
    assert isinstance(kit.sk, ours.SK)
    assert kit.evaluator is ours.evaluator
    assert (kit.can_support_pack, kit.can_support_squeeze, kit.can_support_negative_number) == (True, True, True)
    ours.unregister()
    assert isinstance(built().pk, theirs.PK)


def received(data):
    from fate.arch.federation.api import TableRemotePersistentUnpickler

    return TableRemotePersistentUnpickler(None, None, "name", "tag", ("guest", "9999"), io.BytesIO(data)).load()


def test_fates_restricted_unpickler_lets_hepys_objects_through(registered, torch):
    kit = built()
    x = torch.randn(4, dtype=torch.float64)
    sent = pickle.dumps((kit.to_public(), kit.get_tensor_encryptor().encrypt_tensor(x, obfuscate=True).data))
    public, vector = received(sent)
    assert public.pk.public_key == kit.pk.public_key
    assert torch.equal(kit.coder.decode_f64_vec(kit.sk.decrypt_to_encoded(vector)), x)
    ours.unregister()
    with pytest.raises(ValueError, match="restricted"):
        received(sent)


def test_a_secret_key_does_not_reach_another_party(registered):
    with pytest.raises(ValueError, match="restore_secret"):
        received(pickle.dumps(built().sk))
