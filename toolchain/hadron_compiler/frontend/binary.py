"""Operators of two operands, element by element: broadcasting."""

from dataclasses import replace
from typing import Any

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import grid, strides
from hadron_compiler.ir.graph import (
    Activation,
    AddConstantAttributes,
    ChannelTablesAttributes,
    ExtremumAttributes,
    LookupAttributes,
    MulAttributes,
    Operation,
    OpKind,
    ProductAttributes,
    SquaredDifferenceAttributes,
    TableAttributes,
    Tensor,
)
from hadron_spec.tflite_tables import prelu_table

__all__ = ["broadcast", "maximum", "minimum", "mul", "prelu", "squared_difference",
           "sum_with_constant"]


def broadcast(check: Checker) -> list[Operation] | None:
    """Give both operands the shape of the output: a constant at once, a tensor by a copy.

    Returns the copies to put in front of the operator, None where the shapes do not allow it.
    """
    output = check.operation.outputs[0]
    first, second = check.operation.required(0), check.operation.required(1)
    try:
        shape: tuple[int, ...] | None = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        shape = None
    if not check.require(shape is not None, f"{first.name} of the shape {list(first.shape)} and "
                         f"{second.name} of the shape {list(second.shape)} do not broadcast"):
        return None
    if not check.output_shape(shape or ()):
        return None
    copies = []
    for position, tensor in enumerate((first, second)):
        if tensor.shape == output.shape:
            continue
        if tensor.data is not None:
            data = np.ascontiguousarray(np.broadcast_to(tensor.data, output.shape))
            check.operation.inputs[position] = replace(tensor, shape=output.shape, data=data)
        elif tensor.elements == output.elements:
            check.operation.inputs[position] = wide = replace(tensor, shape=output.shape)
            copies.append(replace(check.operation, kind=OpKind.RESHAPE, inputs=[tensor],
                                  outputs=[wide]))
        else:
            check.operation.inputs[position] = wide = replace(
                tensor, name=f"{tensor.name} (repeated)", shape=output.shape, root=None)
            copies.append(replace(check.operation, inputs=[tensor], outputs=[wide],
                                  attributes=_repetition(tensor, output)))
    return copies


def _repetition(source: Tensor, output: Tensor) -> Any:
    shape = (1,) * (len(output.shape) - len(source.shape)) + source.shape
    return grid(*((wanted, 0 if own == 1 else stride) for own, wanted, stride in zip(
        shape, output.shape, strides(shape), strict=True)))


def sum_with_constant(check: Checker) -> AddConstantAttributes | None:
    """Return the attributes of a sum with one number, which is no operand any more; None where it
    is another sum."""
    operation = check.operation
    for first in (False, True):
        x, constant = operation.required(first), operation.required(not first)
        if (x.data is None and constant.data is not None and x.shape == operation.outputs[0].shape
                and constant.data.min() == constant.data.max()
                and len(constant.shape) <= len(x.shape)):
            operation.inputs = [x]
            return AddConstantAttributes(check.activation(), int(constant.data.min()),
                                         constant.scale, first)
    return None


def squared_difference(check: Checker) -> Any:
    """SQUARED_DIFFERENCE: two tensors, or a tensor and a constant, with broadcasting."""
    copies = broadcast(check)
    for position in (0, 1):
        check.same_type(position)
    if copies is None:
        return None
    return [*copies, replace(check.operation, attributes=SquaredDifferenceAttributes())]


def maximum(check: Checker) -> Any:
    """MAXIMUM: of two tensors, or a tensor and a constant, with broadcasting; all quantized
    alike."""
    return _extremum(check, False)


def minimum(check: Checker) -> Any:
    """MINIMUM: like MAXIMUM."""
    return _extremum(check, True)


def _extremum(check: Checker, least: bool) -> list[Operation] | None:
    copies = broadcast(check)
    for position in (0, 1):
        check.same_quantization(position)
    if copies is None:
        return None
    return [*copies, replace(check.operation, attributes=ExtremumAttributes(least))]


def mul(check: Checker) -> Any:
    """MUL: two tensors, or a tensor and a constant, with broadcasting; by a constant of one value
    or, of 8 bits, one a channel (the last axis) it costs least."""
    a, b = check.operation.required(0), check.operation.required(1)
    output = check.operation.outputs[0]
    for position in (0, 1):
        check.same_type(position)
    x, constant = (a, b) if b.data is not None else (b, a)
    if constant.data is not None and x.data is None and x.shape == output.shape:
        channels = output.shape[-1] if output.shape else 1
        if constant.elements == 1 or (constant.elements == channels and not output.deep
                                      and constant.shape[-1:] == (channels,)):
            check.operation.inputs = [x, constant]
            return MulAttributes(check.activation())
    copies = broadcast(check)
    check.operation.attributes = ProductAttributes(check.activation())
    return None if copies is None else [*copies, check.operation]


def prelu(check: Checker) -> Any:
    """PRELU: a constant slope; of one value or one a channel (the last axis) it costs least."""
    x, alpha, output = (check.operation.required(0), check.operation.required(1),
                        check.operation.outputs[0])
    channels = output.shape[-1] if output.shape else 1
    check.output_shape(x.shape)
    if not check.require(len(alpha.scales) == 1, f"slope {alpha.name} has {len(alpha.scales)} "
                         "scales, must be 1"):
        return None
    per_channel = alpha.elements == channels and alpha.shape[-1:] == (channels,)
    if not per_channel and alpha.elements != 1:
        return _prelu_of_pixels(check)
    assert alpha.data is not None
    tables = {value: prelu_table((x.scale, x.zero_point), (output.scale, output.zero_point),
                                 (alpha.scale, alpha.zero_point), value)
              for value in {int(value) for value in alpha.data.ravel()}}
    return ChannelTablesAttributes(np.array([
        tables[int(value)] for value in np.broadcast_to(alpha.data.ravel(), (channels,))]))


def _prelu_of_pixels(check: Checker) -> list[Operation] | None:
    """Return PRELU of a slope a pixel: what is below zero is a product, what is above a table."""
    operation, output = check.operation, check.operation.outputs[0]
    x, alpha = operation.required(0), operation.required(1)
    if not check.require(len(alpha.shape) <= len(x.shape) and all(
            own in (1, size) for own, size in zip(alpha.shape[::-1], x.shape[::-1], strict=False)),
            f"slope {alpha.name} of the shape {list(alpha.shape)} does not repeat to that of input "
            f"{x.name}, {list(x.shape)}"):
        return None
    below, product, above = (
        replace(tensor, name=f"{output.name} ({part})", root=None)
        for tensor, part in ((x, "below zero"), (output, "product"), (output, "above zero")))
    multiplied = replace(operation, kind=OpKind.MUL, inputs=[below, alpha], outputs=[product],
                         attributes=ProductAttributes(Activation.NONE))
    copies = broadcast(Checker(multiplied, check.options, check.problems))
    if copies is None:
        return None
    values = np.arange(-128, 128)
    without = prelu_table((x.scale, x.zero_point), (output.scale, output.zero_point),
                          (alpha.scale, alpha.zero_point), alpha.zero_point)
    return [
        replace(operation, inputs=[x], outputs=[below], attributes=TableAttributes(
            tuple(np.minimum(values, x.zero_point).tolist()))),
        *copies, multiplied,
        replace(operation, inputs=[x], outputs=[above],
                attributes=TableAttributes(tuple(without))),
        replace(operation, inputs=[product, above],
                attributes=LookupAttributes((values, values - output.zero_point))),
    ]
