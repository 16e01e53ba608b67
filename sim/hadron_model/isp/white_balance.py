"""White balance, bit-exact with :class:`hadron_rtl.isp.white_balance.WhiteBalance`."""

from hadron_spec.isp.bayer import WhiteBalanceSettings

from .image import Image, of_colour, saturate

__all__ = ["run"]


def run(image: Image, settings: WhiteBalanceSettings, phase: int) -> Image:
    """Multiply each colour by its gain, truncating as Infinite-ISP does.

    Parameters
    ----------
    image : int32 (height, width)
        Mosaic, 12 bits.
    phase : int
        Colour order.
    """
    if not settings.enable:
        return image
    return saturate(image * of_colour(settings.gain, image, phase) >> 12)
