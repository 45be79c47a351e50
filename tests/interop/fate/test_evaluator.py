"""Every method of the evaluator on every device: fate_utils' own answers, and what raises where it panics."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hepy
from hepy.errors import DeviceError, EncodingOverflowError, HepyError, KeyMismatchError, ParameterError
from hepy.interop.fate import PK, CiphertextVector, PlaintextVector, RangeError, evaluator
from hepy.interop.fate.fixed_point import MAX_EXPONENT

METHODS = (
    "add", "sub", "rsub", "add_plain", "sub_plain", "rsub_plain", "add_plain_scalar", "sub_plain_scalar",
    "rsub_plain_scalar", "mul_plain", "mul_plain_scalar", "matmul", "rmatmul", "i_add", "i_sub", "slice", "shuffle",
    "i_shuffle", "intervals_slice", "cat", "i_update", "i_update_with_masks", "chunking_cumsum_with_step", "pack_squeeze",
)  # fmt: skip


def plain(texts):
    significands = np.array([int(text, 16) for text, _ in texts] + [None], dtype=object)[:-1]
    return PlaintextVector(significands, np.array([exponent for _, exponent in texts], dtype=np.int64))


def encoding_to(encoded, coder):
    """A coder for which every tensor is encoded as this: cases name significands and exponents."""
    fixed = copy.copy(coder)
    fixed.encode_tensor = lambda tensor, dtype=None: encoded
    return fixed


def run(case, sk, pk, coder):
    """The case's result: [significand, exponent] of each element."""
    method = case["method"]
    call = getattr(evaluator, method)
    a = pk.encrypt_encoded(plain(case["a"]), False) if case["a"] is not None else evaluator.zeros(case["zeros"], None)
    b = pk.encrypt_encoded(plain(case["b"]), False) if "b" in case else None
    given = encoding_to(plain(case["plain"]), coder) if "plain" in case else coder
    if method in ("add", "sub", "rsub"):
        out = call(a, b, pk)
    elif method in ("add_plain", "sub_plain", "rsub_plain", "mul_plain"):
        out = call(a, None, pk, given)
    elif method.endswith("_scalar"):
        out = call(a, case["value"], pk, coder, np.float64)
    elif method in ("matmul", "rmatmul"):
        out = call(a, None, *case["shapes"], pk, given, None)
    elif method in ("i_add", "i_sub"):
        out = call(pk, a, b, *case["ranges"])
    elif method == "slice":
        out = call(a, *case["arguments"])
    elif method in ("shuffle", "i_shuffle"):
        out = call(pk, a, case["order"])
    elif method == "intervals_slice":
        out = call(a, case["intervals"])
    elif method == "cat":
        out = call([a, b])
    elif method == "i_update":
        out = call(pk, a, b, case["positions"], case["stride"])
    elif method == "i_update_with_masks":
        out = call(pk, a, b, case["positions"], case["masks"], case["stride"])
    elif method == "chunking_cumsum_with_step":
        out = call(pk, a, case["sizes"], case["step"])
    else:
        out = call(a, *case["arguments"], pk)
    assert (out is None) == (method.startswith("i_") or method == "chunking_cumsum_with_step")
    return decrypted(a if out is None else out, sk)


def decrypted(vector, sk):
    vector = sk.decrypt_to_encoded(vector if vector.device is None else vector.to("cpu"))
    significands = vector.signed(sk.private_key.public_key.n)
    return [[s, int(e)] for s, e in zip(significands, vector.exponents, strict=True)]


def same_numbers(got, want):
    """Equal significands and exponents; of zeros only that they are zeros, for their exponents mean nothing."""
    assert len(got) == len(want)
    for (significand, exponent), (text, its) in zip(got, want, strict=True):
        assert significand == int(text, 16)
        assert exponent == its or significand == 0


@pytest.mark.parametrize("method", METHODS)
def test_results_are_those_of_fate_utils(device, vectors, contract, method):
    cases = [case for case in vectors["operations"] if case["method"] == method]
    assert len(cases) >= 2
    if device == "emulator":
        cases = cases[:1] + cases[-1:]
    for case in cases:
        if case["result"] is None:
            with pytest.raises(HepyError):
                run(case, *contract)
        else:
            same_numbers(run(case, *contract), case["result"])


def test_no_case_is_left_out(vectors):
    assert {case["method"] for case in vectors["operations"]} == set(METHODS)


def encrypted(pk, coder, values):
    return pk.encrypt_encoded(coder.encode_tensor(np.asarray(values)), True)


