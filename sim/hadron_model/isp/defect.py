"""Defect correction, bit-exact with :class:`hadron_rtl.isp.defect.Defect`."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import DefectSettings

from .image import Image
from .windows import neighbours

__all__ = ["defects", "run"]

_AROUND = ((0, -2), (0, 2), (-2, 0), (2, 0), (-2, -2), (2, 2), (-2, 2), (2, -2))
"""The eight nearest of the same colour, opposite ones in a row, in the order of preference."""


def defects(image: Image, settings: DefectSettings) -> NDArray[np.bool]:
    """Tell for every pixel of an int32 (height, width) mosaic whether it stands out."""
    if not settings.enable:
        return np.zeros(image.shape, bool)
    around = neighbours(image, _AROUND)
    hot = image > around.max(0) + settings.hot
    cold = image + settings.cold < around.min(0)
    result: NDArray[np.bool] = hot | cold
    return result


def run(image: Image, settings: DefectSettings) -> Image:
    """Replace the pixels that stand out; int32 (height, width) of 12 bits."""
    around = neighbours(image, _AROUND)
    one, other = around[0::2], around[1::2]
    best = np.abs(one - other).argmin(0)
    means = one + other + 1 >> 1
    replaced = np.take_along_axis(means, best[None], 0)[0]
    return np.where(defects(image, settings), replaced, image)
