"""Tone curves, bit-exact with :class:`hadron_rtl.isp.gamma.Gamma`."""

import numpy as np

from hadron_spec.isp.picture import GAMMA_NODES, GammaSettings

from .image import Image

__all__ = ["run"]


def run(image: Image, settings: GammaSettings) -> Image:
    """Return RGB of 8 bits.

    Parameters
    ----------
    image : int32 (height, width, 3)
        Linear RGB, 12 bits.
    """
    if not settings.enable:
        return image >> 4
    nodes = np.array(settings.nodes, np.int32).reshape(3, GAMMA_NODES)
    channel = np.arange(3)
    index = (image >> 4)
    fraction = (image & 15)
    low, high = nodes[channel, index], nodes[channel, index + 1]
    result: Image = 16 * low + fraction * (high - low) + 128 >> 8
    return result
