"""The operators Hadron supports, each with its limits.

Every function here turns the options of one operator into attributes of the graph and reports what
Hadron does not support. Their docstrings are the list of supported operators.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from hadron_compiler.frontend import binary, matmul, movement, spatial
from hadron_compiler.frontend.checker import Checker, Options
from hadron_compiler.frontend.deep_pools import deep_max_pool
from hadron_compiler.frontend.edges import EDGE_OPERATORS
from hadron_compiler.frontend.onnx_operators import OPERATORS as ONNX_OPERATORS
from hadron_compiler.frontend.problems import Problems
from hadron_compiler.frontend.unary import UNARY
from hadron_compiler.ir.graph import (
    DEEP_KINDS,
    NIBBLE_KINDS,
    SHALLOW_KINDS,
    Activation,
    AddAttributes,
    ConcatenationAttributes,
    ConvolutionAttributes,
    FullyConnectedAttributes,
    Operation,
    OpKind,
    PoolAttributes,
    ReduceAttributes,
    SoftmaxAttributes,
    TransposeConvolutionAttributes,
    Window,
)
from hadron_spec.numerics import SOFTMAX_COUNT_MAX, largest_average
from hadron_spec.tflite_quantization import padding_before, window_output

__all__ = ["CONSTANT_INPUTS", "MAX_CONCATENATED", "SEVERAL_OUTPUTS", "import_operator",
           "supported_operators"]

MAX_CONCATENATED = 256
"""Most inputs of CONCATENATION: each is a layer of its own."""

CONSTANT_INPUTS: dict[OpKind, tuple[int, int, frozenset[int]]] = {
    OpKind.CONV_2D: (2, 3, frozenset({1, 2})),
    OpKind.DEPTHWISE_CONV_2D: (2, 3, frozenset({1, 2})),
    OpKind.TRANSPOSE_CONV: (3, 4, frozenset({0, 1, 3})),
    OpKind.FULLY_CONNECTED: (2, 3, frozenset({1, 2})),
    OpKind.BATCH_MATMUL: (2, 2, frozenset()),
    OpKind.AVERAGE_POOL_2D: (1, 1, frozenset()),
    OpKind.MAX_POOL_2D: (1, 1, frozenset()),
    OpKind.ADD: (2, 2, frozenset()),
    OpKind.SUB: (2, 2, frozenset()),
    OpKind.MUL: (2, 2, frozenset()),
    OpKind.SQUARED_DIFFERENCE: (2, 2, frozenset()),
    OpKind.PRELU: (2, 2, frozenset({1})),
    OpKind.MAXIMUM: (2, 2, frozenset()),
    OpKind.MINIMUM: (2, 2, frozenset()),
    OpKind.CONCATENATION: (1, MAX_CONCATENATED, frozenset()),
    OpKind.MEAN: (2, 2, frozenset({1})),
    OpKind.SUM: (2, 2, frozenset({1})),
    OpKind.REDUCE_MAX: (2, 2, frozenset({1})),
    OpKind.REDUCE_MIN: (2, 2, frozenset({1})),
    OpKind.SOFTMAX: (1, 1, frozenset()),
    **dict.fromkeys(UNARY, (1, 1, frozenset())),
    OpKind.RESHAPE: (1, 2, frozenset({1})),
    OpKind.SQUEEZE: (1, 1, frozenset()),
    OpKind.EXPAND_DIMS: (2, 2, frozenset({1})),
    OpKind.PAD: (2, 2, frozenset({1})),
    OpKind.PADV2: (3, 3, frozenset({1, 2})),
    OpKind.MIRROR_PAD: (2, 2, frozenset({1})),
    OpKind.SLICE: (3, 3, frozenset({1, 2})),
    OpKind.STRIDED_SLICE: (4, 4, frozenset({1, 2, 3})),
    OpKind.SPLIT: (2, 2, frozenset({0})),
    OpKind.SPLIT_V: (3, 3, frozenset({1, 2})),
    OpKind.PACK: (1, MAX_CONCATENATED, frozenset()),
    OpKind.UNPACK: (1, 1, frozenset()),
    OpKind.TRANSPOSE: (2, 2, frozenset({1})),
    OpKind.DEPTH_TO_SPACE: (1, 1, frozenset()),
    OpKind.SPACE_TO_DEPTH: (1, 1, frozenset()),
    OpKind.SPACE_TO_BATCH_ND: (3, 3, frozenset({1, 2})),
    OpKind.BATCH_TO_SPACE_ND: (3, 3, frozenset({1, 2})),
    OpKind.RESIZE_NEAREST_NEIGHBOR: (2, 2, frozenset({1})),
    OpKind.RESIZE_BILINEAR: (2, 2, frozenset({1})),
    OpKind.GATHER: (2, 2, frozenset({1})),
    OpKind.BROADCAST_TO: (2, 2, frozenset({1})),
    OpKind.TILE: (2, 2, frozenset({1})),
    OpKind.REVERSE_V2: (2, 2, frozenset({1})),
}
"""Of each operator: fewest and most inputs, and which of them must be constants."""

SEVERAL_OUTPUTS = frozenset({OpKind.SPLIT, OpKind.SPLIT_V, OpKind.UNPACK})
"""Operators of one output or more."""

_WITHOUT_OPTIONS = (
    OpKind.RESHAPE, OpKind.SQUEEZE, OpKind.EXPAND_DIMS, OpKind.PAD, OpKind.PADV2, OpKind.SLICE,
    OpKind.SPLIT, OpKind.SPLIT_V, OpKind.TRANSPOSE, OpKind.SPACE_TO_BATCH_ND,
    OpKind.BATCH_TO_SPACE_ND, OpKind.BROADCAST_TO, OpKind.TILE, OpKind.REVERSE_V2, OpKind.MAXIMUM,
    OpKind.MINIMUM, OpKind.PRELU, OpKind.SQUARED_DIFFERENCE,
    *(kind for kind in UNARY if kind not in (OpKind.LEAKY_RELU, OpKind.GELU)))


def supported_operators() -> dict[str, str]:
    """Return, for each supported operator, what of it is supported, in words, and in which
    precisions."""
    texts = {}
    for kind, importer in _IMPORTERS.items():
        words = " ".join((importer.__doc__ or "").split())
        precisions = ", ".join(("W8A8", *["W4A8"] * (kind in NIBBLE_KINDS),
                                *["W8A16"] * (kind in DEEP_KINDS),
                                *["W4A4"] * (kind in SHALLOW_KINDS)))
        texts[kind.value] = f"{words.partition(': ')[2]} [{precisions}]"
    for name, text in EDGE_OPERATORS.items():
        texts[name] = f"{texts[name]}; {text}" if name in texts else text
    names = ["QuantizeLinear", "DequantizeLinear", *ONNX_OPERATORS]
    texts["ONNX"] = f"quantized models, in the QDQ or the QOperator form, of {', '.join(names)}"
    return texts


def import_operator(operation: Operation, options: Options | None,
                    problems: Problems) -> list[Operation]:
    """Return what an operator becomes, its attributes set: nothing where `problems` says why."""
    importer = _IMPORTERS[operation.kind]
    if options is None and operation.kind not in _WITHOUT_OPTIONS:
        problems.add(f"{operation.label}: the operator has no options")
        return []
    checker = Checker(operation, options or {}, problems)
    made = importer(checker)
    if not checker.sound:
        return []
    if isinstance(made, list):
        return made
    operation.attributes = made
    return [operation]


def _conv_2d(check: Checker) -> Any:
    """CONV_2D: any kernel, stride, dilation, groups, SAME or VALID; weights constant, INT8 or INT4,
    per channel or per tensor."""
    source, weights, output = (check.operation.required(0), check.operation.required(1),
                               check.operation.outputs[0])
    if not (check.rank(source, 4) and check.rank(weights, 4) and check.rank(output, 4)):
        return None
    channels, depth = weights.shape[0], weights.shape[3]
    check.require(source.shape[3] % depth == 0 and channels % (source.shape[3] // depth) == 0,
                  f"{source.shape[3]} input channels do not divide into groups of {depth}")
    check.require(output.shape[3] == channels,
                  f"output {output.name} has {output.shape[3]} channels, must be {channels}")
    check.weights(0)
    window = check.window(weights.shape[1], weights.shape[2], check.option("DilationHFactor"),
                          check.option("DilationWFactor"))
    return window and ConvolutionAttributes(window, check.activation())


def _depthwise_conv_2d(check: Checker) -> Any:
    """DEPTHWISE_CONV_2D: like CONV_2D, with any depth multiplier."""
    source, weights, output = (check.operation.required(0), check.operation.required(1),
                               check.operation.outputs[0])
    if not (check.rank(source, 4) and check.rank(weights, 4) and check.rank(output, 4)):
        return None
    channels = weights.shape[3]
    check.require(weights.shape[0] == 1, f"weights {weights.name} have the shape "
                  f"{list(weights.shape)}, must begin with 1")
    check.require(channels == source.shape[3] * check.option("DepthMultiplier"),
                  f"weights {weights.name} have {channels} channels, must be {source.shape[3]} "
                  f"times the depth multiplier {check.option('DepthMultiplier')}")
    check.require(output.shape[3] == channels,
                  f"output {output.name} has {output.shape[3]} channels, must be {channels}")
    check.weights(3)
    check.deep_bias()
    window = check.window(weights.shape[1], weights.shape[2], check.option("DilationHFactor"),
                          check.option("DilationWFactor"))
    return window and ConvolutionAttributes(window, check.activation())


def _transpose_conv(check: Checker) -> Any:
    """TRANSPOSE_CONV: any kernel and stride, SAME or VALID; weights constant, per channel or per
    tensor."""
    operation = check.operation
    _, weights, source, *bias = operation.inputs
    assert weights is not None
    assert source is not None
    operation.inputs = [source, weights, *bias]
    output = operation.outputs[0]
    if not (check.rank(source, 4) and check.rank(weights, 4) and check.rank(output, 4)):
        return None
    channels, rows, columns, depth = weights.shape
    check.require(source.shape[3] == depth and output.shape[3] == channels, f"weights "
                  f"{weights.name} have the shape {list(weights.shape)}; they must be "
                  f"{output.shape[3]} by {source.shape[3]} channels")
    check.weights(0)
    check.deep_bias()
    stride_y, stride_x = check.option("StrideH"), check.option("StrideW")
    padding = {0: "SAME", 1: "VALID"}.get(check.option("Padding"), "")
    if not check.require(padding != "" and min(stride_y, stride_x) >= 1,
                         "padding must be SAME or VALID, strides 1 or more"):
        return None
    before = []
    for size, given, kernel, stride in zip(output.shape[1:3], source.shape[1:3], (rows, columns),
                                           (stride_y, stride_x), strict=True):
        expected = window_output(size, kernel, stride, 1, padding)
        check.require(expected == given, f"output {output.name} has the shape "
                      f"{list(output.shape)}, of which the window makes {expected}, not {given}")
        before.append(padding_before(size, expected, kernel, stride, 1)
                      if padding == "SAME" else 0)
    return TransposeConvolutionAttributes(stride_y, stride_x, before[0], before[1],
                                          check.activation())


def _fully_connected(check: Checker) -> Any:
    """FULLY_CONNECTED: any number of rows; weights constant, INT8 or INT4, per channel or per
    tensor."""
    source, weights, output = (check.operation.required(0), check.operation.required(1),
                               check.operation.outputs[0])
    if not check.rank(weights, 2):
        return None
    check.require(check.option("WeightsFormat") == 0, "shuffled weights are not supported")
    depth = weights.shape[1]
    if check.require(source.elements % depth == 0, f"input {source.name} has {source.elements} "
                     f"elements, not a multiple of {depth}"):
        check.require(output.elements == source.elements // depth * weights.shape[0],
                      f"output {output.name} has {output.elements} elements, must be "
                      f"{source.elements // depth * weights.shape[0]}")
        check.require(output.shape[-1:] == weights.shape[:1], f"output {output.name} has the shape "
                      f"{list(output.shape)}, its last size must be {weights.shape[0]}")
    check.weights(0)
    return FullyConnectedAttributes(check.activation())


def _pool(check: Checker) -> Window | None:
    source, output = check.operation.required(0), check.operation.outputs[0]
    if not (check.rank(source, 4) and check.rank(output, 4)):
        return None
    check.same_quantization()
    window = check.window(check.option("FilterHeight"), check.option("FilterWidth"))
    check.require(output.shape[3] == source.shape[3],
                  f"output {output.name} has {output.shape[3]} channels, must be {source.shape[3]}")
    return window


def _average_pool_2d(check: Checker) -> Any:
    """AVERAGE_POOL_2D: any window of up to 1,048,576 elements; of 16 bits, up to 4096."""
    window = _pool(check)
    if window is None:
        return None
    taps = window.kernel_y * window.kernel_x
    most = largest_average(16 if check.operation.required(0).deep else 8)
    check.require(taps <= most, f"the window has {taps} elements, at most {most} are supported")
    return PoolAttributes(window, check.activation())


def _max_pool_2d(check: Checker) -> Any:
    """MAX_POOL_2D: any window."""
    window = _pool(check)
    if window is not None and check.operation.required(0).deep:
        return deep_max_pool(check, window)
    return window and PoolAttributes(window, check.activation())


def _add(check: Checker) -> Any:
    """ADD: two tensors, or a tensor and a constant, with broadcasting."""
    return _sum(check)


def _sub(check: Checker) -> Any:
    """SUB: two tensors, or a tensor and a constant, with broadcasting."""
    return _sum(check)


def _sum(check: Checker) -> Any:
    for position in (0, 1):
        check.same_type(position)
    if check.operation.outputs[0].deep and (with_constant := binary.sum_with_constant(check)):
        return with_constant
    copies = binary.broadcast(check)
    check.operation.attributes = AddAttributes(check.activation())
    return None if copies is None else [*copies, check.operation]


def _concatenation(check: Checker) -> Any:
    """CONCATENATION: along any axis; all inputs quantized like the output."""
    parts, output = check.operation.activations, check.operation.outputs[0]
    rank = len(output.shape)
    axis = check.option("Axis")
    if not check.require(-rank <= axis < rank, f"axis {axis} is not one of the {rank} of output "
                                               f"{output.name}"):
        return None
    axis %= rank
    for position, part in enumerate(parts):
        check.same_quantization(position)
        if not check.require(len(part.shape) == rank, f"input {part.name} has the shape "
                             f"{list(part.shape)}, must have {rank} dimensions"):
            return None
    joined = list(parts[0].shape)
    joined[axis] = sum(part.shape[axis] for part in parts)
    for part in parts:
        others = [*part.shape[:axis], joined[axis], *part.shape[axis + 1:]]
        check.require(others == joined, f"input {part.name} has the shape {list(part.shape)}; all "
                      f"must be alike but for axis {axis}")
    check.output_shape(tuple(joined))
    check.require(check.activation() is Activation.NONE, "a fused activation is not supported")
    return ConcatenationAttributes(axis)


def _mean(check: Checker) -> Any:
    """MEAN: over neighbouring axes, any number of elements."""
    check.same_type()
    return _reduce(check)


def _reduce_sum(check: Checker) -> Any:
    """SUM: like MEAN."""
    check.same_type()
    return _reduce(check)


def _extremum_of(check: Checker) -> Any:
    """REDUCE_MAX, REDUCE_MIN: over neighbouring axes."""
    check.same_quantization()
    return _reduce(check)


def _reduce(check: Checker) -> ReduceAttributes | None:
    source, given = check.operation.required(0), check.operation.required(1)
    output = check.operation.outputs[0]
    rank = len(source.shape)
    assert given.data is not None
    values: list[int] = given.data.astype(np.int64).ravel().tolist()
    if not check.require(all(-rank <= axis < rank for axis in values), f"axes {values} are not all "
                         f"of the {rank} of input {source.name}"):
        return None
    axes = {axis % rank for axis in values}
    # Axes of one element are neither here nor there.
    long = [axis for axis, size in enumerate(source.shape) if size > 1]
    chosen = [place for place, axis in enumerate(long) if axis in axes]
    if not check.require(chosen == list(range(chosen[0], chosen[-1] + 1)) if chosen else True,
                         f"axes {values} of the shape {list(source.shape)} are not supported; "
                         "neighbours are"):
        return None
    kept = prod(size for axis, size in enumerate(source.shape) if axis not in axes)
    check.require(output.elements == kept, f"output {output.name} has {output.elements} elements, "
                                           f"must be {kept}")
    if rank == 4 and axes == {1, 2}:
        images, height, width, channels = source.shape
        return ReduceAttributes((images, height, width, channels), (height, width))
    first = long[chosen[0]] if chosen else rank
    end = long[chosen[-1]] + 1 if chosen else rank
    count = prod(source.shape[first:end])
    return ReduceAttributes((1, prod(source.shape[:first]), count, prod(source.shape[end:])),
                            (1, count))


def _softmax(check: Checker) -> Any:
    """SOFTMAX: over the last axis, up to 2047 elements, 4095 in a configuration with
    softmax_elements = 4096, any beta, output scale 1/256 and zero point -128."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    check.require(len(source.shape) > 0, f"input {source.name} is a scalar")
    check.output_shape(source.shape)
    elements = source.shape[-1] if source.shape else 1
    check.require(elements <= SOFTMAX_COUNT_MAX, f"a row has {elements} elements, at most "
                                                 f"{SOFTMAX_COUNT_MAX} are supported")
    check.require(output.scale == 1 / 256 and output.zero_point == -128,
                  f"output {output.name} has scale {output.scale} and zero point "
                  f"{output.zero_point}, must be 1/256 and -128")
    beta = float(check.options["Beta"])
    check.require(np.isfinite(beta) and beta > 0, f"beta is {beta}, must be positive")
    return SoftmaxAttributes(beta)


