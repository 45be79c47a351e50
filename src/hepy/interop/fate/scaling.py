"""Ciphertexts whose plaintexts have exponents of 16: how they come to a common one, and sum.

A plaintext is significand * 16**exponent, and only the significand is encrypted. Two of them add at the smaller
exponent: the other's significand is multiplied by a power of 16, which for a ciphertext is a power of 2**(4 digits).
What `zeros` made and nothing was added to is the ciphertext 1 and has no exponent yet (NONE): it takes any, and costs
nothing.

Residues are ciphertexts modulo n**2, (B,); exponents are int64[B].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hepy._limbs import object_array
from hepy.bigint import ResidueArray
from hepy.bigint import concatenate as concatenate_residues
from hepy.errors import EncodingOverflowError
from hepy.interop.fate.fixed_point import BASE_BITS, MAX_EXPONENT

# Above every exponent, so that the smaller of two is the one that exists.
NONE = 1 << 30

Exponents = npt.NDArray[np.int64]
Integers = npt.NDArray[np.int64]


_ZERO = np.zeros(1, dtype=np.int64)
_ZERO.flags.writeable = False


def zero_exponents(size: int) -> Exponents:
    """Exponents of so many integers, or packed numbers: int64[size], not to be written to.

    Vectors of one, which FATE's tables are made of, share theirs: joining many then looks at one array.
    """
    return _ZERO if size == 1 else np.zeros(size, dtype=np.int64)


def known(significands: npt.NDArray[np.generic], exponents: Exponents) -> Exponents:
    """Exponents of plaintexts that nothing hides: zeros have none, as in fate_utils.

    Else a number of another magnitude would be brought to the exponent of a zero, and could exceed the key.
    """
    zeros = significands == 0
    return np.where(zeros, NONE, exponents) if np.count_nonzero(zeros) else exponents


def digits_above(exponents: Exponents, target: Exponents) -> Integers:
    """How many digits to base 16 lead from each exponent down to its target.

    Raises:
        EncodingOverflowError: more than any key holds.
    """
    digits = np.where(exponents >= NONE, 0, exponents - target)
    if len(digits) and int(digits.max()) > MAX_EXPONENT:
        raise EncodingOverflowError(
            f"numbers whose exponents are {int(digits.max())} digits apart were to be added: no key holds such a sum"
        )
    return digits


def checked(exponents: Exponents) -> Exponents:
    """The exponents of products, if they are still such as can be aligned; without one stays without.

    Raises:
        EncodingOverflowError: one is not.
    """
    exponents = np.where(exponents >= NONE // 2, NONE, exponents)
    used = exponents[exponents < NONE]
    if len(used) and int(np.abs(used).max()) > MAX_EXPONENT:
        raise EncodingOverflowError(
            f"after so many products an exponent is {int(np.abs(used).max())}, beyond {MAX_EXPONENT}: decrypt and encrypt "
            "again earlier"
        )
    return exponents


def raised(residues: ResidueArray, digits: Integers) -> ResidueArray:
    """Plaintexts times 16**digits, digits >= 0."""
    at = np.flatnonzero(digits)
    if not len(at):
        return residues
    wanted = digits[at]
    if (wanted == wanted[0]).all():
        powers = residues[at].power_vartime(1 << BASE_BITS * int(wanted[0]))
    else:
        factors = object_array([1 << BASE_BITS * d for d in wanted.tolist()], (len(wanted),))
        powers = residues[at].power_vartime(factors)
    return powers if len(at) == residues.size else replaced(residues, at, powers)


def replaced(residues: ResidueArray, at: slice | Integers, new: ResidueArray) -> ResidueArray:
    """The same ciphertexts, but new ones in a slice or at these distinct positions."""
    if isinstance(at, slice):
        return concatenate_residues([residues[: at.start], new, residues[at.stop :]])
    order = np.arange(residues.size)
    order[at] = residues.size + np.arange(len(at))
    return concatenate_residues([residues, new])[order]


def plaintexts_at(significands: npt.NDArray[np.generic], digits: Integers) -> npt.NDArray[np.generic]:
    """Significands times 16**digits: int64[B] or objects; digits >= 0."""
    if not digits.any():
        return significands
    pairs = zip(significands.tolist(), digits.tolist(), strict=True)
    return object_array([value << BASE_BITS * d for value, d in pairs], significands.shape)


def combine(
    left: ResidueArray, left_exponents: Exponents, right: ResidueArray, right_exponents: Exponents, *, subtract: bool
) -> tuple[ResidueArray, Exponents]:
    """left + right, or left - right, elementwise."""
    if (left_exponents == right_exponents).all():
        return left.divide(right) if subtract else left.multiply(right), left_exponents
    if not subtract and (left_exponents == NONE).all():
        return right, right_exponents  # the ciphertext 1 everywhere
    exponents = np.minimum(left_exponents, right_exponents)
    a = raised(left, digits_above(left_exponents, exponents))
    b = raised(right, digits_above(right_exponents, exponents))
    return a.divide(b) if subtract else a.multiply(b), exponents


def sums_by_target(
    residues: ResidueArray, exponents: Exponents, targets: Integers, size: int
) -> tuple[ResidueArray, Exponents, Integers]:
    """Sums of the elements that share a target.

    Elements of one target and one exponent are summed as they are; only these sums are brought to the target's smallest
    exponent. So many elements with few exponents cost few powers.

    Args:
        residues, exponents: the elements, at least one.
        targets: int64[B], in [0, size).

    Returns: the sums of the T targets that occur, in order, with the ciphertext 1 behind them, (T + 1,); their exponents; and
        which of them is each target's own, int64[size]: T where there is nothing to add.
    """
    if not np.count_nonzero(exponents != exponents[0]):
        sums, places = residues.sparse_segment_product(targets, size)
        return sums, _same(exponents[0], sums.size), places
    levels, level = np.unique(exponents, return_inverse=True)
    keys = targets * len(levels) + level.reshape(-1)
    parts, part_of = residues.sparse_segment_product(keys, size * len(levels))
    used = np.flatnonzero(part_of < parts.size - 1)
    where, part_exponents = used // len(levels), levels[used % len(levels)]
    smallest = np.full(size, NONE)
    np.minimum.at(smallest, where, part_exponents)
    aligned = raised(parts[:-1], digits_above(part_exponents, smallest[where]))
    sums, places = aligned.sparse_segment_product(where, size)
    return sums, np.append(smallest[smallest < NONE], NONE), places


def _same(exponent: int, size: int) -> Exponents:
    """One exponent for all sums, and none for what is behind them."""
    exponents = np.full(size, exponent)
    exponents[-1] = NONE
    return exponents


def histograms(
    columns: list[ResidueArray], exponent: int, targets: list[Integers], size: int
) -> tuple[ResidueArray, Exponents, Integers]:
    """Sums of elements that share a target, of several features at once.

    Args:
        columns: arrays of elements, each (S,), all of this exponent.
        targets: for each of them int64[F, S], in [0, size).

    Returns: as sums_by_target.
    """
    found, parts = [], []
    for column, features in zip(columns, targets, strict=True):
        products, where = column.joint_segment_product(features)
        found += [own for own, _ in where]
        parts.append(products)
    # A product for each bin of a feature; features may share bins.
    sums, places = concatenate_residues(parts).sparse_segment_product(np.concatenate(found), size)
    return sums, _same(exponent, sums.size), places
