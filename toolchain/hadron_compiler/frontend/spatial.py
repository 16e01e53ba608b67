"""Operators that move bytes of images: blocks, batches and nearest neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import constant_integers, grid, strides
from hadron_compiler.ir.graph import MoveAttributes, OpKind, PadAttributes, ResizeAttributes
from hadron_spec.tflite_resize import bilinear_sources, nearest_sources

__all__ = ["batch_to_space_nd", "bilinear", "depth_to_space", "resize_bilinear",
           "resize_nearest_neighbor", "space_to_batch_nd", "space_to_depth"]


def depth_to_space(check: Checker) -> Any:
    """DEPTH_TO_SPACE: any block size."""
    source, block = check.operation.required(0), check.option("BlockSize")
    if not check.rank(source, 4):
        return None
    images, height, width, depth = source.shape
    if not check.require(block >= 1 and depth % block**2 == 0, f"block size {block}: {depth} "
                         f"channels are no multiple of {block}x{block}"):
        return None
    channels = depth // block**2
    check.same_quantization()
    check.output_shape((images, height * block, width * block, channels))
    return grid((images * height, width * depth), (block, block * channels), (width, depth),
                 (block, channels), (channels, 1))


def space_to_depth(check: Checker) -> Any:
    """SPACE_TO_DEPTH: any block size."""
    source, block = check.operation.required(0), check.option("BlockSize")
    if not check.rank(source, 4):
        return None
    images, height, width, depth = source.shape
    if not check.require(block >= 1 and height % block == width % block == 0, f"block size "
                         f"{block}: {height}x{width} are no multiples of it"):
        return None
    check.same_quantization()
    check.output_shape((images, height // block, width // block, depth * block**2))
    row = width * depth
    return grid((images * height // block, block * row), (width // block, block * depth),
                 (block, row), (block, depth), (depth, 1))


def _blocks(check: Checker) -> tuple[list[int], list[list[int]]] | None:
    """Return block sizes and paddings (or crops) of the two axes of an image."""
    source = check.operation.required(0)
    if not check.rank(source, 4):
        return None
    sizes, borders = constant_integers(check, 1, 2), constant_integers(check, 2, 4)
    if sizes is None or borders is None or not check.require(
            min(sizes) >= 1 and min(borders) >= 0, f"block sizes {sizes} must be 1 or more, "
            f"borders {borders} 0 or more"):
        return None
    check.same_quantization()
    return sizes, [borders[:2], borders[2:]]


def _as_images(check: Checker, importer: Callable[[Checker], Any]) -> Any:
    """Import an operator of lines of pixels as one of images, a pixel wide."""
    operation, output = check.operation, check.operation.outputs[0]
    source, sizes, borders = (operation.required(position) for position in range(3))
    if not (check.rank(output, 3) and check.require(
            sizes.elements == 1 and borders.elements == 2, f"constants {sizes.name} and "
            f"{borders.name} must have 1 and 2 elements")):
        return None
    assert sizes.data is not None
    assert borders.data is not None
    images, made = (replace(tensor, name=f"{tensor.name} (as images)", data=None, root=None,
                            shape=(*tensor.shape[:2], 1, tensor.shape[2]))
                    for tensor in (source, output))
    wide = [replace(sizes, shape=(2,), data=np.array([sizes.data.item(), 1])),
            replace(borders, shape=(2, 2), data=np.array([borders.data.ravel(), [0, 0]]))]
    inner = Checker(replace(operation, inputs=[images, *wide], outputs=[made]), check.options,
                    check.problems)
    result = importer(inner)
    check.sound &= inner.sound
    if not isinstance(result, list):
        inner.operation.attributes = result
        result = [inner.operation]
    return [replace(operation, kind=OpKind.RESHAPE, inputs=[source], outputs=[images]), *result,
            replace(operation, kind=OpKind.RESHAPE, inputs=[made], outputs=[output])]


def space_to_batch_nd(check: Checker) -> Any:
    """SPACE_TO_BATCH_ND: of rows and columns or lines, with any padding, which takes a copy of its
    own."""
    if len(check.operation.required(0).shape) == 3:
        return _as_images(check, space_to_batch_nd)
    blocks, source = _blocks(check), check.operation.required(0)
    if blocks is None:
        return None
    (block_y, block_x), borders = blocks
    images, height, width, channels = source.shape
    height, width = height + sum(borders[0]), width + sum(borders[1])
    if not check.require(height % block_y == width % block_x == 0, f"{height}x{width} with padding "
                         f"are no multiples of the block size {block_y}x{block_x}"):
        return None
    rows, columns = height // block_y, width // block_x
    check.output_shape((block_y * block_x * images, rows, columns, channels))
    row = width * channels
    move = grid((block_y, row), (block_x, channels), (images, height * row),
                 (rows, block_y * row), (columns, block_x * channels), (channels, 1))
    if (height, width) == source.shape[1:3]:
        return move
    padded = replace(source, name=f"{source.name} (padded)", data=None, root=None,
                     shape=(images, height, width, channels))
    return [replace(check.operation, kind=OpKind.PAD, inputs=[source], outputs=[padded],
                    attributes=PadAttributes(borders[0][0], borders[1][0])),
            replace(check.operation, inputs=[padded], attributes=move)]


def batch_to_space_nd(check: Checker) -> Any:
    """BATCH_TO_SPACE_ND: to rows and columns or lines, with any crops."""
    if len(check.operation.required(0).shape) == 3:
        return _as_images(check, batch_to_space_nd)
    blocks, source = _blocks(check), check.operation.required(0)
    if blocks is None:
        return None
    (block_y, block_x), crops = blocks
    batch, height, width, channels = source.shape
    image, row, pixel, _ = strides(source.shape)
    if not check.require(batch % (block_y * block_x) == 0, f"{batch} images are no multiple of the "
                         f"block size {block_y}x{block_x}"):
        return None
    images = batch // (block_y * block_x)
    y = np.arange(crops[0][0], height * block_y - crops[0][1], dtype=np.int64)
    x = np.arange(crops[1][0], width * block_x - crops[1][1], dtype=np.int64)
    check.output_shape((images, y.size, x.size, channels))
    return MoveAttributes((
        image * np.arange(images, dtype=np.int64),
        y % block_y * (block_x * images * image) + y // block_y * row,
        x % block_x * (images * image) + x // block_x * pixel,
        np.arange(channels, dtype=np.int64)))


def _resized(check: Checker) -> list[int] | None:
    """Return the rows and columns of the output."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    if not (check.rank(source, 4) and check.rank(output, 4)):
        return None
    size = constant_integers(check, 1, 2)
    if size is None or not check.require(min(size) >= 1, f"size {size} must be 1 or more"):
        return None
    check.same_quantization()
    check.output_shape((source.shape[0], *size, source.shape[3]))
    return size


