"""LOAD and STORE: rows of bytes between memory, or a stream, and an on-chip memory.

Mirrors `hadron_rtl.control.bursts`: alignment before everything, then each row as it starts.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hadron_model.program import Command, CommandFailureError
from hadron_spec.commands import LocalSpace, Opcode
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["Row", "rows", "space_of"]


class Row(NamedTuple):
    """Bytes of one row: offset in memory (from MEMORY_BASE), address on chip, length.

    Of a stream, the offset is that in the first of the row's beats.
    """

    memory: int
    local: int
    size: int


def space_of(command: Command) -> LocalSpace:
    """Return the on-chip memory of a transfer."""
    if command.opcode == Opcode.STORE:
        return LocalSpace.ACTIVATIONS
    return LocalSpace(command.fields["space"])


def rows(config: NpuConfig, command: Command, memory_bytes: int) -> Iterator[Row]:
    """Yield the rows of a transfer, each checked before it is yielded.

    Rows that follow each other without a gap both in memory and on chip come as one, if all fit;
    rows of a stream do not.

    Raises
    ------
    CommandFailureError
        ALIGNMENT or ADDRESS.
    """
    fields = command.fields
    memory, local, size = fields["memory_offset"], fields["local_address"], fields["row_bytes"]
    pitch, local_pitch, count = fields["memory_pitch"], fields["local_pitch"], fields["rows"]
    beat = config.axi_bytes
    anywhere = (config.row_pairs and command.opcode == Opcode.LOAD
                and space_of(command) == LocalSpace.ACTIVATIONS)
    if memory % beat != local % beat and not anywhere:
        raise CommandFailureError(ErrorCode.ALIGNMENT, f"memory offset {memory:#x} and local "
                                  f"address {local:#x} differ modulo {beat}")
    if count > 1 and (pitch % beat or (local_pitch % beat and not anywhere)):
        raise CommandFailureError(ErrorCode.ALIGNMENT, f"pitches {pitch} and {local_pitch} are "
                                  f"not multiples of {beat}")
    limit = config.space_bytes(space_of(command))
    total = size * count
    if fields["stream"]:
        # Every row has beats of its own, none of which is in memory.
        memory, pitch, memory_bytes = memory % beat, 0, beat + size
    elif pitch == local_pitch == size and memory + total <= memory_bytes and local + total <= limit:
        yield Row(memory, local, total)
        return
    for _ in range(count):
        if memory + size > memory_bytes:
            raise CommandFailureError(ErrorCode.ADDRESS, f"memory offset {memory:#x} and "
                                      f"{size} bytes exceed the region of {memory_bytes}")
        if local + size > limit:
            raise CommandFailureError(ErrorCode.ADDRESS, f"local address {local:#x} and {size} "
                                      f"bytes exceed {limit}")
        yield Row(memory, local, size)
        memory += pitch
        local += local_pitch