def test_numbers_come_back(device, djn):
    sk, pk, coder = djn
    for values in ([1.5, -2.0, 0.0, 1e10], [3, -4]):
        x = encrypted(pk, coder, values)
        assert x.device == device
        assert coder.decode_tensor(sk.decrypt_to_encoded(x), np.float64).tolist() == values


def test_obfuscation_is_done_where_it_is_asked_for(djn):
    _, pk, coder = djn
    encoded = coder.encode_tensor(np.array([1.0]))
    open_a, open_b = (pk.encrypt_encoded(encoded, False).parts(pk.public_key)[0] for _ in range(2))
    hidden_a, hidden_b = (pk.encrypt_encoded(encoded, True).parts(pk.public_key)[0] for _ in range(2))
    assert open_a.to_ints().tolist() == open_b.to_ints().tolist() != hidden_a.to_ints().tolist()
    assert hidden_a.to_ints().tolist() != hidden_b.to_ints().tolist()


def test_a_vector_adds_to_itself_in_place(djn):
    sk, pk, coder = djn
    x = encrypted(pk, coder, [1, 2, 3, 4])
    evaluator.i_add(pk, x, x, sa=1)  # fate_utils has not implemented shifted sums with itself
    assert [value for value, _ in decrypted(x, sk)] == [1, 3, 5, 7]
    evaluator.i_sub(pk, x, x)
    assert [value for value, _ in decrypted(x, sk)] == [0, 0, 0, 0]


def test_a_copy_does_not_change_with_its_origin(djn):
    sk, pk, coder = djn
    x = encrypted(pk, coder, [1, 2, 3])
    part = evaluator.slice(x, 1, 2)
    evaluator.i_add(pk, x, x)
    assert [value for value, _ in decrypted(part, sk)] == [2, 3]


def test_vectors_of_one_share_their_exponents_and_nothing_else(djn):
    sk, pk, coder = djn
    rows = encrypted(pk, coder, [1, 2, 3]).tolist()
    packed = pk.encrypt_encoded(coder.pack_floats([1.0, 2.0], 10, 2, 0), True)
    evaluator.i_add(pk, rows[0], encrypted(pk, coder, [1.5]))
    assert decrypted(rows[0], sk) == [[5 << 51, -13]]
    assert [decrypted(row, sk) for row in rows[1:]] == [[[2, 0]], [[3, 0]]]
    joined = evaluator.cat([*rows[1:], packed])
    assert decrypted(joined, sk) == [[2, 0], [3, 0], [2**10 + 2, 0]]
    evaluator.i_add(pk, joined, rows[0], sa=1)
    assert [exponent for _, exponent in decrypted(joined, sk)] == [0, -13, 0]
    assert decrypted(rows[1], sk) == [[2, 0]]
    assert evaluator.cat(rows[1:] * 2).exponents.tolist() == [0] * 4
    assert [v.exponents.tolist() for v in joined.tolist()] == [[0], [-13], [0]]
    assert len(evaluator.cat([])) == 0


