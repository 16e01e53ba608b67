"""ONNX operators that slide a window over an image, or over a signal of one dimension.

Each function turns one node into a value: the docstrings say what is supported.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_inputs import Given, Handler, Made, Options, Value, image_at
from hadron_compiler.frontend.onnx_reductions import global_average
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Image,
    Pending,
    Quantized,
    Range,
    Reals,
    range_of,
    stored_shape,
)
from hadron_compiler.ir.graph import (
    Activation,
    ConvolutionAttributes,
    DType,
    OpKind,
    PoolAttributes,
    Tensor,
    TransposeConvolutionAttributes,
    Window,
)
from hadron_compiler.ir.weights import weights_tensor

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["WINDOWS", "reaches_window", "weights_of", "with_bias"]

_BIAS_MAX = float(1 << 30)
"""Half of what a sum holds."""


_WITHOUT_CHANNELS = frozenset({
    "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Gemm", "MatMul", "Gather", "Shape",
    "Softmax", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"})
"""Operators behind which the second axis is no longer that of channels."""


def reaches_window(nodes: Sequence[Any], name: str) -> bool:
    """Tell whether a window slides over a network input: whether it has channels."""
    reached = {name}
    for node in nodes:
        if not reached.isdisjoint(node.input):
            if node.op_type in WINDOWS or node.op_type in ("Resize", "GlobalAveragePool"):
                return True
            if node.op_type not in _WITHOUT_CHANNELS:
                reached.update(node.output)
    return False


def weights_of(importer: "OnnxImporter", value: Value | None, channel_axis: int,
               order: tuple[int, ...], axis: int) -> Tensor | None:
    """Return constant weights with their axes in `order`; `axis` is the channels' then."""
    if not importer.require(isinstance(value, Quantized), "weights must be INT8 constants behind "
                            "DequantizeLinear"):
        return None
    assert isinstance(value, Quantized)
    several = max(len(value.scales), len(value.zero_points)) > 1
    if not importer.require(not several or value.axis == channel_axis, f"weights {value.name} are "
                            f"quantized along axis {value.axis}, must be {channel_axis}"):
        return None
    return weights_tensor(value.name, value.centered.transpose(order), value.scales, axis)


def with_bias(importer: "OnnxImporter", given: Given, x: Tensor, weights: Tensor,
              pending: Pending, share: float = 1.0) -> Pending | None:
    """Return what sums `x` times `weights`, with the third input, if there is one, as bias; a sum
    has a `share` of the weights."""
    bias = given[2] if len(given) > 2 else None
    channels = pending.shape[1] if pending.channels_last else pending.shape[-1]
    real = np.zeros(channels)
    if bias is not None:
        if not importer.require(isinstance(bias, Quantized | Constant), "the bias must be "
                                                                        "constant"):
            return None
        assert isinstance(bias, Quantized | Constant)
        given_bias = bias.real if isinstance(bias, Quantized) else bias.data.astype(np.float64)
        real = np.broadcast_to(given_bias.ravel(), (channels,))

    return _summed(x, weights, real, pending, share)


def _summed(x: Tensor, weights: Tensor, bias: Reals, pending: Pending, share: float) -> Pending:
    """Return what sums `x` times `weights`, plus a real number a channel."""
    factors = _with_room(weights, np.abs(bias) / x.scale)
    data = np.rint(bias / (x.scale * np.array(factors.scales))).astype(np.int32)
    tensor = Tensor(f"{weights.name} (bias)", data.shape, DType.INT32, data=data)

    def affine(gains: Reals, offsets: Reals) -> Pending:
        return _summed(x, _times(weights, gains), bias * gains + offsets, pending, share)

    return replace(pending, inputs=lambda output: [x, factors, tensor], affine=affine,
                   likely=_likely(x, weights, bias, share), origin=object())


def _likely(x: Tensor, weights: Tensor, bias: Reals, share: float) -> Range:
    """Return a range of sums: between the largest that there can be and six standard deviations of
    sums of independent numbers, the geometric mean."""
    assert weights.data is not None
    axis = weights.quantized_dimension
    others = tuple(other for other in range(len(weights.shape)) if other != axis)
    real, scales = weights.data.astype(np.float64), np.array(weights.scales)
    positive, negative = (part.sum(others) * scales * share
                          for part in (np.maximum(real, 0), np.minimum(real, 0)))
    least, most = range_of(x)
    spread = 6 * (most - least) / 4 * np.sqrt((real**2).sum(others) * share) * scales
    above = np.sqrt((positive * most + negative * least) * spread)
    below = np.sqrt(-(positive * least + negative * most) * spread)
    return float((bias - below).min()), float((bias + above).max())


