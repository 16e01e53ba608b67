"""RGB to YUV, bit-exact with :class:`hadron_rtl.isp.color_space.ColorSpace`."""

import numpy as np

from hadron_spec.isp.picture import ColorSpaceSettings

from .image import Image, saturate

__all__ = ["run"]


def run(image: Image, settings: ColorSpaceSettings, *, bits: int = 8) -> Image:
    """Return YUV of 8 bits.

    Parameters
    ----------
    image : int32 (height, width, 3)
        RGB after gamma, `bits` bits.
    bits : int
        8 in the pipeline. Wider input is rounded a second time, half up, to 8 bits, like
        Infinite-ISP, modules/color_space_conversion.
    """
    if not settings.enable:
        return image >> bits - 8
    matrix = np.array(settings.matrix, np.int64).reshape(3, 3)
    total = image.astype(np.int64) @ matrix.T
    # Ties away from zero: what is negative loses one before the shift rounds it up.
    rounded = total + 512 - (total < 0) >> 10
    extra = bits - 8
    offset = np.array(settings.offset, np.int64) << extra
    return saturate(rounded + offset + (1 << extra >> 1) >> extra, 255)
