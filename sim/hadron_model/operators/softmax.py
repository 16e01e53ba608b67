"""SOFTMAX by a table of 256 exponentials, as the hardware computes it.

Source: tensorflow/lite/kernels/internal/reference/softmax.h, Softmax; differences of INT8 values
are integers from -255 to 0, so that a table holds all that the reference kernel can ask for.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hadron_spec.numerics import softmax_output, softmax_reciprocal, softmax_sum_term

__all__ = ["softmax"]


def softmax(x: NDArray[np.int8], table: ArrayLike) -> NDArray[np.int8]:
    """Apply softmax over the last axis; the output has scale 1/256 and zero point -128.

    Parameters
    ----------
    x : ndarray
        INT8; the last axis has at most `numerics.SOFTMAX_COUNT_MAX` elements.
    table : array_like
        256 words: `numerics.softmax_table` of beta times the input's scale.
    """
    words = np.asarray(table, np.int64)
    values = x.astype(np.int64)
    exps = words[values - values.max(-1, keepdims=True) + 255]
    totals = softmax_sum_term(exps).sum(-1, keepdims=True)
    scale, bits = softmax_reciprocal(totals)
    return np.asarray(softmax_output(exps, scale, bits)).astype(np.int8)
