"""Contexts and ciphertexts as messages: there and back, selected keys, known sizes, and what is refused."""

import copy
import json
import pickle

import numpy as np
import pytest

import hepy


def dissect(message):
    """Fields, tensor entries with their bytes, in order."""
    length = int.from_bytes(message[:8], "little")
    header = json.loads(message[8 : 8 + length])
    fields = json.loads(header.pop("__metadata__")["hepy"])
    data = message[8 + length :]
    return fields, {name: (entry, data[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def assemble(fields, tensors):
    header = {"__metadata__": {"hepy": json.dumps(fields, sort_keys=True, separators=(",", ":"))}}
    at, data = 0, b""
    for name, (entry, content) in tensors.items():
        header[name] = {**entry, "data_offsets": [at, at + len(content)]}
        at, data = at + len(content), data + content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def forged(message, change_fields=lambda fields: None, change_tensors=lambda tensors: None):
    fields, tensors = dissect(message)
    change_fields(fields)
    change_tensors(tensors)
    return assemble(fields, tensors)


def arrays(context, values):
    x = context.encrypt(values(2, 3, 5), bound=1)
    return {
        "seeded": x,
        "public": context.public().encrypt(values(4)),
        "computed": x * x + x,
        "complex": context.encrypt(values(32) * 1j),
        "coefficients": context.encrypt(values(64), in_coefficients=True),
        "product": x.multiply(x, lazy=True),
        "empty": context.encrypt(np.zeros((0, 3))),
        "rotated": x.rotate(1),
        "sum": x.inner_sum(),
    }


def test_arrays_come_back_as_they_were(toy, values):
    for name, x in arrays(toy, values).items():
        message = hepy.dumps(x, rerandomize=False)
        y = hepy.loads(message, toy)
        assert (y.shape, y.level, y.scale, y.slots, y.components) == (
            x.shape,
            x.level,
            x.scale,
            x.slots,
            x.components,
        ), name
        assert (y.is_complex, y.in_coefficients, y.fresh) == (x.is_complex, x.in_coefficients, False)
        assert y.precision_bits == pytest.approx(x.precision_bits, abs=1e-9)
        assert hepy.dumps(y, rerandomize=False) == message
        assert y._parts.equal(x._parts).all()
        assert y.digest() == x.digest() == hepy.loads(message).digest()
        assert hepy.describe(message).parameters["shape"] == list(x.shape)


def test_seeded_ciphertexts_and_keys_are_half_as_large(toy, values):
    params, header = toy.parameters, 1024
    x = toy.encrypt(values(8, 32))
    assert len(hepy.dumps(x)) < 8 * params.ciphertext_bytes(seeded=True) + header
    assert len(hepy.dumps(x + x)) > 8 * params.ciphertext_bytes()
    for selection in ({}, {"rotations": (1, 2, 4)}, {"relinearization": False, "encryption": False, "rotations": (1,)}):
        size = toy.public_bytes(**selection)
        rotations = selection.pop("rotations", ())
        message = hepy.dumps(toy.public(rotations, **selection))
        assert size <= len(message) < size + 2048


def test_what_leaves_is_rerandomized_unless_it_is_fresh(toy, values):
    x = toy.encrypt(values(3, 32))
    assert x.fresh and x[0].fresh and not x[[0, 0]].fresh
    assert hepy.dumps(x) == hepy.dumps(x, rerandomize=False)
    y = x + x
    assert hepy.dumps(y) != hepy.dumps(y)
    assert np.abs(toy.decrypt(hepy.loads(hepy.dumps(y), toy)) - toy.decrypt(y)).max() < 2.0**-28
    assert hepy.dumps(y, seed=bytes(32)) == hepy.dumps(y, seed=bytes(32))


def test_no_factor_shows_in_a_message(toy, values):
    """Accounts travel where they follow from declared bounds alone: a weight is its owner's, whether integer or not."""
    x = toy.encrypt(values(32), seed=bytes(32))
    for undeclared in (7, -7, np.int64(7), 7.0, [7.0]):
        assert dissect(hepy.dumps(x * undeclared))[0]["account"] == {}
    accounts = [dissect(hepy.dumps(x.multiply(weight, bound=8)))[0]["account"] for weight in (1, -7, 8)]
    assert accounts[0] == accounts[1] == accounts[2] != {}
    with pytest.raises(hepy.EncodingOverflowError, match="declared bound of 8"):
        x.multiply(9, bound=8)


def test_a_server_computes_with_what_it_was_sent(toy, values):
    a = values(2, 32)
    server = hepy.loads(hepy.dumps(toy.public(rotations=(1, 2))))
    assert server.fingerprint == toy.fingerprint and server.keys.rotations == (1, 2)
    assert hepy.dumps(server) == hepy.dumps(toy.public(rotations=(1, 2)))
    x = hepy.loads(hepy.dumps(toy.encrypt(a)), server)
    result = hepy.loads(hepy.dumps((x * x).rotate(2) - x), toy)
    assert np.abs(toy.decrypt(result) - (np.roll(a * a, -2, axis=-1) - a)).max() < 2.0**-28


def test_a_context_is_saved_under_a_password(toy, tmp_path, values):
    path, x = tmp_path / "context.hepy", toy.encrypt(values(32))
    hepy.save(toy, path, password="pässword")
    with pytest.raises(hepy.MissingKeyError, match="password"):
        hepy.load(path)
    loaded = hepy.load(path, password="pässword")
    assert loaded.fingerprint == toy.fingerprint and loaded.parameters == toy.parameters
    assert (loaded.decrypt(hepy.loads(hepy.dumps(x), loaded)) == toy.decrypt(x)).all()
    y = loaded.encrypt([0.5])
    assert toy.decrypt(hepy.loads(hepy.dumps((y * y).rotate(1)), toy)).round(4).tolist() == [0.25]
    with pytest.raises(hepy.ParameterError, match="password"):
        hepy.dumps(toy)
    assert "everything" in str(hepy.describe(toy))


def test_ciphertexts_and_public_contexts_are_pickled_by_their_wire_form(toy, values):
    x = toy.encrypt(values(4), seed=bytes(32))
    y = pickle.loads(pickle.dumps(x))  # noqa: S301
    assert y.digest() == x.digest() and not hasattr(y.context, "decrypt")
    assert "seeded=True" in repr(y)
    assert pickle.loads(pickle.dumps(toy.public())).fingerprint == toy.fingerprint  # noqa: S301


def test_copies_of_what_never_changes_are_itself(toy, values):
    x = toy.encrypt(values(4))
    assert copy.copy(x) is x and copy.deepcopy([x])[0] is x and copy.deepcopy(toy) is toy


def test_a_pickle_of_many_arrays_has_their_context_once(toy, values):
    arrays = [toy.encrypt(values(4)) for _ in range(5)]
    one, five = len(pickle.dumps(arrays[0])), len(pickle.dumps(arrays))
    assert five < one + 4 * (len(hepy.dumps(arrays[0])) + 512)
    back = pickle.loads(pickle.dumps(arrays))  # noqa: S301
    assert all(x.context is back[0].context for x in back)
    toy.keys.make((11,))  # a key that was made since goes along
    assert 11 in pickle.loads(pickle.dumps(arrays[0])).context.keys.rotations  # noqa: S301


def test_without_the_context_ciphertexts_are_locked(toy, digits):
    x = toy.encrypt([1.0])
    locked = hepy.loads(hepy.dumps(x))
    assert locked.shape == (1,) and locked.level == 3
    with pytest.raises(hepy.MissingKeyError, match=toy.fingerprint):
        locked + 1
    assert toy.decrypt(locked.unlock(toy)).round(6).tolist() == [1]
    with pytest.raises(hepy.KeyMismatchError, match="their own"):
        locked.unlock(digits)
    with pytest.raises(hepy.ParameterError, match="Context"):
        hepy.loads(hepy.dumps(x), "key")


def test_arrays_of_as_many_axes_as_every_numpy_can_hold(toy):
    x = toy.encrypt(np.ones((1,) * 29 + (3,)))
    assert toy.decrypt(hepy.loads(hepy.dumps(x), toy)).shape == x.shape
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with pytest.raises(hepy.ParameterError, match="31 axes exceed the 30"):
            hepy.dumps(x[None])


def setting(name, value):
    return lambda fields: fields.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (setting("level", 9), "level"),
        (setting("level", 2), "widths: .*level 2"),
        (setting("log_n", 7), "tensor"),
        (setting("widths", [30, 30, 30]), "tensor"),
        (setting("widths", []), "is empty, and a level"),
        (setting("widths", [32]), "widths"),
        (setting("widths", [1 << 40]), "widths"),
        (setting("components", 3), "three components"),
        (setting("components", 4), "components"),
        (setting("slots", 3), "power of two"),
        (setting("slots", 2), "power of two"),
        (setting("shape", []), "shape"),
        (setting("shape", [3]), "tensor"),
        (setting("shape", [2, 1 << 45]), "shape"),
        (setting("shape", [1] * 30 + [3]), "shape"),
        (setting("scale", "0"), "below 1"),
        (setting("scale", "7ff0000000000000"), "no finite number"),
        (setting("scale", "7ff8000000000000"), "no finite number"),
        (setting("scale", "7fe0000000000000"), "exceeds the modulus"),
        (setting("scale", "bff0000000000000"), "no finite number"),
        (setting("values", "quaternion"), "values"),
        (setting("encoding", "coefficients"), "is not N"),
        (setting("account", {"bound": "3ff0000000000000"}), "error"),
        (setting("account", 1), "account"),
        (setting("seeded", 2), "seeded"),
        (setting("seeded", 0), "tensor"),
        (setting("extra", 0), "unknown"),
        (lambda fields: fields.pop("scale"), "missing"),
    ],
)
def test_foreign_ciphertext_headers_are_refused(toy, change, says):
    message = hepy.dumps(toy.encrypt([[1.0, 2, 3], [4, 5, 6]]))
    assert hepy.loads(forged(message), toy).shape == (2, 3)
    with pytest.raises(hepy.WireFormatError, match=says):
        hepy.loads(forged(message, change), toy)


def test_foreign_residues_are_refused(toy):
    def too_large(tensors):
        entry, data = tensors["body"]
        tensors["body"] = entry, b"\xff\xff\xff\xff" + data[4:]

    def zero(tensors):
        entry, data = tensors["parts"]
        tensors["parts"] = entry, data[: len(data) // 2] + bytes(len(data) - len(data) // 2)

    x = toy.encrypt([1.0])
    with pytest.raises(hepy.WireFormatError, match=r"body.*below its prime"):
        hepy.loads(forged(hepy.dumps(x), change_tensors=too_large), toy)
    with pytest.raises(hepy.WireFormatError, match="c1 = 0"):
        hepy.loads(forged(hepy.dumps(x + x), change_tensors=zero), toy)
    message = hepy.dumps(x)
    for end in (0, 7, 100, len(message) - 1):
        with pytest.raises(hepy.WireFormatError):
            hepy.loads(message[:end], toy)


def inside(name, value):
    return lambda fields: fields["parameters"].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (setting("elements", [1]), "elements"),
        (setting("elements", [5, 0]), "elements"),
        (setting("elements", [0, 0]), "elements"),
        (setting("encryption", 0), "tensor"),
        (setting("fingerprint", "0" * 64), "fingerprint"),
        (inside("log_n", 5), "tensor|parameters"),
        (inside("scale_bits", 35), "parameters"),
        (inside("scale_bits", 41), "parameters: .*40 or 45"),
        (inside("security", 128), "parameters: .*no 128-bit security"),
        (inside("security", 1), "parameters: security"),
        (inside("secret", "sparse"), "fingerprint"),
        (inside("special", [5]), "parameters"),
        (inside("special", [129]), "129 is no prime"),  # 3 * 43, and 1 modulo 2N
        (lambda fields: inside("special", fields["parameters"]["pool"][:1])(fields), "a prime occurs twice"),
        (inside("digits", [1]), "parameters"),
        (inside("pool", [5, 7]), "set_places"),
        (inside("set_sizes", [1]), "set_sizes"),
        (inside("value_bits", 25), "parameters: .*room"),
    ],
)
def test_foreign_contexts_are_refused(toy, change, says):
    message = hepy.dumps(toy.public(rotations=(1,)))
    assert hepy.loads(forged(message)).fingerprint == toy.fingerprint
    with pytest.raises(hepy.WireFormatError, match=says):
        hepy.loads(forged(message, change))


def test_a_changed_word_of_the_encryption_key_is_found(toy):
    def change(tensors):
        entry, data = tensors["encryption_b"]
        tensors["encryption_b"] = entry, bytes([data[0] ^ 1]) + data[1:]

    with pytest.raises(hepy.WireFormatError, match="fingerprint"):
        hepy.loads(forged(hepy.dumps(toy.public()), change_tensors=change))


def test_foreign_secrets_are_refused(toy):
    message = hepy.dumps(toy, unencrypted=True)

    def byte(name, value):
        def change(tensors):
            entry, data = tensors[name]
            tensors[name] = entry, bytes([value]) + data[1:]

        return change

    for name, value, says in (
        ("secret", 0xFF, "none of -1, 0 and 1"),
        ("error", 59, "exceeds 29"),
        ("seed", 0, "fingerprint"),
    ):
        with pytest.raises(hepy.WireFormatError, match=says):
            hepy.loads(forged(message, change_tensors=byte(name, value)))

    def overspent(tensors):
        tensors["sharing"] = tensors["sharing"][0], np.array([1, 2], "<u8").tobytes()

    with pytest.raises(hepy.WireFormatError, match="2 results of 1"):
        hepy.loads(forged(message, change_tensors=overspent))
