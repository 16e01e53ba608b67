"""Settings of the stages that work on the Bayer mosaic, from crop to demosaic."""

from dataclasses import dataclass
from enum import IntEnum

from .fields import StageSettings, setting

__all__ = [
    "BARS",
    "BARS_LEVEL",
    "COLOURS",
    "DENOISE_LEVELS",
    "LINEARIZE_NODES",
    "MESH_COLUMNS",
    "MESH_ROWS",
    "MINIMUM_SIZE",
    "NOISE_FEEDBACK",
    "NOISE_SEED",
    "NOISE_STEPS",
    "PIXEL_BITS",
    "BayerDenoiseSettings",
    "BlackLevelSettings",
    "CropSettings",
    "DefectSettings",
    "DemosaicSettings",
    "LinearizeSettings",
    "Pattern",
    "Phase",
    "ShadingSettings",
    "WhiteBalanceSettings",
    "mesh_step",
]

PIXEL_BITS = 12
"""Bits of a Bayer or linear RGB sample; RAW8 and RAW10 are left-aligned into them."""

COLOURS = ("R", "GR", "GB", "B")
"""The four colours of the mosaic; GR is green in a red row. Index = 2 * blue row + odd column
of the row, both counted from a red pixel."""

MESH_ROWS = 13
MESH_COLUMNS = 17
"""Nodes of the lens shading mesh."""

MINIMUM_SIZE = 8
"""Least columns and lines of a frame: every stage works from there on."""

BARS = (0b111, 0b110, 0b011, 0b010, 0b101, 0b100, 0b001, 0b000)
"""Red, green, blue of the test pattern's bars."""

BARS_LEVEL = 3072
"""A lit colour of the bars: 3/4 of full scale."""

NOISE_SEED = 1
NOISE_FEEDBACK = 0xB400
NOISE_STEPS = 13
"""The noise pattern: a 16-bit Galois register shifted right, 13 steps a pixel; its low 12 bits."""

LINEARIZE_NODES = 129
DENOISE_LEVELS = 16
_SIZE_BITS = 12


class Phase(IntEnum):
    """Order of colours in the first two rows: bit 0 is the column, bit 1 the row of the first
    red pixel. Pixel (x, y) has colour ``(x & 1 ^ phase & 1) + 2 * (y & 1 ^ phase >> 1)``."""

    RGGB = 0
    GRBG = 1
    GBRG = 2
    BGGR = 3


class Pattern(IntEnum):
    """What replaces the pixels of the sensor, before the crop."""

    OFF = 0
    """The sensor's pixels."""
    BARS = 1
    """Eight vertical bars, each an eighth of the input's width: white, yellow, cyan, green,
    magenta, red, blue, black, at 3/4 of full scale."""
    RAMP = 2
    """``(x + y) * 4`` modulo 4096."""
    NOISE = 3
    """Pseudo-random numbers, the same every frame."""


@dataclass(frozen=True, kw_only=True)
class CropSettings(StageSettings):
    """Size of the sensor's frames, part of them that is used, colour phase, test pattern."""

    input_width: int = setting(640, bits=_SIZE_BITS, low=MINIMUM_SIZE,
                               doc="Pixels of an input line.")
    input_height: int = setting(480, bits=_SIZE_BITS, low=MINIMUM_SIZE,
                                doc="Lines of an input frame.")
    x: int = setting(0, bits=_SIZE_BITS, doc="First column used.")
    y: int = setting(0, bits=_SIZE_BITS, doc="First line used.")
    width: int = setting(640, bits=_SIZE_BITS, low=MINIMUM_SIZE, doc="Columns used.")
    height: int = setting(480, bits=_SIZE_BITS, low=MINIMUM_SIZE, doc="Lines used.")
    phase: int = setting(0, bits=2,
                         doc="Colour order of the input: 0 RGGB, 1 GRBG, 2 GBRG, 3 BGGR.")
    pattern: int = setting(0, bits=2,
                           doc="Test pattern: 0 off, 1 colour bars, 2 ramp, 3 noise.")

    @property
    def used_width(self) -> int:
        """Columns that leave the stage."""
        return self.width if self.enable else self.input_width

    @property
    def used_height(self) -> int:
        """Lines that leave the stage."""
        return self.height if self.enable else self.input_height

    @property
    def used_phase(self) -> Phase:
        """Colour order of what leaves the stage."""
        return Phase(self.phase ^ self.enable * (self.x & 1 | (self.y & 1) << 1))


