"""ONNX operators that move or join bytes, change shapes or leave everything as it is.

Each function turns one node into a value: the docstrings say what is supported.
"""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.offsets import spans
from hadron_compiler.frontend.onnx_blocks import BLOCKS
from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Made,
    Options,
    Value,
    bytes_at,
    integers_at,
    settled,
    shape_of,
)
from hadron_compiler.frontend.onnx_operands import quantized_constant
from hadron_compiler.frontend.onnx_reordering import REORDERING, shown
from hadron_compiler.frontend.onnx_resize import resize
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Function,
    Image,
    Pending,
    Quantized,
    axes_last,
    hull,
    range_of,
)
from hadron_compiler.ir.graph import ConcatenationAttributes, DType, OpKind, Tensor

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["MOVEMENT"]


def _flatten(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Flatten: any axis."""
    shape = shape_of(given[0])
    axis = int(options.get("axis", 1))
    return shown(importer, given, (prod(shape[:axis]), prod(shape[axis:])))


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
    return shown(importer, given, tuple(size for axis, size in enumerate(shape)
                                         if axis not in gone))


def _unsqueeze(importer: "OnnxImporter", node: Any, given: Given,
               options: Options) -> Value | None:
    """Unsqueeze: any."""
    axes, shape = _axes(given, options) or [], list(shape_of(given[0]))
    for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return shown(importer, given, tuple(shape))


def _cut(importer: "OnnxImporter", source: Image, chosen: Sequence[range], what: str) -> Image:
    """Return some elements of every axis."""
    shape = tuple(len(part) for part in chosen)
    order = axes_last(len(shape)) if source.channels_last else range(len(shape))
    parts = [chosen[axis] for axis in order]
    move = spans(source.tensor.shape, [part.start for part in parts],
                 [len(part) for part in parts], [part.step for part in parts])
    tensor = importer.operation(OpKind.SLICE, source.tensor, tuple(len(part) for part in parts),
                                move, what)
    return Image(tensor, shape, source.channels_last)


def _slice(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Slice: constant starts and ends, of any axes."""
    source = bytes_at(importer, given)
    starts, ends, axes, steps = (integers_at(importer, given, position, options, name)
                                 for position, name in ((1, "starts"), (2, "ends"), (3, "axes"),
                                                        (4, "steps")))
    if source is None or starts is None or ends is None:
        return None
    rank = len(source.shape)
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    chosen = [range(size) for size in source.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        chosen[axis % rank] = chosen[axis % rank][slice(start, None if end < -source.shape[axis]
                                                        else end, step)]
    if not importer.require(all(len(part) > 0 for part in chosen), "the output is empty"):
        return None
    return _cut(importer, source, chosen, "slice")


def _split(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Made:
    """Split: along any axis, sizes constant."""
    source, sizes = bytes_at(importer, given), integers_at(importer, given, 1, options, "split")
    if source is None:
        return None
    axis = int(options.get("axis", 0)) % len(source.shape)
    if sizes is None:
        each = -(-source.shape[axis] // len(node.output))
        sizes = [min(each, source.shape[axis] - each * part) for part in range(len(node.output))]
    if not importer.require(sum(sizes) == source.shape[axis] and min(sizes) > 0
                            and len(sizes) == len(node.output), f"{source.shape[axis]} elements of "
                            f"axis {axis} do not divide into {sizes}"):
        return None
    parts = []
    first = 0
    for size in sizes:
        chosen = [range(extent) for extent in source.shape]
        chosen[axis] = range(first, first + size)
        first += size
        parts.append(_cut(importer, source, chosen, "part"))
    return parts


def _same(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Identity, Dropout: nothing to do."""
    return given[0]


def _concat(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Concat: along any axis; inputs quantized unlike the output are requantized."""
    operands = settled(importer, given)
    if operands is None:
        return None
    images = [value.source if isinstance(value, Function) else value for value in operands]
    for image in images:  # Of a network input, perhaps, which is quantized behind it.
        if (isinstance(image, Image) and not image.tensor.scales
                and (taken := importer.ranges.taken_behind(node.output[0])) is not None):
            importer.match(image.tensor, taken[:1], taken[1:])
    fine = importer.require(
        all(isinstance(image, Quantized | Constant)
            or (isinstance(image, Image) and bool(image.tensor.scales)) for image in images),
        "an input is not quantized")
    if not fine:
        return None
    last = any(image.channels_last for image in images if isinstance(image, Image))
    shapes = [shape_of(image) for image in images]
    axis = int(options["axis"]) % len(shapes[0])
    shape = list(shapes[0])
    shape[axis] = sum(own[axis] for own in shapes)
    stored = axes_last(len(shape)).index(axis) if last else axis

    def part(value: Value | None) -> Image | Function:
        if isinstance(value, Constant):
            value = quantized_constant(value)
        if isinstance(value, Quantized):
            data = value.data.astype(np.int8)
            value = Image(Tensor(value.name, data.shape, DType.INT8, value.scales,
                                 value.zero_points, 0, data), data.shape)
        if isinstance(value, Function):
            inner = value
            moved = importer.after(inner, importer.image if last else importer.plain)
            assert isinstance(moved, Function)
            return moved
        assert isinstance(value, Image)
        if value.tensor.data is not None and last:
            data = np.ascontiguousarray(np.moveaxis(value.tensor.data, 1, -1))
            return Image(Tensor(value.tensor.name, data.shape, DType.INT8, value.tensor.scales,
                                value.tensor.zero_points, 0, data), value.shape, True)
        return importer.image(value) if last else importer.plain(value)

    parts = [part(value) for value in operands]

    def quantized(part: Image | Function, output: Tensor) -> Tensor:
        if isinstance(part, Function):
            return importer.tabulated(part, f"{output.name} (a part)", output.scales,
                                      output.zero_points).tensor
        return importer.requantized(part.tensor, output)

    likely = hull(end for part in parts for end in (
        part.range if isinstance(part, Function) else range_of(part.tensor)))
    return Pending(importer.label, OpKind.CONCATENATION,
                   lambda output: [quantized(part, output) for part in parts],
                   lambda activation, output: ConcatenationAttributes(stored), tuple(shape), last,
                   importer.index, likely=likely)


MOVEMENT: dict[str, Handler] = {
    "Concat": _concat,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    **REORDERING,
    "Resize": resize,
    "Upsample": resize,
    "Slice": _slice,
    "Split": _split,
    **BLOCKS,
    "Identity": _same,
    "Dropout": _same,
}
