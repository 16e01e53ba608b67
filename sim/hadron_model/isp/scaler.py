"""Crop, downscale, quantize: bit-exact with :class:`hadron_rtl.isp.scaler.Scaler`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.picture import SCALER_FRACTION, ScalerMode, ScalerSettings

from .image import Image

__all__ = ["Walk", "run", "walk"]

_ONE = 1 << 16
_WEIGHT = 1 << SCALER_FRACTION
_DROPPED = 16 - SCALER_FRACTION


def run(image: Image, settings: ScalerSettings) -> Image | None:
    """Return the tensor (height, width, channels), -128 to 127; None when the stage is off.

    Parameters
    ----------
    image : int32 (height, width, 3)
        Picture, 8 bits.
    """
    if not settings.enable:
        return None
    x, y, width, height = settings.crop
    if x + width > image.shape[1] or y + height > image.shape[0]:
        raise ValueError(f"crop {settings.crop} of a picture of {image.shape[1]}x{image.shape[0]}")
    part = image[y:y + height, x:x + width, :settings.channels].astype(np.int64)
    across = walk(width, settings.output[0], settings.step[0], settings.mode)
    down = walk(height, settings.output[1], settings.step[1], settings.mode)
    sums = np.minimum(across.sums(part, axis=1) >> settings.shift[0], (1 << 12) - 1)
    sums = np.minimum(down.sums(sums, axis=0) >> settings.shift[1], (1 << 17) - 1)
    multiplier = np.array(settings.multiplier[:settings.channels], np.int64)
    offset = np.array(settings.offset[:settings.channels], np.int64)
    quantized = sums * multiplier + (offset << 16) + (1 << 23) >> 24
    return np.asarray(np.clip(quantized, -128, 127), np.int32)


@dataclass(frozen=True)
class Walk:
    """Weights of the pixels of a line (or the lines of a frame) in the outputs, in 1/256.

    Attributes
    ----------
    last : (output,) int64
        Pixel that completes each output; the next one begins with the same pixel.
    ending : (size,) int64
        Weight of each pixel, up to the last that counts, in the output it belongs to or completes.
    beginning : (output,) int64
        Weight of pixel `last` in the output that comes after.
    """

    last: NDArray[np.int64]
    ending: NDArray[np.int64]
    beginning: NDArray[np.int64]

    def sums(self, values: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
        """Return the weighted sums along an axis."""
        values = np.moveaxis(values, axis, -1)
        begins = np.concatenate([[0], self.last[:-1] + 1])
        used = values[..., :len(self.ending)] * self.ending
        total = np.add.reduceat(used, begins, axis=-1)
        total[..., 1:] += values[..., self.last[:-1]] * self.beginning[:-1]
        return np.moveaxis(total, -1, axis)


def walk(size: int, output: int, step: int, mode: int) -> Walk:
    """Go along the input as the hardware does.

    `ahead` is how far, in 1/65536, the end of the output in the making (bilinear: its centre) lies
    ahead of the input pixel's. Half a weight is added to it, so that dropping bits rounds.
    """
    box = mode == ScalerMode.BOX
    last, ending, beginning = [], [], []
    ahead = (step - _ONE if box else (step - _ONE) >> 1) + (1 << _DROPPED >> 1)
    for i in range(size):
        distance = ahead >> _DROPPED
        ahead -= _ONE
        if distance > 0:
            ending.append(_WEIGHT if box else max(0, _WEIGHT - distance))
            continue
        ending.append(_WEIGHT + distance)
        ahead += step
        last.append(i)
        after = (ahead + _ONE) >> _DROPPED
        beginning.append(-distance if box else max(0, _WEIGHT - after))
        if len(last) == output:
            break
    return Walk(np.array(last), np.array(ending), np.array(beginning))
