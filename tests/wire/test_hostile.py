"""Messages that nobody honest wrote: each is refused with a WireFormatError that names what is wrong."""

import json
import math
import re
import tracemalloc

import numpy as np
import pytest

import hepy
from hepy.wire import messages
from hepy.wire.container import MAX_HEADER_BYTES


@pytest.fixture
def numbers(djn):
    return djn.encrypt(np.arange(6).reshape(2, 3), value_bits=8)


@pytest.fixture
def message(numbers):
    return hepy.dumps(numbers)


def refused(data, match, key=None, **options):
    """Both with the key and without it, unless only the key can tell."""
    with pytest.raises(hepy.WireFormatError, match=match):
        hepy.loads(data, key, **options)


def refused_by_form(data, match, key):
    refused(data, match)
    refused(data, match, key)


def changed(forger, message, change, key=None):
    """The message with its fields, and tensors, changed by a function, else well-formed."""
    fields, tensors, _ = forger.dissect(message)
    change(fields, tensors)
    return forger.forge(fields, tensors)


def test_the_forger_writes_as_hepy_does(forger, message):
    assert changed(forger, message, lambda fields, tensors: None) == message


# Bytes.


def test_truncated_at_every_byte(message, djn):
    for length in range(len(message)):
        refused_by_form(message[:length], "^(header|data): ", djn)


def test_every_flipped_bit_of_the_header(message, djn):
    size = 8 + int.from_bytes(message[:8], "little")
    for position in range(size):
        for bit in range(8):
            data = bytearray(message)
            data[position] ^= 1 << bit
            # Some flips make another canonical message (a digit of the bound): then it is read as what it says.
            try:
                loaded = hepy.loads(data, djn)
            except (hepy.WireFormatError, hepy.KeyMismatchError):
                continue
            assert hepy.dumps(loaded, rerandomize=False) == data


def test_every_byte_of_keys_counts(keys):
    for variant in ("djn", "classic", "subgroup"):
        key = keys(variant)
        for data in (hepy.dumps(key.public_key), hepy.dumps(key, unencrypted=True)):
            for position in range(len(data)):
                forged = bytearray(data)
                forged[position] ^= 1 << position % 8
                refused(forged, ": ")


@pytest.mark.parametrize("tail", [b"\0", b" ", bytes(8)])
def test_trailing_bytes(message, djn, tail):
    refused_by_form(message + tail, "data: the header describes", djn)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 8, b"\xff" * 8, b"\xff" * 100, b"\x80\x04N.", b"PK\3\4" * 9])
def test_what_is_no_container_at_all(data):
    refused(data, "header")


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 1 << 31, 1 << 63, (1 << 64) - 1])
def test_a_header_of_claimed_length_is_not_allocated(length):
    tracemalloc.start()
    try:
        refused(length.to_bytes(8, "little") + bytes(100), "length of")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("data", ["text", 5, None, [1], memoryview(bytes(10))[::2]])
def test_what_is_not_bytes(data):
    with pytest.raises(hepy.ParameterError, match="contiguous memoryview"):
        hepy.loads(data)


def test_other_buffers(message, djn):
    for data in (bytearray(message), memoryview(message), memoryview(b"x" + message)[1:]):
        assert hepy.dumps(hepy.loads(data, djn), rerandomize=False) == message


def test_max_bytes(message, djn):
    refused(message, "max_bytes=10", djn, max_bytes=10)
    refused(message, "max_bytes", max_bytes=len(message) - 1)
    hepy.loads(message, djn, max_bytes=len(message))
    for wrong in (-1, 1.5, True, "1"):
        with pytest.raises(hepy.ParameterError, match="max_bytes"):
            hepy.loads(message, djn, max_bytes=wrong)


