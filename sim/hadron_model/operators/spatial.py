"""Operators that rearrange the rows, columns, channels and images of INT8 [n, rows, columns,
channels], and bilinear resize.

Source: tensorflow/lite/kernels/internal/reference: depth_to_space.h, space_to_depth.h,
space_to_batch_nd.h, batch_to_space_nd.h, resize_nearest_neighbor.h, resize_bilinear.h.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hadron_spec.tflite_resize import BILINEAR_BITS, bilinear_sources, nearest_sources

__all__ = ["batch_to_space_nd", "depth_to_space", "resize_bilinear", "resize_nearest_neighbor",
           "space_to_batch_nd", "space_to_depth"]

Int8 = NDArray[np.int8]


def depth_to_space(x: Int8, block: int) -> Int8:
    """Make squares of `block` x `block` pixels of the channels of one."""
    n, height, width, depth = x.shape
    channels = depth // block**2
    blocks = x.reshape(n, height, width, block, block, channels).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, height * block, width * block, channels)


def space_to_depth(x: Int8, block: int) -> Int8:
    """Undo :func:`depth_to_space`."""
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // block, block, width // block, block, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(
        n, height // block, width // block, channels * block**2)


def space_to_batch_nd(x: Int8, block: Sequence[int], paddings: Sequence[Sequence[int]],
                      zero_point: int) -> Int8:
    """Pad rows and columns, then deal the pixels of each block out to as many images."""
    padded = np.pad(x, [(0, 0), tuple(paddings[0]), tuple(paddings[1]), (0, 0)],
                    constant_values=zero_point)
    n, height, width, channels = padded.shape
    rows, columns = height // block[0], width // block[1]
    blocks = padded.reshape(n, rows, block[0], columns, block[1], channels)
    return blocks.transpose(2, 4, 0, 1, 3, 5).reshape(-1, rows, columns, channels)


def batch_to_space_nd(x: Int8, block: Sequence[int], crops: Sequence[Sequence[int]]) -> Int8:
    """Collect blocks from as many images, then crop rows and columns."""
    batch, rows, columns, channels = x.shape
    n = batch // (block[0] * block[1])
    blocks = x.reshape(block[0], block[1], n, rows, columns, channels).transpose(2, 3, 0, 4, 1, 5)
    whole = blocks.reshape(n, rows * block[0], columns * block[1], channels)
    (top, bottom), (left, right) = crops
    return whole[:, top:whole.shape[1] - bottom, left:whole.shape[2] - right]


def resize_nearest_neighbor(x: Int8, size: Sequence[int], *, align_corners: bool,
                            half_pixel: bool) -> Int8:
    """Take the nearest pixel, as `tflite_resize.nearest_sources` says which."""
    y, columns = (nearest_sources(x.shape[1 + axis], size[axis], align_corners=align_corners,
                                  half_pixel=half_pixel) for axis in (0, 1))
    return x[:, y][:, :, columns]


def resize_bilinear(x: Int8, size: Sequence[int], *, align_corners: bool, half_pixel: bool
                    ) -> Int8:
    """Interpolate between four pixels, halves rounded away from zero."""
    lines = [np.array(bilinear_sources(x.shape[1 + axis], size[axis], align_corners=align_corners,
                                       half_pixel=half_pixel), np.int64) for axis in (0, 1)]
    total: NDArray[np.int64] = np.zeros((x.shape[0], *size, x.shape[3]), np.int64)
    for near_y in (0, 1):
        for near_x in (0, 1):
            y, columns = lines[0][:, near_y], lines[1][:, near_x]
            weights = lines[0][:, 2 + near_y, None] * lines[1][:, 2 + near_x]
            total += x[:, y][:, :, columns].astype(np.int64) * weights[..., None]
    half = 1 << (2 * BILINEAR_BITS - 1)
    rounded: Int8 = (np.sign(total) * ((np.abs(total) + half) >> 2 * BILINEAR_BITS)).astype(np.int8)
    return rounded
