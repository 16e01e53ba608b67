"""Operators that reduce images to one element of each channel: sums, means and extrema."""

import numpy as np

from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.integers import bounds, check_bound, check_shift, needs_wide
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import ConvolutionKernel, OutputStage
from hadron_compiler.codegen.partial_sums import DigitSumsKernel, PartialSumsKernel
from hadron_compiler.codegen.pool import MaxPoolKernel, MeanKernel, average_stage
from hadron_compiler.ir.graph import (
    DigitSumsAttributes,
    Operation,
    OpKind,
    PartialSumsAttributes,
    PoolAttributes,
    ReduceAttributes,
    Window,
)
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_quantization import mean_multiplier

__all__ = ["lower_digit_sums", "lower_mean", "lower_partial_sums", "lower_reduce_extremum"]


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
    lowest, highest = np.array([count * (-128 - zero)]), np.array([count * (127 - zero)])
    check_bound(np.maximum(np.abs(lowest), np.abs(highest)), "the sum of channel")
    multipliers, shifts = np.array([multiplier]), np.array([shift])
    return OutputStage(
        np.array([-zero * count]), multipliers, shifts,
        needs_wide((lowest, highest), multipliers, shifts, output.zero_point, (-128, 127)),
        output.zero_point, -128, 127)


def lower_mean(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MEAN or SUM."""
    geometry = _reduced(operation)
    count = geometry.window.kernel_y * geometry.window.kernel_x
    stage = _mean_stage(operation, count)
    zero = operation.required(0).zero_point
    if geometry.source[2] == 1 and geometry.window.kernel_y == 1:
        # Elements side by side: as many as there are lanes at once.
        rows = geometry.images * geometry.destination[0]
        return ConvolutionKernel(config, operation.label,
                                 Geometry(1, (rows, 1, count), (rows, 1, 1)), stage, zero,
                                 np.ones((1, 1, 1, count), np.int8), 0)
    return MeanKernel(config, operation.label, geometry, stage)


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
