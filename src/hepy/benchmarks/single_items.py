"""One number at a time beside gmpy2: what a product, a sum or a decryption costs where there is no batch to share it.

Both take turns in one process, and a round's ratio is that of neighbours in time. Some seconds for a key length.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import click
import gmpy2

from hepy import _devices, options, paillier
from hepy.benchmarks import figures, ledger, tables
from hepy.benchmarks.figures import Spread

KEY_BITS = (2048, 3072)
_SEED = bytes(range(32))  # of keys whose ciphertexts protect nothing
_FACTOR = (1 << 62) + 1
_LONGEST_RUN = 1 << 16

Call = Callable[[], Any]


@dataclass(frozen=True)
class Pair:
    """One operation by hepy, and the line or lines that do it with gmpy2's integers."""

    operation: str
    ours: Call
    theirs: Call


class Number:
    """What code on gmpy2 keeps with a ciphertext, as phe does: its key and its exponent, and looks at in each sum."""

    __slots__ = ("exponent", "key", "value")

    def __init__(self, key: Any, value: Any, exponent: int) -> None:
        self.key, self.value, self.exponent = key, value, exponent

    def __add__(self, other: Number) -> Number:
        if self.key is not other.key or self.exponent != other.exponent:
            raise ValueError("another key or another exponent")
        return Number(self.key, self.value * other.value % self.key.modulus, self.exponent)


class Textbook:
    """Paillier by the textbook on gmpy2's integers, with all that a key has ready."""

    def __init__(self, key: paillier.PrivateKey) -> None:
        self.n = gmpy2.mpz(key.public_key.n)
        self.modulus = self.n * self.n
        base = key.public_key.base
        assert base is not None
        self.base = gmpy2.mpz(base.base)
        self.p, self.q = map(gmpy2.mpz, key.export_primes())
        self._sides = [(m, m * m, gmpy2.invert(self._quotient(self.n + 1, m), m)) for m in (self.p, self.q)]
        self._inverse_q = gmpy2.invert(self.q, self.p)

    def encrypt(self, number: int, randomizer: int) -> Any:
        return (1 + number * self.n) * gmpy2.powmod(self.base, randomizer, self.modulus) % self.modulus

    def decrypt(self, x: Any) -> Any:
        """By the Chinese remainder theorem: Paillier, EUROCRYPT '99, section 7."""
        on_p, on_q = (self._quotient(x % square, m) * factor % m for m, square, factor in self._sides)
        return on_q + self.q * ((on_p - on_q) * self._inverse_q % self.p)

    @staticmethod
    def _quotient(x: Any, m: Any) -> Any:
        return (gmpy2.powmod(x, m - 1, m * m) - 1) // m


