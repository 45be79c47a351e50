"""The adapter beside phe itself: run by make test-interop, in an environment that has both."""

import operator
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepy.interop.phe import from_phe, jwk, paillier, to_phe, util

pytestmark = pytest.mark.interop

INTEGERS = st.one_of(st.integers(-(2**80), 2**80), st.integers(-9, 9), st.integers(-(2**1030), 2**1030))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TAME_FLOATS = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-12)
SCALARS = st.one_of(INTEGERS, TAME_FLOATS, TAME_FLOATS, FLOATS)
PRECISIONS = st.one_of(st.none(), st.sampled_from([1, 0.1, 1e-3, 2**-20, 16, 1000]))
MOST = st.one_of(st.none(), st.integers(-40, 4))


@pytest.fixture(scope="module")
def phe():
    import phe
    import phe.util

    return phe


@pytest.fixture(scope="module", params=["1024 bits", "256 bits"])
def both(request, pairs, phe, programs):
    """Key pairs of equal primes: the adapter's and phe's."""
    ours = pairs[request.param]
    return ours, programs.keys(phe.paillier, ours[1].p, ours[1].q)


def outcome(function, *arguments):
    """What it returned, or the class of what it raised."""
    try:
        return function(*arguments), None
    except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError) as error:
        return None, type(error)


def agree(ours, theirs):
    """Both raised, ours what catches theirs; or neither."""
    assert (ours[1] is None) == (theirs[1] is None), (ours, theirs)
    if theirs[1] is not None:
        assert issubclass(ours[1], theirs[1])
        return False
    return True


@st.composite
def steps(draw, programs):
    """A program, as tests/vectors/make_phe.py makes them, but of anything."""
    count = draw(st.integers(2, 14))
    program = []
    text = SCALARS.map(programs.as_text)
    for at in range(count):
        place = st.integers(max(0, at - 5), at - 1) if at else None
        kinds = ["encrypt"] if at < 2 else ["encrypt", "encrypt_encoded", "+", "-", "*", "/", "+encoded", "*encoded", "lower", "sum", "dot"]  # fmt: skip
        name = draw(st.sampled_from(kinds))
        r = draw(st.integers(2, 10**6))
        if name == "encrypt":
            step = [draw(text), draw(PRECISIONS), r]
        elif name == "encrypt_encoded":
            step = [draw(text), draw(PRECISIONS), draw(MOST), r]
        elif name in "+-*":
            step = draw(
                st.sampled_from([[place, place], [place, text], [text, place]]).flatmap(lambda p: st.tuples(*p))
            )
        elif name == "/":
            step = [draw(place), draw(text)]
        elif name in ("+encoded", "*encoded"):
            step = [draw(place), draw(text), draw(PRECISIONS), draw(MOST)]
        elif name == "lower":
            step = [draw(place), draw(st.integers(-60, 5))]
        else:
            places = draw(st.lists(place, min_size=1, max_size=10))
            step = [places] if name == "sum" else [places, [draw(text) for _ in places]]
        program.append([name, *step])
    return program


@settings(max_examples=200)
@given(data=st.data())
def test_programs(data, both, phe, programs):
    """Exponents, ciphertexts, decrypted numbers and errors of every step."""
    program = data.draw(steps(programs))
    told = [programs.run(module, *keys, program) for module, keys in zip((paillier, phe.paillier), both, strict=True)]
    for step, ours, theirs in zip(program, *told, strict=True):
        for what in ("raised", "decryption raised"):
            assert (what in ours) == (what in theirs), (step, ours, theirs)
            if what in theirs:
                assert issubclass(ours[what], theirs[what]), (step, ours, theirs)
        for what in ("exponent", "ciphertext", "decrypted"):
            assert ours.get(what) == theirs.get(what), (step, ours, theirs)


