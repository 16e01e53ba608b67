"""Do a program's tokens order every pair of accesses that must not swap?

LOAD, EXECUTE and STORE run side by side. Each runs its own commands in order, and a token orders
a command after the one that sent it; nothing else is ordered. Two commands of different units
that touch the same byte, at least one of them writing, race unless a chain of those orders leads
from one to the other.

Vector clocks decide that: a command's clock says, for each unit, how many of its commands have
certainly finished before it starts. Every byte remembers the last reader and the last writer of
each unit; a command that touches a byte checks that its clock covers them. The check does not
depend on the order in which the model happens to run the commands, and misses no race.

Source: Lamport, "Time, clocks, and the ordering of events in a distributed system", CACM 1978.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hadron_spec.commands import LocalSpace, Unit

__all__ = ["Access", "Clock", "Hazard", "HazardChecker", "HazardKind", "Where"]

Clock = tuple[int, ...]
"""Finished commands of each unit, by `Unit`."""

Where = slice | NDArray[np.int64]
"""Bytes: a range, or addresses one by one."""


class HazardKind(Enum):
    """What is wrong."""

    RACE = "not ordered by tokens"
    """Two units touch a byte, one writes it, and the tokens leave the order open."""
    SELF = "reads what it wrote itself"
    """An EXECUTE command reads a byte after having written it: the pipeline leaves open whether
    the old or the new value is read."""
    UNINITIALISED = "reads what nothing wrote"
    """On-chip bytes that the program has not written."""
    PROGRAM = "writes into the program"
    """A STORE to the commands, which are fetched ahead."""


@dataclass(frozen=True)
class Hazard:
    """One finding: the first byte at which `command` conflicts with `other`."""

    kind: HazardKind
    space: str
    address: int
    command: int
    other: int | None = None
    write: bool = False
    """Whether `command` writes the byte."""

    def __str__(self) -> str:
        verb = "writes" if self.write else "reads"
        other = "" if self.other is None else f", command {self.other}"
        return (f"command {self.command} {verb} {self.space} byte {self.address:#x}{other}: "
                f"{self.kind.value}")


@dataclass(frozen=True)
class Access:
    """Bytes of a space (a `LocalSpace`, or None: memory from MEMORY_BASE) that a command uses."""

    space: LocalSpace | None
    write: bool
    where: Where


class _Shadow:
    """For every byte of a space, the last command of each unit that read and that wrote it."""

    def __init__(self, size: int):
        self.size = size
        self.initialised = np.zeros(size, np.bool_)
        self._last: dict[tuple[Unit, bool], NDArray[np.int32]] = {}

    def latest(self, unit: Unit, write: bool, where: Where) -> NDArray[np.int32] | int:
        """Return the ordinals of the last readers or writers; 0 is none."""
        last = self._last.get((unit, write))
        return 0 if last is None else last[where]

    def note(self, unit: Unit, write: bool, where: Where, ordinal: int) -> None:
        """Remember an access; memory is taken only for what a unit does at all."""
        if (unit, write) not in self._last:
            self._last[unit, write] = np.zeros(self.size, np.int32)
        self._last[unit, write][where] = ordinal
        if write:
            self.initialised[where] = True


def _first(where: Where, matches: NDArray[np.bool_]) -> int:
    position = int(np.argmax(matches))
    return where.start + position if isinstance(where, slice) else int(where[position])


class HazardChecker:
    """Watches commands in an order that respects tokens, and collects hazards.

    Parameters
    ----------
    sizes : mapping of LocalSpace or None to int
        Bytes of each space; None is the memory region.
    program : range
        Bytes of the memory region that hold the program; may lie outside.
    """

    def __init__(self, sizes: dict[LocalSpace | None, int], program: range):
        self.hazards: list[Hazard] = []
        self._program = program
        self._shadows = {space: _Shadow(size) for space, size in sizes.items()}
        # Index of each unit's commands; ordinal 0 is "none".
        self._commands: dict[Unit, list[int]] = {unit: [-1] for unit in Unit}

    def observe(self, index: int, unit: Unit, clock: Clock, accesses: Iterable[Access]) -> None:
        """Check the accesses of the next command of `unit`, which starts at `clock`."""
        self._commands[unit].append(index)
        ordinal = len(self._commands[unit]) - 1
        accesses = list(accesses)
        for access in accesses:
            self._check(index, unit, clock, access)
        for access in accesses:
            self._shadows[access.space].note(unit, access.write, access.where, ordinal)

    def found_in_command(self, index: int, address: int) -> None:
        """Note that a command reads scratchpad byte `address` after having written it."""
        self.hazards.append(Hazard(HazardKind.SELF, LocalSpace.ACTIVATIONS.name.lower(), address,
                                   index))

    def _check(self, index: int, unit: Unit, clock: Clock, access: Access) -> None:
        shadow = self._shadows[access.space]
        where = access.where
        name = "memory" if access.space is None else access.space.name.lower()
        for other in Unit:
            if other == unit:
                continue
            # Reads conflict with writes; writes with both.
            latest = np.asarray(shadow.latest(other, True, where))
            if access.write:
                latest = np.maximum(latest, shadow.latest(other, False, where))
            unordered = latest > clock[other]
            if unordered.any():
                address = _first(where, unordered)
                last = int(latest[int(np.argmax(unordered))])
                self.hazards.append(Hazard(HazardKind.RACE, name, address, index,
                                           self._commands[other][last], access.write))
        if access.space is not None and not access.write:
            unknown = ~shadow.initialised[where]
            if unknown.any():
                self.hazards.append(Hazard(HazardKind.UNINITIALISED, name, _first(where, unknown),
                                           index))
        if access.space is None and access.write and isinstance(where, slice):
            start = max(where.start, self._program.start)
            if start < min(where.stop, self._program.stop):
                self.hazards.append(Hazard(HazardKind.PROGRAM, name, start, index, None, True))
