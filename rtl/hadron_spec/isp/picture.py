"""Settings of statistics and of the stages that work on RGB and YUV, from colour to tensor."""

from dataclasses import dataclass

from .bayer import PIXEL_BITS
from .fields import SettingsError, StageSettings, setting

__all__ = [
    "BINOMIAL",
    "GAMMA_NODES",
    "LUMA_RINGS",
    "MAX_SCALE",
    "SCALER_FRACTION",
    "TENSOR_WIDTH",
    "ZONES",
    "ChromaSettings",
    "ColorMatrixSettings",
    "ColorSpaceSettings",
    "GammaSettings",
    "LumaSettings",
    "ScalerMode",
    "ScalerSettings",
    "ScalerSource",
    "StatisticsSettings",
]

RGB_NAMES = ("R", "G", "B")
_COORDINATE_BITS = 12

ZONES = 16
"""Zones of the statistics' grid in each direction."""

MAX_ZONE_PIXELS = 4095
"""Most pixels of one colour in a zone."""

GAMMA_NODES = 257
"""Nodes of a tone curve, 16 input codes apart."""

LUMA_RINGS = ((2, 2), (1, 2), (0, 2), (1, 1), (0, 1))
"""Neighbours that share a weight: distances from the centre along either axis."""

BINOMIAL = (1, 4, 6, 16, 24)
"""Weights of the rings, in 1/256, that make the 5x5 binomial kernel; the centre has the rest."""

SCALER_FRACTION = 8
"""Fraction bits of a weight of the scaler."""

TENSOR_WIDTH = 512
"""Most columns of the scaler's output."""

MAX_SCALE = 255
"""Greatest ratio of the scaler along either axis."""


