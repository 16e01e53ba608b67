"""The ONNX operators Hadron supports between DequantizeLinear and QuantizeLinear.

Each function turns one node into a value: the docstrings say what is supported.
"""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.offsets import grid, spans, strides
from hadron_compiler.frontend.onnx_values import Constant, Image, Pending, Quantized
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Attributes,
    ConcatenationAttributes,
    ConvolutionAttributes,
    DType,
    ExtremumAttributes,
    FullyConnectedAttributes,
    MoveAttributes,
    MulAttributes,
    OpKind,
    PoolAttributes,
    ProductAttributes,
    ReduceAttributes,
    ResizeAttributes,
    SoftmaxAttributes,
    TableAttributes,
    Tensor,
    Window,
)
from hadron_spec.real_tables import REAL_FUNCTIONS, real_table

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["OPERATORS"]

Value = Quantized | Constant | Image | Pending
Given = list[Value | None]
Options = dict[str, Any]
Handler = Callable[["OnnxImporter", Any, Given, Options], Value | None]


def _image(importer: "OnnxImporter", given: Given, position: int = 0) -> Image | None:
    """Return an input that is a quantized activation."""
    value = given[position] if position < len(given) else None
    quantized = isinstance(value, Image) and bool(value.tensor.scales)
    importer.require(quantized, f"input {position} is not quantized")
    return value if isinstance(value, Image) and quantized else None


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
    source = _image(importer, given)
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
    source = _image(importer, given)
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


def _binary(kind: OpKind, attributes: Callable[[Activation], Attributes],
            alike: bool = False) -> Handler:
    """Return the handler of an operator of two operands, which may have to be quantized `alike`."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        images = [value for value in given if isinstance(value, Image)]
        if not importer.require(len(images) > 0 and len(given) == 2, "two operands are supported, "
                                "one of them quantized"):
            return None
        shape = np.broadcast_shapes(*(_shape(value) for value in given))
        last = any(image.channels_last for image in images) and len(shape) == 4
        tensors: list[Tensor | None] = []
        for value in given:
            tensor = _operand(importer, value, shape, last)
            if tensor is None:
                return None
            tensors.append(tensor)
        return Pending(
            importer.label, kind,
            lambda output: [importer.requantized(tensor, output) if alike and tensor else tensor
                            for tensor in tensors],
            lambda activation, output: attributes(activation), shape, last, importer.index)
    return handler


def _mul(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Mul: of two tensors; by a constant of one value or one a channel it costs least."""
    source, constant = (given[0], given[1]) if isinstance(given[1], Quantized) else (given[1],
                                                                                     given[0])
    if (isinstance(source, Image) and isinstance(constant, Quantized)
            and np.broadcast_shapes(source.shape, constant.data.shape) == source.shape):
        image = source
        channel = source.shape[1] if source.channels_last else source.shape[-1]
        wide = [1] * (len(source.shape) - constant.data.ndim) + list(constant.data.shape)
        place = 1 if source.channels_last else len(wide) - 1
        if constant.data.size in (1, channel) and wide[place] in (1, channel) and (
                wide[place] == constant.data.size):
            data = constant.data.ravel().astype(np.int8)
            factor = Tensor(constant.name, data.shape, DType.INT8, constant.scales,
                            constant.zero_points, 0, data)
            return Pending(importer.label, OpKind.MUL, lambda output: [image.tensor, factor],
                           lambda activation, output: MulAttributes(activation), source.shape,
                           source.channels_last, importer.index)
    return _binary(OpKind.MUL, ProductAttributes)(importer, node, given, options)


def _function(kind: OpKind, name: str, alpha: float = 0.0, beta: float = 0.0) -> Handler:
    """Return the handler of a function of one operand."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        source = _image(importer, given)
        if source is None:
            return None
        a, b = (float(options.get(key, default)) for key, default in (("alpha", alpha),
                                                                      ("beta", beta)))

        def attributes(activation: Activation, output: Tensor) -> TableAttributes:
            return TableAttributes(tuple(real_table(
                (source.tensor.scale, source.tensor.zero_point),
                (output.scale, output.zero_point),
                lambda x: clamped(activation, REAL_FUNCTIONS[name](x, a, b)))))

        return Pending(importer.label, kind, lambda output: [source.tensor], attributes,
                       source.shape, source.channels_last, importer.index)
    return handler


def clamped(activation: Activation, value: float) -> float:
    """Return a real number after an activation."""
    limits = {Activation.NONE: (-np.inf, np.inf), Activation.RELU: (0.0, np.inf),
              Activation.RELU6: (0.0, 6.0), Activation.RELU_N1_TO_1: (-1.0, 1.0)}[activation]
    return float(min(max(value, limits[0]), limits[1]))


def _shape(value: Value | None) -> tuple[int, ...]:
    if isinstance(value, Image):
        return value.shape
    return value.data.shape if isinstance(value, Quantized | Constant) else ()


def _operand(importer: "OnnxImporter", value: Value | None, shape: tuple[int, ...],
             last: bool) -> Tensor | None:
    """Return an operand with the shape that the output's tensor has."""
    order = (0, 2, 3, 1)
    stored = tuple(shape[axis] for axis in order) if last else shape
    if isinstance(value, Quantized):
        data = np.broadcast_to(value.data, shape)
        data = np.ascontiguousarray(data.transpose(order) if last else data).astype(np.int8)
        return Tensor(value.name, stored, DType.INT8, value.scales, value.zero_points, 0, data)
    if not isinstance(value, Image) or not value.tensor.scales:
        importer.require(False, "both operands must be quantized")
        return None
    value = importer.image(value) if last else importer.plain(value)
    if value.tensor.shape == stored:
        return value.tensor
    own = (1,) * (len(stored) - len(value.tensor.shape)) + value.tensor.shape
    return importer.operation(OpKind.BROADCAST_TO, value.tensor, stored, grid(*(
        (wanted, 0 if size == 1 else step)
        for size, wanted, step in zip(own, stored, strides(own), strict=True))), "repeated")


