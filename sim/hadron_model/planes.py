"""16-bit activations as the NPU holds them: a plane of low bytes, then one of high bytes."""

import numpy as np
import numpy.typing as npt

from hadron_spec.commands import DEEP_OFFSET

__all__ = ["join_planes", "split_planes"]


def split_planes(values: npt.NDArray[np.signedinteger], axis: int = 0) -> npt.NDArray[np.int8]:
    """Return the low and the high bytes of values, side by side along a new axis."""
    wide = values.astype(np.int64)
    return np.stack(((wide & 255) - DEEP_OFFSET, wide >> 8), axis).astype(np.int8)


def join_planes(planes: npt.NDArray[np.int8], axis: int = 0) -> npt.NDArray[np.int16]:
    """Return the values of which `split_planes` makes `planes`."""
    low, high = np.moveaxis(planes.astype(np.int64), axis, 0)
    joined: npt.NDArray[np.int64] = (high << 8) + low + DEEP_OFFSET
    return joined.astype(np.int16)
