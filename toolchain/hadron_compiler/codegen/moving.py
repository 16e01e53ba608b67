"""Bytes moved within the scratchpad."""

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["move_bytes"]

MAX_CHUNKS = FIELDS[Opcode.MAX]["count_kg"].maximum


def move_bytes(config: NpuConfig, layer: int, source: int, destination: int,
               size: int) -> list[Command]:
    """Return the commands that copy `size` bytes, `columns` a step, from the first to the last:
    where both ranges overlap, `destination` must be the lower one."""
    columns = config.columns
    most = MAX_CHUNKS * columns
    return [_move(columns, layer, source + start, destination + start, min(most, size - start))
            for start in range(0, size, most)]


def _move(columns: int, layer: int, source: int, destination: int, size: int) -> Command:
    chunks = -(-size // columns)
    fields = {
        **loop_fields({"kg": Loop(chunks, columns, 0, 0, columns)}, bounded=False),
        "source": source, "destination": destination, "outputs": min(columns, size),
        "last_outputs": size - (chunks - 1) * columns, "minimum": -128, "maximum": 127,
    }
    return Command(Opcode.MAX, layer, fields, [Range(Space.SCRATCHPAD, source, source + size)],
                   [Range(Space.SCRATCHPAD, destination, destination + size)])
