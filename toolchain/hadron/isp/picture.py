"""From what leaves the ISP, or any of its stages, to a picture that people can look at."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from hadron_spec.isp.bayer import PIXEL_BITS
from hadron_spec.isp.settings import IspSettings

__all__ = ["LINEAR_STAGES", "encode_png", "stage_picture", "to_rgb", "unpack_422"]

LINEAR_STAGES = ("crop", "black_level", "linearize", "defect", "shading", "bayer_denoise",
                 "white_balance", "demosaic", "color_matrix")
"""Stages whose output is linear, in 12 bits."""

_SHOWN_GAMMA = 2.2

Bytes = npt.NDArray[np.uint8]


def unpack_422(picture: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return YUV for every pixel of Y and alternating U and V; a lone last column has no V."""
    result = picture.astype(np.int64)
    height, width = result.shape[:2]
    colour = result[:, :, 1]
    pairs = np.pad(colour, [(0, 0), (0, width % 2)], constant_values=128).reshape(height, -1, 2)
    result[:, :, 1:] = np.repeat(pairs, 2, axis=1)[:, :width]
    return result


def to_rgb(picture: npt.NDArray[np.integer], settings: IspSettings) -> Bytes:
    """Return the picture that left the ISP as RGB.

    Parameters
    ----------
    picture : array (height, width, 3)
        Output of the last stage, 8 bits: RGB, YUV 4:4:4 or, with chroma enabled, 4:2:2.
    settings : IspSettings
        What it was made with.
    """
    values = unpack_422(picture) if settings.chroma.enable else picture.astype(np.int64)
    space = settings.color_space
    if space.enable:
        matrix = np.array(space.matrix, dtype=np.float64).reshape(3, 3) / 1024
        centred = values - np.array(space.offset)
        values = np.rint(centred @ np.linalg.inv(matrix).T).astype(np.int64)
    return np.clip(values, 0, 255).astype(np.uint8)


def stage_picture(name: str, image: npt.NDArray[np.integer], settings: IspSettings) -> Bytes:
    """Return a stage's output as 8 bits, grey or RGB; linear stages are brightened to be seen."""
    if name == "scaler":
        return (image.astype(np.int64) + 128).clip(0, 255).astype(np.uint8).squeeze()
    if name in LINEAR_STAGES:
        part = image.astype(np.float64) / ((1 << PIXEL_BITS) - 1)
        return np.rint(255 * np.clip(part, 0, 1) ** (1 / _SHOWN_GAMMA)).astype(np.uint8)
    if name == "gamma":
        return image.astype(np.uint8)
    chroma = settings.chroma if name == "chroma" else type(settings.chroma)()
    return to_rgb(image, IspSettings(color_space=settings.color_space, chroma=chroma))


def encode_png(picture: Bytes) -> bytes:
    """Return the bytes of a PNG file."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, format="PNG")
    return data.getvalue()
