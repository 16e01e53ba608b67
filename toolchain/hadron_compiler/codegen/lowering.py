"""From an operation to its kernel: shapes, and the integers it computes with."""

from collections.abc import Callable
from math import prod

import numpy as np

from hadron_compiler.codegen.bilinear import (
    interpolate_columns,
    interpolate_rows,
    resize_bilinear,
)
from hadron_compiler.codegen.geometry import Geometry, image_of
from hadron_compiler.codegen.grouped import GroupedKernel, expand_groups, grouped_steps
from hadron_compiler.codegen.integers import (
    RefusedError,
    bounds,
    check_bound,
    output_stage,
)
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.lowering_deep import lower_clamp, lower_deep_sum_with_constant
from hadron_compiler.codegen.lowering_deep_functions import lower_lines, lower_two_lines
from hadron_compiler.codegen.lowering_deep_products import lower_deep_mul
from hadron_compiler.codegen.lowering_elementwise import (
    lower_extremum,
    lower_lookup,
    lower_prelu,
    lower_product,
    lower_scaled_channels,
    lower_squared_difference,
    lower_sum,
    lower_table,
    product_stage,
)
from hadron_compiler.codegen.lowering_movement import lower_concatenation, lower_move, lower_pad
from hadron_compiler.codegen.lowering_reductions import (
    lower_average_pool,
    lower_digit_sums,
    lower_mean,
    lower_partial_sums,
    lower_reduce_extremum,
)
from hadron_compiler.codegen.matmul import DynamicWeightsKernel
from hadron_compiler.codegen.matrix import (
    ConvolutionKernel,
    DepthwiseKernel,
    OutputStage,
    needs_split,
)
from hadron_compiler.codegen.packing import Weights, shares_of
from hadron_compiler.codegen.pixel_packing import (
    best_factor,
    pack_geometry,
    pack_stage,
    pack_weights,
    packed_cycles,
)
from hadron_compiler.codegen.placed import (
    ViewsError,
    check_split,
    place_operands,
    with_gaps,
)
from hadron_compiler.codegen.pool import MaxPoolKernel
from hadron_compiler.codegen.precision import check_precisions, choose_precision
from hadron_compiler.codegen.rescale import lower_rescale
from hadron_compiler.codegen.softmax import SoftmaxKernel
from hadron_compiler.codegen.strips import StripKernel, may_take_strips, strip_cycles
from hadron_compiler.codegen.transposed import transpose_conv
from hadron_compiler.errors import CapacityError, CompileError, UnsupportedError
from hadron_compiler.ir.graph import (
    Activation,
    AddConstantAttributes,
    ChannelTablesAttributes,
    ClampAttributes,
    ColumnDigitsAttributes,
    ConvolutionAttributes,
    DigitSumsAttributes,
    DynamicWeightsAttributes,
    ExtremumAttributes,
    FullyConnectedAttributes,
    Graph,
    LinesAttributes,
    LookupAttributes,
    MoveAttributes,
    MulAttributes,
    Operation,
    OpKind,
    PartialSumsAttributes,
    PoolAttributes,
    ProductAttributes,
    RescaleAttributes,
    RowDigitsAttributes,
    ScaledChannelsAttributes,
    SoftmaxAttributes,
    SquaredDifferenceAttributes,
    TableAttributes,
    Tensor,
    TwoLinesAttributes,
    Window,
)
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import SOFTMAX_COUNT_MAX, softmax_table
from hadron_spec.tflite_quantization import (
    QuantizationError,
    float32,
)

__all__ = ["ViewsError", "lower"]


