"""Queues and tokens: which command may run next, and what is certain to have run before it."""

from collections import deque
from collections.abc import Mapping

from hadron_model.hazards import Clock
from hadron_model.program import Command, CommandFailureError
from hadron_spec.commands import OTHER_UNITS, TOKEN_MAX, Unit
from hadron_spec.errors import ErrorCode

__all__ = ["Scheduler"]


class Scheduler:
    """The queues of the three units and the tokens between them.

    Tokens of a pair come and go in order, so the n-th wait follows the n-th send: each carries the
    clock of the command that sent it.

    Parameters
    ----------
    queue_commands : mapping of Unit to int
        Room of each queue.
    """

    def __init__(self, queue_commands: Mapping[Unit, int]):
        self._room = dict(queue_commands)
        self._queues: dict[Unit, deque[Command]] = {unit: deque() for unit in Unit}
        self._tokens: dict[tuple[Unit, Unit], deque[Clock]] = {
            (sender, receiver): deque() for sender in Unit for receiver in OTHER_UNITS[sender]
        }
        self._done: dict[Unit, Clock] = {unit: (0,) * len(Unit) for unit in Unit}

    @property
    def unused_tokens(self) -> int:
        """Tokens that no command has waited for."""
        return sum(len(tokens) for tokens in self._tokens.values())

    def has_room(self, command: Command) -> bool:
        """Return whether the queue of the command's unit takes it."""
        assert command.unit is not None
        return len(self._queues[command.unit]) < self._room[command.unit]

    def push(self, command: Command) -> None:
        """Queue a command."""
        assert command.unit is not None
        self._queues[command.unit].append(command)

    def start(self) -> tuple[Command, Clock] | None:
        """Take the first command that has its tokens, and the clock at which it starts.

        Of several, the one that comes first in the program; None when none can start.
        """
        heads = [queue[0] for queue in self._queues.values() if queue]
        ready = [command for command in heads if self._has_tokens(command)]
        if not ready:
            return None
        command = min(ready, key=lambda one: one.index)
        assert command.unit is not None
        clocks = [self._done[command.unit]]
        for bit, sender in enumerate(OTHER_UNITS[command.unit]):
            if command.fields["wait"] >> bit & 1:
                clocks.append(self._tokens[sender, command.unit].popleft())
        self._queues[command.unit].popleft()
        return command, tuple(max(values) for values in zip(*clocks, strict=True))

    def finish(self, command: Command, clock: Clock) -> None:
        """Send the tokens of a command that started at `clock`.

        Raises
        ------
        CommandFailureError
            TOKEN_OVERFLOW.
        """
        unit = command.unit
        assert unit is not None
        done = tuple(count + (other == unit) for other, count in zip(Unit, clock, strict=True))
        self._done[unit] = done
        for bit, receiver in enumerate(OTHER_UNITS[unit]):
            if command.fields["send"] >> bit & 1:
                tokens = self._tokens[unit, receiver]
                if len(tokens) == TOKEN_MAX:
                    raise CommandFailureError(ErrorCode.TOKEN_OVERFLOW,
                                              f"{unit.name} to {receiver.name}")
                tokens.append(done)

    def waiting(self) -> Command | None:
        """Return the command that the first unit with any waits with."""
        return next((queue[0] for queue in self._queues.values() if queue), None)

    def _has_tokens(self, command: Command) -> bool:
        assert command.unit is not None
        return all(
            self._tokens[sender, command.unit]
            for bit, sender in enumerate(OTHER_UNITS[command.unit])
            if command.fields["wait"] >> bit & 1)