# JSON.


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ("{}", "no metadata"),
        ('{"__metadata__":{}}', "no metadata"),
        ('{"__metadata__":{"hepy":5}}', "no metadata"),
        ('{"__metadata__":[]}', "no metadata"),
        ('{"__metadata__":{"hepy":"{}"}}', "'format' is missing"),
        ('{"__metadata__":{"hepy":"[]"}}', "metadata: it is not a JSON object"),
        ('{"__metadata__":{"hepy":"{"}}', "metadata: it is not JSON"),
        ('{"__metadata__":{"hepy":"\\ud800"}}', "metadata: it is not JSON"),
        ('{"__metadata__":{"hepy":"\\u00e9"}}', "metadata: it is not ASCII"),
        ('{"a":NaN}', "NaN"),
        ('{"a":-Infinity}', "Infinity"),
        ('{"a":1.5}', "1.5"),
        ('{"a":1e9}', "1e9"),
        ('{"a":9007199254740992}', "2\\*\\*53"),
        ('{"a":' + "9" * 10000 + "}", "2\\*\\*53"),
        ('{"a":1,"a":1}', "twice"),
        ('{"a":"\\u00"}', "not JSON"),
        ("\0\0\0{" * 2 + "\x7f" * 8, "not JSON"),
        ("{\0}\0", "not JSON"),
        ('{"é":1}', "ASCII"),
        ("[" * 100_000, "nested"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "nested"),
    ],
    ids=range(25),
)
def test_headers_that_are_not_such_json(forger, text, match):
    refused(forger.assemble(text, b""), match)


def test_metadata_nested_by_escapes(forger):
    inner = "\\u005b" * 20_000
    refused(forger.assemble('{"__metadata__":{"hepy":"' + inner + '"}}', b""), "metadata: it is nested")


def test_many_tensors(forger, message):
    fields, _, _ = forger.dissect(message)
    refused(forger.forge(fields, {f"t{i}": ("U8", [0], b"") for i in range(3000)}), "3000 tensors")


def test_not_canonical_though_equal(forger, message, djn):
    fields, tensors, text = forger.dissect(message)
    header, data = json.loads(text), tensors["residues"][2]
    swapped = {"residues": header["residues"], "__metadata__": header["__metadata__"]}
    offsets = {**header["residues"], "data_offsets": header["residues"]["data_offsets"]}
    reordered = {key: offsets[key] for key in ("shape", "dtype", "data_offsets")}
    forged = {
        "spaces after separators": json.dumps(header),
        "metadata last": json.dumps(swapped, separators=(",", ":")),
        "fields of a tensor in another order": json.dumps({**header, "residues": reordered}, separators=(",", ":")),
        "another key in the metadata": text.replace('{"__metadata__":{', '{"__metadata__":{"a":"b",'),
        "escaped letters": text.replace("residues", "r\\u0065sidues"),
        "minus zero": text.replace('"data_offsets":[0,', '"data_offsets":[-0,'),
        "unsorted fields": text.replace(
            text[text.index('"hepy":') : text.index('"},"')],
            '"hepy":' + json.dumps(json.dumps(dict(reversed(fields.items())), separators=(",", ":")))[:-1],
        ),
        "a space in the fields": text.replace('{\\"account', '{ \\"account'),
        "eight spaces": text + " " * 8,
        "a leading space": " " + text,
        "a newline": text + "\n",
        "tabs in place of spaces": text + "\t" * (-len(text) % 8 or 8),
    }
    assert forger.assemble(text, data) == message
    for name, other in forged.items():
        assert json.loads(other) is not None, name
        refused_by_form(forger.assemble(other, data), "canonical", djn)


def test_a_key_twice(forger, message, djn):
    _, tensors, text = forger.dissect(message)
    data = tensors["residues"][2]
    twice = {
        "a tensor": text[:-1] + "," + text[text.index('"residues"') :],
        "a field": text.replace('\\"bits\\":256', '\\"bits\\":256,\\"bits\\":256'),
        "the metadata": text.replace('{"__metadata__"', '{"__metadata__":{},"__metadata__"'),
    }
    for other in twice.values():
        refused_by_form(forger.assemble(other, data), "twice", djn)


