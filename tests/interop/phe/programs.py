"""Small programs over encrypted numbers that run on phe and on the adapter alike, and what came of every step.

A program is a list of steps, each a list that JSON can hold: an operation, places of earlier results, and scalars as
text. run() takes either library's `paillier` module. Obfuscators are fixed (r_value), so ciphertexts can be compared.
"""

import functools
import hashlib
import operator

ERRORS = (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError)


class Missing(LookupError):
    """A step needs a result that an earlier error left out."""


def as_text(scalar):
    return f"i:{scalar}" if isinstance(scalar, int) else f"f:{float(scalar).hex()}"


def as_scalar(text):
    kind, _, value = text.partition(":")
    return int(value) if kind == "i" else float.fromhex(value)


def keys(paillier, p, q):
    public_key = paillier.PaillierPublicKey(p * q)
    return public_key, paillier.PaillierPrivateKey(public_key, p, q)


class Run:
    """One program on one library."""

    def __init__(self, paillier, public_key):
        self.paillier, self.key = paillier, public_key
        self.results = []

    def take(self, argument):
        """A scalar, or an earlier result."""
        if isinstance(argument, str):
            return as_scalar(argument)
        if self.results[argument] is None:
            raise Missing
        return self.results[argument]

    def encode(self, text, precision, max_exponent):
        return self.paillier.EncodedNumber.encode(self.key, as_scalar(text), precision, max_exponent)

    def step(self, name, *arguments):
        if name == "encrypt":
            text, precision, r = arguments
            return self.key.encrypt(as_scalar(text), precision=precision, r_value=r)
        if name == "encrypt_encoded":
            *encoding, r = arguments
            return self.key.encrypt(self.encode(*encoding), r_value=r)
        if name in ("+", "-", "*", "/"):
            operation = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[name]
            return operation(*map(self.take, arguments))
        if name in ("+encoded", "*encoded"):
            at, *encoding = arguments
            operation = operator.add if name == "+encoded" else operator.mul
            return operation(self.take(at), self.encode(*encoding))
        if name == "lower":
            return self.take(arguments[0]).decrease_exponent_to(arguments[1])
        if name == "sum":
            return sum([self.take(at) for at in arguments[0]])
        if name == "dot":
            terms = zip(map(self.take, arguments[0]), map(self.take, arguments[1]), strict=True)
            return functools.reduce(operator.add, [left * right for left, right in terms])
        raise AssertionError(f"no such operation: {name}")


def run(paillier, public_key, private_key, program):
    """For each step: what it raised, or exponent, ciphertext and decrypted number (or what decryption raised)."""
    running, told = Run(paillier, public_key), []
    for step in program:
        try:
            result = running.step(*step)
        except ERRORS as error:
            running.results.append(None)
            told.append({"raised": type(error)})
        else:
            running.results.append(result)
            told.append({"exponent": result.exponent})
    for result, outcome in zip(running.results, told, strict=True):
        if result is not None:
            outcome["ciphertext"] = result.ciphertext(be_secure=False)
            try:
                outcome["decrypted"] = as_text(private_key.decrypt(result))
            except ERRORS as error:
                outcome["decryption raised"] = type(error)
    return told


def digest(ciphertext):
    return hashlib.sha256(str(ciphertext).encode()).hexdigest()[:32]
