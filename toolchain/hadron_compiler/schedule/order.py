"""Bring loads forward, so that they run under the work before the one that needs them.

The fetcher hands out commands in order and stops at the first whose unit has no room in its queue.
A load that waits for EXECUTE command k is best put right after k + 1, which then is at hand when k
ends; and there are never so many loads before k + 1 that it does not need that the fetcher gets
stuck on the way.
"""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command
from hadron_spec.commands import QUEUE_COMMANDS, Unit

__all__ = ["order_commands"]

AHEAD = QUEUE_COMMANDS[Unit.LOAD] - 1
"""Loads put before an EXECUTE command that does not need them, at most: the queue holds them."""


def order_commands(commands: Sequence[Command]) -> list[Command]:
    """Return the commands in fetch order; the order within each unit stays, dependencies hold."""
    loads = [command for command in commands if command.unit is Unit.LOAD]
    others = [command for command in commands if command.unit is not Unit.LOAD]
    ordered: list[Command] = []
    done = {Unit.LOAD: 0, Unit.EXECUTE: 0, Unit.STORE: 0}

    def ready(load: Command, slack: int) -> bool:
        """Tell whether all that `load` waits for has been fetched, EXECUTE `slack` commands ago."""
        return (load.depends[Unit.EXECUTE] < done[Unit.EXECUTE] - slack
                and load.depends[Unit.STORE] < done[Unit.STORE])

    def fetch_load() -> None:
        ordered.append(loads[done[Unit.LOAD]])
        done[Unit.LOAD] += 1

    for command in others:
        needed = command.depends[Unit.LOAD] + 1
        while done[Unit.LOAD] < needed:
            fetch_load()
        if command.unit is Unit.EXECUTE:
            while (done[Unit.LOAD] < len(loads) and done[Unit.LOAD] < needed + AHEAD
                   and done[Unit.EXECUTE] > 0 and ready(loads[done[Unit.LOAD]], 1)):
                fetch_load()
        ordered.append(command)
        if command.unit is not None:
            done[command.unit] += 1
    while done[Unit.LOAD] < len(loads):
        fetch_load()
    return ordered