# Tensors.


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"data_offsets": [0, 383]}, "canonical"),
        ({"data_offsets": [8, 392]}, "canonical"),
        ({"data_offsets": [384, 0]}, "canonical"),
        ({"data_offsets": [-1, 384]}, "canonical"),
        ({"data_offsets": "all"}, "canonical"),
        ({"data_offsets": [0, 384, 384]}, "canonical"),
        ({"shape": [6, 15]}, "data: the header describes"),
        ({"shape": [1 << 40, 1 << 40]}, "data: the header describes"),
        ({"shape": [(1 << 53) - 1] * 4}, "data: the header describes"),
        ({"shape": [6, 16, 1]}, "tensor 'residues': U32\\[6, 16, 1\\]"),
        ({"shape": [96]}, "tensor 'residues'"),
        ({"shape": [12, 8]}, "tensor 'residues'"),
        ({"shape": [-6, -16]}, "its shape"),
        ({"shape": [True, 96]}, "its shape"),
        ({"shape": [1] * 40}, "its shape"),
        ({"shape": 96}, "its shape"),
        ({"shape": [[96]]}, "its shape"),
        ({"dtype": "U8"}, "data: the header describes"),
        ({"dtype": "U64", "shape": [6, 8]}, "tensor 'residues': U64"),
        ({"dtype": "F32"}, "its dtype"),
        ({"dtype": "u32"}, "its dtype"),
        ({"dtype": ["U32"]}, "its dtype"),
        ({"dtype": None}, "its dtype"),
        ({"extra": 1}, "other fields"),
    ],
)
def test_entries_of_a_tensor(forger, message, djn, entry, match):
    fields, tensors, text = forger.dissect(message)
    entries = {"residues": {**json.loads(text)["residues"], **entry}}
    refused_by_form(forger.forge(fields, tensors, entries=entries), match, djn)


def test_tensors_that_overlap_leave_gaps_or_are_foreign(forger, message, djn):
    fields, tensors, text = forger.dissect(message)
    entry, data = json.loads(text)["residues"], tensors["residues"][2]
    half = {"dtype": "U32", "shape": [3, 16]}
    overlapping = {"residues": {**half, "data_offsets": [0, 192]}, "s": {**half, "data_offsets": [0, 192]}}
    refused_by_form(forger.forge(fields, tensors, entries=overlapping), "tensor", djn)
    foreign = {**tensors, "zeros": ("U32", [0], b"")}
    refused_by_form(forger.forge(fields, foreign), "'zeros': it does not belong", djn)
    refused_by_form(forger.forge(fields, {"other": tensors["residues"]}), "'residues': it is missing", djn)
    refused_by_form(forger.forge(fields, {}), "'residues': it is missing", djn)
    refused_by_form(forger.forge(fields, tensors, entries={"residues": entry, "x": 5}), "tensor 'x'", djn)
    gap = {"residues": {**entry, "data_offsets": [8, 392]}}
    assert len(data) == 384
    refused_by_form(forger.forge(fields, tensors, entries=gap, tail=bytes(8)), "data: the header describes", djn)


# Fields.


