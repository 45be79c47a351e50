"""A fixed sequence of operations on polynomials, done again and again: as one graph where the device records graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hepy.ring.halves import copied
from hepy.ring.polynomial import Polynomial

_WAITING = 0.7  # of the time of a run, what Python takes to ask for it where the device is taken to wait for that

Work = Callable[[Sequence[Polynomial]], Sequence[Polynomial]]


class Replay:
    """work(inputs) for inputs of the same shapes and bases on one device.

    Args:
        work: from polynomials to polynomials, by the same operations each time.
        inputs: to record it with.
    """

    def __init__(self, work: Work, inputs: Sequence[Polynomial]) -> None:
        self._work = work
        self._device = inputs[0].device
        self._fixed: list[Polynomial] = []
        self._graph = None
        if self._device.has_graphs and self._waits(inputs):
            self._fixed = [copied(x) for x in inputs]
            self._graph = self._device.graph(lambda: work(self._fixed))

    def _waits(self, inputs: Sequence[Polynomial]) -> bool:
        """Whether the device runs out of work while Python asks for it.

        Where it does not, a graph gains nothing: its copies of what goes in and comes out are more work for the device.
        """
        self._work(inputs)  # what is done for the first time takes longer
        self._device.synchronize()
        begun = time.perf_counter()
        results = self._work(inputs)
        asked = time.perf_counter()
        self._device.synchronize()
        ended = time.perf_counter()
        del results
        return asked - begun > _WAITING * (ended - begun)

    @property
    def nbytes(self) -> int:
        """Memory that stays reserved between calls: of a graph, with the places of its inputs; 0 without one."""
        return 0 if self._graph is None else self._graph.nbytes + sum(x.nbytes for x in self._fixed)

    def __call__(self, inputs: Sequence[Polynomial]) -> Sequence[Polynomial]:
        graph = self._graph
        if graph is None:
            return self._work(inputs)

        def fill() -> None:
            for place, x in zip(self._fixed, inputs, strict=True):
                place._words[...] = x._words

        with self._device.active():
            results: Sequence[Polynomial] = graph.launch(fill, lambda: [copied(x) for x in graph.results])
        return results