def _relu(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Relu: fused into the operator before it, or a table."""
    return _activated(importer, given, Activation.RELU)


def _clip(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Clip: from 0 to 6, from -1 to 1, or from 0 on; fused into the operator before it."""
    limits: list[float | None] = []
    for position, name in ((1, "min"), (2, "max")):
        value = given[position] if position < len(given) else None
        limits.append(float(value.data) if isinstance(value, Constant)
                      else options.get(name))
    known: dict[tuple[float | None, ...], Activation] = {
        (0.0, 6.0): Activation.RELU6, (-1.0, 1.0): Activation.RELU_N1_TO_1,
        (0.0, None): Activation.RELU}
    kind = known.get(tuple(limits))
    if not importer.require(kind is not None, f"from {limits[0]} to {limits[1]} is not supported; "
                            "0 to 6, -1 to 1 and 0 on are"):
        return None
    assert kind is not None
    return _activated(importer, given, kind)


def _activated(importer: "OnnxImporter", given: Given, kind: Activation) -> Value | None:
    value = given[0]
    if isinstance(value, Pending) and importer.require(
            value.activation is Activation.NONE, "two activations in a row are not supported"):
        return replace(value, activation=kind)
    source = _image(importer, given)
    if source is None:
        return None

    def attributes(activation: Activation, output: Tensor) -> TableAttributes:
        return TableAttributes(tuple(real_table(
            (source.tensor.scale, source.tensor.zero_point), (output.scale, output.zero_point),
            lambda x: clamped(kind, x))))

    return Pending(importer.label, OpKind.RELU, lambda output: [source.tensor], attributes,
                   source.shape, source.channels_last, importer.index)


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
    source = _image(importer, given)
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
    source = _image(importer, given)
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
    source = _image(importer, given)
    if source is None or not importer.require(len(source.shape) == 4, "four dimensions are "
                                                                      "supported"):
        return None
    return _mean_of(importer, importer.image(source), (*source.shape[:2], 1, 1), True)


def _reduce_mean(importer: "OnnxImporter", node: Any, given: Given,
                 options: Options) -> Value | None:
    """ReduceMean: over rows and columns of an image."""
    source = _image(importer, given)
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


def _concat(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Concat: along any axis; inputs quantized unlike the output are requantized."""
    images = [_image(importer, given, position) for position in range(len(given))]
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
    known = _shape(source)
    shape = [known[i] if n == 0 and i < len(known) else n for i, n in enumerate(shape)]
    if shape.count(-1) == 1:
        rest = -prod(shape)
        shape[shape.index(-1)] = prod(known) // rest if rest else 0
    return _shown(importer, given, tuple(shape))


def _flatten(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Flatten: any axis."""
    shape = _shape(given[0])
    axis = int(options.get("axis", 1))
    return _shown(importer, given, (prod(shape[:axis]), prod(shape[axis:])))


def _axes(given: Given, options: Options) -> list[int] | None:
    value = given[1] if len(given) > 1 else None
    if isinstance(value, Constant):
        return [int(axis) for axis in value.data.ravel()]
    return list(options["axes"]) if "axes" in options else None


def _squeeze(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Squeeze: any."""
    shape, axes = _shape(given[0]), _axes(given, options)
    gone = [axis % len(shape) for axis in axes] if axes is not None else [
        axis for axis, size in enumerate(shape) if size == 1]
    return _shown(importer, given, tuple(size for axis, size in enumerate(shape)
                                         if axis not in gone))


def _unsqueeze(importer: "OnnxImporter", node: Any, given: Given,
               options: Options) -> Value | None:
    """Unsqueeze: any."""
    axes, shape = _axes(given, options) or [], list(_shape(given[0]))
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
    source = _image(importer, given)
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
    source = _image(importer, given)
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


def _softmax(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Softmax: over the last axis; quantized with scale 1/256 and zero point -128."""
    source = _image(importer, given)
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


def _same(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Identity, Dropout: nothing to do."""
    return given[0]


OPERATORS: dict[str, Handler] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _mat_mul,
    "Add": _binary(OpKind.ADD, AddAttributes),
    "Sub": _binary(OpKind.SUB, AddAttributes),
    "Mul": _mul,
    "Max": _binary(OpKind.MAXIMUM, lambda activation: ExtremumAttributes(False), True),
    "Min": _binary(OpKind.MINIMUM, lambda activation: ExtremumAttributes(True), True),
    "Abs": _function(OpKind.ABS, "Abs"),
    "Elu": _function(OpKind.ELU, "Elu", 1.0),
    "Gelu": _function(OpKind.GELU, "Gelu"),
    "HardSigmoid": _function(OpKind.LOGISTIC, "HardSigmoid", 0.2, 0.5),
    "HardSwish": _function(OpKind.HARD_SWISH, "HardSwish"),
    "LeakyRelu": _function(OpKind.LEAKY_RELU, "LeakyRelu", 0.01),
    "Neg": _function(OpKind.QUANTIZE, "Neg"),
    "Sigmoid": _function(OpKind.LOGISTIC, "Sigmoid"),
    "Softplus": _function(OpKind.LOGISTIC, "Softplus"),
    "Tanh": _function(OpKind.TANH, "Tanh"),
    "Relu": _relu,
    "Clip": _clip,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "ReduceMean": _reduce_mean,
    "Concat": _concat,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": _softmax,
    "Identity": _same,
    "Dropout": _same,
}
