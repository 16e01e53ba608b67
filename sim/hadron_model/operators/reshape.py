"""RESHAPE: the same bytes under another shape."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["reshape"]


def reshape(x: NDArray[np.int8], shape: Sequence[int]) -> NDArray[np.int8]:
    """Return `x` with another shape of the same size."""
    return x.reshape(tuple(shape))
