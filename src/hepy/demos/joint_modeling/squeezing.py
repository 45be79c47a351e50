"""Where g and h of many bins lie inside one plaintext.

Each row's pair is packed into two fields, and the fields are wide: they have room for `slots` sums at a stride of
`stride` bits. Adding rows fills slot 0; multiplying by 2**stride moves all fields up by one slot at once, so Horner's
rule puts the sums of `slots` bins into one ciphertext. That is one decryption, one rerandomization and one ciphertext
on the wire in place of `slots`, for stride squarings each. FATE calls it cipher compression (Chen et al., SecureBoost+,
arXiv:2110.10927, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hepy import paillier
from hepy.demos.joint_modeling.boosting import SCALE_BITS, Integers
from hepy.errors import ParameterError
from hepy.paillier.packing import Fields


@dataclass(frozen=True)
class Slots:
    """The layout, which follows from the key's length and the number of rows.

    Attributes:
        count: sums side by side in each field.
        stride: bits from one to the next.
    """

    count: int
    stride: int

    @classmethod
    def choose(cls, key_bits: int, rows: int) -> Slots:
        """As many slots as a key holds. A sum of `rows` numbers below 2**SCALE_BITS, with their biases, stays below
        rows * 2**(SCALE_BITS + 1) <= 2**stride - 2**(SCALE_BITS + 1); g, h and the count of biases take a field each.

        Raises:
            ParameterError: the key is too short for one slot.
        """
        stride = SCALE_BITS + 1 + rows.bit_length()
        count = (key_bits - 2) // (3 * stride)
        if count == 0:
            raise ParameterError(f"a key of {key_bits} bits is too short for sums over {rows} rows: use a longer one")
        return cls(count, stride)

    @property
    def fields(self) -> Fields:
        """The account of one row's plaintext."""
        width = self.count * self.stride
        return Fields((width, width), (0, 0), (SCALE_BITS, SCALE_BITS), width)

    def squeezed_fields(self, terms: int) -> Fields:
        """The account of squeezed sums of `terms` rows."""
        repeated = sum(1 << (self.stride * k) for k in range(self.count))
        return self.fields.times(terms * repeated)

    def pack(self, gradients: Integers) -> paillier.Packed:
        """int64[2, rows] as plaintexts (rows,)."""
        fields = self.fields
        return paillier.pack(
            *gradients, field_bits=fields.field_bits, value_bits=fields.value_bits, count_bits=fields.count_bits
        )

    def squeeze(self, sums: paillier.CiphertextArray) -> paillier.CiphertextArray:
        """Ciphertexts (rows, count) into (rows,): column k goes to slot k."""
        out = sums[:, -1]
        for k in range(self.count - 2, -1, -1):
            out = out * (1 << self.stride) + sums[:, k]
        return out

    def unpack(self, packed: paillier.Packed) -> Integers:
        """Squeezed plaintexts (rows,) as int64[2, rows * count]: the sums in the order in which they went in."""
        return np.stack([self._digits(field) for field in paillier.unpack(packed)])

    def _digits(self, field: npt.NDArray[np.object_]) -> Integers:
        """Signed digits to the base 2**stride, lowest first: absolute values are below half of it."""
        half, mask = 1 << (self.stride - 1), (1 << self.stride) - 1
        lift = sum(half << (self.stride * k) for k in range(self.count))
        lifted = [int(value) + lift for value in field]
        return np.array(
            [(value >> (self.stride * k) & mask) - half for value in lifted for k in range(self.count)], dtype=np.int64
        )
