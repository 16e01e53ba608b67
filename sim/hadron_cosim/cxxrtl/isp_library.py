"""The Python side of ``isp.cc``: one instance of a simulated ISP, through ctypes."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl.device import SimulatedDevice
from hadron_cosim.cxxrtl.streams import BEAT

__all__ = ["PICTURE", "TENSOR", "IspStalls", "SimulatedIsp"]

PICTURE, TENSOR = 0, 1
"""The outputs."""


@dataclass(frozen=True, kw_only=True)
class IspStalls:
    """Random pauses of the streams: RAW's VALID and the outputs' READY.

    Parameters
    ----------
    seed : int
        What the pauses derive from.
    raw, picture, tensor : float
        Chance that a pause begins in a cycle, 0 to 1.
    longest : int
        A pause takes 1 to this many cycles.
    """

    seed: int
    raw: float = 0.1
    picture: float = 0.1
    tensor: float = 0.1
    longest: int = 16

    def __post_init__(self) -> None:
        for name in ("raw", "picture", "tensor"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"stalls: {name}={getattr(self, name)!r}, must be 0 to 1")
        if self.longest < 1:
            raise ValueError(f"stalls: longest={self.longest!r}, must be 1 or more")


class _Options(ctypes.Structure):
    _fields_ = (("stall", ctypes.c_uint64 * 3), ("stall_longest", ctypes.c_uint64),
                ("seed", ctypes.c_uint64))


class _State(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "now", "irq", "violations", "left", "taken", "first_taken", "last_taken")]


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, u64 = ctypes.c_void_p, ctypes.c_uint64
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "hadron_options_bytes": (u64, []),
        "hadron_beat_bytes": (u64, []),
        "hadron_create": (handle, []),
        "hadron_destroy": (None, [handle]),
        "hadron_configure": (None, [handle, ctypes.POINTER(_Options)]),
        "hadron_reset": (None, [handle, u64]),
        "hadron_write": (ctypes.c_int, [handle, u64, ctypes.c_uint32]),
        "hadron_read": (ctypes.c_int, [handle, u64, ctypes.POINTER(ctypes.c_uint32)]),
        "hadron_feed": (None, [handle, handle, u64]),
        "hadron_run": (u64, [handle, u64, ctypes.c_int, ctypes.c_int]),
        "hadron_state": (None, [handle, ctypes.POINTER(_State)]),
        "hadron_violations": (ctypes.c_char_p, [handle]),
        "hadron_clear": (None, [handle]),
        "hadron_beats": (u64, [handle, ctypes.c_int, handle, u64]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if (library.hadron_options_bytes() != ctypes.sizeof(_Options)
            or library.hadron_beat_bytes() != BEAT.itemsize):
        raise RuntimeError("isp.cc and isp_library.py differ")
    return library


class SimulatedIsp(SimulatedDevice):
    """One ISP with its clock, registers and streams; every call advances the same clock.

    Parameters
    ----------
    library : Path
        Result of :func:`hadron_cosim.cxxrtl.build.build_library` with the harness "isp".
    """

    ADDRESS_DIGITS = 4

    def __init__(self, library: Path) -> None:
        super().__init__(_load(library))

    def configure(self, stalls: IspStalls | None = None) -> None:
        """Choose the pauses of the streams; none unless given."""
        options = _Options(stall_longest=1, seed=1)
        if stalls is not None:
            options.stall[:] = [round(chance * 65536)
                                for chance in (stalls.raw, stalls.picture, stalls.tensor)]
            options.stall_longest = stalls.longest
            options.seed = stalls.seed & (1 << 64) - 1
        self._library.hadron_configure(self._handle, options)

    def feed(self, beats: npt.NDArray[np.uint32]) -> None:
        """Append beats of RAW: pixels with `RAW_USER` and `RAW_LAST`."""
        data = np.ascontiguousarray(beats, dtype=np.uint32).ravel()
        self._library.hadron_feed(self._handle, data.ctypes.data, data.size)

    def run(self, cycles: int, *, until_taken: bool = False, until_irq: bool = False) -> int:
        """Run for `cycles`, or until all RAW is taken or `irq` is high; return what passed."""
        return int(self._library.hadron_run(self._handle, cycles, until_taken, until_irq))

    @property
    def state(self) -> _State:
        """Where the simulation stands."""
        state = _State()
        self._library.hadron_state(self._handle, ctypes.byref(state))
        return state

    def beats(self, output: int) -> npt.NDArray[Any]:
        """Return what came out of `PICTURE` or `TENSOR`, of the type `BEAT`."""
        count = self._library.hadron_beats(self._handle, output, None, 0)
        beats = np.zeros(count, dtype=BEAT)
        self._library.hadron_beats(self._handle, output, beats.ctypes.data, count)
        return beats
