"""The operators Hadron supports, each with its limits.

Every function here turns the options of one operator into attributes of the graph and reports what
Hadron does not support. Their docstrings are the list of supported operators.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.problems import Problems
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    ConcatenationAttributes,
    ConvolutionAttributes,
    DType,
    FullyConnectedAttributes,
    MeanAttributes,
    MulAttributes,
    Operation,
    OpKind,
    PadAttributes,
    Padding,
    PoolAttributes,
    SoftmaxAttributes,
    Tensor,
    Window,
)

__all__ = ["CONSTANT_INPUTS", "MAX_CONCATENATED", "MAX_POOL_TAPS", "MAX_SOFTMAX_ELEMENTS",
           "import_operator", "supported_operators"]

Options = dict[str, float]

MAX_CONCATENATED = 256
"""Most inputs of CONCATENATION: each is a layer of its own."""

CONSTANT_INPUTS: dict[OpKind, tuple[int, int, frozenset[int]]] = {
    OpKind.CONV_2D: (2, 3, frozenset({1, 2})),
    OpKind.DEPTHWISE_CONV_2D: (2, 3, frozenset({1, 2})),
    OpKind.FULLY_CONNECTED: (2, 3, frozenset({1, 2})),
    OpKind.AVERAGE_POOL_2D: (1, 1, frozenset()),
    OpKind.MAX_POOL_2D: (1, 1, frozenset()),
    OpKind.ADD: (2, 2, frozenset()),
    OpKind.SUB: (2, 2, frozenset()),
    OpKind.MUL: (2, 2, frozenset()),
    OpKind.CONCATENATION: (1, MAX_CONCATENATED, frozenset()),
    OpKind.MEAN: (2, 2, frozenset({1})),
    OpKind.PAD: (2, 2, frozenset({1})),
    OpKind.RESHAPE: (1, 2, frozenset({1})),
    OpKind.SOFTMAX: (1, 1, frozenset()),
}
"""Of each operator: fewest and most inputs, and which of them must be constants."""

MAX_POOL_TAPS = 4096
"""Largest area of an average pool. Source: hadron_spec.numerics.average_multiplier."""

MAX_SOFTMAX_ELEMENTS = 4095
"""Longest softmax row: the sum of exponentials has 12 integer bits.
Source: tensorflow/lite/kernels/internal/reference/softmax.h, kAccumulationIntegerBits."""

_ACTIVATIONS = {0: Activation.NONE, 1: Activation.RELU, 2: Activation.RELU_N1_TO_1,
                3: Activation.RELU6}
_ACTIVATION_NAMES = {4: "TANH", 5: "SIGN_BIT"}
_WITHOUT_OPTIONS = (OpKind.PAD, OpKind.RESHAPE)
_PADDINGS = {0: Padding.SAME, 1: Padding.VALID}


class _Checker:
    """One operator being imported: its options, and whether anything was wrong with it."""

    def __init__(self, operation: Operation, options: Options, problems: Problems) -> None:
        self.operation = operation
        self.options = options
        self.problems = problems
        self.sound = True

    def require(self, ok: bool, problem: str) -> bool:
        if not ok:
            self.sound = False
            self.problems.add(f"{self.operation.label}: {problem}")
        return ok

    def option(self, name: str) -> int:
        return int(self.options[name])

    def activation(self) -> Activation:
        code = self.option("FusedActivationFunction")
        name = _ACTIVATION_NAMES.get(code, f"code {code}")
        self.require(code in _ACTIVATIONS, f"fused activation {name} is not supported; NONE, RELU, "
                                           "RELU6 and RELU_N1_TO_1 are")
        return _ACTIVATIONS.get(code, Activation.NONE)

    def rank(self, tensor: Tensor, rank: int) -> bool:
        return self.require(len(tensor.shape) == rank, f"tensor {tensor.name} has the shape "
                            f"{list(tensor.shape)}; {rank} dimensions are supported")

    def output_shape(self, expected: tuple[int, ...]) -> bool:
        output = self.operation.outputs[0]
        return self.require(output.shape == expected, f"output {output.name} has the shape "
                            f"{list(output.shape)}, must be {list(expected)}")

    def window(self, kernel_y: int, kernel_x: int, dilation_y: int = 1,
               dilation_x: int = 1) -> Window | None:
        """Return the window, and check that the output has the size it makes."""
        source, output = self.operation.required(0), self.operation.outputs[0]
        stride_y, stride_x = self.option("StrideH"), self.option("StrideW")
        padding = _PADDINGS.get(self.option("Padding"))
        sizes = (kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x)
        if not self.require(padding is not None and all(1 <= n <= 32767 for n in sizes),
                            "kernel size, stride, dilation and padding must be 1 to 32767 and "
                            "SAME or VALID"):
            return None
        height, before_y = _extent(source.shape[1], kernel_y, stride_y, dilation_y, padding)
        width, before_x = _extent(source.shape[2], kernel_x, stride_x, dilation_x, padding)
        if not self.require(output.shape[:3] == (source.shape[0], height, width),
                            f"output {output.name} has the shape {list(output.shape)}, the window "
                            f"makes {[source.shape[0], height, width]} of it"):
            return None
        return Window(kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x,
                      before_y, before_x)

    def weights(self, channel_axis: int) -> None:
        """Check weights and bias: INT8 in -127 to 127, per tensor or per output channel."""
        weights = self.operation.required(1)
        channels = weights.shape[channel_axis]
        self.require(weights.dtype is DType.INT8, f"weights {weights.name} are "
                     f"{weights.dtype.name}; INT8 weights are supported")
        if weights.dtype is DType.INT8 and weights.data is not None:
            count = int(np.count_nonzero(weights.data == -128))
            self.require(count == 0, f"refused: weights {weights.name} hold -128 in {count} "
                         "places; INT8 weights must be -127 to 127")
        self.require(all(point == 0 for point in weights.zero_points),
                     f"weights {weights.name} have a zero point other than 0")
        scales = weights.scales
        if self.require(len(scales) > 0, f"weights {weights.name} have no quantization: scale and "
                        "zero point are missing"):
            self.require(len(scales) in (1, channels), f"weights {weights.name} have {len(scales)} "
                         f"scales, must be 1 or {channels}")
            self.require(len(scales) == 1 or weights.quantized_dimension == channel_axis,
                         f"weights {weights.name} are quantized along axis "
                         f"{weights.quantized_dimension}, must be {channel_axis}")
            self.require(all(np.isfinite(scale) and scale > 0 for scale in scales),
                         f"weights {weights.name} have a scale that is not positive")
        bias = self.operation.inputs[2] if len(self.operation.inputs) > 2 else None
        if bias is not None:
            self.require(bias.dtype is DType.INT32, f"bias {bias.name} is {bias.dtype.name}; "
                         "INT32 biases are supported")
            self.require(bias.elements == channels,
                         f"bias {bias.name} has {bias.elements} elements, must be {channels}")

    def same_quantization(self, position: int = 0) -> None:
        source, output = self.operation.required(position), self.operation.outputs[0]
        same = source.scale == output.scale and source.zero_point == output.zero_point
        self.require(same, f"quantization of input {source.name} and output {output.name} differ")


def _extent(size: int, kernel: int, stride: int, dilation: int,
            padding: Padding | None) -> tuple[int, int]:
    """Return output size and padding before; source: tensorflow/lite/kernels/padding.h."""
    span = (kernel - 1) * dilation + 1
    if padding is Padding.SAME:
        result = -(-size // stride)
        return result, max(0, (result - 1) * stride + span - size) // 2
    return max(0, -(-(size - span + 1) // stride)), 0


def supported_operators() -> dict[str, str]:
    """Return, for each supported operator, what of it is supported, in words."""
    texts = {}
    for kind, importer in _IMPORTERS.items():
        words = " ".join((importer.__doc__ or "").split())
        texts[kind.value] = words.partition(": ")[2]
    return texts


def import_operator(operation: Operation, options: Options | None,
                    problems: Problems) -> Operation | None:
    """Set the attributes of `operation`, or report why it is not supported and return None."""
    importer = _IMPORTERS[operation.kind]
    if options is None and operation.kind not in _WITHOUT_OPTIONS:
        problems.add(f"{operation.label}: the operator has no options")
        return None
    checker = _Checker(operation, options or {}, problems)
    attributes = importer(checker)
    if not checker.sound:
        return None
    operation.attributes = attributes
    return operation


def _conv_2d(check: _Checker) -> Any:
    """CONV_2D: any kernel, stride, dilation, groups, SAME or VALID; weights constant, per channel
    or per tensor."""
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


def _depthwise_conv_2d(check: _Checker) -> Any:
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
    window = check.window(weights.shape[1], weights.shape[2], check.option("DilationHFactor"),
                          check.option("DilationWFactor"))
    return window and ConvolutionAttributes(window, check.activation())


def _fully_connected(check: _Checker) -> Any:
    """FULLY_CONNECTED: any number of rows; weights constant, per channel or per tensor."""
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
    check.weights(0)
    return FullyConnectedAttributes(check.activation())


def _pool(check: _Checker) -> Window | None:
    source, output = check.operation.required(0), check.operation.outputs[0]
    if not (check.rank(source, 4) and check.rank(output, 4)):
        return None
    check.same_quantization()
    window = check.window(check.option("FilterHeight"), check.option("FilterWidth"))
    check.require(output.shape[3] == source.shape[3],
                  f"output {output.name} has {output.shape[3]} channels, must be {source.shape[3]}")
    return window


def _average_pool_2d(check: _Checker) -> Any:
    """AVERAGE_POOL_2D: any window of up to 4096 elements that the weight memory holds."""
    window = _pool(check)
    if window is None:
        return None
    taps = window.kernel_y * window.kernel_x
    check.require(taps <= MAX_POOL_TAPS, f"the window has {taps} elements, at most "
                                         f"{MAX_POOL_TAPS} are supported")
    return PoolAttributes(window, check.activation())


def _max_pool_2d(check: _Checker) -> Any:
    """MAX_POOL_2D: any window."""
    window = _pool(check)
    return window and PoolAttributes(window, check.activation())


def _add(check: _Checker) -> Any:
    """ADD: two tensors of the same shape; a constant is broadcast."""
    return _sum(check)


def _sub(check: _Checker) -> Any:
    """SUB: a constant, broadcast, from a tensor; unless its scale is the smaller and it has ties
    of both signs."""
    x, constant = check.operation.required(0), check.operation.required(1)
    if not check.require(constant.data is not None, f"subtrahend {constant.name} is not a "
                         "constant; Hadron subtracts constants only"):
        return None
    assert constant.data is not None
    # Inverting value and zero point negates their difference and leaves both in INT8.
    data: npt.NDArray[np.int8] = ~constant.data.astype(np.int8)
    check.operation.inputs = [x, replace(constant, data=data,
                                         zero_points=(~constant.zero_point,))]
    return _sum(check)


def _sum(check: _Checker) -> Any:
    given = check.operation.required(0), check.operation.required(1)
    output = check.operation.outputs[0]
    for position, tensor in enumerate(given):
        if (tensor.data is not None and tensor.shape != output.shape
                and _broadcasts(tensor.shape, output.shape)):
            data = np.ascontiguousarray(np.broadcast_to(tensor.data, output.shape))
            check.operation.inputs[position] = replace(tensor, shape=output.shape, data=data)
    a, b = check.operation.required(0), check.operation.required(1)
    check.require(a.shape == b.shape, f"broadcasting is not supported: {a.name} has the shape "
                  f"{list(given[0].shape)}, {b.name} {list(given[1].shape)}")
    if a.shape == b.shape:
        check.output_shape(a.shape)
    return AddAttributes(check.activation())


def _mul(check: _Checker) -> Any:
    """MUL: a tensor by a constant of one value or one a channel (the last axis)."""
    a, b = check.operation.required(0), check.operation.required(1)
    output = check.operation.outputs[0]
    if not check.require(a.data is not None or b.data is not None, f"neither {a.name} nor {b.name} "
                         "is a constant; Hadron multiplies by constants only"):
        return None
    x, constant = (a, b) if b.data is not None else (b, a)
    channels = output.shape[-1] if output.shape else 1
    per_channel = constant.elements == channels and constant.shape[-1:] == (channels,)
    check.require(constant.elements == 1 or per_channel, f"constant {constant.name} has the shape "
                  f"{list(constant.shape)}; one value, or one for each of the {channels} channels, "
                  "is supported")
    check.output_shape(x.shape)
    check.operation.inputs = [x, constant]
    return MulAttributes(check.activation())


def _concatenation(check: _Checker) -> Any:
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


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether a tensor can be repeated along its axes of size one to fill another's shape."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _mean(check: _Checker) -> Any:
    """MEAN: over rows and columns (axes 1 and 2) of four dimensions."""
    source, axes = check.operation.required(0), check.operation.required(1)
    if not check.rank(source, 4) or axes.data is None:
        return None
    values: npt.NDArray[np.int64] = axes.data.astype(np.int64).ravel()
    normalized = sorted({int(axis) % 4 for axis in values})
    check.require(normalized == [1, 2] and all(-4 <= axis < 4 for axis in values),
                  f"axes {values.tolist()} are not supported; rows and columns, [1, 2], are")
    output = check.operation.outputs[0]
    check.require(output.elements == source.shape[0] * source.shape[3],
                  f"output {output.name} has {output.elements} elements, must be "
                  f"{source.shape[0] * source.shape[3]}")
    return MeanAttributes()


def _pad(check: _Checker) -> Any:
    """PAD: rows and columns of four dimensions; free in front of a convolution."""
    source, paddings = check.operation.required(0), check.operation.required(1)
    if not check.rank(source, 4) or paddings.data is None:
        return None
    values: npt.NDArray[np.int64] = paddings.data.astype(np.int64)
    if not check.require(values.shape == (4, 2) and bool((values >= 0).all()),
                         f"paddings {paddings.name} have the shape {list(paddings.shape)}, must be "
                         "[4, 2] and not negative"):
        return None
    pairs: list[list[int]] = values.tolist()
    check.require(pairs[0] == pairs[3] == [0, 0], f"paddings {pairs} are not supported; rows and "
                                                  "columns may be padded")
    check.same_quantization()
    check.output_shape(tuple(size + sum(pair)
                             for size, pair in zip(source.shape, pairs, strict=True)))
    return PadAttributes(pairs[1][0], pairs[2][0])


def _reshape(check: _Checker) -> None:
    """RESHAPE: any; costs nothing."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    check.require(source.elements == output.elements, f"input {source.name} has {source.elements} "
                  f"elements, output {output.name} {output.elements}")
    check.same_quantization()


