"""Makes phe.json: what phe 1.5 makes of numbers, programs and key files, so that the adapter's suite needs no phe.

Run from the repository's root with phe and gmpy2 installed: .venv-interop-phe/bin/python tests/vectors/make_phe.py
"""

import importlib.util
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import gmpy2
import phe
from phe import paillier, util

ROOT = Path(__file__).parents[2]
BASES = (16, 2, 10, 64)
INTEGERS = (0, 1, -1, 255, -256, 2**63, -(2**64), 2**250, 2**400)
FLOATS = (0.0, 1.0, 0.1, -2.5, 1 / 3, 3.5, 1e-12, 123456.789, -(2.0**60), 1e-300, 5e-324, 1.7976931348623157e308)
PRECISIONS = (None, 1, 0.1, 1e-10, 2**-12, 16, 255, 256)
EXPONENTS = (None, 3, 0, -5, -40)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


programs = load(ROOT / "tests" / "interop" / "phe" / "programs.py")


def primes(draw, bits):
    found = set()
    while len(found) < 2:
        found.add(int(gmpy2.next_prime(draw.getrandbits(bits) | 3 << (bits - 2))))
    return tuple(found)


def encodings(key):
    """[base, scalar, precision, max_exponent, encoding of either sign in hexadecimal or null, exponent or error]."""
    rows = []
    for base in BASES:
        kind = type("Encoded", (paillier.EncodedNumber,), {"BASE": base, "LOG2_BASE": gmpy2.log2(base).__float__()})
        step = 1 if base == 16 else 3
        for scalar in (*INTEGERS, *FLOATS)[::step]:
            for precision in PRECISIONS:
                for most in EXPONENTS[::step]:
                    try:
                        made = kind.encode(key, scalar, precision, most)
                    except ValueError as error:
                        outcome = [None, type(error).__name__]
                    else:
                        signed = made.encoding if made.encoding <= key.max_int else made.encoding - key.n
                        outcome = [f"{signed:x}", made.exponent]
                    rows.append([base, programs.as_text(scalar), precision, most, *outcome])
    return rows


def random_program(draw, length):
    """Steps that mostly succeed, over few earlier results, so that they depend on each other."""
    steps = []

    def scalar():
        kind = draw.random()
        if kind < 0.4:
            return programs.as_text(draw.randint(-(10 ** draw.randint(0, 12)), 10 ** draw.randint(0, 12)))
        return programs.as_text(
            draw.uniform(-1, 1) * 10.0 ** draw.randint(-6, 6) if kind < 0.9 else draw.choice([0, 1.0])
        )

    def place():
        return draw.randrange(max(0, len(steps) - 5), len(steps))

    def options():
        return draw.choice([None, 1, 0.01, 1e-6, 32]), draw.choice([None, -3, 2])

    for at in range(length):
        name = "encrypt" if at < 2 else draw.choice(
            ["encrypt", "encrypt_encoded", "+", "-", "*", "/", "+encoded", "*encoded", "lower", "sum", "dot"]
        )  # fmt: skip
        if name == "encrypt":
            steps.append([name, scalar(), options()[0], draw.randint(2, 10**9)])
        elif name == "encrypt_encoded":
            steps.append([name, scalar(), *options(), draw.randint(2, 10**9)])
        elif name == "*":
            steps.append([name, place(), scalar()] if draw.random() < 0.5 else [name, scalar(), place()])
        elif name in "+-":
            left, right = draw.choice([(place(), place()), (place(), scalar()), (scalar(), place())])
            steps.append([name, left, right])
        elif name == "/":
            steps.append([name, place(), programs.as_text(draw.choice([2, 3, -7, 0.3]))])
        elif name in ("+encoded", "*encoded"):
            steps.append([name, place(), scalar(), *options()])
        elif name == "lower":
            steps.append([name, place(), draw.randint(-30, 3)])
        else:
            places = [place() for _ in range(draw.randint(1, 9))]
            steps.append([name, places] if name == "sum" else [name, places, [scalar() for _ in places]])
    return steps


def outcomes(key, private_key, program):
    told = programs.run(paillier, key, private_key, program)
    for outcome in told:
        if "ciphertext" in outcome:
            outcome["ciphertext"] = programs.digest(outcome["ciphertext"])
        for name in ("raised", "decryption raised"):
            if name in outcome:
                outcome[name] = outcome[name].__name__
    return told


def files():
    """A key pair and an encrypted number as the command line writes them."""
    command = [str(Path(sys.executable).with_name("pheutil"))]
    with tempfile.TemporaryDirectory() as folder:

        def run(*arguments):
            subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True)

        run("genpkey", "--keysize", "512", "private.json")
        run("extract", "private.json", "public.json")
        run("encrypt", "--output", "number.json", "public.json", "2.5")
        return {name: (Path(folder) / f"{name}.json").read_text() for name in ("private", "public", "number")}


def main():
    draw = random.Random(1999)
    pairs = {"1024 bits": primes(draw, 512), "256 bits": primes(draw, 128)}
    vectors = {
        "source": f"tests/vectors/make_phe.py, phe {phe.__version__}, gmpy2 {gmpy2.version()}",
        "keys": {name: [f"{p:x}", f"{q:x}"] for name, (p, q) in pairs.items()},
        "programs": {},
        "files": {**files(), "decrypted": programs.as_text(2.5)},
        "base64": [[str(n), util.int_to_base64(n)] for n in (1, 255, 256, 10**30, 2**512 - 1)],
    }
    for name, (p, q) in pairs.items():
        key, private_key = programs.keys(paillier, p, q)
        if name == "1024 bits":
            vectors["encodings"] = encodings(key)
        made = [random_program(draw, 24) for _ in range(24)]
        vectors["programs"][name] = [
            {"program": program, "outcomes": outcomes(key, private_key, program)} for program in made
        ]
        vectors["raw " + name] = [
            [m, r, programs.digest(key.raw_encrypt(m, r))] for m in (0, 1, 12345, 2**200) for r in (1, 2, 99991)
        ]
    path = Path(__file__).with_name("phe.json")
    path.write_text("{\n" + ",\n".join(_section(*item) for item in sorted(vectors.items())) + "\n}\n")


def _section(name, value):
    """One row of a table a line, so that changes can be seen."""
    if isinstance(value, list):
        return f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"
    return f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}"


if __name__ == "__main__":
    main()
