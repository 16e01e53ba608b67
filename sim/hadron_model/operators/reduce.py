"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over axes of an INT8 tensor.

Source: tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum; tflite-micro
kernels/reduce_common.cc.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.requantize import requantize

__all__ = ["mean_or_sum", "reduce_max", "reduce_min"]

Int8 = NDArray[np.int8]


def mean_or_sum(x: Int8, axes: Sequence[int], *, multiplier: int, shift: int,
                input_zero_point: int, output_zero_point: int) -> Int8:
    """Add up along axes, which go, and rescale.

    Parameters
    ----------
    multiplier, shift : int
        `tflite_quantization.mean_multiplier` of the scales and the number of elements; of SUM, of
        one element.
    """
    total = (x.astype(np.int64) - input_zero_point).sum(tuple(axes))
    return requantize(np.asarray(total), multiplier, shift, zero_point=output_zero_point)


def reduce_max(x: Int8, axes: Sequence[int]) -> Int8:
    """Return the largest value along axes, which go."""
    largest: Int8 = x.max(tuple(axes))
    return largest


def reduce_min(x: Int8, axes: Sequence[int]) -> Int8:
    """Return the smallest value along axes, which go."""
    smallest: Int8 = x.min(tuple(axes))
    return smallest
