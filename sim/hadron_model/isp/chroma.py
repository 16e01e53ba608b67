"""4:4:4 to 4:2:2, bit-exact with :class:`hadron_rtl.isp.chroma.Chroma`."""

import numpy as np

from hadron_spec.isp.picture import ChromaSettings

from .image import Image

__all__ = ["run"]


def run(image: Image, settings: ChromaSettings) -> Image:
    """Return Y, U in even and V in odd columns, 0.

    Parameters
    ----------
    image : int32 (height, width, 3)
        YUV, 8 bits.
    """
    if not settings.enable:
        return image
    width = image.shape[1]
    chroma = image[..., 1:]
    pairs = chroma[:, 0::2]
    if settings.centred:
        partner = chroma[:, np.minimum(np.arange(0, width, 2) + 1, width - 1)]
        filtered = pairs + partner + 1 >> 1
    else:
        padded = np.pad(chroma, ((0, 0), (1, 1), (0, 0)), mode="reflect")
        filtered = padded[:, 0:width:2] + 2 * pairs + padded[:, 2::2][:, :pairs.shape[1]] + 2 >> 2
    result = np.zeros_like(image)
    result[..., 0] = image[..., 0]
    result[:, 0::2, 1] = filtered[..., 0]
    result[:, 1::2, 1] = filtered[:, :width // 2, 1]
    return result
