"""What the stages share: types, colours of a mosaic, saturation."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import PIXEL_BITS

__all__ = ["PIXEL_MAX", "Image", "colours", "of_colour", "saturate"]

Image: TypeAlias = NDArray[np.int32]
"""A mosaic or plane (height, width), or a picture (height, width, 3)."""

PIXEL_MAX = (1 << PIXEL_BITS) - 1


def colours(shape: tuple[int, ...], phase: int) -> NDArray[np.intp]:
    """Return the colour of every pixel, an index into `hadron_spec.isp.bayer.COLOURS`."""
    y, x = np.ogrid[:shape[0], :shape[1]]
    result: NDArray[np.intp] = ((x & 1) ^ (phase & 1)) + 2 * ((y & 1) ^ (phase >> 1))
    return result


def of_colour(values: tuple[int, ...], image: Image, phase: int) -> NDArray[np.int64]:
    """Return for every pixel the one of four `values` that is its colour's."""
    return np.array(values, np.int64)[colours(image.shape, phase)]


def saturate(values: NDArray[np.int64] | Image, high: int = PIXEL_MAX) -> Image:
    """Clip to 0..`high`."""
    return np.clip(values, 0, high).astype(np.int32)
