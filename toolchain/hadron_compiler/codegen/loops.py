"""The loop nest of an EXECUTE command, from absolute steps to the differences the hardware adds."""

from collections.abc import Mapping
from dataclasses import dataclass

from hadron_spec.commands import FIELDS, LEVELS, Opcode

__all__ = ["Loop", "fits", "loop_fields"]

_DESTINATION_LEVELS = ("kg", "oy", "ox")


@dataclass(frozen=True)
class Loop:
    """One level: `count` passes, and what each pass adds to address, row, byte and destination."""

    count: int = 1
    address: int = 0
    y: int = 0
    x: int = 0
    destination: int = 0


def loop_fields(loops: Mapping[str, Loop], *, bounded: bool) -> dict[str, int]:
    """Return the count and step fields of the six levels; a level not given has one pass.

    The hardware adds the step of the outermost level that advances only, so that each step also
    undoes the passes of the levels inside it. Rows and bytes matter to bounds checks alone, and
    are left zero without.
    """
    fields: dict[str, int] = {}
    undo = Loop()
    for level in reversed(LEVELS):
        loop = loops.get(level, Loop())
        fields[f"count_{level}"] = loop.count
        passes = loop.count - 1
        if passes:
            fields[f"{level}_address"] = loop.address - undo.address
            if bounded:
                fields[f"{level}_y"] = loop.y - undo.y
                fields[f"{level}_x"] = loop.x - undo.x
            if level in _DESTINATION_LEVELS:
                fields[f"destination_{level}"] = loop.destination - undo.destination
        undo = Loop(0, undo.address + passes * loop.address, undo.y + passes * loop.y,
                    undo.x + passes * loop.x, undo.destination + passes * loop.destination)
    return fields


def fits(opcode: Opcode, fields: Mapping[str, int]) -> bool:
    """Tell whether all fields are in range."""
    known = FIELDS[opcode]
    return all(known[name].minimum <= value <= known[name].maximum
               for name, value in fields.items())
