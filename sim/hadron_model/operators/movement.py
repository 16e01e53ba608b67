"""Operators that move bytes, on INT8 tensors; none changes a value.

Source: tensorflow/lite/kernels/internal/reference: strided_slice.h, slice.h, transpose.h, pad.h,
gather.h, broadcast_to.h; tflite-micro kernels/split.cc, split_v.cc, pack.cc, unpack.cc,
mirror_pad.cc.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["broadcast_to", "gather", "mirror_pad", "pack", "pad", "reverse_v2", "slice_",
           "split", "strided_slice", "transpose", "unpack"]

Int8 = NDArray[np.int8]


def slice_(x: Int8, begin: Sequence[int], size: Sequence[int]) -> Int8:
    """Return the box of `size` at `begin`; a size of -1 reaches to the end of its axis."""
    return x[tuple(slice(first, None if count == -1 else first + count)
                   for first, count in zip(begin, size, strict=True))]


def strided_slice(x: Int8, begin: Sequence[int], end: Sequence[int], strides: Sequence[int], *,
                  begin_mask: int = 0, end_mask: int = 0, shrink_axis_mask: int = 0) -> Int8:
    """Slice as Python does; bit i of a mask: axis i has no begin or end, or is indexed.

    An axis that is indexed and has no begin is indexed with zero, unlike in TensorFlow.
    """
    index: list[int | slice] = []
    for axis in range(x.ndim):
        if shrink_axis_mask >> axis & 1:
            index.append(0 if begin_mask >> axis & 1 else begin[axis])
        else:
            index.append(slice(None if begin_mask >> axis & 1 else begin[axis],
                               None if end_mask >> axis & 1 else end[axis], strides[axis]))
    return x[tuple(index)]


def split(x: Int8, sizes: Sequence[int], axis: int) -> list[Int8]:
    """Cut along an axis into parts of these sizes."""
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def pack(parts: Sequence[Int8], axis: int) -> Int8:
    """Join tensors of one shape along a new axis."""
    return np.stack(list(parts), axis)


def unpack(x: Int8, axis: int) -> list[Int8]:
    """Return the tensors that `pack` joins."""
    return [np.take(x, i, axis) for i in range(x.shape[axis])]


def transpose(x: Int8, order: Sequence[int]) -> Int8:
    """Reorder the axes: axis i of the output is axis order[i] of the input."""
    return np.transpose(x, tuple(order))


def pad(x: Int8, paddings: Sequence[Sequence[int]], value: int) -> Int8:
    """Surround with a value; `paddings` is (before, after) for each axis."""
    return np.pad(x, [tuple(pair) for pair in paddings], constant_values=value)


def mirror_pad(x: Int8, paddings: Sequence[Sequence[int]], *, reflects: bool) -> Int8:
    """Surround with the mirror image, without (`reflects`) or with the outermost elements."""
    pairs = [tuple(pair) for pair in paddings]
    return np.pad(x, pairs, mode="reflect") if reflects else np.pad(x, pairs, mode="symmetric")


def gather(x: Int8, indices: NDArray[np.int32], axis: int) -> Int8:
    """Pick elements along an axis; the axes of `indices` take its place."""
    return np.take(x, indices, axis)


def reverse_v2(x: Int8, axes: Sequence[int]) -> Int8:
    """Turn axes around."""
    return np.flip(x, tuple(axes))


def broadcast_to(x: Int8, shape: Sequence[int]) -> Int8:
    """Repeat along axes of size one, and along axes put in front."""
    return np.broadcast_to(x, tuple(shape))
