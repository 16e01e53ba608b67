"""The ISP's driver and the 3A algorithms as a shared library, called through ctypes."""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hadron_testing.c_driver import WARNINGS, Bus, make_bus

__all__ = ["AE_DELAY_MAX", "FOCUS_WINDOWS", "LIGHTS_MAX", "SOURCES", "ZONES", "Ae", "AeSettings",
           "Af", "AfSettings", "Awb", "AwbSettings", "Balance", "Exposure", "IspDriver", "Light",
           "Statistics", "build_3a", "compile_3a", "zone_statistics"]

SOURCES = ("hadron_ae.c", "hadron_awb.c", "hadron_af.c", "hadron_isp.c")
ZONES = (16, 16)
FOCUS_WINDOWS = 3
AE_DELAY_MAX = 4
LIGHTS_MAX = 8

_U32 = ctypes.c_uint32
_I32 = ctypes.c_int32


def _words(*names: str) -> list[tuple[str, type[_U32]]]:
    return [(name, _U32) for name in names]


class Zone(ctypes.Structure):
    """``struct hadron_zone``."""

    _fields_ = (("sum", _U32 * 4), ("count", _U32 * 4), ("clipped", _U32))


class Statistics(ctypes.Structure):
    """``struct hadron_statistics``."""

    _fields_ = (("frame", _U32), ("zones", Zone * (ZONES[0] * ZONES[1])),
                ("sharpness", _U32 * FOCUS_WINDOWS), ("brightness", _U32 * FOCUS_WINDOWS))


class Exposure(ctypes.Structure):
    """``struct hadron_exposure``."""

    _fields_ = _words("lines", "gain", "digital_gain")

    @property
    def total(self) -> float:
        """Lines times gains."""
        return self.lines * self.gain / 256 * self.digital_gain / 256


class AeSettings(ctypes.Structure):
    """``struct hadron_ae_settings``."""

    _fields_ = _words("target", "tolerance", "speed", "minimum_lines", "maximum_lines",
                      "maximum_gain", "gain_step", "flicker_lines", "delay")


class Ae(ctypes.Structure):
    """``struct hadron_ae``."""

    _fields_ = (("settings", AeSettings), ("applied", _I32 * AE_DELAY_MAX), ("exposure", _I32),
                ("error", _I32), ("settled", _I32))


class Light(ctypes.Structure):
    """``struct hadron_light``."""

    _fields_ = (*_words("kelvin", "red", "blue"), ("matrix", _I32 * 9))


class AwbSettings(ctypes.Structure):
    """``struct hadron_awb_settings``."""

    _fields_ = (("lights", _U32), ("light", Light * LIGHTS_MAX),
                *_words("band", "zones", "speed", "tolerance"))

    @classmethod
    def of(cls, lights: Sequence[tuple[int, float, float]], **values: int) -> "AwbSettings":
        """Take lights as (kelvin, R / G, B / G)."""
        settings = cls(lights=len(lights), **values)
        for place, (kelvin, red, blue) in zip(settings.light, lights, strict=False):
            place.kelvin, place.red, place.blue = kelvin, round(red * 4096), round(blue * 4096)
        return settings


class Balance(ctypes.Structure):
    """``struct hadron_balance``."""

    _fields_ = (*_words("red", "green", "blue", "kelvin"), ("matrix", _I32 * 9))


class Awb(ctypes.Structure):
    """``struct hadron_awb``."""

    _fields_ = (("settings", AwbSettings), *_words("red", "blue", "grey_zones"),
                ("settled", _I32))


class AfSettings(ctypes.Structure):
    """``struct hadron_af_settings``."""

    _fields_ = _words("first", "last", "step", "fine", "window", "settle", "restart")


class Af(ctypes.Structure):
    """``struct hadron_af``."""

    _fields_ = (("settings", AfSettings), ("state", ctypes.c_int),
                *_words("position", "wait", "best_position", "best", "end"))


class Isp(ctypes.Structure):
    """``struct hadron_isp``."""

    _fields_ = (("bus", Bus), *_words("max_width", "max_height", "input_bits", "stages",
                                      "bus_bytes"))


class IspDriver:
    """The ISP's driver and the registers it reaches; ``hadron_isp_x(&isp, ...)`` is ``x(...)``."""

    def __init__(self, library: ctypes.CDLL, read: Callable[[int], int],
                 write: Callable[[int, int], None]) -> None:
        self.library = library
        self.isp = Isp()
        self._bus = make_bus(read, write)

    def connect(self) -> int:
        """Call ``hadron_isp_init``."""
        return int(self.library.hadron_isp_init(ctypes.byref(self.isp), ctypes.byref(self._bus)))

    def statistics(self) -> tuple[int, Statistics]:
        """Call ``hadron_isp_statistics``; return the status, too."""
        statistics = Statistics()
        status = self.library.hadron_isp_statistics(ctypes.byref(self.isp),
                                                    ctypes.byref(statistics))
        return int(status), statistics

    def __getattr__(self, name: str) -> Callable[..., int]:
        function = getattr(self.library, f"hadron_isp_{name}")
        return lambda *arguments: function(ctypes.byref(self.isp), *arguments)


def compile_3a(project: Path, output: Path, *options: str,
               sources: Sequence[str] = SOURCES) -> None:
    """Compile the algorithms with every warning an error."""
    files = [str(project / "firmware/src" / name) for name in sources]
    command = [sys.executable, "-m", "ziglang", "cc", *WARNINGS, "-O2", *options,
               f"-I{project / 'firmware/include'}", *files, "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def build_3a(project: Path, folder: Path) -> ctypes.CDLL:
    """Compile the algorithms into a shared library and load it."""
    path = folder / "libhadron3a.so"
    # zig traps what C leaves undefined (signed overflow, shifts) unless told not to.
    compile_3a(project, path, "-shared", "-fPIC", "-nostdlib", "-fsanitize=undefined",
               "-fsanitize-trap=undefined")
    library = ctypes.CDLL(str(path))
    library.hadron_ae_step.restype = Exposure
    library.hadron_ae_mean.restype = _U32
    library.hadron_awb_step.restype = Balance
    library.hadron_af_step.restype = _U32
    library.hadron_focus_measure.restype = _U32
    library.hadron_isp_read.restype = _U32
    library.hadron_isp_interrupt.restype = _U32
    return library


def zone_statistics(sums: npt.NDArray[np.int64], counts: npt.NDArray[np.int64],
                    clipped: npt.NDArray[np.int64], sharpness: Sequence[int] = (0, 0, 0),
                    brightness: Sequence[int] = (0, 0, 0)) -> Statistics:
    """Fill the struct from arrays (16, 16, 4), (16, 16, 4) and (16, 16)."""
    statistics = Statistics()
    for zone, total, count, lost in zip(
            statistics.zones, sums.reshape(-1, 4).tolist(), counts.reshape(-1, 4).tolist(),
            clipped.ravel().tolist(), strict=True):
        zone.sum[:], zone.count[:], zone.clipped = total, count, lost
    statistics.sharpness[:] = sharpness
    statistics.brightness[:] = brightness
    return statistics
