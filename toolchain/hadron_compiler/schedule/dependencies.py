"""Which commands must wait for which: overlap of what they read and write."""

from bisect import bisect_right
from collections.abc import Sequence

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_spec.commands import Unit

__all__ = ["derive_dependencies"]

_NONE = (-1, -1, -1)
_Positions = tuple[int, int, int]


def _later(a: _Positions, b: _Positions) -> _Positions:
    return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])


def _with(positions: _Positions, unit: Unit, position: int) -> _Positions:
    changed = list(positions)
    changed[unit] = position
    return changed[0], changed[1], changed[2]


class _SpaceHistory:
    """Of every byte of a space, the last command of each unit that wrote and that read it.

    Units run their commands in order, so that the last one of a unit stands for all before it.
    Kept as segments: `_starts[i]` to `_starts[i + 1]` share `_written[i]` and `_read[i]`.
    """

    def __init__(self) -> None:
        self._starts = [0]
        self._written: list[_Positions] = [_NONE]
        self._read: list[_Positions] = [_NONE]

    def _split(self, at: int) -> int:
        """Make a segment begin at `at` and return its index."""
        index = bisect_right(self._starts, at) - 1
        if self._starts[index] == at:
            return index
        self._starts.insert(index + 1, at)
        self._written.insert(index + 1, self._written[index])
        self._read.insert(index + 1, self._read[index])
        return index + 1

    def read(self, start: int, end: int, unit: Unit, position: int) -> _Positions:
        """Note a read; return the writes it must come after."""
        first, last = self._split(start), self._split(end)
        written = self._written[first:last]
        read = [_with(mine, unit, position) for mine in self._read[first:last]]
        found = _NONE
        for positions in set(written):
            found = _later(found, positions)
        # Neighbours that are alike by now become one.
        kept = [i for i in range(len(read))
                if not i or written[i] != written[i - 1] or read[i] != read[i - 1]]
        self._starts[first:last] = [self._starts[first + i] for i in kept]
        self._written[first:last] = [written[i] for i in kept]
        self._read[first:last] = [read[i] for i in kept]
        return found

    def write(self, start: int, end: int, unit: Unit, position: int) -> _Positions:
        """Note a write; return the reads and writes it must come after."""
        first, last = self._split(start), self._split(end)
        found = _NONE
        for i in range(first, last):
            found = _later(found, _later(self._written[i], self._read[i]))
        self._starts[first + 1:last] = []
        self._written[first:last] = [_with(_NONE, unit, position)]
        self._read[first:last] = [_NONE]
        return found


def derive_dependencies(commands: Sequence[Command]) -> None:
    """Set `depends` of every command from the order given.

    Read after write, write after read and write after write, wherever bytes overlap. Of a command's
    own unit it needs no mention: a unit runs its commands in order.
    """
    history = {space: _SpaceHistory() for space in Space}
    counts = dict.fromkeys(Unit, 0)
    for command in commands:
        unit = command.unit
        if unit is None:
            continue
        position = counts[unit]
        counts[unit] += 1
        found = _NONE
        for start, end, space in _pieces(command.reads):
            found = _later(found, history[space].read(start, end, unit, position))
        for start, end, space in _pieces(command.writes):
            found = _later(found, history[space].write(start, end, unit, position))
        depends = list(found)
        depends[unit] = -1
        command.depends = (depends[0], depends[1], depends[2])


def _pieces(ranges: Sequence[Range]) -> list[tuple[int, int, Space]]:
    return [(r.start, r.end, r.space) for r in ranges if r.end > r.start]