@dataclass(frozen=True, kw_only=True)
class BlackLevelSettings(StageSettings):
    """Subtract the black level and stretch to full scale.

    ``o = saturate(round_half_up((i - offset[c]) * scale[c] / 2**14))``
    """

    offset: tuple[int, ...] = setting(
        (0,) * 4, bits=12, shape=(4,), labels=COLOURS, doc="Black level of a colour.")
    scale: tuple[int, ...] = setting(
        (1 << 14,) * 4, bits=16, fraction=14, shape=(4,), labels=COLOURS,
        doc="Factor of a colour.")


@dataclass(frozen=True, kw_only=True)
class LinearizeSettings(StageSettings):
    """Undo the sensor's transfer curve: piecewise linear between 129 nodes, 32 codes apart.

    ``k = i >> 5; f = i & 31; o = saturate((32 * n[k] + f * (n[k + 1] - n[k]) + 16) >> 5)``
    """

    nodes: tuple[int, ...] = setting(
        tuple(range(0, 4097, 32)), bits=13, high=4096, shape=(LINEARIZE_NODES,), table=True,
        doc="Output at input 32 * index.")


@dataclass(frozen=True, kw_only=True)
class DefectSettings(StageSettings):
    """Replace single pixels that stand out from all eight nearest of their colour.

    A pixel above the greatest neighbour by more than `hot`, or below the least by more than
    `cold`, becomes the mean, rounded half up, of the two opposite neighbours that differ least
    (ties: horizontal, vertical, falling diagonal, rising diagonal).
    """

    hot: int = setting(256, bits=12, doc="Least excess of a hot pixel, minus one.")
    cold: int = setting(256, bits=12, doc="Least deficit of a cold pixel, minus one.")


@dataclass(frozen=True, kw_only=True)
class ShadingSettings(StageSettings):
    """Digital gain, and lens shading correction by a bilinear mesh of gains.

    Node (row, column) of the mesh lies at y = row / step_y, x = column / step_x.
    """

    gain: int = setting(256, bits=16, fraction=8, doc="Digital gain.")
    use_mesh: int = setting(0, bits=1, doc="Multiply by the mesh, too.")
    step_x: int = setting(1 << 11, bits=20, fraction=16,
                          doc="Mesh cells a column: 16 / width; see mesh_step.")
    step_y: int = setting(1 << 11, bits=20, fraction=16,
                          doc="Mesh cells a line: 12 / height; see mesh_step.")
    mesh: tuple[int, ...] = setting(
        (1 << 12,) * (MESH_ROWS * MESH_COLUMNS * 4), bits=14, fraction=12,
        shape=(MESH_ROWS, MESH_COLUMNS, 4), table=True, doc="Gain of a node for a colour.")


def mesh_step(size: int, cells: int) -> int:
    """Return the step, U4.16, that spreads `cells` mesh cells over `size` pixels or lines."""
    return min((cells << 16) // size, (1 << 20) - 1)


@dataclass(frozen=True, kw_only=True)
class BayerDenoiseSettings(StageSettings):
    """Sigma filter over the eight nearest pixels of the same colour (for green, of either green).

    A neighbour that differs by more than the threshold of the pixel's level counts as the pixel
    itself; the output is the mean of the eight, rounded half up. Thresholds follow the level in
    half octaves: index 0 below 24, then 24, 32, 48, 64, ... up to index 15 from 3072 on.
    """

    threshold: tuple[int, ...] = setting(
        (0,) * DENOISE_LEVELS, bits=12, shape=(DENOISE_LEVELS,),
        doc="Greatest difference that is noise, by level.")


@dataclass(frozen=True, kw_only=True)
class WhiteBalanceSettings(StageSettings):
    """Gain of each colour: ``o = saturate(i * gain[c] >> 12)``, truncated like Infinite-ISP."""

    gain: tuple[int, ...] = setting(
        (1 << 12,) * 4, bits=16, fraction=12, shape=(4,), labels=COLOURS, doc="Gain.")


@dataclass(frozen=True, kw_only=True)
class DemosaicSettings(StageSettings):
    """Malvar-He-Cutler interpolation; off, all three channels are the mosaic itself."""

    enable: int = setting(1, bits=1, doc="Interpolate; otherwise R = G = B = the mosaic.")
