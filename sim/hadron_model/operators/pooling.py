"""AVERAGE_POOL_2D and MAX_POOL_2D.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hadron_model.operators.windows import Pair, windows

__all__ = ["average_pool2d", "max_pool2d"]

Integer = TypeVar("Integer", np.int8, np.int16)


def average_pool2d(x: NDArray[Integer], *, size: Pair, stride: Pair = (1, 1),
                   padding: str = "VALID", minimum: int = -128, maximum: int = 127
                   ) -> NDArray[Integer]:
    """Average windows of the raw values; padding is not counted; halves away from zero.

    Parameters
    ----------
    x : ndarray
        INT8 or INT16 [n, rows, columns, channels]. The output is quantized as the input.
    size, stride : (int, int)
        Rows and columns.
    padding : str
        "SAME" or "VALID".
    minimum, maximum : int
        Range of the fused activation.
    """
    totals = windows(x.astype(np.int64), 0, size, stride, (1, 1), padding).sum((4, 5))
    inside = np.ones((1, *x.shape[1:3], 1), np.int64)
    counts = windows(inside, 0, size, stride, (1, 1), padding).sum((4, 5))
    means = np.sign(totals) * ((np.abs(totals) + counts // 2) // counts)
    clipped: NDArray[np.int64] = np.minimum(np.maximum(means, minimum), maximum)
    return clipped.astype(x.dtype)


def max_pool2d(x: NDArray[Integer], *, size: Pair, stride: Pair = (1, 1), padding: str = "VALID",
               minimum: int = -128, maximum: int = 127) -> NDArray[Integer]:
    """Take the maximum of windows; padding never wins. Parameters as :func:`average_pool2d`."""
    lowest = int(np.iinfo(x.dtype).min)
    largest = windows(x, lowest, size, stride, (1, 1), padding).max((4, 5))
    clipped: NDArray[Integer] = np.clip(largest, minimum, maximum).astype(x.dtype)
    return clipped
