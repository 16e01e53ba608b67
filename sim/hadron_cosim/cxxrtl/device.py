"""What every simulated device has: a clock, reset, registers over AXI4-Lite, streams and checks."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl.streams import BEAT, Stream, StreamOptions, StreamStalls

__all__ = ["HANDLE", "U64", "SimulatedDevice", "load_library"]

HANDLE, U64 = ctypes.c_void_p, ctypes.c_uint64
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "hadron_stream_options_bytes": (U64, []),
    "hadron_beat_bytes": (U64, []),
    "hadron_create": (HANDLE, []),
    "hadron_destroy": (None, [HANDLE]),
    "hadron_reset": (None, [HANDLE, U64]),
    "hadron_write": (ctypes.c_int, [HANDLE, U64, ctypes.c_uint32]),
    "hadron_read": (ctypes.c_int, [HANDLE, U64, ctypes.POINTER(ctypes.c_uint32)]),
    "hadron_violations": (ctypes.c_char_p, [HANDLE]),
    "hadron_clear": (None, [HANDLE]),
    "hadron_configure_streams": (None, [HANDLE, ctypes.POINTER(StreamOptions)]),
    "hadron_feed_raw": (None, [HANDLE, HANDLE, U64]),
    "hadron_beats": (U64, [HANDLE, ctypes.c_int, HANDLE, U64]),
}
"""``exports.h``."""


def load_library(path: Path, signatures: Mapping[str, tuple[Any, list[Any]]]) -> ctypes.CDLL:
    """Load a harness, of which `signatures` are the functions beside those of ``exports.h``."""
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in {**_SIGNATURES, **signatures}.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if (library.hadron_stream_options_bytes() != ctypes.sizeof(StreamOptions)
            or library.hadron_beat_bytes() != BEAT.itemsize):
        raise RuntimeError("streams.h and streams.py differ")
    return library


class SimulatedDevice:
    """A device of a loaded library; every call advances the same clock.

    Parameters
    ----------
    library : ctypes.CDLL
        From :func:`load_library`.
    """

    ADDRESS_DIGITS: ClassVar[int]
    """Hexadecimal digits of a register's address in messages."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle = library.hadron_create()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle:
            self._library.hadron_destroy(handle)
            self._handle = None

    def reset(self, cycles: int = 4) -> None:
        """Hold `rst` for some cycles; what has not been taken from streams is forgotten."""
        self._library.hadron_reset(self._handle, cycles)

    def write(self, address: int, value: int) -> None:
        """Write a register over AXI4-Lite.

        Raises
        ------
        TimeoutError
            When the device does not answer.
        """
        if not self._library.hadron_write(self._handle, address, value & 0xFFFF_FFFF):
            raise TimeoutError(f"no answer to a write of register {self._named(address)}")

    def read(self, address: int) -> int:
        """Read a register over AXI4-Lite.

        Raises
        ------
        TimeoutError
            When the device does not answer.
        """
        value = ctypes.c_uint32()
        if not self._library.hadron_read(self._handle, address, ctypes.byref(value)):
            raise TimeoutError(f"no answer to a read of register {self._named(address)}")
        return value.value

    def _named(self, address: int) -> str:
        return f"{address:#0{self.ADDRESS_DIGITS + 2}x}"

    @property
    def violations(self) -> list[str]:
        """Broken rules of the buses and streams, the first eight."""
        return str(self._library.hadron_violations(self._handle).decode()).splitlines()

    def configure_streams(self, stalls: StreamStalls | None = None) -> None:
        """Choose the pauses of the streams; none unless given."""
        self._library.hadron_configure_streams(self._handle, StreamOptions.of(stalls))

    def feed_raw(self, beats: npt.NDArray[np.uint32]) -> None:
        """Append beats of RAW: pixels with `RAW_USER` and `RAW_LAST`."""
        data = np.ascontiguousarray(beats, dtype=np.uint32).ravel()
        self._library.hadron_feed_raw(self._handle, data.ctypes.data, data.size)

    def beats(self, stream: Stream) -> npt.NDArray[Any]:
        """Return what came out of PICTURE or TENSOR_OUT, of the type `BEAT`."""
        count = self._library.hadron_beats(self._handle, stream, None, 0)
        beats = np.zeros(count, dtype=BEAT)
        self._library.hadron_beats(self._handle, stream, beats.ctypes.data, count)
        return beats

    def clear(self) -> None:
        """Forget violations, and what was recorded."""
        self._library.hadron_clear(self._handle)
