"""Malvar-He-Cutler interpolation, bit-exact with :class:`hadron_rtl.isp.demosaic.Demosaic`.

Source: H. S. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of
Bayer-patterned color images", ICASSP 2004, figure 2; rounding (towards minus infinity) as
10x-Engineers/Infinite-ISP_ReferenceModel has it.
"""

import numpy as np

from hadron_spec.isp.bayer import DemosaicSettings

from .image import Image, colours, saturate
from .windows import neighbours

__all__ = ["run"]


def run(image: Image, settings: DemosaicSettings, phase: int) -> Image:
    """Return red, green and blue of every pixel.

    Parameters
    ----------
    image : int32 (height, width)
        Mosaic, 12 bits.
    phase : int
        Colour order.

    Returns
    -------
    int32 (height, width, 3)
        12 bits.
    """
    if not settings.enable:
        return np.repeat(image[..., None], 3, axis=2)

    def ring(*offsets: tuple[int, int]) -> Image:
        return np.asarray(neighbours(image, offsets).sum(0, dtype=np.int32), np.int32)

    beside, above = ring((0, -1), (0, 1)), ring((-1, 0), (1, 0))
    beside_2, above_2 = ring((0, -2), (0, 2)), ring((-2, 0), (2, 0))
    corners = ring((-1, -1), (-1, 1), (1, -1), (1, 1))
    # Sixteenths. The cross gives green at red and blue; the rest red or blue.
    cross = 8 * image + 4 * (beside + above) - 2 * (beside_2 + above_2)
    in_row = 10 * image + 8 * beside - 2 * (beside_2 + corners) + above_2
    in_column = 10 * image + 8 * above - 2 * (above_2 + corners) + beside_2
    opposite = 12 * image + 4 * corners - 3 * (beside_2 + above_2)
    itself = 16 * image

    at_red, at_green_red, at_green_blue, at_blue = (
        colours(image.shape, phase) == colour for colour in range(4))
    green = np.where(at_red | at_blue, cross, itself)
    red = np.select([at_red, at_green_red, at_green_blue], [itself, in_row, in_column], opposite)
    blue = np.select([at_blue, at_green_blue, at_green_red], [itself, in_row, in_column], opposite)
    return saturate(np.stack([red, green, blue], axis=-1) >> 4)
