"""The Python side of ``isp.cc``: one instance of a simulated ISP, through ctypes."""

import ctypes
from pathlib import Path

from hadron_cosim.cxxrtl.device import HANDLE, U64, SimulatedDevice, load_library

__all__ = ["SimulatedIsp"]


class _State(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "now", "irq", "violations", "left", "taken", "first_taken", "last_taken")]


class SimulatedIsp(SimulatedDevice):
    """One ISP with its clock, registers and streams; every call advances the same clock.

    Parameters
    ----------
    library : Path
        Result of :func:`hadron_cosim.cxxrtl.build.build_library` with the harness "isp".
    """

    ADDRESS_DIGITS = 4

    def __init__(self, library: Path) -> None:
        super().__init__(load_library(library, {
            "hadron_run": (U64, [HANDLE, U64, ctypes.c_int, ctypes.c_int]),
            "hadron_state": (None, [HANDLE, ctypes.POINTER(_State)]),
        }))

    def run(self, cycles: int, *, until_taken: bool = False, until_irq: bool = False) -> int:
        """Run for `cycles`, or until all RAW is taken or `irq` is high; return what passed."""
        return int(self._library.hadron_run(self._handle, cycles, until_taken, until_irq))

    @property
    def state(self) -> _State:
        """Where the simulation stands."""
        state = _State()
        self._library.hadron_state(self._handle, ctypes.byref(state))
        return state
