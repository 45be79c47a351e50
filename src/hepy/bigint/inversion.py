"""Batched inversion, for every engine that has running products and can go back through blocks of them.

Montgomery's trick (Math. Comp. 48 (1987), section 10.3.1) in a tree: the products of blocks are inverted in the same
way, down to one number, which the host inverts.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import gmpy2
import numpy as np

from hepy import _limbs as limb
from hepy._devices import to_host
from hepy.bigint.kernels import Batch, NotAUnit, Operand

BLOCK = 64  # three products an element, and a level of the tree for each factor 64


class Engine(Protocol):
    """What inverse() asks of an engine, beside the leaves of hepy.bigint.kernels.Kernels."""

    n: int
    words: int
    block: int  # elements whose product is inverted together, BLOCK or fewer for engines that take many blocks at once

    def load(self, limbs: Any) -> Batch: ...

    def store(self, x: Operand) -> Any: ...

    def prefix_product(self, x: Operand, run: int) -> Batch: ...

    def block_inverse(self, products: Batch, x: Operand, inverses: Batch) -> None:
        """Puts 1 / x[i] in place of running products, prefix_product(x, block), given the inverses of the last of each."""


def inverse(engine: Engine, x: Operand) -> Batch:
    """1 / x[i].

    Raises:
        NotAUnit: with the positions of the elements that have no inverse.
    """
    count = len(x[1])
    if count <= 1:
        return _on_host(engine, x)
    made = engine.prefix_product(x, engine.block)
    last = np.minimum(np.arange(engine.block, count + engine.block, engine.block), count) - 1
    try:
        inverses = inverse(engine, (made, last))
    except NotAUnit:
        raise NotAUnit([i for i, value in enumerate(_ints(engine, x)) if math.gcd(value, engine.n) != 1]) from None
    engine.block_inverse(made, x, inverses)
    return made


def by_lifting(low: Any, high: Any, m: Any) -> tuple[Any, Any]:
    """1 / (low + high m) modulo m**2, as its remainder and its quotient by m; all of them gmpy2's integers.

    Raises:
        ZeroDivisionError: it is not a unit.
    Source: Hensel's lemma: v = 1 / x modulo m gives v - v (v x - 1) modulo m**2, in half of the time of one of this length.
    """
    inverse = gmpy2.invert(low, m)
    excess = gmpy2.divexact(low * inverse - 1, m) + high * inverse
    return inverse, -inverse * (excess % m) % m


def _on_host(engine: Engine, x: Operand) -> Batch:
    try:
        values = [int(gmpy2.invert(value, engine.n)) for value in _ints(engine, x)]
    except ZeroDivisionError:
        raise NotAUnit([0]) from None
    return engine.load(limb.from_ints(values, engine.words))


def _ints(engine: Engine, x: Operand) -> list[int]:
    return limb.to_ints(to_host(engine.store(x)))
