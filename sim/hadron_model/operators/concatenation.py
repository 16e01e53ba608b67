"""CONCATENATION of tensors of the same quantization: their bytes, in order along an axis.

Source: tensorflow/lite/kernels/internal/reference/concatenation.h, Concatenation; tflite-micro
kernels/concatenation.cc, which refuses inputs quantized unlike the output.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["concatenation"]


def concatenation(parts: Sequence[NDArray[np.int8]], axis: int) -> NDArray[np.int8]:
    """Return `parts`, INT8 and alike but for `axis`, joined along it."""
    return np.concatenate(list(parts), axis)