def lower(graph: Graph, config: NpuConfig) -> list[Kernel]:
    """Return the kernel of every operation.

    Raises
    ------
    CapacityError
        When the hardware does not hold a row of SOFTMAX.
    UnsupportedError
        With all operators whose numbers are out of the hardware's range.
    ViewsError
        With all views that an operator does not read or write as such.
    """
    kernels = []
    problems = []
    refused: set[Tensor] = set()
    check_precisions(graph, config)
    for operation in graph.operations:
        try:
            make = _BY_ATTRIBUTES.get(type(operation.attributes)) or _LOWERINGS[operation.kind]
            kernel = make(operation, config)
            kernel.precision = choose_precision(operation, config)
            refused |= place_operands(kernel, operation)
            kernels.append(kernel)
        except (RefusedError, QuantizationError, ValueError) as error:
            if isinstance(error, CompileError) and not isinstance(error, RefusedError):
                raise
            problems.append(f"{operation.label}: {error}")
    if refused:
        raise ViewsError(refused)
    if problems:
        raise UnsupportedError(graph.name, problems)
    return kernels


def _image(tensor: Tensor) -> tuple[int, int, int]:
    _, height, width, channels = tensor.shape
    return height, width, channels


def _window_geometry(operation: Operation, window: Window) -> Geometry:
    source, output = operation.required(0), operation.outputs[0]
    return with_gaps(operation, Geometry(source.shape[0], _image(source), _image(output), window))


def _weights(operation: Operation) -> Weights:
    tensor = operation.required(1)
    assert tensor.data is not None
    return tensor.data.astype(np.int16)


def _reads_all_at_once(operation: Operation, geometry: Geometry) -> bool:
    """Tell whether a convolution makes one pixel of an image, and its window is all of it."""
    window = geometry.window
    return (geometry.destination[:2] == (1, 1) and not operation.required(0).is_view
            and (window.kernel_y, window.kernel_x) == geometry.source[:2]
            and window.dilation_y == window.dilation_x == 1
            and not geometry.touches_padding(geometry.whole))


