"""From the bytes of an image to the INT8 input of a network."""

from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from hadron.errors import UsageError
from hadron_compiler import TensorBinding

__all__ = ["IMAGE_CHANNELS", "PixelScale", "decode_image", "default_scale", "quantize_pixels",
           "quantize_reals", "read_image"]

_MODES = {1: "L", 3: "RGB"}
IMAGE_CHANNELS = tuple(_MODES)
"""How many channels an image may have."""
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr")
_TOLERANCE = 0.05


class PixelScale(Enum):
    """What real number a pixel p of 0 to 255 stands for: how the network was trained."""

    UNIT = "unit"
    """p / 255: 0 to 1."""
    RAW = "raw"
    """p: 0 to 255."""
    SIGNED = "signed"
    """p / 127.5 - 1: -1 to 1."""

    def real(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Return the real numbers `pixels` stand for."""
        values = pixels.astype(np.float64)
        if self is PixelScale.UNIT:
            return values / 255
        return values if self is PixelScale.RAW else values / 127.5 - 1


def default_scale(binding: TensorBinding) -> PixelScale:
    """Guess from the quantization of an input which real numbers it covers.

    Raises
    ------
    UsageError
        When it covers none of the usual ranges.
    """
    low = binding.scale * (-128 - binding.zero_point)
    high = binding.scale * (127 - binding.zero_point)
    for scale in PixelScale:
        first, last = scale.real(np.array([0, 255], np.uint8))
        slack = _TOLERANCE * (last - first)
        if abs(low - first) <= slack and abs(high - last) <= slack:
            return scale
    raise UsageError(f"input {binding.name} covers {low:.6g} to {high:.6g}, no usual range of "
                     f"pixels: say with --pixels unit, raw or signed what the network expects")


def quantize_pixels(pixels: npt.NDArray[np.uint8], binding: TensorBinding,
                    scale: PixelScale) -> npt.NDArray[np.int8]:
    """Quantize pixels for an input, rounding half away from zero, as TFLite does."""
    table = scale.real(np.arange(256, dtype=np.uint8)) / binding.scale
    rounded = np.trunc(table + np.copysign(0.5, table)) + binding.zero_point
    values: npt.NDArray[np.int8] = np.clip(rounded, -128, 127).astype(np.int8)
    return values.take(pixels)


def quantize_reals(values: npt.NDArray[np.floating[Any]],
                   binding: TensorBinding) -> npt.NDArray[np.signedinteger]:
    """Quantize real numbers for an input as TFLite's QUANTIZE does, in single precision.

    Source: tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize.
    """
    scaled = values.astype(np.float32) / np.float32(binding.scale)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + binding.zero_point
    ends = np.iinfo(binding.dtype)
    quantized: npt.NDArray[np.signedinteger] = np.clip(rounded, ends.min, ends.max).astype(
        ends.dtype)
    return quantized


def read_image(path: Path, binding: TensorBinding) -> npt.NDArray[np.uint8]:
    """Decode an image of exactly the input's height and width to its number of channels.

    Grey becomes colour by repetition, colour becomes grey by the weights of ITU-R 601; an alpha
    channel is dropped.

    Raises
    ------
    UsageError
        When the file is no image, or one of another size.
    """
    shape = list(binding.shape)
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in IMAGE_CHANNELS:
        raise UsageError(f"{path}: input {binding.name} has the shape {shape}, which no image has; "
                         f"give it as .npy, .npz or .raw")
    pixels = decode_image(path, shape[3])
    rows, columns, _ = pixels.shape
    if [rows, columns] != shape[1:3]:
        raise UsageError(f"{path}: the image has {rows} x {columns} pixels (rows x columns), input "
                         f"{binding.name} has the shape {shape}, so it must have {shape[1]} x "
                         f"{shape[2]}")
    return pixels


def decode_image(path: Path, channels: int,
                 size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
    """Decode an image to (rows, columns, channels), as :func:`read_image` says; crop and scale it
    to a `size` of (rows, columns), if there is one.

    Raises
    ------
    UsageError
        When the file is no image of 8 bits a channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT_MODES:
                raise UsageError(f"{path}: the image has pixels of the kind {image.mode}, must be "
                                 f"8 bits a channel")
            converted = image.convert(_MODES[channels])
            if size is not None:
                converted = ImageOps.fit(converted, size[::-1])
            pixels = np.asarray(converted, dtype=np.uint8)
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or 'not an image, or a damaged one'}") from None
    except Exception as error:  # a damaged file raises whatever its decoder stumbles on
        raise UsageError(f"{path}: not an image, or a damaged one ({error})") from None
    return pixels.reshape(*pixels.shape[:2], channels)
