"""Run a compiled program: what the NPU does with commands and memory, without its timing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hadron_model.accesses import execute_accesses
from hadron_model.execute import execute
from hadron_model.hazards import Access, Clock, Hazard, HazardChecker
from hadron_model.memories import LocalMemories
from hadron_model.program import Command, CommandFailureError, decode_command
from hadron_model.steps import StepGrid
from hadron_model.streams import InputStream, StreamTensor
from hadron_model.tokens import Scheduler
from hadron_model.transfer import Row, rows, space_of
from hadron_spec.commands import (
    COMMAND_ALIGN,
    COMMAND_BYTES,
    QUEUE_COMMANDS,
    LocalSpace,
    Opcode,
    Unit,
)
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["Executor", "Result", "Status"]

Memory = bytearray | memoryview | NDArray[np.uint8]


class Status(Enum):
    """How a program ended."""

    DONE = "done"
    ERROR = "error"


@dataclass
class Result:
    """What a program did."""

    status: Status = Status.DONE
    error: ErrorCode = ErrorCode.NONE
    error_command: int = 0
    """Index of the command that the error names."""
    detail: str = ""
    """The error in words."""
    scratchpad: bytes = b""
    """The scratchpad in the end."""
    commands: int = 0
    """Commands run, END included."""
    mac_steps: int = 0
    """Steps in which the array multiplied."""
    macs: int = 0
    """Multiplications of the array: every lane and column of every such step."""
    bytes_read: int = 0
    """Bytes that LOAD copied, from memory and streams."""
    bytes_written: int = 0
    """Bytes that STORE copied."""
    read_beats: int = 0
    """Beats of LOAD and of the commands run."""
    write_beats: int = 0
    """Beats of STORE."""
    overflows: dict[int, int] = field(default_factory=dict)
    """Accumulators beyond 32 bits: command index to their number. Empty for a sound program."""
    unused_tokens: int = 0
    """Tokens left at END."""
    hazards: list[Hazard] = field(default_factory=list)
    """Filled with ``check_hazards=True``. Empty for a sound program."""

    @property
    def ok(self) -> bool:
        """Whether the program reached END with no error, overflow or hazard."""
        return self.status == Status.DONE and not self.overflows and not self.hazards


class Executor:
    """An NPU at the level of commands: bit-exact with the hardware, not cycle-accurate.

    Commands run one at a time, in an order that tokens allow; of those that could run, the first
    of the program. When several errors are possible, the first in this order is reported; what
    memory and scratchpad hold after an error is not specified.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    queue_commands : mapping of Unit to int
        Room of the command queues; the hardware's by default.

    Attributes
    ----------
    memories : LocalMemories
        Scratchpad, weight memory and table; they keep their contents from run to run.
    """

    def __init__(self, config: NpuConfig, *,
                 queue_commands: Mapping[Unit, int] = QUEUE_COMMANDS):
        self.config = config
        self.queue_commands = queue_commands
        self.memories = LocalMemories(config)

    def run(self, memory: Memory, *, command_base: int, command_count: int, memory_base: int,
            memory_bytes: int, check_hazards: bool = False,
            stream: Sequence[bytes | StreamTensor] = ()) -> Result:
        """Execute a program against a memory image, in place.

        Parameters
        ----------
        memory : bytearray or writable buffer of bytes
            All of memory, from address 0.
        command_base, command_count, memory_base, memory_bytes : int
            As the registers of the same names.
        check_hazards : bool
            Also check that tokens order all accesses (`hadron_model.hazards`); about twice the
            time.
        stream : sequence of bytes or StreamTensor
            Tensors on the input stream.

        Raises
        ------
        ValueError
            When a command's result is not defined: see `hadron_model.execute.execute`; when the
            program waits for a tensor that `stream` does not hold.
        """
        run = _Run(self, np.frombuffer(memory, np.uint8), command_base, command_count,
                   memory_base, memory_bytes, check_hazards, stream)
        try:
            run.run()
        except _ProgramError as error:
            run.result.status = Status.ERROR
            run.result.error = error.code
            run.result.error_command = error.index
            run.result.detail = error.detail
        if run.checker is not None:
            run.result.hazards = run.checker.hazards
        run.result.macs = run.result.mac_steps * self.config.macs_per_cycle
        run.result.scratchpad = self.memories.scratchpad.tobytes()
        return run.result


class _ProgramError(Exception):
    def __init__(self, code: ErrorCode, index: int, detail: str):
        super().__init__(detail)
        self.code, self.index, self.detail = code, index, detail


class _Run:
    """One run of a program."""

    def __init__(self, executor: Executor, memory: NDArray[np.uint8], command_base: int,
                 command_count: int, memory_base: int, memory_bytes: int, check_hazards: bool,
                 stream: Sequence[bytes | StreamTensor]):
        self.config = executor.config
        self.stream = InputStream(executor.config, stream)
        self.memories = executor.memories
        self.scheduler = Scheduler(executor.queue_commands)
        self.memory = memory
        self.region = memory[memory_base : memory_base + memory_bytes]
        self.command_base, self.command_count = command_base, command_count
        self.memory_base, self.memory_bytes = memory_base, memory_bytes
        self.result = Result()
        # The last EXECUTE command that has been decoded.
        self.before: Command | None = None
        self.checker: HazardChecker | None = None
        if check_hazards:
            sizes: dict[LocalSpace | None, int] = {None: len(self.region)}
            sizes |= {space: len(memory) for space, memory in self.memories.spaces.items()}
            start = command_base - memory_base
            self.checker = HazardChecker(
                sizes, range(start, start + command_count * COMMAND_BYTES))

    def run(self) -> None:
        """Decode and execute until END and all units are idle."""
        if self.command_base % COMMAND_ALIGN or self.memory_base % COMMAND_ALIGN:
            raise _ProgramError(ErrorCode.ALIGNMENT, 0, f"bases {self.command_base:#x} and "
                                f"{self.memory_base:#x} must be multiples of {COMMAND_ALIGN}")
        index = 0
        command: Command | None = self._decode(index)
        while command is not None:
            if command.opcode == Opcode.END:
                self._count_command()
                command = None
            elif self.scheduler.has_room(command):
                self.scheduler.push(command)
                # What can run does, before the decoder goes on.
                self._drain()
                index += 1
                command = self._decode(index)
            else:
                break
        waiting = self.scheduler.waiting()
        if waiting is not None:
            raise _ProgramError(ErrorCode.DEADLOCK, waiting.index, "waits for a token")
        self.result.unused_tokens = self.scheduler.unused_tokens

    def _drain(self) -> None:
        while (started := self.scheduler.start()) is not None:
            self._execute(*started)

    def _decode(self, index: int) -> Command:
        if index == self.command_count:
            raise _ProgramError(ErrorCode.END_OF_STREAM, index, "no END")
        start = self.command_base + index * COMMAND_BYTES
        try:
            command = decode_command(self.config, index,
                                     self.memory[start : start + COMMAND_BYTES].tobytes(),
                                     self.before)
        except CommandFailureError as failure:
            raise _ProgramError(failure.code, index, failure.detail) from None
        if command.unit == Unit.EXECUTE:
            self.before = command
        return command

    def _execute(self, command: Command, clock: Clock) -> None:
        try:
            if command.unit == Unit.EXECUTE:
                self._compute(command, clock)
            else:
                self._transfer(command, clock)
            self.scheduler.finish(command, clock)
        except CommandFailureError as failure:
            raise _ProgramError(failure.code, command.index, failure.detail) from None
        self._count_command()

    def _compute(self, command: Command, clock: Clock) -> None:
        grid = StepGrid(self.config, command.opcode, command.fields)
        if self.checker is not None:
            accesses, conflict = execute_accesses(self.memories, command, grid)
            self.checker.observe(command.index, Unit.EXECUTE, clock, accesses)
            if conflict is not None:
                self.checker.found_in_command(command.index, conflict)
        outcome = execute(self.memories, command, grid)
        self.result.mac_steps += outcome.mac_steps
        if outcome.overflows:
            self.result.overflows[command.index] = outcome.overflows

    def _transfer(self, command: Command, clock: Clock) -> None:
        is_load = command.opcode == Opcode.LOAD
        space = space_of(command)
        accesses: list[Access] = []
        for number, row in enumerate(rows(self.config, command, self.memory_bytes), 1):
            if is_load:
                values = (self._read_stream(command, row, number) if command.fields["stream"]
                          else self.region[self._in_memory(row, ErrorCode.BUS_READ)])
                memory, inside = self.memories.load(space, row.local, values)
            else:
                memory, inside = space, slice(row.local, row.local + row.size)
                self.region[self._in_memory(row, ErrorCode.BUS_WRITE)] = (
                    self.memories.scratchpad[inside])
            if not command.fields["stream"]:
                outside = slice(row.memory, row.memory + row.size)
                accesses.append(Access(None, not is_load, outside))
            accesses.append(Access(memory, is_load, inside))
        self._count_transfer(command, is_load)
        if self.checker is not None:
            assert command.unit is not None
            self.checker.observe(command.index, command.unit, clock, accesses)

    def _in_memory(self, row: Row, code: ErrorCode) -> slice:
        end = row.memory + row.size
        if end > len(self.region):
            raise CommandFailureError(code, f"memory ends before offset {end:#x}")
        return slice(row.memory, end)

    def _read_stream(self, command: Command, row: Row, number: int) -> NDArray[np.uint8]:
        ends = bool(command.fields["stream_end"]) and number == command.fields["rows"]
        beats = self.stream.read(row.memory + row.size, ends)
        return np.frombuffer(beats, np.uint8)[row.memory : row.memory + row.size]

    def _count_command(self) -> None:
        self.result.commands += 1
        self.result.read_beats += COMMAND_BYTES // self.config.axi_bytes

    def _count_transfer(self, command: Command, is_load: bool) -> None:
        fields = command.fields
        beat = self.config.axi_bytes
        total = fields["rows"] * fields["row_bytes"]
        beats = fields["rows"] * -(-(fields["memory_offset"] % beat + fields["row_bytes"]) // beat)
        if is_load:
            self.result.bytes_read += total
            self.result.read_beats += 0 if fields["stream"] else beats
        else:
            self.result.bytes_written += total
            self.result.write_beats += beats
