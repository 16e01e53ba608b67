"""Predict cycles: of each command from its loops or bytes, of a program by running the units.

The constants are fitted to RTL; what they stand for is said at each.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from hadron_compiler.codegen.command import Command
from hadron_spec.commands import COMMAND_BYTES, OTHER_UNITS, QUEUE_COMMANDS, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["MEMORY_LATENCY", "Timing", "command_cycles", "predict"]

EXECUTE_OVERHEAD = 40
"""Cycles of an EXECUTE command beside its steps: decode, pipeline fill, drain and done."""

TRANSFER_OVERHEAD = 10
"""Cycles of a LOAD or STORE beside its beats and the memory's latency."""

MEMORY_LATENCY = 32
"""Cycles from a read's address to its first beat. Source: docs, memory model `fast`."""

FETCH_OVERHEAD = 4
"""Cycles the fetcher spends on a command beside its beats: checksum and hand-over."""

SOFTMAX_ROW = 80
"""Cycles of a SOFTMAX row beside its elements: the reciprocal of the sum."""

MAX_BURST = 4096
"""Bytes of the longest burst; longer rows take several, back to back."""


@dataclass(frozen=True)
class Timing:
    """Predicted cycles of a program, in all and at the end of each layer's last command."""

    total: int
    layer_ends: tuple[int, ...]

    @property
    def layers(self) -> list[int]:
        """Cycles from the end of the layer before to the end of each layer."""
        previous = 0
        spans = []
        for end in self.layer_ends:
            spans.append(max(0, end - previous))
            previous = max(previous, end)
        return spans


def command_cycles(command: Command, config: NpuConfig) -> int:
    """Return the cycles from a command's start, its tokens there, to its end."""
    fields = command.fields
    if command.opcode in (Opcode.LOAD, Opcode.STORE):
        bus = config.axi_bytes
        start = fields["memory_offset"] % bus
        beats = -(-(start + fields["row_bytes"]) // bus) * fields["rows"]
        return beats + MEMORY_LATENCY + TRANSFER_OVERHEAD
    counts = {name: fields[f"count_{name}"] for name in ("kg", "oy", "ox", "ky", "kx", "seg")}
    results = counts["kg"] * counts["oy"] * counts["ox"]
    steps = counts["ky"] * counts["kx"] * counts["seg"]
    if command.opcode is Opcode.SOFTMAX:
        return results + counts["kg"] * SOFTMAX_ROW + EXECUTE_OVERHEAD
    outlet = config.columns // config.requant_lanes
    if command.opcode is Opcode.MAX:
        outlet = 1
    parameters = counts["kg"] if command.opcode is not Opcode.MAX else 0
    return parameters + results * max(steps, outlet) + EXECUTE_OVERHEAD


def predict(commands: Sequence[Command], layers: int, config: NpuConfig) -> Timing:
    """Run fetcher and units against each other and return when each layer ends."""
    fetch = -(-COMMAND_BYTES // config.axi_bytes) + FETCH_OVERHEAD
    now = MEMORY_LATENCY
    starts: dict[Unit, deque[int]] = {unit: deque(maxlen=QUEUE_COMMANDS[unit]) for unit in Unit}
    free = dict.fromkeys(Unit, 0)
    tokens: dict[tuple[Unit, Unit], deque[int]] = {
        (sender, receiver): deque() for sender in Unit for receiver in OTHER_UNITS[sender]}
    ends = [0] * layers
    for command in commands:
        unit = command.unit
        if unit is None:
            break
        now += fetch
        if len(starts[unit]) == QUEUE_COMMANDS[unit]:
            # The queue has room again when the command that is that many before has started.
            now = max(now, starts[unit][0])
        start = max(now, free[unit])
        for bit, sender in enumerate(OTHER_UNITS[unit]):
            if command.wait >> bit & 1:
                start = max(start, tokens[sender, unit].popleft())
        end = start + command_cycles(command, config)
        starts[unit].append(start)
        free[unit] = end
        for bit, receiver in enumerate(OTHER_UNITS[unit]):
            if command.send >> bit & 1:
                tokens[unit, receiver].append(end)
        ends[command.layer] = max(ends[command.layer], end)
    return Timing(max([now, *ends]), tuple(ends))
