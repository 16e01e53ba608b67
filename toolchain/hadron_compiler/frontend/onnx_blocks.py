"""ONNX operators that pad, repeat, choose or rearrange elements.

Each function turns one node into a value: the docstrings say what is supported.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.offsets import grid, strides
from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Options,
    Value,
    bytes_at,
    constant_at,
    image_at,
    integers_at,
    real_at,
)
from hadron_compiler.frontend.onnx_values import Image, range_of, stored_shape
from hadron_compiler.ir.graph import FILL, DType, MoveAttributes, OpKind, PadAttributes, Tensor

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["BLOCKS"]

Indices = npt.NDArray[np.int64]


def _moved(importer: "OnnxImporter", kind: OpKind, source: Image, axes: Sequence[Indices],
           what: str, fill: int = 0) -> Image:
    """Return a value of which each axis takes some elements of the source's; of no element where
    an index is negative."""
    shape = tuple(len(indices) for indices in axes)
    places = stored_shape(tuple(range(len(shape))), source.channels_last)
    move = MoveAttributes(tuple(
        np.where(axes[axis] < 0, FILL, step * axes[axis])
        for step, axis in zip(strides(source.tensor.shape), places, strict=True)), fill)
    output = importer.operation(kind, source.tensor, stored_shape(shape, source.channels_last),
                                move, what)
    return Image(output, shape, source.channels_last)


def _pad(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Pad: constant, reflect, edge and wrap, of any axes; zeros of rows and columns are free in
    front of a convolution."""
    source, pads = image_at(importer, given), integers_at(importer, given, 1, options, "pads")
    if source is None or pads is None:
        return None
    rank = len(source.shape)
    chosen = integers_at(importer, given, 3, options, "axes")
    places = list(range(rank)) if chosen is None else [axis % rank for axis in chosen]
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(places):
        before[axis], after[axis] = pads[place], pads[place + len(places)]
    mode = options.get("mode", b"constant").decode()
    if not importer.require(mode in ("constant", "reflect", "edge", "wrap"), f"mode {mode} is not "
                            "supported"):
        return None
    value = _padding_value(importer, source.tensor, given, options)
    if value is None:
        return None
    if mode == "constant":
        source = _wide_enough(importer, source, value, node.output[0])
    tensor = source.tensor
    steps = int(np.clip(np.rint(np.clip(value / tensor.scale, -1e6, 1e6)) + tensor.zero_point,
                        -128, 127))
    if (mode == "constant" and rank == 4 and source.channels_last and min(*before, *after) >= 0
            and before[:2] == after[:2] == [0, 0] and steps == tensor.zero_point):
        shape = tuple(sum(sizes) for sizes in zip(before, source.shape, after, strict=True))
        output = importer.operation(OpKind.PAD, tensor, stored_shape(shape, True), None, "padded")
        importer.operations[-1].attributes = PadAttributes(before[2], before[3])
        return Image(output, shape, True)
    axes = []
    for first, size, end in zip(before, source.shape, after, strict=True):
        index = np.arange(-first, size + end)
        if mode == "constant":
            index = np.where((index < 0) | (index >= size), -1, index)
        elif mode == "edge":
            index = np.clip(index, 0, size - 1)
        elif mode == "wrap":
            index = index % size
        else:
            period = max(1, 2 * (size - 1))
            index = np.minimum(index % period, -index % period)
        axes.append(index)
    if not importer.require(all(index.size for index in axes), "the output is empty"):
        return None
    return _moved(importer, OpKind.PAD, source, axes, "padded", steps)


def _padding_value(importer: "OnnxImporter", tensor: Tensor, given: Given,
                   options: Options) -> float | None:
    """Return the number that Pad adds: a real one or, of 8 bits, that of an integer."""
    constant = constant_at(given, 2)
    if constant is not None and constant.data.dtype in (np.int8, np.uint8):
        step = int(constant.data.ravel()[0]) - 128 * (constant.data.dtype == np.uint8)
        return (step - tensor.zero_point) * tensor.scale
    real = real_at(given, 2)
    if not importer.require(real is not None or len(given) < 3 or given[2] is None,
                            "what it pads with must be constant"):
        return None
    return float(options.get("value", 0.0) if real is None else real.ravel()[0])


def _wide_enough(importer: "OnnxImporter", source: Image, value: float, name: str) -> Image:
    """Return a value quantized like `name`, what is made of it and a number, where its own range
    does not reach to that."""
    low, high = range_of(source.tensor)
    taken = importer.ranges.taken_behind(name)
    if taken is None or low <= value <= high:
        return source
    wanted = Tensor("", (), DType.INT8, taken[:1], taken[1:])
    return replace(source, tensor=importer.requantized(source.tensor, wanted))


