"""Cycles of single commands, from their loops or bytes.

The constants are those of the RTL: taken from it where a test compares them, fitted to runs of it
otherwise. What they stand for is said at each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hadron_compiler.codegen.command import Command, Space
from hadron_model.strips import Strip
from hadron_spec.commands import LocalSpace, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["LATE", "MEMORY_LATENCY", "ROW_CYCLES", "START_LATENCY", "STOP_LATENCY", "CommandCycles",
           "command_cycles", "early_start", "execute_overhead", "head_start"]

MATRIX_OVERHEAD = 47
LOOKUP_OVERHEAD = 40
MAX_OVERHEAD = 23
DEPTHWISE_OVERHEAD = 2
"""Cycles of an EXECUTE command beside its steps: sequencer, loop nest, reader, array or vector
unit, requantizer and writer; what grows with the configuration is added in `execute_overhead`.
DEPTHWISE's are beside those of MATRIX.

Source: hadron_rtl.execute, ExecuteUnit.overhead; a test compares them."""

LATE = 5
"""Cycles by which a command begins earlier, behind another, than with nothing before it: it is
decoded then. Source: hadron_rtl.control.execute_sequencer."""

EARLY_START = 20
"""Cycles from the last step of a narrow MATRIX to the start of an `early` one or of DEPTHWISE: its
first result comes when the last one before it is written. Source: hadron_rtl.execute,
ExecuteUnit.early_start; a test compares them."""

MAX_START = 15
"""The same to the start of MAX, less than the overhead of a MATRIX."""

BLOCK_PAUSE = 4
TALL_PAUSE = 2
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

MEMORY_LATENCY = 32
"""Cycles from a read's address to its first beat, and from a write's last beat to its response.
Source: docs, memory model `fast`."""

ROW_CYCLES = {Opcode.LOAD: (MEMORY_LATENCY + 6) / 16, Opcode.STORE: (MEMORY_LATENCY + 16) / 16}
"""Cycles from row to row, however few beats they have: that long a burst is on its way, as 15
others are. Source: OUTSTANDING and UNANSWERED of hadron_rtl.control.load and store; RTL runs."""

TABLE_BYTES_PER_CYCLE = 4
"""The table takes a word a cycle, whatever the bus brings."""

START_LATENCY = MEMORY_LATENCY + 12
"""Cycles from START to the first beat of the first command."""

STOP_LATENCY = 4
"""Cycles from the end of the last command to the interrupt."""


@dataclass(frozen=True)
class CommandCycles:
    """What a command takes: `fixed` cycles, then `work` of them that may be slowed down.

    `port` tells whether a transfer's beats go through the scratchpad port that results, LOAD and
    STORE share; `results` of an EXECUTE command go first there. `beats` are those of a transfer at
    the memory port, fewer than its cycles where a beat takes several on chip.
    """

    fixed: int
    work: int
    port: bool
    results: int
    beats: int = 0

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
        work = beats
        if not fields.get("stream"):
            rows = fields["rows"]
            work = max(beats, beats // rows + round(ROW_CYCLES[command.opcode] * (rows - 1)))
        if local[0].space is Space.TABLE:
            work = max(beats, fields["row_bytes"] // TABLE_BYTES_PER_CYCLE)
        if fields.get("space") in (LocalSpace.NIBBLES, LocalSpace.SHALLOW_NIBBLES):
            work = 2 * beats
        port = all(part.space is Space.SCRATCHPAD for part in local)
        latency = 0 if fields.get("stream") else MEMORY_LATENCY
        return CommandCycles(latency + overhead, work, port, 0, beats)
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
        return _depthwise(fields, config, wide)
    parameters = (counts["kg"] - fields.get("continues", 0) if command.opcode is not Opcode.MAX
                  else 0)
    cycles = parameters + results * max(steps, 2 if wide or shallow else 1)
    return CommandCycles(
        execute_overhead(command.opcode, config, wide=wide, shallow=shallow) + DISPATCH, cycles,
        False, results * (2 if shallow else 1))


def _depthwise(fields: Mapping[str, int], config: NpuConfig, wide: bool) -> CommandCycles:
    """Return what a DEPTHWISE command takes."""
    blocks, strips, strip = fields["count_kg"], fields["count_oy"], Strip(fields)
    cycles = strip.rows * strip.pixels
    if wide and not strip.tall:  # A pixel that completes windows, or any of such a row, takes two.
        cycles += strip.output_rows * (strip.pairs if fields["stride_x"] else strip.pixels)
    fixed = execute_overhead(Opcode.DEPTHWISE, config, wide=wide, tall=strip.tall) + DISPATCH
    pause = TALL_PAUSE if strip.tall else BLOCK_PAUSE
    return CommandCycles(fixed - strip.singles, blocks * (pause + strips * cycles), False,
                         blocks * strips * strip.output_rows * strip.output_pixels)


def execute_overhead(opcode: Opcode, config: NpuConfig, *, wide: bool = False,
                     shallow: bool = False, tall: bool = False) -> int:
    """Return the cycles of an EXECUTE command, SOFTMAX left out, beside one a step."""
    if opcode is Opcode.MAX:
        return MAX_OVERHEAD
    groups = config.columns // 2
    if opcode is Opcode.LOOKUP:
        return LOOKUP_OVERHEAD + groups + wide
    matrix = MATRIX_OVERHEAD + groups + wide + shallow + (config.lanes // 16).bit_length() - 1
    if opcode is Opcode.DEPTHWISE:
        return matrix + DEPTHWISE_OVERHEAD + (tall or wide)
    return matrix


def early_start(opcode: Opcode, config: NpuConfig) -> int:
    """Return the cycles from the last step of a narrow MATRIX to an `early` command's start."""
    matrix = execute_overhead(Opcode.MATRIX, config)
    if opcode is Opcode.MAX:
        return matrix - MAX_START
    shorter = matrix - execute_overhead(opcode, config) if opcode is Opcode.LOOKUP else 0
    return EARLY_START + shorter


def head_start(before: Command, command: Command, config: NpuConfig) -> int:
    """Return by how many cycles a command may begin earlier, behind another, than with nothing
    before it: when `early`, or else `LATE`."""
    fields = before.fields
    if Opcode.SOFTMAX in (before.opcode, command.opcode) or command.fields.get("continues"):
        return LATE
    wide = fields.get("wide") or fields.get("deep_results")
    # Results that come later; hadron_rtl.control.execute_sequencer counts as many.
    more = 1 if wide or fields.get("shallow") else 0
    if before.opcode is Opcode.DEPTHWISE:
        more = 4 if wide or fields.get("tall") else 2
    elif fields.get("deep_results"):
        more = 2
    end = command_cycles(before, config).fixed - more
    return max(LATE, end - early_start(command.opcode, config))


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
