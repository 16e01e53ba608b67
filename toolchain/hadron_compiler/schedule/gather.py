"""One LOAD for the weights of several layers, where they lie side by side in memory and on chip.

LOAD's queue holds few commands, and small ones reach that few layers ahead. One for many layers
reaches farther, but the first of them waits for the weights of all.
"""

from collections.abc import Sequence
from dataclasses import replace

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_spec.commands import LocalSpace, Unit

__all__ = ["GATHERED_BYTES", "gather_loads"]

GATHERED_BYTES = (8 << 10, 32 << 10)
"""Most bytes of a gathered LOAD that are worth trying, beside 0, which leaves all as they are."""


def gather_loads(commands: Sequence[Command], most: int) -> list[Command]:
    """Return the commands with LOADs of weights joined, to at most so many bytes each.

    A joined LOAD stands where the first of them stood. Dependencies are to be derived afterwards.
    """
    gathered: list[Command] = []
    last: int | None = None
    for command in commands:
        if command.unit is Unit.LOAD:
            before = None if last is None else gathered[last]
            if last is not None and before is not None and _follows(before, command, most):
                gathered[last] = _joined(before, command)
                continue
            last = len(gathered)
        gathered.append(command)
    return gathered


def _follows(before: Command, command: Command, most: int) -> bool:
    """Tell whether a LOAD goes on where the one before it ends."""
    weights = int(LocalSpace.WEIGHTS)
    return (before.fields["space"] == command.fields["space"] == weights
            and before.fields["rows"] == command.fields["rows"] == 1
            and before.reads[0].end == command.reads[0].start
            and before.writes[0].end == command.writes[0].start
            and command.reads[0].end - before.reads[0].start <= most)


def _joined(before: Command, command: Command) -> Command:
    size = before.fields["row_bytes"] + command.fields["row_bytes"]
    return replace(
        before, fields=before.fields | {"row_bytes": size},
        reads=[Range(Space.MEMORY, before.reads[0].start, command.reads[0].end)],
        writes=[Range(Space.WEIGHTS, before.writes[0].start, command.writes[0].end)],
        shares=(*before.bytes_of_layers(), *command.bytes_of_layers()))
