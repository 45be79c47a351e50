"""The composites of native.py: what leaves would do in many launches, in few, without passes over memory between them.

Factors travel with other work. Those of a base conversion are in the last stage of the inverse transform before it; the
division that ends a rescaling is in the conversion's matrix and in the last pass of the transform after it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hepy._devices.graphs import holds
from hepy.ring import constants, tables
from hepy.ring.basis import RingBasis
from hepy.ring.native_conversion import Conversions, Exchange, factors

Array = Any  # uint32[B..., limbs, N] on the device
Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class _Steps:
    """An inverse transform, a conversion and a transform: tables of rows as ring::Row in cuda/ring/ring.hpp has them.

    Attributes:
        backward, scales: rows of the inverse transform, and their factors as ring::intt_scaled takes them.
        exchanges: the digits of the conversion.
        forward: rows of the transform.
        ends: factors of ring::ntt_plus_scaled, where there is one.
    """

    backward: Array
    scales: Array
    exchanges: tuple[Exchange, ...]
    forward: Array
    ends: Array | None = None


class Composites(Conversions):
    """Contract: hepy.ring.kernels.RingComposites."""

    def scale(self, x: Array, factors: Array, basis: RingBasis) -> Array:
        raise NotImplementedError

    def subtract_scaled(self, x: Array, y: Array, factors: Array, basis: RingBasis) -> Array:
        raise NotImplementedError

    def automorphism_ntt(self, x: Array, element: int, basis: RingBasis) -> Array:
        raise NotImplementedError

    def mod_up(
        self, x: Array, groups: Sequence[RingBasis], source: RingBasis, target: RingBasis, centred: bool
    ) -> Array:
        """Three steps for all digits: back, where x is copied to its own primes on the way; converted; forward in place."""
        batch, degree = x.shape[:-2], source.degree
        steps = self._extension(tuple(groups), source, target)
        out = self.empty((*batch, len(groups), len(target), degree))
        rows = out.reshape(*batch, -1, degree)
        numerators = self.empty((*batch, len(source), degree))
        self.run("intt_scaled_keeping", source, numerators, self._compact(x), steps.scales, rows, steps.backward)
        self.exchange(rows, numerators, steps.exchanges, scaled=True, centred=centred)
        self.run("ntt", target, rows, rows, steps.forward)
        return out

    def rescale(self, x: Array, source: RingBasis, target: RingBasis, values: bool) -> Array:
        """Three steps: what is divided away goes back; converted, times what it is to be subtracted as; forward, plus x."""
        gone = constants.departing(source, target)
        if gone is None or not values:
            return self._rescaled_residues(x, source, target, gone)
        x, steps = self._compact(x), self._division(source, target)
        out = self._remainders(x, source, target, steps)
        self.run("ntt_plus_scaled", target, out, out, x, steps.ends, steps.forward)
        return out

    def rescale_automorphism(self, x: Array, source: RingBasis, target: RingBasis, element: int) -> Array:
        """As rescale; the last step writes its values where the automorphism moves them."""
        if constants.departing(source, target) is None:
            return self.automorphism_ntt(self.rescale(x, source, target, True), element, target)
        x, steps = self._compact(x), self._division(source, target)
        remainders = self._remainders(x, source, target, steps)
        out = self.empty(remainders.shape)
        self.run("ntt_plus_scaled_turned", target, out, remainders, x, steps.ends, element, steps.forward)
        return out

    def _remainders(self, x: Array, source: RingBasis, target: RingBasis, steps: _Steps) -> Array:
        """What is added to the part of x that stays: coefficients modulo the target."""
        batch, degree = x.shape[:-2], source.degree
        numerators = self.empty((*batch, len(steps.backward), degree))
        self.run("intt_scaled", source, numerators, x, steps.scales, steps.backward)
        out = self.empty((*batch, len(target), degree))
        self.exchange(out, numerators, steps.exchanges, scaled=True, centred=True)
        return out

    def _rescaled_residues(self, x: Array, source: RingBasis, target: RingBasis, gone: RingBasis | None) -> Array:
        """Where nothing is transformed."""
        ends = constants.on_device(
            target, self.device, ("division", source), lambda: constants.division(source, target)
        )
        # A prime that comes in has the factor 0, so that any row serves.
        held = self._limbs(x, target, source)
        if gone is None:
            return self.scale(held, ends[0], target)
        lost = self.empty((*x.shape[:-2], len(target), target.degree))
        rows = tuple(source.positions(gone)), tuple(range(len(target)))
        exchange = Exchange(gone, target, constants.gained(source, target), *rows)
        self.exchange(lost, x, (exchange,), scaled=False, centred=True)
        return self.subtract_scaled(held, lost, ends, target)

    def _limbs(self, x: Array, target: RingBasis, source: RingBasis) -> Array:
        """The limbs of x that constants.kept names: a view where they are adjacent."""
        places = constants.kept(source, target)
        first, count = int(places[0]), len(places)
        if (places == np.arange(first, first + count)).all():
            return x[..., first : first + count, :]
        index = constants.on_device(target, self.device, ("kept", source), lambda: places)
        with self.device.active():
            return self.device.xp.take(x, index, axis=-2)

    @holds
    @functools.lru_cache(maxsize=1024)  # noqa: B019 - kernels live as long as the process
    def _extension(self, groups: tuple[RingBasis, ...], source: RingBasis, target: RingBasis) -> _Steps:
        limbs = len(target)
        backward = np.zeros((len(source), 4), np.uint32)
        scales = np.zeros((len(source), 2), np.uint32)
        exchanges, forward = [], []
        for d, group in enumerate(groups):
            rest = constants.departing(target, group)
            assert rest is not None  # the special primes, at least
            own, new = source.positions(group), target.positions(rest)
            exchange = Exchange(group, rest, 1, tuple(own), tuple(d * limbs + place for place in new))
            backward[own] = [
                (k, k, k, d * limbs + place) for k, place in zip(own, target.positions(group), strict=True)
            ]
            scales[own] = _last_stage(factors(exchange), group)
            exchanges.append(exchange)
            forward += [(place, row, row, 0) for place, row in zip(new, exchange.rows_out, strict=True)]
        upload = self.device.asarray
        steps = _Steps(upload(backward), upload(scales), tuple(exchanges), upload(np.array(forward, np.uint32)))
        self.device.settle()
        return steps

    @holds
    @functools.lru_cache(maxsize=1024)  # noqa: B019
    def _division(self, source: RingBasis, target: RingBasis) -> _Steps:
        gone = constants.departing(source, target)
        assert gone is not None
        kept, inverses = constants.division(source, target)
        minus = tuple(q - int(each) for q, each in zip(target.primes, inverses, strict=True))
        places, limbs = range(len(gone)), range(len(target))
        exchange = Exchange(gone, target, constants.gained(source, target), tuple(places), tuple(limbs), minus)
        backward = [(place, place, row, 0) for row, place in enumerate(source.positions(gone))]
        forward = [(k, k, k, place) for k, place in enumerate(constants.kept(source, target))]
        upload = self.device.asarray
        steps = _Steps(
            upload(np.array(backward, np.uint32)), upload(_last_stage(factors(exchange), gone)), (exchange,),
            upload(np.array(forward, np.uint32)), upload(constants.montgomery(kept, target.words)),
        )  # fmt: skip
        self.device.settle()
        return steps


def _last_stage(scales: Words, basis: RingBasis) -> Words:
    """Of factors f in Montgomery form, what the last stage of an inverse transform multiplies by: uint32[limbs, 2]."""
    degree, rows = basis.degree, []
    for scale, q in zip(scales, basis.primes, strict=True):
        first = int(scale) * pow(degree, -1, q) % q
        rows.append((first, first * pow(tables.root(q, degree), -degree // 2, q) % q))
    return np.array(rows, np.uint32)