def setter(**values):
    def change(fields, tensors):
        fields.update(values)

    return change


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"format": 0}, "'format'"),
        ({"format": "1"}, "'format'"),
        ({"format": True}, "'format'"),
        ({"format": 2}, "version 2 and this hepy reads up to 1: install a newer"),
        ({"format": 1 << 40}, "'format'"),
        ({"kind": "paillier.unknown"}, "'kind' is none of"),
        ({"kind": "os.system"}, "'kind' is none of"),
        ({"kind": ["paillier.ciphertexts"]}, "'kind'"),
        ({"kind": "paillier.public_key"}, "'account' is unknown"),
        ({"kind": "sealed"}, "'content' is missing"),
        ({"bits": 255}, "'bits'"),
        ({"bits": 257}, "'bits' is no length"),
        ({"bits": 1 << 50}, "'bits'"),
        ({"bits": 512}, "tensor 'residues'"),
        ({"variant": "DJN"}, "'variant'"),
        ({"variant": None}, "'variant'"),
        ({"fingerprint": "0" * 63}, "'fingerprint'"),
        ({"fingerprint": "A" * 64}, "'fingerprint'"),
        ({"fingerprint": 5}, "'fingerprint'"),
        ({"shape": [2, 4]}, "tensor 'residues'"),
        ({"shape": [2.5]}, "2.5"),
        ({"shape": [-2, -3]}, "'shape'"),
        ({"shape": [True, 6]}, "'shape'"),
        ({"shape": 6}, "'shape'"),
        ({"shape": [1] * 33}, "'shape'"),
        ({"shape": [0, 1 << 40, 1 << 40]}, "'shape' has more"),
        ({"shape": [1 << 40, 1 << 10]}, "'shape' has more"),
        ({"shape": [1 << 48]}, "tensor 'residues'"),
        ({"extra": 1}, "'extra' is unknown"),
        ({"device": "cpu"}, "'device' is unknown"),
        ({"account": None}, "'account' is not an object"),
        ({"account": {}}, "'type' is missing"),
    ],
)
def test_fields_of_ciphertexts(forger, message, djn, values, match):
    refused_by_form(changed(forger, message, setter(**values)), match, djn)


@pytest.mark.parametrize("name", ["account", "bits", "fingerprint", "format", "kind", "shape", "variant"])
def test_missing_fields(forger, message, djn, name):
    data = changed(forger, message, lambda fields, tensors: fields.pop(name))
    refused_by_form(data, f"'{name}' is missing", djn)


NUMBERS = {"type": "numbers", "scale_bits": 0, "bound": "ff"}
FIELDS = {
    "type": "fields", "field_bits": [20, 30], "scale_bits": [0, 4], "value_bits": [8, 8],
    "count_bits": 8, "terms": "3", "count": "3",
}  # fmt: skip
SQUEEZED = {"type": "squeezed", "slots": 4, "item": NUMBERS}


def test_the_accounts_below_are_right_where_they_are_not_changed(forger, message, djn):
    for account in (NUMBERS, FIELDS, SQUEEZED, SQUEEZED | {"item": FIELDS}):
        loaded = hepy.loads(changed(forger, message, setter(account=account)), djn)
        assert json.dumps(account) == json.dumps(
            messages.kinds.codec("paillier.ciphertexts").header(loaded).fields()["account"]
        )


@pytest.mark.parametrize(
    ("account", "match"),
    [
        (NUMBERS | {"scale_bits": -1}, "'scale_bits'"),
        (NUMBERS | {"scale_bits": 1 << 16}, "'scale_bits'"),
        (NUMBERS | {"bound": 255}, "'bound'"),
        (NUMBERS | {"bound": ""}, "'bound'"),
        (NUMBERS | {"bound": "0ff"}, "'bound'"),
        (NUMBERS | {"bound": "FF"}, "'bound'"),
        (NUMBERS | {"bound": "-1"}, "'bound'"),
        (NUMBERS | {"bound": "0x1"}, "'bound'"),
        (NUMBERS | {"bound": "1_0"}, "'bound'"),
        (NUMBERS | {"bound": "ff\n"}, "'bound'"),
        (NUMBERS | {"bound": "f" * 65}, "'bound'"),
        (NUMBERS | {"bound": "f" * 100_000}, "'bound'"),
        (NUMBERS | {"type": "floats"}, "'type'"),
        (NUMBERS | {"terms": "1"}, "account: the field 'terms' is unknown"),
        (FIELDS | {"field_bits": [20]}, "another length"),
        (FIELDS | {"value_bits": []}, "another length"),
        (FIELDS | {"field_bits": [], "scale_bits": [], "value_bits": []}, "another length"),
        (FIELDS | {"field_bits": [8, 30]}, "without room for the sign"),
        (FIELDS | {"field_bits": [120, 130]}, "exceeds the key"),
        (FIELDS | {"field_bits": [20, 1 << 40]}, "'field_bits'"),
        (FIELDS | {"field_bits": [2] * 300}, "'field_bits'"),
        (FIELDS | {"scale_bits": [0, 1 << 20]}, "'scale_bits'"),
        (FIELDS | {"value_bits": [0, 8]}, "'value_bits'"),
        (FIELDS | {"count_bits": 0}, "'count_bits'"),
        (FIELDS | {"count_bits": 1 << 30}, "'count_bits'"),
        (FIELDS | {"terms": "0"}, "'terms'"),
        (FIELDS | {"count": "0"}, "'terms' and 'count'"),
        (FIELDS | {"bound": "1"}, "'bound' is unknown"),
        (SQUEEZED | {"slots": 0}, "'slots' is not a whole number"),
        (SQUEEZED | {"slots": 1 << 40}, "'slots' is not a whole number"),
        (SQUEEZED | {"slots": 29}, "account: 'slots' exceeds the key"),
        (SQUEEZED | {"item": 5}, "'item' is not an object"),
        (SQUEEZED | {"item": SQUEEZED}, "account.item: 'type' is none of"),
        (SQUEEZED | {"item": NUMBERS | {"bound": ""}}, "account.item: 'bound'"),
        (SQUEEZED | {"item": NUMBERS | {"slots": 2}}, "account.item: the field 'slots' is unknown"),
        (SQUEEZED | {"item": FIELDS | {"terms": "0"}}, "account.item: 'terms'"),
        (SQUEEZED | {"stride": 9}, "'stride' is unknown"),
    ],
)
def test_accounts(forger, message, djn, account, match):
    refused_by_form(changed(forger, message, setter(account=account)), match, djn)


