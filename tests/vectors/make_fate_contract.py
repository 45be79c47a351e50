"""Known answers of fate_utils: what it encodes, decodes and computes. Writes fate_contract.json.

Run it with a Python that has fate_utils 0.1.0 and numpy (make test-interop makes one):
    .venv-interop-fate/bin/python tests/vectors/make_fate_contract.py

fate_utils takes and gives its vectors as bytes too: for each number the base of its digits (uint32), their count (uint64),
the digits, and the exponent of 16 (int32). That is how numbers go in and come out here, exactly.
"""

import json
import os
import random
import struct
from pathlib import Path

import fate_utils.paillier as fate
import numpy as np

BITS = 512
COUNT = struct.Struct("<Q")
NUMBER = struct.Struct("<IQ")
EXPONENT = struct.Struct("<i")


def numbers(data):
    """The integers of a key's bytes."""
    data, at, out = bytes(data), 0, []
    while at < len(data):
        base, length = NUMBER.unpack_from(data, at)
        at += NUMBER.size
        out.append(int(data[at : at + length].decode(), base))
        at += length
    return out


def items(vector):
    """[significand, exponent] of each element."""
    data = bytes(vector.__getstate__())
    (count,), at, out = COUNT.unpack_from(data), COUNT.size, []
    for _ in range(count):
        base, length = NUMBER.unpack_from(data, at)
        at += NUMBER.size
        significand = int(data[at : at + length].decode(), base)
        (exponent,) = EXPONENT.unpack_from(data, at + length)
        at += length + EXPONENT.size
        out.append([significand, exponent])
    return out


def plain(pairs):
    """A vector of encoded numbers."""
    data = COUNT.pack(len(pairs))
    for significand, exponent in pairs:
        digits = f"{significand:x}".encode()
        data += NUMBER.pack(16, len(digits)) + digits + EXPONENT.pack(exponent)
    vector = fate.PlaintextVector()
    vector.__setstate__(list(data))
    return vector


