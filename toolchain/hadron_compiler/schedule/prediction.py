"""Predict a program's cycles by running fetcher and units against each other.

Between two events (a command is fetched, starts or ends) everything proceeds at a constant rate:
EXECUTE at one step a cycle, transfers at one beat a cycle, or at what the shared scratchpad port
leaves them. Results go first there; LOAD and STORE take turns in the rest.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from hadron_compiler.codegen.command import Command
from hadron_compiler.schedule.attribution import Work, cycles_of, spans_of
from hadron_compiler.schedule.cycles import (
    LATE,
    START_LATENCY,
    STOP_LATENCY,
    CommandCycles,
    command_cycles,
    head_start,
)
from hadron_spec.commands import COMMAND_BYTES, OTHER_UNITS, QUEUE_COMMANDS, Unit
from hadron_spec.config import NpuConfig

__all__ = ["Prediction", "predict"]

FETCH_OVERHEAD = 4
"""Cycles the fetcher spends on a command beside its beats: checksum and hand-over."""


@dataclass(frozen=True)
class Prediction:
    """Predicted cycles of a program, and when which command ended."""

    total: int
    work: tuple[Work, ...]

    def layers(self, chains: Sequence[int]) -> list[int]:
        """Return the cycles of each layer, of which `chains` says with which it is fused."""
        return cycles_of(len(chains), spans_of(chains, self.work))


@dataclass
class _Running:
    """A command that runs: cycles of latency left, then of work."""

    command: Command
    cycles: CommandCycles
    fixed: float
    work: float


def predict(commands: Sequence[Command], config: NpuConfig,
            bytes_per_cycle: int | None = None) -> Prediction:
    """Return when a program and each of its commands end.

    Parameters
    ----------
    bytes_per_cycle : int or None
        What LOAD, STORE and the fetcher share; None for a memory that gives each a beat a cycle.
    """
    return _Simulation(commands, config, bytes_per_cycle).run()


class _Simulation:
    def __init__(self, commands: Sequence[Command], config: NpuConfig,
                 bytes_per_cycle: int | None) -> None:
        self.config = config
        self.beats_per_cycle = (None if bytes_per_cycle is None
                                else min(1.0, bytes_per_cycle / config.axi_bytes))
        self.commands = deque(command for command in commands if command.unit is not None)
        self.queues: dict[Unit, deque[Command]] = {unit: deque() for unit in Unit}
        self.running: dict[Unit, _Running] = {}
        # Since when the first command of a queue has had its tokens; the last one of EXECUTE.
        self.ready: dict[Unit, float] = {}
        self.before: Command | None = None
        self.tokens = dict.fromkeys(
            ((sender, receiver) for sender in Unit for receiver in OTHER_UNITS[sender]), 0)
        self.work: list[Work] = []
        self.now = 0.0
        beats = -(-COMMAND_BYTES // config.axi_bytes)
        self.fetch_cycles = round(beats / (self.beats_per_cycle or 1)) + FETCH_OVERHEAD
        # When the next command has been read and waits for room in its queue.
        self.fetched = float(START_LATENCY + self.fetch_cycles)

    def run(self) -> Prediction:
        """Step from event to event until nothing is left."""
        while self.commands or self.running or any(self.queues.values()):
            self._hand_out()
            for unit in Unit:
                self._start(unit)
            rates = self._rates()
            steps = [(run.fixed or run.work / rates[unit]) for unit, run in self.running.items()]
            if self.commands and self.fetched > self.now:
                steps.append(self.fetched - self.now)
            step = min(steps)
            self.now += step
            for unit in list(self.running):
                self._advance(unit, step, rates[unit])
        # END is fetched like any other command, and found when all units are idle.
        total = max(self.now + STOP_LATENCY, self.fetched)
        return Prediction(round(total), tuple(self.work))

    def _hand_out(self) -> None:
        """Move the fetched command to its queue if there is room, and fetch the next."""
        while self.commands and self.fetched <= self.now:
            unit = self.commands[0].unit
            assert unit is not None
            if len(self.queues[unit]) == QUEUE_COMMANDS[unit]:
                return
            self.queues[unit].append(self.commands.popleft())
            self.fetched = self.now + self.fetch_cycles
            self._start(unit)

    def _start(self, unit: Unit) -> None:
        """Give the first command of a queue its tokens, and start it when its unit is idle."""
        if not self.queues[unit]:
            return
        command = self.queues[unit][0]
        if unit not in self.ready:
            needed = [(sender, unit) for bit, sender in enumerate(OTHER_UNITS[unit])
                      if command.wait >> bit & 1]
            if not all(self.tokens[pair] for pair in needed):
                return
            for pair in needed:
                self.tokens[pair] -= 1
            self.ready[unit] = self.now
        if unit in self.running:
            return
        waited = self.now - self.ready.pop(unit)
        self.queues[unit].popleft()
        cycles = command_cycles(command, self.config)
        fixed: float = cycles.fixed
        if unit is Unit.EXECUTE:
            if self.before is not None:
                # It has been decoded, and may have begun, before the last one has ended.
                fixed -= min(waited, head_start(self.before, command, self.config)
                             if command.early else LATE)
            self.before = command
        self.running[unit] = _Running(command, cycles, fixed, cycles.work)

    def _rates(self) -> dict[Unit, float]:
        """Return the beats or steps a cycle of every running command."""
        rates = dict.fromkeys(self.running, 1.0)
        sharing = [unit for unit, run in self.running.items() if run.cycles.port and not run.fixed]
        if sharing:
            free = 1.0
            execute = self.running.get(Unit.EXECUTE)
            if execute is not None and execute.cycles.total:
                free -= execute.cycles.results / execute.cycles.total
            for unit in sharing:
                rates[unit] = max(free, 0.01) / len(sharing)
        if self.beats_per_cycle is not None:
            moving = [unit for unit, run in self.running.items()
                      if unit is not Unit.EXECUTE and not run.fixed]
            for unit in moving:
                cycles = self.running[unit].cycles
                share = self.beats_per_cycle / len(moving)
                rates[unit] = min(rates[unit], share * cycles.work / max(1, cycles.beats))
        return rates

    def _advance(self, unit: Unit, step: float, rate: float) -> None:
        run = self.running[unit]
        if run.fixed:
            run.fixed = max(0.0, run.fixed - step)
        else:
            run.work -= step * rate
        if run.fixed > 1e-6 or run.work > 1e-6:
            return
        del self.running[unit]
        self.work.append(Work(run.command.layer, round(self.now), unit is Unit.EXECUTE))
        for bit, receiver in enumerate(OTHER_UNITS[unit]):
            if run.command.send >> bit & 1:
                self.tokens[unit, receiver] += 1
