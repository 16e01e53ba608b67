"""Joint noise reduction and sharpening, bit-exact with :class:`hadron_rtl.isp.luma.Luma`."""

import numpy as np

from hadron_spec.isp.picture import LUMA_RINGS, LumaSettings

from .image import Image
from .windows import neighbours

__all__ = ["run"]


def run(image: Image, settings: LumaSettings) -> Image:
    """Filter Y; U and V stay.

    Parameters
    ----------
    image : int32 (height, width, 3)
        YUV, 8 bits.
    """
    if not settings.enable:
        return image
    centre = image[..., 0]
    smooth = np.zeros_like(centre)
    detail = np.zeros_like(centre)
    for (near, far), weight in zip(LUMA_RINGS, settings.weights, strict=True):
        ring = tuple((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)
                     if sorted((abs(dx), abs(dy))) == [near, far])
        difference = neighbours(centre, ring) - centre
        smooth += weight * _pull(difference, settings.threshold).sum(axis=0, dtype=np.int32)
        detail -= weight * difference.sum(axis=0, dtype=np.int32)
    smooth = smooth + 8 >> 4
    detail = detail + 8 >> 4
    change = settings.denoise * smooth + (1 << 10) >> 11
    cored = np.sign(detail) * np.maximum(0, np.abs(detail) - settings.coring)
    boost = settings.sharpen * cored + (1 << 8) >> 9
    boost = np.clip(boost, -settings.limit, settings.limit)
    result = image.copy()
    result[..., 0] = np.clip(centre + change + boost, settings.minimum, settings.maximum)
    return result


def _pull(difference: Image, threshold: int) -> Image:
    """Differences up to the threshold as they are, then falling to 0 at twice the threshold."""
    size = np.abs(difference)
    kept = np.where(size <= threshold, size, np.maximum(0, 2 * threshold - size))
    result: Image = np.sign(difference) * kept
    return result
