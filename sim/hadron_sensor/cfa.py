"""The colour filter array: which colour each pixel of a Bayer sensor sees."""

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNELS", "PHASES", "channel_map", "check_phase", "mosaic"]

PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")
"""The two by two pixels in the upper left corner, row by row."""

CHANNELS = ("R", "Gr", "Gb", "B")
"""Gr is the green of rows that also hold red, Gb that of rows that hold blue."""

_CHANNEL_OF = {
    "RGGB": ((0, 1), (2, 3)),
    "GRBG": ((1, 0), (3, 2)),
    "GBRG": ((2, 3), (0, 1)),
    "BGGR": ((3, 2), (1, 0)),
}
_COLOUR_OF_CHANNEL = np.array([0, 1, 1, 2])


def check_phase(phase: str) -> str:
    """Return `phase`.

    Raises
    ------
    ValueError
        When it is none of `PHASES`.
    """
    if phase not in PHASES:
        raise ValueError(f"phase {phase!r}, must be one of {', '.join(PHASES)}")
    return phase


def channel_map(height: int, width: int, phase: str) -> npt.NDArray[np.intp]:
    """Return for each pixel the index of its channel in `CHANNELS`."""
    tile = np.array(_CHANNEL_OF[check_phase(phase)], dtype=np.intp)
    repeats = (-(-height // 2), -(-width // 2))
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])


def mosaic(image: npt.NDArray[np.generic], phase: str) -> npt.NDArray[np.generic]:
    """Return of an image (rows, columns, 3) the one colour that each pixel's filter passes."""
    height, width = image.shape[:2]
    colour = _COLOUR_OF_CHANNEL[channel_map(height, width, phase)]
    return np.take_along_axis(image, colour[..., None], axis=2)[..., 0]