@settings(max_examples=500)
@given(
    scalar=SCALARS,
    precision=PRECISIONS,
    most=MOST,
    base=st.sampled_from([16, 2, 3, 10, 64, 1000]),
    new=st.integers(-80, 5),
)
def test_encodings(scalar, precision, most, base, new, both, phe):
    import math

    made = []
    for module, (key, _) in zip((paillier, phe.paillier), both, strict=True):
        kind = type("Encoded", (module.EncodedNumber,), {"BASE": base, "LOG2_BASE": math.log2(base)})
        made.append(outcome(kind.encode, key, scalar, precision, most))
    if agree(*made):
        (ours, _), (theirs, _) = made
        assert (ours.encoding, ours.exponent) == (theirs.encoding, theirs.exponent)
        decoded = outcome(ours.decode), outcome(theirs.decode)
        assert agree(*decoded) is False or repr(decoded[0][0]) == repr(decoded[1][0])
        lowered = outcome(ours.decrease_exponent_to, new), outcome(theirs.decrease_exponent_to, new)
        if agree(*lowered):
            assert lowered[0][0].encoding == lowered[1][0].encoding


@settings(max_examples=30)
@given(data=st.data())
def test_arrays_of_objects(data, both, phe):
    """numpy on arrays of numbers, and on EncryptedArray: the same exponents and numbers as on phe's."""
    (key, private_key), (their_key, their_private_key) = both
    size = data.draw(st.integers(1, 12))
    vector = st.lists(st.one_of(st.integers(-1000, 1000), st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-4)), min_size=size, max_size=size)  # fmt: skip
    values, weights = data.draw(vector), data.draw(vector)
    mine = np.array([key.encrypt(value) for value in values])
    batch = key.encrypt_array(values)
    theirs = np.array([their_key.encrypt(value) for value in values])
    matrix = np.array([weights, weights[::-1]], dtype=object)
    for operation in (
        lambda x: np.dot(x, weights),
        lambda x: np.dot(matrix, x),
        lambda x: x @ matrix.T,
        lambda x: x + np.array(weights, dtype=object),
        lambda x: np.array(weights, dtype=object) - x,
        lambda x: x * np.array(weights, dtype=object),
        lambda x: x - x[::-1],
        lambda x: x / 3,
        lambda x: np.sum(x),
        lambda x: sum(x),
        lambda x: np.mean(x),
        lambda x: np.cumsum(x),
    ):
        expected = outcome(operation, theirs)
        for own in (mine, batch):
            got = outcome(operation, own)
            if not agree(got, expected):
                continue
            ours, other = (np.asarray(result[0], dtype=object).ravel() for result in (got, expected))
            assert [number.exponent for number in ours] == [number.exponent for number in other]
            for number, another in zip(ours, other, strict=True):
                decrypted = outcome(private_key.decrypt, number), outcome(their_private_key.decrypt, another)
                assert agree(*decrypted) is False or repr(decrypted[0][0]) == repr(decrypted[1][0])


def test_conversions(both, phe):
    (key, private_key), (their_key, their_private_key) = both
    assert to_phe(key) == their_key and from_phe(their_key) == key
    assert to_phe(private_key) == their_private_key and from_phe(their_private_key) == private_key
    assert from_phe(their_key, variant="classic").variant == "classic"
    number, theirs = key.encrypt(2.5), their_key.encrypt(2.5)
    assert their_private_key.decrypt(to_phe(number) + theirs) == 5.0
    assert private_key.decrypt(from_phe(theirs) + number) == 5.0
    assert [their_private_key.decrypt(x) for x in to_phe([number, number * 2])] == [2.5, 5.0]
    assert [private_key.decrypt(x) for x in from_phe((theirs, theirs * 2))] == [2.5, 5.0]
    array = to_phe(key.encrypt_array([[1, 2], [3, 4]]))
    assert array.shape == (2, 2) and their_private_key.decrypt(array.sum()) == 10
    assert private_key.decrypt_array(from_phe(array)).tolist() == [[1, 2], [3, 4]]
    encoded = paillier.EncodedNumber.encode(key, -1.5)
    back = from_phe(to_phe(encoded))
    assert (back.encoding, back.exponent) == (encoded.encoding, encoded.exponent)
    ring = to_phe(paillier.PaillierPrivateKeyring([private_key]))
    assert ring.decrypt(theirs) == from_phe(ring).decrypt(number) == 2.5
    for function, value in ((to_phe, 5), (from_phe, 5), (to_phe, theirs), (from_phe, number)):
        with pytest.raises(TypeError):
            function(value)


