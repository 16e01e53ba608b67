"""ONNX operators over whole axes: means, sums, extrema, softmax.

Each function turns one node into a value: the docstrings say what is supported.
"""

from math import prod
from typing import TYPE_CHECKING, Any

from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Options,
    Value,
    image_at,
    integers_at,
)
from hadron_compiler.frontend.onnx_values import (
    Chosen,
    Image,
    Pending,
    range_of,
    stored_shape,
)
from hadron_compiler.ir.graph import (
    OpKind,
    ReduceAttributes,
    SoftmaxAttributes,
)
from hadron_spec.numerics import SOFTMAX_COUNT_MAX

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["REDUCTIONS", "global_average"]


def _reduced(importer: "OnnxImporter", kind: OpKind, source: Image, axes: list[int],
             keep: bool) -> Value | None:
    """Return the reduction of a value over some axes."""
    rank = len(source.shape)
    gone = {axis % rank for axis in axes}
    if not keep and 0 in gone:
        source = importer.plain(source)
    shape = tuple(1 if axis in gone else size for axis, size in enumerate(source.shape)
                  if keep or axis not in gone)
    tensor = source.tensor
    places = [source.axis(axis) for axis in sorted(gone)]
    long = [axis for axis, size in enumerate(tensor.shape) if size > 1]
    chosen = [place for place, axis in enumerate(long) if axis in places]
    stored = tuple(1 if axis in places else size for axis, size in enumerate(tensor.shape))
    if chosen and chosen != list(range(chosen[0], chosen[-1] + 1)):
        kept = [axis for axis in range(rank) if axis not in places]
        tensor = importer.turned(tensor, (*kept, *sorted(places)))
        attributes = ReduceAttributes(
            (1, prod(tensor.shape[:len(kept)]), prod(tensor.shape[len(kept):]), 1),
            (1, prod(tensor.shape[len(kept):])))
    elif rank == 4 and places == [1, 2]:
        images, height, width, channels = tensor.shape
        attributes = ReduceAttributes((images, height, width, channels), (height, width))
    else:
        first = long[chosen[0]] if chosen else rank
        end = long[chosen[-1]] + 1 if chosen else rank
        count = prod(tensor.shape[first:end])
        attributes = ReduceAttributes((1, prod(tensor.shape[:first]), count,
                                       prod(tensor.shape[end:])), (1, count))
    # What is left of an image has its channels last still, unless they are gone.
    last = source.channels_last and (keep or (1 not in gone and len(shape) > 2))
    if not keep:
        stored = stored_shape(shape, last)

    if kind in (OpKind.MEAN, OpKind.SUM):
        return Pending(importer.label, kind, lambda output: [tensor],
                       lambda activation, output: attributes, shape, last, importer.index,
                       likely=range_of(tensor) if kind is OpKind.MEAN else None)
    output = importer.operation(kind, tensor, stored, None, "reduced")
    importer.operations[-1].attributes = attributes
    return Image(output, shape, last)


def _reduce(kind: OpKind, text: str) -> Handler:
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        source = image_at(importer, given)
        if source is None:
            return None
        axes = integers_at(importer, given, 1, options, "axes")
        if not axes:
            if options.get("noop_with_empty_axes"):
                return source
            axes = list(range(len(source.shape)))
        return _reduced(importer, kind, source, axes, bool(options.get("keepdims", 1)))
    handler.__doc__ = text
    return handler


def _global(kind: OpKind, text: str) -> Handler:
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        source = image_at(importer, given)
        return source and _reduced(importer, kind, importer.image(source),
                                   list(range(2, len(source.shape))), True)
    handler.__doc__ = text
    return handler


def global_average(importer: "OnnxImporter", source: Image) -> Value | None:
    """Return the mean of all rows and columns."""
    return _reduced(importer, OpKind.MEAN, importer.image(source), [2, 3], True)


def _softmax(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Softmax: over any axis; computed with scale 1/256 and zero point -128."""
    source = image_at(importer, given)
    if source is None:
        return None
    rank = len(source.shape)
    axis = int(options.get("axis", -1)) % rank
    elements = source.shape[axis]
    if not importer.require(elements <= SOFTMAX_COUNT_MAX,
                            f"a row has {elements} elements, at most {SOFTMAX_COUNT_MAX} are "
                            "supported"):
        return None
    if axis == 1 and rank > 2:
        source = importer.image(source)
    elif source.channels_last:
        source = importer.plain(source)
    tensor, place = source.tensor, source.axis(axis)
    order = (*(other for other in range(rank) if other != place), place)
    turned = importer.turned(tensor, order) if place != rank - 1 else tensor
    output = importer.operation(OpKind.SOFTMAX, turned, turned.shape, None, "softmax")
    output.scales, output.zero_points = (1 / 256,), (-128,)
    importer.operations[-1].attributes = SoftmaxAttributes(1.0)
    if place != rank - 1:
        output = importer.turned(output, tuple(order.index(other) for other in range(rank)))
    return Image(output, source.shape, source.channels_last)


def _arg_max(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """ArgMax: of a network output: left to the host, and reported."""
    source = image_at(importer, given)
    if source is None or not importer.require(not options.get("select_last_index"),
                                              "the last of equal elements is not supported"):
        return None
    axis = int(options.get("axis", 0)) % len(source.shape)
    keep = bool(options.get("keepdims", 1))
    # Without its channels, an image has its axes in the file's order.
    image = source if axis == 1 and not keep else importer.plain(source)
    return Chosen(image.tensor, image.axis(axis), keep, importer.label)


REDUCTIONS: dict[str, Handler] = {
    "GlobalAveragePool": _global(OpKind.MEAN, "GlobalAveragePool: any."),
    "GlobalMaxPool": _global(OpKind.REDUCE_MAX, "GlobalMaxPool: any."),
    "ReduceMean": _reduce(OpKind.MEAN, "ReduceMean: over any axes."),
    "ReduceSum": _reduce(OpKind.SUM, "ReduceSum: over any axes."),
    "ReduceMax": _reduce(OpKind.REDUCE_MAX, "ReduceMax: over any axes."),
    "ReduceMin": _reduce(OpKind.REDUCE_MIN, "ReduceMin: over any axes."),
    "Softmax": _softmax,
    "ArgMax": _arg_max,
}