@dataclass(frozen=True, kw_only=True)
class StatisticsSettings(StageSettings):
    """What firmware decides exposure, white balance and focus on.

    Zones are counted in the mosaic after shading correction, near-grey pixels in linear RGB after
    demosaic and white balance, sharpness in the luma ``(R + 2 G + B + 2) >> 2`` after gamma.
    Disabled, nothing is counted. :mod:`hadron_spec.isp.statistics` lists the words.
    """

    zone_origin: tuple[int, ...] = setting(
        (0, 0), bits=_COORDINATE_BITS, shape=(2,), labels=("X", "Y"),
        doc="First column and line of the grid, even.")
    zone_size: tuple[int, ...] = setting(
        (40, 30), bits=_COORDINATE_BITS, low=2, shape=(2,), labels=("WIDTH", "HEIGHT"),
        doc="Columns and lines of a zone, even; width * height is at most 16380.")
    low: int = setting(0, bits=PIXEL_BITS, doc="Least valid sample.")
    high: int = setting(3967, bits=PIXEL_BITS,
                        doc="Greatest valid sample; what is above is clipped.")
    grey_tolerance: int = setting(
        6, bits=6, fraction=6,
        doc="A pixel is near grey when R and B differ from G by at most this part of G.")
    grey_low: int = setting(205, bits=PIXEL_BITS, doc="Least G of a near-grey pixel.")
    grey_high: int = setting(3276, bits=PIXEL_BITS, doc="Greatest G of a near-grey pixel.")
    windows: tuple[int, ...] = setting(
        (0, 0, 640, 480) * 3, bits=_COORDINATE_BITS, shape=(3, 4),
        doc="Sharpness windows: first column, first line, columns, lines of each.")
    sharpness_threshold: int = setting(
        16, bits=10, doc="Least second difference of luma that counts as sharpness.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("zone_origin", "zone_size"):
            for i, value in enumerate(getattr(self, name)):
                if value % 2:
                    raise SettingsError(f"Statistics.{name}[{i}]={value}, must be even")
        width, height = self.zone_size
        if width * height > 4 * MAX_ZONE_PIXELS:
            raise SettingsError(f"Statistics.zone_size={width}x{height} has {width * height} "
                                f"pixels, must be at most {4 * MAX_ZONE_PIXELS}")


@dataclass(frozen=True, kw_only=True)
class ColorMatrixSettings(StageSettings):
    """Colour correction: ``o[r] = saturate((sum(matrix[r, c] * i[c]) >> 10) + offset[r])``.

    The shift truncates, like Infinite-ISP.
    """

    matrix: tuple[int, ...] = setting(
        (1024, 0, 0, 0, 1024, 0, 0, 0, 1024), bits=14, signed=True, fraction=10, shape=(3, 3),
        doc="Matrix, S4.10: row = output, column = input, both R, G, B.")
    offset: tuple[int, ...] = setting(
        (0,) * 3, bits=13, signed=True, shape=(3,), labels=RGB_NAMES, doc="Added at the end.")


@dataclass(frozen=True, kw_only=True)
class GammaSettings(StageSettings):
    """Tone curves, 12 to 8 bits: piecewise linear between 257 nodes, 16 codes apart.

    ``k = i >> 4; f = i & 15; o = (16 * n[k] + f * (n[k + 1] - n[k]) + 128) >> 8``. Off, the output
    is ``i >> 4``.
    """

    nodes: tuple[int, ...] = setting(
        tuple(4080 * k // 256 for k in range(GAMMA_NODES)) * 3, bits=12, fraction=4, high=4080,
        shape=(3, GAMMA_NODES), table=True,
        doc="Output of R, G, B at input 16 * index, U8.4.")


@dataclass(frozen=True, kw_only=True)
class ColorSpaceSettings(StageSettings):
    """RGB to YUV: ``o[r] = saturate(round(sum(matrix[r, c] * i[c]) / 1024) + offset[r])``.

    Ties are rounded away from zero, like Infinite-ISP. :mod:`hadron_spec.isp.presets` has BT.601
    and BT.709, full and limited range.
    """

    matrix: tuple[int, ...] = setting(
        (1024, 0, 0, 0, 1024, 0, 0, 0, 1024), bits=12, signed=True, fraction=10, shape=(3, 3),
        doc="Matrix, S2.10: row = output (Y, U, V), column = input (R, G, B).")
    offset: tuple[int, ...] = setting(
        (0,) * 3, bits=8, shape=(3,), labels=("Y", "U", "V"), doc="Added at the end.")


@dataclass(frozen=True, kw_only=True)
class LumaSettings(StageSettings):
    """Denoise and sharpen Y in one 5x5 window; U and V pass unchanged.

    With d the difference of a neighbour from the centre c and w its weight in 1/256:
    ``smooth = sum(w * pull(d))``, where pull(d) is d up to the threshold, falls back to zero at
    twice the threshold and stays there; ``detail = -sum(w * d)``. Both are rounded to 1/16. Then

    ``o = clamp(c + (denoise * smooth) + saturate(sharpen * core(detail), limit))``

    where core(x) takes the coring off abs(x), down to zero, and both products are rounded half up.
    """

    weights: tuple[int, ...] = setting(
        BINOMIAL, bits=5, fraction=8, shape=(5,),
        labels=("D22", "D12", "D02", "D11", "D01"),
        doc="Weight of a neighbour by its distances from the centre along both axes.")
    threshold: int = setting(8, bits=8, doc="Greatest difference that counts as noise in full.")
    denoise: int = setting(128, bits=8, fraction=7, doc="Strength of noise reduction, U1.7.")
    sharpen: int = setting(32, bits=8, fraction=5, doc="Strength of sharpening, U3.5.")
    coring: int = setting(32, bits=8, fraction=4, doc="Detail that is not sharpened, U4.4.")
    limit: int = setting(32, bits=8, doc="Greatest change by sharpening.")
    minimum: int = setting(0, bits=8, doc="Least output.")
    maximum: int = setting(255, bits=8, doc="Greatest output.")


@dataclass(frozen=True, kw_only=True)
class ChromaSettings(StageSettings):
    """4:4:4 to 4:2:2: channel 1 of even columns becomes U, of odd ones V; channel 2 becomes 0.

    U and V of the pixel pair are those at the even column, filtered [1 2 1]/4 (co-sited, like
    BT.601 and MPEG-2), or the mean of both columns (centred, like JPEG). A last column without a
    partner carries U alone. Rounded half up.
    """

    centred: int = setting(0, bits=1, doc="0: co-sited with even columns; 1: between the columns.")


class ScalerSource:
    """Values of ``ScalerSettings.source``."""

    RGB = 0
    """After gamma."""
    YUV = 1
    """After luma."""


class ScalerMode:
    """Values of ``ScalerSettings.mode``."""

    BOX = 0
    """Mean over the area an output pixel covers: nothing aliases."""
    BILINEAR = 1
    """Between the four nearest pixels, half-pixel centres, as networks are often trained with."""


@dataclass(frozen=True, kw_only=True)
class ScalerSettings(StageSettings):
    """Picture to the network's input: crop, downscale, quantize.

    Weights have 8 fraction bits. Sums over columns are shifted right by ``shift[0]`` to 12 bits,
    sums over lines by ``shift[1]`` to 17; both shifts truncate, both results saturate. Then
    channel c becomes
    ``saturate((sum * multiplier[c] + (offset[c] << 16) + 2**23) >> 24)``.
    :func:`hadron_spec.isp.presets.scaler_settings` finds all of it.
    """

    source: int = setting(0, bits=1, doc="0: RGB after gamma; 1: YUV after luma.")
    channels: int = setting(3, bits=2, low=1, high=3,
                            doc="1: only the first channel goes into the tensor; 3: all.")
    mode: int = setting(0, bits=1, doc="0: box; 1: bilinear.")
    crop: tuple[int, ...] = setting(
        (0, 0, 640, 480), bits=_COORDINATE_BITS, shape=(4,),
        labels=("X", "Y", "WIDTH", "HEIGHT"), doc="Part of the picture that is scaled.")
    output: tuple[int, ...] = setting(
        (96, 96), bits=_COORDINATE_BITS, low=1, shape=(2,), labels=("WIDTH", "HEIGHT"),
        doc="Columns and lines of the tensor; at most 512 columns.")
    step: tuple[int, ...] = setting(
        ((640 << 16) // 96, (480 << 16) // 96), bits=24, fraction=16, low=1 << 16, shape=(2,),
        labels=("X", "Y"), doc="Pixels and lines an output pixel covers, U8.16, rounded down.")
    shift: tuple[int, ...] = setting(
        (7, 7), bits=4, shape=(2,), labels=("X", "Y"), doc="Shifts of the sums.")
    multiplier: tuple[int, ...] = setting(
        (36706,) * 3, bits=17, fraction=24, shape=(3,), labels=("C0", "C1", "C2"),
        doc="Factor of a channel.")
    offset: tuple[int, ...] = setting(
        (-128 << 8,) * 3, bits=17, signed=True, fraction=8, shape=(3,),
        labels=("C0", "C1", "C2"), doc="Output at input zero, S9.8.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels == 2:
            raise SettingsError("Scaler.channels=2, must be 1 or 3")
        if self.output[0] > TENSOR_WIDTH:
            raise SettingsError(f"Scaler.output[0]={self.output[0]}, must be at most "
                                f"{TENSOR_WIDTH}")
        for axis in range(2):
            size, output, step = self.crop[2 + axis], self.output[axis], self.step[axis]
            if output > size:
                raise SettingsError(f"Scaler.output[{axis}]={output}, must be at most {size}, "
                                    f"what is cropped: it does not scale up")
            if output * step > size << 16:
                raise SettingsError(f"Scaler.step[{axis}]={step}, must be at most "
                                    f"{(size << 16) // output}: the crop must cover the output")
