"""Piecewise linear curve, bit-exact with :class:`hadron_rtl.isp.linearize.Linearize`."""

import numpy as np

from hadron_spec.isp.bayer import LinearizeSettings

from .image import Image, saturate

__all__ = ["run"]


def run(image: Image, settings: LinearizeSettings) -> Image:
    """Map every pixel, int32 (height, width) of 12 bits, through the curve; round half up."""
    if not settings.enable:
        return image
    nodes = np.array(settings.nodes, np.int32)
    low = nodes[image >> 5]
    high = nodes[(image >> 5) + 1]
    return saturate(32 * low + (image & 31) * (high - low) + 16 >> 5)
