"""The loop nest of an EXECUTE command, from absolute steps to the differences the hardware adds."""

from collections.abc import Mapping
from dataclasses import dataclass

from hadron_spec.commands import FIELDS, LEVELS, Opcode

__all__ = ["COORDINATE_MAX", "Loop", "coordinates_fit", "cut_blocks", "loop_fields",
           "out_of_range"]

COORDINATE_MAX = 32767
"""Largest row and byte that bounds checks count. Source: hadron_spec.commands, FIELDS."""

_DESTINATION_LEVELS = ("kg", "oy", "ox")


@dataclass(frozen=True)
class Loop:
    """One level: `count` passes, and what each pass adds to address, row, byte and destination."""

    count: int = 1
    address: int = 0
    y: int = 0
    x: int = 0
    destination: int = 0


def loop_fields(loops: Mapping[str, Loop], *, bounded: bool, source_plane: int = 0,
                destination_plane: int = 0) -> dict[str, int]:
    """Return the count and step fields of the six levels; a level not given has one pass.

    The planes are the distances from low to high bytes of 16-bit activations and results, 0 for
    others: the innermost loop.

    The hardware adds the step of the outermost level that advances only, so that each step also
    undoes the passes of the levels inside it. Rows and bytes matter to bounds checks alone, and
    are left zero without.
    """
    fields: dict[str, int] = {}
    undo = Loop(0, source_plane, 0, 0, destination_plane)
    if source_plane:
        fields["plane_address"] = source_plane
    if destination_plane:
        fields["destination_px"] = destination_plane
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


def cut_blocks(size: int, columns: int) -> list[tuple[int, int, int]]:
    """Cut a run of bytes into blocks of `columns` and what is left: of both the first byte, how
    many blocks, and the bytes of each."""
    whole = size // columns * columns
    made = [(0, whole // columns, columns), (whole, 1, size - whole)]
    return [run for run in made if run[1] * run[2]]


def out_of_range(opcode: Opcode, fields: Mapping[str, int]) -> str:
    """Return the name of a field that does not hold its value; empty when all do."""
    known = FIELDS[opcode]
    for name, value in fields.items():
        maximum = COORDINATE_MAX if name in ("height", "width_bytes") else known[name].maximum
        if not known[name].minimum <= value <= maximum:
            return name
    return ""


def coordinates_fit(loops: Mapping[str, Loop], y: int, x: int, lanes: int) -> bool:
    """Tell whether rows and bytes from (y, x) on stay within 16 bits, signed, in all passes."""
    last_y = y + sum((loop.count - 1) * loop.y for loop in loops.values())
    last_x = x + sum((loop.count - 1) * loop.x for loop in loops.values()) + lanes - 1
    return (y >= -COORDINATE_MAX and last_y <= COORDINATE_MAX
            and x >= -COORDINATE_MAX and last_x <= COORDINATE_MAX)
