"""Pickles of the adapter's objects are its wire form: what passes, what a hostile sender gets, and who keeps secrets."""

import pickle
import pickletools

import numpy as np
import pytest

from hepy.errors import HepyError, MissingKeyError, ParameterError, WireFormatError
from hepy.interop.fate import PK, SK, evaluator, keygen, of_key, serialization, worker_keys
from hepy.interop.fate.errors import ArgumentTypeError
from hepy.interop.fate.fixed_point import MAX_EXPONENT


def unpickled(data):
    return pickle.loads(data)  # noqa: S301


def again(obj):
    return unpickled(pickle.dumps(obj))


def named(obj):
    """Modules and names that an unpickler would look up."""
    found, strings = set(), []
    for opcode, argument, _ in pickletools.genops(pickle.dumps(obj)):
        if opcode.name.endswith("UNICODE"):
            strings.append(argument)
        if opcode.name == "STACK_GLOBAL":
            found.add(tuple(strings[-2:]))
    return found


@pytest.fixture
def ciphertexts(djn):
    _, pk, coder = djn
    return pk.encrypt_encoded(coder.encode_tensor(np.array([1.5, -2.0, 1e10, 0.0])), True)


def test_objects_come_back(djn, ciphertexts):
    sk, pk, coder = djn
    assert again(pk).public_key == pk.public_key
    assert again(coder).public_key == coder.public_key
    back = again(ciphertexts)
    assert back.exponents.tolist() == ciphertexts.exponents.tolist()
    assert coder.decode_f64_vec(sk.decrypt_to_encoded(back)).tolist() == [1.5, -2.0, 1e10, 0.0]
    encoded = again(coder.encode_tensor(np.array([0.5, 2**62])))
    assert coder.decode_f64_vec(encoded).tolist() == [0.5, 2**62]
    assert again(evaluator) is evaluator


def test_a_vector_that_met_no_key_comes_back(djn):
    zeros = again(evaluator.zeros(3, None))
    assert len(zeros) == 3
    assert zeros.public_key is None


def test_untouched_bins_keep_having_no_exponent(djn):
    _, pk, coder = djn
    histogram = evaluator.zeros(2, None)
    large = pk.encrypt_encoded(coder.encode_tensor(np.array([1e20])), False)
    evaluator.i_update(pk, histogram, large, [[0]], 1)
    back = again(histogram)
    evaluator.i_update(pk, back, large, [[1]], 1)
    assert back.exponents.tolist() == [3, 3]


def test_ciphertexts_pass_as_they_stand(djn, ciphertexts):
    """FATE does not rerandomize what it sends: the adapter follows it."""
    key = djn[1].public_key
    before, after = (vector.parts(key)[0].to_ints().tolist() for vector in (ciphertexts, again(ciphertexts)))
    assert before == after


def test_a_receivers_whitelist_needs_the_names_that_are_listed_and_no_more(djn, ciphertexts):
    _, pk, coder = djn
    listed = {(module, name) for module, names in serialization.NAMES.items() for name in names}
    objects = [pk, coder, ciphertexts, evaluator.zeros(1, None), coder.encode_tensor(np.array([1.0])), evaluator]
    assert set().union(*map(named, objects)) == listed


def test_a_public_key_travels_without_its_owner(djn):
    assert djn[1]._owner is not None
    assert again(djn[1])._owner is None


def test_a_secret_key_is_not_pickled(djn, monkeypatch):
    monkeypatch.delenv(worker_keys.WORKER_PASSWORD, raising=False)
    with pytest.raises(ParameterError, match="secret keys are not pickled"):
        pickle.dumps(djn[0])


