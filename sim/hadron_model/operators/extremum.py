"""MAXIMUM and MINIMUM of two INT8 tensors of one quantization.

Source: tensorflow/lite/kernels/internal/reference/maximum_minimum.h; tflite-micro
kernels/maximum_minimum.cc.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["maximum", "minimum"]


def maximum(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the larger of each two values, broadcasting as NumPy does."""
    return np.maximum(a, b)


def minimum(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the smaller of each two values, broadcasting as NumPy does."""
    return np.minimum(a, b)