def pairs(bits: int) -> Iterator[Pair]:
    """All operations under a key of so many bits."""
    key = paillier.generate_key(bits=bits, seed=_SEED, insecure=bits < 2048)
    public, book = key.public_key, Textbook(key)
    n, modulus = book.n, book.modulus
    x, y, z = public.encrypt(5), public.encrypt(7), public.encrypt(1.5)
    a, b = x.residues, y.residues
    p, q, r = (gmpy2.mpz(int(one.residues.to_ints().item())) for one in (x, y, z))
    left, right = Number(book, p, 0), Number(book, q, 0)
    one = 1 << paillier.encoding.DEFAULT_SCALE_BITS
    randomizer = int.from_bytes(_SEED * 16, "little") >> (4096 - bits // 2)
    yield Pair("residue * residue", lambda: a * b, lambda: p * q % modulus)
    yield Pair("x + y", lambda: x + y, lambda: p * q % modulus)
    yield Pair("x + y, gmpy2 with key and exponent", lambda: x + y, lambda: left + right)
    yield Pair("x - y", lambda: x - y, lambda: p * gmpy2.invert(q, modulus) % modulus)
    yield Pair("x + 1", lambda: x + 1, lambda: p * (1 + 1 * n) % modulus)
    yield Pair("z + 1.5", lambda: z + 1.5, lambda: r * (1 + round(1.5 * one) * n) % modulus)
    yield Pair("2 * x", lambda: 2 * x, lambda: gmpy2.powmod(p, 2, modulus))
    yield Pair("x * 63 bits", lambda: x * _FACTOR, lambda: gmpy2.powmod(p, _FACTOR, modulus))
    yield Pair("-x", lambda: -x, lambda: gmpy2.invert(p, modulus))
    yield Pair("encrypt", lambda: public.encrypt(5), lambda: book.encrypt(5, randomizer))
    yield Pair("decrypt", lambda: key.decrypt(x), lambda: book.decrypt(p))


@dataclass(frozen=True)
class Row:
    """Microseconds of a call, and how many of hepy's gmpy2 takes the time of, round by round."""

    key_bits: int
    operation: str
    ours: Spread
    theirs: Spread
    ratio: Spread

    def cells(self) -> list[str]:
        ratio = f"{self.ratio.median:.2f} ({self.ratio.low:.2f} to {self.ratio.high:.2f})"
        return [str(self.key_bits), self.operation, *map(tables.number, (self.ours.median, self.theirs.median)), ratio]


def compare(bits: int, pair: Pair, rounds: int, seconds: float) -> Row:
    """Rounds of about so many seconds, a third of each gmpy2's, which stands between two thirds of hepy's."""
    repeats = [max(1, min(_LONGEST_RUN, int(seconds / 3 / _seconds(call, 3)))) for call in (pair.ours, pair.theirs)]
    ours, theirs = [], []
    for _ in range(rounds):
        before = _seconds(pair.ours, repeats[0])
        theirs.append(1e6 * _seconds(pair.theirs, repeats[1]))
        ours.append(1e6 * statistics.fmean([before, _seconds(pair.ours, repeats[0])]))
    ratio = figures.ratio(theirs, ours)
    return Row(bits, pair.operation, figures.spread(ours), figures.spread(theirs), ratio)


def _seconds(call: Call, repeats: int) -> float:
    """Of the processor, for one of so many calls; one more warms up."""
    call()
    start = time.process_time()
    for _ in range(repeats):
        call()
    return max(time.process_time() - start, 1e-9) / repeats


def measure(key_bits: Sequence[int], rounds: int, seconds: float, operations: Sequence[str] = ()) -> Iterator[Row]:
    """A row for each operation, or each of those named, on one thread of the host."""
    threads, options.threads = options.threads, 1
    try:
        with _devices.device("cpu"):
            for bits in key_bits:
                for pair in pairs(bits):
                    if not operations or pair.operation in operations:
                        yield compare(bits, pair, rounds, seconds)
    finally:
        options.threads = threads


def record(run: ledger.Run, parameters: dict[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """What the ledger keeps."""
    versions = {
        "gmpy2": {"gmpy2": gmpy2.version(), "GMP": gmpy2.mp_version()},
        "numpy": {"numpy": metadata.version("numpy")},
    }
    return run.record(suite="singles", parameters=parameters, versions=versions, singles=[asdict(row) for row in rows])


def table(rows: Sequence[Row]) -> tables.Table:
    columns = ["key", "operation", "hepy, µs", "gmpy2, µs", "gmpy2 / hepy (quartiles)"]
    return tables.Table("Single items on one core", columns, [row.cells() for row in rows])


@click.command("singles")
@click.option("--bits", type=int, multiple=True, default=KEY_BITS, show_default=True, help="Key lengths.")
@click.option("--operation", "operations", multiple=True, help="Rows, in place of all.")
@click.option("--rounds", type=click.IntRange(1), default=25, show_default=True, help="Samples of each row.")
@click.option("--seconds", type=float, default=0.012, show_default=True, help="Of one round, where calls are short.")
@click.option("--keep/--no-keep", default=True, help="Write the ledger.")
def command(bits: tuple[int, ...], operations: tuple[str, ...], rounds: int, seconds: float, keep: bool) -> None:
    """Measure single items beside gmpy2: some ten seconds."""
    run = ledger.Run()
    rows = list(measure(bits, rounds, seconds, operations))
    parameters = {"key_bits": list(bits), "operations": list(operations), "rounds": rounds, "seconds": seconds}
    tables.console().print(table(rows).rich())
    if keep:
        click.echo(f"kept in {ledger.write(record(run, parameters, rows))}")
