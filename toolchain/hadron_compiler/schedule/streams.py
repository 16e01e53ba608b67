"""The network's input from a stream: LOADs that take it, and what goes before them."""

from collections.abc import Sequence

from hadron_compiler.allocate.placement import Layout
from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.bands import BandPlan
from hadron_spec.commands import LocalSpace, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["constants_first", "receive", "receive_to_memory", "stays_on_chip"]

_BUFFERS = 4
"""Pieces of the scratchpad that take turns between stream and memory."""


def stays_on_chip(graph: Graph, layout: Layout, tensor: Tensor, config: NpuConfig) -> bool:
    """Tell whether an input can be taken from the stream straight to where it is read: it is
    resident, or a chain reads it band by band and its rows are whole beats."""
    if tensor.in_memory or any(tensor is output.storage for output in graph.outputs):
        return False
    if tensor in layout.addresses:
        return True
    first, last = layout.lifetimes.get(tensor, (0, -1))
    if first != last:
        return False
    plan = layout.stages[first].plan
    return (isinstance(plan, BandPlan) and tensor in plan.buffers
            and (plan.buffers[tensor].row_bytes - tensor.gap) % config.axi_bytes == 0)


def receive(layer: int, local: int, size: int, ends: bool, rows: int = 1,
            pitch: int = 0) -> Command:
    """Return the LOAD of the stream's next rows, whole beats unless the tensor `ends`."""
    fields = {"memory_offset": 0, "local_address": local, "row_bytes": size, "rows": rows,
              "space": int(LocalSpace.ACTIVATIONS), "stream": 1, "stream_end": int(ends)}
    if rows > 1:
        fields["local_pitch"] = pitch
    end = local + (rows - 1) * pitch + size
    return Command(Opcode.LOAD, layer, fields, [], [Range(Space.SCRATCHPAD, local, end)])


def receive_to_memory(offset: int, size: int, config: NpuConfig) -> list[Command]:
    """Return the commands that move a whole tensor from the stream to memory.

    Nothing else may be in the scratchpad yet.
    """
    piece = config.act_bytes // _BUFFERS
    commands = []
    for number, start in enumerate(range(0, size, piece)):
        local = number % _BUFFERS * piece
        count = min(piece, size - start)
        commands.append(receive(0, local, count, start + count == size))
        commands.append(Command(
            Opcode.STORE, 0,
            {"memory_offset": offset + start, "local_address": local, "row_bytes": count,
             "rows": 1},
            [Range(Space.SCRATCHPAD, local, local + count)],
            [Range(Space.MEMORY, offset + start, offset + start + count)]))
    return commands


def constants_first(commands: Sequence[Command]) -> list[Command]:
    """Put loads that wait for nothing before the first that waits for the stream.

    LOAD runs its commands in order: weights behind a LOAD that waits for a frame would be loaded
    only when it has come. The result has dependencies of its own, to be derived again.
    """
    first = next((i for i, command in enumerate(commands) if command.fields.get("stream")),
                 len(commands))
    before: list[Command] = []
    after: list[Command] = []
    for command in commands[first:]:
        free = (command.unit is Unit.LOAD and not command.fields.get("stream")
                and all(part.space is not Space.SCRATCHPAD for part in command.writes)
                and max(command.depends) < 0)
        (before if free else after).append(command)
    return [*commands[:first], *before, *after]