@pytest.mark.parametrize(
    "account",
    [
        NUMBERS | {"bound": "f" * 64},
        FIELDS | {"terms": "801"},
        FIELDS | {"count": "100"},
        FIELDS | {"count_bits": 205},
        SQUEEZED | {"slots": 2, "item": NUMBERS | {"bound": f"{2**126:x}"}},
        SQUEEZED | {"item": FIELDS | {"terms": "801"}},
    ],
)
def test_accounts_beyond_the_key(forger, message, djn, account):
    refused(changed(forger, message, setter(account=account)), "account: ", djn)


# Keys and residues.


def test_another_key(message, keys):
    other = keys("djn", 512)
    with pytest.raises(hepy.KeyMismatchError, match=other.fingerprint[:16]):
        hepy.loads(message, other)


@pytest.mark.parametrize("wrong", [5, "key", b"key", object()])
def test_what_is_no_key(message, wrong):
    with pytest.raises(hepy.ParameterError, match="PublicKey or PrivateKey"):
        hepy.loads(message, wrong)


def test_the_fingerprint_of_a_key_with_another_variant(forger, message, djn):
    refused(changed(forger, message, setter(variant="classic")), "bits: the key with this fingerprint", djn)


def test_a_key_where_ciphertexts_were_expected(djn):
    for data in (hepy.dumps(djn.public_key), hepy.dumps(djn, unencrypted=True)):
        refused(data, "ciphertexts were expected", djn)


def with_residue(forger, message, position, value):
    def change(fields, tensors):
        dtype, shape, data = tensors["residues"]
        at = position * 64
        tensors["residues"] = (dtype, shape, data[:at] + value.to_bytes(64, "little") + data[at + 64 :])

    return changed(forger, message, change)


def test_residues_lie_below_the_square_of_n(forger, message, djn):
    square = djn.public_key.n**2
    for value in (square, square + 1, (1 << 512) - 1):
        for position, index in ((0, r"\(0, 0\)"), (4, r"\(1, 1\)")):
            refused(with_residue(forger, message, position, value), rf"index {index} is not below n\*\*2", djn)
    hepy.loads(with_residue(forger, message, 0, square - 1), djn)


def test_residues_are_units(forger, message, djn):
    n = djn.public_key.n
    p = djn._secret.p
    for value in (0, n, p, p * p, n * 12345, n * n - p):
        refused(with_residue(forger, message, 5, value), r"index \(1, 2\) shares a factor", djn)


