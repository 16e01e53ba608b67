"""The ONNX operators Hadron supports between DequantizeLinear and QuantizeLinear.

Each function turns one node into a value: the docstrings say what is supported.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_elementwise import ELEMENTWISE
from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Options,
    Value,
    image_at,
)
from hadron_compiler.frontend.onnx_movement import MOVEMENT
from hadron_compiler.frontend.onnx_values import Constant, Image, Pending, Quantized
from hadron_compiler.ir.graph import (
    Activation,
    ConvolutionAttributes,
    DType,
    FullyConnectedAttributes,
    OpKind,
    PoolAttributes,
    ReduceAttributes,
    SoftmaxAttributes,
    Tensor,
    Window,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["OPERATORS"]


def _window(importer: "OnnxImporter", options: Options, kernel: tuple[int, int],
            size: tuple[int, int]) -> tuple[Window, tuple[int, int]] | None:
    """Return the window and the rows and columns it makes."""
    stride = tuple(options.get("strides", (1, 1)))
    dilation = tuple(options.get("dilations", (1, 1)))
    pads = list(options.get("pads", (0, 0, 0, 0)))
    auto = options.get("auto_pad", b"NOTSET").decode()
    if not importer.require(auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
                            and len(stride) == len(dilation) == 2 and len(pads) == 4
                            and not options.get("ceil_mode"),
                            "two dimensions, rounded down, are supported"):
        return None
    result = []
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        if auto.startswith("SAME"):
            count = -(-size[axis] // stride[axis])
            total = max(0, (count - 1) * stride[axis] + span - size[axis])
            pads[axis] = (total + (auto == "SAME_LOWER")) // 2
        else:
            total = pads[axis] + pads[axis + 2]
            count = (size[axis] + total - span) // stride[axis] + 1
        if not importer.require(count > 0, f"a window of {span} does not fit {size[axis]}"):
            return None
        result.append(count)
    return (Window(kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1], pads[0],
                   pads[1]), (result[0], result[1]))


def _weights(importer: "OnnxImporter", value: Value | None, channel_axis: int,
             order: tuple[int, ...], axis: int) -> Tensor | None:
    """Return constant weights with their axes in `order`; `axis` is the channels' then."""
    if not importer.require(isinstance(value, Quantized), "weights must be INT8 constants behind "
                            "DequantizeLinear"):
        return None
    assert isinstance(value, Quantized)
    fine = importer.require(not any(value.zero_points), f"weights {value.name} have a zero point "
                            "other than 0")
    several = len(value.scales) > 1
    fine &= importer.require(not several or value.axis == channel_axis, f"weights {value.name} are "
                             f"quantized along axis {value.axis}, must be {channel_axis}")
    if not fine:
        return None
    data = np.ascontiguousarray(value.data.transpose(order)).astype(np.int8)
    return Tensor(value.name, data.shape, DType.INT8, value.scales, (0,) * len(value.scales), axis,
                  data)


def _bias(importer: "OnnxImporter", value: Value | None, x: Tensor,
          weights: Tensor) -> Tensor | None:
    """Return the bias in units of input times weight scale."""
    if value is None:
        return None
    if not importer.require(isinstance(value, Quantized | Constant), "the bias must be constant"):
        return None
    assert isinstance(value, Quantized | Constant)
    real = value.real if isinstance(value, Quantized) else value.data.astype(np.float64)
    units = real.ravel() / (x.scale * np.array(weights.scales))
    limit = float(1 << 31)
    if not importer.require(bool(np.abs(units).max(initial=0) < limit - 1), f"bias {value.name} "
                            "does not fit 32 bits"):
        return None
    data = np.rint(units).astype(np.int32)
    return Tensor(value.name, data.shape, DType.INT32, data=data)


