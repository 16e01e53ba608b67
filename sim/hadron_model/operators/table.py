"""Operators of one INT8 operand: RELU, LOGISTIC, HARD_SWISH, QUANTIZE ...

Source: `hadron_spec.tflite_tables`, which has a table for each.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["table"]


def table(x: NDArray[np.int8], entries: Sequence[int]) -> NDArray[np.int8]:
    """Return entry x + 128 of each element."""
    return np.asarray(entries, np.int8)[x.astype(np.int64) + 128]
