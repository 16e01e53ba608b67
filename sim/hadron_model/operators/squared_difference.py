"""SQUARED_DIFFERENCE of two INT8 tensors of any scales.

Source: tflite-micro kernels/squared_difference.cc, SquaredDifference.
"""

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.requantize import requantize
from hadron_spec.numerics import SQUARED_DIFFERENCE_LEFT_SHIFT
from hadron_spec.tflite_quantization import AddParameters

__all__ = ["squared_difference"]


def squared_difference(a: NDArray[np.int8], b: NDArray[np.int8], *, parameters: AddParameters,
                       zero_point_a: int, zero_point_b: int, output_zero_point: int
                       ) -> NDArray[np.int8]:
    """Subtract, broadcasting as NumPy does, and square.

    Parameters
    ----------
    a, b : ndarray
        INT8.
    parameters : AddParameters
        `tflite_quantization.squared_difference_parameters` of the three scales.
    zero_point_a, zero_point_b, output_zero_point : int
        -128 to 127.
    """
    first, second = parameters.rescaled(
        a.astype(np.int64) - zero_point_a, b.astype(np.int64) - zero_point_b,
        SQUARED_DIFFERENCE_LEFT_SHIFT)
    return requantize((first - second) ** 2, parameters.multiplier, parameters.shift,
                      zero_point=output_zero_point, minimum=-128, maximum=127)
