"""Operators that reduce images to one element of each channel: sums, means and extrema."""

from math import lcm

import numpy as np

from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.integers import (
    bounds,
    check_bound,
    check_right,
    check_shift,
    needs_wide,
)
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import ConvolutionKernel, OutputStage
from hadron_compiler.codegen.partial_sums import DigitSumsKernel, PartialSumsKernel
from hadron_compiler.codegen.pixel_packing import pack_stage
from hadron_compiler.codegen.pool import (
    AveragePoolKernel,
    MaxPoolKernel,
    MeanKernel,
    average_stage,
)
from hadron_compiler.ir.graph import (
    DigitSumsAttributes,
    Operation,
    OpKind,
    PartialSumsAttributes,
    PoolAttributes,
    ReduceAttributes,
    Window,
)
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import AVERAGE_WEIGHT
from hadron_spec.tflite_quantization import mean_multiplier

__all__ = ["lower_average_pool", "lower_digit_sums", "lower_mean", "lower_partial_sums",
           "lower_reduce_extremum"]


def _reduced(operation: Operation) -> Geometry:
    attributes = operation.attributes
    assert isinstance(attributes, ReduceAttributes)
    images, height, width, channels = attributes.image
    rows, columns = attributes.window
    return Geometry(images, (height, width, channels), (height // rows, width // columns, channels),
                    Window(rows, columns, rows, columns))


def _mean_stage(operation: Operation, count: int) -> OutputStage:
    """Return what follows the sum of `count` elements. SUM is the mean of as many elements at a
    scale as many times smaller."""
    source, output = operation.required(0), operation.outputs[0]
    multiplier, shift = mean_multiplier(source.scale, output.scale,
                                        count if operation.kind is OpKind.MEAN else 1)
    zero = source.zero_point
    check_shift(np.array([shift]))
    deep = source.deep
    ends = 1 << (15 if deep else 7)
    lowest, highest = np.array([count * (-ends - zero)]), np.array([count * (ends - 1 - zero)])
    check_bound(np.maximum(np.abs(lowest), np.abs(highest)), "the sum of channel")
    multipliers, shifts = np.array([multiplier]), np.array([shift])
    if deep:
        check_right(shifts)
        return OutputStage(np.array([DEEP_OFFSET * count]), multipliers, shifts,
                           np.ones(1, np.bool_), 0, -ends, ends - 1, deep, deep)
    return OutputStage(
        np.array([-zero * count]), multipliers, shifts,
        needs_wide((lowest, highest), multipliers, shifts, output.zero_point, (-128, 127)),
        output.zero_point, -128, 127)


def lower_mean(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MEAN or SUM."""
    geometry = _reduced(operation)
    count = geometry.window.kernel_y * geometry.window.kernel_x
    stage = _mean_stage(operation, count)
    if not stage.deep and _is_product(geometry, config):
        return _product(operation, config, geometry, stage, 1)
    return MeanKernel(config, operation.label, geometry, stage)


def lower_average_pool(operation: Operation, config: NpuConfig, geometry: Geometry,
                       limits: tuple[int, int]) -> Kernel:
    """Return the kernel of AVERAGE_POOL_2D."""
    deep = operation.required(0).deep
    whole = geometry.source[:2] == (geometry.window.kernel_y, geometry.window.kernel_x)
    if (whole and not deep and not geometry.touches_padding(geometry.whole)
            and _is_product(geometry, config)):
        stage = average_stage(geometry.window.kernel_y * geometry.window.kernel_x, limits)
        return _product(operation, config, geometry, stage, AVERAGE_WEIGHT)
    return AveragePoolKernel(config, operation.label, geometry, *limits, deep=deep)


def _is_product(geometry: Geometry, config: NpuConfig) -> bool:
    """Tell whether sums of whole rows of pixels, or of whole images, are best made as a product.

    A step reads as many pixels as there are lanes for; but weights are no longer alike for all
    groups of channels. Parts of a long product read parts of their input.
    """
    height, width, channels = geometry.source
    rows, columns = geometry.window.kernel_y, geometry.window.kernel_x
    if columns < width or 1 < rows < height:
        return False
    if channels == rows == 1:
        return True
    return rows * columns >= config.weight_steps and (
        2 * channels <= config.lanes
        or (channels <= config.lanes and rows * columns * channels > config.act_bytes))


def _product(operation: Operation, config: NpuConfig, geometry: Geometry, stage: OutputStage,
             weight: int) -> Kernel:
    """Return sums as a product of rows of bytes with a matrix: each is that of a channel."""
    height, _, channels = geometry.source
    pixels = geometry.window.kernel_y * geometry.window.kernel_x
    rows = geometry.images * height // geometry.window.kernel_y
    size = pixels * channels
    weights = np.tile(weight * np.eye(channels, dtype=np.int8), pixels)
    period = lcm(channels, config.lanes) // config.lanes
    return ConvolutionKernel(
        config, operation.label, Geometry(1, (rows, 1, size), (rows, 1, channels)),
        pack_stage(stage, channels), operation.required(0).zero_point,
        weights.reshape(channels, 1, 1, size), 0, period)


def lower_partial_sums(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of the first half of a large sum."""
    attributes = operation.attributes
    assert isinstance(attributes, PartialSumsAttributes)
    return PartialSumsKernel(config, operation.label, attributes.image, attributes.window)


def lower_digit_sums(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of the second half: the sum, rescaled as the whole operator does."""
    attributes, digits = operation.attributes, operation.required(0)
    assert isinstance(attributes, DigitSumsAttributes)
    whole = attributes.whole
    stage = (average_stage(attributes.count, bounds(whole.activation, operation.outputs[0]))
             if isinstance(whole, PoolAttributes) else _mean_stage(operation, attributes.count))
    weights = (attributes.weight * attributes.base, attributes.weight)
    images, height, width, channels = digits.shape
    return DigitSumsKernel(config, operation.label, (images, height, width, channels), weights,
                           stage)


def lower_reduce_extremum(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of REDUCE_MAX or REDUCE_MIN."""
    return MaxPoolKernel(config, operation.label, _reduced(operation), -128, 127,
                         least=operation.kind is OpKind.REDUCE_MIN)
