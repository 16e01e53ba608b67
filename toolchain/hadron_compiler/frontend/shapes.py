"""Shapes that a file leaves open, where a batch may have any size: found out from the first on.

A converter writes -1 into the signature of whatever has the batch in one of its sizes, in front or
not, and 1 into the shape. Here the batch is what the inputs say, and every shape follows.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.checker import extent
from hadron_compiler.frontend.flatbuffer import RawOperator, RawTensor
from hadron_compiler.frontend.slicing import slice_values, strided_slice_values
from hadron_compiler.ir.graph import Padding

__all__ = ["output_shapes"]

Shape = tuple[int, ...]
Tensors = Sequence[RawTensor]


class _UnknownError(Exception):
    """A shape does not follow from what is known."""


def output_shapes(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape] | None:
    """Return the shapes of an operator's outputs; None where they are in the file or unknown.

    Parameters
    ----------
    operator : RawOperator
        The operator.
    given, made : sequence of RawTensor
        Its inputs, without those that are absent, with shapes that are known; its outputs.
    """
    if all(size >= 0 for tensor in made for size in tensor.shape_signature):
        return None
    find = _KINDS.get(operator.kind, _same)
    try:
        shapes = find(operator, given, made)
    except (_UnknownError, ArithmeticError, IndexError, KeyError, TypeError, ValueError):
        return None
    fit = len(shapes) == len(made) and all(
        len(shape) == len(tensor.shape_signature)
        and all(wanted in (-1, size)
                for size, wanted in zip(shape, tensor.shape_signature, strict=True))
        for shape, tensor in zip(shapes, made, strict=True) if tensor.shape_signature)
    return [tuple(int(size) for size in shape) for shape in shapes] if fit else None


def _option(operator: RawOperator, name: str) -> int:
    return int((operator.options or {})[name])


def _integers(tensor: RawTensor) -> list[int]:
    if tensor.data is None:
        raise _UnknownError
    values: list[int] = tensor.data.astype(np.int64).ravel().tolist()
    return values


def _same(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    """Element by element, the smaller one repeated."""
    shapes = [tensor.shape for tensor in given]
    if operator.kind not in _ELEMENTWISE and any(shape != shapes[0] for shape in shapes):
        raise _UnknownError
    return [np.broadcast_shapes(*shapes)] * len(made)


def _windows(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    images, *sizes, channels = given[0].shape
    options = operator.options or {}
    if "FilterHeight" in options:
        kernel = [_option(operator, "FilterHeight"), _option(operator, "FilterWidth")]
    else:
        kernel = list(given[1].shape[1:3])
        channels = given[1].shape[3 if operator.kind == "DEPTHWISE_CONV_2D" else 0]
    padding = (Padding.SAME, Padding.VALID)[_option(operator, "Padding")]
    strides = [_option(operator, name) for name in ("StrideH", "StrideW")]
    dilations = [int(options.get(name, 1)) for name in ("DilationHFactor", "DilationWFactor")]
    outputs = [extent(*axis, padding)[0]
               for axis in zip(sizes, kernel, strides, dilations, strict=True)]
    return [(images, *outputs, channels)]


def _fully_connected(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    channels, taps = given[1].shape
    if len(made[0].shape_signature) == len(given[0].shape):
        return [(*given[0].shape[:-1], channels)]
    return [(given[0].elements // taps, channels)]


def _batch_matmul(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    x, y = given[0].shape, given[1].shape
    rows = x[-1] if _option(operator, "AdjX") else x[-2]
    columns = y[-2] if _option(operator, "AdjY") else y[-1]
    return [(*np.broadcast_shapes(x[:-2], y[:-2]), rows, columns)]


def _reduced(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    shape = given[0].shape
    axes = {axis % len(shape) for axis in _integers(given[1])}
    keeps = operator.kind not in ("ARG_MAX", "ARG_MIN") and _option(operator, "KeepDims")
    return [tuple(1 if axis in axes else size for axis, size in enumerate(shape)
                  if keeps or axis not in axes)]


def _joined(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    shape = list(given[0].shape)
    axis = _option(operator, "Axis") % len(shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in given)
    return [tuple(shape)]


def _packed(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    shape = list(given[0].shape)
    shape.insert(_option(operator, "Axis") % (len(shape) + 1), len(given))
    return [tuple(shape)]


def _unpacked(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    shape = list(given[0].shape)
    del shape[_option(operator, "Axis") % len(shape)]
    return [tuple(shape)] * len(made)


def _split(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    whole, at = (given[1], given[0]) if operator.kind == "SPLIT" else (given[0], given[2])
    axis = _integers(at)[0] % len(whole.shape)
    sizes = ([whole.shape[axis] // len(made)] * len(made) if operator.kind == "SPLIT"
             else _integers(given[1]))
    rest = whole.shape[axis] - sum(size for size in sizes if size >= 0)
    return [(*whole.shape[:axis], rest if size < 0 else size, *whole.shape[axis + 1:])
            for size in sizes]


def _reshaped(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    """By the constant or, without one, the signature: one size is what is left."""
    known = len(given) > 1 and operator.kind == "RESHAPE"
    wanted = _integers(given[1]) if known else list(made[0].shape_signature)
    if wanted.count(-1) > 1:
        raise _UnknownError
    rest = given[0].elements // -prod(wanted) if -1 in wanted else 0
    return [tuple(rest if size == -1 else size for size in wanted)]


def _sliced(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    """As of elements that take no room."""
    elements: npt.NDArray[np.int8] = np.broadcast_to(np.int8(0), given[0].shape)
    bounds = [_integers(tensor) for tensor in given[1:]]
    if operator.kind == "SLICE":
        return [slice_values(elements, *bounds).shape]
    return [strided_slice_values(operator.options or {}, elements, *bounds).shape]


def _padded(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    pairs = np.reshape(_integers(given[1]), (-1, 2)).sum(1).tolist()
    return [tuple(size + more for size, more in zip(given[0].shape, pairs, strict=True))]


def _gathered(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    shape = given[0].shape
    axis = _option(operator, "Axis") % len(shape)
    return [(*shape[:axis], *given[1].shape, *shape[axis + 1:])]


def _resized(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    images, *_, channels = given[0].shape
    return [(images, *_integers(given[1]), channels)]


def _blocks(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    images, height, width, channels = given[0].shape
    block = _option(operator, "BlockSize")
    if operator.kind == "DEPTH_TO_SPACE":
        return [(images, height * block, width * block, channels // block**2)]
    return [(images, height // block, width // block, channels * block**2)]


def _batches(operator: RawOperator, given: Tensors, made: Tensors) -> list[Shape]:
    images, *sizes = given[0].shape
    blocks = _integers(given[1])
    borders = np.reshape(_integers(given[2]), (-1, 2)).sum(1).tolist()
    inner, outer = sizes[:len(blocks)], sizes[len(blocks):]
    axes = list(zip(inner, blocks, borders, strict=True))
    if operator.kind == "SPACE_TO_BATCH_ND":
        return [(images * prod(blocks), *((size + more) // block for size, block, more in axes),
                 *outer)]
    return [(images // prod(blocks), *(size * block - less for size, block, less in axes), *outer)]


_ELEMENTWISE = frozenset({
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "PRELU", "SQUARED_DIFFERENCE", "POW",
    "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL", "SELECT", "SELECT_V2"})

_KINDS: dict[str, Callable[[RawOperator, Tensors, Tensors], list[Shape]]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"), _windows),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "ARG_MAX", "ARG_MIN"), _reduced),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshaped),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), _split),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE"), _sliced),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _padded),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resized),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), _blocks),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), _batches),
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "CONCATENATION": _joined,
    "PACK": _packed,
    "UNPACK": _unpacked,
    "GATHER": _gathered,
    "TRANSPOSE_CONV": lambda operator, given, made: [tuple(_integers(given[0]))],
    "TRANSPOSE": lambda operator, given, made: [
        tuple(given[0].shape[axis] for axis in _integers(given[1]))],
    "TILE": lambda operator, given, made: [
        tuple(map(prod, zip(given[0].shape, _integers(given[1]), strict=True)))],
    "BROADCAST_TO": lambda operator, given, made: [tuple(_integers(given[1]))],
    "FILL": lambda operator, given, made: [tuple(_integers(given[0]))],
}
