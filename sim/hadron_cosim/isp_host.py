"""What a host does with the ISP of a simulated design: registers, settings, statistics."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl.device import SimulatedDevice
from hadron_cosim.simulator import ProtocolError
from hadron_spec.isp.registers import ISP_BASE, isp_register, writes
from hadron_spec.isp.settings import IspSettings
from hadron_spec.isp.statistics import STATISTICS_WORDS

__all__ = ["IspHost", "picture_of"]


def picture_of(beats: npt.NDArray[Any], settings: IspSettings) -> npt.NDArray[np.uint8]:
    """Return the picture that beats hold; what TUSER and TLAST say must be what the size says.

    Raises
    ------
    ProtocolError
        When it is not.
    """
    width, height = settings.crop.used_width, settings.crop.used_height
    if len(beats) != width * height:
        raise ProtocolError(f"the picture has {len(beats)} pixels, must be {width * height}")
    last = np.flatnonzero(beats["last"])
    first = np.flatnonzero(beats["user"] & 1)
    if not np.array_equal(last, np.arange(width - 1, width * height, width)):
        raise ProtocolError("TLAST is not on the last pixel of each line of the picture")
    if first.tolist() != [0]:
        raise ProtocolError("TUSER is not on the first pixel of the picture")
    picture: npt.NDArray[np.uint8] = beats["bytes"][:, :3].reshape(height, width, 3).copy()
    return picture


class IspHost:
    """The ISP's registers.

    Parameters
    ----------
    device : SimulatedDevice
        With the ISP's registers from `ISP_BASE` on.
    """

    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device

    def read_register(self, name: str) -> int:
        """Read a register of the ISP by its name."""
        return self._device.read(ISP_BASE + isp_register(name).offset)

    def write_register(self, name: str, value: int) -> None:
        """Write a register of the ISP by its name."""
        self._device.write(ISP_BASE + isp_register(name).offset, value)

    def commit(self, settings: IspSettings, *, tables: bool = True) -> None:
        """Write settings and ask for them to be used from the next frame on."""
        for offset, word in writes(settings, tables=tables):
            self._device.write(ISP_BASE + offset, word)
        self.write_register("COMMIT", 1)

    def read_statistics(self) -> npt.NDArray[np.uint32]:
        """Return the statistics window, all of its words."""
        self.write_register("STATISTICS_ADDRESS", 0)
        return np.array([self.read_register("STATISTICS_DATA") for _ in range(STATISTICS_WORDS)],
                        dtype=np.uint32)
