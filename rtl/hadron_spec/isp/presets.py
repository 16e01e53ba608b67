"""Settings made from what people know: a colour standard, a tone curve, a network's input."""

from collections.abc import Callable, Sequence
from math import inf

from .fields import SettingsError
from .picture import (
    GAMMA_NODES,
    MAX_SCALE,
    SCALER_FRACTION,
    ColorSpaceSettings,
    GammaSettings,
    ScalerMode,
    ScalerSettings,
)

__all__ = [
    "COLOR_STANDARDS",
    "color_space_settings",
    "gamma_settings",
    "power_curve",
    "scaler_settings",
    "srgb_curve",
]

COLOR_STANDARDS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
"""Weights of red and blue in luma: ITU-R BT.601-7 and BT.709-6, section 3."""

_WEIGHT = 1 << SCALER_FRACTION


def color_space_settings(standard: str, *, full_range: bool) -> ColorSpaceSettings:
    """Return the RGB to YUV matrix of a standard.

    Parameters
    ----------
    standard : str
        A key of :data:`COLOR_STANDARDS`.
    full_range : bool
        True: Y, U and V use 0 to 255 (JPEG); False: Y 16 to 235, U and V 16 to 240 (video).

    Rows are rounded so that white is exactly white and grey has exactly no colour.
    """
    if standard not in COLOR_STANDARDS:
        raise SettingsError(f"colour standard {standard!r}, must be one of "
                            f"{', '.join(COLOR_STANDARDS)}")
    red, blue = COLOR_STANDARDS[standard]
    luma, chroma = (1024.0, 512.0) if full_range else (1024 * 219 / 255, 1024 * 112 / 255)
    y_row = [round(luma * red), 0, round(luma * blue)]
    y_row[1] = round(luma) - y_row[0] - y_row[2]
    u_row = [round(-chroma * red / (1 - blue)), 0, round(chroma)]
    v_row = [round(chroma), 0, round(-chroma * blue / (1 - red))]
    u_row[1] = -u_row[0] - u_row[2]
    v_row[1] = -v_row[0] - v_row[2]
    return ColorSpaceSettings(enable=1, matrix=(*y_row, *u_row, *v_row),
                              offset=(0 if full_range else 16, 128, 128))


def srgb_curve(linear: float) -> float:
    """Return the sRGB transfer function, 0..1 to 0..1. Source: IEC 61966-2-1, section 5.2."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def power_curve(gamma: float) -> Callable[[float], float]:
    """Return the function ``linear ** (1 / gamma)``."""
    return lambda linear: float(linear ** (1 / gamma))


def gamma_settings(*curves: Callable[[float], float]) -> GammaSettings:
    """Return the tables of one curve for all channels, or of three; each maps 0..1 to 0..1."""
    if len(curves) not in (1, 3):
        raise SettingsError(f"{len(curves)} tone curves, must be 1 or 3")
    nodes = [
        tuple(min(4080, max(0, round(4080 * curve(min(1.0, 16 * k / 4095)))))
              for k in range(GAMMA_NODES))
        for curve in curves]
    return GammaSettings(enable=1, nodes=sum(nodes, ()) * (3 // len(curves)))


def _shift(total: float, bits: int) -> int:
    """Return how far to shift right what is at most `total`, for it to fit into `bits`."""
    return max(0, int(total).bit_length() - bits)


def scaler_settings(
        *, crop: tuple[int, int, int, int], output: tuple[int, int], source: int = 0,
        channels: int = 3, mode: int = ScalerMode.BOX, scale: float = 1 / 255,
        zero_point: int = -128, mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0)) -> ScalerSettings:
    """Return the settings that make a network's input of a part of the picture.

    Parameters
    ----------
    crop : tuple of int
        First column, first line, columns, lines.
    output : tuple of int
        Columns and lines of the tensor.
    source, channels, mode : int
        As in :class:`ScalerSettings`.
    scale, zero_point : float, int
        Quantization of the network's input tensor.
    mean, std : sequence of float
        The network takes ``(pixel / 255 - mean[c]) / std[c]``, pixel 0 to 255.

    Raises
    ------
    SettingsError
        When the output is larger than the crop or smaller than a 255th of it, the quantization is
        none of INT8, or a factor does not fit.
    """
    for name, numbers in (("scale", (scale,)), ("std", std)):
        if not all(0 < number < inf for number in numbers):
            raise SettingsError(f"tensor of {name} {numbers}, must be above 0")
    if not -128 <= zero_point <= 127:
        raise SettingsError(f"tensor of zero point {zero_point}, must be from -128 to 127")
    for name, axis in (("columns", 0), ("lines", 1)):
        if not output[axis] <= crop[2 + axis] <= MAX_SCALE * output[axis]:
            raise SettingsError(f"tensor of {output[axis]} {name} from {crop[2 + axis]}: the ratio "
                                f"must be from 1 to {MAX_SCALE}")
    step = tuple((crop[2 + axis] << 16) // output[axis] for axis in range(2))
    # Weights of one output pixel add up to its area; rounding adds less than one weight at most.
    area = [_WEIGHT * (s / 65536 if mode == ScalerMode.BOX else 1) for s in step]
    shift_x = _shift(255 * (area[0] + 1), 12)
    shift_y = _shift((255 * (area[0] + 1) / 2**shift_x + 1) * (area[1] + 1), 17)
    full = area[0] * area[1] / 2 ** (shift_x + shift_y)
    multiplier = tuple(round(2**24 / (full * 255 * s * scale)) for s in std)
    offset = tuple(round(256 * (zero_point - m / (s * scale)))
                   for m, s in zip(mean, std, strict=True))
    return ScalerSettings(
        enable=1, source=source, channels=channels, mode=mode, crop=crop, output=output, step=step,
        shift=(shift_x, shift_y), multiplier=multiplier, offset=offset)
