"""A stand-in for the simulated RTL: the golden model with made-up timing, and mistakes to order."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hadron_cosim.simulator import COUNTERS, SimulationResult, TraceEvent
from hadron_model.executor import Executor
from hadron_spec.commands import Unit
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["CYCLES", "FakeSimulator"]

CYCLES = 90
_TRACE = [TraceEvent(Unit.LOAD, 0, 0, 10), TraceEvent(Unit.EXECUTE, 0, 10, 40, 20, 3),
          TraceEvent(Unit.EXECUTE, 8, 50, 70, 5), TraceEvent(Unit.STORE, 8, 70, 80)]


class FakeSimulator:
    """What a session uses of :class:`hadron_cosim.simulator.NpuSimulator`.

    Set the class attributes before the run: `damage` is an offset at which a byte goes wrong,
    `status` how runs end.
    """

    damage: int | None = None
    status = "done"
    runs: list[str]

    def __init__(self, config: NpuConfig, *, on_stage: Callable[[str], None],
                 on_progress: Callable[[int, int], None]) -> None:
        self.config = config
        self.runs = []
        on_stage("compile")
        on_progress(1, 2)

    def run(self, memory: npt.NDArray[np.uint8], command_base: int, command_count: int,
            memory_base: int, memory_bytes: int, *, max_cycles: int, memory_model: object,
            stream: Sequence[bytes] = (),
            on_progress: Callable[[int], None]) -> SimulationResult:
        """Run the golden model, then do the damage."""
        Executor(self.config).run(memory, command_base=command_base, command_count=command_count,
                                  memory_base=memory_base, memory_bytes=memory_bytes,
                                  stream=stream)
        on_progress(CYCLES)
        if self.damage is not None:
            memory[self.damage] ^= 0xFF
        cycles = CYCLES + len(self.runs)
        self.runs.append(self.status)
        done = self.status == "done"
        return SimulationResult(
            cycles=cycles, status=self.status,
            error_code=ErrorCode.NONE if done else ErrorCode.CHECKSUM,
            error_command=0 if done else 3, counters=dict.fromkeys(COUNTERS, 1), trace=_TRACE)