def _folded_steps(geometry: Geometry, config: NpuConfig) -> int:
    """Return the steps in which a whole kernel row is read, where its taps are neighbours."""
    window = geometry.window
    if window.dilation_x > 1 or geometry.gaps[0]:
        return window.kernel_x * -(-geometry.source[2] // config.lanes)
    return -(-window.kernel_x * geometry.source[2] // config.lanes)


def _convolution(operation: Operation, config: NpuConfig, geometry: Geometry, stage: OutputStage,
                 weights: Weights, macs: int, factor: int) -> Kernel:
    """Return the kernel of a convolution that computes `factor` neighbouring pixels as one."""
    if factor > 1:
        weights = pack_weights(weights, geometry, factor)
        stage = pack_stage(stage, factor)
        geometry = pack_geometry(geometry, factor)
    return ConvolutionKernel(config, operation.label, geometry, stage,
                             operation.required(0).zero_point, weights, macs)


def _conv_2d(operation: Operation, config: NpuConfig) -> Kernel:
    attributes = operation.attributes
    assert isinstance(attributes, ConvolutionAttributes)
    weights = _weights(operation)
    channels, rows, taps, depth = weights.shape
    geometry = _window_geometry(operation, attributes.window)
    stage = output_stage(operation, weights.reshape(channels, -1).astype(np.int64),
                         attributes.activation)
    macs = prod(operation.outputs[0].shape) * rows * taps * depth
    groups = geometry.source[2] // depth
    dense = expand_groups(weights, groups)
    check_split(operation, geometry, dense)
    size = dense[0].size
    if (size > config.weight_steps // 2 * config.lanes
            and _reads_all_at_once(operation, geometry)):
        # Several commands, which share a row of bytes more evenly than a window.
        return ConvolutionKernel(
            config, operation.label, Geometry(geometry.images, (1, 1, size), (1, 1, channels)),
            stage, operation.required(0).zero_point, dense.reshape(channels, 1, 1, size), macs)
    segments = -(-geometry.source[2] // config.lanes)
    steps = rows * min(taps * segments, _folded_steps(geometry, config))
    blocks = -(-channels // config.columns)
    factor = 1 if any(geometry.gaps) else best_factor(config, geometry, steps, blocks)
    if (factor == 1 and not needs_split(weights)
            and grouped_steps(config, weights.shape, groups) < blocks * steps):
        return GroupedKernel(config, operation.label, geometry, stage,
                             operation.required(0).zero_point, weights)
    return _convolution(operation, config, geometry, stage, dense, macs, factor)


def _depthwise_conv_2d(operation: Operation, config: NpuConfig) -> Kernel:
    attributes = operation.attributes
    assert isinstance(attributes, ConvolutionAttributes)
    weights = _weights(operation)
    geometry = _window_geometry(operation, attributes.window)
    mixed = may_take_strips(geometry.window, weights, geometry.source[2],
                            deep=operation.required(0).deep)
    stage = output_stage(operation, weights.reshape(-1, weights.shape[3]).T.astype(np.int64),
                         attributes.activation, mixed=mixed)
    return _depthwise(operation, config, geometry, stage, weights)


def _depthwise(operation: Operation, config: NpuConfig, geometry: Geometry, stage: OutputStage,
               weights: Weights) -> Kernel:
    """Return the kernel of a convolution of each channel by itself; `weights` is 1HWO."""
    _, rows, taps, channels = weights.shape
    depth = geometry.source[2]
    multiplier = channels // depth
    steps = rows * min(taps, _folded_steps(geometry, config))
    groups = -(-channels // config.columns)
    narrow = 2 * channels <= config.columns and not any(geometry.gaps)
    factor = best_factor(config, geometry, steps, groups) if narrow else 1
    zero_point = operation.required(0).zero_point
    if (may_take_strips(geometry.window, weights, depth, deep=stage.deep)
            and (stage.mixed or strip_cycles(config, geometry)
                 < packed_cycles(config, geometry, steps, groups, factor))):
        return StripKernel(config, operation.label, geometry, stage, zero_point,
                           weights.reshape(rows, taps, channels))
    if factor > 1:
        dense = expand_groups(weights.transpose(3, 1, 2, 0), depth)
        macs = prod(operation.outputs[0].shape) * rows * taps
        return _convolution(operation, config, geometry, stage, dense, macs, factor)
    return DepthwiseKernel(config, operation.label, geometry, stage, zero_point,
                           weights.reshape(rows, taps, depth, multiplier))


def _fully_connected(operation: Operation, config: NpuConfig) -> Kernel:
    attributes = operation.attributes
    assert isinstance(attributes, FullyConnectedAttributes)
    weights = _weights(operation)
    channels, depth = weights.shape
    stage = output_stage(operation, weights.astype(np.int64), attributes.activation)
    rows = operation.required(0).elements // depth
    geometry = Geometry(1, (rows, 1, depth), (rows, 1, channels))
    return ConvolutionKernel(config, operation.label, geometry, stage,
                             operation.required(0).zero_point,
                             weights.reshape(channels, 1, 1, depth), rows * channels * depth)


def _pool(operation: Operation) -> tuple[Geometry, int, int]:
    attributes = operation.attributes
    assert isinstance(attributes, PoolAttributes)
    geometry = _window_geometry(operation, attributes.window)
    return (geometry, *bounds(attributes.activation, operation.outputs[0]))


def _average_pool_2d(operation: Operation, config: NpuConfig) -> Kernel:
    geometry, minimum, maximum = _pool(operation)
    return lower_average_pool(operation, config, geometry, (minimum, maximum))


def _max_pool_2d(operation: Operation, config: NpuConfig) -> Kernel:
    return MaxPoolKernel(config, operation.label, *_pool(operation))


def _add(operation: Operation, config: NpuConfig) -> Kernel:
    return lower_sum(operation, config, 1)


def _sub(operation: Operation, config: NpuConfig) -> Kernel:
    return lower_sum(operation, config, -1)


def _dynamic_weights(operation: Operation, config: NpuConfig) -> Kernel:
    attributes = operation.attributes
    assert isinstance(attributes, DynamicWeightsAttributes)
    rows, *weights = operation.activations
    output = operation.outputs[0]
    largest = attributes.taps * attributes.largest
    check_bound(np.array([largest]), "the accumulator of channel")
    stage = product_stage(attributes.scales, largest, Activation.NONE, output)
    return DynamicWeightsKernel(
        config, operation.label, attributes.rows, rows.elements // attributes.rows,
        attributes.channels, weights, stage,
        attributes.rows * attributes.taps * attributes.channels)


def _mul(operation: Operation, config: NpuConfig) -> Kernel:
    """A depthwise convolution of one element.

    A constant less its zero point takes nine bits, a weight eight: the element is read as often as
    it takes weights to make up the largest.
    """
    attributes = operation.attributes
    assert isinstance(attributes, MulAttributes)
    source, constant = operation.required(0), operation.required(1)
    if source.deep:
        return lower_deep_mul(operation, config)
    image = image_of(source.shape)
    channels = image[2]
    assert constant.data is not None
    factors = np.broadcast_to(constant.data.astype(np.int64).ravel() - constant.zero_point,
                              (channels,))
    stage = output_stage(operation, factors[:, None], attributes.activation)
    shares = shares_of(factors)
    geometry = with_gaps(operation, Geometry(1, image, image,
                                             Window(kernel_y=len(shares), dilation_y=0)))
    return _depthwise(operation, config, geometry, stage,
                      np.array(shares).reshape(1, len(shares), 1, channels))


def _softmax(operation: Operation, config: NpuConfig) -> Kernel:
    attributes = operation.attributes
    assert isinstance(attributes, SoftmaxAttributes)
    source = operation.required(0)
    elements = source.shape[-1]
    if elements > config.softmax_row:
        raise CapacityError(
            f"{operation.label}: a row of {source.name} has {elements} elements, at most "
            f"{config.softmax_row} fit (configuration {config.name!r} has "
            f"softmax_elements={config.softmax_elements}; with {SOFTMAX_COUNT_MAX + 1} they fit)")
    table = softmax_table(float32(attributes.beta) * float32(source.scale))
    return SoftmaxKernel(source.elements // elements, elements, table)


_LOWERINGS: dict[OpKind, Callable[[Operation, NpuConfig], Kernel]] = {
    OpKind.CONV_2D: _conv_2d,
    OpKind.DEPTHWISE_CONV_2D: _depthwise_conv_2d,
    OpKind.TRANSPOSE_CONV: transpose_conv,
    OpKind.RESIZE_BILINEAR: resize_bilinear,
    OpKind.FULLY_CONNECTED: _fully_connected,
    OpKind.BATCH_MATMUL: _fully_connected,
    OpKind.AVERAGE_POOL_2D: _average_pool_2d,
    OpKind.MAX_POOL_2D: _max_pool_2d,
    OpKind.ADD: _add,
    OpKind.SUB: _sub,
    OpKind.MUL: _mul,
    OpKind.CONCATENATION: lower_concatenation,
    OpKind.MEAN: lower_mean,
    OpKind.SUM: lower_mean,
    OpKind.REDUCE_MAX: lower_reduce_extremum,
    OpKind.REDUCE_MIN: lower_reduce_extremum,
    OpKind.PAD: lower_pad,
    OpKind.SOFTMAX: _softmax,
}

_BY_ATTRIBUTES: dict[type, Callable[[Operation, NpuConfig], Kernel]] = {
    AddConstantAttributes: lower_deep_sum_with_constant,
    ExtremumAttributes: lower_extremum,
    ChannelTablesAttributes: lower_prelu,
    ClampAttributes: lower_clamp,
    ColumnDigitsAttributes: interpolate_columns,
    DigitSumsAttributes: lower_digit_sums,
    DynamicWeightsAttributes: _dynamic_weights,
    LinesAttributes: lower_lines,
    LookupAttributes: lower_lookup,
    MoveAttributes: lower_move,
    PartialSumsAttributes: lower_partial_sums,
    ProductAttributes: lower_product,
    RescaleAttributes: lower_rescale,
    RowDigitsAttributes: interpolate_rows,
    ScaledChannelsAttributes: lower_scaled_channels,
    SquaredDifferenceAttributes: lower_squared_difference,
    TableAttributes: lower_table,
    TwoLinesAttributes: lower_two_lines,
}
"""What many operators become looks alike."""
