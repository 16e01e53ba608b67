"""Run programs on the RTL: one class over a simulation lane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl import SimulatedNpu, build_library
from hadron_cosim.cxxrtl.streams import StreamStalls, tensor_beats
from hadron_cosim.design import npu_rtlil, rtlil_is_cached
from hadron_cosim.memory_model import FAST, BusErrors, MemoryModel, Stalls, memory_model
from hadron_spec.commands import Unit
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode
from hadron_spec.registers import REGISTERS, Access, register

__all__ = ["COUNTERS", "NpuSimulator", "ProtocolError", "SimulationResult", "TraceEvent"]

COUNTERS = tuple(r.name for r in REGISTERS
                 if 0x040 <= r.offset < 0x100 and r.access is Access.RO)
"""Names of the performance counters."""

_CHUNK = 100_000
"""Cycles between two calls of `on_progress`, and to notice an interrupt from the keyboard."""


class ProtocolError(AssertionError):
    """The RTL broke a rule of AXI4; one line for each of the first violations."""


@dataclass(frozen=True)
class TraceEvent:
    """One command, or several of one layer without a pause, on one unit.

    `start` and `end` are cycles after START; `end` is the first cycle in which it no longer ran.
    `mac_active` and `stalled` are cycles between them, counted for EXECUTE only: the array had
    weights and activations; a step waited for room for its result.
    """

    unit: Unit
    layer: int
    start: int
    end: int
    mac_active: int = 0
    stalled: int = 0


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """How a program ended.

    Parameters
    ----------
    cycles : int
        Counter CYCLES: from START to the end of the program.
    status : str
        "done", "error", "aborted" or "timeout" (no interrupt within `max_cycles`).
    error_code : ErrorCode
        What stopped the program, or NONE.
    error_command : int
        Index of the command the error names.
    counters : dict of str to int
        All performance counters by register name.
    trace : list of TraceEvent
        What ran when, in order of start.
    """

    cycles: int
    status: str
    error_code: ErrorCode
    error_command: int
    counters: dict[str, int]
    trace: list[TraceEvent]


class NpuSimulator:
    """One NPU in RTL simulation.

    The first use of a configuration builds its simulation (half a minute to two); it is kept in
    the user's cache folder. Bus address 0 is the first byte of the memory given to :meth:`run`.

    Parameters
    ----------
    config : NpuConfig
        Size of the NPU.
    lane : str
        Simulator: "cxxrtl".
    rtlil : str, optional
        Another design with the same ports, for tests of the lane.
    on_stage : callable, optional
        Told the name of each stage of a build (:data:`hadron_cosim.cxxrtl.STAGES`).
    on_progress : callable, optional
        Told how many of how many files of a build are compiled.

    Raises
    ------
    ValueError
        When `lane` is not known.
    YosysError, CompilerError
        When the build fails.
    """

    def __init__(self, config: NpuConfig, lane: str = "cxxrtl", *, rtlil: str | None = None,
                 on_stage: Callable[[str], None] = lambda _: None,
                 on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        if lane != "cxxrtl":
            raise ValueError(f"lane {lane!r}, must be 'cxxrtl'")
        if rtlil is None:
            if not rtlil_is_cached(config):
                on_stage("elaborate")
            rtlil = npu_rtlil(config)
        self.config = config
        self.npu = SimulatedNpu(build_library(rtlil, on_stage=on_stage,
                                              on_progress=on_progress))
        self._memory = np.zeros(4096, dtype=np.uint8)
        self.configure()

    def configure(self, model: str | MemoryModel = FAST, *, stalls: Stalls | None = None,
                  errors: BusErrors | None = None,
                  memory: npt.NDArray[np.uint8] | None = None) -> None:
        """Choose memory and timing, and reset the NPU."""
        if memory is not None:
            self._memory = memory
        self.npu.attach(self._memory)
        self.npu.configure(memory_model(model), stalls, errors)
        self.npu.reset()
        self.npu.clear()

    def write_register(self, name: str, value: int) -> None:
        """Write the register called `name`."""
        self.npu.write(register(name).offset, value)

    def read_register(self, name: str) -> int:
        """Read the register called `name`."""
        return self.npu.read(register(name).offset)

    def check_protocol(self) -> None:
        """Raise :class:`ProtocolError` when the RTL broke a rule of AXI4 since the reset."""
        violations = self.npu.violations
        if violations:
            count = self.npu.state.violations
            raise ProtocolError(f"{count} AXI violations\n" + "\n".join(violations))

    def start(self, command_base: int, command_count: int, memory_base: int, memory_bytes: int,
              *, watchdog: int = 0) -> None:
        """Write the registers of a program, enable all interrupts and START."""
        for name, value in (("COMMAND_BASE", command_base), ("COMMAND_COUNT", command_count),
                            ("MEMORY_BASE", memory_base), ("MEMORY_BYTES", memory_bytes),
                            ("WATCHDOG", watchdog), ("IRQ_STATUS", 7), ("IRQ_ENABLE", 7),
                            ("CONTROL", 1)):
            self.write_register(name, value)

    def run(self, memory: npt.NDArray[np.uint8], command_base: int, command_count: int,
            memory_base: int, memory_bytes: int, max_cycles: int = 100_000_000, *,
            memory_model: str | MemoryModel = FAST, stalls: Stalls | None = None,
            errors: BusErrors | None = None, watchdog: int = 0, stream: Sequence[bytes] = (),
            stream_stalls: StreamStalls | None = None,
            on_progress: Callable[[int], None] = lambda _: None) -> SimulationResult:
        """Reset the NPU and run one program to its interrupt.

        Parameters
        ----------
        memory : array of uint8
            What is behind the memory port; written in place.
        command_base, command_count, memory_base, memory_bytes : int
            The registers of those names; addresses are offsets into `memory`.
        max_cycles : int
            Cycles after which to give up.
        memory_model : str or MemoryModel
            "fast", "sdram" or a model of one's own.
        stalls, errors : optional
            Random stalls and bus errors to inject.
        watchdog : int
            Register WATCHDOG.
        stream : sequence of bytes
            Tensors that wait at the input stream.
        stream_stalls : optional
            Random pauses of the streams.
        on_progress : callable
            Told the cycles so far, now and then.

        Raises
        ------
        ProtocolError
            When the RTL broke a rule of AXI4.
        """
        self.configure(memory_model, stalls=stalls, errors=errors, memory=memory)
        self.npu.configure_streams(stream_stalls)
        for tensor in stream:
            self.npu.feed_tensor(tensor_beats(tensor, self.config.axi_bytes))
        self.start(command_base, command_count, memory_base, memory_bytes, watchdog=watchdog)
        begin = self.npu.state.register_write
        return self.finish(begin, max_cycles, on_progress=on_progress)

    def finish(self, begin: int, max_cycles: int, *,
               on_progress: Callable[[int], None] = lambda _: None) -> SimulationResult:
        """Run to the interrupt and collect the result; `begin` is the cycle of START."""
        done = 0
        while done < max_cycles and not self.npu.state.irq:
            done += self.npu.run(min(_CHUNK, max_cycles - done))
            on_progress(done)
        self.npu.run(2, until_irq=False)  # closes what the trace still holds open
        self.check_protocol()
        status = self.read_register("STATUS") if self.npu.state.irq else 0
        ended = {2: "done", 4: "error", 8: "aborted"}.get(status & 0xE, "timeout")
        counters = {name: self.read_register(name) for name in COUNTERS}
        trace = sorted((TraceEvent(Unit(unit), layer, start - begin, end - begin, *counted)
                        for unit, layer, start, end, *counted in self.npu.trace().tolist()),
                       key=lambda event: (event.start, event.unit))
        self.check_protocol()
        return SimulationResult(
            cycles=counters["CYCLES"], status=ended, error_code=ErrorCode(status >> 8 & 0xFF),
            error_command=self.read_register("ERROR_COMMAND"), counters=counters, trace=trace)
