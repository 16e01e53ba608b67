"""The Python side of ``harness.cc``: one instance of a simulated NPU, through ctypes."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl.device import HANDLE, U64, SimulatedDevice, load_library
from hadron_cosim.cxxrtl.streams import BEAT, Stream
from hadron_cosim.memory_model import BusErrors, MemoryModel, Stalls

__all__ = ["Options", "SimulatedNpu", "State"]

_NO_ADDRESS = (1 << 64) - 1


class Options(ctypes.Structure):
    """``hadron::Options`` of ``options.h``, field by field."""

    _fields_ = [(name, ctypes.c_uint64) for name in (
        "sdram", "latency", "outstanding", "bytes_per_cycle", "row_bytes", "banks", "row_activate",
        "row_precharge", "cas", "refresh_interval", "refresh_cycles", "stall_ar", "stall_r",
        "stall_aw", "stall_w", "stall_b", "stall_longest", "seed", "read_error", "write_error")]

    @classmethod
    def of(cls, model: MemoryModel, stalls: Stalls | None, errors: BusErrors | None) -> "Options":
        """Lay out what :mod:`hadron_cosim.memory_model` describes."""
        values = {name: int(getattr(model, name)) for name, *_ in cls._fields_
                  if hasattr(model, name)}
        if stalls is not None:
            for channel in ("ar", "r", "aw", "w", "b"):
                values[f"stall_{channel}"] = round(getattr(stalls, channel) * 65536)
            values["stall_longest"] = stalls.longest
            values["seed"] = stalls.seed & _NO_ADDRESS
        read = errors.read if errors else None
        write = errors.write if errors else None
        values["read_error"] = _NO_ADDRESS if read is None else read
        values["write_error"] = _NO_ADDRESS if write is None else write
        return cls(**values)


class State(ctypes.Structure):
    """What ``hadron_state`` reports. Cycles count from the creation of the instance."""

    _fields_ = [(name, ctypes.c_uint64) for name in (
        "now", "register_write", "irq_at", "irq", "violations", "read_beats", "write_beats",
        "decode_errors", "reads_outstanding", "writes_outstanding")]


def _load(path: Path) -> ctypes.CDLL:
    library = load_library(path, {
        "hadron_options_bytes": (U64, []),
        "hadron_bus_bytes": (U64, []),
        "hadron_attach": (None, [HANDLE, HANDLE, U64]),
        "hadron_configure": (None, [HANDLE, ctypes.POINTER(Options)]),
        "hadron_run": (U64, [HANDLE, U64, ctypes.c_int]),
        "hadron_state": (None, [HANDLE, ctypes.POINTER(State)]),
        "hadron_trace": (U64, [HANDLE, HANDLE, U64]),
        "hadron_feed_tensor": (None, [HANDLE, HANDLE, U64]),
        "hadron_left": (U64, [HANDLE, ctypes.c_int]),
        "hadron_run_until_taken": (U64, [HANDLE, U64]),
    })
    if library.hadron_options_bytes() != ctypes.sizeof(Options):
        raise RuntimeError("options.h and Options differ")
    return library


class SimulatedNpu(SimulatedDevice):
    """One NPU with its clock, registers, memory and streams; every call advances the same clock.

    With an ISP before the NPU, the streams are those of both; a port that a design does not have
    takes nothing and gives nothing.

    Parameters
    ----------
    library : Path
        Result of :func:`hadron_cosim.cxxrtl.build.build_library`.
    """

    ADDRESS_DIGITS = 3

    def __init__(self, library: Path) -> None:
        super().__init__(_load(library))
        self._memory: npt.NDArray[np.uint8] | None = None

    @property
    def bus_bytes(self) -> int:
        """Bytes of a beat of the memory port."""
        return int(self._library.hadron_bus_bytes())

    def attach(self, memory: npt.NDArray[np.uint8]) -> None:
        """Make `memory`, which is written in place, bus addresses 0 to its size."""
        if memory.dtype != np.uint8 or memory.ndim != 1 or not memory.flags.c_contiguous \
                or not memory.flags.writeable:
            raise ValueError("memory must be a writeable contiguous array of uint8")
        self._memory = memory
        self._library.hadron_attach(self._handle, memory.ctypes.data, memory.size)

    def configure(self, model: MemoryModel, stalls: Stalls | None = None,
                  errors: BusErrors | None = None) -> None:
        """Choose the memory's timing; forgets what is outstanding, so reset as well."""
        self._library.hadron_configure(self._handle, Options.of(model, stalls, errors))

    def run(self, cycles: int, *, until_irq: bool = True) -> int:
        """Run for `cycles`, or until `irq` is high; return the cycles that passed."""
        return int(self._library.hadron_run(self._handle, cycles, until_irq))

    def run_until_taken(self, cycles: int) -> int:
        """Run for `cycles`, or until all that was fed is taken; return the cycles that passed."""
        return int(self._library.hadron_run_until_taken(self._handle, cycles))

    def feed_tensor(self, beats: npt.NDArray[Any]) -> None:
        """Append beats of a tensor, of the type `BEAT`."""
        data = np.ascontiguousarray(beats, dtype=BEAT)
        self._library.hadron_feed_tensor(self._handle, data.ctypes.data, data.size)

    def left(self, stream: Stream) -> int:
        """Return how many beats of an input have not been taken."""
        return int(self._library.hadron_left(self._handle, stream))

    @property
    def state(self) -> State:
        """Where the simulation stands."""
        state = State()
        self._library.hadron_state(self._handle, ctypes.byref(state))
        return state

    def trace(self) -> npt.NDArray[np.uint64]:
        """Rows of (unit, layer, first cycle, cycle after the last, cycles in which the array
        multiplied, in which a step waited for the requantizer), in order of their ends."""
        count = self._library.hadron_trace(self._handle, None, 0)
        rows = np.zeros((count, 6), dtype=np.uint64)
        self._library.hadron_trace(self._handle, rows.ctypes.data, count)
        return rows
