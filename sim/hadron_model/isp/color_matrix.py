"""Colour correction, bit-exact with :class:`hadron_rtl.isp.color_matrix.ColorMatrix`."""

import numpy as np

from hadron_spec.isp.picture import ColorMatrixSettings

from .image import Image, saturate

__all__ = ["run"]


def run(image: Image, settings: ColorMatrixSettings) -> Image:
    """Multiply by the matrix, truncating as Infinite-ISP does, and add the offsets.

    Parameters
    ----------
    image : int32 (height, width, 3)
        Linear RGB, 12 bits.
    """
    if not settings.enable:
        return image
    matrix = np.array(settings.matrix, np.int64).reshape(3, 3)
    total = (image.astype(np.int64) @ matrix.T >> 10) + np.array(settings.offset, np.int64)
    return saturate(total)