@pytest.mark.parametrize(
    "make", [lambda: "a party's own", worker_keys.drawn_password, lambda: "drawn:0"], ids=["own", "drawn", "odd"]
)
def test_a_secret_key_reaches_workers_that_know_the_partys_password(djn, ciphertexts, monkeypatch, make):
    (sk, _, coder), password = djn, make()
    monkeypatch.setenv(worker_keys.WORKER_PASSWORD, password)
    data = pickle.dumps(sk)
    ((module, name),) = named(sk)
    assert name in serialization.OWN_NAMES[module] - serialization.NAMES[module]
    secret = sk.private_key._secret
    assert all(prime.to_bytes(32, order) not in data for prime in (secret.p, secret.q) for order in ("little", "big"))
    back = unpickled(data)
    assert isinstance(back, SK)
    assert coder.decode_f64_vec(back.decrypt_to_encoded(ciphertexts)).tolist() == [1.5, -2.0, 1e10, 0.0]
    with pytest.raises(WireFormatError):
        serialization.restore_secret(b"")
    for other in ("another party's", worker_keys.drawn_password()):
        monkeypatch.setenv(worker_keys.WORKER_PASSWORD, other)
        with pytest.raises(WireFormatError):
            unpickled(data)
    monkeypatch.delenv(worker_keys.WORKER_PASSWORD)
    with pytest.raises(MissingKeyError, match="register"):
        unpickled(data)


def test_secrets_are_in_no_repr(djn):
    secret = djn[0].private_key._secret
    shown = repr(djn)
    assert str(secret.p) not in shown
    assert f"{secret.p:x}" not in shown


@pytest.mark.parametrize(
    ("restore", "arguments"),
    [
        ("restore_public", (b"",)),
        ("restore_public", ("text",)),
        ("restore_coder", (b"\0" * 64,)),
        ("restore_zeros", (-1,)),
        ("restore_zeros", (1 << 62,)),
        ("restore_zeros", (1 << 27,)),
        ("restore_zeros", ([3],)),
        ("restore_plaintexts", ([1.5], b"")),
        ("restore_plaintexts", ([1], b"\0")),
        ("restore_plaintexts", ("1", b"")),
        ("restore_ciphertexts", (b"", b"", b"")),
    ],
)
def test_hostile_bytes_are_refused(restore, arguments):
    with pytest.raises(HepyError):
        getattr(serialization, restore)(*arguments)


@pytest.mark.parametrize("count", [1, 4])
def test_hostile_ciphertexts_are_refused(djn, ciphertexts, count):
    restore, (key, residues, exponents) = ciphertexts.slice(0, count).__reduce__()
    public = djn[1].public_key
    size = 2 * public.bits // 8
    cases = {
        "not below n": (key, residues[:-size] + public.modulus.n.to_bytes(size, "little"), exponents),
        "shares a factor": (key, residues[:-size] + public.n.to_bytes(size, "little"), exponents),
        "the element at index .* shares": (key, residues[:-size] + bytes(size), exponents),
        "of 128 bytes": (key, residues[:-1], exponents),
        "no message": (residues, residues, exponents),
        f"{count} numbers": (key, residues, exponents + bytes(4)),
        "is missing": (key, residues, exponents[:-4] + (2**31 - 1).to_bytes(4, "little")),
        "beyond": (key, residues, (MAX_EXPONENT + 1).to_bytes(4, "little") * count),
    }
    for reason, arguments in cases.items():
        with pytest.raises(HepyError, match=reason):
            restore(*arguments)
    assert len(restore(key, residues, exponents)) == count
    largest = public.modulus.n - 1  # a unit: -1
    at_the_edge = restore(key, residues[:-size] + largest.to_bytes(size, "little"), exponents)
    assert at_the_edge.parts(public)[0].to_ints().tolist()[-1] == largest


def test_a_short_key_gives_one_warning(monkeypatch):
    from hepy.interop import insecure_keys

    monkeypatch.setattr(insecure_keys, "_warned", False)
    with pytest.warns(insecure_keys.InsecureKeyWarning, match="256 bits"):
        _, pk, _ = keygen(256, seed=bytes(32))
    keygen(np.int64(256), seed=bytes(32))  # warnings are errors in this suite
    assert isinstance(pk, PK)


def test_keys_that_fate_cannot_use_are_refused():
    with pytest.raises(ParameterError, match="subgroup"):
        keygen(2048, "subgroup")
    with pytest.raises(ParameterError):
        keygen(2050)
    with pytest.raises(ParameterError):
        keygen("2048")
    with pytest.raises(ArgumentTypeError, match="PrivateKey was expected, not int"):
        of_key(3)