def _times(weights: Tensor, gains: Reals) -> Tensor:
    """Return weights times a number for each output channel: in their scales and their signs."""
    axis = weights.quantized_dimension
    along = [-1 if axis == place else 1 for place in range(len(weights.shape))]
    assert weights.data is not None
    data = weights.data.astype(np.int64) * np.sign(gains).astype(np.int64).reshape(along)
    scales = np.array(weights.scales) * np.where(gains == 0, 1, np.abs(gains))
    return weights_tensor(weights.name, data, tuple(scales.tolist()), axis)


def _with_room(weights: Tensor, bias: Reals) -> Tensor:
    """Return weights of coarser scales where a bias would not fit 32 bits beside the sums.

    A channel that training has switched off has tiny weights, and a scale that is as tiny: what its
    lowest bits add to such a bias is far below a step of the output.
    """
    units = bias / np.array(weights.scales)
    if units.max(initial=0) < _BIAS_MAX:
        return weights
    shifts = np.maximum(0, np.ceil(np.log2(np.maximum(units, 1) / _BIAS_MAX)))
    axis = weights.quantized_dimension
    along = [-1 if axis == place else 1 for place in range(len(weights.shape))]
    assert weights.data is not None
    data = np.rint(weights.data.astype(np.float64) / np.exp2(shifts).reshape(along))
    return replace(weights, name=f"{weights.name} (coarser)", data=data.astype(weights.data.dtype),
                   scales=tuple(np.array(weights.scales) * np.exp2(shifts)),
                   zero_points=(0,) * len(shifts))


def _widened(options: Options) -> Options:
    """Return the options of a window of one dimension for one of two, over a single row."""
    wide = dict(options)
    for name in ("strides", "dilations", "kernel_shape"):
        if len(options.get(name, ())) == 1:
            wide[name] = [1, *options[name]]
    if len(options.get("output_padding", ())) == 1:
        wide["output_padding"] = [0, *options["output_padding"]]
    if len(options.get("pads", ())) == 2:
        wide["pads"] = [0, options["pads"][0], 0, options["pads"][1]]
    return wide


