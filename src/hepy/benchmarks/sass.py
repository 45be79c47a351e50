"""Disassembled kernels as trees of loops: which instructions stand in which loop.

A loop is what a backward branch spans. Instructions of a body that sit under a forward branch count as executed.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable

_SECTION = re.compile(r"\s*\.section\s+\.text\.([^,\s]+)")
_LABEL = re.compile(r"\s*\.(L_x_\d+):")
_INSTRUCTION = re.compile(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*)")
_TARGET = re.compile(r"`\(\.(L_x_\d+)\)")


@dataclasses.dataclass
class Loop:
    """A loop, or a whole kernel.

    Attributes:
        start, end: positions of its first and last instruction.
        own: instructions outside inner loops, by opcode.
        inner: the loops directly inside.
    """

    start: int
    end: int
    own: Counter[str] = dataclasses.field(default_factory=Counter)
    inner: list[Loop] = dataclasses.field(default_factory=list)

    def weighted(self, trips: Callable[[Loop], float]) -> Counter[str]:
        """Instructions of one pass, inner loops counted as often as `trips` says."""
        total: Counter[str] = Counter(self.own)
        for loop in self.inner:
            times = trips(loop)
            for opcode, count in loop.weighted(trips).items():
                total[opcode] += count * times  # type: ignore[assignment]
        return total

    def count(self, prefix: str) -> int:
        """Own instructions whose opcode begins so."""
        return sum(count for opcode, count in self.own.items() if opcode.startswith(prefix))


def kernels(text: str) -> dict[str, Loop]:
    """The kernels of what nvdisasm prints, by mangled name."""
    found: dict[str, Loop] = {}
    lines: list[str] = []
    name = ""
    for line in [*text.splitlines(), "\t.section\t.text.,"]:
        section = re.match(r"\s*\.section\s+(\S+?)[,\s]", line)
        if section is None:
            lines.append(line)
            continue
        if name:
            found[name] = _tree(lines)
        code = _SECTION.match(line)
        name, lines = (code.group(1) if code else ""), []
    return found


def _tree(lines: list[str]) -> Loop:
    labels: dict[str, int] = {}
    opcodes: list[str] = []
    branches: list[tuple[int, str]] = []
    for line in lines:
        if label := _LABEL.match(line):
            labels[label.group(1)] = len(opcodes)
        elif instruction := _INSTRUCTION.match(line):
            if instruction.group(1).startswith("BRA") and (target := _TARGET.search(instruction.group(2))):
                branches.append((len(opcodes), target.group(1)))
            opcodes.append(instruction.group(1))
    ends: dict[int, int] = {}
    for at, target_label in branches:
        start = labels[target_label]
        if start < at:  # a branch to itself only fills the end of a kernel
            ends[start] = max(at, ends.get(start, 0))
    root = Loop(0, len(opcodes) - 1)
    for start, end in sorted(ends.items(), key=lambda span: (span[0], -span[1])):
        _innermost(root, start).inner.append(Loop(start, end))
    for at, opcode in enumerate(opcodes):
        _innermost(root, at).own[opcode] += 1
    return root


def _innermost(loop: Loop, at: int) -> Loop:
    for inner in loop.inner:
        if inner.start <= at <= inner.end:
            return _innermost(inner, at)
    return loop
