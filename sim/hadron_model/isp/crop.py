"""Test pattern and crop, bit-exact with :class:`hadron_rtl.isp.crop.Crop`."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import (
    BARS,
    BARS_LEVEL,
    NOISE_FEEDBACK,
    NOISE_SEED,
    NOISE_STEPS,
    PIXEL_BITS,
    CropSettings,
    Pattern,
)

from .image import Image, colours

__all__ = ["run", "test_pattern"]


@cache
def _noise() -> NDArray[np.int32]:
    """Return one period of the noise generator."""
    state = NOISE_SEED
    values: list[int] = []
    while not values or state != NOISE_SEED:
        values.append(state & (1 << PIXEL_BITS) - 1)
        for _ in range(NOISE_STEPS):
            state = state >> 1 ^ NOISE_FEEDBACK * (state & 1)
    return np.array(values, np.int32)


def test_pattern(settings: CropSettings) -> Image:
    """Return the frame that replaces the sensor's; `settings.pattern` must not be OFF."""
    height, width = settings.input_height, settings.input_width
    y, x = np.ogrid[:height, :width]
    if settings.pattern == Pattern.RAMP:
        return np.asarray((x + y) * 4 & (1 << PIXEL_BITS) - 1, np.int32)
    if settings.pattern == Pattern.NOISE:
        noise = _noise()
        return noise[np.arange(height * width) % len(noise)].reshape(height, width)
    # Red, green, green, blue of the eight bars.
    lit = np.array([[bar >> 2 & 1, bar >> 1 & 1, bar >> 1 & 1, bar & 1] for bar in BARS])
    bar = np.broadcast_to(8 * x // width, (height, width))
    return np.asarray(BARS_LEVEL * lit[bar, colours((height, width), settings.phase)], np.int32)


def run(image: Image, settings: CropSettings) -> Image:
    """Return the part of the frame, or of the test pattern, that is used.

    Parameters
    ----------
    image : int32 (input_height, input_width)
        Mosaic from the sensor, 12 bits.
    """
    if image.shape != (settings.input_height, settings.input_width):
        raise ValueError(f"a frame of {image.shape[1]} x {image.shape[0]}, the settings say "
                         f"{settings.input_width} x {settings.input_height}")
    if settings.pattern != Pattern.OFF:
        image = test_pattern(settings)
    if not settings.enable:
        return image
    return image[settings.y:settings.y + settings.height, settings.x:settings.x + settings.width]
