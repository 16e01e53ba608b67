"""The C driver as a shared library: compiled with the zig of PyPI, called through ctypes."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from hadron_spec.registers import REGISTERS, register

__all__ = ["COUNTERS", "FOREVER", "WARNINGS", "Bus", "CDriver", "Counters", "Failure", "Program",
           "Status", "build_driver", "compile_driver", "load_driver", "make_bus"]

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wswitch-enum",
             "-Werror", "-pedantic")

FOREVER = 0xFFFF_FFFF


class Status(IntEnum):
    """``enum hadron_status``."""

    OK = 0
    RUNNING = 1
    NO_DEVICE = 2
    VERSION = 3
    ARGUMENT = 4
    BUSY = 5
    IDLE = 6
    TIMEOUT = 7
    FAILED = 8
    ABORTED = 9


_Read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
_Write = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)


class Bus(ctypes.Structure):
    """``struct hadron_bus``."""

    _fields_ = (("read", _Read), ("write", _Write), ("context", ctypes.c_void_p))


def make_bus(read: Callable[[int], int], write: Callable[[int, int], None]) -> Bus:
    """Return a bus of ``read(offset) -> value`` and ``write(offset, value)``; keep it alive."""
    return Bus(_Read(lambda _context, offset: read(offset)),
               _Write(lambda _context, offset, value: write(offset, value)), None)


class _Device(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in (
        "version", "lanes", "columns", "bus_bytes", "activation_bytes",
        "weight_bytes"))


class _Hadron(ctypes.Structure):
    _fields_ = (("bus", Bus), ("device", _Device))


class Program(ctypes.Structure):
    """``struct hadron_program``."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in (
        "command_base", "command_count", "memory_base", "memory_bytes", "watchdog"))


class Failure(ctypes.Structure):
    """``struct hadron_failure``."""

    _fields_ = (("code", ctypes.c_int), ("command", ctypes.c_uint32))


COUNTERS = tuple(r.name for r in REGISTERS if r.offset >= register("CYCLES").offset)
"""The registers of ``struct hadron_counters``, in its order."""


class Counters(ctypes.Structure):
    """``struct hadron_counters``."""

    _fields_ = tuple((name.lower(), ctypes.c_uint32) for name in COUNTERS)


def compile_driver(project: Path, output: Path, *options: str) -> None:
    """Compile ``firmware/src/hadron.c`` with every warning an error."""
    command = [sys.executable, "-m", "ziglang", "cc", *WARNINGS, "-O2", *options,
               f"-I{project / 'firmware/include'}", str(project / "firmware/src/hadron.c"),
               "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def load_driver(path: Path) -> ctypes.CDLL:
    """Load a library of :func:`build_driver`."""
    library = ctypes.CDLL(str(path))
    library.hadron_failure.restype = Failure
    library.hadron_mmio.restype = Bus
    library.hadron_interrupt.restype = ctypes.c_uint32
    library.hadron_status_string.restype = ctypes.c_char_p
    library.hadron_error_string.restype = ctypes.c_char_p
    return library


def build_driver(project: Path, folder: Path) -> ctypes.CDLL:
    """Compile the driver into a shared library and load it."""
    path = folder / "libhadron.so"
    compile_driver(project, path, "-shared", "-fPIC", "-nostdlib")
    return load_driver(path)


class CDriver:
    """A driver and the registers it reaches; ``hadron_x(&npu, ...)`` is ``driver.x(...)``.

    Parameters
    ----------
    library : CDLL
        The driver.
    read, write : callable
        ``read(offset) -> value`` and ``write(offset, value)`` of the registers.
    """

    def __init__(self, library: ctypes.CDLL, read: Callable[[int], int],
                 write: Callable[[int, int], None]) -> None:
        self.library = library
        self.npu = _Hadron()
        self._bus = make_bus(read, write)

    @property
    def device(self) -> ctypes.Structure:
        """What the driver has read about the device."""
        return self.npu.device

    def __getattr__(self, name: str) -> Callable[..., int]:
        function = getattr(self.library, f"hadron_{name}")
        return lambda *arguments: function(ctypes.byref(self.npu), *arguments)

    def connect(self) -> int:
        """Call ``hadron_init``."""
        return int(self.library.hadron_init(ctypes.byref(self.npu), ctypes.byref(self._bus)))

    def counters(self) -> Counters:
        """Call ``hadron_counters``."""
        counters = Counters()
        self.library.hadron_counters(ctypes.byref(self.npu), ctypes.byref(counters))
        return counters
