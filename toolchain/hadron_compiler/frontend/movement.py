"""Operators that only move bytes: which input byte each output byte is.

Every importer returns the offsets of one output (`MoveAttributes`), or the operations that an
operator with several outputs becomes.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import checked_axis, constant_integers, grid, spans, strides
from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    MoveAttributes,
    Operation,
    OpKind,
    PadAttributes,
    Tensor,
)

__all__ = [
    "broadcast_to",
    "gather",
    "mirror_pad",
    "pack",
    "pad",
    "padv2",
    "reshape",
    "reverse",
    "slice_",
    "split",
    "split_v",
    "strided_slice",
    "tile",
    "transpose",
    "unpack",
]

Integers = npt.NDArray[np.int64]


def reshape(check: Checker) -> Any:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: any; costs nothing."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    check.require(source.elements == output.elements, f"input {source.name} has {source.elements} "
                  f"elements, output {output.name} {output.elements}")
    check.same_quantization()
    return [replace(check.operation, kind=OpKind.RESHAPE)]


def slice_(check: Checker) -> Any:
    """SLICE: any; begin and size constant."""
    source = check.operation.required(0)
    begins = constant_integers(check, 1, len(source.shape))
    sizes = constant_integers(check, 2, len(source.shape))
    if begins is None or sizes is None:
        return None
    sizes = [extent - begin if size == -1 else size
             for begin, size, extent in zip(begins, sizes, source.shape, strict=True)]
    inside = all(begin >= 0 and size >= 1 and begin + size <= extent
                 for begin, size, extent in zip(begins, sizes, source.shape, strict=True))
    if not check.require(inside, f"begin {begins} and size {sizes} leave input {source.name} of "
                                 f"the shape {list(source.shape)}"):
        return None
    check.same_quantization()
    check.output_shape(tuple(sizes))
    return spans(source.shape, begins, sizes)


def strided_slice(check: Checker) -> Any:
    """STRIDED_SLICE: any strides, negative ones too, and masks, but for the ellipsis and new axis
    masks; begin, end and strides constant."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    rank = len(source.shape)
    begins, ends, steps = (constant_integers(check, position, rank) for position in (1, 2, 3))
    check.require(not check.option("EllipsisMask") and not check.option("NewAxisMask"),
                  "ellipsis and new axis masks are not supported")
    if begins is None or ends is None or steps is None or not check.require(
            0 not in steps, f"strides {steps} must not be 0"):
        return None
    counts = []
    shape = []
    for axis, extent in enumerate(source.shape):
        masked = [bool(check.option(name) >> axis & 1) for name in ("BeginMask", "EndMask")]
        if check.option("ShrinkAxisMask") >> axis & 1:
            begins[axis] = 0 if masked[0] else begins[axis] + extent * (begins[axis] < 0)
            counts.append(1)
            if not check.require(0 <= begins[axis] < extent, f"begin {begins[axis]} of axis {axis} "
                                 f"leaves input {source.name} of the shape {list(source.shape)}"):
                return None
            continue
        bounds = slice(None if masked[0] else begins[axis], None if masked[1] else ends[axis],
                       steps[axis])
        chosen = range(extent)[bounds]
        begins[axis] = chosen.start
        counts.append(len(chosen))
        shape.append(len(chosen))
    check.same_quantization()
    check.require(prod(counts) > 0, f"output {output.name} is empty")
    check.output_shape(tuple(shape))
    return spans(source.shape, begins, counts, steps)


def _pieces(check: Checker, source: Tensor, axis: int, sizes: Sequence[int]) -> Any:
    """Return one operation for each output: neighbouring shares of an axis."""
    outputs = check.operation.outputs
    if not check.require(len(outputs) == len(sizes) and sum(sizes) == source.shape[axis]
                         and min(sizes) > 0, f"input {source.name} of the shape "
                         f"{list(source.shape)} does not divide into {list(sizes)} along axis "
                         f"{axis}"):
        return None
    operations = []
    first = 0
    for output, size in zip(outputs, sizes, strict=True):
        counts = [*source.shape[:axis], size, *source.shape[axis + 1:]]
        firsts = [first * (place == axis) for place in range(len(counts))]
        first += size
        part = Checker(replace(check.operation, inputs=[source], outputs=[output]), check.options,
                       check.problems)
        part.same_quantization()
        part.require(output.elements == prod(counts), f"output {output.name} has the shape "
                     f"{list(output.shape)}, must be {counts}")
        check.sound &= part.sound
        part.operation.attributes = spans(source.shape, firsts, counts)
        operations.append(part.operation)
    return operations


