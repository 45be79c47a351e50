"""Whole numbers as arguments: numpy's count as Python's, whatever their width, and nothing else is shown."""

import numpy as np
import pytest

import hepy
from hepy import paillier
from hepy._arguments import whole
from hepy.errors import ParameterError


@pytest.mark.parametrize("number", [3, np.int8(3), np.uint64(3), np.int64(3)])
def test_integers_of_every_kind_come_out_as_pythons(number):
    assert type(whole("n", number, 0, 5)) is int
    assert whole("n", number, 0, 5) == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1, "-1"), (6, "6"), (2.0, "2.0"), (True, "True"), (None, "NoneType"), ("3", "str"), (b"secret", "bytes"), ([3], "list")],
)  # fmt: skip
def test_anything_else_is_refused(value, shown):
    with pytest.raises(ParameterError, match="n is a whole number of lambs from 0 to 5, not ") as caught:
        whole("n", value, 0, 5, of="lambs")
    assert str(caught.value).endswith(f"not {shown}")


def test_widths_of_numpys_integers_do_not_leak_into_results(key):
    """1 << np.int8(70) is 0; a bound or a scale made of it would be wrong without a word."""
    public = key.public_key
    wide = public.encrypt([2**70], value_bits=np.int8(73), scale_bits=np.int8(2))
    assert key.decrypt(wide).tolist() == [2.0**70]
    assert repr(wide.account) == repr(public.encrypt([2**70], value_bits=73, scale_bits=2).account)
    assert key.decrypt(wide.multiply(0.5, scale_bits=np.uint8(1), value_bits=np.int16(2))).tolist() == [2.0**69]
    x = public.encrypt([1, 2, 3])
    bins = np.tile([[0], [1], [99]], (1, 3))
    assert key.decrypt(x.segment_sum(bins, np.int8(100))).sum() == 18
    assert key.decrypt(x.squeeze_pack(np.int8(2))).tolist() == [[1, 2], [3, 0]]
    assert public.pool(np.uint8(2)).left == 2
    packed = paillier.pack(
        [3], field_bits=[np.int8(100)], value_bits=[np.int8(70)], scale_bits=[np.int8(3)], count_bits=np.int8(9)
    )
    assert paillier.unpack(key.decrypt(public.encrypt(packed)))[0].tolist() == [3.0]
    assert paillier.generate_key(np.int64(256), insecure=True).bits == 256
    assert next(iter(hepy.dump_chunks(x, max_bytes=np.int32(10**6))))


def test_options_take_them_too():
    before = hepy.options.threads
    try:
        hepy.options.threads = np.int64(2)
        assert type(hepy.options.threads) is int
    finally:
        hepy.options.threads = before
