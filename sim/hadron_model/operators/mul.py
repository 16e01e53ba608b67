"""MUL of two INT8 tensors.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/mul.h, MulElementwise; tflite-micro
kernels/mul_common.cc.
"""

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.requantize import requantize

__all__ = ["mul"]


def mul(a: NDArray[np.int8], b: NDArray[np.int8], *, multiplier: int, shift: int,
        zero_point_a: int, zero_point_b: int, output_zero_point: int, minimum: int = -128,
        maximum: int = 127) -> NDArray[np.int8]:
    """Multiply, broadcasting as NumPy does.

    Parameters
    ----------
    a, b : ndarray
        INT8.
    multiplier, shift : int
        `tflite_quantization.convolution_multiplier` of the three scales.
    zero_point_a, zero_point_b, output_zero_point : int
        -128 to 127.
    minimum, maximum : int
        Range of the fused activation.
    """
    products = (a.astype(np.int64) - zero_point_a) * (b.astype(np.int64) - zero_point_b)
    return requantize(products, multiplier, shift, zero_point=output_zero_point, minimum=minimum,
                      maximum=maximum)
