"""Random primes: candidates from a stream, sieved and tested side by side, and judged by gmpy2 in the end.

Every candidate is drawn anew, so primes are uniform among those of the asked form; searching upwards from one random
start would prefer primes after long gaps (Brandt and Damgard, CRYPTO '92). The first candidate in the order of the
stream that is a prime is taken, however many threads look and whichever finds one first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gmpy2

from hepy import _limbs as limb
from hepy._host.pool import parallel_ranges
from hepy.bigint.primality import Form, first_strong_probable_prime, is_strong_probable_prime, sieve
from hepy.random import Purpose, Stream

# Candidates of one search, all of one call of the stream: more than any search will see.
_CANDIDATES = 1 << 26
# For random numbers of 1024 bits, five rounds of Miller-Rabin leave less than 2^-112 (FIPS 186-5, table B.1), the test
# to base 2 and BPSW aside.
_ROUNDS = 5
_BPSW = 24  # rounds that gmpy2 is asked for: GMP does BPSW instead of the first 24
_WITNESSES = 64

_Draw = Callable[[int, int], limb.Limbs]


class Verification:
    """Whether a number that we drew is a prime, but for a negligible probability. Bases are drawn at once, tests run later.

    Miller-Rabin with random bases runs beside gmpy2's BPSW where there are threads for both.
    """

    def __init__(self, value: int, stream: Stream) -> None:
        drawn = limb.to_ints(stream.uniform_below(value - 3, _ROUNDS, Purpose.VALIDATION))
        self._value, self._bases = value, [base + 2 for base in drawn]
        self.passed = False

    def run(self) -> bool:
        """Run the tests: whether all are passed, which `passed` keeps."""
        value, bases, results = self._value, self._bases, [False, False]
        # Miller-Rabin first: it leaves the GIL to BPSW.
        tests = (lambda: is_strong_probable_prime(value, bases), lambda: bool(gmpy2.is_prime(value, _BPSW)))

        def work(start: int, stop: int) -> None:
            for test in range(start, stop):
                results[test] = tests[test]()

        parallel_ranges(len(tests), 1, work)
        self.passed = all(results)
        return self.passed


class Search:
    """Candidates in the order of a stream, of which next() gives those one by one that are probably prime.

    Args:
        draw: draw(start, stop) makes the numbers of candidates [start, stop), uint32[stop - start, words].
        forms: the integers of a candidate, as forms of its number; all of them are to be prime.
        bits: of the widest.
        wanted: what else has to hold for them; asked of few candidates, most of which are no primes.
    """

    def __init__(
        self, draw: _Draw, forms: Sequence[Form], bits: int, wanted: Callable[..., bool] = lambda *values: True
    ) -> None:
        self._draw, self._forms, self._wanted = draw, forms, wanted
        # Of odd numbers of k bits one in 0.35 k is prime: half of what is drawn for 1024 bits is not in vain.
        self._piece = max(256, bits // 4 if len(forms) == 1 else 2 * bits)
        self._drawn = 0
        self._waiting: list[tuple[int, ...]] = []

    def next(self, beside: Callable[[], object] | None = None) -> tuple[int, ...]:
        """The next candidate whose integers are strong probable primes to base 2; `beside` is done meanwhile."""
        while True:
            if not self._waiting:
                self._fill()
            found = first_strong_probable_prime(self._waiting, beside)
            beside = None
            if found is not None:
                values = self._waiting[found]
                self._waiting = self._waiting[found + 1 :]
                return values
            self._waiting = []

    def _fill(self) -> None:
        while not self._waiting:
            start, stop = self._drawn, self._drawn + self._piece
            if stop > _CANDIDATES:
                raise RuntimeError(f"no prime among {start} candidates: the source of randomness is broken")
            self._drawn = stop
            numbers = self._draw(start, stop)
            kept = limb.to_ints(numbers[sieve(numbers, self._forms)])
            made = [tuple(form.of(k) for form in self._forms) for k in kept]
            self._waiting = [values for values in made if self._wanted(*values)]


def random_primes(
    bits: int, stream: Stream, *, three_mod_four: bool = False, wanted: Callable[[int], bool] = lambda value: True
) -> Search:
    """Probable primes with their two highest bits set, so that a product of two has exactly twice the bits.

    Args:
        bits: their length, at least 32.
        three_mod_four: of that form.
        wanted: what else has to hold.
    """
    draw = stream.draw(Purpose.KEY_PRIME, _CANDIDATES, bits)
    fixed = limb.from_ints([3 << (bits - 2) | (3 if three_mod_four else 1)], limb.width(bits))

    return Search(lambda start, stop: draw.host_bits(start, stop) | fixed, (Form(1, 0),), bits, wanted)


def random_prime(bits: int, stream: Stream) -> int:
    """A prime of so many bits, at least 32, the two highest set."""
    search = random_primes(bits, stream)
    while True:
        (value,) = search.next()
        if Verification(value, stream).run():
            return value


def subgroup_prime(bits: int, factor: int, stream: Stream) -> tuple[int, int]:
    """(P, p') with P = 2 p p' + 1 and p' prime, P with its two highest bits set; p = `factor` is an odd prime."""
    # p' uniform among the odd integers for which P is in range: first + 2 k.
    low, high = 3 << (bits - 2), 1 << bits
    first, last = -(-low // (2 * factor)) | 1, (high - 1) // (2 * factor)
    count = (last - first) // 2 + 1
    draw = stream.draw(Purpose.KEY_PRIME, _CANDIDATES, (count - 1).bit_length())
    forms = Form(2, first), Form(4 * factor, 2 * factor * first + 1)  # p', then P
    search = Search(lambda start, stop: draw.host_below(count, start, stop), forms, bits)
    while True:
        cofactor, prime = search.next()
        if all(Verification(value, stream).run() for value in (cofactor, prime)):
            return prime, cofactor


def is_composite(value: int, stream: Stream) -> bool:
    """Whether a random base proves that an odd number is composite: never of a prime, of others but once in 4**64.

    GMP's own bases come from a fixed seed; these cannot be foreseen by whoever chose the number.
    Source: Rabin, J. Number Theory 12 (1980).
    """
    bases = limb.to_ints(stream.uniform_below(value - 3, _WITNESSES, Purpose.VALIDATION))
    return not all(gmpy2.is_strong_prp(value, base + 2) for base in bases)
