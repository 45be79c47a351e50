"""How g and h of a row, and then the sums of many bins, share a plaintext."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepy import paillier
from hepy.demos.joint_modeling.boosting import SCALE_BITS, Integers
from hepy.errors import ParameterError
from hepy.paillier.packing import Fields
from hepy.paillier.squeezing import Squeezed


@dataclass(frozen=True)
class Slots:
    """The layout, which follows from the key's length and the number of rows, so that both parties know it.

    Attributes:
        fields: the account of one row's plaintext, with room for the sum of all rows.
        count: sums in one ciphertext.
    """

    fields: Fields
    count: int

    @classmethod
    def choose(cls, key_bits: int, rows: int) -> Slots:
        """As many slots as a key holds.

        Raises:
            ParameterError: the key is too short for one slot.
        """
        width = SCALE_BITS + 1 + rows.bit_length()
        fields = Fields((width, width), (0, 0), (SCALE_BITS, SCALE_BITS), rows.bit_length())
        count = (key_bits - 2) // fields.total_bits
        if count == 0:
            raise ParameterError(f"a key of {key_bits} bits is too short for sums over {rows} rows: use a longer one")
        return cls(fields, count)

    def squeezed(self, terms: int) -> Squeezed:
        """The account of squeezed sums of `terms` rows."""
        return Squeezed(self.fields.times(terms), self.count)

    def pack(self, gradients: Integers) -> paillier.Packed:
        """int64[2, rows] as plaintexts (rows,)."""
        fields = self.fields
        return paillier.pack(
            *gradients, field_bits=fields.field_bits, value_bits=fields.value_bits, count_bits=fields.count_bits
        )

    def squeeze(self, sums: paillier.CiphertextArray) -> paillier.CiphertextArray:
        """Sums (bins,) in ceil(bins / count) ciphertexts."""
        return sums.squeeze_pack(self.count)

    def unpack(self, packed: paillier.Packed) -> Integers:
        """Decrypted sums (ciphertexts, count) as int64[2, ciphertexts * count], in the order in which they went in."""
        return np.stack([part.ravel() for part in paillier.unpack(packed)])
