"""Turn dependencies into the fewest waits and sends of tokens."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command
from hadron_spec.commands import OTHER_UNITS, Unit

__all__ = ["assign_tokens"]


def assign_tokens(commands: Sequence[Command]) -> None:
    """Set `wait` and `send` of every command from its `depends`.

    Of each pair of units only dependencies that are later than all before, on both sides, need a
    token: what one sender has sent, it sent after all its earlier commands. The n-th token sent is
    the n-th waited for, and both sequences grow, so that every wait is for the right command.
    """
    units = {unit: [command for command in commands if command.unit is unit] for unit in Unit}
    for command in commands:
        command.wait = command.send = 0
    for receiver, received in units.items():
        for sender in OTHER_UNITS[receiver]:
            last = -1
            for command in received:
                need = command.depends[sender]
                if need > last:
                    last = need
                    command.wait |= 1 << OTHER_UNITS[receiver].index(sender)
                    units[sender][need].send |= 1 << OTHER_UNITS[sender].index(receiver)