def test_another_base_does_not_convert(both, phe):
    (key, _), (their_key, _) = both
    for module, own, function in ((paillier, key, to_phe), (phe.paillier, their_key, from_phe)):
        kind = type("Encoded", (module.EncodedNumber,), {"BASE": 10, "LOG2_BASE": 3.3})
        with pytest.raises(ValueError, match="base"):
            function(kind.encode(own, 5))


def test_files_of_either_are_the_others(tmp_path, phe, both):
    (key, private_key), _ = both
    pheutil = [sys.executable, "-c", "from phe.command_line import cli; cli()"]

    def run(*arguments):
        return subprocess.run([*pheutil, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    jwk.save(private_key, tmp_path / "private")
    jwk.save(key, tmp_path / "public")
    run("extract", "private", "extracted")
    assert jwk.load(tmp_path / "extracted") == key
    run("encrypt", "--output", "theirs", "public", "2.5")
    (tmp_path / "ours").write_text(jwk.number_to_json(key.encrypt(1.25)))
    assert private_key.decrypt(jwk.number_from_json(key, (tmp_path / "theirs").read_text())) == 2.5
    assert float(run("decrypt", "private", "ours")) == 1.25
    run("addenc", "--output", "sum", "public", "ours", "theirs")
    assert private_key.decrypt(jwk.number_from_json(key, (tmp_path / "sum").read_text())) == 3.75


@pytest.mark.parametrize("name", ["powmod", "mulmod", "invert", "extended_euclidean_algorithm", "isqrt", "is_prime"])
@settings(max_examples=50)
@given(a=st.integers(0, 2**70), b=st.integers(2, 2**70), c=st.integers(2, 2**70))
def test_helpers(name, a, b, c, phe):
    arguments = (a, b, c)[: {"powmod": 3, "mulmod": 3, "isqrt": 1, "is_prime": 1}.get(name, 2)]
    ours, theirs = (outcome(getattr(module, name), *arguments) for module in (util, phe.util))
    if agree(ours, theirs):
        assert ours[0] == theirs[0]


@given(st.integers(1, 2**600))
def test_base64(number):
    import phe.util

    text = phe.util.int_to_base64(number)
    assert util.int_to_base64(number) == text and util.base64_to_int(text) == number


def test_keys_are_shown_alike(both):
    for own, their in zip(*both, strict=True):
        assert repr(own) == repr(their)


def test_raw_decryption_of_anything(both):
    (key, private_key), (_, theirs) = both
    p = private_key.p
    for ciphertext in (0, 1, -1, 2, p, p * p, key.n, key.nsquare - 1, key.nsquare + 12345, -12345):
        assert private_key.raw_decrypt(ciphertext) == theirs.raw_decrypt(ciphertext)


@pytest.mark.parametrize("module", ["paillier", "encoding", "util"])
def test_every_name_is_here(module, phe):
    from hepy.interop import phe as adapter

    theirs, ours = getattr(phe, module), getattr(adapter, module)
    for name, value in vars(theirs).items():
        if name.startswith("_") or getattr(value, "__module__", theirs.__name__) != theirs.__name__:
            continue  # hidden, or imported from elsewhere
        if isinstance(value, types.ModuleType):
            continue
        assert hasattr(ours, name), name
        for attribute in vars(value) if isinstance(value, type) else ():
            public = not attribute.startswith("_") or attribute.startswith(("_raw", "_add"))
            assert not public or hasattr(getattr(ours, name), attribute), f"{name}.{attribute}"


def test_pickled_numbers_of_either_are_the_same_plaintext(both):
    (key, private_key), (their_key, their_private_key) = both
    for own, decrypt in ((key, private_key.decrypt), (their_key, their_private_key.decrypt)):
        number = pickle.loads(pickle.dumps(operator.mul(own.encrypt(3), 0.5)))  # noqa: S301
        assert decrypt(number) == 1.5 and number.exponent == -14