def test_many_samples_fill_a_histogram(djn):
    sk, pk, coder = djn
    rng = np.random.default_rng(3)
    values, bins = rng.normal(size=40), rng.integers(0, 4, size=(40, 3)) + 4 * np.arange(3)
    histogram = evaluator.zeros(12, np.float64)
    for start in (0, 25):
        part = encrypted(pk, coder, values[start : start + 25])
        evaluator.i_update(pk, histogram, part, bins[start : start + 25].tolist(), 1)
    want = np.zeros(12)
    np.add.at(want, bins, values[:, None])
    got = coder.decode_tensor(sk.decrypt_to_encoded(histogram), np.float64, (3, 4))
    np.testing.assert_allclose(np.asarray(got).ravel(), want, rtol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shared", [False, True], ids=["bins of their own", "the same bins"])
def test_features_share_products_where_samples_are_many(djn, stride, shared):
    sk, pk, coder = djn
    rng = np.random.default_rng(4)
    samples, features, bins = 150, 3, 4
    values = rng.integers(-(2**40), 2**40, samples * stride)
    positions = rng.integers(0, bins, size=(samples, features)) + (0 if shared else bins * np.arange(features))
    want = np.zeros((features * bins, stride), np.int64)
    np.add.at(want, positions, values.reshape(samples, 1, stride))
    histogram = evaluator.zeros(features * bins * stride, None)
    for factor in (1, 2):  # zeros first, then what is there
        evaluator.i_update(pk, histogram, encrypted(pk, coder, values), positions.tolist(), stride)
        assert [value for value, _ in decrypted(histogram, sk)] == (factor * want).ravel().tolist()
    kept = rng.random(samples) < 0.9
    want = np.zeros((features * bins, stride), np.int64)
    np.add.at(want, positions[kept], values.reshape(samples, 1, stride)[kept])
    masked = evaluator.zeros(features * bins * stride, None)
    evaluator.i_update_with_masks(
        pk, masked, encrypted(pk, coder, values), positions[kept].tolist(), kept.tolist(), stride
    )
    assert [value for value, _ in decrypted(masked, sk)] == want.ravel().tolist()


def test_zeros_take_any_exponent_and_any_key(djn, contract):
    sk, pk, coder = djn
    zeros = evaluator.zeros(2, None)
    assert decrypted(evaluator.add(zeros, encrypted(pk, coder, [1e20, 2e20]), pk), sk)[0][1] == 3
    assert decrypted(evaluator.cat([zeros, encrypted(pk, coder, [5])]), sk) == [[0, 0], [0, 0], [5, 0]]
    assert zeros.public_key is None
    assert decrypted(zeros, contract[0]) == [[0, 0], [0, 0]]


def test_nothing_is_changed_by_what_raises(djn):
    sk, pk, coder = djn
    x = encrypted(pk, coder, [1, 2, 3])
    before = decrypted(x, sk)
    calls = (
        lambda: evaluator.i_update(pk, x, x, [[0], [0], [3]], 1),
        lambda: evaluator.i_update(pk, x, x, [[0], [0], [-1]], 1),
        lambda: evaluator.i_add(pk, x, x, 0, 0, 4),
        lambda: evaluator.i_shuffle(pk, x, [0, 0, 1]),
        lambda: evaluator.chunking_cumsum_with_step(pk, x, [2, 2], 1),
    )
    for call in calls:
        with pytest.raises(ParameterError):
            call()
    assert decrypted(x, sk) == before


def test_what_does_not_fit_together_is_refused(djn, contract):
    _, pk, coder = djn
    x, y = encrypted(pk, coder, [1.0, 2.0]), encrypted(pk, coder, [1.0])
    other = encrypted(contract[1], contract[2], [1.0, 2.0])
    with pytest.raises(ParameterError, match="2 and 1"):
        evaluator.add(x, y, pk)
    with pytest.raises(KeyMismatchError):
        evaluator.add(x, other, pk)
    with pytest.raises(KeyMismatchError):
        evaluator.add(x, x, contract[1])
    with pytest.raises(KeyMismatchError):
        evaluator.add_plain(x, np.array([1.0, 2.0]), pk, contract[2])
    with pytest.raises(KeyMismatchError):
        contract[0].decrypt_to_encoded(x)
    with pytest.raises(TypeError):
        evaluator.add(x, np.array([1.0, 2.0]), pk)
    with pytest.raises(TypeError):
        evaluator.add(x, x, pk.public_key)
    with pytest.raises(ParameterError, match="two axes"):
        evaluator.matmul(x, np.ones(2), [2], [2], pk, coder, None)
    with pytest.raises(RangeError) as raised:
        evaluator.slice(x, 1, 2)
    assert isinstance(raised.value, RuntimeError)
    assert isinstance(raised.value, IndexError)
    with pytest.raises(ParameterError, match="stride"):
        evaluator.i_update(pk, x, x, [[0]], 0)


WRONG = [None, 3, -3, 2**70, 2.5, "x", b"ab", {}, {1}, [None], [[1], [2.5]], np.array([None, 1]), 1j, len, object()]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: type(wrong).__name__)
def test_arguments_of_other_types_raise_errors_of_hepys_own(djn, wrong):
    sk, pk, coder = djn
    a, b, tensor = encrypted(pk, coder, [1, 2, 3, 4]), encrypted(pk, coder, [5, 6, 7, 8]), np.ones(4)
    places, before = [[0], [1], [2], [3]], decrypted(a, sk)
    encoded = coder.encode_tensor(tensor)
    calls = [
        (evaluator.add, a, b, pk), (evaluator.rsub, a, b, pk), (evaluator.add_plain, a, tensor, pk, coder),
        (evaluator.rsub_plain, a, tensor, pk, coder), (evaluator.mul_plain, a, tensor, pk, coder),
        (evaluator.mul_plain_scalar, a, coder.pack_floats, pk, coder, np.float64),
        (evaluator.matmul, a, tensor, (2, 2), (2, 2), pk, coder), (evaluator.rmatmul, a, tensor, (2, 2), (2, 2), pk, coder),
        (evaluator.i_add, pk, a, b), (evaluator.i_sub, pk, a, b), (evaluator.i_update, pk, a, b, places),
        (evaluator.i_update_with_masks, pk, a, b, places, [True] * 4), (evaluator.i_shuffle, pk, a, [0, 1, 2, 3]),
        (evaluator.shuffle, pk, a, [0, 1, 2, 3]), (evaluator.slice, a), (evaluator.intervals_slice, a, [(0, 2)]),
        (evaluator.cat, [a]), (a.cat, [a]), (evaluator.pack_squeeze, a), (pk.encrypt_encoded, encoded),
        (evaluator.chunking_cumsum_with_step, pk, a, [4]), (sk.decrypt_to_encoded, a), (coder.unpack_floats, encoded),
        (coder.decode_vec, encoded), (coder.decode_f64, encoded),
    ]  # fmt: skip
    rest = {
        "i_update": (1,), "i_update_with_masks": (1,), "slice": (0, 1), "pack_squeeze": (2, 50, pk), "matmul": (None,),
        "rmatmul": (None,), "chunking_cumsum_with_step": (1,), "encrypt_encoded": (False,), "decode_vec": (np.float64,),
        "unpack_floats": (50, 2, 10, 4),
    }  # fmt: skip
    for call, *arguments in calls:
        for position in range(len(arguments)):
            given = [*arguments, *rest.get(call.__name__, ())]
            given[position] = wrong
            if call.__name__ == "mul_plain_scalar" and position == 1 and isinstance(wrong, int | float):
                continue
            with pytest.raises(HepyError):
                call(*given)
    for call in (
        lambda: pk.encrypt_encoded(encoded, wrong),
        lambda: coder.decode_tensor(encoded, np.float64, [wrong] * 2),
    ):
        with pytest.raises(HepyError):
            call()
    assert decrypted(a, sk) == before