def _conv(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Conv: two dimensions, any kernel, stride, dilation, groups and pads."""
    source = image_at(importer, given)
    kernel = given[1]
    if source is None or not importer.require(isinstance(kernel, Quantized) and kernel.data.ndim
                                              == 4, "weights must be INT8 constants behind "
                                              "DequantizeLinear, of four dimensions"):
        return None
    assert isinstance(kernel, Quantized)
    source = importer.image(source)
    channels, depth, rows, columns = kernel.data.shape
    made = _window(importer, options, (rows, columns), (source.shape[2], source.shape[3]))
    depthwise = depth == 1 and options.get("group", 1) == source.shape[1] > 1
    order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
    weights = _weights(importer, kernel, 0, order, axis)
    if made is None or weights is None:
        return None
    importer.require(options.get("group", 1) * depth == source.shape[1]
                     and channels % options.get("group", 1) == 0,
                     f"{source.shape[1]} input channels do not divide into groups of {depth}")
    bias = _bias(importer, given[2] if len(given) > 2 else None, source.tensor, weights)
    window, size = made
    return Pending(
        importer.label, OpKind.DEPTHWISE_CONV_2D if depthwise else OpKind.CONV_2D,
        lambda output: [source.tensor, weights, bias],
        lambda activation, output: ConvolutionAttributes(window, activation),
        (source.shape[0], channels, *size), True, importer.index)


def _dense(importer: "OnnxImporter", given: Given, transposed: bool) -> Value | None:
    source = image_at(importer, given)
    weights = _weights(importer, given[1], 0 if transposed else 1,
                       (0, 1) if transposed else (1, 0), 0)
    if source is None or weights is None:
        return None
    source = importer.plain(source)
    if not importer.require(source.shape[-1] == weights.shape[1], f"input {source.tensor.name} has "
                            f"{source.shape[-1]} elements a row, weights {weights.name} "
                            f"{weights.shape[1]}"):
        return None
    bias = _bias(importer, given[2] if len(given) > 2 else None, source.tensor, weights)
    return Pending(importer.label, OpKind.FULLY_CONNECTED,
                   lambda output: [source.tensor, weights, bias],
                   lambda activation, output: FullyConnectedAttributes(activation),
                   (*source.shape[:-1], weights.shape[0]), False, importer.index)


def _gemm(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Gemm: constant weights, alpha and beta of 1, the first operand not transposed."""
    plain = (options.get("alpha", 1.0) == options.get("beta", 1.0) == 1.0
             and not options.get("transA"))
    if not importer.require(plain, "alpha and beta must be 1, transA 0"):
        return None
    return _dense(importer, given, bool(options.get("transB")))


def _mat_mul(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """MatMul: by a constant matrix."""
    return _dense(importer, given, False)


def _pooled(importer: "OnnxImporter", source: Image, window: Window, shape: tuple[int, ...],
            activation: Activation = Activation.NONE) -> Value:
    tensor = source.tensor
    if len(tensor.shape) != 4:
        wide = importer.operation(OpKind.RESHAPE, tensor, (1, 1, 1, tensor.elements), None, "view")
        flat = _pooled(importer, Image(wide, wide.shape), window, wide.shape, activation)
        assert isinstance(flat, Image)
        return Image(importer.operation(OpKind.RESHAPE, flat.tensor, tensor.shape, None, "view"),
                     shape, source.channels_last)
    stored = (shape[0], *shape[2:], shape[1]) if source.channels_last else shape
    output = importer.operation(OpKind.MAX_POOL_2D, tensor, stored, None, "clamped")
    importer.operations[-1].attributes = PoolAttributes(window, activation)
    return Image(output, shape, source.channels_last)


def _max_pool(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """MaxPool: two dimensions, any window without dilation, any pads."""
    source = image_at(importer, given)
    if source is None or not importer.require(len(source.shape) == 4, "four dimensions are "
                                                                      "supported"):
        return None
    source = importer.image(source)
    kernel = tuple(options["kernel_shape"])
    made = _window(importer, options, (kernel[0], kernel[1]), (source.shape[2], source.shape[3]))
    if made is None or not importer.require(made[0].dilation_y == made[0].dilation_x == 1
                                            and len(node.output) == 1,
                                            "dilation and indices are not supported"):
        return None
    return _pooled(importer, source, made[0], (*source.shape[:2], *made[1]))


def _average_pool(importer: "OnnxImporter", node: Any, given: Given,
                  options: Options) -> Value | None:
    """AveragePool: two dimensions; padding counted or not; rescaled as a depthwise convolution."""
    source = image_at(importer, given)
    if source is None or not importer.require(len(source.shape) == 4, "four dimensions are "
                                                                      "supported"):
        return None
    source = importer.image(source)
    kernel = tuple(options["kernel_shape"])
    made = _window(importer, options, (kernel[0], kernel[1]), (source.shape[2], source.shape[3]))
    if made is None:
        return None
    window, size = made
    if (window.kernel_y, window.kernel_x) == source.shape[2:] and size == (1, 1):
        return _mean_of(importer, source, (*source.shape[:2], 1, 1), True)
    padded = any(options.get("pads", ())) or options.get("auto_pad", b"NOTSET") != b"NOTSET"
    if not importer.require(not padded or bool(options.get("count_include_pad")),
                            "padding that is not counted is not supported"):
        return None
    count = window.kernel_y * window.kernel_x
    channels = source.shape[1]
    ones = np.ones((1, window.kernel_y, window.kernel_x, channels), np.int8)
    weights = Tensor("ones", ones.shape, DType.INT8, (1 / count,), (0,), 3, ones)
    return Pending(importer.label, OpKind.DEPTHWISE_CONV_2D,
                   lambda output: [source.tensor, weights, None],
                   lambda activation, output: ConvolutionAttributes(window, activation),
                   (*source.shape[:2], *size), True, importer.index)


def _mean_of(importer: "OnnxImporter", source: Image, shape: tuple[int, ...],
             last: bool) -> Value:
    n, height, width, channels = source.tensor.shape
    attributes = ReduceAttributes((n, height, width, channels), (height, width))
    return Pending(importer.label, OpKind.MEAN, lambda output: [source.tensor],
                   lambda activation, output: attributes, shape, last, importer.index)


def _global_average_pool(importer: "OnnxImporter", node: Any, given: Given,
                         options: Options) -> Value | None:
    """GlobalAveragePool: any."""
    source = image_at(importer, given)
    if source is None or not importer.require(len(source.shape) == 4, "four dimensions are "
                                                                      "supported"):
        return None
    return _mean_of(importer, importer.image(source), (*source.shape[:2], 1, 1), True)


def _reduce_mean(importer: "OnnxImporter", node: Any, given: Given,
                 options: Options) -> Value | None:
    """ReduceMean: over rows and columns of an image."""
    source = image_at(importer, given)
    axes = given[1] if len(given) > 1 else None
    values = sorted(int(axis) % 4 for axis in (axes.data.ravel() if isinstance(axes, Constant)
                                               else options.get("axes", ())))
    if source is None or not importer.require(
            len(source.shape) == 4 and values == [2, 3], f"axes {values} are not supported; rows "
            "and columns, [2, 3], are"):
        return None
    keep = bool(options.get("keepdims", 1))
    shape = (*source.shape[:2], 1, 1) if keep else source.shape[:2]
    return _mean_of(importer, importer.image(source), shape, keep)


def _softmax(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Softmax: over the last axis; quantized with scale 1/256 and zero point -128."""
    source = image_at(importer, given)
    if source is None:
        return None
    source = importer.plain(source)
    axis = int(options.get("axis", -1)) % len(source.shape)
    if not importer.require(axis == len(source.shape) - 1, f"axis {axis} is not supported; the "
                                                           "last is"):
        return None
    output = importer.operation(OpKind.SOFTMAX, source.tensor, source.shape, None, "softmax")
    output.scales, output.zero_points = (1 / 256,), (-128,)
    importer.operations[-1].attributes = SoftmaxAttributes(1.0)
    return Image(output, source.shape)


OPERATORS: dict[str, Handler] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _mat_mul,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "ReduceMean": _reduce_mean,
    "Softmax": _softmax,
    **ELEMENTWISE,
    **MOVEMENT,
}
