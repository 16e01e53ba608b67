"""Activations of 16 and of four bits as the NPU holds them.

Of 16 bits, a plane of low bytes, then one of high bytes; of four bits, two a byte.
"""

import numpy as np
import numpy.typing as npt

from hadron_spec.commands import DEEP_OFFSET, SHALLOW_OFFSET

__all__ = ["join_planes", "join_shallow", "split_planes", "split_shallow"]


def split_planes(values: npt.NDArray[np.signedinteger], axis: int = 0) -> npt.NDArray[np.int8]:
    """Return the low and the high bytes of values, side by side along a new axis."""
    wide = values.astype(np.int64)
    return np.stack(((wide & 255) - DEEP_OFFSET, wide >> 8), axis).astype(np.int8)


def join_planes(planes: npt.NDArray[np.int8], axis: int = 0) -> npt.NDArray[np.int16]:
    """Return the values of which `split_planes` makes `planes`."""
    low, high = np.moveaxis(planes.astype(np.int64), axis, 0)
    joined: npt.NDArray[np.int64] = (high << 8) + low + DEEP_OFFSET
    return joined.astype(np.int16)


def split_shallow(bytes_: npt.NDArray[np.int8], axis: int = 0) -> npt.NDArray[np.int8]:
    """Return the first and the second activations of bytes, side by side along a new axis."""
    return np.stack(((bytes_ & 15) - SHALLOW_OFFSET, bytes_ >> 4), axis).astype(np.int8)


def join_shallow(first: npt.NDArray[np.signedinteger], second: npt.NDArray[np.signedinteger]
                 ) -> npt.NDArray[np.int8]:
    """Return the bytes that hold activations of -8 to 7."""
    joined: npt.NDArray[np.int64] = (second.astype(np.int64) << 4) + first + SHALLOW_OFFSET
    return joined.astype(np.int8)