def test_sizes_that_are_not_there_raise_what_fates_users_see(djn):
    _, pk, coder = djn
    x = encrypted(pk, coder, [1, 2, 3, 4])
    for call in (
        lambda: evaluator.slice(x, -1, 1), lambda: evaluator.slice(x, 0, 2**64), lambda: evaluator.zeros(2**70, None),
        lambda: evaluator.intervals_slice(x, [(-1, 1)]), lambda: evaluator.intervals_slice(x, [(2, 1)]),
        lambda: evaluator.shuffle(pk, x, [2**70] * 4), lambda: evaluator.i_update(pk, x, x, [[2**70]], 1),
        lambda: evaluator.pack_squeeze(x, -1, 1, pk), lambda: evaluator.matmul(x, np.ones(4), (-2, -2), (2, 2), pk, coder, None),
        lambda: coder.pack_floats([0.5], 8, -1, 1),
    ):  # fmt: skip
        with pytest.raises(RangeError) as raised:
            call()
        assert isinstance(raised.value, OverflowError)  # as fate_utils; where it panics, any
    with pytest.raises(RuntimeError, match="do not have the shape"):
        coder.decode_tensor(coder.encode_tensor(np.ones(4)), np.float64, (3, 2))


def test_numbers_beyond_all_keys_take_no_memory(djn):
    sk, pk, coder = djn
    x = encrypted(pk, coder, [1, 2, 3, 4])
    far = 2**50
    assert decrypted(evaluator.pack_squeeze(x, far, 8, pk), sk) == [[0x01020304, 0]]
    evaluator.chunking_cumsum_with_step(pk, x, [4], far)
    assert [value for value, _ in decrypted(x, sk)] == [1, 2, 3, 4]
    for call in (
        lambda: evaluator.pack_squeeze(x, 2, far, pk), lambda: coder.pack_floats([0.5, 0.5], far, 2, 4),
        lambda: coder.pack_floats([0.5], 8, 2, far), lambda: coder.pack_vec(np.array([1]), far, 2),
        lambda: coder.unpack_floats(coder.encode_tensor(np.ones(1)), far, 2, 4, 2), lambda: coder.encode_f64(10**400),
    ):  # fmt: skip
        with pytest.raises(EncodingOverflowError):
            call()
    packed = coder.pack_floats([0.5, 0.25], 8, 2, 4)
    assert np.asarray(coder.unpack_floats(packed, 8, far, 4, 2)).tolist() == [0.5, 0.25]


