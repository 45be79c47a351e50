"""Each variant at the lengths that are meant for use: a few numbers through everything."""

import numpy as np
import pytest

from hepy import paillier
from hepy.paillier.variants import BITS

CASES = [(bits, variant) for bits in BITS for variant in ("djn", "classic", "subgroup")]
ORDINARY = {(2048, "djn"), (2048, "classic"), (2048, "subgroup"), (3072, "djn")}  # the others take many seconds


@pytest.mark.parametrize(
    ("bits", "variant"), [pytest.param(*case, marks=[] if case in ORDINARY else [pytest.mark.slow]) for case in CASES]
)
def test_a_round_of_everything(bits, variant, seed):
    key = paillier.generate_key(bits, variant, seed=seed(f"{bits} {variant}"))
    public = key.public_key
    assert public.bits == bits
    assert not public.insecure
    assert "insecure" not in repr(key)
    public.validate()
    values = np.array([[1.5, -2.25, 0.0], [1e6, -1e-6, 3.0]])
    x = public.encrypt(values, seed=seed("x"))
    assert key.encrypt(values, seed=seed("x")).residues.equal(x.residues).all()
    assert np.allclose(key.decrypt(x), values, rtol=0, atol=2.0**-41)
    weights = np.array([3, -2, 5])
    assert np.array_equal(key.decrypt(x @ weights, raw=True), key.decrypt(x, raw=True) @ weights)
    y = (x - x).rerandomize()
    assert y.fresh
    assert not key.decrypt(y).any()
    whole = public.encrypt([2**1500, -(2**1500)], value_bits=1501)
    assert key.decrypt(whole + 1).tolist() == [2**1500 + 1, 1 - 2**1500]


@pytest.mark.slow
def test_the_default_is_3072_bits_of_djn():
    key = paillier.generate_key()
    assert (key.bits, key.variant) == (3072, "djn")
