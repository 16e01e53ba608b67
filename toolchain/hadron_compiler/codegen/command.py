"""A command before it is encoded: its fields, and what it reads and writes."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from hadron_spec.commands import Opcode, Unit, encode, unit_of

__all__ = ["Command", "Range", "Space", "planes"]


class Space(Enum):
    """What commands read and write. TABLES is WEIGHTS, one column for all."""

    SCRATCHPAD = "scratchpad"
    WEIGHTS = "weights"
    TABLES = "tables"
    TABLE = "table"
    MEMORY = "memory"


class Range(NamedTuple):
    """Bytes `start` to `end` - 1 of a space, not TABLES; in WEIGHTS the unit is the step."""

    space: Space
    start: int
    end: int


def planes(bytes_: Range, distance: int) -> list[Range]:
    """Return a range and, of 16-bit activations, that of their high bytes `distance` behind it."""
    space, start, end = bytes_
    return [bytes_, *([Range(space, start + distance, end + distance)] if distance else [])]


@dataclass(eq=False)
class Command:
    """One command of a program.

    Parameters
    ----------
    opcode : Opcode
        What it does.
    layer : int
        Layer it belongs to.
    fields : dict
        Fields of `hadron_spec.commands`, header left out.
    reads, writes : list of Range
        All bytes whose values matter to it, and all it changes.
    macs : int
        Multiply-accumulates of the network it performs.
    """

    opcode: Opcode
    layer: int
    fields: dict[str, int]
    reads: list[Range]
    writes: list[Range]
    macs: int = 0
    wait: int = 0
    send: int = 0
    depends: tuple[int, int, int] = field(default=(-1, -1, -1))
    """Of each unit the last command (counted in the unit) that must finish before this one."""

    early: bool = False
    """EXECUTE: it may begin before the one before has written its last results."""

    shares: tuple[tuple[int, int], ...] = ()
    """Of a LOAD for several layers, how many bytes belong to each."""

    def bytes_of_layers(self) -> tuple[tuple[int, int], ...]:
        """Return the layers whose bytes a LOAD or STORE moves, and how many."""
        return self.shares or ((self.layer, self.fields["row_bytes"] * self.fields["rows"]),)

    @property
    def unit(self) -> Unit | None:
        """The unit that runs it; END has none."""
        return unit_of(self.opcode)

    def encode(self) -> bytes:
        """Return the 128 bytes of the command."""
        early = {"early": 1} if self.early else {}
        return encode(self.opcode, layer=self.layer, wait=self.wait, send=self.send, **early,
                      **self.fields)