def test_zeros_that_nothing_hides_have_no_exponent(djn):
    """As in fate_utils: else 2**1000 plus an open 0.0 would exceed the key."""
    sk, pk, coder = djn
    large, nothing = pk.encrypt_encoded(PlaintextVector(np.array([3, 5]), np.array([250, 250])), True), np.zeros(2)
    want = [[3, 250], [5, 250]]
    assert decrypted(evaluator.add_plain(large, nothing, pk, coder), sk) == want
    assert decrypted(evaluator.add_plain_scalar(large, 0.0, pk, coder, np.float64), sk) == want
    open_zeros = pk.encrypt_encoded(coder.encode_tensor(nothing), False)
    assert decrypted(evaluator.add(large, open_zeros, pk), sk) == want
    assert decrypted(evaluator.add(large, evaluator.mul_plain(large, nothing, pk, coder), pk), sk) == want
    both = evaluator.matmul(large, np.array([0.0, 1.0, 2.0, 0.0]), (1, 2), (2, 2), pk, coder, None)
    assert decrypted(both, sk) == [[2 * 5 << 52, 250 - 13], [3 << 52, 250 - 13]]


def test_histograms_of_elements_that_met_nothing(djn):
    """Zeros among the elements: of another exponent in a bin, alone in a bin, in all bins."""
    sk, pk, coder = djn
    x = evaluator.cat([evaluator.zeros(1, None), encrypted(pk, coder, [1.5, 2.0]), evaluator.zeros(1, None)])
    bins = [[0, 1], [1], [1, 2], [3]]
    for histogram in (evaluator.zeros(4, None), encrypted(pk, coder, [0, 0, 0, 7])):
        seven = len(histogram) if histogram.public_key else 0
        evaluator.i_update(pk, histogram, x, bins, 1)
        values = coder.decode_f64_vec(sk.decrypt_to_encoded(histogram))
        assert np.asarray(values).tolist() == [0.0, 3.5, 2.0, 7.0 if seven else 0.0]
    histogram = encrypted(pk, coder, [1, 2])
    evaluator.i_update(pk, histogram, evaluator.zeros(2, None), [[0], [1]], 1)
    assert [value for value, _ in decrypted(histogram, sk)] == [1, 2]


def test_exponents_that_no_key_holds_are_refused(djn):
    _, pk, _ = djn
    far = PlaintextVector(np.array([1]), np.array([-MAX_EXPONENT]))
    near = PlaintextVector(np.array([1]), np.array([1]))
    x, y = pk.encrypt_encoded(far, False), pk.encrypt_encoded(near, False)
    with pytest.raises(EncodingOverflowError, match="digits apart"):
        evaluator.add(x, y, pk)


@pytest.mark.skipif("emulator" not in hepy.devices(), reason="needs the compiled emulator")
def test_vectors_move_between_devices(djn):
    sk, pk, coder = djn
    x = encrypted(pk, coder, [1.0, 2.0])
    moved = x.to("emulator")
    assert (x.device, moved.device) == ("cpu", "emulator")
    with pytest.raises(DeviceError):
        evaluator.add(x, moved, pk)
    histogram = CiphertextVector.zeros(2)
    evaluator.i_update(pk, histogram, moved, [[1], [1]], 1)
    assert histogram.device == "emulator"
    assert decrypted(histogram, sk)[1][0] == 3 << 52


def obfuscators_of_ones(pk, coder, count):
    """Ciphertexts of the number 1, encrypted one at a time, as integers."""
    encoded = coder.encode_tensor(np.array([1]))
    return [int(pk.encrypt_encoded(encoded, True).parts(pk.public_key)[0].to_ints()[0]) for _ in range(count)]


def test_no_obfuscator_that_was_made_ahead_is_used_twice(djn, in_a_child):
    sk, pk, coder = djn
    pk = PK(pk.public_key)
    ours = obfuscators_of_ones(pk, coder, 20)  # 1 + 2 + 4 + 8 + 5 of 16
    theirs = [int(text) for text in in_a_child(lambda: list(map(str, obfuscators_of_ones(pk, coder, 12))))]
    ours += obfuscators_of_ones(pk, coder, 12)
    with ThreadPoolExecutor(4) as threads:
        parts = threads.map(lambda _: obfuscators_of_ones(pk, coder, 10), range(4))
        ours += [value for part in parts for value in part]
    together = ours + theirs
    assert len(set(together)) == len(together) == 84
    residues = pk.public_key.modulus.array(together)
    assert sk.private_key.decrypt_encodings(residues) == [1] * len(together)
