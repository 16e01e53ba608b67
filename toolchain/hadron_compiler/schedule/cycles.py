"""Predict cycles: of each command from its loops or bytes, of a program by running the units.

The constants are fitted to RTL; what they stand for is said at each.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from hadron_compiler.codegen.command import Command
from hadron_spec.commands import COMMAND_BYTES, OTHER_UNITS, QUEUE_COMMANDS, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["MEMORY_LATENCY", "Timing", "command_cycles", "execute_overhead", "predict"]

MATRIX_OVERHEAD = 44
MAX_OVERHEAD = 22
ADD_OVERHEAD = 8
"""Cycles of an EXECUTE command beside its steps: sequencer, loop nest, reader, array or vector
unit, requantizer and writer; what grows with the configuration is added in `execute_overhead`.
ADD's are beside those of MATRIX.

Source: hadron_rtl.execute, ExecuteUnit.overhead; a test compares them."""

TRANSFER_OVERHEAD = 10
"""Cycles of a LOAD or STORE beside its beats and the memory's latency."""

MEMORY_LATENCY = 32
"""Cycles from a read's address to its first beat. Source: docs, memory model `fast`."""

FETCH_OVERHEAD = 4
"""Cycles the fetcher spends on a command beside its beats: checksum and hand-over."""

SOFTMAX_OVERHEAD = 30
SOFTMAX_ROW = 110
"""Cycles of a SOFTMAX command, and of each of its rows, beside the elements: the reciprocal of the
sum, mostly. Source: hadron_rtl.postproc.softmax, Softmax.ROW_OVERHEAD."""

SOFTMAX_PASSES = (1, 1, 4)
"""Cycles of an element in each pass: the last multiplies serially."""


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
        row = counts["ox"] * sum(SOFTMAX_PASSES) + SOFTMAX_ROW
        return counts["kg"] * row + SOFTMAX_OVERHEAD
    outlet = config.columns // config.requant_lanes
    parameters = counts["kg"] if command.opcode is not Opcode.MAX else 0
    return parameters + results * max(steps, outlet) + execute_overhead(command.opcode, config)


def execute_overhead(opcode: Opcode, config: NpuConfig) -> int:
    """Return the cycles of an EXECUTE command, SOFTMAX left out, beside one a step."""
    groups = config.columns // config.requant_lanes
    if opcode is Opcode.MAX:
        return MAX_OVERHEAD + groups
    matrix = MATRIX_OVERHEAD + groups + config.columns // 2 + (config.lanes // 16).bit_length() - 1
    return matrix + (ADD_OVERHEAD + groups if opcode is Opcode.ADD else 0)


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