class Oracle:
    """One key of fate_utils, and what it makes of arguments; a panic is None."""

    def __init__(self):
        self.sk, self.pk, self.coder = fate.keygen(BITS)
        self.n = numbers(self.pk.__getstate__())[0]
        self.p, self.q = numbers(self.sk.__getstate__())[:2]

    def encrypted(self, pairs):
        return self.pk.encrypt_encoded(plain(pairs), False)

    def decrypted(self, vector):
        """[signed significand, exponent] of each element."""
        pairs = items(self.sk.decrypt_to_encoded(vector))
        return [[value - self.n if value > self.n // 2 else value, exponent] for value, exponent in pairs]


def attempt(call, *arguments):
    """What the call returns, or None for a panic, which is no subclass of Exception."""
    try:
        return call(*arguments)
    except BaseException as error:
        if type(error).__name__ not in ("PanicException", "RuntimeError"):
            raise
        return None


def as_text(pairs):
    return None if pairs is None else [[f"{value:x}", exponent] for value, exponent in pairs]


def float_values(rnd):
    edges = [0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 1.5, 3.0, 2.0**52 + 1, 2.0**53, 2.0**60, 1e300, 1e-300, 5e-324]
    edges += [2.2250738585072014e-308, 1.7976931348623157e308, float(np.float32(0.1)), 123456.789]
    return edges + [rnd.uniform(-1, 1) * 10.0 ** rnd.randint(-300, 300) for _ in range(40)]


def encodings(oracle, rnd):
    out = []
    for value in float_values(rnd):
        out.append(["float64", value.hex(), items(oracle.coder.encode_f64_vec(np.array([value])))[0]])
        if abs(value) < 3e38:
            single = np.array([value], np.float32)
            out.append(["float32", float(single[0]).hex(), items(oracle.coder.encode_f32_vec(single))[0]])
    for value in [0, 1, -1, 2**31 - 1, -(2**31), *(rnd.getrandbits(31) for _ in range(5))]:
        out.append(["int32", value, items(oracle.coder.encode_i32_vec(np.array([value], np.int32)))[0]])
    for value in [0, 1, -1, 2**63 - 1, -(2**63), *(rnd.getrandbits(63) for _ in range(5))]:
        out.append(["int64", value, items(oracle.coder.encode_i64_vec(np.array([value], np.int64)))[0]])
    # Integers become residues modulo n there; hepy keeps their signs until they are encrypted.
    signed = [[v - oracle.n if v > oracle.n // 2 else v, e] for _, _, (v, e) in out]
    return [[dtype, value, as_text([pair])[0]] for (dtype, value, _), pair in zip(out, signed, strict=True)]


def decodings(oracle, rnd):
    n = oracle.n
    pairs = [(0, 0), (5, -1), (-5, -1), (n - 5, -1), (31, -1), (n - 31, -1), (3, 1), (1, 255), (1, 256), (1, -268)]
    pairs += [(1, -269), (1, 1000), (1, -1000), (n // 2, 0), (n // 2 + 1, 0), (n, 0), (n + 1, 0), (2**120 - 1, -29)]
    pairs += [
        (2**53 + 1, 0),
        (2**53 + 3, 0),
        (n - 2**54 - 3, 0),
        (2**31, 0),
        (2**63, 0),
        (2**64 + 7, 0),
        (2**54 + 1, -282),
    ]
    pairs += [
        (2**127 - 1, 0),
        (2**127, 0),
        (-(2**127), 0),
        (-(2**127) - 1, 0),
        (2**60 - 1, -15),
        (2**200, -20),
        (-1, -30),
    ]
    for _ in range(60):
        pairs.append((rnd.getrandbits(rnd.randint(1, 300)) * rnd.choice([1, -1]), rnd.randint(-80, 5)))
    out = []
    for pair in pairs:
        answers = {}
        for dtype, name in (("float64", "f64"), ("float32", "f32"), ("int64", "i64"), ("int32", "i32")):
            decoded = attempt(getattr(oracle.coder, f"decode_{name}_vec"), plain([pair]))
            if decoded is not None:
                decoded = float(decoded[0]).hex() if dtype.startswith("f") else int(decoded[0])
            answers[dtype] = decoded
        out.append({"number": as_text([pair])[0], **answers})
    return out


def packings(oracle, rnd):
    out = []
    cases = [([1.0, 2.0], 20, 2, 0), ([1.0, 2.0, 3.0], 20, 2, 4), ([1.5, 2.5, 0.5, 3.5], 8, 4, 0), ([], 8, 2, 0)]
    cases += [([-1.5, 2.25], 20, 2, 3), ([1.5, -2.25], 20, 2, 3), ([-0.5], 8, 1, 0), ([0.49999999999999994], 8, 1, 0)]
    cases += [
        ([0.1], 60, 1, 60),
        ([0.1], 80, 1, 70),
        ([300.0, 1.0], 8, 2, 0),
        ([1.0], 8, 0, 0),
        ([float("nan")], 8, 1, 0),
    ]
    for _ in range(12):
        count, bits, precision = rnd.randint(1, 5), rnd.randint(40, 80), rnd.randint(0, 38)
        cases.append(([rnd.uniform(0, 2) for _ in range(rnd.randint(1, 9))], bits, count, precision))
    for values, bits, count, precision in cases:
        packed = attempt(oracle.coder.pack_floats, values, bits, count, precision)
        back = None
        if packed is not None:
            back = attempt(oracle.coder.unpack_floats, packed, bits, count, precision, len(values))
            back = [value.hex() for value in back]
        texts = [value.hex() for value in values]
        packed = None if packed is None else as_text(items(packed))
        out.append({"values": texts, "layout": [bits, count, precision], "packed": packed, "unpacked": back})
    return out


def unpackings(oracle):
    cases = [([0x1000002], 20, 2, 0, total) for total in range(5)]
    cases += [([0x100002, 0x30], 20, 2, 4, total) for total in (0, 1, 2, 3, 4, 9)]
    cases += [([-5], 20, 2, 0, 2), ([1 << 70 | 7], 20, 2, 0, 2), ([2**70 - 1], 70, 1, 0, 1), ([2**64 - 1], 64, 1, 0, 1)]
    cases += [([2**63 + 1], 64, 1, 3, 1), ([5], 8, 1, 1074, 1), ([2**130 - 1], 130, 1, 0, 1)]
    return [
        {
            "plaintexts": [f"{value:x}" for value in values],
            "arguments": rest,
            "unpacked": [x.hex() for x in oracle.coder.unpack_floats(plain([(v, 0) for v in values]), *rest)],
        }
        for values, *rest in cases
    ]


def random_pairs(rnd, size, spread):
    return [[rnd.randint(-(10**6), 10**6), -rnd.randint(0, spread)] for _ in range(size)]


def operations(oracle, rnd):
    """Each method on vectors of one exponent, and of many."""
    zeros = fate.CiphertextVector.zeros
    out = []

    def note(method, result, **inputs):
        inputs = {name: as_text(v) if name in ("a", "b", "plain") else v for name, v in inputs.items()}
        out.append({"method": method, **inputs, "result": as_text(result)})

    def in_place(method, name, a, *arguments, **inputs):
        vector = zeros(inputs["zeros"]) if a is None else oracle.encrypted(a)
        call = getattr(vector, name)
        failed = attempt(lambda: (call(*arguments),)) is None
        note(method, None if failed else oracle.decrypted(vector), a=a, **inputs)

    def made(method, call, *arguments, **inputs):
        vector = attempt(call, *arguments)
        note(method, None if vector is None else oracle.decrypted(vector), **inputs)

    pk, coder, enc = oracle.pk, oracle.coder, oracle.encrypted
    for spread in (0, 14):
        a, b = random_pairs(rnd, 6, spread), random_pairs(rnd, 6, spread)
        for method in ("add", "sub", "rsub"):
            made(method, getattr(enc(a), method), pk, enc(b), a=a, b=b)
            made(f"{method}_plain", getattr(enc(a), method), pk, enc(b), a=a, plain=b)
            scalar = pk.encrypt_encoded_scalar(coder.encode_f64(-0.3), False)
            made(f"{method}_plain_scalar", getattr(enc(a), f"{method}_scalar"), pk, scalar, a=a, value=-0.3)
        made("mul_plain", enc(a).mul, pk, plain(b), a=a, plain=b)
        made("mul_plain_scalar", enc(a).mul_scalar, pk, coder.encode_f64(-0.3), a=a, value=-0.3)
        for left, right in (((2, 3), (3, 2)), ((6, 1), (1, 6)), ((1, 6), (6, 1)), ((0, 6), (6, 0))):
            x, w = a[: left[0] * left[1]], b[: right[0] * right[1]]
            shapes = [list(left), list(right)]
            made("matmul", enc(x).matmul, pk, plain(w), *shapes, a=x, plain=w, shapes=shapes)
            made("rmatmul", enc(x).rmatmul, pk, plain(w), *shapes, a=x, plain=w, shapes=shapes)
        for ranges in (
            [0, 0, None],
            [1, 1, None],
            [4, 0, None],
            [0, 0, 2],
            [6, 0, None],
            [0, 0, 7],
            [7, 0, None],
            [0, 0, 0],
        ):
            in_place("i_add", "iadd_vec", a, enc(b), *ranges, pk, b=b, ranges=ranges)
            in_place("i_sub", "isub_vec", a, enc(b), *ranges, pk, b=b, ranges=ranges)
        for arguments in ([1, 2], [0, 0], [4, 3], [6, 0], [7, 0]):
            made("slice", enc(a).slice, *arguments, a=a, arguments=arguments)
        for order in ([5, 4, 3, 2, 1, 0], [1, 2, 3, 4, 5, 0], [0, 1], [0, 1, 2, 3, 4, 6]):
            made("shuffle", enc(a).shuffle, order, a=a, order=order)
            in_place("i_shuffle", "i_shuffle", a, order, order=order)
        for intervals in ([[0, 2], [4, 6]], [[4, 6], [0, 2], [1, 3]], [[2, 2]], [], [[4, 8]], [[3, 1]]):
            pairs = [tuple(interval) for interval in intervals]
            made("intervals_slice", enc(a).intervals_slice, pairs, a=a, intervals=intervals)
        made("cat", fate.Evaluator.cat, [enc(a), enc(b[:2])], a=a, b=b[:2])
        for positions, stride in (
            ([[0, 1], [1, 3], [0, 0]], 2),
            ([[0, 5]] * 6, 1),
            ([[0], [], [1, 2]], 2),
            ([[9], [0]], 1),
            ([[0]] * 7, 1),
            ([], 1),
        ):
            arguments = {"positions": positions, "stride": stride, "b": b}
            in_place("i_update", "iupdate", None, enc(b), positions, stride, pk, zeros=8, **arguments)
            in_place("i_update", "iupdate", a, enc(b), positions, stride, pk, **arguments)
        for positions, masks, stride in (
            ([[0, 1], [1, 3]], [True, False, True], 2),
            ([[0], [1], [2]], [False, True, False, True, True, False], 1),
            ([[0]], [True, True, True], 1),
            ([[0], [1]], [True], 1),
            ([[9]], [False, True], 1),
        ):
            arguments = {"positions": positions, "masks": masks, "stride": stride, "b": b}
            in_place("i_update_with_masks", "iupdate_with_masks", a, enc(b), positions, masks, stride, pk, **arguments)
        long = a + b
        for sizes, step in (
            ([4, 2, 6], 2),
            ([12], 1),
            ([5, 7], 2),
            ([3, 3], 1),
            ([0, 3], 1),
            ([2, 3], 9),
            ([13], 1),
            ([], 1),
        ):
            in_place(
                "chunking_cumsum_with_step", "chunking_cumsum_with_step", long, pk, sizes, step, sizes=sizes, step=step
            )
        for arguments in ([2, 40], [6, 40], [9, 40], [1, 40], [4, 60], [0, 40]):
            positive = [[abs(value), exponent] for value, exponent in a]
            made("pack_squeeze", enc(positive).pack_squeeze, *arguments, pk, a=positive, arguments=arguments)
    return out


def main():
    # Panics write to standard error; their traces say nothing here.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    oracle, rnd = Oracle(), random.Random(7)
    vectors = {
        "source": "fate_utils 0.1.0 (the Rust core of FATE 2.2), by make_fate_contract.py; null is a panic",
        "key": {"p": f"{oracle.p:x}", "q": f"{oracle.q:x}"},
        "encodings": encodings(oracle, rnd),
        "decodings": decodings(oracle, rnd),
        "packings": packings(oracle, rnd),
        "unpackings": unpackings(oracle),
        "operations": operations(oracle, rnd),
    }
    text = json.dumps(vectors, indent=None, separators=(",", ":"))
    Path(__file__).with_name("fate_contract.json").write_text(text.replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
