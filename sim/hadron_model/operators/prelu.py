"""PRELU of an INT8 tensor.

Source: tensorflow/lite/kernels/internal/reference/prelu.h, Prelu; tflite-micro
kernels/prelu_common.cc.
"""

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.requantize import requantize

__all__ = ["prelu"]


def prelu(x: NDArray[np.int8], slope: NDArray[np.int8], *, positive: tuple[int, int],
          negative: tuple[int, int], input_zero_point: int, slope_zero_point: int,
          output_zero_point: int) -> NDArray[np.int8]:
    """Scale what is positive, multiply what is negative with the slope, broadcasting as NumPy does.

    Parameters
    ----------
    x, slope : ndarray
        INT8.
    positive, negative : (int, int)
        Multiplier and shift of the scales of input and output; of input, slope and output.
    input_zero_point, slope_zero_point, output_zero_point : int
        -128 to 127.
    """
    centred = x.astype(np.int64) - input_zero_point
    kept = requantize(centred, *positive, zero_point=output_zero_point)
    sloped = requantize(centred * (slope.astype(np.int64) - slope_zero_point), *negative,
                        zero_point=output_zero_point)
    return np.where(centred >= 0, kept, sloped)
