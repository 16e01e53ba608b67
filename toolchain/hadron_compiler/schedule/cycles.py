"""Cycles of single commands, from their loops or bytes.

The constants are those of the RTL: taken from it where a test compares them, fitted to runs of it
otherwise. What they stand for is said at each.
"""

from dataclasses import dataclass

from hadron_compiler.codegen.command import Command, Space
from hadron_spec.commands import LocalSpace, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["MEMORY_LATENCY", "START_LATENCY", "STOP_LATENCY", "CommandCycles", "command_cycles",
           "execute_overhead"]

MATRIX_OVERHEAD = 47
LOOKUP_OVERHEAD = 40
MAX_OVERHEAD = 23
DEPTHWISE_OVERHEAD = 2
"""Cycles of an EXECUTE command beside its steps: sequencer, loop nest, reader, array or vector
unit, requantizer and writer; what grows with the configuration is added in `execute_overhead`.
DEPTHWISE's are beside those of MATRIX.

Source: hadron_rtl.execute, ExecuteUnit.overhead; a test compares them."""

BLOCK_PAUSE = 4
"""Cycles of DEPTHWISE before a block of channels. Source: hadron_rtl.control.loop_nest."""

DISPATCH = 2
"""Cycles from the end of a command to the start of what waits for it. Source: RTL runs."""

SOFTMAX_OVERHEAD = {1: 170, 4: 161}
"""Cycles of a SOFTMAX command of one row beside its elements, by the unit's multipliers."""

SOFTMAX_ROW = {1: 38.0, 4: 10.2}
"""Cycles from row to row when rows are short, likewise."""

SOFTMAX_RECIPROCAL = 128
"""Cycles from a row's sum to its outputs, in which the outputs of rows before it are made."""

SOFTMAX_CONTEXTS = 4
"""Reciprocals that begin side by side before the only multiplier is the limit."""

SOFTMAX_ROWS = 64
"""Rows after which the table has found its rhythm."""

SOFTMAX_PRODUCTS = 7
"""Products of a reciprocal; an output is one, too. Source of all: hadron_rtl.postproc.softmax;
RTL runs, with which a test compares the sum: within 4 %, but 12 % with some rows of about ten."""

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
        if fields.get("space") in (LocalSpace.NIBBLES, LocalSpace.SHALLOW_NIBBLES):
            beats *= 2
        port = all(part.space is Space.SCRATCHPAD for part in local)
        latency = 0 if fields.get("stream") else MEMORY_LATENCY
        return CommandCycles(latency + overhead, beats, port, 0)
    counts = {name: fields[f"count_{name}"] for name in ("kg", "oy", "ox", "ky", "kx", "seg")}
    results = counts["kg"] * counts["oy"] * counts["ox"]
    steps = counts["ky"] * counts["kx"] * counts["seg"]
    if command.opcode is Opcode.SOFTMAX:
        rows = counts["kg"] * counts["oy"]
        return CommandCycles(DISPATCH, _softmax(rows, counts["ox"], config), False,
                             rows * counts["ox"])
    wide = bool(fields.get("wide") or fields.get("deep_results"))
    shallow = bool(fields.get("shallow"))
    if fields.get("deep"):
        steps *= 2
    if command.opcode is Opcode.DEPTHWISE:
        rows = (counts["ox"] - 1) // 2 if fields["stride_y"] else counts["ox"] - 2
        pairs = (counts["kx"] - 1) // 4 if fields["stride_x"] else (counts["kx"] - 2) // 2
        results = counts["kg"] * counts["oy"] * rows * (2 * pairs - fields["odd"])
        pixels = counts["oy"] * counts["ox"] * counts["kx"]
        if wide:  # A pixel that completes windows, or any of such a row, takes two.
            pixels += counts["oy"] * rows * (pairs if fields["stride_x"] else counts["kx"])
        return CommandCycles(execute_overhead(command.opcode, config, wide=wide) + DISPATCH,
                             counts["kg"] * (BLOCK_PAUSE + pixels), False, results)
    parameters = (counts["kg"] - fields.get("continues", 0) if command.opcode is not Opcode.MAX
                  else 0)
    cycles = parameters + results * max(steps, 2 if wide or shallow else 1)
    return CommandCycles(
        execute_overhead(command.opcode, config, wide=wide, shallow=shallow) + DISPATCH, cycles,
        False, results * (2 if shallow else 1))


def execute_overhead(opcode: Opcode, config: NpuConfig, *, wide: bool = False,
                     shallow: bool = False) -> int:
    """Return the cycles of an EXECUTE command, SOFTMAX left out, beside one a step."""
    if opcode is Opcode.MAX:
        return MAX_OVERHEAD
    groups = config.columns // 2
    if opcode is Opcode.LOOKUP:
        return LOOKUP_OVERHEAD + groups + wide
    matrix = MATRIX_OVERHEAD + groups + wide + shallow + (config.lanes // 16).bit_length() - 1
    return matrix + (DEPTHWISE_OVERHEAD + wide if opcode is Opcode.DEPTHWISE else 0)


def _softmax(rows: int, elements: int, config: NpuConfig) -> int:
    """Return the cycles of a SOFTMAX command: of the first row, and of what bounds the others."""
    multipliers = config.softmax_multipliers
    product = 4 // multipliers
    lone = SOFTMAX_OVERHEAD[multipliers] + (2 + product) * elements
    products = max(product * (SOFTMAX_PRODUCTS + elements), SOFTMAX_ROW[multipliers])
    if multipliers == 1:
        hidden = SOFTMAX_PRODUCTS * product * min(SOFTMAX_CONTEXTS - 1, rows - 1)
        return lone + round((rows - 1) * products) - hidden
    table = 2 * elements * (rows - 1) + _exposed(rows, elements) - SOFTMAX_RECIPROCAL
    return lone + max(round((rows - 1) * products), table)


def _exposed(rows: int, elements: int) -> int:
    """Return the cycles in which the table waits for reciprocals: outputs first, then sums."""
    now = waited = summed = put = 0
    left = elements
    ready: list[int] = []
    rows = min(rows, SOFTMAX_ROWS)
    while put < rows:
        if put < len(ready) and ready[put] <= now:
            now += elements
            put += 1
        elif summed < rows:
            until = now + left if put == len(ready) else min(now + left, ready[put])
            left -= until - now
            now = until
            if not left:
                ready.append(now + SOFTMAX_RECIPROCAL)
                summed += 1
                left = elements
        else:
            waited += ready[put] - now
            now = ready[put]
    return waited
