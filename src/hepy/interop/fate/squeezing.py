"""Many plaintexts of some bits in one ciphertext: Horner's rule, over many groups at once."""

from __future__ import annotations

import numpy as np

from hepy import _devices
from hepy.bigint import concatenate as concatenate_residues
from hepy.errors import EncodingOverflowError, ParameterError
from hepy.interop.fate.vectors import CiphertextVector, expected
from hepy.paillier import PublicKey


def squeezed(a: CiphertextVector, count: int, shift_bit: int, key: PublicKey) -> CiphertextVector:
    """`count` elements in one, shift_bit apart, the first one highest; the last may hold fewer."""
    if count == 0:
        raise ParameterError("pack_num is at least 1: so many plaintexts go into one")
    residues, _ = expected(CiphertextVector, a).parts(key)
    count = min(count, max(len(a), 1))
    if count > 1 and shift_bit > key.n.bit_length():
        raise EncodingOverflowError(
            f"plaintexts {shift_bit} bits apart do not fit into one of {key.n.bit_length()} bits: use a larger key"
        )
    groups = -(-len(a) // count)
    # The last group is filled up in front, with zeros: the ciphertext 1, which stands behind the others.
    with _devices.device(residues.device):
        padded = concatenate_residues([residues, key.modulus.ones((1,))])
    full = max(0, groups - 1) * count
    filling = np.full(groups * count - len(a), len(a))
    order = np.concatenate([np.arange(full), filling, np.arange(full, len(a))])
    columns = padded[order.reshape(groups, count)]
    total = columns[:, 0]
    for column in range(1, count):
        total = total.power_vartime(1 << shift_bit).multiply(columns[:, column])
    return CiphertextVector(key, total, np.zeros(groups, dtype=np.int64))
