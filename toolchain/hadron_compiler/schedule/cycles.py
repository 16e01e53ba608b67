"""Cycles of single commands, from their loops or bytes.

The constants are those of the RTL: taken from it where a test compares them, fitted to runs of it
otherwise. What they stand for is said at each.
"""

from dataclasses import dataclass

from hadron_compiler.codegen.command import Command, Space
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["MEMORY_LATENCY", "START_LATENCY", "STOP_LATENCY", "CommandCycles", "command_cycles",
           "execute_overhead"]

MATRIX_OVERHEAD = 45
LOOKUP_OVERHEAD = 39
MAX_OVERHEAD = 20
"""Cycles of an EXECUTE command beside its steps: sequencer, loop nest, reader, array or vector
unit, requantizer and writer; what grows with the configuration is added in `execute_overhead`.

Source: hadron_rtl.execute, ExecuteUnit.overhead; a test compares them."""

DISPATCH = 2
"""Cycles from the end of a command to the start of what waits for it. Source: RTL runs."""

SOFTMAX_OVERHEAD = 11
SOFTMAX_ROW = 110
"""Cycles of a SOFTMAX command, and of each of its rows, beside the elements: the reciprocal of the
sum, mostly. Source: hadron_rtl.postproc.softmax, Softmax.ROW_OVERHEAD; RTL runs."""

SOFTMAX_PASSES = (1, 1, 4)
"""Cycles of an element in each pass: the last multiplies serially."""

LOAD_OVERHEAD = 9
STORE_OVERHEAD = 18
"""Cycles of a LOAD and of a STORE beside its beats and the memory's latency. Source: RTL runs."""

TABLE_BYTES_PER_CYCLE = 4
"""The table takes a word a cycle, whatever the bus brings."""

MEMORY_LATENCY = 32
"""Cycles from a read's address to its first beat, and from a write's last beat to its response.
Source: docs, memory model `fast`."""

START_LATENCY = MEMORY_LATENCY + 12
"""Cycles from START to the first beat of the first command."""

STOP_LATENCY = 4
"""Cycles from the end of the last command to the interrupt."""


@dataclass(frozen=True)
class CommandCycles:
    """What a command takes: `fixed` cycles, then `work` of them that may be slowed down.

    `port` tells whether a transfer's beats go through the scratchpad port that results, LOAD and
    STORE share; `results` of an EXECUTE command go first there.
    """

    fixed: int
    work: int
    port: bool
    results: int

    @property
    def total(self) -> int:
        """Cycles when nothing is in the way."""
        return self.fixed + self.work


def command_cycles(command: Command, config: NpuConfig) -> CommandCycles:
    """Return what a command takes from its start, its tokens there, to the start of the next."""
    fields = command.fields
    if command.opcode in (Opcode.LOAD, Opcode.STORE):
        bus = config.axi_bytes
        start = fields["memory_offset"] % bus
        beats = -(-(start + fields["row_bytes"]) // bus) * fields["rows"]
        overhead = LOAD_OVERHEAD if command.opcode is Opcode.LOAD else STORE_OVERHEAD
        local = command.writes if command.opcode is Opcode.LOAD else command.reads
        if local[0].space is Space.TABLE:
            beats = max(beats, fields["row_bytes"] // TABLE_BYTES_PER_CYCLE)
        port = all(part.space is Space.SCRATCHPAD for part in local)
        return CommandCycles(MEMORY_LATENCY + overhead, beats, port, 0)
    counts = {name: fields[f"count_{name}"] for name in ("kg", "oy", "ox", "ky", "kx", "seg")}
    results = counts["kg"] * counts["oy"] * counts["ox"]
    steps = counts["ky"] * counts["kx"] * counts["seg"]
    if command.opcode is Opcode.SOFTMAX:
        row = counts["ox"] * sum(SOFTMAX_PASSES) + SOFTMAX_ROW
        return CommandCycles(SOFTMAX_OVERHEAD + DISPATCH, counts["kg"] * row, False,
                             counts["kg"] * counts["ox"])
    wide = bool(fields.get("wide"))
    parameters = counts["kg"] if command.opcode is not Opcode.MAX else 0
    return CommandCycles(execute_overhead(command.opcode, config, wide=wide) + DISPATCH,
                         parameters + results * max(steps, 2 if wide else 1), False, results)


def execute_overhead(opcode: Opcode, config: NpuConfig, *, wide: bool = False) -> int:
    """Return the cycles of an EXECUTE command, SOFTMAX left out, beside one a step."""
    if opcode is Opcode.MAX:
        return MAX_OVERHEAD
    groups = config.columns // 2
    if opcode is Opcode.LOOKUP:
        return LOOKUP_OVERHEAD + groups + wide
    return MATRIX_OVERHEAD + groups + wide + (config.lanes // 16).bit_length() - 1
