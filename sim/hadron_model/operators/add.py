"""ADD of two INT8 tensors of any scales.

Source: tensorflow/lite/kernels/internal/reference/add.h, AddElementwise; tflite-micro
kernels/add_common.cc.
"""

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.requantize import requantize
from hadron_spec.tflite_quantization import AddParameters

__all__ = ["add"]


def add(a: NDArray[np.int8], b: NDArray[np.int8], *, parameters: AddParameters, zero_point_a: int,
        zero_point_b: int, output_zero_point: int, minimum: int = -128, maximum: int = 127
        ) -> NDArray[np.int8]:
    """Add, broadcasting as NumPy does.

    Parameters
    ----------
    a, b : ndarray
        INT8.
    parameters : AddParameters
        `tflite_quantization.add_parameters` of the three scales.
    zero_point_a, zero_point_b, output_zero_point : int
        -128 to 127.
    minimum, maximum : int
        Range of the fused activation.
    """
    first, second = parameters.rescaled(a.astype(np.int64) - zero_point_a,
                                        b.astype(np.int64) - zero_point_b)
    return requantize(first + second, parameters.multiplier, parameters.shift,
                      zero_point=output_zero_point, minimum=minimum, maximum=maximum)
