"""A camera for tests of the 3A algorithms: scene, light, lens and sensor; statistics come out."""

from collections import deque

import numpy as np
import numpy.typing as npt

from hadron_sensor import Sensor, channel_map, defocus
from hadron_testing.c_3a import FOCUS_WINDOWS, ZONES, Exposure, Statistics, zone_statistics

__all__ = ["CLIP", "Camera", "measure", "patches"]

CLIP = 4000
"""Codes from here on count as clipped."""


def patches(rng: np.random.Generator, *, grey: float = 0.5, size: int = 96) -> npt.NDArray:
    """Return a scene of patches, linear sRGB: a part of them greys, the others colours."""
    colours = rng.uniform(0.05, 0.7, (12, 12, 3))
    greys = np.repeat(rng.uniform(0.05, 0.9, (12, 12, 1)), 3, axis=2)
    chosen = np.where(rng.random((12, 12, 1)) < grey, greys, colours)
    return np.kron(chosen, np.ones((size // 12, size // 12, 1)))


def measure(raw: npt.NDArray[np.uint16], phase: str, black: int,
            digital_gain: float = 1.0) -> Statistics:
    """Return the statistics of a 12-bit frame, computed another way than the ISP does."""
    height, width = raw.shape
    pixels = np.clip((raw.astype(np.int64) - black) * digital_gain, 0, 4095).astype(np.int64)
    good = pixels < CLIP - black
    zone = ((np.arange(height) * ZONES[0] // height)[:, None] * ZONES[1]
            + np.arange(width) * ZONES[1] // width)
    index = (zone * 4 + channel_map(height, width, phase)).ravel()
    zones = ZONES[0] * ZONES[1]
    sums = np.bincount(index, (pixels * good).ravel(), zones * 4)
    counts = np.bincount(index, good.ravel(), zones * 4)
    clipped = np.bincount(zone.ravel(), ~good.ravel(), zones)
    middle = pixels[height // 4: -height // 4, width // 4: -width // 4]
    detail = np.abs(2 * middle[:, 2:-2] - middle[:, 4:] - middle[:, :-4])
    return zone_statistics(
        sums.astype(np.int64).reshape(*ZONES, 4), counts.astype(np.int64).reshape(*ZONES, 4),
        clipped.astype(np.int64), (int(detail.sum()),) * FOCUS_WINDOWS,
        (int(middle.sum()),) * FOCUS_WINDOWS)


class Camera:
    """Takes a frame a call; what it is told takes effect `delay` frames later.

    Parameters
    ----------
    sensor : Sensor
        12 bits, one black level.
    scene : array of float64
        Linear sRGB, (rows, columns, 3).
    light : float
        At 1.0 and 1000 lines, white fills the well.
    kelvin : float
        Temperature of the light.
    delay : int
        Frames between an exposure and the frame it applies to, 1 or more.
    exposure : Exposure
        Of the first frames.
    focus : int
        Position of the lens at which the scene is sharp.
    """

    def __init__(self, sensor: Sensor, scene: npt.NDArray, exposure: Exposure, *,
                 light: float = 1.0, kelvin: float = 6504.0, delay: int = 2,
                 focus: int = 0) -> None:
        self.sensor, self.scene, self.light, self.kelvin = sensor, scene, light, kelvin
        self.focus, self.position = focus, focus
        self.frame = 0
        self.pending = deque([exposure] * delay)

    def set_exposure(self, exposure: Exposure) -> None:
        """Choose the exposure of the frame `delay` after the last one taken."""
        self.pending.append(exposure)

    def shoot(self) -> Statistics:
        """Take a frame and measure it."""
        exposure = self.pending.popleft()
        blurred = defocus(self.scene, abs(self.position - self.focus) / 40)
        frame = self.sensor.expose(
            self.sensor.responses(blurred, self.kelvin) * self.light,
            exposure=exposure.lines / 1000, gain=exposure.gain / 256, seed=self.frame)
        self.frame += 1
        return measure(frame.raw, self.sensor.phase, self.sensor.black[0],
                       exposure.digital_gain / 256)