def split(check: Checker) -> Any:
    """SPLIT: along any axis."""
    source = check.operation.required(1)
    axes = constant_integers(check, 0, 1)
    axis = None if axes is None else checked_axis(check, axes[0], len(source.shape))
    if axis is None:
        return None
    count = len(check.operation.outputs)
    return _pieces(check, source, axis, [source.shape[axis] // count] * count)


def split_v(check: Checker) -> Any:
    """SPLIT_V: along any axis, sizes constant."""
    source = check.operation.required(0)
    sizes, axes = constant_integers(check, 1), constant_integers(check, 2, 1)
    axis = None if axes is None else checked_axis(check, axes[0], len(source.shape))
    if axis is None or sizes is None:
        return None
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(sizes) - 1
    return _pieces(check, source, axis, sizes)


def unpack(check: Checker) -> Any:
    """UNPACK: along any axis."""
    source = check.operation.required(0)
    axis = checked_axis(check, check.option("Axis"), len(source.shape))
    return None if axis is None else _pieces(check, source, axis, [1] * source.shape[axis])


def pack(check: Checker) -> Any:
    """PACK: along any axis; all inputs quantized like the output."""
    parts, output = check.operation.activations, check.operation.outputs[0]
    axis = checked_axis(check, check.option("Axis"), len(output.shape))
    if axis is None:
        return None
    shape = list(output.shape)
    check.require(shape.pop(axis) == len(parts) and all(list(part.shape) == shape
                                                        for part in parts),
                  f"inputs of the shapes {[list(part.shape) for part in parts]} do not make up "
                  f"output {output.name} of the shape {list(output.shape)}")
    shape.insert(axis, 1)
    operations: list[Operation] = []
    views: dict[Tensor, Tensor] = {}
    for position, part in enumerate(parts):
        check.same_quantization(position)
        if part.data is not None:
            views[part] = replace(part, shape=tuple(shape), data=part.data.reshape(shape))
        elif part not in views:
            views[part] = replace(part, shape=tuple(shape))
            operations.append(replace(check.operation, kind=OpKind.RESHAPE, inputs=[part],
                                      outputs=[views[part]]))
    operations.append(replace(check.operation, kind=OpKind.CONCATENATION,
                              inputs=[views[part] for part in parts],
                              attributes=ConcatenationAttributes(axis)))
    return operations


def transpose(check: Checker) -> Any:
    """TRANSPOSE: any; a byte at a time if the last axis moves."""
    source = check.operation.required(0)
    order = constant_integers(check, 1, len(source.shape))
    if order is None:
        return None
    order = [axis % len(order) for axis in order]
    if not check.require(sorted(order) == list(range(len(order))),
                         f"{order} is not an order of the axes"):
        return None
    check.same_quantization()
    check.output_shape(tuple(source.shape[axis] for axis in order))
    axes = spans(source.shape, [0] * len(order), source.shape).axes
    return MoveAttributes(tuple(axes[axis] for axis in order))


def _paddings(check: Checker) -> list[list[int]] | None:
    source, paddings = check.operation.required(0), check.operation.required(1)
    rank = len(source.shape)
    assert paddings.data is not None
    values = paddings.data.astype(np.int64)
    if not check.require(values.shape == (rank, 2) and bool((values >= 0).all()),
                         f"paddings {paddings.name} have the shape {list(paddings.shape)}, must be "
                         f"[{rank}, 2] and not negative"):
        return None
    check.same_quantization()
    pairs: list[list[int]] = values.tolist()
    check.output_shape(tuple(size + sum(pair)
                             for size, pair in zip(source.shape, pairs, strict=True)))
    return pairs


def _filled(source: Tensor, pairs: list[list[int]], fill: int) -> MoveAttributes:
    axes = []
    for stride, extent, (before, after) in zip(strides(source.shape), source.shape, pairs,
                                               strict=True):
        offsets = np.full(before + extent + after, FILL, np.int64)
        offsets[before:before + extent] = stride * np.arange(extent)
        axes.append(offsets)
    return MoveAttributes(tuple(axes), fill)


def pad(check: Checker) -> Any:
    """PAD: any; of rows and columns, free in front of a convolution."""
    source, pairs = check.operation.required(0), _paddings(check)
    if pairs is None:
        return None
    if len(pairs) == 4 and pairs[0] == pairs[3] == [0, 0]:
        return PadAttributes(pairs[1][0], pairs[2][0])
    return _filled(source, pairs, check.operation.outputs[0].zero_point)


def padv2(check: Checker) -> Any:
    """PADV2: any, with a constant quantized like the output."""
    source, pairs = check.operation.required(0), _paddings(check)
    value = constant_integers(check, 2, 1)
    if pairs is None or value is None:
        return None
    given, output = check.operation.required(2), check.operation.outputs[0]
    check.require(given.dtype is output.dtype, f"input {given.name} is {given.dtype.name}, output "
                  f"{output.name} is {output.dtype.name}")
    check.require((given.scale, given.zero_point) == (output.scale, output.zero_point),
                  f"quantization of input {given.name} and output {output.name} differ")
    return _filled(source, pairs, value[0])


def mirror_pad(check: Checker) -> Any:
    """MIRROR_PAD: any, REFLECT and SYMMETRIC."""
    source, pairs = check.operation.required(0), _paddings(check)
    if pairs is None:
        return None
    reflects = check.option("Mode") == 0
    most = [extent - reflects for extent in source.shape]
    if not check.require(all(max(pair) <= limit for pair, limit in zip(pairs, most, strict=True)),
                         f"paddings {pairs} are more than input {source.name} of the shape "
                         f"{list(source.shape)} has to mirror"):
        return None
    axes: list[Integers] = []
    for stride, extent, (before, after) in zip(strides(source.shape), source.shape, pairs,
                                               strict=True):
        inside = stride * np.arange(extent, dtype=np.int64)
        mirrored = inside[::-1]
        axes.append(np.concatenate((mirrored[extent - before - reflects:extent - reflects], inside,
                                    mirrored[reflects:reflects + after])))
    return MoveAttributes(tuple(axes))


def gather(check: Checker) -> Any:
    """GATHER: along any axis, constant indices, no batch dimensions."""
    source, indices = check.operation.required(0), check.operation.required(1)
    rank = len(source.shape)
    axis = checked_axis(check, check.option("Axis"), rank)
    values = constant_integers(check, 1)
    if axis is None or values is None or not check.require(
            check.option("BatchDims") == 0, "batch dimensions are not supported"):
        return None
    extent = source.shape[axis]
    if not check.require(all(0 <= value < extent for value in values), f"indices {indices.name} "
                         f"are beyond the {extent} elements of axis {axis}"):
        return None
    check.same_quantization()
    check.output_shape((*source.shape[:axis], *indices.shape, *source.shape[axis + 1:]))
    axes = list(spans(source.shape, [0] * rank, source.shape).axes)
    axes[axis] = axes[axis][values]
    return MoveAttributes(tuple(axes))


def broadcast_to(check: Checker) -> Any:
    """BROADCAST_TO: any."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    shape = (1,) * (len(output.shape) - len(source.shape)) + source.shape
    fits = len(shape) == len(output.shape) and all(
        own in (1, wanted) for own, wanted in zip(shape, output.shape, strict=True))
    if not check.require(fits, f"input {source.name} of the shape {list(source.shape)} does not "
                               f"repeat to {list(output.shape)}"):
        return None
    check.same_quantization()
    return grid(*((wanted, 0 if own == 1 else stride) for own, wanted, stride in zip(
        shape, output.shape, strides(shape), strict=True)))


def tile(check: Checker) -> Any:
    """TILE: any, constant multiples."""
    source = check.operation.required(0)
    multiples = constant_integers(check, 1, len(source.shape))
    if multiples is None or not check.require(min(multiples, default=1) >= 1, f"multiples "
                                              f"{multiples} must be 1 or more"):
        return None
    check.same_quantization()
    check.output_shape(tuple(size * times for size, times in zip(source.shape, multiples,
                                                                 strict=True)))
    return MoveAttributes(tuple(
        np.tile(stride * np.arange(size, dtype=np.int64), times) for size, times, stride in zip(
            source.shape, multiples, strides(source.shape), strict=True)))


def reverse(check: Checker) -> Any:
    """REVERSE_V2: along any axes; a byte at a time if the last one is among them."""
    source = check.operation.required(0)
    rank = len(source.shape)
    given = constant_integers(check, 1)
    axes = [checked_axis(check, axis, rank) for axis in given or ()]
    check.same_quantization()
    check.output_shape(source.shape)
    return MoveAttributes(tuple(
        offsets[::-1] if axis in axes else offsets
        for axis, offsets in enumerate(spans(source.shape, [0] * rank, source.shape).axes)))
