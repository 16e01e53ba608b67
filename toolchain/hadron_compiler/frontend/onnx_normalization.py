"""ONNX operators that normalize: BatchNormalization by constants, others by what they find."""

import math
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_inputs import Given, Handler, Options, Value, image_at, real_at
from hadron_compiler.frontend.onnx_quotients import sum_of_products
from hadron_compiler.frontend.onnx_rows import Rows
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Image,
    Pending,
    Reals,
    kept_range,
    quantization,
)
from hadron_compiler.frontend.onnx_windows import with_bias
from hadron_compiler.ir.graph import AddAttributes, ConvolutionAttributes, OpKind, Tensor, Window
from hadron_compiler.ir.weights import weights_tensor

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["NORMALIZATION", "normalization"]

_REACH = 8.0
"""Standard deviations that are kept of a row where nothing tells more."""
_FAR = 0.75
"""How much of a way the reach of normalized numbers goes to that of the smallest gain."""
_PIXEL = 64
"""Elements of a pixel that a row without pixels is cut into, at most."""


def _scaled(importer: "OnnxImporter", image: Image, gain: Reals, offset: Reals,
            name: str) -> Pending:
    """Return an image, each of whose last stored elements is multiplied by a number of its own and
    added another one."""
    # Of every channel the largest weight there is, and a scale of its own.
    scales = np.where(gain == 0, 1.0, np.abs(gain)) / 127
    data = np.rint(gain / scales).astype(np.int64).reshape(1, 1, 1, gain.size)
    weights = weights_tensor(name, data, tuple(scales.tolist()), 3)
    shape = image.tensor.shape
    flat = importer.operation(OpKind.RESHAPE, image.tensor,
                              (1, 1, prod(shape) // gain.size, gain.size), None, "view")
    wide = with_bias(importer, [None, None, Constant(f"{name} (offset)", offset)], flat, weights,
                     Pending(importer.label, OpKind.DEPTHWISE_CONV_2D,
                             lambda output: [flat, weights],
                             lambda activation, output: ConvolutionAttributes(Window(1, 1),
                                                                              activation),
                             flat.shape, False, importer.index))

    def shown(made: Image) -> Image:
        return replace(image, tensor=importer.operation(OpKind.RESHAPE, made.tensor, shape, None,
                                                        "view"))

    assert wide is not None
    return replace(wide, then=(shown,))


def _reach(importer: "OnnxImporter", node: Any, count: int, gain: Reals, offset: Reals) -> Reals:
    """Return, for each gain, how many deviations make a difference to normalized numbers times the
    gain plus the offset. No number of a row is further away than the root of how many there are."""
    taken = importer.ranges.taken_behind(node.output[0])
    most = math.sqrt(count)
    if taken is None:
        return np.full(gain.size, min(most, _REACH))
    low, high = kept_range(*taken)
    ends = np.maximum(high - offset, offset - low)
    return np.minimum(ends, most * np.abs(gain)) / np.maximum(np.abs(gain), 1e-30)


def _normalized(importer: "OnnxImporter", node: Any, given: Given, options: Options, image: Image,
                rows: Rows, elements: int, *, turned: bool = False) -> Value | None:
    """Return what a node makes of an image, whose last stored elements have each their own scale
    and bias, once it is `turned` to have its channels last."""
    parameters = _parameters(importer, given, elements)
    if parameters is None or not importer.require(rows.count > 1, "one number has no variance"):
        return None
    gain, offset = parameters
    name = node.input[1] or node.op_type
    epsilon = real_at(given, 3)
    ends = np.maximum(_reach(importer, node, rows.count, gain, offset), 1.0)
    # Numbers of small gain may be far away, where steps are too coarse for those of large gain:
    # they come some of the way closer, which costs little of what is left of them in the result.
    least, most = float(ends.min()), float(ends.max())
    reach = most if turned else least * (most / least)**_FAR
    parts = np.minimum(reach / ends, 1.0)

    def scaled(tensor: Tensor) -> Tensor:
        if (parts == 1).all():
            return tensor
        made = _scaled(importer, Image(tensor, tensor.shape), parts, np.zeros(1), name)
        image = importer.finish(made, f"{tensor.name} (scaled)", tensor.scales, tensor.zero_points)
        assert image is not None
        return image.tensor

    normalized, left = rows.normalized(
        float(options.get("epsilon", 1e-5) if epsilon is None else epsilon.ravel()[0]), reach,
        scaled)
    value = Pending(importer.label, OpKind.SUB, lambda output: [normalized, left],
                    lambda activation, output: AddAttributes(activation), image.shape,
                    image.channels_last, importer.index, likely=(-reach, reach))
    if (gain == 1).all() and (offset == 0).all():
        return value
    unit = importer.finish(value, f"{rows.tensor.name} (unit)", *quantization(-reach, reach))
    assert unit is not None
    return _scaled(importer, importer.image(unit) if turned else unit, gain / parts, offset, name)


def _parameters(importer: "OnnxImporter", given: Given,
                elements: int) -> tuple[Reals, Reals] | None:
    """Return scale and bias of a normalization, `elements` numbers each; ones and zeros where there
    is none."""
    numbers = []
    for position, default in ((1, 1.0), (2, 0.0)):
        absent = len(given) <= position or given[position] is None
        real = np.full(1, default) if absent else real_at(given, position)
        if not importer.require(real is not None, "scale and bias must be constant"):
            return None
        assert real is not None
        if not importer.require(real.size in (1, elements), f"scale or bias has {real.size} "
                                f"numbers, must be {elements} or 1"):
            return None
        numbers.append(np.broadcast_to(real.ravel(), (elements,)))
    return numbers[0], numbers[1]


def _layer_normalization(importer: "OnnxImporter", node: Any, given: Given,
                         options: Options) -> Value | None:
    """LayerNormalization: over any last axes, or written out over the channels; mean and deviation
    are no outputs."""
    source = image_at(importer, given)
    if source is None or not importer.require(not any(node.output[1:]),
                                              "the mean and the deviation are not supported"):
        return None
    rank = len(source.shape)
    # Written out, it says its axes.
    axes = sorted(axis % rank for axis in options.get("axes", range(options.get("axis", -1) % rank,
                                                                    rank)))
    by_channel = axes == [1] and rank > 2
    if not importer.require(by_channel or axes == list(range(axes[0], rank)), f"over axes {axes}; "
                            "the last ones, or that of channels, are supported"):
        return None
    source = importer.image(source) if by_channel else importer.plain(source)
    shape = source.tensor.shape
    count = shape[-1] if by_channel else prod(shape[axes[0]:])
    rows = Rows(importer, source.tensor, prod(shape) // count, count, 1)
    return _normalized(importer, node, given, options, source, rows, count)


def _instance_normalization(importer: "OnnxImporter", node: Any, given: Given,
                            options: Options) -> Value | None:
    """InstanceNormalization: any."""
    source = image_at(importer, given)
    if source is None or not importer.require(len(source.shape) > 2, "three axes or more are "
                                                                     "supported"):
        return None
    if source.shape[:2] == (1, 1):
        return _one_row(importer, node, given, options, source)
    source = importer.image(source)
    images, *pixels, channels = source.tensor.shape
    rows = Rows(importer, source.tensor, images, prod(pixels), channels)
    return _normalized(importer, node, given, options, source, rows, channels)


def _group_normalization(importer: "OnnxImporter", node: Any, given: Given,
                         options: Options) -> Value | None:
    """GroupNormalization: any; of one group it costs least."""
    source = image_at(importer, given)
    groups = int(options["num_groups"])
    if source is None or not importer.require(
            len(source.shape) > 2 and source.shape[1] % groups == 0, f"the shape "
            f"{list(source.shape)} does not divide into {groups} groups of channels"):
        return None
    images, channels, *pixels = source.shape
    row = channels // groups * prod(pixels)
    # Channels of a group are side by side in the order of the file only.
    source = importer.image(source) if groups == 1 else importer.plain(source)
    rows = Rows(importer, source.tensor, images * groups, row, 1)
    return _normalized(importer, node, given, options, source, rows, channels, turned=True)


def _one_row(importer: "OnnxImporter", node: Any, given: Given, options: Options,
             source: Image) -> Value | None:
    """Return what InstanceNormalization makes of a single row, which GroupNormalization of one
    group is written as: in the order of the image that became the row."""
    image = importer.images.get(source.tensor)
    if image is None:
        # As rows, which need not be in the scratchpad all at once.
        channels = math.gcd(prod(source.shape), _PIXEL)
        shape = (1, prod(source.shape) // channels, 1, channels)
        image = Image(importer.operation(OpKind.RESHAPE, importer.plain(source).tensor, shape, None,
                                         "view"), shape)
    channels = image.tensor.shape[-1]
    numbers = _parameters(importer, given, 1)
    if numbers is None:
        return None
    gain, offset = (np.repeat(number, channels) for number in numbers)
    rows = Rows(importer, image.tensor, 1, image.tensor.elements, 1)
    given = [given[0], Constant(node.input[1], gain), Constant(node.input[2], offset)]

    def row(image: Image) -> Image:
        return replace(source, tensor=importer.operation(
            OpKind.RESHAPE, importer.plain(image).tensor, source.tensor.shape, None, "view"))

    return importer.after(_normalized(importer, node, given, options, image, rows, channels), row)


def _lp_normalization(importer: "OnnxImporter", node: Any, given: Given,
                      options: Options) -> Value | None:
    """LpNormalization: over any axis, or written out, by the root of the sum of squares."""
    source = image_at(importer, given)
    if source is None or not importer.require(options.get("p", 2) == 2, "p must be 2"):
        return None
    rank = len(source.shape)
    axes = options.get("axes", [options.get("axis", -1)])
    if not importer.require(len(axes) == 1, "over one axis"):
        return None
    axis = int(axes[0]) % rank
    source = importer.image(source) if axis == 1 and rank > 2 else importer.plain(source)
    place, shape = source.axis(axis), source.tensor.shape
    count = shape[place]
    rows = Rows(importer, source.tensor, prod(shape[:place]), count, prod(shape[place + 1:]))
    value = sum_of_products(importer, source.tensor, rows.over_roots(), source.shape,
                            source.channels_last)
    # Over the root of the mean of squares, so that of their sum is a matter of the scale.
    reach = min(math.sqrt(count), _REACH)
    return replace(value, gain=1 / math.sqrt(count), likely=(-reach, reach))


def normalization(given: Given, options: Options) -> tuple[Reals, Reals] | None:
    """Return what BatchNormalization multiplies each channel by and adds; None where that is not
    constant."""
    numbers = [real_at(given, position) for position in range(1, 5)]
    gain, offset, mean, variance = (None if number is None else number.ravel()
                                    for number in numbers)
    if gain is None or offset is None or mean is None or variance is None:
        return None
    gain = gain / np.sqrt(variance + float(options.get("epsilon", 1e-5)))
    return gain, offset - mean * gain


def _batch_normalization(importer: "OnnxImporter", node: Any, given: Given,
                         options: Options) -> Value | None:
    """BatchNormalization: constant; of sums that are not quantized part of their weights."""
    numbers = normalization(given, options)
    if not importer.require(numbers is not None,
                            "scale, bias, mean and variance must be constant"):
        return None
    assert numbers is not None
    sums = given[0]
    if isinstance(sums, Pending) and importer.is_open(sums) and sums.affine is not None:
        return sums.affine(*numbers)
    source = image_at(importer, given)
    return source and _scaled(importer, importer.image(source), *numbers, node.input[1])


NORMALIZATION: dict[str, Handler] = {
    "BatchNormalization": _batch_normalization,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LpNormalization": _lp_normalization,
}