def _of_images(handler: Handler) -> Handler:
    """Return a handler of images that takes signals, as images of one row, too."""
    def widened(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Made:
        source = image_at(importer, given)
        if source is None:
            return None
        if len(source.shape) != 3:
            fits = importer.require(len(source.shape) == 4, f"input {source.tensor.name} has the "
                                    f"shape {list(source.shape)}; three and four dimensions are "
                                    "supported")
            return handler(importer, node, [source, *given[1:]], options) if fits else None
        images, channels, length = source.shape
        tensor = importer.operation(OpKind.RESHAPE, importer.image(source).tensor,
                                    (images, 1, length, channels), None, "view")
        wide: Given = [Image(tensor, (images, channels, 1, length), True)]
        for value in given[1:]:
            if isinstance(value, Quantized) and value.data.ndim == 3:
                value = replace(value, data=value.data[:, :, None])
            wide.append(value)
        def narrow(image: Image) -> Image:
            shape = (*image.shape[:2], image.shape[3])
            return Image(importer.operation(OpKind.RESHAPE, importer.image(image).tensor,
                                            stored_shape(shape, True), None, "view"), shape, True)

        made = handler(importer, node, wide, _widened(options))
        return importer.after(made, narrow) if not isinstance(made, Sequence) else None

    widened.__doc__ = handler.__doc__
    return widened


def _window(importer: "OnnxImporter", options: Options, kernel: Sequence[int],
            size: Sequence[int]) -> tuple[Window, tuple[int, int], bool] | None:
    """Return the window, the rows and columns it makes, and whether it leaves the image."""
    stride = tuple(options.get("strides", (1, 1)))
    dilation = tuple(options.get("dilations", (1, 1)))
    pads = list(options.get("pads", (0, 0, 0, 0)))
    auto = options.get("auto_pad", b"NOTSET").decode()
    up = bool(options.get("ceil_mode"))
    if not importer.require(auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
                            and len(kernel) == len(stride) == len(dilation) == 2
                            and len(pads) == 4 and min(pads) >= 0,
                            "two dimensions, padding of 0 or more, are supported"):
        return None
    result = []
    outside = False
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        if auto.startswith("SAME"):
            count = -(-size[axis] // stride[axis])
            total = max(0, (count - 1) * stride[axis] + span - size[axis])
            pads[axis] = (total + (auto == "SAME_LOWER")) // 2
            outside |= total > 0
        else:
            total = pads[axis] + pads[axis + 2]
            count = (size[axis] + total - span + up * (stride[axis] - 1)) // stride[axis] + 1
            # The last window begins in the image or in the padding before it.
            count -= up and (count - 1) * stride[axis] >= size[axis] + pads[axis]
            outside |= total > 0 or (count - 1) * stride[axis] + span > size[axis]
        if not importer.require(count > 0, f"a window of {span} does not fit {size[axis]}"):
            return None
        result.append(count)
    return (Window(kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1], pads[0],
                   pads[1]), (result[0], result[1]), outside)


def _kernel(importer: "OnnxImporter", given: Given) -> tuple[Image, Quantized] | None:
    source, kernel = image_at(importer, given), given[1]
    if source is None or not importer.require(isinstance(kernel, Quantized) and kernel.data.ndim
                                              == 4, "weights must be INT8 constants behind "
                                              "DequantizeLinear, of four dimensions"):
        return None
    assert isinstance(kernel, Quantized)
    return importer.image(source), kernel


@_of_images
def _conv(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Conv: one or two dimensions, any kernel, stride, dilation, groups and pads."""
    read = _kernel(importer, given)
    if read is None:
        return None
    source, kernel = read
    channels, depth, rows, columns = kernel.data.shape
    made = _window(importer, options, (rows, columns), source.shape[2:])
    depthwise = depth == 1 and options.get("group", 1) == source.shape[1] > 1
    order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
    weights = weights_of(importer, kernel, 0, order, axis)
    if made is None or weights is None:
        return None
    importer.require(options.get("group", 1) * depth == source.shape[1]
                     and channels % options.get("group", 1) == 0,
                     f"{source.shape[1]} input channels do not divide into groups of {depth}")
    window, size, _ = made
    return with_bias(importer, given, source.tensor, weights, Pending(
        importer.label, OpKind.DEPTHWISE_CONV_2D if depthwise else OpKind.CONV_2D,
        lambda output: [source.tensor, weights],
        lambda activation, output: ConvolutionAttributes(window, activation),
        (source.shape[0], channels, *size), True, importer.index))


@_of_images
def _conv_transpose(importer: "OnnxImporter", node: Any, given: Given,
                    options: Options) -> Value | None:
    """ConvTranspose: one or two dimensions, any kernel, stride, dilation, groups and pads."""
    read = _kernel(importer, given)
    if read is None:
        return None
    source, kernel = read
    groups = int(options.get("group", 1))
    depth, own, *sizes = kernel.data.shape
    if not importer.require(depth == source.shape[1] and depth % groups == 0, f"weights "
                            f"{kernel.name} have {depth} input channels, must be "
                            f"{source.shape[1]}, in {groups} groups"):
        return None
    strides, dilations = options.get("strides", (1, 1)), options.get("dilations", (1, 1))
    extra, pads = options.get("output_padding", (0, 0)), options.get("pads", (0, 0, 0, 0))
    auto = options.get("auto_pad", b"NOTSET")
    shape, before = [], []
    for axis, taps in enumerate(sizes):
        span = (taps - 1) * dilations[axis] + 1
        whole = strides[axis] * (source.shape[2 + axis] - 1) + extra[axis] + span
        first, total = pads[axis], pads[axis] + pads[axis + 2]
        wanted = (source.shape[2 + axis] * strides[axis] if auto.startswith(b"SAME")
                  else options["output_shape"][axis] if "output_shape" in options else None)
        if wanted is not None:
            total = max(0, whole - wanted)
            first = total // 2 if auto == b"SAME_UPPER" else total - total // 2
        shape.append(whole - total)
        before.append(first)
    if not importer.require(min(before) >= 0 and min(shape) > 0, "padding must be 0 or more and "
                            "leave an output"):
        return None
    weights = weights_of(importer, _spread(kernel, groups, dilations), 0, (0, 2, 3, 1), 0)
    if weights is None:
        return None
    return with_bias(importer, given, source.tensor, weights, Pending(
        importer.label, OpKind.TRANSPOSE_CONV, lambda output: [source.tensor, weights],
        lambda activation, output: TransposeConvolutionAttributes(
            strides[0], strides[1], before[0], before[1], activation),
        (source.shape[0], own * groups, *shape), True, importer.index), 1 / prod(strides))


def _spread(kernel: Quantized, groups: int, dilations: Sequence[int]) -> Quantized:
    """Return the weights of ConvTranspose, output channels first, as those of one group without
    dilation: zeros between them."""
    weights = kernel.centered
    depth, own, rows, columns = weights.shape
    data = np.zeros((groups * own, depth, (rows - 1) * dilations[0] + 1,
                     (columns - 1) * dilations[1] + 1), np.int64)
    for group in range(groups):
        part = slice(group * depth // groups, (group + 1) * depth // groups)
        data[group * own:(group + 1) * own, part, ::dilations[0], ::dilations[1]] = (
            weights[part].transpose(1, 0, 2, 3))
    if len(kernel.scales) == 1:
        return replace(kernel, data=data, zero_points=(0,))
    axis = {0: 1, 1: 0}.get(kernel.axis, kernel.axis)
    return replace(kernel, data=data, axis=axis, scales=kernel.scales * groups,
                   zero_points=(0,))


def _pooled(importer: "OnnxImporter", kind: OpKind, source: Image, window: Window,
            size: tuple[int, int]) -> Image:
    shape = (*source.shape[:2], *size)
    output = importer.operation(kind, source.tensor, stored_shape(shape, True), None, "pooled")
    importer.operations[-1].attributes = PoolAttributes(window, Activation.NONE)
    return Image(output, shape, True)


@_of_images
def _max_pool(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """MaxPool: one or two dimensions, any window without dilation, any pads, sizes rounded down or
    up."""
    source = image_at(importer, given)
    if source is None:
        return None
    source = importer.image(source)
    made = _window(importer, options, options["kernel_shape"], source.shape[2:])
    if made is None or not importer.require(made[0].dilation_y == made[0].dilation_x == 1
                                            and len(node.output) == 1,
                                            "dilation and indices are not supported"):
        return None
    return _pooled(importer, OpKind.MAX_POOL_2D, source, *made[:2])


@_of_images
def _average_pool(importer: "OnnxImporter", node: Any, given: Given,
                  options: Options) -> Value | None:
    """AveragePool: one or two dimensions; rescaled as MEAN or a depthwise convolution, or, where
    padding is not counted, rounded to the input's steps first."""
    source = image_at(importer, given)
    if source is None:
        return None
    source = importer.image(source)
    made = _window(importer, options, options["kernel_shape"], source.shape[2:])
    if made is None:
        return None
    window, size, outside = made
    if not outside and size == (1, 1) and (window.kernel_y, window.kernel_x) == source.shape[2:]:
        return global_average(importer, source)
    if outside and not options.get("count_include_pad"):
        if not importer.require(window.dilation_y == window.dilation_x == 1, "dilation is not "
                                                                             "supported"):
            return None
        return _pooled(importer, OpKind.AVERAGE_POOL_2D, source, window, size)
    if not importer.require(not (outside and options.get("ceil_mode")), "padding that is counted "
                            "is not supported with sizes rounded up"):
        return None
    count = window.kernel_y * window.kernel_x
    channels = source.shape[1]
    ones = np.ones((1, window.kernel_y, window.kernel_x, channels), np.int8)
    weights = Tensor("ones", ones.shape, DType.INT8, (1 / count,), (0,), 3, ones)
    return Pending(importer.label, OpKind.DEPTHWISE_CONV_2D,
                   lambda output: [source.tensor, weights, None],
                   lambda activation, output: ConvolutionAttributes(window, activation),
                   (*source.shape[:2], *size), True, importer.index,
                   likely=range_of(source.tensor))


WINDOWS: dict[str, Handler] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
}
