"""Sums of gradients, side by side in plaintexts, at the edges of their fields."""

import numpy as np
import pytest

from hepy import paillier
from hepy.demos.joint_modeling.boosting import SCALE_BITS
from hepy.demos.joint_modeling.squeezing import Slots
from hepy.errors import EncodingOverflowError, ParameterError

LARGEST = (1 << SCALE_BITS) - 1


@pytest.fixture(scope="module")
def key():
    return paillier.generate_key(bits=1024, insecure=True)


def test_squeezed_sums_are_the_sums(key):
    rows = 60
    generator = np.random.default_rng(0)
    gradients = generator.integers(-LARGEST, LARGEST + 1, (2, rows))
    slots = Slots.choose(key.bits, rows)
    assert slots.count > 3
    count = 2 * slots.count - 1
    bins = generator.integers(0, count, rows)
    sums = key.encrypt(slots.pack(gradients)).segment_sum(bins, count)
    squeezed = slots.squeeze(sums)
    assert squeezed.shape == (2,)
    assert squeezed.account == slots.squeezed(rows)
    expected = [[int(part[bins == b].sum()) for b in range(count)] for part in gradients]
    assert slots.unpack(key.decrypt(squeezed))[:, :count].tolist() == expected


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (1, -1), (-1, 1)])
def test_all_rows_at_the_edge_in_every_slot(key, signs):
    rows = 63  # the most that six bits hold
    slots = Slots.choose(key.bits, rows)
    gradients = np.array(signs)[:, None] * np.full((2, rows), LARGEST)
    whole = key.encrypt(slots.pack(gradients)).sum()
    squeezed = slots.squeeze(paillier.stack([whole] * slots.count))
    expected = [[sign * rows * LARGEST] * slots.count for sign in signs]
    assert slots.unpack(key.decrypt(squeezed)).tolist() == expected


def test_one_row_more_than_agreed_is_refused_by_the_account(key):
    slots = Slots.choose(key.bits, 63)
    with pytest.raises(EncodingOverflowError):
        key.encrypt(slots.pack(np.zeros((2, 64), dtype=np.int64))).sum()


def test_a_key_too_short_is_refused():
    with pytest.raises(ParameterError, match="too short"):
        Slots.choose(64, 1000)