_IMPORTERS: dict[OpKind, Callable[[Checker], Any]] = {
    OpKind.CONV_2D: _conv_2d,
    OpKind.DEPTHWISE_CONV_2D: _depthwise_conv_2d,
    OpKind.TRANSPOSE_CONV: _transpose_conv,
    OpKind.FULLY_CONNECTED: _fully_connected,
    OpKind.BATCH_MATMUL: matmul.batch_matmul,
    OpKind.AVERAGE_POOL_2D: _average_pool_2d,
    OpKind.MAX_POOL_2D: _max_pool_2d,
    OpKind.ADD: _add,
    OpKind.SUB: _sub,
    OpKind.MUL: binary.mul,
    OpKind.SQUARED_DIFFERENCE: binary.squared_difference,
    OpKind.PRELU: binary.prelu,
    OpKind.MAXIMUM: binary.maximum,
    OpKind.MINIMUM: binary.minimum,
    OpKind.CONCATENATION: _concatenation,
    OpKind.MEAN: _mean,
    OpKind.SUM: _reduce_sum,
    OpKind.REDUCE_MAX: _extremum_of,
    OpKind.REDUCE_MIN: _extremum_of,
    OpKind.SOFTMAX: _softmax,
    **UNARY,
    OpKind.RESHAPE: movement.reshape,
    OpKind.SQUEEZE: movement.reshape,
    OpKind.EXPAND_DIMS: movement.reshape,
    OpKind.PAD: movement.pad,
    OpKind.PADV2: movement.padv2,
    OpKind.MIRROR_PAD: movement.mirror_pad,
    OpKind.SLICE: movement.slice_,
    OpKind.STRIDED_SLICE: movement.strided_slice,
    OpKind.SPLIT: movement.split,
    OpKind.SPLIT_V: movement.split_v,
    OpKind.PACK: movement.pack,
    OpKind.UNPACK: movement.unpack,
    OpKind.TRANSPOSE: movement.transpose,
    OpKind.DEPTH_TO_SPACE: spatial.depth_to_space,
    OpKind.SPACE_TO_DEPTH: spatial.space_to_depth,
    OpKind.SPACE_TO_BATCH_ND: spatial.space_to_batch_nd,
    OpKind.BATCH_TO_SPACE_ND: spatial.batch_to_space_nd,
    OpKind.RESIZE_NEAREST_NEIGHBOR: spatial.resize_nearest_neighbor,
    OpKind.RESIZE_BILINEAR: spatial.resize_bilinear,
    OpKind.GATHER: movement.gather,
    OpKind.BROADCAST_TO: movement.broadcast_to,
    OpKind.TILE: movement.tile,
    OpKind.REVERSE_V2: movement.reverse,
}