def _depth_to_space(importer: "OnnxImporter", node: Any, given: Given,
                    options: Options) -> Value | None:
    """DepthToSpace: DCR and CRD, any block size."""
    source, block = bytes_at(importer, given), int(options["blocksize"])
    if source is None or not importer.require(
            len(source.shape) == 4 and source.shape[1] % block**2 == 0, f"the shape "
            f"{list(source.shape)} does not divide into blocks of {block}"):
        return None
    source = importer.image(source)
    images, height, width, depth = source.tensor.shape
    channels = depth // block**2
    y, x, z = ((block * channels, channels, 1) if options.get("mode", b"DCR") == b"DCR"
               else (block, 1, block**2))
    move = grid((images * height, width * depth), (block, y), (width, depth), (block, x),
                (channels, z))
    shape = (images, channels, height * block, width * block)
    output = importer.operation(OpKind.DEPTH_TO_SPACE, source.tensor, stored_shape(shape, True),
                                move, "to space")
    return Image(output, shape, True)


def _space_to_depth(importer: "OnnxImporter", node: Any, given: Given,
                    options: Options) -> Value | None:
    """SpaceToDepth: any block size."""
    source, block = bytes_at(importer, given), int(options["blocksize"])
    if source is None or not importer.require(
            len(source.shape) == 4 and source.shape[2] % block == source.shape[3] % block == 0,
            f"the shape {list(source.shape)} does not divide into blocks of {block}"):
        return None
    source = importer.image(source)
    images, height, width, depth = source.tensor.shape
    row = width * depth
    move = grid((images * height // block, block * row), (width // block, block * depth),
                (block, row), (block, depth), (depth, 1))
    shape = (images, depth * block**2, height // block, width // block)
    output = importer.operation(OpKind.SPACE_TO_DEPTH, source.tensor, stored_shape(shape, True),
                                move, "to depth")
    return Image(output, shape, True)


def _gather(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Gather: along any axis, constant indices."""
    source, indices = bytes_at(importer, given), constant_at(given, 1)
    if source is None or not importer.require(indices is not None, "indices must be constant"):
        return None
    assert indices is not None
    axis = int(options.get("axis", 0)) % len(source.shape)
    size = source.shape[axis]
    values = indices.data.astype(np.int64)
    if not importer.require(bool(((values >= -size) & (values < size)).all()) and values.size > 0,
                            f"indices are beyond the {size} elements of axis {axis}"):
        return None
    axes = [np.arange(extent) for extent in source.shape]
    axes[axis] = values.ravel() % size
    made = _moved(importer, OpKind.GATHER, source, axes, "gathered")
    if values.ndim == 1:
        return made
    shape = (*source.shape[:axis], *values.shape, *source.shape[axis + 1:])
    return Image(importer.operation(OpKind.RESHAPE, importer.plain(made).tensor, shape, None,
                                    "view"), shape)


def _tile(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Tile: constant repeats."""
    source, repeats = bytes_at(importer, given), integers_at(importer, given, 1, options, "repeats")
    if source is None or repeats is None or not importer.require(
            len(repeats) == len(source.shape) and min(repeats) > 0, "repeats must be 1 or more, "
            "one for each axis"):
        return None
    return _moved(importer, OpKind.BROADCAST_TO, source,
                  [np.tile(np.arange(size), times)
                   for size, times in zip(source.shape, repeats, strict=True)], "repeated")


def _expand(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Expand: to a constant shape."""
    source, wanted = bytes_at(importer, given), integers_at(importer, given, 1, options, "shape")
    if source is None or wanted is None:
        return None
    try:
        shape = np.broadcast_shapes(source.shape, tuple(wanted))
    except ValueError:
        importer.require(False, f"{list(source.shape)} does not repeat to {wanted}")
        return None
    if len(shape) > len(source.shape):
        wide = (1,) * (len(shape) - len(source.shape)) + source.shape
        source = Image(importer.operation(OpKind.RESHAPE, importer.plain(source).tensor, wide, None,
                                          "view"), wide)
    if shape == source.shape:
        return source
    return _moved(importer, OpKind.BROADCAST_TO, source,
                  [np.arange(new) % old for new, old in zip(shape, source.shape, strict=True)],
                  "repeated")


BLOCKS: dict[str, Handler] = {
    "Pad": _pad,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Gather": _gather,
    "Tile": _tile,
    "Expand": _expand,
}
