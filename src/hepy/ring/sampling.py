"""Random polynomials from streams: uniform, ternary, sparse ternary, discrete Gaussian, as residues.

A coefficient takes its words from blocks of 16: word w of element e of a draw is word 16 e + w of an array in C order
of [B..., limbs, N] for uniform residues, and of [B..., N, words for a coefficient] for the small distributions, which
give one integer modulo every prime. Words that are rejected take the same place of the next attempt; a device's kernels draw
again by themselves, so that nobody waits for it. No branch and no address depends on what is kept. On a device the words of
small distributions are in memory that is zeroed when it is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._devices.zeroing import secret_memory
from hepy.errors import ParameterError
from hepy.random import Draw, Purpose, Stream
from hepy.ring.basis import RingBasis
from hepy.ring.constants import on_device
from hepy.ring.kernels import Array, kernels
from hepy.ring.polynomial import Coefficients, Polynomial, batch_shape

SIGMA = 3.2
# round(2**63 P(|x| < k)), k = 1 ... 29, of the discrete Gaussian with that sigma on [-29, 29].
GAUSSIAN_THRESHOLDS = (
    1149872835429266008, 3340023666152832878, 5231742854224525755, 6713673034491318534, 7766573326200196559,
    8445050402542556634, 8841576285654612684, 9051758678878186096, 9152802451769415979, 9196859074767746705,
    9214281206174004120, 9220529764022708441, 9222562339745873206, 9223161995634596964, 9223322447917711089,
    9223361386320111733, 9223369956674611012, 9223371667508612691, 9223371977254386296, 9223372028116140532,
    9223372035690845299, 9223372036713969871, 9223372036839307002, 9223372036853232778, 9223372036854636068,
    9223372036854764320, 9223372036854774951, 9223372036854775750, 9223372036854775805,
)  # fmt: skip

_REJECTED = np.uint32(2**32 - 1)
_ALL_BITS = np.uint32(2**32 - 1)
_BLOCK_WORDS = 16
_ATTEMPTS = 1 << 16

Shape = int | tuple[int, ...]


def uniform(basis: RingBasis, shape: Shape, stream: Stream) -> Polynomial:
    """Uniform polynomials, in the NTT domain (where they are as uniform as in the other).

    Each word is masked to the bit length of its prime and rejected unless it is below.

    Args:
        basis: the RingBasis.
        shape: the batch shape.
        stream: where randomness comes from.
    """
    device, dimensions = _devices.current(), (*batch_shape(shape), len(basis), basis.degree)
    primes = on_device(basis, device, "primes", lambda: basis.words)
    masks = on_device(basis, device, "masks", lambda: _masks(basis))

    def examine(words: Array, places: Array) -> tuple[Array, Array]:
        limbs = places // basis.degree % len(basis)
        masked = words & masks[limbs]
        return masked, masked >= primes[limbs]

    with device.active():
        draw, count = _draw(stream, Purpose.RING_UNIFORM, math.prod(dimensions)), math.prod(dimensions)
        below = draw.words_below(primes, masks, basis.degree)
        if below is not None:
            return Polynomial(basis, device, below[:count].reshape(dimensions))
        words = _words(draw, count).reshape(dimensions)
        words &= masks[:, None]
        device.make_room(words.size)  # for booleans
        _redraw(draw, words.reshape(-1), device.xp.flatnonzero(words >= primes[:, None]), examine)
    return Polynomial(basis, device, words)


@secret_memory()
def ternary(basis: RingBasis, shape: Shape, stream: Stream) -> Coefficients:
    """Coefficients that are -1, 0 or 1 with equal probability.

    One word each, rejected where it is 2**32 - 1; the three thirds of the others mean 0, 1 and -1.
    """
    device, dimensions = _devices.current(), (*batch_shape(shape), basis.degree)
    bounds = on_device(basis, device, "ternary bounds", lambda: np.array([_REJECTED], np.uint32))
    masks = on_device(basis, device, "ternary masks", lambda: np.array([_ALL_BITS], np.uint32))
    with device.active():
        count = math.prod(dimensions)
        draw = _draw(stream, Purpose.RING_TERNARY, count)
        words = draw.words_below(bounds, masks, _BLOCK_WORDS)
        words = _ternary_words(draw, count) if words is None else words[:count]
    return Coefficients(basis, device, kernels(device).ternary(words.reshape(dimensions), basis))


def _ternary_words(draw: Draw, count: int) -> Array:
    """Where no kernel draws again by itself."""
    words = _words(draw, count)
    places = _devices.current().xp.flatnonzero(words == _REJECTED)
    _redraw(draw, words, places, lambda again, _: (again, again == _REJECTED))
    return words


@secret_memory()
def sparse_ternary(basis: RingBasis, shape: Shape, weight: int, stream: Stream) -> Coefficients:
    """Polynomials of which exactly `weight` coefficients are not zero, uniform among those; nonzero ones are +-1.

    Four words a coefficient: two for a number r below s = N - index, the high half of word * s, rejected where the low
    half is below 2**64 mod s (Lemire, ACM TOMACS 29 (2019)); the coefficient is not zero where r is below the count of
    those still to be placed (Knuth, TAOCP 2, 3.4.2, algorithm S). The lowest bit of the third word is the sign.

    Raises:
        ParameterError: the weight is not from 0 to N.
    """
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= basis.degree:
        raise ParameterError(f"the weight of a polynomial of degree {basis.degree} is from 0 to that, not {weight!r}")
    device, dimensions = _devices.current(), (*batch_shape(shape), basis.degree, 4)
    with device.active():
        count = math.prod(dimensions)
        draw = _draw(stream, Purpose.RING_SPARSE_TERNARY, count)
        words = draw.selection_words(basis.degree)
        words = _selection_words(draw, count, basis.degree) if words is None else words[:count]
    leaf = kernels(device).sparse_ternary
    return Coefficients(basis, device, leaf(words.reshape(dimensions), weight, basis))


def _selection_words(draw: Draw, count: int, degree: int) -> Array:
    """Where no kernel draws again by itself."""
    device = _devices.current()
    places_left = np.arange(degree, 0, -1, dtype=np.uint64)
    left, rejected_below = map(device.asarray, (places_left, (np.uint64(2**64 - 1) % places_left + 1) % places_left))

    def rejected(words: Array, index: Array) -> Array:
        low = words[..., 0].astype(np.uint64) | (words[..., 1].astype(np.uint64) << np.uint64(32))
        return low * left[index] < rejected_below[index]  # modulo 2**64

    words = _words(draw, count).reshape(-1, 4)
    places = device.xp.flatnonzero(rejected(words, device.xp.arange(len(words)) % degree))
    attempts = _attempts()
    while len(places):
        attempt = next(attempts)
        for place in places.tolist():  # one in 2**47 at most
            words[place] = draw.words(place // 4, place // 4 + 1, attempt).reshape(4, 4)[place % 4]
        places = places[rejected(words[places], places % degree)]
    return words


@secret_memory()
def gaussian(basis: RingBasis, shape: Shape, stream: Stream) -> Coefficients:
    """Coefficients from the discrete Gaussian of standard deviation 3.2, cut at 29, beyond which 2**-65 would lie.

    Two words each, low one first: the magnitude is the count of thresholds that the upper 63 bits reach, every
    threshold being compared; the lowest bit is the sign.
    """
    device, dimensions = _devices.current(), (*batch_shape(shape), basis.degree, 2)
    with device.active():
        draw = _draw(stream, Purpose.RING_GAUSSIAN, math.prod(dimensions))
        words = _words(draw, math.prod(dimensions)).reshape(dimensions)
    thresholds = on_device(basis, device, "thresholds", lambda: np.array(GAUSSIAN_THRESHOLDS, np.uint64))
    return Coefficients(basis, device, kernels(device).gaussian(words, thresholds, basis))


def _masks(basis: RingBasis) -> npt.NDArray[np.uint32]:
    return np.array([(1 << prime.bit_length()) - 1 for prime in basis.primes], np.uint32)


def _draw(stream: Stream, purpose: Purpose, words: int) -> Draw:
    return stream.draw(purpose, -(-words // _BLOCK_WORDS), 32 * _BLOCK_WORDS)


def _words(draw: Draw, count: int) -> Array:
    """The first `count` words of a draw, uint32[count], an array of their own."""
    blocks = -(-count // _BLOCK_WORDS)
    return draw.words(0, blocks).reshape(-1)[:count]


def _attempts() -> Iterator[int]:
    yield from range(1, _ATTEMPTS)
    raise RuntimeError("65536 rejections in a row: the source of randomness is broken")


def _redraw(draw: Draw, words: Array, places: Array, examine: Callable[[Array, Array], tuple[Array, Array]]) -> None:
    """Fill the rejected places of uint32[count] from further attempts.

    examine: from new words and their places, what to keep of each and whether it is rejected again.
    """
    xp = _devices.current().xp
    for attempt in _attempts():
        if not len(places):
            return
        kept, rejected = examine(_again(draw, places, attempt), places)
        words[places] = kept
        places = places[xp.flatnonzero(rejected)]


def _again(draw: Draw, places: Array, attempt: int) -> Array:
    """The words at these ascending places in that attempt."""
    xp, blocks = _devices.current().xp, places // _BLOCK_WORDS
    begins = xp.ones(len(blocks), xp.bool_)
    begins[1:] = blocks[1:] != blocks[:-1]
    drawn = draw.words_at(_devices.to_host(blocks[begins]), attempt)
    return drawn[xp.cumsum(begins) - 1, places % _BLOCK_WORDS]
