"""ONNX operators that move or join bytes, change shapes or leave everything as it is.

Each function turns one node into a value: the docstrings say what is supported.
"""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.offsets import spans, strides
from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Options,
    Value,
    image_at,
    shape_of,
)
from hadron_compiler.frontend.onnx_values import Constant, Image, Pending
from hadron_compiler.ir.graph import (
    ConcatenationAttributes,
    MoveAttributes,
    OpKind,
    ResizeAttributes,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["MOVEMENT"]


def _shown(importer: "OnnxImporter", given: Given, shape: tuple[int, ...]) -> Value | None:
    """Return the first input under another shape."""
    source = given[0]
    if not importer.require(isinstance(source, Image), "input 0 is not quantized"):
        return None
    assert isinstance(source, Image)
    if not importer.require(prod(source.shape) == prod(shape), f"{list(source.shape)} does not "
                            f"reshape to {list(shape)}"):
        return None
    tensor = importer.plain(source).tensor
    return Image(importer.operation(OpKind.RESHAPE, tensor, shape, None, "view"), shape)


def _reshape(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Reshape: to a constant shape; costs nothing unless an image's channels must be moved."""
    target = given[1]
    source = given[0]
    if not importer.require(isinstance(target, Constant), "the shape must be a constant"):
        return None
    assert isinstance(target, Constant)
    shape = [int(n) for n in target.data.ravel()]
    known = shape_of(source)
    shape = [known[i] if n == 0 and i < len(known) else n for i, n in enumerate(shape)]
    if shape.count(-1) == 1:
        rest = -prod(shape)
        shape[shape.index(-1)] = prod(known) // rest if rest else 0
    return _shown(importer, given, tuple(shape))


def _flatten(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Flatten: any axis."""
    shape = shape_of(given[0])
    axis = int(options.get("axis", 1))
    return _shown(importer, given, (prod(shape[:axis]), prod(shape[axis:])))


def _axes(given: Given, options: Options) -> list[int] | None:
    value = given[1] if len(given) > 1 else None
    if isinstance(value, Constant):
        return [int(axis) for axis in value.data.ravel()]
    return list(options["axes"]) if "axes" in options else None


def _squeeze(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Squeeze: any."""
    shape, axes = shape_of(given[0]), _axes(given, options)
    gone = [axis % len(shape) for axis in axes] if axes is not None else [
        axis for axis, size in enumerate(shape) if size == 1]
    return _shown(importer, given, tuple(size for axis, size in enumerate(shape)
                                         if axis not in gone))


def _unsqueeze(importer: "OnnxImporter", node: Any, given: Given,
               options: Options) -> Value | None:
    """Unsqueeze: any."""
    axes, shape = _axes(given, options) or [], list(shape_of(given[0]))
    for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return _shown(importer, given, tuple(shape))


def _transpose(importer: "OnnxImporter", node: Any, given: Given,
               options: Options) -> Value | None:
    """Transpose: any; free between channels last and channels first."""
    source = given[0]
    if not importer.require(isinstance(source, Image), "input 0 is not quantized"):
        return None
    assert isinstance(source, Image)
    order = tuple(options.get("perm", range(len(source.shape))[::-1]))
    shape = tuple(source.shape[axis] for axis in order)
    if order == (0, 3, 1, 2) and not source.channels_last:
        return Image(source.tensor, shape, True)
    if order == (0, 2, 3, 1) and source.channels_last:
        return Image(source.tensor, shape)
    return Image(importer.turned(importer.plain(source).tensor, order), shape)


def _resize(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Resize: nearest neighbour by whole factors; linear, with positions of ten bits as TensorFlow
    Lite has them."""
    source = image_at(importer, given)
    scales, sizes = (given[i] if len(given) > i else None for i in (2, 3))
    if source is None or not importer.require(len(source.shape) == 4, "four dimensions are "
                                                                      "supported"):
        return None
    source = importer.image(source)
    if isinstance(sizes, Constant):
        factors = [int(n) / size for n, size in zip(sizes.data.ravel(), source.shape, strict=True)]
    else:
        factors = [float(n) for n in scales.data.ravel()] if isinstance(scales, Constant) else []
    if options.get("mode", b"nearest") == b"linear":
        return _linear(importer, source, factors, options)
    whole = len(factors) == 4 and all(factor == int(factor) >= 1 for factor in factors)
    if not importer.require(whole and factors[:2] == [1, 1]
                            and options.get("mode", b"nearest") == b"nearest",
                            "nearest neighbours by whole factors are supported"):
        return None
    y, x = (int(factor) for factor in factors[2:])
    n, height, width, channels = source.tensor.shape
    image, row, pixel, _ = strides(source.tensor.shape)
    axes: tuple[npt.NDArray[np.int64], ...] = (
        image * np.arange(n), row * np.repeat(np.arange(height), y),
        pixel * np.repeat(np.arange(width), x), np.arange(channels))
    output = importer.operation(
        OpKind.RESIZE_NEAREST_NEIGHBOR, source.tensor, (n, height * y, width * x, channels),
        MoveAttributes(axes), "resized")
    return Image(output, (n, channels, height * y, width * x), True)


def _linear(importer: "OnnxImporter", source: Image, factors: list[float],
            options: Options) -> Value | None:
    mode = options.get("coordinate_transformation_mode", b"half_pixel")
    if not importer.require(len(factors) == 4 and factors[:2] == [1, 1] and mode in (
            b"half_pixel", b"pytorch_half_pixel", b"align_corners", b"asymmetric"),
            "rows and columns, half_pixel, align_corners and asymmetric are supported"):
        return None
    n, height, width, channels = source.tensor.shape
    size = int(height * factors[2]), int(width * factors[3])
    output = importer.operation(OpKind.RESIZE_BILINEAR, source.tensor, (n, *size, channels), None,
                                "resized")
    importer.operations[-1].attributes = ResizeAttributes(mode == b"align_corners",
                                                          mode.endswith(b"half_pixel"))
    return Image(output, (n, channels, *size), True)


def _slice(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Slice: constant starts and ends, of any axes."""
    source = image_at(importer, given)
    values = [value.data.astype(np.int64).ravel().tolist() if isinstance(value, Constant) else None
              for value in given[1:]]
    if source is None or not importer.require(len(values) >= 2 and None not in values[:2],
                                              "starts and ends must be constants"):
        return None
    source = importer.plain(source)
    rank = len(source.shape)
    starts, ends = values[0] or [], values[1] or []
    axes = values[2] if len(values) > 2 and values[2] is not None else list(range(len(starts)))
    steps = values[3] if len(values) > 3 and values[3] is not None else [1] * len(starts)
    chosen = [range(size) for size in source.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        chosen[axis % rank] = chosen[axis % rank][slice(start, None if end < -source.shape[axis]
                                                        else end, step)]
    shape = tuple(len(part) for part in chosen)
    if not importer.require(prod(shape) > 0, "the output is empty"):
        return None
    move = spans(source.shape, [part.start for part in chosen], shape,
                 [part.step for part in chosen])
    return Image(importer.operation(OpKind.SLICE, source.tensor, shape, move, "slice"), shape)


def _same(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Identity, Dropout: nothing to do."""
    return given[0]


def _concat(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Concat: along any axis; inputs quantized unlike the output are requantized."""
    images = [image_at(importer, given, position) for position in range(len(given))]
    if None in images:
        return None
    parts = [image for image in images if image is not None]
    last = any(part.channels_last for part in parts)
    parts = [importer.image(part) if last else importer.plain(part) for part in parts]
    rank = len(parts[0].shape)
    axis = int(options["axis"]) % rank
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    stored = (0, 3, 1, 2)[axis] if last else axis

    return Pending(importer.label, OpKind.CONCATENATION,
                   lambda output: [importer.requantized(part.tensor, output) for part in parts],
                   lambda activation, output: ConcatenationAttributes(stored), tuple(shape), last,
                   importer.index)


MOVEMENT: dict[str, Handler] = {
    "Concat": _concat,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Resize": _resize,
    "Slice": _slice,
    "Identity": _same,
    "Dropout": _same,
}
