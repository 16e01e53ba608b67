"""Sigma filter, bit-exact with :class:`hadron_rtl.isp.bayer_denoise.BayerDenoise`."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import BayerDenoiseSettings

from .image import Image, colours
from .windows import neighbours

__all__ = ["level_index", "run"]

_AXES = ((0, -2), (0, 2), (-2, 0), (2, 0))
_RED_OR_BLUE = (*_AXES, (-2, -2), (-2, 2), (2, -2), (2, 2))
_GREEN = (*_AXES, (-1, -1), (-1, 1), (1, -1), (1, 1))


def level_index(image: Image) -> NDArray[np.intp]:
    """Return which threshold each pixel's level takes: half octaves from 16 on."""
    bounds = [(2 + half) << octave for octave in range(3, 11) for half in (0, 1)]
    result: NDArray[np.intp] = np.searchsorted(bounds[1:], image, side="right")
    return result


def run(image: Image, settings: BayerDenoiseSettings, phase: int) -> Image:
    """Average every pixel with those of its neighbours that differ by noise only.

    Parameters
    ----------
    image : int32 (height, width)
        Mosaic, 12 bits.
    phase : int
        Colour order.
    """
    if not settings.enable:
        return image
    threshold = np.array(settings.threshold, np.int32)[level_index(image)]

    def mean(offsets: tuple[tuple[int, int], ...]) -> Image:
        around = neighbours(image, offsets)
        kept = np.where(np.abs(around - image) <= threshold, around, image)
        return np.asarray(kept.sum(0, dtype=np.int32) + 4 >> 3, np.int32)

    colour = colours(image.shape, phase)
    green = (colour == 1) | (colour == 2)
    return np.where(green, mean(_GREEN), mean(_RED_OR_BLUE))