def resize_bilinear(check: Checker) -> Any:
    """RESIZE_BILINEAR: any size, half-pixel centres, aligned corners or neither; by factors of 2
    and 4 in one pass, by others in two."""
    size = _resized(check)
    align, half = bool(check.option("AlignCorners")), bool(check.option("HalfPixelCenters"))
    check.require(not (align and half), "aligned corners and half-pixel centres exclude one "
                                        "another")
    return size and bilinear(check.operation.required(0).shape, size, align_corners=align,
                             half_pixel=half)


def bilinear(shape: tuple[int, ...], size: Sequence[int], *, align_corners: bool,
             half_pixel: bool) -> ResizeAttributes | MoveAttributes:
    """Return what a bilinear resize of images is: where every output takes one input, as of images
    of one pixel, a movement."""
    lines = [bilinear_sources(own, wanted, align_corners=align_corners, half_pixel=half_pixel)
             for own, wanted in zip(shape[1:3], size, strict=True)]
    if any(line.lower != line.upper and line.upper_weight for axis in lines for line in axis):
        return ResizeAttributes(align_corners, half_pixel)
    image, row, pixel, _ = strides(shape)
    y, x = (np.array([line.lower for line in axis], np.int64) for axis in lines)
    return MoveAttributes((image * np.arange(shape[0], dtype=np.int64), row * y, pixel * x,
                           np.arange(shape[3], dtype=np.int64)))


def resize_nearest_neighbor(check: Checker) -> Any:
    """RESIZE_NEAREST_NEIGHBOR: any size, half-pixel centres and aligned corners."""
    source, size = check.operation.required(0), _resized(check)
    if size is None:
        return None
    image, row, pixel, _ = strides(source.shape)
    y, x = (np.array(nearest_sources(source.shape[1 + axis], size[axis],
                                     align_corners=bool(check.option("AlignCorners")),
                                     half_pixel=bool(check.option("HalfPixelCenters"))), np.int64)
            for axis in (0, 1))
    return MoveAttributes((image * np.arange(source.shape[0], dtype=np.int64), row * y, pixel * x,
                           np.arange(source.shape[3], dtype=np.int64)))