def test_residues_are_not_read_beyond_a_chunk(forger, djn):
    message = hepy.dumps(djn.encrypt(np.arange(5000) % 7, value_bits=8))
    refused(with_residue(forger, message, 4321, 0), r"index \(4321,\) shares", djn)


# Public keys.


def limbs(value, bits):
    return value.to_bytes(bits // 8, "little")


def key_message(forger, fields, n, h=None, bits=256):
    tensors = {} if h is None else {"h": ("U32", [bits // 32], limbs(h, bits))}
    tensors["n"] = ("U32", [bits // 32], limbs(n, bits))
    return forger.forge(fields, tensors)


@pytest.fixture
def key_fields(forger, djn):
    return forger.dissect(hepy.dumps(djn.public_key))[0]


def fingerprint(variant, n, h):
    from hepy.paillier.keys import _fingerprint

    return _fingerprint(variant, n, h)


def test_public_keys_that_are_none(forger, djn, key_fields):
    n, h = djn.public_key.n, djn.public_key.h
    prime = 2**256 - 189
    generator = next(x for x in range(2, 99) if hepy.bigint.Modulus(n) and _jacobi(x, n) == -1)
    root = math.isqrt(n)
    root = _next_prime(root | 1 << 127)
    cases = {
        "claimed": (n >> 1 | 1, h >> 2),
        "fingerprint": (n - 2, h),
        "small factor": (3 * (n // 3 | 1), h),
        "its modulus is a prime": (prime, 5),
        "perfect power": (root * root, 5),
        "positive": (n, 0),
        "between 1 and n": (n, 1),
        "between 1 and n.": (n, n),
        "odd": (n - 1, h),
        "Jacobi": (n, generator),
        "square of its generator": (n, n - 1),
        "shares a factor": (n, djn._secret.p),
    }
    for match, (modulus, base) in cases.items():
        fields = {**key_fields, "fingerprint": fingerprint("djn", modulus, base)}
        if match == "fingerprint":
            fields = key_fields
        refused(key_message(forger, fields, modulus, base), match.rstrip("."))


def _jacobi(x, n):
    import gmpy2

    return gmpy2.jacobi(x, n)


def _next_prime(n):
    import gmpy2

    return int(gmpy2.next_prime(n))


def test_a_key_whose_generator_is_missing_or_too_much(forger, djn, keys, key_fields):
    refused(key_message(forger, key_fields, djn.public_key.n), "'h': it is missing")
    classic = keys("classic").public_key
    fields = forger.dissect(hepy.dumps(classic))[0]
    refused(key_message(forger, fields, classic.n, 5), "'h': it does not belong")


def test_the_power_of_the_generator_is_never_taken_from_a_message(forger, djn):
    fields, tensors, _ = forger.dissect(hepy.dumps(djn.public_key))
    tensors = {"h": tensors["h"], "hn": ("U32", [16], bytes(64)), "n": tensors["n"]}
    refused(forger.forge(fields, tensors), "'hn': it does not belong")


# Private keys.


@pytest.mark.parametrize(
    ("variant", "forged", "match"),
    [
        ("djn", lambda s: {"p": s["q"], "q": s["p"]}, "smaller prime"),
        ("djn", lambda s: {"p": s["q"]}, "smaller prime"),
        ("djn", lambda s: {"p": 3, "q": s["q"]}, "half"),
        ("djn", lambda s: {"p": s["p"] - 2}, "prime"),
        ("classic", lambda s: {"q": _next_prime(s["q"])}, "bits|fingerprint"),
        ("djn", lambda s: {"p": _prime_one_mod_four(s["p"])}, "3 modulo 4|smaller|half"),
        ("djn", lambda s: {"h": s["h"] + 1}, "fingerprint"),
        ("subgroup", lambda s: {"p_subgroup": s["q_subgroup"]}, "divides"),
        ("subgroup", lambda s: {"p_subgroup": 0}, "divides"),
        ("subgroup", lambda s: {"p_subgroup": (s["p"] - 1) // 2}, "divides"),
        ("subgroup", lambda s: {"h": s["h"] + 1}, "outside the subgroup"),
    ],
)
def test_private_keys_that_are_none(forger, keys, variant, forged, match):
    key = keys(variant)
    fields, tensors, _ = forger.dissect(hepy.dumps(key, unencrypted=True))
    numbers = {name: int.from_bytes(data, "little") for name, (_, _, data) in tensors.items()}
    for name, value in forged(numbers).items():
        dtype, shape, data = tensors[name]
        tensors[name] = (dtype, shape, value.to_bytes(len(data), "little"))
    with pytest.raises(hepy.WireFormatError, match=match) as caught:
        hepy.loads(forger.forge(fields, tensors))
    for number in (key._secret.p, key._secret.q):
        assert str(number) not in str(caught.value)
        assert f"{number:x}" not in str(caught.value)


def test_a_djn_key_whose_primes_share_more_than_two(forger, djn):
    """Both are 3 modulo 4 and 1 modulo 3, and everything else is as it has to be."""
    p, q = (_next_prime_of_form(start) for start in (3 << 126, (3 << 126) + (1 << 120)))
    n, h = p * q, 4
    fields, tensors, _ = forger.dissect(hepy.dumps(djn, unencrypted=True))
    fields["fingerprint"] = fingerprint("djn", n, h)
    for name, value, size in (("h", h, 32), ("p", p, 16), ("q", q, 16)):
        tensors[name] = (*tensors[name][:2], value.to_bytes(size, "little"))
    refused(forger.forge(fields, tensors), r"p, q: in a djn key p - 1 and q - 1 share the factor 2 only")


def _next_prime_of_form(start):
    value = _next_prime(start)
    while value % 12 != 7:
        value = _next_prime(value)
    return value


# Proofs.


def test_proofs_that_are_none(forger, djn):
    proof = djn.prove("context")
    fields, tensors, _ = forger.dissect(hepy.dumps(proof))
    dtype, shape, data = tensors["roots"]
    for wrong, match in (
        ({"roots": (dtype, [9, 8], data[:-32])}, r"tensor 'roots': U32\[9, 8\]"),
        ({"roots": (dtype, [11, 8], data + data[:32])}, "tensor 'roots'"),
        ({"roots": (dtype, [80], data)}, "tensor 'roots'"),
        ({}, "'roots': it is missing"),
        ({"context": ("U8", [0], b""), "roots": tensors["roots"]}, "'context': it does not belong"),
    ):
        refused(forger.forge(fields, wrong), match)
    for wrong, match in (({"bits": 512}, "tensor 'roots'"), ({"context": "context"}, "'context' is unknown")):
        refused(forger.forge(fields | wrong, tensors), match)
    # What only the key can tell is not read as true, but left to verify().
    largest = forger.forge(fields, {"roots": (dtype, shape, b"\xff" * len(data))})
    with pytest.raises(hepy.ParameterError, match="does not hold"):
        djn.public_key.verify(hepy.loads(largest), "context")


def test_every_byte_of_a_proof_counts(djn):
    message = hepy.dumps(djn.prove("context"))
    for position in range(0, len(message), 3):
        forged = bytearray(message)
        forged[position] ^= 1 << position % 8
        with pytest.raises((hepy.WireFormatError, hepy.ParameterError, hepy.KeyMismatchError)):
            djn.public_key.verify(hepy.loads(forged), "context")


def _prime_one_mod_four(start):
    value = start
    while value % 4 != 1:
        value = _next_prime(value)
    return value


def test_messages_name_field_and_reason(forger, message, djn):
    """One example in full, as a reader sees it."""
    with pytest.raises(hepy.WireFormatError) as caught:
        hepy.loads(changed(forger, message, setter(variant="rsa")), djn)
    assert re.fullmatch(r"header: 'variant' is none of \['classic', 'djn', 'subgroup'\]", str(caught.value))