def _softmax(check: _Checker) -> Any:
    """SOFTMAX: over the last axis, up to 4095 elements, any beta, output scale 1/256 and zero
    point -128."""
    source, output = check.operation.required(0), check.operation.outputs[0]
    check.require(len(source.shape) > 0, f"input {source.name} is a scalar")
    check.output_shape(source.shape)
    elements = source.shape[-1] if source.shape else 1
    check.require(elements <= MAX_SOFTMAX_ELEMENTS, f"a row has {elements} elements, at most "
                                                    f"{MAX_SOFTMAX_ELEMENTS} are supported")
    check.require(output.scale == 1 / 256 and output.zero_point == -128,
                  f"output {output.name} has scale {output.scale} and zero point "
                  f"{output.zero_point}, must be 1/256 and -128")
    beta = float(check.options["Beta"])
    check.require(np.isfinite(beta) and beta > 0, f"beta is {beta}, must be positive")
    return SoftmaxAttributes(beta)


_IMPORTERS: dict[OpKind, Callable[[_Checker], Any]] = {
    OpKind.CONV_2D: _conv_2d,
    OpKind.DEPTHWISE_CONV_2D: _depthwise_conv_2d,
    OpKind.FULLY_CONNECTED: _fully_connected,
    OpKind.AVERAGE_POOL_2D: _average_pool_2d,
    OpKind.MAX_POOL_2D: _max_pool_2d,
    OpKind.ADD: _add,
    OpKind.SUB: _sub,
    OpKind.MUL: _mul,
    OpKind.CONCATENATION: _concatenation,
    OpKind.MEAN: _mean,
    OpKind.PAD: _pad,
    OpKind.RESHAPE: _reshape,
    OpKind.SOFTMAX: _softmax,
}
