"""Black level and linear scale, bit-exact with :class:`hadron_rtl.isp.black_level.BlackLevel`."""

from hadron_spec.isp.bayer import BlackLevelSettings

from .image import Image, of_colour, saturate

__all__ = ["run"]


def run(image: Image, settings: BlackLevelSettings, phase: int) -> Image:
    """Subtract each colour's offset and scale; round half up.

    Parameters
    ----------
    image : int32 (height, width)
        Mosaic, 12 bits.
    phase : int
        Colour order.
    """
    if not settings.enable:
        return image
    product = (image - of_colour(settings.offset, image, phase)) * of_colour(
        settings.scale, image, phase)
    return saturate(product + (1 << 13) >> 14)
