"""From an operation on single elements to its kernel: sums, products, functions, extrema."""


import numpy as np

from hadron_compiler.codegen.channel_tables import ChannelTablesKernel
from hadron_compiler.codegen.elementwise import BYTES, LookupKernel, LookupStage, flat_geometry
from hadron_compiler.codegen.extremum import ExtremumKernel
from hadron_compiler.codegen.geometry import Geometry, image_of, pitches_of
from hadron_compiler.codegen.integers import bounds, check_shift, needs_wide
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.lowering_deep import lower_deep_extremum, lower_deep_sum
from hadron_compiler.codegen.lowering_deep_products import lower_deep_product
from hadron_compiler.codegen.placed import with_gaps
from hadron_compiler.codegen.product import ProductKernel
from hadron_compiler.codegen.scaled_channels import ScaledChannelsKernel
from hadron_compiler.codegen.squared_difference import SquaredDifferenceKernel
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    ChannelTablesAttributes,
    ExtremumAttributes,
    LookupAttributes,
    Operation,
    ProductAttributes,
    ScaledChannelsAttributes,
    TableAttributes,
    Tensor,
)
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import SQUARED_DIFFERENCE_LEFT_SHIFT
from hadron_spec.tflite_quantization import (
    add_parameters,
    convolution_multiplier,
    squared_difference_parameters,
)

__all__ = ["lower_extremum", "lower_lookup", "lower_prelu", "lower_product",
           "lower_scaled_channels", "lower_squared_difference", "lower_sum", "lower_table",
           "product_stage"]


def _gaps(operation: Operation) -> bool:
    """Tell whether pixels of an operand or of the output lie apart."""
    geometry = flat_geometry(operation.outputs[0].shape)
    places = [pitches_of(tensor, 1, geometry.source)
              for tensor in (*operation.activations, *operation.outputs) if not tensor.deep]
    return any(place is None or place.pixel != 1 for place in places)


def lower_sum(operation: Operation, config: NpuConfig, sign: int) -> Kernel:
    """Return the kernel of a sum or difference: its operands rescaled by tables."""
    attributes = operation.attributes
    assert isinstance(attributes, AddAttributes)
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    if output.deep:
        return lower_deep_sum(operation, config, sign)
    parameters = add_parameters(a.scale, b.scale, output.scale)
    first, second = parameters.rescaled(BYTES - a.zero_point, BYTES - b.zero_point)
    stage = LookupStage(parameters.multiplier, parameters.shift, True, output.zero_point,
                        *bounds(attributes.activation, output))
    return LookupKernel(config, operation.label, output.shape, [first, sign * second], stage,
                        _gaps(operation))


def lower_product(operation: Operation, config: NpuConfig) -> Kernel:
    """The product of two tensors of one shape."""
    attributes = operation.attributes
    assert isinstance(attributes, ProductAttributes)
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    if output.deep:
        return lower_deep_product(operation, config)
    stage = product_stage((a.scale, b.scale), a.largest * b.largest, attributes.activation,
                          output)
    return ProductKernel(config, operation.label, output.shape, (a.zero_point, b.zero_point),
                         stage, _gaps(operation))


def lower_squared_difference(operation: Operation, config: NpuConfig) -> Kernel:
    """The square of the difference of two tensors of one shape."""
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    parameters = squared_difference_parameters(a.scale, b.scale, output.scale)
    first, second = parameters.rescaled(BYTES - a.zero_point, BYTES - b.zero_point,
                                        SQUARED_DIFFERENCE_LEFT_SHIFT)
    stage = LookupStage(parameters.multiplier, parameters.shift, True, output.zero_point)
    return SquaredDifferenceKernel(config, operation.label, output.shape, (first, -second),
                                   stage, _gaps(operation))


def lower_scaled_channels(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of a product of an image and weights in memory."""
    attributes = operation.attributes
    assert isinstance(attributes, ScaledChannelsAttributes)
    _, parameters, *weights = operation.activations
    output = operation.outputs[0]
    stage = product_stage(attributes.scales, attributes.largest, attributes.activation, output)
    image = image_of(output.shape)
    geometry = with_gaps(operation, Geometry(1, image, image))
    return ScaledChannelsKernel(config, operation.label, geometry, parameters, weights, stage)


def product_stage(scales: tuple[float, float], largest: int, activation: Activation,
                  output: Tensor) -> LookupStage:
    """Return what follows products of two factors, or sums of them, of `largest` magnitude."""
    multiplier, shift = convolution_multiplier(*scales, output.scale)
    check_shift(np.array([shift]))
    limits = bounds(activation, output)
    wide = needs_wide((np.array([-largest]), np.array([largest])), np.array([multiplier]),
                      np.array([shift]), output.zero_point, limits)
    return LookupStage(multiplier, shift, bool(wide[0]), output.zero_point, *limits)


def lower_table(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of an operator of one operand."""
    attributes = operation.attributes
    assert isinstance(attributes, TableAttributes)
    return LookupKernel(config, operation.label, operation.outputs[0].shape,
                        [np.array(attributes.table)], LookupStage(), _gaps(operation))


def lower_extremum(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MAXIMUM or MINIMUM."""
    attributes = operation.attributes
    assert isinstance(attributes, ExtremumAttributes)
    if operation.outputs[0].deep:
        return lower_deep_extremum(operation, config)
    return ExtremumKernel(config, operation.label, operation.outputs[0].shape, attributes.least,
                          _gaps(operation))


def lower_lookup(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of a sum of table entries."""
    attributes = operation.attributes
    assert isinstance(attributes, LookupAttributes)
    return LookupKernel(config, operation.label, operation.outputs[0].shape, attributes.tables,
                        LookupStage(), _gaps(operation))


def lower_prelu(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of PRELU."""
    attributes = operation.attributes
    assert isinstance(attributes, ChannelTablesAttributes)
    image = image_of(operation.outputs[0].shape)
    return ChannelTablesKernel(config, operation.label, Geometry(1, image, image),
                               attributes.tables)
