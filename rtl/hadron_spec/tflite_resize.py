"""Which input each output of a resized image takes, as TensorFlow Lite's kernels compute it."""

import math
from typing import NamedTuple

from hadron_spec.tflite_quantization import float32

__all__ = ["BILINEAR_BITS", "Interpolation", "bilinear_sources", "nearest_sources"]

BILINEAR_BITS = 10
"""Fraction bits of a position between two rows or columns."""


class Interpolation(NamedTuple):
    """Two rows (or columns) and the weight of each, in units of ``2**-BILINEAR_BITS``."""

    lower: int
    upper: int
    lower_weight: int
    upper_weight: int


def nearest_sources(size: int, output: int, *, align_corners: bool, half_pixel: bool
                    ) -> list[int]:
    """Return the input row (or column) that each output row takes; all in single precision.

    Source: tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h,
    GetNearestNeighbor.
    """
    if align_corners and output > 1:
        scale = float32(float32(size - 1) / float32(output - 1))
    else:
        scale = float32(float32(size) / float32(output))
    offset = 0.5 if half_pixel else 0.0
    sources = []
    for index in range(output):
        position = float32(float32(index + offset) * scale)
        nearest = math.floor(position)
        if align_corners:  # std::round: halves away from zero
            nearest += position - nearest >= 0.5
        sources.append(max(0, min(nearest, size - 1)))
    return sources


def bilinear_sources(size: int, output: int, *, align_corners: bool, half_pixel: bool
                     ) -> list[Interpolation]:
    """Return between which input rows (or columns) each output lies, and how close to each.

    An output is the sum of four inputs, each times two such weights, divided by
    ``2**(2 * BILINEAR_BITS)`` with halves rounded away from zero. A weight may be negative or more
    than one where a position lies outside of the image: both rows are the same one then.

    Source: tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinearInteger and
    ComputeInterpolationValuesInteger.
    """
    one = 1 << BILINEAR_BITS
    if align_corners and output > 1:
        scale = (one * (size - 1) + (output - 1) // 2) // (output - 1)
    else:
        scale = (one * size + output // 2) // output
    sources = []
    for index in range(output):
        position = index * scale + (scale // 2 - one // 2 if half_pixel else 0)
        # C divides towards zero: of a negative position both are zero or less.
        lower = max(int(position / one), 0)
        upper = min(int((position + one - 1) / one), size - 1)
        weight = position - one * lower
        sources.append(Interpolation(lower, upper, one - weight, weight))
    return sources
